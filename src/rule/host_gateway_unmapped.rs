//! The host's name in containers exists on Linux only where it is asked for.

use super::{Cause, Facts, Failed, Rule};

/// A container uses the host's name and has no `extra_hosts` for it.
pub const RULE: Rule = Rule::new("host-gateway-unmapped", explain);

/// The names that desktops' engines, or Podman, give the host by themselves.
const HOST: [&str; 5] = [
    "host.docker.internal",
    "gateway.docker.internal",
    "docker.for.mac.host.internal",
    "docker.for.mac.localhost",
    "host.containers.internal",
];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is_unnamed() || facts.stack.engine.is_desktop() {
        return None;
    }
    let (client, host) = (failed.client(facts)?, failed.host());
    let near = facts.stack.namespace_owner(client);
    if !HOST.iter().any(|name| name.eq_ignore_ascii_case(host)) || near.extra_host(host).is_some() {
        return None;
    }
    let help = if near.on_host_network() {
        format!(
            "in {}, set {}: it is on the host's network",
            client.service,
            failed.correction("localhost", failed.port())
        )
    } else {
        format!("give {} `extra_hosts: [\"{host}:host-gateway\"]`", near.service)
    };
    Some(Cause {
        subject: format!("{} -> {host}", client.service),
        service: Some(client.service.clone()),
        message: format!(
            "{} uses {host}, a name that this engine gives only to containers that ask for it",
            client.service
        ),
        evidence: vec![format!("{} has no `extra_hosts` for {host}", near.label()), failed.evidence()],
        help,
    })
}
