//! The broker has a listener for each side, and the client uses the other side's.

use super::{Cause, Facts, Failed, Rule, kafka_listeners};

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
            let right = kafka_listeners::for_host(broker)?;
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
        help: format!("in {client}, set {} to {right}; {broker} stays as it is", failed.origin()),
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
