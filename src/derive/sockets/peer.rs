//! Whose the other end of a connection is.

use std::net::IpAddr;

use crate::derive::Connection;
use crate::observation::Opening;
use crate::stack::{Container, Stack};

/// The gateway of Docker's default bridge, where nobody has moved it.
const DEFAULT_GATEWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 17, 0, 1));

/// Who is at the other end.
pub(super) enum Peer<'a> {
    /// A container of the stack, in another namespace.
    Container(&'a Container),
    /// A container of the stack, by a port of the host, and its own port.
    Published(&'a Container, u16),
    /// Somebody else, by a name or an address.
    Outside(String),
}

impl<'a> Peer<'a> {
    /// `None` where it is the client itself, or nobody can say who it is.
    pub(super) fn of(stack: &'a Stack, owner: &Container, opening: &Opening) -> Option<Self> {
        let address = opening.address.to_canonical();
        if address.is_multicast() || address.is_unspecified() || address.is_loopback() {
            return None;
        }
        let has = |container: &&Container| container.addresses().any(|own| own == address);
        let neighbour = stack.neighbours.iter().find(|neighbour| neighbour.address == address);
        let mut servers = stack.containers.iter().filter(has);
        if let Some(server) = servers.next() {
            let alone = servers.next().is_none() && neighbour.is_none();
            return (alone && !stack.share_namespace(server, owner)).then_some(Self::Container(server));
        }
        if owner.attachments.iter().any(|at| at.gateway == Some(address)) || address == DEFAULT_GATEWAY {
            return Some(match bound(stack, address, opening.port) {
                Some((server, port)) => Self::Published(server, port),
                None => Self::Outside(name_of_host(owner, address)),
            });
        }
        if let Some(neighbour) = neighbour {
            return Some(Self::Outside(neighbour.container.clone()));
        }
        // An address of a network of the stack that nobody has now: whoever had it is gone, or comes and goes.
        let near = stack.networks.iter().any(|network| network.contains(address));
        (!near).then(|| Self::Outside(address.to_string()))
    }

    /// Whether a connection leads to this peer, by the port that is connected to.
    pub(super) fn is_of(&self, stack: &Stack, known: &Connection, port: u16) -> bool {
        if known.target.port != port {
            return false;
        }
        match (self, &known.published) {
            (Self::Container(server), None) => {
                let there = known.leads_to(stack);
                let mut members = stack.containers.iter().filter(|other| stack.share_namespace(other, server));
                members.any(|member| there.contains(member.service.as_str()))
            }
            (Self::Published(server, port), Some(published)) => {
                (&published.container, published.container_port) == (&server.id, *port)
            }
            _ => false,
        }
    }
}

/// The container for which the engine has bound this port of its machine, at this address of it or at all.
fn bound(stack: &Stack, address: IpAddr, port: u16) -> Option<(&Container, u16)> {
    stack.containers.iter().filter(|container| container.is_running()).find_map(|container| {
        let here = |at: IpAddr| at.is_unspecified() || at == address;
        let bound = container.ports.iter().find(|bound| bound.host_port == Some(port) && here(bound.host_address))?;
        Some((container, bound.container_port))
    })
}

/// What clients call a container that has this address: its service, where the network knows that name.
pub(super) fn name(server: &Container, address: IpAddr) -> String {
    let there = server.attachments.iter().find(|at| at.addresses.contains(&address));
    let known = |name: &str| there.is_some_and(|at| at.names.iter().any(|known| known.eq_ignore_ascii_case(name)));
    [&server.service, &server.name]
        .into_iter()
        .find(|name| known(name))
        .map_or_else(|| address.to_string(), Clone::clone)
}

/// What a container calls the host, where one of its extra hosts says so.
pub(super) fn name_of_host(owner: &Container, address: IpAddr) -> String {
    let entries = owner.extra_hosts.iter().filter_map(|entry| entry.split_once([':', '=']));
    let mut gateways = entries.filter(|(_, to)| *to == "host-gateway").map(|(name, _)| name.to_owned());
    gateways.next().unwrap_or_else(|| address.to_string())
}
