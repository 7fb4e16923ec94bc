//! Whom a host's name or address means in a stack.

use std::net::IpAddr;

use crate::stack::{Container, Stack};
use crate::target::is_loopback;

/// Names that Docker gives the engine's host, or that people map to it by `host-gateway`.
const ENGINE_HOST: &[&str] =
    &["host.docker.internal", "gateway.docker.internal", "docker.for.mac.host.internal", "docker.for.mac.localhost"];

/// The gateway of Docker's default bridge, where nobody has moved it.
const DEFAULT_GATEWAY: &str = "172.17.0.1";

/// Whom a host means.
#[derive(Clone, Debug)]
pub enum Place<'a> {
    /// Containers of the stack, whether or not the asker can resolve the name.
    Containers(Vec<&'a Container>),
    /// The asker itself.
    Loopback,
    /// The engine's host, as containers see it.
    Gateway,
    /// An address on one of the stack's networks that no container has now.
    Network,
    /// A name without a dot that nobody in the stack has.
    Nobody,
    /// Anything else: the outside, a wildcard address.
    Outside,
}

/// Whom `host` means, asked by a container, or by the host where there is none.
#[must_use]
pub fn place<'a>(stack: &'a Stack, asker: Option<&Container>, host: &str) -> Place<'a> {
    let host = host.trim_end_matches('.');
    if is_loopback(host) {
        return Place::Loopback;
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return at(stack, address.to_canonical());
    }
    // Whoever joins a network has the hosts file of its owner.
    if let Some(mapped) = asker.and_then(|container| stack.namespace_owner(container).extra_host(host)) {
        let gateway = mapped == "host-gateway" || mapped == DEFAULT_GATEWAY;
        return match mapped.parse::<IpAddr>() {
            _ if gateway => Place::Gateway,
            Ok(address) if address.to_canonical().is_loopback() => Place::Loopback,
            Ok(address) => at(stack, address.to_canonical()),
            Err(_) => Place::Outside,
        };
    }
    let named = named(stack, host);
    if !named.is_empty() {
        return Place::Containers(named);
    }
    if is_name_of_engine_host(host) {
        return Place::Gateway;
    }
    if host.contains('.') || host.is_empty() { Place::Outside } else { Place::Nobody }
}

/// Whether Docker gives this name to the engine's host.
#[must_use]
pub fn is_name_of_engine_host(host: &str) -> bool {
    ENGINE_HOST.iter().any(|known| known.eq_ignore_ascii_case(host))
}

/// The containers of a name; Docker also answers to `name.network`.
fn named<'a>(stack: &'a Stack, host: &str) -> Vec<&'a Container> {
    let named = stack.named(host);
    if !named.is_empty() {
        return named;
    }
    // A host name is not always resolvable by others, but nobody else is meant.
    stack.containers.iter().filter(|c| !c.on_host_network() && c.hostname.eq_ignore_ascii_case(host)).collect()
}

fn at(stack: &Stack, address: IpAddr) -> Place<'_> {
    if address.is_unspecified() || address.is_multicast() {
        return Place::Outside;
    }
    let attachments = || stack.containers.iter().flat_map(|container| &container.attachments);
    if attachments().any(|at| at.gateway == Some(address)) || address.to_string() == DEFAULT_GATEWAY {
        return Place::Gateway;
    }
    if let Some(container) = stack.at_address(address) {
        return Place::Containers(vec![container]);
    }
    // The stack does not hold subnets; a neighbour in the same 256 addresses is surely on the same network.
    let near = |own: &IpAddr| match (own, address) {
        (IpAddr::V4(own), IpAddr::V4(address)) => own.octets()[..3] == address.octets()[..3],
        _ => false,
    };
    if attachments().flat_map(|at| &at.addresses).any(near) { Place::Network } else { Place::Outside }
}

/// The name of the stack that is most like this one, where it is so like it that it was probably meant.
#[must_use]
pub fn nearest<'a>(stack: &'a Stack, host: &str) -> Option<&'a str> {
    crate::nearest::nearest(host, stack.names().into_keys())
}

/// The container that publishes this port of the host, bound now or asked for.
#[must_use]
pub fn publisher(stack: &Stack, host_port: u16) -> Option<(&Container, u16)> {
    let find = |wanted: bool| {
        stack.containers.iter().find_map(|container| {
            let ports = if wanted { &container.wanted_ports } else { &container.ports };
            let port = ports.iter().find(|port| port.host_port == Some(host_port))?;
            Some((container, port.container_port))
        })
    };
    find(false).or_else(|| find(true))
}
