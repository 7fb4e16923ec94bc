use super::*;
use crate::derive::testing::{self, container, stack};
use crate::derive::vantage;
use crate::observation::{Application, HttpPeer, Observation};
use crate::plan::{Origin, Published, Vantage};
use crate::target::Protocol;

const REFUSED: &str = r#"Get "http://app:8080/metrics": dial tcp 172.30.0.3:8080: connect: connection refused"#;
const MISSING: &str = "server returned HTTP status 404 Not Found";

/// A stack in which the host reaches a Prometheus that says this of `app:8080`.
fn facts(error: &str) -> Facts {
    let target = ScrapeTarget {
        job: "app".into(),
        url: "http://app:8080/metrics".into(),
        host: "app".into(),
        port: 8080,
        error: error.into(),
    };
    let scrapes = Some(Scrapes { targets: 2, up: 1, down: vec![target] });
    let application =
        Application { technology: "prometheus".into(), name: "Prometheus".into(), scrapes, ..Application::default() };
    let peer = HttpPeer { status: 200, application: Some(application), ..HttpPeer::default() };
    let stack = stack([container("prometheus", "prom/prometheus:v2.42.0"), container("app", "orders:1")]);
    let mut seen = Seen::of(testing::check(Vantage::Host, Protocol::Http, "127.0.0.1", 29090));
    seen.check.published =
        Some(Published { container: "prometheus-id".into(), service: "prometheus".into(), container_port: 9090 });
    seen.observation = Some(Observation { peer: Some(Peer::Http(peer)), ..Observation::default() });
    seen.verdict = Verdict::Pass;
    Facts { stack, checks: vec![seen], ..Facts::default() }
}

/// Adds Prometheus' own check of the target, or that of another port.
fn with_own(mut facts: Facts, port: u16, verdict: Verdict) -> Facts {
    let from = vantage(facts.stack.of_service("prometheus").next().unwrap());
    let mut own = Seen::of(testing::check(from, Protocol::Http, "app", port));
    own.verdict = verdict;
    facts.checks.push(own);
    facts
}

#[test]
fn it_is_told_where_nothing_else_tells_it() {
    for (name, facts, told) in [
        ("a wrong path", facts(MISSING), true),
        ("a wrong path, and the server answers", with_own(facts(MISSING), 8080, Verdict::Pass), true),
        ("a target that only Prometheus knows", facts(REFUSED), true),
        ("another port's check", with_own(facts(REFUSED), 8081, Verdict::Fail), true),
        ("nobody could look", with_own(facts(REFUSED), 8080, Verdict::Inconclusive), true),
        ("a check that fails says more", with_own(facts(REFUSED), 8080, Verdict::Fail), false),
        ("a check that fails says more of the server too", with_own(facts(MISSING), 8080, Verdict::Fail), false),
        ("it came up since", with_own(facts(REFUSED), 8080, Verdict::Pass), false),
    ] {
        assert_eq!(!inspect(&facts).is_empty(), told, "{name}");
    }
    let mut started = facts(MISSING);
    started.changed.insert("app-id".into());
    assert!(inspect(&started).is_empty(), "it was started while we looked");
    let mut strangers = facts(MISSING);
    strangers.checks[0].check.published = None;
    assert!(inspect(&strangers).is_empty(), "of another stack");
    let mut held = facts(MISSING);
    held.checks[0].verdict = Verdict::Fail;
    assert!(inspect(&held).is_empty(), "held by another");
}

#[test]
fn the_words_say_what_to_change() {
    for (error, help, service) in [
        (MISSING, "metrics_path", "prometheus"),
        ("server returned HTTP status 403 Forbidden", "login", "prometheus"),
        ("server returned HTTP status 500 Internal Server Error", "log of app", "app"),
        (
            r#"expected a valid start token, got "<" ("INVALID") while parsing: "<""#,
            "something else than metrics",
            "prometheus",
        ),
        (
            r#"received unsupported Content-Type "text/html" and no fallback_scrape_protocol"#,
            "than metrics",
            "prometheus",
        ),
        ("http: server gave HTTP response to HTTPS client", "scheme: http`", "prometheus"),
        (r#"net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x15""#, "https", "prometheus"),
        ("context deadline exceeded", "scrape_timeout", "prometheus"),
        (REFUSED, "start what is scraped at app:8080", "prometheus"),
        ("out of bounds", "the job app", "prometheus"),
    ] {
        let cause = inspect(&facts(error)).remove(0);
        assert!(cause.help.contains(help), "{error}: {}", cause.help);
        assert_eq!(
            (cause.service.as_deref(), cause.subject.as_str()),
            (Some(service), "prometheus -> http://app:8080/metrics")
        );
        assert!(cause.message.contains(error) && cause.evidence[0].contains("job app"), "{cause:?}");
    }
}

#[test]
fn the_place_of_the_very_job_is_named() {
    for (names, told) in [
        (&["p.yml a.0 (job web)", "p.yml a.1 (job app)"][..], "p.yml a.1 (job app)"),
        (&["p.yml a.0 (job my-app)"], "p.yml a.0 (job my-app)"),
        (&["targets.json 0", "p.yml a.1 (job web)"], "targets.json 0 and p.yml a.1 (job web)"),
    ] {
        let mut facts = with_own(facts(MISSING), 8080, Verdict::Pass);
        let origin = |name: &&str| Origin::new(OriginKind::File, (*name).into(), None);
        facts.checks[1].check.origins = names.iter().map(origin).collect();
        let cause = inspect(&facts).remove(0);
        assert_eq!(cause.evidence[1], format!("app:8080 is named by {told}"));
    }
}
