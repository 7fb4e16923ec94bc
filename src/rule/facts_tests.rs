//! Which container a failed address means.

use super::*;
use crate::derive::testing::{self, container, port, stack};
use crate::plan::{Published, Vantage};
use crate::stack::{PublishedAt, Status};
use crate::target::{Protocol, Target};

/// Two brokers; from here `kafka1` is asked, which sends to `localhost:39093`.
fn facts(wanted: bool, from: Vantage) -> Facts {
    let (mut first, mut second) =
        (container("kafka1", "apache/kafka:4.1.0"), container("kafka2", "apache/kafka:4.1.0"));
    first.ports = vec![port(9092, 39092, "0.0.0.0")];
    let published = vec![port(9092, 39093, "0.0.0.0")];
    if wanted {
        (second.wanted_ports, second.state.status) = (published, Status::Exited);
    } else {
        (second.ports, second.state.status) = (published, Status::Paused);
    }
    let mut seen = Seen::of(Check {
        published: Some(Published { container: first.id.clone(), service: "kafka1".into(), container_port: 9092 }),
        ..testing::check(from, Protocol::Kafka, "localhost", 39092)
    });
    let failure = Failure { phase: PhaseName::Connect, kind: FailureKind::Refused, detail: "refused".into() };
    let redirect = Redirect {
        name: "broker 2".into(),
        id: Some(2),
        host: "localhost".into(),
        port: 39093,
        observation: Observation { failure: Some(failure), ..Observation::default() },
    };
    seen.observation = Some(Observation { redirects: vec![redirect], ..Observation::default() });
    Facts { stack: stack([first, second]), checks: vec![seen], ..Facts::default() }
}

fn redirected(facts: &Facts) -> Failed<'_> {
    let seen = &facts.checks[0];
    let redirect = &seen.observation.as_ref().unwrap().redirects[0];
    Failed { seen, redirect: Some(redirect), failure: redirect.observation.failure.as_ref().unwrap() }
}

#[test]
fn a_redirect_to_a_machines_loopback_means_the_container_behind_the_port() {
    for (wanted, from) in [(false, Vantage::Host), (true, Vantage::Host), (true, Vantage::Engine)] {
        let facts = facts(wanted, from);
        let failed = redirected(&facts);
        assert_eq!(failed.server(&facts).map(|server| server.service.as_str()), Some("kafka2"));
        assert_eq!(failed.server_port(&facts), 9092);
        // What runs no more is told, and not the broker that sends there.
        let told = crate::rule::RULES.iter().find_map(|rule| Some((rule.id, (rule.explain)(&facts, &failed)?.subject)));
        assert_eq!(told, Some(("peer-not-running", "kafka2".into())));
    }
}

#[test]
fn redirects_of_another_protocol_are_not_kafkas() {
    let inside = crate::derive::vantage(&container("kafka2", "apache/kafka:4.1.0"));
    for (host, kind) in [
        ("localhost", FailureKind::Refused),
        ("localhost", FailureKind::WrongIdentity),
        ("0.0.0.0", FailureKind::Refused),
        ("kafka2", FailureKind::NameNotFound),
        ("nobody", FailureKind::NameNotFound),
        ("0123456789ab", FailureKind::NameNotFound),
        ("172.30.0.3", FailureKind::TimedOut),
    ] {
        for from in [&Vantage::Host, &inside] {
            let told = |protocol| {
                let mut facts = facts(false, from.clone());
                facts.checks[0].check.target.protocol = protocol;
                let redirect = &mut facts.checks[0].observation.as_mut().unwrap().redirects[0];
                redirect.host = host.into();
                redirect.observation.failure.as_mut().unwrap().kind = kind;
                let rules = crate::rule::RULES.iter().filter(|rule| rule.id.starts_with("kafka-"));
                rules.filter(|rule| (rule.explain)(&facts, &redirected(&facts)).is_some()).count()
            };
            assert!(told(Protocol::Kafka) > 0, "{host} {kind:?} {from}");
            assert_eq!(told(Protocol::Redis), 0, "{host} {kind:?} {from}");
        }
    }
}

#[test]
fn what_is_to_be_set_is_a_setting() {
    let origin = |kind, name: &str, value: Option<&str>| Origin::new(kind, name.into(), value.map(Into::into));
    let asked = || origin(OriginKind::Declared, "try", None);
    let expected = || origin(OriginKind::Declared, "--expect", Some("app -> kafka1:9092"));
    let variable = || origin(OriginKind::Environment, "KAFKA_BROKERS", Some("kafka://kafka1:9092"));
    let unnamed = ["the setting that names kafka1:9092", "the setting that names kafka1:9092 to kafka1:29092"];
    let named = ["KAFKA_BROKERS", "KAFKA_BROKERS to kafka://kafka1:29092"];
    for (origins, said) in [
        (vec![asked()], unnamed),
        (vec![expected()], unnamed),
        (vec![asked(), variable()], named),
        (vec![expected(), asked(), variable()], named),
        (vec![], ["", "kafka1:29092"]),
    ] {
        let mut facts = facts(false, Vantage::Host);
        facts.checks[0].check.origins = origins;
        facts.checks[0].check.target = Target::new(Protocol::Kafka, "kafka1", 9092);
        let failed = redirected(&facts);
        assert_eq!([failed.origin(), failed.correction("kafka1", 29092)], said);
    }
}

#[test]
fn it_means_nobody_where_nobody_publishes_the_port_there() {
    let mut none = facts(false, Vantage::Host);
    none.stack.containers[1].ports.clear();
    let failed = redirected(&none);
    assert!(failed.server(&none).is_none() && failed.server_port(&none) == 39093);
    let told = crate::rule::RULES.iter().find_map(|rule| (rule.explain)(&none, &failed).map(|_| rule.id));
    assert_eq!(told, Some("kafka-advertised-port-not-published"));
    // The host's own loopback is not that of an engine elsewhere.
    let mut elsewhere = facts(false, Vantage::Host);
    elsewhere.stack.engine.published_at = PublishedAt::Host("far".into());
    assert!(redirected(&elsewhere).server(&elsewhere).is_none());
}

/// What is told of `app`, which looks for Redis at its own localhost, where one that joined its network should be.
fn beside(status: Status, joined: bool) -> (&'static str, crate::rule::Cause) {
    let mut cache = container("cache", "redis:7");
    cache.state.status = status;
    if joined {
        cache.network_mode = "container:app-id".into();
    }
    let app = container("app", "app:1");
    let from = crate::derive::vantage(&app);
    let (target, origins) = (Target::new(Protocol::Redis, "localhost", 6379), Vec::new());
    let seen = Seen::of(Check {
        id: "app -> localhost:6379".into(),
        from,
        target,
        origins,
        published: None,
        ..facts(true, Vantage::Host).checks.remove(0).check
    });
    let facts = Facts { stack: stack([app, cache]), ..Facts::default() };
    let failure = Failure { phase: PhaseName::Connect, kind: FailureKind::Refused, detail: "refused".into() };
    let failed = Failed { seen: &seen, redirect: None, failure: &failure };
    crate::rule::RULES.iter().find_map(|rule| Some((rule.id, (rule.explain)(&facts, &failed)?))).unwrap()
}

#[test]
fn localhost_means_the_neighbour_that_serves_the_port_in_the_same_network() {
    let (rule, cause) = beside(Status::Exited, true);
    assert_eq!((rule, cause.subject.as_str()), ("peer-not-running", "cache"));
    let (rule, cause) = beside(Status::Running, true);
    assert_eq!(
        (rule, cause.subject.as_str(), cause.service.as_deref()),
        ("connection-refused", "cache:6379", Some("cache"))
    );
    assert_eq!(cause.message, "cache's port 6379, which is localhost:6379 there, refuses connections");
    let (rule, cause) = beside(Status::Running, false);
    assert_eq!((rule, cause.service.as_deref()), ("connection-refused", Some("app")));
}
