//! The server runs and listens, but only on the loopback of its own container.

use super::{Cause, Facts, Failed, Need, Rule, kafka_listeners};
use crate::observation::{FailureKind as Kind, Listener};
use crate::stack::PublishedAt;
use crate::text;

/// A connection fails because the server is bound to its own loopback.
pub const RULE: Rule = Rule::new("listens-on-loopback-only", explain).needing(&[Need::Listeners]);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    of_container(facts, failed).or_else(|| of_host(facts, failed))
}

fn of_container(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::Refused, Kind::Reset, Kind::Closed])
        || (failed.is_loopback() && failed.seen.check.published.is_none())
    {
        return None;
    }
    let container = failed.server(facts)?;
    let port = failed.server_port(facts);
    let bound: Vec<&Listener> = facts.listening(container)?.iter().filter(|listener| listener.port == port).collect();
    if bound.is_empty() || !bound.iter().all(|listener| listener.address.is_loopback()) {
        return None;
    }
    let (label, addresses) = (container.label(), bound.iter().map(|l| l.address.to_string()).collect::<Vec<_>>());
    Some(Cause {
        subject: format!("{label}:{port}"),
        service: Some(container.service.clone()),
        message: format!(
            "{label} listens on port {port} of its own loopback only, so nobody outside its container reaches it"
        ),
        evidence: vec![format!("in {label}, port {port} is bound to {}", text::list(&addresses)), failed.evidence()],
        help: match kafka_listeners::on_all_addresses(container, port) {
            Some(written) => format!("let {label} listen on all its addresses, in {written}"),
            None => format!("let the server in {label} listen on 0.0.0.0 (or ::) instead of {}", addresses[0]),
        },
    })
}

/// A process of the host that is bound to the host's loopback, looked for at another address of the host.
fn of_host(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let engine = &facts.stack.engine;
    // Only where the engine's host is surely the one whose sockets were looked at.
    let apart = engine.apart || engine.is_desktop() || engine.published_at != PublishedAt::Here;
    if apart || !failed.is(&[Kind::Refused]) || failed.is_loopback() || failed.seen.check.published.is_some() {
        return None;
    }
    let (port, tried) = (failed.port(), failed.addresses());
    let own: Vec<_> = facts.host_interfaces()?.iter().flat_map(|interface| &interface.addresses).collect();
    // A port that a container publishes there is another matter.
    let bindings = facts.stack.containers.iter().flat_map(|container| &container.ports);
    if tried.is_empty()
        || !tried.iter().all(|address| own.contains(&address))
        || bindings.into_iter().any(|bound| bound.host_port == Some(port))
    {
        return None;
    }
    let listeners = facts.host.as_ref()?.listeners.present()?;
    let bound: Vec<&Listener> = listeners.iter().filter(|listener| listener.port == port).collect();
    if bound.is_empty() || !bound.iter().all(|listener| listener.address.is_loopback()) {
        return None;
    }
    let addresses = text::list(&bound.iter().map(|listener| listener.address.to_string()).collect::<Vec<_>>());
    let stranger = facts.stack.strangers.iter().find(|stranger| stranger.port.host_port == Some(port));
    let (whose, help) = match stranger {
        Some(other) => (
            format!("container {} publishes port {port} on", other.container),
            format!("publish it on an address that containers reach: {} is one", tried[0]),
        ),
        None => (
            format!("a server on the host listens on port {port} of"),
            format!(
                "let that server listen on {} too, where containers reach it, or on 0.0.0.0, where other machines may as well",
                tried[0]
            ),
        ),
    };
    Some(Cause {
        subject: format!("host:{port}"),
        service: None,
        message: format!("{whose} the host's own loopback only, so nobody in a container reaches it"),
        evidence: vec![format!("on the host, port {port} is bound to {addresses}"), failed.evidence()],
        help,
    })
}

#[cfg(test)]
#[path = "listens_on_loopback_only_tests.rs"]
mod tests;
