//! What Compose refuses though every value can be read: keys that it does not know, and names that nothing has.
//!
//! It refuses the whole project then, so that a plan of it would be one of a stack that cannot start.

use super::error::Wrong;
use super::load::services;
use super::source::Place;
use super::yaml::{Entry, Node};
use super::{EXTENSION, Project, Service};
use crate::nearest::nearest;
use crate::text::line;

/// The keys of a compose file, those of the newest specification among them: <https://github.com/compose-spec/compose-spec>.
const KEYS: &[&str] =
    &["configs", "include", "models", "name", "networks", "secrets", "services", "version", "volumes", EXTENSION];

/// The keys of a service.
#[rustfmt::skip]
const KEYS_OF_SERVICE: &[&str] = &[
    "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent", "command", "configs",
    "container_name", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares",
    "cpus", "cpuset", "credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules", "devices", "dns", "dns_opt",
    "dns_search", "domainname", "entrypoint", "env_file", "environment", "expose", "extends", "external_links", "extra_hosts",
    "gpus", "group_add", "healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels", "links",
    "logging", "mac_address", "mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "models", "network_mode",
    "networks", "oom_kill_disable", "oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start", "pre_start",
    "pre_stop", "privileged", "profiles", "provider", "pull_policy", "pull_refresh_after", "read_only", "restart", "runtime",
    "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period", "stop_signal", "storage_opt", "sysctls",
    "tmpfs", "tty", "ulimits", "use_api_socket", "user", "userns_mode", "uts", "volume_driver", "volumes", "volumes_from",
    "working_dir",
];

/// Looks for keys that Compose does not know, at the top and in every service.
///
/// # Errors
///
/// The first of them.
pub fn keys(all: &Node) -> Result<(), Wrong> {
    let top = all.entries().iter().map(|entry| (entry, "a compose file", KEYS));
    let within = services(all).flat_map(|service| service.node.entries());
    let within = within.map(|entry| (entry, "a service", KEYS_OF_SERVICE));
    let unknown =
        |(entry, _, known): &(&Entry, _, &[&str])| !entry.key.starts_with("x-") && !known.contains(&entry.key.as_str());
    match top.chain(within).find(unknown) {
        Some((entry, of, known)) => {
            let meant = meant(&entry.key, known.iter().copied());
            let reason = format!("`{}` is no key of {of}, and Compose refuses it{meant}", line(&entry.key, 60));
            Err(Wrong::new(entry.place, reason))
        }
        None => Ok(()),
    }
}

/// Looks for services, networks, volumes, configs and secrets that a service names and nothing declares.
///
/// # Errors
///
/// The first of them.
pub fn names(entry: &Entry, service: &Service, all: &Node, project: &Project) -> Result<(), Wrong> {
    dependencies(entry, service, project)?;
    let networks = service.networks.keys().filter(|key| *key != "default");
    for key in networks {
        let joined = entry.node.get("networks").into_iter().flat_map(Node::entries).find(|joined| joined.key == *key);
        let place = joined.map_or(entry.place, |joined| joined.place);
        declared(all, "networks", "network", (key, place), &["default"])?;
    }
    for mount in &service.mounts {
        // A single letter is a drive of Windows.
        let is_named = mount.kind == "volume" && !mount.source.is_empty() && !is_on_drive(&mount.source);
        if is_named {
            declared(all, "volumes", "volume", (&mount.source, mount.place), &[])?;
        }
    }
    for (section, what) in [("configs", "config"), ("secrets", "secret")] {
        for item in entry.node.get(section).into_iter().flat_map(Node::items) {
            if let Some(name) = item.as_text().or_else(|| item.get("source").and_then(Node::as_text)) {
                declared(all, section, what, (name, item.place), &[])?;
            }
        }
    }
    Ok(())
}

/// The services that it waits for, and those that it shares something with. Who can do without may name who is not there.
fn dependencies(entry: &Entry, service: &Service, project: &Project) -> Result<(), Wrong> {
    let said = |name: &str| entry.node.get("depends_on").and_then(|said| said.get(name));
    let is_optional =
        |name: &str| said(name).and_then(|said| said.get("required")).and_then(Node::as_text) == Some("false");
    let mut missing = service.depends_on.iter().filter(|(name, _)| !project.services.contains_key(*name));
    let Some((name, placed)) = missing.find(|(name, _)| !is_optional(name)) else { return Ok(()) };
    let shown = line(name, 60);
    let reason = if project.inactive.contains(name) {
        format!(
            "`{}` needs the service `{shown}`, and no profile is active that has it: name one with --profile",
            entry.key
        )
    } else {
        let others = project.names().into_iter().filter(|other| *other != entry.key);
        format!("`{}` needs the service `{shown}`, which is not there{}", entry.key, meant(name, others))
    };
    Err(Wrong::new(placed.place, reason))
}

/// Whether a section at the top has a name that a service uses.
fn declared(all: &Node, section: &str, what: &str, (name, place): (&str, Place), given: &[&str]) -> Result<(), Wrong> {
    let known = all.get(section).map(Node::entries).unwrap_or_default();
    if known.iter().any(|entry| entry.key == name) {
        return Ok(());
    }
    let candidates = known.iter().map(|entry| entry.key.as_str()).chain(given.iter().copied());
    let reason =
        format!("the {what} `{}` is not declared under `{section}`{}", line(name, 60), meant(name, candidates));
    Err(Wrong::new(place, reason))
}

/// Whether a source is a path on a drive, as Compose understands `c:/data` and `c:\data`.
fn is_on_drive(source: &str) -> bool {
    let mut characters = source.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic()) && matches!(characters.next(), None | Some(':'))
}

/// ` (did you mean x?)`, where that is likely.
fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(word, known).map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default()
}
