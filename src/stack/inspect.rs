//! One container as the engine describes it, in our words. Every field of the API is optional: older engines and
//! Podman leave some out.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, EndpointSettings, Health as ApiHealth,
    HealthStatusEnum, HostConfig, MountPoint, PortMap,
};

use super::{Attachment, Container, Dependency, Health, Kept, Limits, Mount, PublishedPort, State, Status};
use crate::text;

/// How much of a healthcheck's output is kept, in characters.
const OUTPUT: usize = 500;
/// The length of the id that the engine shows and that its resolver knows.
const SHORT_ID: usize = 12;

/// What an inspection says; `scaled` is left for the caller, who knows the other containers.
pub fn container(inspected: ContainerInspectResponse) -> Container {
    let id = inspected.id.unwrap_or_default();
    let name = inspected.name.unwrap_or_default().trim_start_matches('/').to_owned();
    let config = inspected.config.unwrap_or_default();
    let host = inspected.host_config.unwrap_or_default();
    let mut network = inspected.network_settings.unwrap_or_default();
    if host.network_mode.as_deref().is_some_and(|mode| mode.starts_with("container:")) {
        // Podman lists the other container's networks and ports here; Docker lists none.
        (network.networks, network.ports) = (None, None);
    }
    let state = inspected.state.unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();

    let ours = |name: &String| !name.starts_with("com.docker.") && !name.starts_with("org.opencontainers.");
    let others = labels.iter().filter(|(name, _)| ours(name));
    let others = others.map(|(name, value)| (name.clone(), value.clone())).collect();

    let mut command: Vec<_> = config.entrypoint.into_iter().chain(config.cmd).flatten().collect();
    if command.is_empty() {
        command = inspected.path.into_iter().chain(inspected.args.into_iter().flatten()).collect();
    }
    let mut attachments: Vec<_> = network
        .networks
        .into_iter()
        .flatten()
        .filter(|(network, _)| network != "none")
        .map(|(network, endpoint)| attachment(network, &endpoint, &name, &id))
        .collect();
    attachments.sort_by(|a, b| a.network.cmp(&b.network));

    Container {
        service: label("com.docker.compose.service"),
        number: label("com.docker.compose.container-number").parse().unwrap_or(1),
        scaled: false,
        image: config.image.unwrap_or_default(),
        hostname: config.hostname.unwrap_or_default(),
        environment: config.env.iter().flatten().filter_map(|entry| variable(entry)).collect(),
        command,
        health: state.health.as_ref().and_then(health),
        restarts: inspected.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
        restart_policy: restart_policy(&host),
        network_mode: host.network_mode.clone().unwrap_or_default(),
        attachments,
        ports: ports(network.ports.as_ref()),
        wanted_ports: ports(host.port_bindings.as_ref()),
        exposed: exposed(&config.exposed_ports.unwrap_or_default()),
        limits: limits(&host),
        extra_hosts: host.extra_hosts.unwrap_or_default(),
        pid: state.pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default(),
        resolv_conf: inspected.resolv_conf_path.unwrap_or_default(),
        hosts: inspected.hosts_path.unwrap_or_default(),
        state: in_our_words(state),
        created: inspected.created.unwrap_or_default(),
        mounts: inspected.mounts.into_iter().flatten().map(mount).collect(),
        healthcheck: config.healthcheck.and_then(|check| check.test).unwrap_or_default(),
        depends_on: dependencies(&label("com.docker.compose.depends_on")),
        labels: others,
        config_hash: label("com.docker.compose.config-hash"),
        compose_version: label("com.docker.compose.version"),
        technology: Kept::default(),
        id,
        name,
    }
}

fn mount(mount: MountPoint) -> Mount {
    let kind = mount.typ.unwrap_or_default();
    // A volume's path on the engine's machine is the engine's own business.
    let source = if kind == "volume" { mount.name } else { mount.source };
    Mount { source: source.unwrap_or_default(), destination: mount.destination.unwrap_or_default(), kind }
}

/// `mysql:service_healthy:false,redis:service_started:true`, as Compose writes it in a label.
fn dependencies(label: &str) -> Vec<Dependency> {
    let one = |entry: &str| {
        let mut parts = entry.trim().split(':').map(str::to_owned);
        let service = parts.next().filter(|service| !service.is_empty())?;
        Some(Dependency { service, condition: parts.next().unwrap_or_default() })
    };
    label.split(',').filter_map(one).collect()
}

/// A variable; one without `=` is one that the container does not have.
fn variable(entry: &str) -> Option<(String, String)> {
    let (name, value) = entry.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

fn in_our_words(state: ContainerState) -> State {
    let status = match state.status {
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING) => Status::Running,
        Some(ContainerStateStatusEnum::PAUSED) => Status::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => Status::Restarting,
        Some(ContainerStateStatusEnum::REMOVING) => Status::Removing,
        Some(ContainerStateStatusEnum::EXITED) => Status::Exited,
        Some(ContainerStateStatusEnum::DEAD) => Status::Dead,
        Some(ContainerStateStatusEnum::CREATED) => Status::Created,
        // No word for it: the flags, which are older than the word.
        None | Some(ContainerStateStatusEnum::EMPTY) => match (state.paused, state.restarting, state.running) {
            (Some(true), _, _) => Status::Paused,
            (_, Some(true), _) => Status::Restarting,
            (_, _, Some(true)) => Status::Running,
            _ => Status::Exited,
        },
    };
    // The engine writes year 1 for a container that was never started.
    let started = state.started_at.filter(|started| !started.starts_with("0001-")).unwrap_or_default();
    State {
        status,
        exit_code: state.exit_code.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
        out_of_memory: state.oom_killed.unwrap_or_default(),
        started,
    }
}

fn health(health: &ApiHealth) -> Option<Health> {
    let status = match health.status? {
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => return None,
        status => status.to_string(),
    };
    let last = health.log.iter().flatten().next_back().and_then(|result| result.output.as_deref());
    let output = text::line(last.unwrap_or_default(), OUTPUT);
    Some(Health { status, failing: health.failing_streak.unwrap_or_default(), output })
}

fn restart_policy(host: &HostConfig) -> String {
    let name = host.restart_policy.as_ref().and_then(|policy| policy.name).map(|name| name.to_string());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "no".to_owned())
}

/// Limits; a quota of the scheduler counts as CPUs too.
fn limits(host: &HostConfig) -> Limits {
    let nano_cpus = host.nano_cpus.filter(|cpus| *cpus > 0).or_else(|| {
        let quota = host.cpu_quota.filter(|quota| *quota > 0)?;
        let period = host.cpu_period.filter(|period| *period > 0).unwrap_or(100_000);
        quota.checked_mul(1_000_000_000).map(|quota| quota / period)
    });
    Limits { memory: host.memory.unwrap_or_default().max(0), nano_cpus: nano_cpus.unwrap_or_default() }
}

/// A place on a network. The engine lists the names from API 1.44 on and once the container was started; otherwise they
/// are its aliases, its name and its short id. The two networks that have no resolver give none.
fn attachment(network: String, endpoint: &EndpointSettings, name: &str, id: &str) -> Attachment {
    let listed = endpoint.dns_names.as_ref().filter(|names| !names.is_empty());
    let names: BTreeSet<_> = if matches!(network.as_str(), "host" | "bridge") {
        BTreeSet::new()
    } else if let Some(names) = listed {
        names.iter().cloned().collect()
    } else {
        let own = [name.to_owned(), id.chars().take(SHORT_ID).collect()];
        endpoint.aliases.iter().flatten().cloned().chain(own).filter(|name| !name.is_empty()).collect()
    };
    let address = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
    let addresses = address(&endpoint.ip_address).into_iter().chain(address(&endpoint.global_ipv6_address));
    Attachment {
        network,
        names,
        addresses: addresses.filter(|address| !address.is_unspecified()).collect(),
        gateway: address(&endpoint.gateway).or_else(|| address(&endpoint.ipv6_gateway)),
        fixed: endpoint.ipam_config.as_ref().is_some_and(|wanted| {
            [&wanted.ipv4_address, &wanted.ipv6_address].into_iter().any(|wanted| address(wanted).is_some())
        }),
    }
}

/// The TCP ports of a map such as `{"6379/tcp": [{"HostIp": "", "HostPort": "6379"}]}`, in order.
pub fn ports(map: Option<&PortMap>) -> Vec<PublishedPort> {
    let mut ports = BTreeSet::new();
    for (key, bindings) in map.into_iter().flatten() {
        let Some(container_port) = tcp(key).and_then(|port| port.parse().ok()) else { continue };
        for binding in bindings.iter().flatten() {
            // Nothing, zero and a range leave the choice to the engine.
            let host_port = binding.host_port.as_deref().and_then(|port| port.parse().ok()).filter(|port| *port != 0);
            let host_address = host_address(binding.host_ip.as_deref());
            ports.insert(PublishedPort { container_port, host_port, host_address });
        }
    }
    ports.into_iter().collect()
}

/// The address that a port is bound to; nothing is every one.
pub fn host_address(text: Option<&str>) -> IpAddr {
    text.and_then(|text| text.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// `6379/tcp` and `6379` are TCP, `53/udp` is not.
fn tcp(key: &str) -> Option<&str> {
    match key.split_once('/') {
        Some((port, "tcp")) => Some(port),
        Some(_) => None,
        None => Some(key),
    }
}

/// Exposed TCP ports, in order; Compose hands ranges through as they are written.
fn exposed(keys: &[String]) -> Vec<u16> {
    let mut ports = BTreeSet::new();
    for key in keys.iter().filter_map(|key| tcp(key)) {
        let (first, last) = key.split_once('-').unwrap_or((key, key));
        if let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) {
            ports.extend(first.max(1)..=last);
        }
    }
    ports.into_iter().collect()
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
