//! The engine that runs a stack.

use serde::{Deserialize, Serialize};

/// The engine that runs a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its version, such as `26.1.5`.
    pub version: String,
    /// Its operating system as it names it: `Debian GNU/Linux 12`, `Docker Desktop`.
    pub os: String,
    /// Its processor architecture as it names it: `amd64`.
    pub architecture: String,
    /// Where ports that it publishes are reached from here.
    pub published_at: PublishedAt,
    /// Whether its own network may be another than that of the host that crosscheck runs on: a remote engine, the
    /// virtual machine of Docker Desktop, an engine without root.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// Where published ports are reached from the host that crosscheck runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublishedAt {
    /// Here: the engine's processes are this machine's, or Docker Desktop forwards them.
    #[default]
    Here,
    /// At another machine's address.
    Host(String),
    /// It cannot be told, for this reason.
    Unknown(String),
}

impl Engine {
    /// Whether the engine runs in a virtual machine of a desktop, which gives containers the names of its host and
    /// forwards what they send there, to its loopback too.
    #[must_use]
    pub fn is_desktop(&self) -> bool {
        ["Docker Desktop", "OrbStack"].iter().any(|name| self.os.contains(name))
    }
}
