//! What users declare, and what it makes of a stack.

use super::*;
use crate::derive::testing::{container, port, stack};

fn shop() -> Stack {
    let mut replicas = [container("app", "orders:1"), container("app", "orders:1")];
    for (container, number) in replicas.iter_mut().zip(1..) {
        (container.number, container.scaled) = (number, true);
        container.id = format!("app-{number}");
    }
    let mut redis = container("redis", "redis:7");
    redis.ports = vec![port(6379, 26379, "0.0.0.0")];
    let [first, second] = replicas;
    stack([first, second, redis, container("mysql", "mysql:9")])
}

fn of(text: &str) -> Result<Vec<String>, String> {
    let shown = |found: Connection| {
        let not = if found.expect == Expectation::Closed { "-/->" } else { "->" };
        let behind = found.published.map(|published| format!(" ({})", published.service)).unwrap_or_default();
        format!("{} {not} {}{behind}", found.from, found.target)
    };
    let found = derive(&shop(), &[text.to_owned()], None).map_err(|error| error.to_string())?;
    Ok(found.into_iter().map(shown).collect())
}

#[test]
fn expectations_are_understood() {
    for (text, expected) in [
        ("mysql -> redis://redis:6379", vec!["mysql -> redis://redis:6379"]),
        ("mysql->redis://redis", vec!["mysql -> redis://redis:6379"]),
        ("app -> kafka://kafka:29092", vec!["app#1 -> kafka://kafka:29092", "app#2 -> kafka://kafka:29092"]),
        ("app#2 -> postgres://db/shop", vec!["app#2 -> postgres://db:5432/shop"]),
        ("redis -/-> mysql://mysql:3306/shop", vec!["redis -/-> mysql://mysql:3306/shop"]),
        ("host -> http://localhost:8080/health?x=1", vec!["host -> http://localhost:8080/health?x=1"]),
        ("host -> https://example.org", vec!["host -> https://example.org:443"]),
        ("host -> localhost:26379", vec!["host -> redis://localhost:26379 (redis)"]),
        ("engine -> localhost:26379", vec!["engine -> redis://localhost:26379 (redis)"]),
        ("network:default -> mysql:3306", vec!["network:default -> mysql://mysql:3306"]),
        ("network:shop_default -> tcp://[::1]:80", vec!["network:shop_default -> tcp://[::1]:80"]),
        ("host -> redis://redis:6379/0", vec!["host -> redis://redis:6379"]),
        ("host -> redis://redis:6379/3", vec!["host -> redis://redis:6379/3"]),
    ] {
        assert_eq!(of(text), Ok(expected.into_iter().map(str::to_owned).collect()), "{text}");
    }
}

#[test]
fn redis_over_tls_is_no_mere_port() {
    use crate::plan::build::{Narrow, build};
    let mut shop = shop();
    let url = ("REDIS_URL".to_owned(), "rediss://redis:6379?ssl_cert_reqs=none".to_owned());
    for container in shop.containers.iter_mut().filter(|container| container.service == "app") {
        container.environment = vec![url.clone()];
    }
    for (expected, derived, ids) in [
        (&["app#1 -> rediss://redis:6379"][..], true, &["app -> redis:6379 rediss://redis:6379"][..]),
        (&["host -> rediss://localhost:26379"], false, &["host -> localhost:26379 rediss://localhost:26379"]),
        (&["app#1 -> redis://redis:6379"], false, &["app -> redis:6379 redis://redis:6379"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|&text| text.to_owned()).collect();
        let mut connections = derive(&shop, &expected, None).unwrap();
        if derived {
            let found = crate::derive::environment::derive(&shop).into_iter();
            connections.extend(found.filter(|found| found.from.to_string() == "app#1"));
        }
        let checks = build(&shop, connections, &Narrow::default());
        let shown = checks.iter().map(|check| format!("{} {}", check.id, check.shown_target()));
        assert_eq!(shown.collect::<Vec<_>>(), ids, "{expected:?}");
        let tls = |check: &crate::plan::Check| check.security.tls == Tls::Required;
        assert_eq!(checks.iter().any(tls), expected[0].contains("rediss"));
        // What the client itself says of its checks counts.
        assert_eq!(checks.iter().any(|check| check.security.verifies_chain == Some(false)), derived);
    }
}

#[test]
fn schemes_of_kafka_say_how_its_client_connects() {
    for (scheme, expected) in [
        ("plaintext", Some("PLAINTEXT")),
        ("ssl", Some("SSL")),
        ("sasl_plaintext", Some("SASL_PLAINTEXT")),
        ("SASL_SSL", Some("SASL_SSL")),
        ("kafka", None),
    ] {
        let found = derive(&shop(), &[format!("host -> {scheme}://localhost:9093")], None).unwrap().remove(0);
        assert_eq!(found.target.protocol, Protocol::Kafka);
        assert_eq!(found.security.kafka_protocol(), expected, "{scheme}");
    }
}

#[test]
fn what_is_not_understood_says_what_to_write() {
    for (text, said) in [
        ("app kafka:9092", "write `app -> kafka://kafka:29092`"),
        ("-> kafka:9092", "is no expectation"),
        ("app ->", "is no expectation"),
        ("ap -> tcp://redis:6379", "did you mean app?"),
        ("ap -> tcp://redis:6379", "look from host, engine, app, mysql and redis"),
        ("app#3 -> tcp://redis:6379", "it has 1 and 2"),
        ("app#x -> tcp://redis:6379", "has no container x"),
        ("network:defalt -> tcp://redis:6379", "did you mean default?"),
        ("app -> kafak://kafka:29092", "did you mean kafka?"),
        ("app -> tcp://redis", "has no port"),
        ("app -> redis", "has no port"),
        ("app -> tcp://redis:0", "\"tcp://redis:0\" is no target: a port is 1 to 65535"),
        ("app -> tcp://redis:70000", "is no target: a port is 1 to 65535"),
        ("app -> redis:0", "\"redis:0\" is no target: a port is 1 to 65535"),
        ("app -> redis:99999", "is no target: a port is 1 to 65535"),
        ("app -> redis:port", "is no target; write"),
        ("app => redis:6379", "\"app => redis:6379\" is no expectation"),
        ("app --> redis:6379", "\"app --> redis:6379\" is no expectation"),
        ("app == redis:6379", "\"app == redis:6379\" is no expectation"),
        ("app -> kafka://a:1,b:2", "is no target"),
        ("app -> ", "is no expectation"),
    ] {
        let error = of(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn a_host_that_is_nearly_a_service_is_a_slip() {
    let mut shop = shop();
    let mut far = container("far", "any:1");
    far.attachments = vec![crate::stack::Attachment { network: "others".into(), ..Default::default() }];
    let mut on_host = container("bare", "any:1");
    on_host.network_mode = "host".into();
    let mut mapped = container("mapped", "any:1");
    mapped.extra_hosts = vec!["mysq1:10.9.9.9".into()];
    shop.containers.extend([far, on_host, mapped]);
    let project = Project { inactive: ["search".to_owned()].into(), ..Project::default() };
    for (text, meant) in [
        ("app#1 -> redis2:6379", None),
        ("app#1 -> redes:6379", Some("redis")),
        ("app#1 -> kafka://mysq1:9092", Some("mysql")),
        ("app#1 -/-> redes:6379", Some("redis")),
        ("app#1 -> dns://redes", Some("redis")),
        ("app#1 -> Redis:6379", None),
        ("network:default -> redes:6379", Some("redis")),
        ("app#1 -> serach:9200", Some("search")),
        // Names that others have, that nobody is like, and that are not to be.
        ("app#1 -> search:9200", None),
        ("app#1 -> nowhere:6379", None),
        ("app#1 -> redes.example:6379", None),
        ("app#1 -> 10.9.9.9:6379", None),
        ("app#1 -> localhost:6379", None),
        ("app#1 -> tcp://host.docker.internal:80", None),
        ("app#1 -/-> dns://redes", None),
        ("host -> redes:6379", None),
        ("far -> redes:6379", None),
        ("bare -> redes:6379", None),
        ("mapped -> mysq1:3306", None),
    ] {
        let found = derive(&shop, &[text.to_owned()], Some(&project)).map(drop).map_err(|error| error.to_string());
        match meant {
            None => assert_eq!(found, Ok(()), "{text}"),
            Some(name) => {
                let error = found.expect_err(text);
                assert!(
                    error.starts_with("there is no service \"") && error.ends_with(&format!("(did you mean {name}?)")),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn credentials_are_taken_and_never_shown() {
    let found = derive(&shop(), &["mysql -> mysql://u:s3cret@mysql:3306/shop".into()], None).unwrap().remove(0);
    assert_eq!(found.credentials.as_ref().map(|credentials| credentials.user.as_str()), Some("u"));
    assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
    let error = of("mysql -> mysql://u:s3cret@mysql:99999").unwrap_err();
    assert!(!error.contains("s3cret"), "{error}");
    for to in [
        "mysql://u:12?s3cret@mysql:7014/db",
        "http://admin:77/s3cret@mysql:33060/x",
        "mysql://u:s3cret@mysql:99999",
        "mysql://u:a s3cret@mysql:3306",
        "s3cret:s3cret@mysql",
        "redis:s3cret",
        "http://mysql:99999/s3cret",
        "redis:6379,password=s3cret,x",
    ] {
        for text in [format!("mysql -> {to}"), format!("{to} -> mysql"), to.to_owned()] {
            let error = of(&text).unwrap_err();
            assert!(!error.contains("s3cret"), "{text}: {error}");
        }
    }
}
