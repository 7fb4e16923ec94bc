//! A service out of the tree of its merged declarations.

use std::collections::BTreeMap;

use super::error::{ComposeError, Wrong};
use super::load::{Loader, Set};
use super::yaml::{Entry, Node, Value};
use super::{Mount, OnNetwork, Placed, Service, ports, variables};

/// The most containers of a service that a plan tells apart.
const MOST_REPLICAS: u32 = 64;

/// Reads a service; `all` is the whole tree, which has the configs and secrets that it is given.
///
/// # Errors
///
/// The first value that cannot be what its key means.
pub fn read(entry: &Entry, all: &Node, loader: &mut Loader, set: &Set) -> Result<Service, ComposeError> {
    let environment = variables::read(&entry.node, loader, set)?;
    described(entry, all, environment).map_err(|wrong| wrong.of(&loader.sources))
}

fn described(
    entry: &Entry,
    all: &Node,
    environment: BTreeMap<String, Placed<Option<String>>>,
) -> Result<Service, Wrong> {
    let node = &entry.node;
    let network_mode = single(node, "network_mode")?;
    Ok(Service {
        place: entry.place,
        image: single(node, "image")?.filter(|image| !image.value.is_empty()),
        environment,
        entrypoint: words(node, "entrypoint")?,
        command: words(node, "command")?,
        healthcheck: healthcheck(node)?,
        ports: ports::read(node.get("ports"))?,
        expose: texts(node, "expose")?.iter().filter_map(|port| exposed(&port.value)).flatten().collect(),
        networks: networks(node, network_mode.is_some()),
        network_mode,
        depends_on: depends_on(node),
        mounts: mounts(node, all),
        container_name: single(node, "container_name")?.map(|name| name.value),
        hostname: single(node, "hostname")?.map(|name| name.value),
        extra_hosts: texts(node, "extra_hosts")?.into_iter().map(|host| host.value).collect(),
        links: texts(node, "links")?.into_iter().map(|link| aliased(&link.value)).collect(),
        labels: labels(node),
        profiles: texts(node, "profiles")?.into_iter().map(|profile| profile.value).collect(),
        scale: scale(node),
    })
}

fn wrong(node: &Node, key: &str, wanted: &str) -> Wrong {
    Wrong::new(node.place, format!("`{key}` must be {wanted}, and this is {}", node.kind()))
}

fn single(service: &Node, key: &str) -> Result<Option<Placed<String>>, Wrong> {
    match service.get(key) {
        None => Ok(None),
        Some(node) => match &node.value {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(Placed { value: text.clone(), place: node.place })),
            _ => Err(wrong(node, key, "a single value")),
        },
    }
}

/// A list of texts, or a single one.
fn texts(service: &Node, key: &str) -> Result<Vec<Placed<String>>, Wrong> {
    let Some(node) = service.get(key) else { return Ok(Vec::new()) };
    let text = |node: &Node| node.as_text().map(|text| Placed { value: text.to_owned(), place: node.place });
    match &node.value {
        Value::Null => Ok(Vec::new()),
        Value::Text(_) => Ok(text(node).into_iter().collect()),
        Value::List(items) => {
            let all = items.iter().filter(|item| item.value != Value::Null);
            all.map(|item| text(item).ok_or_else(|| wrong(item, key, "a list of texts"))).collect()
        }
        Value::Map(_) => Err(wrong(node, key, "a list")),
    }
}

/// A command as words. One line is split as a shell would, without a shell.
fn words(service: &Node, key: &str) -> Result<Option<Vec<Placed<String>>>, Wrong> {
    let Some(node) = service.get(key) else { return Ok(None) };
    match &node.value {
        Value::Null => Ok(None),
        Value::Text(line) => {
            let split = shlex::split(line)
                .ok_or_else(|| Wrong::new(node.place, format!("`{key}` has a quote without an end")))?;
            Ok(Some(split.into_iter().map(|value| Placed { value, place: node.place }).collect()))
        }
        Value::List(_) => texts(service, key).map(Some),
        Value::Map(_) => Err(wrong(node, key, "a command, or a list of words")),
    }
}

fn healthcheck(service: &Node) -> Result<Vec<Placed<String>>, Wrong> {
    let Some(check) = service.get("healthcheck") else { return Ok(Vec::new()) };
    if check.get("disable").and_then(Node::as_text) == Some("true") {
        return Ok(Vec::new());
    }
    let Some(test) = check.get("test") else { return Ok(Vec::new()) };
    match &test.value {
        Value::Text(line) => {
            let word = |value: &str| Placed { value: value.to_owned(), place: test.place };
            Ok(vec![word("CMD-SHELL"), word(line)])
        }
        _ => texts(check, "test"),
    }
}

/// `80`, `80-82`, `80/tcp`.
fn exposed(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let range = first.parse().ok()?..=last.parse().ok()?;
    (protocol == "tcp").then_some(range)
}

fn networks(service: &Node, shares: bool) -> BTreeMap<String, OnNetwork> {
    let mut networks = BTreeMap::new();
    for entry in service.get("networks").into_iter().flat_map(Node::entries) {
        let aliases = entry.node.get("aliases").into_iter().flat_map(Node::items).filter_map(Node::as_text);
        let address = |key: &str| entry.node.get(key).and_then(Node::as_text)?.parse().ok();
        let on = OnNetwork {
            aliases: aliases.map(str::to_owned).collect(),
            addresses: ["ipv4_address", "ipv6_address"].into_iter().filter_map(address).collect(),
        };
        networks.insert(entry.key.clone(), on);
    }
    if networks.is_empty() && !shares {
        networks.insert("default".into(), OnNetwork::default());
    }
    networks
}

/// What it says itself, and what follows from its links and from whose network or volumes it shares.
fn depends_on(service: &Node) -> BTreeMap<String, Placed<String>> {
    let mut all = said(service);
    let one = |key: &str| {
        service.get(key).into_iter().filter_map(|node| Some((node.as_text()?.strip_prefix("service:")?, node.place)))
    };
    let links = service.get("links").into_iter().flat_map(Node::items);
    let shared = service.get("volumes_from").into_iter().flat_map(Node::items);
    // `container:NAME` is somebody of another project.
    let shared = shared.filter(|node| node.as_text().is_some_and(|name| !name.starts_with("container:")));
    let named = links.chain(shared).filter_map(|node| Some((node.as_text()?.split(':').next()?, node.place)));
    for (name, place) in ["network_mode", "ipc", "pid"].into_iter().flat_map(one).chain(named) {
        all.entry(name.to_owned()).or_insert(Placed { value: "service_started".into(), place });
    }
    all
}

fn said(service: &Node) -> BTreeMap<String, Placed<String>> {
    let entries = service.get("depends_on").into_iter().flat_map(Node::entries);
    let condition = |entry: &Entry| {
        let condition = entry.node.get("condition").and_then(Node::as_text).unwrap_or("service_started");
        Placed { value: condition.to_owned(), place: entry.place }
    };
    entries.map(|entry| (entry.key.clone(), condition(entry))).collect()
}

/// `service:alias`; without an alias, the service by its own name.
fn aliased(link: &str) -> (String, String) {
    let (service, alias) = link.split_once(':').unwrap_or((link, link));
    (service.to_owned(), alias.to_owned())
}

fn labels(service: &Node) -> BTreeMap<String, Placed<String>> {
    let entries = service.get("labels").into_iter().flat_map(Node::entries);
    let value =
        |entry: &Entry| Placed { value: entry.node.as_text().unwrap_or_default().to_owned(), place: entry.node.place };
    entries.map(|entry| (entry.key.clone(), value(entry))).collect()
}

fn scale(service: &Node) -> u32 {
    let replicas = service.get("deploy").and_then(|deploy| deploy.get("replicas"));
    let said = service.get("scale").or(replicas).and_then(Node::as_text).and_then(|text| text.parse().ok());
    said.unwrap_or(1_u32).min(MOST_REPLICAS)
}

/// What is mounted, the last one at each path: volumes, then the configs and secrets that the service is given.
fn mounts(service: &Node, all: &Node) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for item in service.get("volumes").into_iter().flat_map(Node::items) {
        let text = |key: &str| item.get(key).and_then(Node::as_text).unwrap_or_default().to_owned();
        let kind = text("type");
        let kind = if kind.is_empty() { "volume".to_owned() } else { kind };
        let target = text("target");
        let target = target.strip_suffix('/').filter(|target| !target.is_empty()).unwrap_or(&target).to_owned();
        add(&mut mounts, Mount { kind, source: text("source"), target, place: item.place, content: None });
    }
    for (section, kind, folder) in [("configs", "config", "/"), ("secrets", "secret", "/run/secrets/")] {
        for item in service.get(section).into_iter().flat_map(Node::items) {
            let text = |key: &str| item.get(key).and_then(Node::as_text).map(str::to_owned);
            let Some(name) = item.as_text().map(str::to_owned).or_else(|| text("source")) else { continue };
            let target = text("target").unwrap_or_else(|| name.clone());
            let target = if target.starts_with('/') { target } else { format!("{folder}{target}") };
            let declared = all.get(section).and_then(|declared| declared.get(&name));
            let said = |key: &str| declared.and_then(|declared| declared.get(key));
            let content =
                said("content").and_then(|node| Some(Placed { value: node.as_text()?.to_owned(), place: node.place }));
            let source = said("file").and_then(Node::as_text).unwrap_or_default().to_owned();
            add(&mut mounts, Mount { kind: kind.into(), source, target, place: item.place, content });
        }
    }
    mounts
}

/// A later mount at a path takes the place of an earlier one.
fn add(mounts: &mut Vec<Mount>, mount: Mount) {
    mounts.retain(|known| known.target != mount.target);
    mounts.push(mount);
}
