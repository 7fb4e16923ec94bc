//! Small stacks for tests.

use std::net::IpAddr;

use super::Connection;
use crate::plan::{Check, Expectation, Leads, Origin, OriginKind, Readiness, Security, Vantage, Wanted};
use crate::stack::{Attachment, Container, Network, PublishedPort, Stack, State, Status};
use crate::target::{Protocol, Target};

/// A running container of a service, alone on no network yet.
pub(crate) fn container(service: &str, image: &str) -> Container {
    Container {
        id: format!("{service}-id"),
        name: format!("shop-{service}-1"),
        service: service.into(),
        number: 1,
        image: image.into(),
        hostname: format!("{service}0123456789"),
        state: State { status: Status::Running, ..State::default() },
        network_mode: "shop_default".into(),
        ..Container::default()
    }
}

/// A stack in which every container is on the network `shop_default`, with addresses from 172.30.0.2 on.
pub(crate) fn stack(containers: impl IntoIterator<Item = Container>) -> Stack {
    let mut containers: Vec<_> = containers.into_iter().collect();
    for (index, container) in containers.iter_mut().enumerate() {
        if container.network_mode == "shop_default" {
            container.attachments.push(Attachment {
                network: "shop_default".into(),
                names: [container.service.clone(), container.name.clone()].into(),
                addresses: vec![IpAddr::from([172, 30, 0, u8::try_from(index + 2).unwrap()])],
                gateway: Some(IpAddr::from([172, 30, 0, 1])),
                fixed: false,
            });
        }
    }
    let network =
        Network { name: "shop_default".into(), id: "net-id".into(), key: Some("default".into()), ..Network::default() };
    Stack { project: "shop".into(), containers, networks: vec![network], ..Stack::default() }
}

/// A published port.
pub(crate) fn port(container_port: u16, host_port: u16, host_address: &str) -> PublishedPort {
    PublishedPort { container_port, host_port: Some(host_port), host_address: host_address.parse().unwrap() }
}

/// Variables or settings, by name.
pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
}

/// A check that a variable asks for, of a client of whose settings nothing is known.
pub(crate) fn check(from: Vantage, protocol: Protocol, host: &str, port: u16) -> Check {
    Check {
        id: format!("{from} -> {host}:{port}"),
        from,
        target: Target::new(protocol, host, port),
        origins: vec![Origin::new(OriginKind::Environment, "URL".into(), None)],
        expect: Expectation::Answers,
        wanted: Wanted::default(),
        published: None,
        leads: Leads::default(),
        readiness: Readiness::Ready,
        settings: Vec::new(),
        security: Security::default(),
        credentials: None,
    }
}

/// What of this stays in the stack: the others are told apart afterwards.
pub(crate) fn inside(stack: &Stack, found: Vec<Connection>) -> impl Iterator<Item = Connection> {
    found.into_iter().filter(|connection| !super::outside::is_outside(stack, connection))
}
