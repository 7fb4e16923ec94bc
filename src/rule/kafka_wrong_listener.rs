//! The broker has a listener for each side, and the client uses the other side's.

use super::{Cause, Facts, Failed, Rule, kafka_inter_broker_listener_wrong, kafka_listeners};

/// A redirect fails, while the broker has another listener that is meant for this client.
pub const RULE: Rule = Rule::new("kafka-wrong-listener", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    failed.broker()?;
    let broker = failed.first_server(facts)?;
    match failed.client(facts) {
        Some(client) => {
            let right = kafka_listeners::for_network(&facts.stack, broker, client)?;
            // Where the failed address is the network's own listener, or the listener that was asked is one, the listener is
            // right and something else is wrong.
            if (right.host.as_str(), right.port) == (failed.host(), failed.port())
                || kafka_listeners::is_for_network(&facts.stack, broker, client, failed.seen.check.target.port)
            {
                return None;
            }
            Some(in_network(failed, &broker.service, &client.service, &right.address()))
        }
        None if failed.seen.check.from.is_machine() => {
            let used = failed.seen.check.published.as_ref()?.container_port;
            let mistaken = kafka_inter_broker_listener_wrong::mistaken(facts, broker);
            let right = kafka_listeners::for_host(broker).filter(|right| Some(right) != mistaken.as_ref())?;
            if right.bound == used || failed.is_loopback() {
                return None;
            }
            Some(on_host(failed, &broker.service, used, right.bound, &right.address()))
        }
        None => None,
    }
}

fn in_network(failed: &Failed, broker: &str, client: &str, right: &str) -> Cause {
    let used = failed.seen.check.target.address();
    Cause {
        subject: format!("{client} -> {broker}:{}", failed.seen.check.target.port),
        service: Some(client.to_owned()),
        message: format!(
            "{client} uses {used}, {broker}'s listener for others, which sends it to {}; the one for the network is {right}",
            failed.address()
        ),
        evidence: vec![failed.evidence()],
        help: format!("in {client}, set {} to {right}; what {broker} advertises can stay", failed.origin()),
    }
}

fn on_host(failed: &Failed, broker: &str, used: u16, bound: u16, right: &str) -> Cause {
    let published = failed.seen.check.target.port;
    Cause {
        subject: format!("host -> {broker}:{used}"),
        service: Some(broker.to_owned()),
        message: format!(
            "{broker} publishes its listener for the network (port {used}) on the host, which sends clients there to {}; the one for the host is port {bound}",
            failed.address()
        ),
        evidence: vec![failed.evidence()],
        help: format!(
            "publish port {bound} of {broker} instead of {used} (on the host port that it advertises: {right}), not {published}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::derive::testing::{self, container, port, stack};
    use crate::observation::{Failure, FailureKind, Observation, PhaseName, Redirect};
    use crate::plan::{Check, Published, Vantage};
    use crate::rule::{RULES, Seen};
    use crate::target::Protocol;

    /// Which rule explains that the host is sent to `kafka1:9092`, and all that is told beside, of two brokers whose
    /// listener on port 19092 is advertised as localhost.
    fn told(between: &str) -> (&'static str, Vec<&'static str>) {
        let mut brokers = [container("kafka1", "apache/kafka:4.1.0"), container("kafka2", "apache/kafka:4.1.0")];
        for broker in &mut brokers {
            let advertised = format!("CLIENT://{}:9092,OTHER://localhost:19092", broker.service);
            broker.environment = vec![
                ("KAFKA_ADVERTISED_LISTENERS".into(), advertised),
                ("KAFKA_INTER_BROKER_LISTENER_NAME".into(), between.into()),
            ];
        }
        brokers[0].ports = vec![port(9092, 39092, "127.0.0.1")];
        let published = Published { container: "kafka1-id".into(), service: "kafka1".into(), container_port: 9092 };
        let check =
            Check { published: Some(published), ..testing::check(Vantage::Host, Protocol::Kafka, "127.0.0.1", 39092) };
        let redirect = |number: u8, failure| Redirect {
            name: format!("broker {number}"),
            id: Some(number.into()),
            host: format!("kafka{number}"),
            port: 9092,
            observation: Observation {
                connected: Some(IpAddr::from([172, 30, 0, number + 1])),
                failure,
                ..Observation::default()
            },
        };
        let unknown =
            Failure { phase: PhaseName::Resolve, kind: FailureKind::NameNotFound, detail: "no such name".into() };
        let seen = |redirects| {
            let observation = Observation { redirects, ..Observation::default() };
            Seen { observation: Some(observation), ..Seen::of(check.clone()) }
        };
        let checks =
            vec![seen(vec![redirect(1, Some(unknown.clone()))]), seen(vec![redirect(1, None), redirect(2, None)])];
        let facts = Facts { stack: stack(brokers), checks, ..Facts::default() };
        let redirect = &facts.checks[0].observation.as_ref().unwrap().redirects[0];
        let failed = Failed { seen: &facts.checks[0], redirect: Some(redirect), failure: &unknown };
        let by = RULES.iter().find(|rule| (rule.explain)(&facts, &failed).is_some()).map(|rule| rule.id);
        let beside = RULES.iter().filter(|rule| rule.inspect.is_some_and(|inspect| !inspect(&facts).is_empty()));
        (by.unwrap(), beside.map(|rule| rule.id).collect())
    }

    #[test]
    fn a_listener_that_other_brokers_cannot_use_is_not_the_hosts() {
        assert_eq!(told("CLIENT"), ("kafka-wrong-listener", Vec::new()));
        assert_eq!(told("OTHER"), ("kafka-advertises-unresolvable-name", vec!["kafka-inter-broker-listener-wrong"]));
    }
}
