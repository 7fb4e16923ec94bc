//! What was seen, where no rule before says why. Each kind of failure has its id, so that no failed check is left
//! without a finding.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, Rule, Seen, kafka_listeners, unknown_database};
use crate::observation::{Depth, FailureKind as Kind, HttpPeer, KafkaPeer, Observation, Peer, PhaseName};
use crate::plan::Tls;
use crate::stack::Container;
use crate::target::Protocol;
use crate::text;

/// The generic rules; they stand last in the registry.
pub const CONNECTION_REFUSED: Rule = Rule::new("connection-refused", |facts, failed| {
    // A published port is one cause with what clients of the same port see: of a broker that starts, or refused.
    let published = failed.redirect.is_none() && failed.seen.check.published.is_some();
    if published
        && failed.is(&[Kind::Closed, Kind::Reset, Kind::Silent])
        && (kafka_starts(facts, failed).is_some() || refused_inside(facts, failed))
    {
        return seen(facts, failed, &[failed.failure.kind], "refuses connections", refused_help);
    }
    seen(facts, failed, &[Kind::Refused], "refuses connections", refused_help)
});

/// Nothing came back.
pub const CONNECTION_TIMED_OUT: Rule = Rule::new("connection-timed-out", |facts, failed| {
    seen(facts, failed, &[Kind::TimedOut], "does not answer connection requests", |_, failed| {
        format!(
            "packets to {} are dropped on the way: look for a firewall, a full listen backlog, or a network that the two do not share",
            failed.address()
        )
    })
});

/// Accepted, then nothing.
pub const CLOSED_WITHOUT_ANSWER: Rule = Rule::new("closed-without-answer", |facts, failed| {
    let published = failed.redirect.is_none() && failed.seen.check.published.is_some();
    let kinds: &[Kind] =
        if published { &[Kind::Closed, Kind::Silent, Kind::Reset] } else { &[Kind::Closed, Kind::Silent] };
    seen(facts, failed, kinds, "accepts connections and then gives no answer", closed_help)
});

/// Broken off.
pub const CONNECTION_RESET: Rule = Rule::new("connection-reset", |facts, failed| {
    seen(facts, failed, &[Kind::Reset], "breaks connections off", |facts, failed| {
        format!(
            "the server, or a proxy before it, ends the connection: its log around this time says why ({})",
            server(facts, failed)
        )
    })
});

/// No address.
pub const NAME_NOT_RESOLVED: Rule = Rule::new("name-not-resolved", |facts, failed| {
    let from = &failed.seen.check.from;
    failed.is(&[Kind::NameNotFound, Kind::ResolverFailed]).then(|| Cause {
        subject: format!("{} -> {}", from.identity(), failed.host()),
        service: failed.client(facts).map(|client| client.service.clone()),
        message: format!("the name {} has no address for {from}", failed.host()),
        evidence: vec![failed.evidence()],
        help: unresolved_help(facts, failed),
    })
});

/// No route.
pub const NETWORK_UNREACHABLE: Rule = Rule::new("network-unreachable", |facts, failed| {
    let from = &failed.seen.check.from;
    // Only where the system says so of the network is it the one who looks that has no way; else nobody answers there.
    let Some(client) = failed.client(facts).filter(|_| failed.failure.detail.contains("network is unreachable")) else {
        return seen(facts, failed, &[Kind::Unreachable], "cannot be reached: there is no route to it", |_, failed| {
            format!("look whether {} is still an address of that server", failed.host())
        });
    };
    failed.is(&[Kind::Unreachable]).then(|| Cause {
        subject: format!("{} -> {}", from.identity(), failed.address()),
        service: Some(client.service.clone()),
        message: format!("{} has no way to {}: there is no route to it", client.service, failed.address()),
        evidence: vec![failed.evidence()],
        help: no_way_help(facts, failed, client),
    })
});

/// Someone else.
pub const WRONG_PROTOCOL: Rule = Rule::new("wrong-protocol", |facts, failed| {
    let scheme = failed.seen.check.target.protocol.scheme();
    let what = format!("does not speak {scheme}");
    seen(facts, failed, &[Kind::WrongProtocol, Kind::WrongIdentity], &what, |_, failed| {
        if let Some(Peer::Kafka(KafkaPeer { controller: true, .. })) =
            failed.observation().and_then(|seen| seen.peer.as_ref())
        {
            return format!(
                "port {} is for the cluster's controllers: use the port of a listener for clients",
                failed.port()
            );
        }
        format!("something else answered at {}: look which service listens on that port", failed.address())
    })
});

/// No agreement.
pub const TLS_FAILED: Rule = Rule::new("tls-failed", |facts, failed| {
    seen(facts, failed, &[Kind::TlsFailed], "does not agree on TLS", |facts, failed| {
        if failed.failure.detail.contains("without TLS") {
            return format!("{} answers in plain text: use http:// or its TLS port", server(facts, failed));
        }
        format!("compare the TLS settings of {} with those of the client", server(facts, failed))
    })
});

/// Plain text to a TLS port.
pub const TLS_EXPECTED: Rule = Rule::new("tls-expected", |facts, failed| {
    seen(facts, failed, &[Kind::TlsExpected], "wants TLS, and the client's address says plain text", |facts, failed| {
        match failed.seen.check.target.protocol {
            // TLS is a matter of the account there, not of the port.
            Protocol::Mysql | Protocol::Postgres => format!(
                "have the client speak TLS (sslmode or sslMode in {}), or let {} take the account without",
                failed.origin(),
                server(facts, failed)
            ),
            _ => format!("use the TLS form of the address in {}, or the server's port without TLS", failed.origin()),
        }
    })
});

/// A certificate for others.
pub const CERTIFICATE_NAME_MISMATCH: Rule = Rule::new("certificate-name-mismatch", |facts, failed| {
    seen(facts, failed, &[Kind::CertificateName], "shows a certificate for other names", |_, failed| {
        format!("use a name of the certificate, or have one issued for {}", failed.host())
    })
});

/// An HTTP answer that means failure.
pub const HTTP_STATUS_UNEXPECTED: Rule = Rule::new("http-status-unexpected", |facts, failed| {
    let mut cause =
        seen(facts, failed, &[Kind::HttpStatus], "answers with a status that means failure", |facts, failed| {
            format!("the log of {} says why it answers so", server(facts, failed))
        })?;
    if let Some(Peer::Http(HttpPeer { body: Some(body), .. })) =
        failed.observation().and_then(|seen| seen.peer.as_ref())
    {
        cause.evidence.push(format!("it says: {body}"));
    }
    Some(cause)
});

/// A connection that must not be.
pub const FORBIDDEN_CONNECTION_OPEN: Rule = Rule::new("forbidden-connection-open", |_, failed| {
    let from = &failed.seen.check.from;
    failed.is(&[Kind::Open]).then(|| Cause {
        subject: failed.seen.check.id.clone(),
        service: Some(from.identity()),
        message: format!("{from} reaches {}, which it must not", failed.address()),
        evidence: vec![failed.evidence()],
        help: match &failed.seen.check.published {
            Some(published) => format!(
                "do not publish port {} of {}, or take the expectation back",
                published.container_port, published.service
            ),
            None => "put the two on networks that they do not share, or take the expectation back".into(),
        },
    })
});

/// Everything else that a client cannot work with.
pub const EXPECTATION_UNMET: Rule = Rule::new("expectation-unmet", |facts, failed| {
    let kind = failed.failure.kind;
    seen(facts, failed, &[kind], "answers, but not as its client needs it", |facts, failed| {
        let said = || format!("{} said: {}", server(facts, failed), failed.failure.detail);
        unknown_database::help_of_redis(facts, failed).unwrap_or_else(said)
    })
});

/// A cause about the server, for failures of these kinds.
pub(super) fn seen(
    facts: &Facts,
    failed: &Failed,
    kinds: &[Kind],
    what: &str,
    help: fn(&Facts, &Failed) -> String,
) -> Option<Cause> {
    if !failed.is(kinds) {
        return None;
    }
    let server = failed.server(facts);
    let itself = |container: &Container| {
        failed.is_loopback() && failed.client(facts).is_none_or(|client| client.id == container.id)
    };
    let subject = match server {
        Some(container) if !itself(container) || failed.seen.check.published.is_some() => {
            format!("{}:{}", container.label(), failed.server_port(facts))
        }
        _ => format!("{} -> {}", failed.seen.check.from.identity(), failed.address()),
    };
    let said = if failed.is(&[Kind::Refused, Kind::TimedOut]) {
        String::new()
    } else {
        format!(" ({})", failed.failure.detail)
    };
    Some(Cause {
        message: format!("{} {what}{said}", place(facts, failed)),
        service: server.or(failed.client(facts)).map(|container| container.service.clone()),
        subject,
        evidence: vec![failed.evidence()],
        help: help(facts, failed),
    })
}

/// How the failed address is named in a message.
fn place(facts: &Facts, failed: &Failed) -> String {
    match (&failed.redirect, &failed.seen.check.published, neighbour(facts, failed)) {
        (None, Some(published), _) => {
            format!("{}'s port {}, published as {},", published.service, published.container_port, failed.address())
        }
        (_, _, Some(server)) => {
            format!("{}'s port {}, which is {} there,", server.label(), failed.port(), failed.address())
        }
        _ => failed.address(),
    }
}

/// The server in the client's own network namespace that a loopback address means.
fn neighbour<'a>(facts: &'a Facts, failed: &Failed) -> Option<&'a Container> {
    let (client, server) = (failed.client(facts)?, failed.server(facts)?);
    (failed.is_loopback() && client.id != server.id).then_some(server)
}

/// How the server is named in what is to be done.
pub(super) fn server(facts: &Facts, failed: &Failed) -> String {
    match (&failed.redirect, &failed.seen.check.published) {
        (None, Some(published)) => published.service.clone(),
        _ => neighbour(facts, failed).map_or_else(|| failed.host().to_owned(), |server| server.service.clone()),
    }
}

fn refused_help(facts: &Facts, failed: &Failed) -> String {
    let Some(container) = failed.server(facts) else {
        return format!(
            "nothing listens on {}: start the server, or correct the address in {}",
            failed.address(),
            failed.origin()
        );
    };
    let port = failed.server_port(facts);
    let bound = facts.listening(container).into_iter().flatten().filter(|listener| listener.port == port);
    let bound: Vec<_> = bound.map(|listener| listener.address).collect();
    if !bound.is_empty() && failed.seen.check.published.is_some() {
        return format!(
            "{} listens on {port}, and the engine has not published it: is the service on `internal` networks alone?",
            container.label()
        );
    }
    // The sockets were looked at after the connection was tried.
    let tried_v6 = !failed.addresses().is_empty() && failed.addresses().iter().all(IpAddr::is_ipv6);
    if bound.iter().any(|bound| bound.is_unspecified() && (bound.is_ipv6() || !tried_v6)) {
        return format!("{} listens on {port} by now: it was still starting, so look again", container.label());
    }
    if !bound.is_empty() {
        let bound: Vec<_> = bound.iter().map(ToString::to_string).collect();
        return format!(
            "in {}, port {port} is bound to {} only: let it listen on all addresses",
            container.label(),
            text::list(&bound)
        );
    }
    if let Some(variable) = kafka_starts(facts, failed) {
        return format!(
            "{variable} names {port}, which is not open yet: {} is still starting; look again, or at its log",
            container.label()
        );
    }
    match listening_ports(facts, failed) {
        Some(ports) if ports.is_empty() => {
            format!("{} runs, but nothing in it listens yet: look at its log", container.label())
        }
        Some(ports) => format!(
            "nothing listens on port {} of {}; it listens on {}: correct the port, or let the server listen there",
            failed.server_port(facts),
            container.label(),
            text::list(&ports)
        ),
        None => {
            format!("nothing listens on port {} of {}: look at its log", failed.server_port(facts), container.label())
        }
    }
}

/// The setting of a Kafka node that names the port, where that is not open yet and another one of the setting is: the
/// listener for controllers comes first.
fn kafka_starts(facts: &Facts, failed: &Failed) -> Option<String> {
    let container = failed.server(facts)?;
    let listeners = facts.listening(container)?;
    let (variable, bound) = kafka_listeners::bound(container)?;
    let port = failed.server_port(facts);
    let is_open = |port: &u16| listeners.iter().any(|listener| listener.port == *port);
    (bound.contains(&port) && !is_open(&port) && bound.iter().any(is_open)).then_some(variable)
}

/// Whether somebody in the network is refused at the very port that a published one leads to, where nothing listens.
fn refused_inside(facts: &Facts, failed: &Failed) -> bool {
    let (Some(server), port) = (failed.server(facts), failed.server_port(facts)) else { return false };
    let silent = facts.listening(server).is_some_and(|listeners| !listeners.iter().any(|l| l.port == port));
    let refused = |seen: &Seen| {
        let failure = seen.failure.as_ref().filter(|failure| failure.kind == Kind::Refused)?;
        let other = Failed { seen, redirect: None, failure };
        Some(other.server(facts)?.id == server.id && other.server_port(facts) == port)
    };
    silent && facts.checks.iter().any(|seen| refused(seen) == Some(true))
}

fn closed_help(facts: &Facts, failed: &Failed) -> String {
    if failed.redirect.is_none() && failed.seen.check.published.is_some() {
        let port = failed.server_port(facts);
        return match listening_ports(facts, failed) {
            Some(ports) if !ports.contains(&port.to_string()) => format!(
                "the engine accepts connections for a published port even when nothing is behind it: nothing in {} listens on {port}{}",
                server(facts, failed),
                if ports.is_empty() { String::new() } else { format!(" (it listens on {})", text::list(&ports)) },
            ),
            _ => format!(
                "the engine accepts connections for a published port by itself: look whether {} serves port {port}",
                server(facts, failed)
            ),
        };
    }
    if let Some(plain) = spoken_without_tls(facts, failed) {
        return format!(
            "{} speaks without TLS on that port, as {} shows: use the form of the address without TLS in {}, or a port with it",
            server(facts, failed),
            plain.check.id,
            failed.origin()
        );
    }
    let slow = if failed.is(&[Kind::Silent]) { "; --timeout gives it more time" } else { "" };
    format!(
        "look whether {} is still starting, hangs, or expects another protocol on that port{slow}",
        server(facts, failed)
    )
}

/// The check that had an answer without TLS where this one had none with it.
fn spoken_without_tls<'a>(facts: &'a Facts, failed: &Failed) -> Option<&'a Seen> {
    let check = &failed.seen.check;
    if failed.redirect.is_some() || failed.failure.phase != PhaseName::Tls {
        return None;
    }
    let answered = |seen: &&Seen| {
        let plain = |seen: &Observation| seen.depth >= Depth::Answered && seen.certificate.is_none();
        seen.check.target.protocol == check.target.protocol
            && seen.check.security.tls != Tls::Required
            && seen.check.place(&facts.stack) == check.place(&facts.stack)
            && seen.observation.as_ref().is_some_and(plain)
    };
    facts.checks.iter().find(answered)
}

/// Why a container has no way to an address, by the networks that it is on.
fn no_way_help(facts: &Facts, failed: &Failed, client: &Container) -> String {
    let near = facts.stack.namespace_owner(client);
    if near.network_mode == "none" {
        return format!("{} has `network_mode: none`, where nothing is reached: give it a network", near.service);
    }
    if failed.addresses().iter().any(IpAddr::is_ipv6) {
        return format!("give {} a network with `enable_ipv6`, or use an IPv4 address", near.service);
    }
    let internal = |name: &str| facts.stack.network(name).is_some_and(|network| network.internal);
    if near.attachments.is_empty() || !near.network_names().all(internal) {
        return format!("{} is on no network that {} has", failed.address(), near.service);
    }
    format!("{} is on `internal` networks alone, which have no way out: give it another network too", near.service)
}

/// Names that are known, and why they have no address here.
fn unresolved_help(facts: &Facts, failed: &Failed) -> String {
    let (host, from) = (failed.host(), failed.seen.check.from.to_string());
    let client = failed.client(facts);
    if host.ends_with(".docker.internal") {
        return format!(
            "give {from} `extra_hosts: [\"{host}:host-gateway\"]`: on Linux that name exists only where it is asked for"
        );
    }
    let named = facts.stack.named(host);
    let Some(server) = named.first() else {
        return format!("check the spelling of {host}, and that the resolver of {from} can be reached");
    };
    let label = server.label();
    match client {
        None => format!("{host} is a name of the containers' network; on the host use a published port of {label}"),
        Some(client) if client.network_mode == "none" => {
            format!("{from} has `network_mode: none`, where nothing has a name")
        }
        Some(_) => {
            format!("{host} is a name of {label} on another network than those of {from}: use {}", server.service)
        }
    }
}

/// The ports that other containers can reach in the server, where its sockets were looked at.
fn listening_ports(facts: &Facts, failed: &Failed) -> Option<Vec<String>> {
    let listeners = facts.listening(failed.server(facts)?)?;
    let mut ports: Vec<u16> = listeners.iter().filter(|l| !l.address.is_loopback()).map(|l| l.port).collect();
    ports.dedup();
    ports.truncate(8);
    Some(ports.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
#[path = "generic_tests.rs"]
mod tests;
