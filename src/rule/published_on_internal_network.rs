//! A port is published, and the engine publishes nothing: the container has only networks without a way out.

use super::{Cause, Facts, Failed, Rule};
use crate::stack::{Container, Network};
use crate::target::host_and_port;
use crate::text;

/// Ports were asked for, none is bound, and every network of the container is internal.
pub const RULE: Rule = Rule::new("published-on-internal-network", explain).inspecting(inspect);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let published = failed.seen.check.published.as_ref()?;
    if failed.redirect.is_some() {
        return None;
    }
    let mut cause = cause(facts, facts.stack.by_id(&published.container)?)?;
    cause.evidence.push(failed.evidence());
    Some(cause)
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.stack.containers.iter().filter_map(|container| cause(facts, container)).collect()
}

fn cause(facts: &Facts, container: &Container) -> Option<Cause> {
    if !container.is_running() || !container.ports.is_empty() || container.wanted_ports.is_empty() {
        return None;
    }
    let networks: Vec<Option<&Network>> = container.network_names().map(|name| facts.stack.network(name)).collect();
    if networks.is_empty() || !networks.iter().all(|network| network.is_some_and(|network| network.internal)) {
        return None;
    }
    let names: Vec<_> =
        networks.into_iter().flatten().map(|network| network.key.as_deref().unwrap_or(&network.name)).collect();
    let wanted: Vec<_> = container
        .wanted_ports
        .iter()
        .map(|port| match port.host_port {
            Some(host) => {
                format!("{}->{}", host_and_port(&port.host_address.to_string(), host), port.container_port)
            }
            None => port.container_port.to_string(),
        })
        .collect();
    let (label, networks) = (container.label(), text::list(&names));
    let are = if names.len() == 1 { "is internal" } else { "are internal" };
    Some(Cause {
        subject: label.clone(),
        service: Some(container.service.clone()),
        message: format!(
            "{label} publishes {} and is only on {networks}, which {are}: nothing is published",
            text::list(&wanted)
        ),
        evidence: vec![format!("the engine has bound no port for {label}; {networks} {are}")],
        help: format!(
            "add a network that is not internal to {} (and keep {networks}), or remove its `ports`",
            container.service
        ),
    })
}
