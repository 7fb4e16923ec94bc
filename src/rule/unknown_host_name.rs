//! A name that nobody in the project has.

use std::collections::BTreeSet;

use super::{Cause, Facts, Failed, Rule};
use crate::nearest::nearest;
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::text;

/// A client asks for a name that no service, alias or container has.
pub const RULE: Rule = Rule::new("unknown-host-name", explain);

/// Names that the engine gives a meaning of its own.
const ENGINE_NAMES: [&str; 2] = ["host.docker.internal", "gateway.docker.internal"];

/// The services beside the client that are on a network of its own, or all where none is.
fn others<'a>(facts: &'a Facts, client: &Container) -> Vec<&'a str> {
    let shares = |other: &&Container| other.network_names().any(|name| client.network_names().any(|own| own == name));
    let beside = || facts.stack.containers.iter().filter(|other| other.service != client.service);
    let near: BTreeSet<_> = beside().filter(shares).map(|other| other.service.as_str()).collect();
    if near.is_empty() { facts.stack.services() } else { near.into_iter().collect() }
}

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is(&[Kind::NameNotFound, Kind::ResolverFailed]) {
        return None;
    }
    let client = failed.client(facts)?;
    let host = failed.host();
    // A name with dots belongs to the world outside, unless somebody here has it.
    if host.contains('.') || ENGINE_NAMES.contains(&host) || !facts.stack.named(host).is_empty() {
        return None;
    }
    let hostname_of = facts.stack.containers.iter().find(|container| container.hostname.eq_ignore_ascii_case(host));
    let waits = |container: &&Container| container.depends_on.iter().any(|before| before.service == host);
    if let Some(waiting) = facts.stack.containers.iter().find(waits) {
        return Some(Cause {
            subject: format!("{} -> {host}", client.service),
            service: Some(client.service.clone()),
            message: format!("the service {host} has no container: it was never started, or was removed"),
            evidence: vec![format!("{} depends on {host}", waiting.service), failed.evidence()],
            help: format!("docker compose up -d {host}"),
        });
    }
    let nearest = nearest(host, facts.stack.names().into_keys());
    let instead = match (hostname_of, &nearest) {
        (Some(owner), _) => Some(owner.service.clone()),
        (None, Some(name)) => Some((*name).to_owned()),
        (None, None) => None,
    };
    let help = match &instead {
        Some(name) => {
            format!(
                "did you mean {name}? In {}, set {}; if {host} is a service that was not started (a profile that is off): docker compose up -d {host}",
                client.service,
                failed.correction(name, failed.port())
            )
        }
        None => format!(
            "the services here are {}; {} names none of them",
            text::list(&others(facts, client)),
            failed.origin()
        ),
    };
    let why = hostname_of
        .map(|owner| format!("; it is the `hostname` of {}, which others cannot resolve", owner.label()))
        .unwrap_or_default();
    Some(Cause {
        subject: format!("{} -> {host}", client.service),
        service: Some(client.service.clone()),
        message: format!("no service, alias or container is called {host}{why}"),
        evidence: vec![failed.evidence()],
        help,
    })
}
