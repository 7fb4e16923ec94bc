use std::collections::BTreeMap;

use hyper::StatusCode;

use super::*;
use crate::catalog::catalog;

/// An answer as servers give it: the status, headers with `; ` between them, the body.
fn answer(status: u16, headers: &str, body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers.split("; ").filter_map(|line| line.split_once(": ")) {
        map.insert(name.parse::<hyper::header::HeaderName>().unwrap(), value.parse().unwrap());
    }
    Answer { status: StatusCode::from_u16(status).unwrap(), headers: map, body: body.into(), cut: None }
}

/// Who gives this answer to a question for a path, and what is asked then.
fn told(path: &str, answer: &Answer) -> Option<(String, Vec<String>)> {
    let known = catalog().told_at(path);
    let known = Known::by(&known, path, answer)?;
    let questions = known.questions().filter_map(|question| question.path.clone()).collect();
    Some((known.finish().0.unwrap().summary(), questions))
}

const ELASTICSEARCH: &str = r#"{"name":"a","cluster_name":"docker-cluster","cluster_uuid":"x","version":{"number":"8.15.0","build_flavor":"default"},"tagline":"You Know, for Search"}"#;
const OPENSEARCH: &str = r#"{"name":"a","cluster_name":"logs","version":{"distribution":"opensearch","number":"2.19.1"},"tagline":"The OpenSearch Project: https://opensearch.org/"}"#;
const JSON: &str = "content-type: application/json";
const ACTUATOR: &str = "content-type: application/vnd.spring-boot.actuator.v3+json";

#[test]
fn servers_are_known_by_their_answers() {
    let targets = ["/api/v1/status/buildinfo", "/api/v1/targets?state=active"];
    for (path, answer, expected, questions) in [
        (
            "/-/ready",
            answer(200, "content-type: text/plain; x: y", "Prometheus Server is Ready.\n"),
            "Prometheus",
            &targets[..],
        ),
        ("/-/ready", answer(200, "", "Prometheus is Ready.\n"), "Prometheus", &targets[..]),
        ("/-/healthy", answer(200, "", "Prometheus Server is Healthy.\n"), "Prometheus", &targets[..]),
        (
            "/api/health",
            answer(200, JSON, r#"{"commit":"8f1f2b5","database":"ok","version":"6.1.6"}"#),
            "Grafana 6.1.6, database ok",
            &[],
        ),
        ("/api/health", answer(503, JSON, r#"{"database":"failing"}"#), "Grafana, database failing", &[]),
        ("/ping", answer(204, "x-influxdb-version: 1.8.10", ""), "InfluxDB 1.8.10", &["/health"]),
        ("/", answer(404, "x-influxdb-version: v2.7.1", ""), "InfluxDB v2.7.1", &["/health"]),
        ("/", answer(200, JSON, ELASTICSEARCH), "Elasticsearch 8.15.0, cluster docker-cluster", &[]),
        (
            "/",
            answer(401, "x-elastic-product: Elasticsearch; www-authenticate: Basic realm", "{}"),
            "Elasticsearch",
            &[],
        ),
        ("/", answer(200, JSON, OPENSEARCH), "OpenSearch 2.19.1, cluster logs", &[]),
        ("/", answer(401, r#"www-authenticate: Basic realm="OpenSearch Security""#, "Unauthorized"), "OpenSearch", &[]),
        (
            "/",
            answer(200, "content-type: application/vnd.schemaregistry.v1+json", "{}"),
            "Schema Registry",
            &["/v1/metadata/version"],
        ),
        (
            "/shop/actuator/health",
            answer(503, ACTUATOR, r#"{"status":"DOWN","components":{"redis":{"status":"DOWN"}}}"#),
            "Spring Boot, health DOWN, down: redis",
            &[],
        ),
    ] {
        let known = told(path, &answer);
        let expected = (expected.to_owned(), questions.iter().map(|&path| path.to_owned()).collect());
        assert_eq!(known, Some(expected), "{path}");
    }
}

#[test]
fn what_only_looks_like_it_is_a_server_like_any_other() {
    for (path, answer) in [
        ("/-/ready", answer(200, "content-type: text/html", "<html>Prometheus Server is Ready.")),
        ("/-/ready", answer(503, "", "Service Unavailable")),
        ("/-/ready", answer(200, "", "")),
        // The right words for another question.
        ("/", answer(200, "", "Prometheus Server is Ready.")),
        ("/api/health", answer(200, JSON, r#"{"status":"ok"}"#)),
        ("/api/health", answer(200, JSON, r#"["database"]"#)),
        ("/api/health", answer(200, JSON, r#"{"database":{"ok":true}}"#)),
        ("/", answer(200, JSON, r#"{"tagline":"You Know, for Search"}"#)),
        ("/", answer(200, JSON, "{")),
        ("/", answer(401, "www-authenticate: Basic realm=\"shop\"", "")),
        ("/", answer(200, ACTUATOR, r#"{"status":"UP"}"#)),
        ("/actuator/health", answer(200, JSON, r#"{"status":"UP"}"#)),
    ] {
        assert_eq!(told(path, &answer), None, "{path} {:?}", answer.headers);
    }
}

#[test]
fn questions_that_are_not_answered_tell_nothing() {
    let known = catalog().told_at("/-/ready");
    let told = |answers: &[(usize, Answer)]| {
        let mut known = Known::by(&known, "/-/ready", &answer(200, "", "Prometheus Server is Ready.")).unwrap();
        let questions: Vec<_> = known.questions().collect();
        for (at, answer) in answers {
            known.told(questions[*at], answer);
        }
        let (application, note) = known.finish();
        (application.unwrap().summary(), note)
    };
    let list = r#"{"data":{"activeTargets":[{"scrapeUrl":"http://a:1/","health":"up"}]}}"#;
    assert_eq!(
        told(&[(0, answer(200, JSON, r#"{"data":{"version":"2.42.0"}}"#)), (1, answer(200, JSON, list))]),
        ("Prometheus 2.42.0, 1 of 1 targets up".into(), None)
    );
    // Behind a proxy that lets the first question through alone, and an older one.
    assert_eq!(told(&[(0, answer(404, "", "")), (1, answer(403, JSON, list))]), ("Prometheus".into(), None));
    let cut = Some("the list of Prometheus's targets cannot be read".into());
    assert_eq!(told(&[(1, answer(200, JSON, &list[..20]))]), ("Prometheus".into(), cut));
}

#[test]
fn what_is_told_is_bounded_printable_and_without_secrets() {
    let version = format!("1\u{1b}[31m{}", "x".repeat(5000));
    let json = serde_json::json!({ "version": { "distribution": "opensearch", "number": version }, "cluster_name": "http://u:hunter2@x" });
    let known = catalog().told_at("/");
    let application = Known::by(&known, "/", &answer(200, JSON, &json.to_string())).unwrap().finish().0.unwrap();
    let shown = application.version.unwrap();
    assert!(shown.starts_with("1\\u{1b}[31mxxx") && shown.chars().count() < 2 * MOST_FACT, "{shown}");
    assert_eq!(application.says, BTreeMap::from([("cluster".to_owned(), "http://***@x".to_owned())]));
    // Deeper than any server answers.
    let deep = format!("{{\"database\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(told("/api/health", &answer(200, JSON, &deep)), None);
}
