//! Inside a container, localhost is the container itself.

use std::collections::BTreeSet;

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::target::host_and_port;
use crate::text;

/// A client's address is localhost while another service is meant.
pub const RULE: Rule = Rule::new("localhost-in-container", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is_loopback() {
        return None;
    }
    if !failed.is(&[
        Kind::Refused,
        Kind::TimedOut,
        Kind::WrongProtocol,
        Kind::Closed,
        Kind::Reset,
        Kind::Silent,
        Kind::Unreachable,
    ]) {
        return None;
    }
    let client = failed.client(facts)?;
    // Whoever shares the client's network and has that port is meant, and something is wrong with it.
    if failed.server(facts).is_some_and(|server| server.id != client.id) {
        return None;
    }
    let port = failed.port();
    let meant = meant(facts, client, port);
    let from_settings = failed.seen.check.origins.iter().any(|origin| origin.kind.is_setting());
    if client.on_host_network() || (meant.is_empty() && !from_settings) {
        return None;
    }
    let (service, address) = (&client.service, failed.address());
    let near = |other: &&Container| other.service != *service && facts.stack.share_namespace(other, client);
    let near: Vec<_> = facts.stack.containers.iter().filter(near).map(Container::label).collect();
    let itself = match near.as_slice() {
        [] => format!("{service} itself"),
        _ => format!("{service} itself and whoever shares its network ({})", text::list(&near)),
    };
    let (help, whom) = match meant.as_slice() {
        [] => {
            (format!("in {service}, set {} to the name of the service that is meant", failed.origin()), String::new())
        }
        [(server, inner)] => (
            format!("in {service}, set {}", failed.correction(&server.service, *inner)),
            format!(", not {}", server.service),
        ),
        several => {
            let addresses: Vec<_> =
                several.iter().map(|(server, inner)| host_and_port(&server.service, *inner)).collect();
            (
                format!("in {service}, set {} to the one that is meant: {}", failed.origin(), text::list(&addresses)),
                String::new(),
            )
        }
    };
    Some(Cause {
        subject: format!("{service} -> {address}"),
        service: Some(service.clone()),
        message: format!("{service} looks for {address}, and inside a container that is {itself}{whom}"),
        evidence: vec![failed.evidence()],
        help,
    })
}

fn share_a_network(one: &Container, other: &Container) -> bool {
    one.network_names().any(|name| other.network_names().any(|own| own == name))
}

/// The services that have this port, in their containers or else on the host, with their ports in the network.
fn meant<'a>(facts: &'a Facts, client: &Container, port: u16) -> Vec<(&'a Container, u16)> {
    let others = || facts.stack.containers.iter().filter(|other| !facts.stack.share_namespace(other, client));
    let inside = |other: &&Container| {
        other.exposed.contains(&port) || other.wanted_ports.iter().any(|bound| bound.container_port == port)
    };
    let mut found: Vec<_> = others().filter(inside).map(|other| (other, port)).collect();
    if found.is_empty() {
        let published = |other: &'a Container| {
            let bound = other.ports.iter().chain(&other.wanted_ports).find(|bound| bound.host_port == Some(port))?;
            Some((other, bound.container_port))
        };
        found = others().filter_map(published).collect();
    }
    // Whoever is on another network is not reached by name. Of replicas one says it for all.
    if found.iter().any(|(other, _)| share_a_network(other, client)) {
        found.retain(|(other, _)| share_a_network(other, client));
    }
    let mut known = BTreeSet::new();
    found.retain(|(other, inner)| known.insert((other.service.as_str(), *inner)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, stack};

    #[test]
    fn of_those_who_have_the_port_the_reachable_ones_are_named_once() {
        let server = |service: &str, number: u32| {
            let mut server = container(service, "any:1");
            (server.exposed, server.number) = (vec![6379], number);
            server.id = format!("{service}-{number}");
            server
        };
        let named = |stack| {
            let facts = Facts { stack, ..Facts::default() };
            let client = facts.stack.of_service("app").next().expect("a client");
            meant(&facts, client, 6379).iter().map(|(other, _)| other.service.clone()).collect::<Vec<_>>()
        };
        let containers = || {
            vec![
                container("app", "any:1"),
                server("cache", 1),
                server("store", 1),
                server("cache", 2),
                server("away", 1),
            ]
        };
        let mut apart = stack(containers());
        for at in apart.containers.iter_mut().filter(|it| it.service == "away").flat_map(|it| &mut it.attachments) {
            at.network = "shop_back".into();
        }
        assert_eq!(named(apart.clone()), ["cache", "store"]);
        // Where nobody is reachable, whom it means is said all the same.
        apart.containers.retain(|container| matches!(container.service.as_str(), "app" | "away"));
        assert_eq!(named(apart), ["away"]);
    }
}
