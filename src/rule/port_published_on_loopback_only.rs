//! The published port is bound to the host's loopback, and used from elsewhere.

use super::{Cause, Facts, Failed, Rule};
use crate::derive::hosts::{Place, place};
use crate::observation::FailureKind as Kind;
use crate::stack::{Container, PublishedPort};
use crate::target::host_and_port;

/// A connection to an address of the host fails because the port is published on its loopback alone.
pub const RULE: Rule = Rule::new("port-published-on-loopback-only", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    // A desktop's engine hands what is sent to the host on to its loopback.
    if !failed.is(&[Kind::Refused]) || failed.is_loopback() || facts.stack.engine.is_desktop() {
        return None;
    }
    let port = failed.port();
    let bindings: Vec<(&Container, &PublishedPort)> = facts
        .stack
        .containers
        .iter()
        .flat_map(|container| container.ports.iter().map(move |bound| (container, bound)))
        .filter(|(_, bound)| bound.host_port == Some(port))
        .collect();
    let &(server, bound) = bindings.first()?;
    if !bindings.iter().all(|(_, bound)| bound.host_address.is_loopback()) || !is_of_host(facts, failed) {
        return None;
    }
    let (from, inside) = (failed.seen.check.from.identity(), bound.container_port);
    let binding = host_and_port(&bound.host_address.to_string(), port);
    let near = failed.client(facts).filter(|client| {
        let (client, server) = (facts.stack.namespace_owner(client), facts.stack.namespace_owner(server));
        client.network_names().any(|name| server.network_names().any(|other| other == name))
    });
    let help = match near {
        Some(client) if failed.redirect.is_none() => format!(
            "in {}, set {}: the two share a network",
            client.service,
            failed.correction(&server.service, inside)
        ),
        _ => format!(
            "publish it on an address that {from} reaches (`ports: [\"{port}:{inside}\"]` is all of them), or put the two on one network and use {}",
            host_and_port(&server.service, inside)
        ),
    };
    Some(Cause {
        subject: format!("{} -> {}:{inside}", from, server.service),
        service: Some(server.service.clone()),
        message: format!(
            "{} is published on {binding} only, the host's own loopback, and {from} looks for it at {}",
            server.label(),
            failed.address()
        ),
        evidence: vec![format!("{} publishes {binding}->{inside}/tcp", server.label()), failed.evidence()],
        help,
    })
}

/// Whether the address that was tried is one of the engine's host.
fn is_of_host(facts: &Facts, failed: &Failed) -> bool {
    let gateway = matches!(place(&facts.stack, failed.client(facts), failed.host()), Place::Gateway);
    let own = facts.host_interfaces().into_iter().flatten().flat_map(|interface| &interface.addresses);
    let own: Vec<_> = own.collect();
    let is_own = !failed.addresses().is_empty() && failed.addresses().iter().all(|address| own.contains(&address));
    gateway || is_own
}
