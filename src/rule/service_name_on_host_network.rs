//! A service's name is used by, or for, a container that is on the host's network, where services have no names.

use super::{Cause, Facts, Failed, Rule};
use crate::target::host_and_port;

/// A name is not known because its user or its owner has `network_mode: host`.
pub const RULE: Rule = Rule::new("service-name-on-host-network", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is_unnamed() {
        return None;
    }
    let (client, host) = (failed.client(facts)?, failed.host());
    let servers = facts.stack.named(host);
    let server = *servers.first()?;
    let on_host = facts.stack.namespace_owner(client).on_host_network();
    let serves_there = servers.iter().all(|server| facts.stack.namespace_owner(server).on_host_network());
    let port = failed.port();
    let (message, help) = match (on_host, serves_there) {
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
            (format!("{} has `network_mode: host`, where {host} is no name", client.service), help)
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
