//! The stack as its files declare it: Compose's files read as Compose reads them, with the place of every value.
//!
//! [`read`] gives a [`Project`] without asking anybody; what it makes of a file is what `docker compose config` makes of it
//! (`tests/compose.rs` holds the two equal). It follows the Compose Specification, <https://github.com/compose-spec/compose-spec>.

pub mod at_hand;
mod canonical;
mod error;
mod load;
mod merge;
mod ports;
mod references;
mod scalar;
mod service;
pub mod source;
mod stack;
pub mod typed;
mod variables;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

pub use error::ComposeError;
pub use load::{Set, fill};
pub use ports::Port;
pub use stack::as_stack;

use load::{Loader, services};
use source::{Place, Sources};
use yaml::Node;

use crate::nearest::nearest;

/// The key of compose files under which users speak to crosscheck.
pub const EXTENSION: &str = "x-crosscheck";

/// A project as its files declare it. Not `Debug`: its variables hold secrets.
#[derive(Clone, Default)]
pub struct Project {
    /// The files, in the order in which they were read.
    pub sources: Sources,
    /// The services whose profiles are active, by name.
    pub services: BTreeMap<String, Service>,
    /// The services that no active profile has, by name.
    pub inactive: BTreeSet<String>,
    /// The networks that `networks` names, by key.
    pub networks: BTreeMap<String, Network>,
    /// The project's folder.
    pub directory: PathBuf,
    /// The variables that its files may refer to.
    pub variables: BTreeMap<String, String>,
    /// What its files say to crosscheck itself: `x-crosscheck`.
    pub extension: Option<Node>,
    /// Keys of its files that are nearly `x-crosscheck`.
    pub misspelt: Vec<Placed<String>>,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// A service as it is declared. Not `Debug`: its variables hold secrets.
#[derive(Clone)]
pub struct Service {
    /// Where its key stands.
    pub place: Place,
    /// Its image, where it names one.
    pub image: Option<Placed<String>>,
    /// Its variables: those of its `env_file`s, then its own. `None` is a name that no value was found for.
    pub environment: BTreeMap<String, Placed<Option<String>>>,
    /// `entrypoint`, as words.
    pub entrypoint: Option<Vec<Placed<String>>>,
    /// `command`, as words.
    pub command: Option<Vec<Placed<String>>>,
    /// `healthcheck.test`, as the engine gets it; empty where there is none.
    pub healthcheck: Vec<Placed<String>>,
    /// The ports that it publishes.
    pub ports: Vec<Port>,
    /// The ports that it exposes to the network, TCP alone.
    pub expose: Vec<u16>,
    /// Its networks by key. Empty where it shares another's.
    pub networks: BTreeMap<String, OnNetwork>,
    /// `network_mode`, where it is said.
    pub network_mode: Option<Placed<String>>,
    /// The services that it waits for, with the condition.
    pub depends_on: BTreeMap<String, Placed<String>>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// Its container's own name, where it is said.
    pub container_name: Option<String>,
    /// Its host name, where it is said.
    pub hostname: Option<String>,
    /// `extra_hosts`, as `name=address` or `name:address`.
    pub extra_hosts: Vec<String>,
    /// `links`: the service, and the name that it is given.
    pub links: Vec<(String, String)>,
    /// Its labels.
    pub labels: BTreeMap<String, Placed<String>>,
    /// The profiles that it is part of; none is every one.
    pub profiles: Vec<String>,
    /// How many containers it has.
    pub scale: u32,
}

/// What a service has on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnNetwork {
    /// Its own names there.
    pub aliases: BTreeSet<String>,
    /// The addresses that it asks for.
    pub addresses: Vec<IpAddr>,
}

/// Something mounted into a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, `config`, `secret`.
    pub kind: String,
    /// The path on the host, or the volume's key; empty where there is none.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Where it is declared.
    pub place: Place,
    /// The text itself, where it stands in the compose file (`configs.*.content`).
    pub content: Option<Placed<String>>,
}

/// A network as it is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// The name that the engine has for it, where it is said.
    pub name: Option<String>,
    /// Whether it has no way out.
    pub internal: bool,
    /// Whether it is somebody else's.
    pub external: bool,
}

/// Reads a project from its files. `profiles` are those that are active; `*` is all, and where there are none, the one whose name
/// is empty is, as in Compose. `read` gives a file's text, or says why it cannot.
///
/// # Errors
///
/// The first thing that is wrong, with its file, line and column.
pub fn read(
    set: &Set,
    profiles: &[String],
    read: &dyn Fn(&Path) -> Result<String, String>,
) -> Result<Project, ComposeError> {
    let mut loader = Loader::new(read);
    let all = loader.set(set, 0)?;
    if all.get("services").is_none() {
        let wrong = error::Wrong::new(all.place, "it has no `services`: is it a compose file?");
        return Err(wrong.of(&loader.sources));
    }
    references::keys(&all).map_err(|wrong| wrong.of(&loader.sources))?;
    let unnamed = [String::new()];
    let profiles = if profiles.is_empty() { &unnamed } else { profiles };
    let mut project = Project {
        networks: networks(&all),
        directory: set.directory.clone(),
        variables: set.variables.clone(),
        extension: all.get(EXTENSION).cloned(),
        misspelt: misspelt(&all),
        ..Project::default()
    };
    for entry in services(&all) {
        let service = service::read(entry, &all, &mut loader, set)?;
        let active = service.profiles.is_empty()
            || profiles.iter().any(|profile| profile == "*" || service.profiles.contains(profile));
        if active {
            project.services.insert(entry.key.clone(), service);
        } else {
            project.inactive.insert(entry.key.clone());
        }
    }
    for entry in services(&all) {
        let Some(service) = project.services.get(&entry.key) else { continue };
        // Who is there for `*` alone may be somebody whom nobody ever starts: Compose was not asked for it.
        let is_asked_for = service.profiles.is_empty() || service.profiles.iter().any(|own| profiles.contains(own));
        if is_asked_for {
            references::names(entry, service, &all, &project).map_err(|wrong| wrong.of(&loader.sources))?;
        }
    }
    project.sources = loader.sources;
    Ok(project)
}

/// How files are read from the disk: compose files are no larger than 16 MiB.
///
/// # Errors
///
/// Why it cannot be read.
pub fn from_disk(path: &Path) -> Result<String, String> {
    const LARGEST: u64 = 16 << 20;
    let metadata = std::fs::metadata(path).map_err(|error| crate::text::io_error(&error))?;
    match metadata {
        metadata if metadata.is_dir() => Err("it is a folder".into()),
        metadata if metadata.len() > LARGEST => Err("it is larger than 16 MiB".into()),
        _ => std::fs::read_to_string(path).map_err(|error| crate::text::io_error(&error)),
    }
}

/// The keys at the top that are nearly [`EXTENSION`].
fn misspelt(all: &Node) -> Vec<Placed<String>> {
    let near = |key: &str| nearest(key, std::iter::once(EXTENSION)).is_some();
    let found = all.entries().iter().filter(|entry| near(&entry.key));
    found.map(|entry| Placed { value: entry.key.clone(), place: entry.place }).collect()
}

fn networks(all: &Node) -> BTreeMap<String, Network> {
    let declared = all.get("networks").into_iter().flat_map(Node::entries).map(|entry| {
        let says = |key: &str| entry.node.get(key).and_then(Node::as_text) == Some("true");
        let external = entry.node.get("external");
        let name = entry.node.get("name").or_else(|| external.and_then(|external| external.get("name")));
        let network = Network {
            name: name.and_then(Node::as_text).map(str::to_owned),
            internal: says("internal"),
            external: says("external") || external.is_some_and(|external| external.get("name").is_some()),
        };
        (entry.key.clone(), network)
    });
    declared.collect()
}

impl Project {
    /// The names of its services, whether or not a profile is active that has them.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.services.keys().chain(&self.inactive).map(String::as_str).collect()
    }

    /// The files that its services and their variables come from, each once.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = self.sources.iter().map(|source| source.path.clone()).collect();
        files.dedup();
        files
    }
}

#[cfg(test)]
mod tests;
