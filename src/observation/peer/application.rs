//! What servers say over HTTP of who they are and how they do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A server that is known by its answers. Strings are bounded and safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Application {
    /// The technology's id: `prometheus`.
    pub technology: String,
    /// As people call it.
    pub name: String,
    /// As it says.
    pub version: Option<String>,
    /// What else it says of itself, by name: `cluster`, `database`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub says: BTreeMap<String, String>,
    /// Prometheus: whom it scrapes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrapes: Option<Scrapes>,
    /// Spring Boot: the components that are not up, by their paths, each with its state and what it says of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub down: BTreeMap<String, String>,
}

/// Whom a Prometheus scrapes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Scrapes {
    /// How many targets it has.
    pub targets: u32,
    /// How many of them it could scrape the last time.
    pub up: u32,
    /// Those that it could not, the first of them.
    pub down: Vec<ScrapeTarget>,
}

/// A target that could not be scraped.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ScrapeTarget {
    /// The job.
    pub job: String,
    /// What is scraped, without secrets.
    pub url: String,
    /// Its host, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Why not, in Prometheus' own words.
    pub error: String,
}

impl Application {
    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = vec![match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }];
        parts.extend(self.says.iter().map(|(name, value)| format!("{name} {value}")));
        parts.extend(self.scrapes.iter().map(|all| format!("{} of {} targets up", all.up, all.targets)));
        if !self.down.is_empty() {
            let down: Vec<_> = self.down.keys().map(String::as_str).collect();
            parts.push(format!("down: {}", down.join(", ")));
        }
        parts.join(", ")
    }
}
