//! TLS or SASL on one side only, or another SASL mechanism on each.

use super::{Cause, Facts, Failed, Rule, kafka_listeners};
use crate::observation::{FailureKind as Kind, KafkaPeer, Peer};
use crate::stack::Container;
use crate::target::Protocol;
use crate::text;

/// The client speaks to a listener in another way than the listener does, as was seen on that very port.
pub const RULE: Rule = Rule::new("kafka-security-protocol-mismatch", explain);

/// Every variable of brokers that is read here.
pub const VARIABLES_READ: &[&str] =
    &["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP"];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let check = &failed.seen.check;
    if check.target.protocol != Protocol::Kafka {
        return None;
    }
    let peer = match failed.observation().and_then(|seen| seen.peer.as_ref()) {
        Some(Peer::Kafka(peer)) => Some(peer),
        _ => None,
    };
    let (client, listener) = sides(failed, peer)?;
    let from = check.from.identity();
    let broker = failed.server(facts);
    let server = broker.map_or_else(|| failed.host().to_owned(), |broker| broker.service.clone());
    let port = failed.server_port(facts);
    let known = broker.map(listeners).unwrap_or_default();
    let own = known.iter().find(|listener| listener.bound == port);
    let name = own.map(|listener| format!(" {}", listener.name)).unwrap_or_default();
    let sent = match failed.redirect {
        Some(redirect) => format!(", to which {} sends it ({}),", check.target.address(), redirect.name),
        None => String::new(),
    };
    Some(Cause {
        subject: format!("{from} -> {server}:{port}"),
        message: format!("{from} {client}, and {server}'s listener{name} on port {port}{sent} {listener}"),
        service: Some(from),
        evidence: vec![failed.evidence()],
        help: help(facts, failed, peer, &known, own),
    })
}

/// What the client does, and what the listener does instead, where that was seen.
fn sides(failed: &Failed, peer: Option<&KafkaPeer>) -> Option<(String, String)> {
    let security = &failed.seen.check.security;
    let mechanism = security.mechanism.as_deref().unwrap_or_default();
    let protocol = security.kafka_protocol().map(|protocol| format!(" ({protocol})")).unwrap_or_default();
    match (failed.failure.kind, peer.and_then(|peer| peer.mechanisms.as_deref())) {
        (Kind::TlsFailed, _) if peer.and_then(|peer| peer.tls) == Some(false) => {
            Some((format!("speaks TLS{protocol}"), "speaks none".into()))
        }
        (Kind::TlsExpected, _) => Some((format!("speaks no TLS{protocol}"), "wants it".into())),
        (Kind::AuthenticationRequired, Some(offered)) => {
            let offered = if offered.is_empty() { String::new() } else { format!(" ({})", text::list(offered)) };
            Some((format!("does not log in{protocol}"), format!("wants SASL{offered}")))
        }
        (Kind::AuthenticationUnsupported, Some([])) => {
            let mechanism = if mechanism.is_empty() { "SASL" } else { mechanism };
            Some((format!("logs in by {mechanism}{protocol}"), "does no SASL".into()))
        }
        (Kind::AuthenticationUnsupported, Some(offered)) => {
            Some((format!("logs in by {mechanism}{protocol}"), format!("has {} only", text::list(offered))))
        }
        _ => None,
    }
}

/// A listener and what it speaks.
struct Known {
    name: String,
    address: String,
    host: String,
    bound: u16,
    protocol: String,
}

/// The listeners that a broker advertises, and the security protocol of each by its own map.
fn listeners(broker: &Container) -> Vec<Known> {
    let map = VARIABLES_READ.iter().find_map(|name| broker.variable(name)).unwrap_or_default();
    let protocol = |name: &str| {
        let mut entries = map.split(',').filter_map(|entry| entry.trim().split_once(':'));
        let written = entries.find(|(listener, _)| listener.eq_ignore_ascii_case(name)).map_or(name, |(_, it)| it);
        written.trim().to_ascii_uppercase()
    };
    let all = kafka_listeners::settings(broker).advertised.into_iter();
    all.map(|listener| Known {
        protocol: protocol(&listener.name),
        address: listener.address(),
        name: listener.name,
        host: listener.host,
        bound: listener.bound,
    })
    .collect()
}

/// The client's setting and the value that fits the listener; another listener that fits the client as it is.
fn help(facts: &Facts, failed: &Failed, peer: Option<&KafkaPeer>, known: &[Known], own: Option<&Known>) -> String {
    let check = &failed.seen.check;
    let security = &check.security;
    let from = check.from.identity();
    let mechanism = failed.is(&[Kind::AuthenticationUnsupported])
        && peer.and_then(|peer| peer.mechanisms.as_ref()).is_some_and(|offered| !offered.is_empty());
    let mut lines = Vec::new();
    if mechanism {
        let setting = check.setting("mechanism-variable").unwrap_or("sasl.mechanism");
        let offered = peer.and_then(|peer| peer.mechanisms.as_deref()).unwrap_or_default();
        lines.push(format!("in {from}, set {setting} to {}, with a user that exists for it", offered.join(" or ")));
    } else {
        let setting = check.setting("security-variable").unwrap_or("security.protocol");
        let protocol = own.map_or_else(|| wanted(failed, security.mechanism.is_some()), |own| own.protocol.clone());
        let login = if protocol.starts_with("SASL") && security.mechanism.is_none() {
            ", and give it sasl.mechanism and a login"
        } else {
            ""
        };
        lines.push(format!("in {from}, set {setting} to {protocol}{login}"));
    }
    let fits = |other: &&Known| {
        Some(other.protocol.as_str()) == security.kafka_protocol()
            && own.is_some_and(|own| own.bound != other.bound)
            && facts
                .stack
                .named(&other.host)
                .iter()
                .any(|it| Some(it.id.as_str()) == failed.server(facts).map(|s| s.id.as_str()))
    };
    if let (Some(other), false) = (known.iter().find(fits), mechanism) {
        lines.push(format!(
            "or use the listener that speaks {} as {from} does: {} ({}), in {}",
            other.protocol,
            other.address,
            other.name,
            failed.origin()
        ));
    }
    lines.join("\n")
}

/// What the client has to be set to, as far as it can be told from what was seen on the port alone.
fn wanted(failed: &Failed, sasl: bool) -> String {
    let tls = failed.seen.check.security.kafka_protocol().is_some_and(|protocol| protocol.ends_with("SSL"));
    match (failed.failure.kind, tls, sasl) {
        (Kind::TlsFailed, _, true) | (Kind::AuthenticationRequired, false, _) => "SASL_PLAINTEXT",
        (Kind::TlsFailed, _, false) | (Kind::AuthenticationUnsupported, false, _) => "PLAINTEXT",
        (Kind::TlsExpected, _, true) | (Kind::AuthenticationRequired, true, _) => "SASL_SSL",
        _ => "SSL",
    }
    .to_owned()
}
