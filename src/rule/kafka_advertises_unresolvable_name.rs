//! The broker sends its client to a name that the client cannot resolve.

use super::{Cause, Facts, Failed, Rule, kafka_listeners};
use crate::observation::FailureKind as Kind;

/// A redirect whose host has no address where the client is.
pub const RULE: Rule = Rule::new("kafka-advertises-unresolvable-name", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    if !failed.is(&[Kind::NameNotFound, Kind::ResolverFailed]) {
        return None;
    }
    let broker = failed.first_server(facts);
    let service = broker.map_or_else(|| failed.seen.check.target.host.clone(), |broker| broker.service.clone());
    let on_host = failed.seen.check.from.is_machine();
    let whom = if on_host { format!("the {}", failed.seen.check.from) } else { failed.seen.check.from.identity() };
    let named = facts.stack.named(&redirect.host);
    let engine = redirect.host.ends_with(".docker.internal");
    let why = match (on_host, named.first()) {
        _ if engine => "a name that exists only where it is asked for",
        (true, Some(_)) => "a name of the containers' network, which the host does not know",
        (false, Some(_)) => "a service on a network that the client is not on",
        (_, None) => "a name that nobody here has",
    };
    let mend = match broker {
        _ if engine && !on_host => format!("give {whom} `extra_hosts: [\"{}:host-gateway\"]`", redirect.host),
        Some(broker) if on_host => kafka_listeners::mend(broker),
        _ => format!("let {service} advertise a name that {whom} can resolve"),
    };
    Some(Cause {
        subject: format!("{service} {}{}", redirect.address(), if on_host { " on the host" } else { "" }),
        service: Some(service.clone()),
        message: format!(
            "{service} sends {} to {}: {why}",
            if on_host { "clients on the host" } else { &whom },
            redirect.address()
        ),
        evidence: vec![failed.evidence()],
        help: mend,
    })
}
