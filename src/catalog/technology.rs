//! One file of `checks/technologies/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use wildmatch::WildMatch;

use super::program::Program;
use super::{FileRule, Role};
use crate::target::Protocol;

/// What is known of a technology.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Technology {
    /// The name of its file without `.yaml`.
    #[serde(skip)]
    pub id: String,
    /// As people call it.
    pub name: String,
    /// Paths of its images' repositories, without a registry; Docker Hub's own with their `library/`.
    #[serde(default)]
    pub images: Vec<String>,
    /// What its server speaks, by TCP port in the container.
    #[serde(default)]
    pub ports: BTreeMap<u16, Port>,
    /// The one of `ports` that clients take where none is written.
    pub default_port: Option<u16>,
    /// The port at which members of its cluster reach each other where none is written.
    pub peer_port: Option<u16>,
    /// Schemes of its URLs, in lower case.
    #[serde(default)]
    pub schemes: Vec<String>,
    /// Those that say TLS.
    #[serde(default)]
    pub tls_schemes: Vec<String>,
    /// Variables by which clients name it.
    #[serde(default)]
    pub clients: Clients,
    /// Patterns of the server's own settings, which are no addresses of others.
    #[serde(default)]
    pub own: Vec<String>,
    /// The labels by which other containers tell it where they are served.
    #[serde(default)]
    pub labels: Labels,
    /// What its clients connect to where a setting is missing.
    #[serde(default)]
    pub defaults: Vec<MissingSetting>,
    /// Whether it connects to nobody but whom its own settings name, as databases do.
    #[serde(default)]
    pub store: bool,
    /// Its configuration files; of a technology without images, those of any container.
    #[serde(default)]
    pub files: Vec<FileRule>,
    /// Programs that connect to it.
    #[serde(default)]
    pub programs: Vec<Program>,
}

/// The labels by which a proxy finds whom it serves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The label that leaves a container out where it is `false`.
    pub switch: Option<String>,
    /// Patterns of labels that hold a port, and what is spoken there.
    #[serde(default)]
    pub ports: BTreeMap<String, Port>,
}

/// What clients connect to where a setting is missing.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingSetting {
    /// Whether it holds only for containers of this technology's images.
    #[serde(default)]
    pub image: bool,
    /// The variables, or patterns, that must be set, with their value or `*`.
    pub r#where: BTreeMap<String, String>,
    /// The variable whose absence it is about.
    pub variable: String,
    /// Others that say it too.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Variables that such a client does not read.
    #[serde(default)]
    pub instead_of: Vec<String>,
    /// Where it connects to then, as a URL.
    pub target: String,
}

/// Names, or patterns with `*`, of the variables by which clients name a server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// A URL, `host:port`, or a list of these.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// A host; the port is in the variable of the same prefix that ends in `PORT`, or the default.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Addresses of the server's own cluster, which count in the server's container too.
    #[serde(default)]
    pub peers: Vec<String>,
}

impl Clients {
    /// The three lists, each with what it means.
    #[must_use]
    pub fn by_role(&self) -> [(&[String], Role); 3] {
        [(&self.addresses, Role::Address), (&self.hosts, Role::Host), (&self.peers, Role::Peer)]
    }
}

/// What is spoken on a port, written `http /-/healthy`, `tcp`, `grpc`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Port {
    /// What is spoken.
    pub protocol: Protocol,
    /// For HTTP, a path that anybody may request at any time and that changes nothing.
    pub path: Option<String>,
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, path) = match text.split_once(' ') {
            Some((word, path)) => (word, Some(path.trim().to_owned())),
            None => (text.as_str(), None),
        };
        let Some(&protocol) = Protocol::ALL.iter().find(|protocol| protocol.scheme() == word) else {
            return Err(format!("{word:?} is no protocol that can be spoken to a port"));
        };
        let http = matches!(protocol, Protocol::Http | Protocol::Https);
        match &path {
            Some(path) if !http || !path.starts_with('/') => {
                Err(format!("{text:?}: only http and https have a path, and it starts with /"))
            }
            _ => Ok(Self { protocol, path }),
        }
    }
}

/// A file of a technology that says nothing usable.
#[derive(Debug, thiserror::Error)]
pub enum TechnologyError {
    /// It is not the YAML that is asked for.
    #[error("technology {id}: {reason}")]
    Syntax {
        /// The file's name without `.yaml`.
        id: String,
        /// What the reader of YAML says, with the place.
        reason: String,
    },
    /// The default port is not among the ports.
    #[error("technology {0}: default_port is not listed under ports")]
    DefaultPort(String),
    /// A rule for files finds or reads none.
    #[error("technology {id}: {reason}")]
    File {
        /// The file's name without `.yaml`.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name is not written in the way that it is compared.
    #[error("technology {id}: {name:?} is not written as it would be compared; see checks/technologies/README.md")]
    Spelling {
        /// The file's name without `.yaml`.
        id: String,
        /// The name.
        name: String,
    },
}

impl Technology {
    /// Reads a technology from the text of its file.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file and where.
    pub fn parse(id: &str, text: &str) -> Result<Self, TechnologyError> {
        let syntax = |error: serde_saphyr::Error| TechnologyError::Syntax { id: id.into(), reason: error.to_string() };
        let technology = Self { id: id.into(), ..serde_saphyr::from_str(text).map_err(syntax)? };
        if technology.default_port.is_some_and(|port| !technology.ports.contains_key(&port)) {
            return Err(TechnologyError::DefaultPort(id.into()));
        }
        if let Some(reason) = technology.files.iter().find_map(|rule| rule.mistake(true)) {
            return Err(TechnologyError::File { id: id.into(), reason });
        }
        match technology.misspelt() {
            Some(name) => Err(TechnologyError::Spelling { id: id.into(), name: name.clone() }),
            None => Ok(technology),
        }
    }

    /// A name that could never match: an image without its organisation, a scheme or a variable in the wrong case.
    fn misspelt(&self) -> Option<&String> {
        let variables = self.clients.by_role().into_iter().flat_map(|(names, _)| names).chain(&self.own);
        let mut bad = variables.filter(|name| super::variable_name(name) != name.trim_matches('_'));
        let schemes =
            || self.schemes.iter().chain(&self.tls_schemes).filter(|name| name.to_ascii_lowercase() != **name);
        let images = || self.images.iter().filter(|name| !name.contains('/') || name.to_ascii_lowercase() != **name);
        let programs = || self.programs.iter().filter_map(Program::misspelt);
        bad.next().or_else(|| schemes().next()).or_else(|| images().next()).or_else(|| programs().next())
    }

    /// What its clients speak to it where nothing says otherwise.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.default_port.and_then(|port| self.ports.get(&port)).map_or(Protocol::Tcp, |port| port.protocol)
    }

    /// Whether a variable, its name as [`super::variable_name`] writes it, is one of the server's own settings.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        self.own.iter().any(|pattern| WildMatch::new(pattern).matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_is_wrong_with_it() {
        for (text, reason) in [
            ("name: X\ncolour: red", "colour"),
            ("name: X\nports: {80: smoke}", "smoke"),
            ("name: X\nports: {80: tcp /path}", "path"),
            ("name: X\nports: {80: http}\ndefault_port: 81", "default_port"),
            ("name: X\nimages: [redis]", "redis"),
            ("name: X\nclients: {hosts: [redis-host]}", "redis-host"),
            ("ports: {80: http}", "name"),
            ("name: X\nfiles: [{format: yaml}]", "paths"),
            ("name: X\nfiles: [{paths: [/x.yml], addresses: [a is b]}]", "as"),
            ("name: X\nfiles: [{paths: [/x.yml], format: cobol}]", "cobol"),
        ] {
            let error = Technology::parse("x", text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let good =
            Technology::parse("x", "name: X\nports: {9090: http /-/healthy, 1: grpc}\ndefault_port: 9090").unwrap();
        assert_eq!((good.protocol(), good.ports[&9090].path.as_deref()), (Protocol::Http, Some("/-/healthy")));
        assert_eq!(good.ports[&1].protocol, Protocol::Grpc);
    }
}
