//! A client asks a controller's listener, which serves no clients.

use super::{Cause, Facts, Failed, Rule, kafka_brokers, kafka_listeners};
use crate::plan::Vantage;
use crate::stack::Container;

/// The peer offers what the quorum needs, and no Metadata.
pub const RULE: Rule = Rule::new("kafka-controller-port", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let seen = failed.observation()?;
    if !kafka_brokers::peer(seen)?.controller {
        return None;
    }
    let server = failed.server(facts);
    let label = server.map_or_else(|| failed.host().to_owned(), Container::label);
    let (from, address) = (failed.seen.check.from.identity(), failed.address());
    let right = server.and_then(|server| match failed.client(facts) {
        Some(client) => kafka_listeners::for_network(&facts.stack, server, client),
        None if failed.seen.check.from == Vantage::Host => kafka_listeners::for_host(server),
        None => None,
    });
    let alone = server.is_some_and(|server| {
        kafka_listeners::setting(server, "PROCESS_ROLES").is_some_and(|roles| !roles.contains("broker"))
    });
    let help = match right {
        Some(right) => format!("in {from}, set {} to {}", failed.origin(), right.address()),
        None if alone => {
            format!("{label} is a controller alone: in {from}, set {} to a broker's listener", failed.origin())
        }
        None => format!("in {from}, set {} to the port of a listener of {label} that is for clients", failed.origin()),
    };
    Some(Cause {
        subject: format!("{from} -> {label}:{}", failed.server_port(facts)),
        service: failed.client(facts).or(server).map(|container| container.service.clone()),
        message: format!("{from} uses {address}, where {label} talks with the other controllers and serves no clients"),
        evidence: vec![failed.evidence()],
        help,
    })
}
