//! What was seen, where no rule before says why. Each kind of failure has its id, so that no failed check is left
//! without a finding.

use super::{Cause, Facts, Failed, Rule, generic_help, unknown_database};
use crate::observation::{FailureKind as Kind, Peer};
use crate::plan::OriginKind;
use crate::stack::Container;
use crate::target::Protocol;

/// The generic rules; they stand last in the registry.
pub const CONNECTION_REFUSED: Rule = Rule::new("connection-refused", |facts, failed| {
    // A published port is one cause with what clients of the same port see: of a broker that starts, or refused.
    let published = failed.redirect.is_none() && failed.seen.check.published.is_some();
    if published
        && failed.is(&[Kind::Closed, Kind::Reset, Kind::Silent])
        && (generic_help::kafka_starts(facts, failed).is_some() || generic_help::refused_inside(facts, failed))
    {
        return seen(facts, failed, &[failed.failure.kind], "refuses connections", generic_help::refused_help);
    }
    seen(facts, failed, &[Kind::Refused], "refuses connections", generic_help::refused_help)
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
    seen(facts, failed, kinds, "accepts connections and then gives no answer", generic_help::closed_help)
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
        help: generic_help::unresolved_help(facts, failed),
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
        help: generic_help::no_way_help(facts, failed, client),
    })
});

/// Someone else.
pub const WRONG_PROTOCOL: Rule = Rule::new("wrong-protocol", |facts, failed| {
    let scheme = failed.seen.check.target.protocol.scheme();
    let what = format!("does not speak {scheme}");
    seen(facts, failed, &[Kind::WrongProtocol, Kind::WrongIdentity], &what, generic_help::wrong_protocol_help)
});

/// No agreement.
pub const TLS_FAILED: Rule = Rule::new("tls-failed", |facts, failed| {
    seen(facts, failed, &[Kind::TlsFailed], "does not agree on TLS", generic_help::tls_help)
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
    let what = if failed.seen.check.wanted.conditions.is_empty() {
        "answers with a status that means failure"
    } else {
        "answers with another status than is expected"
    };
    let mut cause = seen(facts, failed, &[Kind::HttpStatus], what, |facts, failed| {
        format!("the log of {} says why it answers so", server(facts, failed))
    })?;
    let Some(Peer::Http(peer)) = failed.observation().and_then(|seen| seen.peer.as_ref()) else { return Some(cause) };
    let down = peer.application.iter().flat_map(|application| &application.down);
    let down: Vec<_> = down.map(|(component, state)| format!("its component {component} is {state}")).collect();
    // What is down says more than the answer that holds it.
    if let (true, Some(body)) = (down.is_empty(), &peer.body) {
        cause.evidence.push(format!("it says: {body}"));
    }
    cause.evidence.extend(down);
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
    if kind == Kind::Unmet {
        return Some(otherwise(facts, failed));
    }
    seen(facts, failed, &[kind], "answers, but not as its client needs it", |facts, failed| {
        let said = || format!("{} said: {}", server(facts, failed), failed.failure.detail);
        unknown_database::help_of_redis(facts, failed).unwrap_or_else(said)
    })
});

/// An answer that is not as the user's own file wants it: each such expectation is a cause of its own.
fn otherwise(facts: &Facts, failed: &Failed) -> Cause {
    let (check, detail) = (&failed.seen.check, &failed.failure.detail);
    let server = failed.server(facts).or(failed.client(facts));
    let origin = check.origins.iter().find(|origin| origin.kind == OriginKind::Declared);
    let place = origin.and_then(|origin| origin.location.as_ref());
    let at = place.map(|at| format!(" at {}:{}", at.file, at.line)).unwrap_or_default();
    Cause {
        subject: check.id.clone(),
        service: server.map(|container| container.service.clone()),
        message: format!("{} answers otherwise than {} expects: {detail}", failed.address(), check.from),
        evidence: vec![failed.evidence()],
        help: format!("mend what answers there, or the expectation{at} where it is out of date"),
    }
}

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

#[cfg(test)]
#[path = "generic_tests.rs"]
mod tests;
