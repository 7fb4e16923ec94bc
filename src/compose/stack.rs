//! A stack out of its declaration, for a plan where nothing runs: as if every container of the files were there.
//!
//! What images bring with them (variables, commands, exposed ports) is not known then.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::{Network, Project, Service};
use crate::stack::{self, Attachment, Container, Dependency, Mount, PublishedPort, Stack, State, Status};

/// The stack that the files declare, under the project's name.
#[must_use]
pub fn as_stack(project: &Project, name: &str) -> Stack {
    let mut containers: Vec<_> = project
        .services
        .iter()
        .flat_map(|(service, declared)| {
            (1..=declared.scale).map(move |number| container(project, name, (service, declared), number))
        })
        .collect();
    link(project, &mut containers);
    Stack {
        project: name.to_owned(),
        files: project.files().iter().map(|file| file.display().to_string()).collect(),
        networks: networks(project, name),
        containers,
        ..Stack::default()
    }
}

fn container(project: &Project, name: &str, (service, declared): (&str, &Service), number: u32) -> Container {
    let container_name = match &declared.container_name {
        Some(own) => own.clone(),
        None => format!("{name}-{service}-{number}"),
    };
    let ports: Vec<_> = declared
        .ports
        .iter()
        .filter(|port| port.tcp)
        .map(|port| PublishedPort {
            container_port: port.target,
            host_port: port.published,
            host_address: port.host.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        })
        .collect();
    let words = |words: &Option<Vec<super::Placed<String>>>| {
        words.iter().flatten().map(|word| word.value.clone()).collect::<Vec<_>>()
    };
    let environment = declared.environment.iter();
    let mut container = Container {
        id: id(service, number),
        name: container_name.clone(),
        service: service.to_owned(),
        number,
        scaled: declared.scale > 1,
        image: declared.image.as_ref().map_or_else(|| format!("{name}-{service}"), |image| image.value.clone()),
        hostname: declared.hostname.clone().unwrap_or_default(),
        environment: environment.filter_map(|(name, value)| Some((name.clone(), value.value.clone()?))).collect(),
        command: [words(&declared.entrypoint), words(&declared.command)].concat(),
        state: State { status: Status::Running, ..State::default() },
        network_mode: network_mode(project, name, declared),
        attachments: attachments(project, name, (service, declared), &container_name),
        wanted_ports: ports.clone(),
        ports,
        exposed: declared.expose.clone(),
        extra_hosts: declared.extra_hosts.clone(),
        mounts: declared
            .mounts
            .iter()
            .map(|mount| Mount {
                kind: mount.kind.clone(),
                source: mount.source.clone(),
                destination: mount.target.clone(),
            })
            .collect(),
        healthcheck: declared.healthcheck.iter().map(|word| word.value.clone()).collect(),
        depends_on: declared
            .depends_on
            .iter()
            .map(|(service, condition)| Dependency { service: service.clone(), condition: condition.value.clone() })
            .collect(),
        labels: declared.labels.iter().map(|(name, label)| (name.clone(), label.value.clone())).collect(),
        ..Container::default()
    };
    if container.discards_ports() {
        container.ports.clear();
    }
    container
}

fn id(service: &str, number: u32) -> String {
    format!("{service}-{number}")
}

/// The engine's word for how a service is attached.
fn network_mode(project: &Project, name: &str, service: &Service) -> String {
    match &service.network_mode {
        Some(mode) => match mode.value.strip_prefix("service:") {
            Some(other) => format!("container:{}", id(other, 1)),
            None => mode.value.clone(),
        },
        None => service.networks.keys().next().map(|key| engine_name(project, name, key)).unwrap_or_default(),
    }
}

/// The engine's name of a network.
fn engine_name(project: &Project, name: &str, key: &str) -> String {
    match project.networks.get(key) {
        Some(Network { name: Some(own), .. }) => own.clone(),
        Some(Network { external: true, .. }) => key.to_owned(),
        _ => format!("{name}_{key}"),
    }
}

fn attachments(
    project: &Project,
    name: &str,
    (service, declared): (&str, &Service),
    container: &str,
) -> Vec<Attachment> {
    let names = |aliases: &BTreeSet<String>| {
        [service, container].into_iter().map(str::to_owned).chain(aliases.iter().cloned()).collect()
    };
    let attached = declared.networks.iter().map(|(key, on)| Attachment {
        network: engine_name(project, name, key),
        names: names(&on.aliases),
        addresses: on.addresses.clone(),
        fixed: !on.addresses.is_empty(),
        ..Attachment::default()
    });
    attached.collect()
}

/// `links` give a server another name on the networks that it shares with the client.
fn link(project: &Project, containers: &mut [Container]) {
    let links = project.services.values().flat_map(|service| &service.links);
    let mut given = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (service, alias) in links {
        given.entry(service).or_default().insert(alias);
    }
    for container in containers {
        let names = given.get(container.service.as_str()).into_iter().flatten();
        let names: Vec<_> = names.map(|&name| name.to_owned()).collect();
        for attachment in &mut container.attachments {
            attachment.names.extend(names.iter().cloned());
        }
    }
}

fn networks(project: &Project, name: &str) -> Vec<stack::Network> {
    let used = project.services.values().flat_map(|service| service.networks.keys());
    let keys: BTreeSet<_> = used.collect();
    let network = |key: &&String| {
        let declared = project.networks.get(*key);
        stack::Network {
            name: engine_name(project, name, key),
            key: Some((*key).clone()),
            internal: declared.is_some_and(|declared| declared.internal),
            ..stack::Network::default()
        }
    };
    keys.iter().map(network).collect()
}
