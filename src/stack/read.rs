//! Reads the running stack from the engine: one list, then everything about each container at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use bollard::errors::Error as Api;
use bollard::models::{
    ContainerInspectResponse, ContainerSummary, ContainerSummaryStateEnum as Summarised, IpamConfig,
    Network as ApiNetwork, PortSummaryTypeEnum,
};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptions, ListNetworksOptions};
use futures_util::{StreamExt, stream};

use super::connect::{self, Connection};
use super::error::StackError;
use super::{Engine, Kept, Neighbour, Network, PublishedPort, Source, Stack, Stranger, inspect, published};
use crate::text;

pub(super) const LABEL_PROJECT: &str = "com.docker.compose.project";
pub(super) const LABEL_FILES: &str = "com.docker.compose.project.config_files";
const LABEL_ENV_FILES: &str = "com.docker.compose.project.environment_file";
const LABEL_DIRECTORY: &str = "com.docker.compose.project.working_dir";
const LABEL_ONE_OFF: &str = "com.docker.compose.oneoff";
const LABEL_NETWORK: &str = "com.docker.compose.network";
const OPTION_MTU: &str = "com.docker.network.driver.mtu";

/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// How often a list is asked for again that a container's end spoilt.
const RETRIES: u32 = 10;
/// How long to wait before that.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a single request may take, answer included.
const REQUEST: Duration = Duration::from_secs(20);

/// Reads a project.
///
/// # Errors
///
/// A request that the engine refused or did not answer, or no container of this project.
pub async fn read(connection: &Connection, project: &str) -> Result<Stack, StackError> {
    read_listed(connection, project, Listed(list(connection).await?)).await
}

/// Every container that the engine had a moment ago.
#[derive(Clone, Debug)]
pub struct Listed(pub(super) Vec<ContainerSummary>);

/// Reads a project of which the containers are listed already.
///
/// # Errors
///
/// As [`read`].
pub async fn read_listed(connection: &Connection, project: &str, all: Listed) -> Result<Stack, StackError> {
    let Found { all, inspected, networks } = containers_and_networks(connection, project, all.0).await?;
    let about = about(connection).await;
    let mine: BTreeSet<_> = all.iter().filter(|summary| is_of(summary, project)).filter_map(|s| s.id.clone()).collect();

    let (files, source) = (config_files(&inspected), source(&inspected));
    let mut containers: Vec<_> = inspected.into_iter().map(inspect::container).collect();
    let mut replicas = BTreeMap::<String, usize>::new();
    for container in &containers {
        *replicas.entry(container.service.clone()).or_default() += 1;
    }
    for container in &mut containers {
        container.scaled = replicas.get(&container.service).is_some_and(|count| *count > 1);
        container.network_mode = with_full_id(&container.network_mode, &all);
    }
    containers.sort_by(|a, b| (&a.service, a.number, &a.name).cmp(&(&b.service, b.number, &b.name)));

    let attached: BTreeSet<_> = containers.iter().flat_map(super::Container::network_names).collect();
    let neighbours = neighbours(&all, project, &attached);
    let networks =
        networks.into_iter().map(network).filter(|network| attached.contains(network.name.as_str())).collect();
    let (published_at, apart) = published::at(connection, &about, &containers, &all).await;
    let version = &connection.version;
    Ok(Stack {
        project: project.to_owned(),
        files,
        source,
        engine: Engine {
            version: version.version.clone().unwrap_or_default(),
            os: about.os,
            architecture: version.arch.clone().unwrap_or_default(),
            published_at,
            apart,
        },
        networks,
        strangers: strangers(&all, &mine),
        neighbours,
        containers,
        by_name: Kept::default(),
    })
}

/// What the engine has.
struct Found {
    all: Vec<ContainerSummary>,
    inspected: Vec<ContainerInspectResponse>,
    networks: Vec<ApiNetwork>,
}

async fn containers_and_networks(
    connection: &Connection,
    project: &str,
    all: Vec<ContainerSummary>,
) -> Result<Found, StackError> {
    let mine: Vec<_> =
        all.iter().filter(|summary| is_of(summary, project)).filter_map(|summary| summary.id.as_deref()).collect();
    let (inspected, networks) = tokio::try_join!(inspect_all(connection, &mine), networks(connection))?;
    if inspected.is_empty() {
        return Err(StackError::Vanished { project: text::line(project, 80) });
    }
    Ok(Found { all, inspected, networks })
}

/// Every container that the engine has, running or not.
pub(super) async fn list(connection: &Connection) -> Result<Vec<ContainerSummary>, StackError> {
    let options = ListContainersOptions { all: true, ..ListContainersOptions::default() };
    let list = async {
        let mut tries = 0;
        loop {
            match connection.docker.list_containers(Some(options.clone())).await {
                Err(error) if tries < RETRIES && is_spoilt(&error) => tries += 1,
                other => return other,
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    limited(connection, "list its containers", list).await
}

/// Whether a list would be another a moment later. Podman fails as a whole where a container, such as a sidecar of ours, goes
/// while it lists them; and it calls one `stopped`, a state that the engine's API does not have, until it has cleaned up after it.
fn is_spoilt(error: &Api) -> bool {
    match error {
        Api::DockerResponseServerError { status_code: 404 | 500, message } => message.contains("no such container"),
        Api::JsonDataError { .. } | Api::JsonSerdeError { .. } => true,
        _ => false,
    }
}

/// Inspects containers, those that are gone by now left out.
async fn inspect_all(connection: &Connection, ids: &[&str]) -> Result<Vec<ContainerInspectResponse>, StackError> {
    let inspections = ids.iter().map(|id| inspect(connection, id));
    let inspections: Vec<_> = stream::iter(inspections).buffered(AT_ONCE).collect().await;
    inspections.into_iter().filter_map(Result::transpose).collect()
}

/// One container; `None` where it is gone.
pub(super) async fn inspect(connection: &Connection, id: &str) -> Result<Option<ContainerInspectResponse>, StackError> {
    let request = async {
        match connection.docker.inspect_container(id, None::<InspectContainerOptions>).await {
            Err(Api::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            other => other.map(Some),
        }
    };
    let short: String = id.chars().take(12).collect();
    limited(connection, &format!("inspect container {short}"), request).await
}

/// Every network in one answer, which is as quick as one network is.
async fn networks(connection: &Connection) -> Result<Vec<ApiNetwork>, StackError> {
    let list = connection.docker.list_networks(None::<ListNetworksOptions>);
    let mut networks = limited(connection, "list its networks", list).await?;
    networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    networks.dedup_by(|a, b| a.name == b.name);
    Ok(networks)
}

fn network(network: ApiNetwork) -> Network {
    Network {
        name: network.name.unwrap_or_default(),
        id: network.id.unwrap_or_default(),
        key: network.labels.and_then(|mut labels| labels.remove(LABEL_NETWORK)).filter(|key| !key.is_empty()),
        driver: network.driver.unwrap_or_default(),
        internal: network.internal.unwrap_or_default(),
        subnets: subnets(network.ipam.and_then(|ipam| ipam.config)),
        mtu: network.options.and_then(|options| options.get(OPTION_MTU)?.parse().ok()),
    }
}

/// `172.18.0.0/16` as address and length of the prefix.
fn subnets(configurations: Option<Vec<IpamConfig>>) -> Vec<(IpAddr, u8)> {
    let subnet = |configuration: IpamConfig| {
        let subnet = configuration.subnet?;
        let (address, bits) = subnet.split_once('/')?;
        Some((address.parse().ok()?, bits.parse().ok()?))
    };
    configurations.into_iter().flatten().filter_map(subnet).collect()
}

/// What the engine says of itself in `/info`.
pub(super) struct About {
    /// The system's name.
    pub os: String,
    /// Whether it runs without root, in a network namespace of its own.
    pub rootless: bool,
}

/// Nothing hangs on it but words and how the engine's own network is entered, so an engine that will not say costs no
/// more than them.
async fn about(connection: &Connection) -> About {
    let info = connection.info.clone().await;
    let options = info.as_ref().and_then(|info| info.security_options.as_ref());
    let rootless = options.is_some_and(|options| options.iter().any(|option| option.starts_with("name=rootless")));
    let named = info.and_then(|info| info.operating_system).filter(|name| !name.is_empty());
    About { os: named.or_else(|| connection.version.os.clone()).unwrap_or_default(), rootless }
}

/// The compose files that the labels name, each once, in their order.
fn config_files(inspected: &[ContainerInspectResponse]) -> Vec<String> {
    let mut files = Vec::new();
    let mut labels: Vec<_> =
        inspected.iter().filter_map(|container| container.config.as_ref()?.labels.as_ref()?.get(LABEL_FILES)).collect();
    labels.sort();
    for file in labels.into_iter().flat_map(|label| label.split(',')).filter(|file| !file.is_empty()) {
        if !files.iter().any(|known| known == file) {
            files.push(file.to_owned());
        }
    }
    files
}

/// What Compose was given, where every container's labels say the same.
fn source(inspected: &[ContainerInspectResponse]) -> Option<Source> {
    let of = |container: &ContainerInspectResponse| {
        let labels = container.config.as_ref()?.labels.as_ref()?;
        let list = |key: &str| {
            let label = labels.get(key).map(String::as_str).unwrap_or_default();
            label.split(',').filter(|entry| !entry.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let directory = labels.get(LABEL_DIRECTORY)?.clone();
        Some(Source { directory, files: list(LABEL_FILES), env_files: list(LABEL_ENV_FILES) })
    };
    let mut sources = inspected.iter().map(of);
    let first = sources.next()??;
    sources.all(|source| source.as_ref() == Some(&first)).then_some(first)
}

/// `container:NAME` and shortened ids with the full id, so that they can be compared.
fn with_full_id(mode: &str, all: &[ContainerSummary]) -> String {
    let Some(wanted) = mode.strip_prefix("container:").filter(|wanted| !wanted.is_empty()) else {
        return mode.to_owned();
    };
    let id = |summary: &ContainerSummary| summary.id.clone();
    let is_named =
        |summary: &&ContainerSummary| summary.names.iter().flatten().any(|name| name.trim_start_matches('/') == wanted);
    let begins = |summary: &&ContainerSummary| summary.id.as_deref().is_some_and(|id| id.starts_with(wanted));
    let full = all.iter().find(is_named).and_then(id).or_else(|| {
        let mut beginning = all.iter().filter(begins);
        beginning.next().filter(|_| beginning.next().is_none()).and_then(id)
    });
    full.map_or_else(|| mode.to_owned(), |id| format!("container:{id}"))
}

/// The containers on these networks that are not of this project, by name.
fn neighbours(all: &[ContainerSummary], project: &str, networks: &BTreeSet<&str>) -> Vec<Neighbour> {
    let mut neighbours = Vec::new();
    for summary in all.iter().filter(|summary| label(summary, LABEL_PROJECT) != Some(project)) {
        let attached = summary.network_settings.iter().flat_map(|settings| settings.networks.iter().flatten());
        for (_, endpoint) in attached.filter(|(network, _)| networks.contains(network.as_str())) {
            let addresses = [&endpoint.ip_address, &endpoint.global_ipv6_address];
            for address in addresses.into_iter().filter_map(|address| address.as_deref()?.parse().ok()) {
                let project = label(summary, LABEL_PROJECT).map(str::to_owned);
                neighbours.push(Neighbour { container: name(summary), project, address });
            }
        }
    }
    neighbours.sort_by(|a, b| (&a.container, a.address).cmp(&(&b.container, b.address)));
    neighbours
}

/// The TCP ports that other containers publish. One-off containers of the project are others too: they hold ports.
fn strangers(all: &[ContainerSummary], mine: &BTreeSet<String>) -> Vec<Stranger> {
    let mut strangers = Vec::new();
    for summary in all.iter().filter(|summary| !summary.id.as_ref().is_some_and(|id| mine.contains(id))) {
        for port in summary.ports.iter().flatten().filter(|port| port.typ == Some(PortSummaryTypeEnum::TCP)) {
            let Some(host_port) = port.public_port.filter(|port| *port != 0) else { continue };
            strangers.push(Stranger {
                container: name(summary),
                project: label(summary, LABEL_PROJECT).map(str::to_owned),
                port: PublishedPort {
                    container_port: port.private_port,
                    host_port: Some(host_port),
                    host_address: inspect::host_address(port.ip.as_deref()),
                },
            });
        }
    }
    strangers.sort_by(|a, b| (&a.container, &a.port).cmp(&(&b.container, &b.port)));
    strangers
}

/// A container's own name; legacy links show as `/other/alias` beside it.
pub(super) fn name(summary: &ContainerSummary) -> String {
    let names = summary.names.iter().flatten().map(|name| name.trim_start_matches('/'));
    names.min_by_key(|name| name.contains('/')).unwrap_or_default().to_owned()
}

fn label<'a>(summary: &'a ContainerSummary, key: &str) -> Option<&'a str> {
    summary.labels.as_ref()?.get(key).map(String::as_str)
}

/// Whether it is one of this project's services.
fn is_of(summary: &ContainerSummary, project: &str) -> bool {
    label(summary, LABEL_PROJECT) == Some(project) && !is_one_off(summary)
}

/// Whether `docker compose run` made it.
pub(super) fn is_one_off(summary: &ContainerSummary) -> bool {
    label(summary, LABEL_ONE_OFF).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether it runs, is paused, or is between two starts.
pub(super) fn is_alive(summary: &ContainerSummary) -> bool {
    matches!(
        summary.state,
        Some(Summarised::RUNNING | Summarised::PAUSED | Summarised::RESTARTING | Summarised::STOPPING)
    )
}

/// A request with a limit of time, and its failure in words.
async fn limited<T>(
    connection: &Connection,
    request: &str,
    answer: impl Future<Output = Result<T, Api>>,
) -> Result<T, StackError> {
    let failed = |reason: String, help| StackError::Request {
        endpoint: connection.endpoint.clone(),
        request: request.to_owned(),
        reason,
        help,
    };
    match tokio::time::timeout(REQUEST, answer).await {
        Err(_) => Err(failed(
            format!("no answer in {} s", REQUEST.as_secs()),
            "see whether `docker ps` answers, and try again",
        )),
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Api::DockerResponseServerError { status_code: 403, message })) => Err(failed(
            format!("forbidden: {}", text::line(&message, 200)),
            "a proxy before the engine must allow VERSION, INFO, CONTAINERS and NETWORKS",
        )),
        Ok(Err(Api::DockerResponseServerError { status_code, message })) => Err(failed(
            format!("{} (status {status_code})", text::line(&message, 200)),
            "see whether `docker ps` answers",
        )),
        Ok(Err(error)) => Err(failed(connect::bottom(&error), "see whether `docker ps` answers, and try again")),
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
