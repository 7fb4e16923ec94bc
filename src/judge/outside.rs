//! A service's name that leads out of the stack: somebody may answer there, and it is not the service.

use std::net::IpAddr;

use crate::observation::{Failure, FailureKind as Kind, Observation, PhaseName};
use crate::plan::Check;
use crate::stack::{Container, Neighbour, Stack};

/// Says that somebody outside of the stack answered for a service. Only a service's own name, without a dot, counts here:
/// whoever writes another name may mean the world outside.
#[must_use]
pub fn answered(stack: &Stack, check: &Check, observation: &Observation) -> Option<Failure> {
    let host = &check.target.host;
    if !stack.containers.iter().any(|container| container.service == *host) {
        return None;
    }
    let client = stack.by_id(check.from.container()?)?;
    let addresses = resolved(stack, client, host, observation)?;
    Some(Failure {
        phase: PhaseName::Resolve,
        kind: Kind::WrongIdentity,
        detail: match neighbour(stack, addresses[0]) {
            Some(other) => format!("{host} is {} here, which is {}, and that answers", addresses[0], whose(other)),
            None => format!(
                "{host} is {} here, which is on no network of the stack, and somebody answers there",
                addresses[0]
            ),
        },
    })
}

/// The container of somebody else, on a network of the stack, that has this address.
#[must_use]
pub fn neighbour(stack: &Stack, address: IpAddr) -> Option<&Neighbour> {
    stack.neighbours.iter().find(|neighbour| neighbour.address == address)
}

/// The container, and whose it is.
#[must_use]
pub fn whose(neighbour: &Neighbour) -> String {
    match &neighbour.project {
        Some(project) => format!("container {} of project {project}", neighbour.container),
        None => format!("container {}", neighbour.container),
    }
}

/// The addresses outside of the stack that a server of DNS gave for the name of one of its containers, where all of
/// them are outside and nothing that the stack declares leads there.
#[must_use]
pub fn resolved<'a>(
    stack: &Stack,
    client: &Container,
    host: &str,
    observation: &'a Observation,
) -> Option<&'a [IpAddr]> {
    let addresses = observation.addresses.as_slice();
    let by_dns = observation.resolver.as_ref().is_some_and(|resolver| resolver.starts_with("DNS server"));
    let named = stack.named(host);
    if addresses.is_empty() || !by_dns || host.contains('.') || named.is_empty() || client.extra_host(host).is_some() {
        return None;
    }
    // On the host's network, and for whoever lives there, the host's own names count.
    if client.on_host_network() || named.iter().any(|server| server.on_host_network() || server.joins().is_some()) {
        return None;
    }
    let near = stack.namespace_owner(client);
    let networks: Vec<_> = near.network_names().map(|name| stack.network(name)).collect();
    // Where a network's addresses are not known, nothing can be said to be outside of it.
    if networks.is_empty() || networks.iter().any(|network| network.is_none_or(|known| known.subnets.is_empty())) {
        return None;
    }
    let inside = |address: &IpAddr| {
        address.is_loopback()
            || stack.at_address(*address).is_some()
            // On a network that several projects share, another's service may have the same name.
            || neighbour(stack, *address).is_none() && stack.networks.iter().any(|network| network.contains(*address))
    };
    (!addresses.iter().any(inside)).then_some(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container};
    use crate::observation::Depth;
    use crate::plan::Vantage;
    use crate::stack::{Attachment, Network};
    use crate::target::Protocol;

    fn seen(address: &str, resolver: &str, host: &str) -> Option<Failure> {
        let at = |address: &str| {
            vec![Attachment {
                network: "shop_default".into(),
                addresses: vec![address.parse().unwrap()],
                ..Attachment::default()
            }]
        };
        let mut client = Container { attachments: at("172.20.0.2"), ..container("app", "app:1") };
        client.extra_hosts = vec!["mapped:203.0.113.9".into()];
        let cache = Container { attachments: at("172.20.0.3"), ..container("cache", "redis:7") };
        let mapped = Container { attachments: at("172.20.0.4"), ..container("mapped", "redis:7") };
        let subnets = vec![("172.20.0.0".parse().unwrap(), 16)];
        let networks = vec![Network { name: "shop_default".into(), subnets, ..Network::default() }];
        let from = crate::derive::vantage(&client);
        assert!(matches!(from, Vantage::Container { .. }));
        let project = Some("other".to_owned());
        let neighbour = Neighbour { container: "other-cache-1".into(), project, address: [172, 20, 0, 77].into() };
        let containers = vec![client, cache, mapped];
        let stack = Stack { containers, networks, neighbours: vec![neighbour], ..Stack::default() };
        let check = testing::check(from, Protocol::Redis, host, 6379);
        let observation = Observation {
            addresses: vec![address.parse().unwrap()],
            resolver: Some(resolver.into()),
            depth: Depth::Answered,
            ..Observation::default()
        };
        answered(&stack, &check, &observation)
    }

    #[test]
    fn only_a_service_that_dns_leads_out_of_the_stack_is_a_stranger() {
        let dns = "DNS server 127.0.0.11, as cache.corp.example";
        assert_eq!(seen("203.0.113.9", dns, "cache").map(|failure| failure.kind), Some(Kind::WrongIdentity));
        let neighbour = seen("172.20.0.77", dns, "cache").unwrap();
        assert!(neighbour.detail.contains("container other-cache-1 of project other"), "{neighbour:?}");
        for (address, resolver, host) in [
            ("172.20.0.3", dns, "cache"),
            // Of the network, though nobody is known to have it: a container that was made since.
            ("172.20.9.9", dns, "cache"),
            ("203.0.113.9", "hosts file", "cache"),
            ("203.0.113.9", dns, "mapped"),
            ("203.0.113.9", dns, "elsewhere"),
        ] {
            assert_eq!(seen(address, resolver, host), None, "{address} {resolver} {host}");
        }
    }
}
