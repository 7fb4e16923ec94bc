//! What clients need of a Kafka cluster, each near-miss beside it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::*;
use crate::derive::testing::{self, container, pairs, stack};
use crate::observation::{Coordinator, KafkaPeer, Redirect};
use crate::plan::Origin;
use crate::rule::kafka_brokers::{AUTO_CREATE, OFFSETS_REPLICAS, OFFSETS_TOPIC};
use crate::target::Protocol;

/// `app`, and as many brokers as asked for: `kafka1` at 172.30.0.3, …
fn cluster(brokers: u8) -> Stack {
    let brokers = (1..=brokers).map(|number| container(&format!("kafka{number}"), "apache/kafka:4.1.0"));
    stack(std::iter::once(container("app", "app:1")).chain(brokers))
}

/// What one broker says.
fn broker(settings: &[(&str, &str)], topics: &[(&str, bool)]) -> KafkaPeer {
    KafkaPeer {
        settings: pairs(settings).into_iter().collect(),
        topics: topics.iter().map(|(name, exists)| ((*name).into(), *exists)).collect::<BTreeMap<_, _>>(),
        ..KafkaPeer::default()
    }
}

/// A check of `app` with these settings that reached these brokers.
fn seen(stack: &Stack, settings: &[(&str, &str)], brokers: Vec<KafkaPeer>, coordinator: Option<Coordinator>) -> Seen {
    let mut seen = Seen::of(Check {
        origins: vec![Origin::new(OriginKind::Environment, "KAFKA_BROKERS".into(), None)],
        settings: pairs(settings),
        ..testing::check(
            crate::derive::vantage(stack.of_service("app").next().unwrap()),
            Protocol::Kafka,
            "kafka1",
            9092,
        )
    });
    let at = |index: usize| Some(IpAddr::from([172, 30, 0, u8::try_from(index + 3).unwrap()]));
    let listed = (1..).zip(&brokers).map(|(id, _)| (id, format!("kafka{id}"), 9092)).collect();
    let redirects = brokers.into_iter().enumerate().map(|(index, peer)| Redirect {
        name: format!("broker {}", index + 1),
        id: i32::try_from(index + 1).ok(),
        host: format!("kafka{}", index + 1),
        port: 9092,
        observation: Observation {
            connected: at(index),
            depth: Depth::Answered,
            peer: Some(Peer::Kafka(peer)),
            ..Observation::default()
        },
    });
    seen.observation = Some(Observation {
        connected: at(0),
        depth: Depth::Answered,
        redirects: redirects.collect(),
        peer: Some(Peer::Kafka(KafkaPeer { brokers: listed, coordinator, ..KafkaPeer::default() })),
        ..Observation::default()
    });
    seen
}

fn judged(stack: Stack, seen: Seen) -> (Verdict, Vec<&'static str>) {
    let mut facts = Facts { stack, checks: vec![seen], ..Facts::default() };
    verdicts(&mut facts);
    let rules = findings(&facts).iter().map(|judged| judged.rule).collect();
    (facts.checks[0].verdict, rules)
}

const PASSES: (Verdict, Vec<&str>) = (Verdict::Pass, Vec::new());

#[test]
fn a_topic_is_missing_only_where_every_broker_says_so() {
    let topics = [("topics", "orders")];
    let off = (AUTO_CREATE, "false");
    let case = |brokers: Vec<KafkaPeer>| {
        let stack = cluster(2);
        let seen = seen(&stack, &topics, brokers, None);
        judged(stack, seen)
    };
    let none = || broker(&[off], &[("orders", false)]);
    assert_eq!(case(vec![none(), none()]), (Verdict::Fail, vec!["kafka-topic-missing"]));
    for brokers in [
        vec![none(), broker(&[off], &[("orders", true)])],
        vec![none(), broker(&[(AUTO_CREATE, "true")], &[("orders", false)])],
        // What a broker may not tell is not known.
        vec![none(), broker(&[], &[("orders", false)])],
        vec![broker(&[off], &[]), broker(&[off], &[])],
        vec![broker(&[off], &[("payments", false)])],
    ] {
        assert_eq!(case(brokers), PASSES);
    }
}

#[test]
fn copies_exceed_brokers_only_where_no_other_broker_can_be() {
    let case = |in_stack: u8, group: bool, peer: KafkaPeer| {
        let stack = cluster(in_stack);
        let settings: &[(&str, &str)] = if group { &[("group", "billing")] } else { &[] };
        let seen = seen(&stack, settings, vec![peer], None);
        judged(stack, seen)
    };
    let three = (OFFSETS_REPLICAS, "3");
    let absent = || broker(&[three], &[(OFFSETS_TOPIC, false)]);
    let rule = vec!["kafka-replication-exceeds-brokers"];
    // Nobody is known to consume: told, and no check fails.
    assert_eq!(case(1, false, absent()), (Verdict::Pass, rule.clone()));
    assert_eq!(case(1, true, absent()), (Verdict::Fail, rule.clone()));
    assert_eq!(case(2, true, absent()), (Verdict::Fail, rule));
    // The other two may be brokers of this cluster that lack this listener.
    assert_eq!(case(3, true, absent()), PASSES);
    assert_eq!(case(1, true, broker(&[three], &[(OFFSETS_TOPIC, true)])), PASSES);
    assert_eq!(case(1, true, broker(&[three], &[])), PASSES);
    assert_eq!(case(1, true, broker(&[(OFFSETS_REPLICAS, "1")], &[(OFFSETS_TOPIC, false)])), PASSES);
    assert_eq!(case(1, true, broker(&[], &[(OFFSETS_TOPIC, false)])), PASSES);
}

#[test]
fn only_brokers_are_tied_to_their_containers() {
    let case = |protocol| {
        let stack = cluster(2);
        let mut seen = seen(&stack, &[], vec![broker(&[], &[])], None);
        seen.check.target.protocol = protocol;
        seen.observation.as_mut().unwrap().redirects[0].observation.connected = Some(IpAddr::from([172, 30, 0, 4]));
        judged(stack, seen).0
    };
    assert_eq!(case(Protocol::Kafka), Verdict::Fail);
    assert_eq!(case(Protocol::Redis), Verdict::Pass);
}

#[test]
fn brokers_of_another_cluster_do_not_count() {
    let case = |variables: [&[(&str, &str)]; 3]| {
        let mut stack = cluster(3);
        for (container, variables) in stack.containers.iter_mut().skip(1).zip(variables) {
            container.environment = pairs(variables);
        }
        let absent = broker(&[(OFFSETS_REPLICAS, "3")], &[(OFFSETS_TOPIC, false)]);
        let seen = seen(&stack, &[("group", "billing")], vec![absent], None);
        judged(stack, seen)
    };
    let fails = (Verdict::Fail, vec!["kafka-replication-exceeds-brokers"]);
    let voters = |value: &'static str| [("KAFKA_CONTROLLER_QUORUM_VOTERS", value)];
    // Nobody looks at the other two.
    assert_eq!(case([&voters("1@localhost:9093"); 3]), fails);
    assert_eq!(case([&voters("1@kafka1:9093"), &voters("1@kafka2:9093"), &voters("1@kafka3:9093")]), fails);
    // One of the three is another's: two brokers, and three copies.
    let two = voters("1@kafka1:9093,2@kafka2:9093");
    assert_eq!(case([&two, &two, &voters("1@localhost:9093")]), fails);
    assert_eq!(case([&voters("1@kafka1:9093"); 3]), PASSES);
    assert_eq!(case([&voters("1@localhost:9093"), &[], &[]]), PASSES);
    assert_eq!(case([&[], &voters("1@localhost:9093"), &voters("1@localhost:9093")]), PASSES);
}

#[test]
fn clusters_that_were_reached_are_told_apart_by_their_ids() {
    let case = |ids: [Option<&str>; 2]| {
        let mut stack = cluster(3);
        stack.containers.pop();
        let absent = || broker(&[(OFFSETS_REPLICAS, "2")], &[(OFFSETS_TOPIC, false)]);
        let mut checks = ids.map(|id| {
            let mut seen = seen(&stack, &[("group", "billing")], vec![absent()], None);
            if let Some(Peer::Kafka(peer)) = seen.observation.as_mut().and_then(|it| it.peer.as_mut()) {
                peer.cluster_id = id.map(str::to_owned);
            }
            seen
        });
        let redirect = &mut checks[1].observation.as_mut().unwrap().redirects[0];
        redirect.observation.connected = Some(IpAddr::from([172, 30, 0, 4]));
        checks[1].observation.as_mut().unwrap().connected = Some(IpAddr::from([172, 30, 0, 4]));
        let mut facts = Facts { stack, checks: checks.into(), ..Facts::default() };
        verdicts(&mut facts);
        facts.checks[0].verdict
    };
    assert_eq!(case([Some("a"), Some("b")]), Verdict::Fail);
    // Two listeners of one cluster, of which each broker has one.
    assert_eq!(case([Some("a"), Some("a")]), Verdict::Pass);
    assert_eq!(case([Some("a"), None]), Verdict::Pass);
}

#[test]
fn a_group_without_a_coordinator_fails_its_client() {
    let case = |broker: Option<i32>| {
        let stack = cluster(1);
        let coordinator = Coordinator { group: "billing".into(), broker };
        let peer = self::broker(&[], &[(OFFSETS_TOPIC, true)]);
        let seen = seen(&stack, &[("group", "billing")], vec![peer], Some(coordinator));
        judged(stack, seen)
    };
    assert_eq!(case(None), (Verdict::Fail, vec!["kafka-coordinator-unreachable"]));
    assert_eq!(case(Some(1)), PASSES);
}
