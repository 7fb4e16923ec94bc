//! The broker advertises its container's id, a name that only its own networks know and that changes with every recreation.

use super::{Cause, Facts, Failed, Rule, kafka_listeners};
use crate::observation::FailureKind as Kind;
use crate::plan::Vantage;
use crate::target::host_and_port;

/// A redirect to a container's id that has no address for this client.
pub const RULE: Rule = Rule::new("kafka-advertises-container-id", explain);

/// How many digits of its id a container has for a host name.
const DIGITS: usize = 12;

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    let host = redirect.host.split('.').next().unwrap_or_default();
    if !failed.is(&[Kind::NameNotFound, Kind::ResolverFailed]) || !is_id(host) {
        return None;
    }
    let containers = &facts.stack.containers;
    let owner = containers.iter().find(|container| container.id.starts_with(host));
    // Somebody may have chosen such a name.
    let chosen = owner.is_none()
        && (!facts.stack.named(host).is_empty() || containers.iter().any(|container| container.hostname == host));
    let broker = owner.or_else(|| failed.first_server(facts)).filter(|_| !chosen)?;
    let service = &broker.service;
    let settings = kafka_listeners::settings(broker);
    let empty = settings.advertised.iter().find(|listener| listener.host.is_empty() && listener.port == redirect.port);
    let on_host = failed.seen.check.from == Vantage::Host;
    let (whom, right) = if on_host {
        let port = failed.seen.check.published.as_ref().map_or(redirect.port, |_| failed.seen.check.target.port);
        ("clients on the host".to_owned(), host_and_port("localhost", port))
    } else {
        (failed.seen.check.from.identity(), host_and_port(service, redirect.port))
    };
    let whose = if owner.is_some() { "its container's id" } else { "the id of a container that is gone" };
    let mut evidence = vec![failed.evidence()];
    evidence.extend(empty.map(|listener| {
        format!(
            "{} has no host for {}: the broker takes its own host name, the container's id",
            settings.variable, listener.name
        )
    }));
    let name = empty.map_or_else(|| "the listener".to_owned(), |listener| listener.name.clone());
    Some(Cause {
        subject: format!("{service} container id{}", if on_host { " on the host" } else { "" }),
        service: Some(service.clone()),
        message: format!(
            "{service} sends {whom} to {whose}, a name that they do not know and that changes when it is recreated"
        ),
        evidence,
        help: format!(
            "in {} of {service}, advertise {name} as {right}{}",
            settings.variable,
            if on_host { "; clients in the network then need a listener of their own" } else { "" }
        ),
    })
}

fn is_id(host: &str) -> bool {
    host.len() == DIGITS && host.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
