//! Inside the network a service has its own port; the published one exists on the host alone.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;

/// A client in the network uses the host's port of a service.
pub const RULE: Rule = Rule::new("published-port-inside-network", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || failed.seen.check.published.is_some() || !failed.is(&[Kind::Refused]) {
        return None;
    }
    let (client, server) = failed.pair(facts)?;
    let used = failed.port();
    let ports = server.ports.iter().chain(&server.wanted_ports);
    let meant =
        ports.filter(|port| port.host_port == Some(used)).map(|port| port.container_port).find(|&port| port != used)?;
    if facts
        .listening(server)
        .is_some_and(|l| l.iter().any(|l| !l.address.is_loopback()) && !l.iter().any(|l| l.port == meant))
    {
        return None;
    }
    let host = failed.host();
    Some(Cause {
        subject: format!("{} -> {}:{used}", client.service, server.service),
        service: Some(client.service.clone()),
        message: format!(
            "{} uses {host}:{used}, but {used} is {}'s port on the host: inside the network it is {meant}",
            client.service, server.service
        ),
        evidence: vec![
            format!("{} publishes its port {meant} as {used}; {} says {used}", server.label(), failed.origin()),
            failed.evidence(),
        ],
        help: format!("in {}, set {}", client.service, failed.correction(host, meant)),
    })
}
