//! A service's name is used by, or for, a container that is on the host's network, where services have no names.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::target::host_and_port;

/// A name is not known because its user or its owner has `network_mode: host`.
pub const RULE: Rule = Rule::new("service-name-on-host-network", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let (client, host) = (failed.client(facts)?, failed.host());
    let near = facts.stack.namespace_owner(client);
    let on_host = near.on_host_network();
    // `extra_hosts` may give the name of a service to the host's own loopback, where it has other ports or none.
    let mapped = failed.is(&[Kind::Refused]) && failed.is_loopback() && on_host && near.extra_host(host).is_some();
    if failed.redirect.is_some() || failed.seen.check.published.is_some() || !(failed.is_unnamed() || mapped) {
        return None;
    }
    let servers = facts.stack.named(host);
    let server = *servers.first()?;
    let serves_there = servers.iter().all(|server| facts.stack.namespace_owner(server).on_host_network());
    let port = failed.port();
    let (message, help) = match (on_host, serves_there) {
        // The server is there, and does not listen.
        (true, true) if mapped => return None,
        (true, true) => (
            format!("{} and {host} are both on the host's network, where services have no names", client.service),
            format!("in {}, set {}", client.service, failed.correction("localhost", port)),
        ),
        (true, false) => {
            let bound = server.ports.iter().find(|bound| bound.container_port == port);
            let help = match bound.and_then(|bound| bound.host_port) {
                Some(published) => format!(
                    "in {}, set {}, where {host} is published; or remove its `network_mode: host`",
                    client.service,
                    failed.correction("localhost", published)
                ),
                None => format!(
                    "remove `network_mode: host` from {}; or publish port {port} of {host} and use localhost there",
                    client.service
                ),
            };
            let why = match near.extra_host(host) {
                Some(address) if mapped => {
                    format!("its `extra_hosts` say that {host} is {address}: there it has no port {port}")
                }
                _ => format!("there {host} is no name"),
            };
            (format!("{} has `network_mode: host`, and {why}", client.service), help)
        }
        (false, true) => (
            format!(
                "{} has `network_mode: host` and thus no name on the networks of {}",
                server.label(),
                client.service
            ),
            format!(
                "in {}, set {} and give it `extra_hosts: [\"host.docker.internal:host-gateway\"]`; or take {} off the host's network",
                client.service,
                failed.correction("host.docker.internal", port),
                server.service
            ),
        ),
        (false, false) => return None,
    };
    Some(Cause {
        subject: format!("{} -> {}", client.service, host_and_port(host, port)),
        service: Some(if on_host { client.service.clone() } else { server.service.clone() }),
        message,
        evidence: vec![failed.evidence()],
        help,
    })
}

#[cfg(test)]
#[path = "service_name_on_host_network_tests.rs"]
mod tests;
