//! What to do about what was seen, where no rule says why: as far as the facts tell, the very thing to change.

use std::net::IpAddr;

use super::generic::server;
use super::{Facts, Failed, Seen, kafka_listeners};
use crate::observation::{Depth, FailureKind as Kind, KafkaPeer, Observation, Peer, PhaseName};
use crate::plan::Tls;
use crate::stack::Container;
use crate::target::Protocol;
use crate::text;

pub(super) fn refused_help(facts: &Facts, failed: &Failed) -> String {
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
pub(super) fn kafka_starts(facts: &Facts, failed: &Failed) -> Option<String> {
    let container = failed.server(facts)?;
    let listeners = facts.listening(container)?;
    let (variable, bound) = kafka_listeners::bound(container)?;
    let port = failed.server_port(facts);
    let is_open = |port: &u16| listeners.iter().any(|listener| listener.port == *port);
    (bound.contains(&port) && !is_open(&port) && bound.iter().any(is_open)).then_some(variable)
}

/// Whether somebody in the network is refused at the very port that a published one leads to, where nothing listens.
pub(super) fn refused_inside(facts: &Facts, failed: &Failed) -> bool {
    let (Some(server), port) = (failed.server(facts), failed.server_port(facts)) else { return false };
    let silent = facts.listening(server).is_some_and(|listeners| !listeners.iter().any(|l| l.port == port));
    let refused = |seen: &Seen| {
        let failure = seen.failure.as_ref().filter(|failure| failure.kind == Kind::Refused)?;
        let other = Failed { seen, redirect: None, failure };
        Some(other.server(facts)?.id == server.id && other.server_port(facts) == port)
    };
    silent && facts.checks.iter().any(|seen| refused(seen) == Some(true))
}

pub(super) fn closed_help(facts: &Facts, failed: &Failed) -> String {
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

/// What to do where something else answers than the client speaks.
pub(super) fn wrong_protocol_help(facts: &Facts, failed: &Failed) -> String {
    if let Some(Peer::Kafka(KafkaPeer { controller: true, .. })) =
        failed.observation().and_then(|seen| seen.peer.as_ref())
    {
        return format!(
            "port {} is for the cluster's controllers: use the port of a listener for clients",
            failed.port()
        );
    }
    if let Some((port, shown)) = spoken_elsewhere(facts, failed) {
        return format!(
            "{} speaks {} on port {port}, as {} shows: in {}, set {}",
            server(facts, failed),
            failed.seen.check.target.protocol.scheme(),
            shown.check.id,
            failed.seen.check.from,
            failed.correction(failed.host(), port)
        );
    }
    format!("something else answered at {}: look which service listens on that port", failed.address())
}

/// The one other port on which the same server speaks the client's protocol, and the check that had an answer there.
fn spoken_elsewhere<'a>(facts: &'a Facts, failed: &Failed) -> Option<(u16, &'a Seen)> {
    let check = &failed.seen.check;
    if !failed.is(&[Kind::WrongProtocol]) || failed.redirect.is_some() || check.published.is_some() {
        return None;
    }
    let server = failed.server(facts)?;
    let place = |seen: &Seen| seen.check.place(&facts.stack);
    let answered = |seen: &&Seen| {
        seen.check.target.protocol == check.target.protocol
            && seen.failure.is_none()
            && seen.observation.as_ref().is_some_and(|seen| seen.depth >= Depth::Answered)
            && place(seen).0 == server.id
    };
    let mut others = facts.checks.iter().filter(answered);
    let first = others.next()?;
    let port = place(first).1;
    (port != failed.port() && others.all(|other| place(other).1 == port)).then_some((port, first))
}

/// What to do where a server speaks in plain text to a client that speaks TLS, and else where the two do not agree.
pub(super) fn tls_help(facts: &Facts, failed: &Failed) -> String {
    let server = server(facts, failed);
    if !failed.failure.detail.contains("without TLS") {
        return format!("compare the TLS settings of {server} with those of the client");
    }
    match failed.seen.check.target.protocol {
        Protocol::Http | Protocol::Https => format!("{server} answers in plain text: use http:// or its TLS port"),
        _ => format!(
            "{server} answers in plain text: use the form of the address without TLS in {}, or its TLS port",
            failed.origin()
        ),
    }
}

/// Why a container has no way to an address, by the networks that it is on.
pub(super) fn no_way_help(facts: &Facts, failed: &Failed, client: &Container) -> String {
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
pub(super) fn unresolved_help(facts: &Facts, failed: &Failed) -> String {
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
