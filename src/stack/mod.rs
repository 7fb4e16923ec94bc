//! The stack as it runs: what the engine says of the project's containers, networks and published ports.
//!
//! Plain data. [`read`] fills it from the Docker API; rules and tests may fill it from a file.

pub mod connect;
pub mod declaration;
pub mod dotenv;
mod endpoint;
mod engine;
pub mod error;
pub mod files;
mod inspect;
pub mod interpolate;
mod kept;
mod names;
mod network;
pub mod project;
mod published;
pub mod read;
mod secrets;
mod ssh;
pub mod surroundings;
mod tls;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use engine::{Engine, PublishedAt};
pub use kept::Kept;
pub use names::Names;
pub use network::{Attachment, Network};
pub use secrets::hide;

/// A Compose project as it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The project's name.
    pub project: String,
    /// The compose files that `docker compose` was given, as the containers' labels name them.
    pub files: Vec<String>,
    /// What Compose was given, where all containers were made from the same.
    #[serde(default)]
    pub source: Option<Source>,
    /// The engine that runs it.
    pub engine: Engine,
    /// Every container of the project, running or not, by service and number.
    pub containers: Vec<Container>,
    /// The networks that the containers are attached to, by the engine's name.
    pub networks: Vec<Network>,
    /// Ports that containers outside the project publish.
    pub strangers: Vec<Stranger>,
    /// The containers outside the project that are on its networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<Neighbour>,
    /// The containers by their ids and names.
    #[serde(skip)]
    pub by_name: Kept<Names>,
}

/// A container that is not of the project, on one of the project's networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its name.
    pub container: String,
    /// Its project, if any.
    pub project: Option<String>,
    /// Its address there.
    pub address: IpAddr,
}

/// What Compose read when it made the containers, as their labels name it; the paths are those of the machine it ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The project's folder.
    pub directory: String,
    /// The compose files, in the order in which they are merged.
    pub files: Vec<String>,
    /// The files of variables that were named with `--env-file`.
    pub env_files: Vec<String>,
}

/// One container of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The engine's id, 64 hexadecimal digits.
    pub id: String,
    /// Its name without the leading slash.
    pub name: String,
    /// The Compose service.
    pub service: String,
    /// Which replica, from 1.
    pub number: u32,
    /// Whether the service has more than one container, so that the number must be said.
    pub scaled: bool,
    /// The image as the compose file names it.
    pub image: String,
    /// Its host name.
    pub hostname: String,
    /// Environment, in the engine's order, values as the process sees them.
    pub environment: Vec<(String, String)>,
    /// Entrypoint and command as one line of arguments.
    pub command: Vec<String>,
    /// What it is doing.
    pub state: State,
    /// The result of its healthcheck, where it has one.
    pub health: Option<Health>,
    /// How often the engine restarted it.
    pub restarts: u64,
    /// Whether its restart policy would start it again: `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart_policy: String,
    /// How it is attached: a network's name, `host`, `none`, `bridge`, or `container:ID`.
    pub network_mode: String,
    /// Its networks, by name.
    pub attachments: Vec<Attachment>,
    /// Published ports as they are bound now.
    pub ports: Vec<PublishedPort>,
    /// Published ports as they were asked for.
    pub wanted_ports: Vec<PublishedPort>,
    /// TCP ports that the image or the compose file exposes.
    pub exposed: Vec<u16>,
    /// `extra_hosts`, as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Process id on the engine's machine; 0 when it does not run.
    pub pid: u32,
    /// The engine's copy of its `/etc/resolv.conf`.
    pub resolv_conf: String,
    /// The engine's copy of its `/etc/hosts`.
    pub hosts: String,
    /// Limits; 0 is none.
    pub limits: Limits,
    /// When it was made, RFC 3339.
    #[serde(default)]
    pub created: String,
    /// What is mounted into it.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// The command of its healthcheck as the engine runs it: `CMD`, `CMD-SHELL`, …; empty where it has none.
    #[serde(default)]
    pub healthcheck: Vec<String>,
    /// The services that Compose starts before it.
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    /// Its labels, but for those of Compose and of the image's authors. They may hold secrets, and are never written.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// Compose's hash of the declaration that it was made from; empty where the label is absent.
    #[serde(default)]
    pub config_hash: String,
    /// The version of Compose that made it; empty where the label is absent.
    #[serde(default)]
    pub compose_version: String,
    /// The place in the catalogue of its server's technology, once somebody has asked for it.
    #[serde(skip)]
    pub technology: Kept<Option<usize>>,
}

/// Something mounted into a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, in the engine's word.
    pub kind: String,
    /// The volume's name, or the path on the engine's machine.
    pub source: String,
    /// The path in the container.
    pub destination: String,
}

/// A service that Compose starts before another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The service.
    pub service: String,
    /// `service_started`, `service_healthy`, `service_completed_successfully`.
    pub condition: String,
}

/// What a container is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The engine's word.
    pub status: Status,
    /// The exit code of its last end.
    pub exit_code: i64,
    /// The engine's own error, such as a port that could not be bound.
    pub error: String,
    /// Whether the kernel killed it for memory.
    pub out_of_memory: bool,
    /// When it was last started, RFC 3339, empty if never.
    pub started: String,
}

/// The states of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Made, never started.
    #[default]
    Created,
    /// Running.
    Running,
    /// Running, every process stopped.
    Paused,
    /// Between two starts.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// The engine failed to remove it.
    Dead,
}

/// The result of a healthcheck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures in a row.
    pub failing: i64,
    /// What the last one printed, bounded.
    pub output: String,
}

/// A TCP port of a container that is reached through the engine's host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The port in the container.
    pub container_port: u16,
    /// The port on the host; `None` where the engine chooses one.
    pub host_port: Option<u16>,
    /// The host's address it is bound to; unspecified for all.
    pub host_address: IpAddr,
}

/// A port published by a container that is not of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// The container's name.
    pub container: String,
    /// Its project, if any.
    pub project: Option<String>,
    /// The port.
    pub port: PublishedPort,
}

/// A container's limits; 0 is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes.
    pub memory: i64,
    /// Billionths of a CPU.
    pub nano_cpus: i64,
}

impl Container {
    /// The service, and the number where there are several: `app`, `app#2`.
    #[must_use]
    pub fn label(&self) -> String {
        if self.scaled { format!("{}#{}", self.service, self.number) } else { self.service.clone() }
    }

    /// The value of an environment variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether it runs, not paused.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.state.status, Status::Running)
    }

    /// Whether it ended in good order and nothing would start it again: a migration, a set-up job. What publishes a port
    /// is a server, and a server that ended was stopped.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state.status == Status::Exited
            && self.state.exit_code == 0
            && self.wanted_ports.is_empty()
            && !matches!(self.restart_policy.as_str(), "always" | "unless-stopped")
    }

    /// Whether it shares the host's network.
    #[must_use]
    pub fn on_host_network(&self) -> bool {
        self.network_mode == "host"
    }

    /// Whether the engine discards the ports that it asks to publish: on the host's network all of its ports are the host's,
    /// and without a network it has none.
    #[must_use]
    pub fn discards_ports(&self) -> bool {
        matches!(self.network_mode.as_str(), "host" | "none")
    }

    /// The id of the container whose network namespace it shares, if it does.
    #[must_use]
    pub fn joins(&self) -> Option<&str> {
        self.network_mode.strip_prefix("container:")
    }

    /// The names of its networks.
    pub fn network_names(&self) -> impl Iterator<Item = &str> {
        self.attachments.iter().map(|attachment| attachment.network.as_str())
    }

    /// The volumes with a name of their own that are mounted into it.
    pub fn volumes(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter(|mount| mount.kind == "volume").map(|mount| mount.source.as_str())
    }

    /// What `extra_hosts` maps a name to: an address, or `host-gateway`.
    #[must_use]
    pub fn extra_host(&self, name: &str) -> Option<&str> {
        let mut entries = self.extra_hosts.iter().filter_map(|entry| entry.split_once([':', '=']));
        let (_, address) = entries.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(address.trim_matches(['[', ']']))
    }

    /// Every address it has.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.attachments.iter().flat_map(|attachment| attachment.addresses.iter().copied())
    }
}

impl Stack {
    /// The services, in order, each once.
    #[must_use]
    pub fn services(&self) -> Vec<&str> {
        let names: BTreeSet<_> = self.containers.iter().map(|container| container.service.as_str()).collect();
        names.into_iter().collect()
    }

    /// A service's containers, by number.
    pub fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().filter(move |container| container.service == service)
    }

    /// The container whose network namespace `container` uses: itself, or the one that it joins.
    #[must_use]
    pub fn namespace_owner<'a>(&'a self, container: &'a Container) -> &'a Container {
        container.joins().and_then(|id| self.by_id(id)).unwrap_or(container)
    }

    /// Whether two containers share one network namespace.
    #[must_use]
    pub fn share_namespace(&self, a: &Container, b: &Container) -> bool {
        self.namespace_owner(a).id == self.namespace_owner(b).id || (a.on_host_network() && b.on_host_network())
    }

    /// The container that has this address on one of its networks.
    #[must_use]
    pub fn at_address(&self, address: IpAddr) -> Option<&Container> {
        self.containers.iter().find(|container| container.addresses().any(|own| own == address))
    }

    /// The containers, by id, that are gone, or in another state or another run of theirs, in a later look.
    ///
    /// One that the engine itself started again meanwhile has crashed: that is its state, whatever it was at either moment.
    #[must_use]
    pub fn changed_until(&mut self, later: &Self) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        for container in &mut self.containers {
            let now = later.by_id(&container.id);
            let same = now.is_some_and(|now| {
                (now.state.status, &now.state.started, now.restarts)
                    == (container.state.status, &container.state.started, container.restarts)
            });
            match now {
                _ if same => {}
                Some(now) if now.restarts > container.restarts => {
                    container.state = State { status: Status::Restarting, ..now.state.clone() };
                    container.restarts = now.restarts;
                }
                _ => {
                    changed.insert(container.id.clone());
                }
            }
        }
        changed
    }

    /// A network by its key in the compose file, or by the engine's name.
    #[must_use]
    pub fn network(&self, name: &str) -> Option<&Network> {
        self.networks
            .iter()
            .find(|n| n.key.as_deref() == Some(name))
            .or_else(|| self.networks.iter().find(|n| n.name == name))
    }
}
