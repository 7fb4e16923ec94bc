//! Client and server are on different networks.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::stack::{Container, Stack};
use crate::text;

/// A connection fails because the two share no network.
pub const RULE: Rule = Rule::new("no-shared-network", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.seen.check.published.is_some()
        || !failed.is(&[Kind::NameNotFound, Kind::ResolverFailed, Kind::TimedOut, Kind::Unreachable])
    {
        return None;
    }
    let (client, server) = failed.pair(facts)?;
    let stack = &facts.stack;
    let (near, far) = (stack.namespace_owner(client), stack.namespace_owner(server));
    // Without networks of its own a container is reached in other ways, or not at all: not for this reason.
    if near.attachments.is_empty()
        || far.attachments.is_empty()
        || near.on_host_network()
        || far.on_host_network()
        || server.joins().is_some()
    {
        return None;
    }
    if near.network_names().any(|name| far.network_names().any(|other| other == name)) {
        return None;
    }
    let missing = key(stack, far.network_names().next()?);
    Some(Cause {
        subject: format!("{} -> {}", client.service, server.service),
        service: Some(client.service.clone()),
        message: format!("{} and {} share no network, so neither sees the other", client.service, server.service),
        evidence: vec![
            format!(
                "{} is on {}; {} is on {}",
                client.label(),
                networks(stack, near),
                server.label(),
                networks(stack, far)
            ),
            failed.evidence(),
        ],
        help: match near.network_mode.as_str() {
            "bridge" | "default" => format!(
                "remove `network_mode: {}` from {}: the default bridge has no names",
                near.network_mode, near.service
            ),
            _ => format!("add {missing} to the networks of {} (and keep the ones it has)", client.service),
        },
    })
}

/// A network as the compose file calls it.
fn key(stack: &Stack, name: &str) -> String {
    stack.network(name).and_then(|network| network.key.clone()).unwrap_or_else(|| name.to_owned())
}

fn networks(stack: &Stack, container: &Container) -> String {
    let names: Vec<_> = container.network_names().map(|name| key(stack, name)).collect();
    text::list(&names)
}
