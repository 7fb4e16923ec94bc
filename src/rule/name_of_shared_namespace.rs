//! A service that lives in another's network namespace has no name of its own.

use super::{Cause, Facts, Failed, Rule};

/// A client asks for the name of a service with `network_mode: service:…`.
pub const RULE: Rule = Rule::new("name-of-shared-namespace", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is_unnamed() {
        return None;
    }
    let (client, host) = (failed.client(facts)?, failed.host());
    let servers = facts.stack.named(host);
    let server = *servers.first()?;
    if !servers.iter().all(|server| server.joins().is_some()) {
        return None;
    }
    let owner = server.joins().and_then(|id| facts.stack.by_id(id));
    let (whose, help) = match owner {
        _ if facts.stack.share_namespace(client, server) => (
            "the network that the two share".to_owned(),
            format!(
                "in {}, set {}: there it is the same machine",
                client.service,
                failed.correction("localhost", failed.port())
            ),
        ),
        Some(owner) if owner.on_host_network() => return None,
        Some(owner) => (
            format!("the network of {}", owner.label()),
            format!("in {}, set {}", client.service, failed.correction(&owner.service, failed.port())),
        ),
        None => (
            "the network of a container that is not of this stack, or is gone".to_owned(),
            format!(
                "docker compose up -d --force-recreate {}, if the container that it joined was made anew",
                server.service
            ),
        ),
    };
    Some(Cause {
        subject: format!("{} -> {host}", client.service),
        service: Some(client.service.clone()),
        message: format!(
            "{} lives in {whose} and has no name of its own, which {} uses",
            server.label(),
            client.service
        ),
        evidence: vec![
            format!("{} has `network_mode: {}`", server.label(), mode(facts, server.joins())),
            failed.evidence(),
        ],
        help,
    })
}

/// The network mode as people write it.
fn mode(facts: &Facts, joins: Option<&str>) -> String {
    let id = joins.unwrap_or_default();
    match facts.stack.by_id(id) {
        Some(owner) => format!("service:{}", owner.service),
        None => format!("container:{}", id.get(..12).unwrap_or(id)),
    }
}
