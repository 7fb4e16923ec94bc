//! One file of `checks/technologies/`.

use std::collections::BTreeMap;

use serde::Deserialize;
use wildmatch::WildMatch;

use super::file_rule::Glob;
use super::mistake::TechnologyError;
use super::plain::Plain;
use super::program::Program;
use super::signs::Signs;
use super::{FileRule, HttpAnswer, Role};
use crate::compose::typed;
use crate::target::Protocol;

/// What is known of a technology.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Technology {
    /// The name of its file without `.yaml`.
    #[serde(skip)]
    pub id: String,
    /// As people call it. A file that adds to a built-in technology needs none.
    #[serde(default)]
    pub name: String,
    /// Whether a user's file stands in the place of the built-in one of its name, instead of adding to it.
    #[serde(default)]
    pub replace: bool,
    /// Paths of its images' repositories, without a registry; Docker Hub's own with their `library/`.
    #[serde(default)]
    pub images: Vec<String>,
    /// What tells its server apart in images that are not listed.
    #[serde(default)]
    pub signs: Signs,
    /// What its server speaks, by TCP port in the container.
    #[serde(default)]
    pub ports: BTreeMap<u16, Port>,
    /// What it speaks where its settings say that it has no TLS, of ports of which nobody can say without them.
    pub plain: Option<Plain>,
    /// The one of `ports` that clients take where none is written.
    pub default_port: Option<u16>,
    /// Who uses it at that port if it waits for it, and nothing else is known between the two: ids of technologies, `*` for
    /// whatever is none that is known. Of a store it is everybody but other stores.
    #[serde(default)]
    pub awaited_by: Vec<String>,
    /// The options, with their dashes, and the variables by which its server is told another port than that.
    #[serde(default)]
    pub listens: Vec<String>,
    /// The same for single ones of `ports`, by number; each names a port, an address, or a list of addresses.
    #[serde(default)]
    pub listeners: BTreeMap<u16, Vec<String>>,
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
    /// Whether it takes addresses from its own settings alone, and from its files: variables that it shares with containers of
    /// other images are theirs.
    #[serde(default)]
    pub own_alone: bool,
    /// Its configuration files; of a technology without images, those of any container.
    #[serde(default)]
    pub files: Vec<FileRule>,
    /// Programs that connect to it.
    #[serde(default)]
    pub programs: Vec<Program>,
    /// What its server says of itself over HTTP.
    #[serde(default)]
    pub http: Vec<HttpAnswer>,
}

/// The labels by which a proxy finds whom it serves.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// The label that leaves a container out where it is `false`.
    pub switch: Option<String>,
    /// Patterns of labels that hold a port, and what is spoken there.
    #[serde(default)]
    pub ports: BTreeMap<String, Port>,
    /// Patterns of labels that make it forward to their container, and what is spoken there: at the container's lowest port,
    /// where none of `ports` says another.
    #[serde(default)]
    pub routers: BTreeMap<String, Port>,
    /// Patterns of labels that hold the URL of somebody whom the proxy asks, whatever their case.
    #[serde(default)]
    pub addresses: Vec<Glob>,
}

/// What clients connect to where a setting is missing.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// What is to know of single ones of these names, beside what they hold.
    #[serde(default)]
    pub particulars: BTreeMap<String, Particular>,
}

/// What is to know of a variable by which clients name a server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Particular {
    /// The variables one of which holds the port of a host without one; where none is set, the default one counts.
    #[serde(default)]
    pub port: Vec<String>,
    /// Whether the client itself surely connects to it, whatever its name says.
    #[serde(default)]
    pub certain: bool,
    /// Variables of which each lets the client connect there no more.
    #[serde(default)]
    pub unless: Vec<String>,
    /// Variables, and patterns of their values, whatever the case: it counts only where those of them that are set match.
    #[serde(default)]
    pub only: BTreeMap<String, Glob>,
    /// Whether a label stands before each address, and more behind it, all with colons between.
    #[serde(default)]
    pub labelled: bool,
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String", extend("pattern" = port_pattern())))]
pub struct Port {
    /// What is spoken.
    pub protocol: Protocol,
    /// For HTTP, a path that anybody may request at any time and that changes nothing.
    pub path: Option<String>,
}

/// What a port may say, as a regular expression.
#[cfg(test)]
fn port_pattern() -> String {
    format!("^({}|https? +/.*)$", Protocol::ALL.map(Protocol::scheme).join("|"))
}

impl TryFrom<String> for Port {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (word, path) = match text.split_once(' ') {
            Some((word, path)) => (word, Some(path.trim().to_owned())),
            None => (text.as_str(), None),
        };
        let Some(&protocol) = Protocol::ALL.iter().find(|protocol| protocol.scheme() == word) else {
            let known = Protocol::ALL.map(Protocol::scheme);
            let meant = super::mistake::meant(word, &known);
            let known = super::mistake::known(&known);
            return Err(format!("`{word}` is no protocol that can be spoken to a port{meant} ({known})"));
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

impl Technology {
    /// Reads a technology from the text of its file, where that is all that is known of it.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file and where.
    pub fn parse(id: &str, text: &str) -> Result<Self, TechnologyError> {
        let technology = Self::read(id, text)?;
        technology.check(text)?;
        Ok(technology)
    }

    /// Reads what a file says, which may not be all there is to say.
    pub(super) fn read(id: &str, text: &str) -> Result<Self, TechnologyError> {
        let technology = typed::parse(text).map_err(|error| TechnologyError::of_yaml(id, &error))?;
        Ok(Self { id: id.into(), ..technology })
    }

    /// Whether it is complete and consistent; `text` is where it stands.
    pub(super) fn check(&self, text: &str) -> Result<(), TechnologyError> {
        let wrong = |word: &str, reason: String| Err(TechnologyError::at_word(&self.id, text, word, reason));
        if self.name.is_empty() {
            return wrong("", "`name` is missing".into());
        }
        if let Some(port) = self.default_port.filter(|port| !self.ports.contains_key(port)) {
            return wrong("default_port", format!("the default_port {port} is not listed under `ports`"));
        }
        if let Some(port) = self.listeners.keys().find(|port| !self.ports.contains_key(port)) {
            return wrong("listeners", format!("the port {port} of `listeners` is not listed under `ports`"));
        }
        if let Some(reason) = self.files.iter().find_map(|rule| rule.mistake(true)) {
            return wrong("files", reason);
        }
        let strange = || {
            let nobody = !self.http.iter().any(|answer| answer.known_by.is_some());
            (nobody && !self.http.is_empty()).then(|| "nothing tells that it is this technology".to_owned())
        };
        if let Some(reason) = self.http.iter().find_map(HttpAnswer::mistake).or_else(strange) {
            return wrong("http", reason);
        }
        let listed = |name: &String| self.clients.by_role().into_iter().any(|(names, _)| names.contains(name));
        if let Some(name) = self.clients.particulars.keys().find(|name| !listed(name)) {
            return wrong(name, format!("`{name}` is not listed among the clients' variables"));
        }
        match self.misspelt() {
            Some((name, Some(right))) => {
                let reason = format!("`{name}` would never match: it is compared as `{right}`");
                wrong(name, reason)
            }
            Some((name, None)) => {
                let reason =
                    format!("`{name}` is not written as it would be compared; see checks/technologies/README.md");
                wrong(name, reason)
            }
            None => Ok(()),
        }
    }

    /// A name that could never match (an image without its organisation, a scheme or a variable in the wrong case), and how
    /// it would.
    fn misspelt(&self) -> Option<(&String, Option<String>)> {
        let variables = self.clients.by_role().into_iter().flat_map(|(names, _)| names).chain(&self.own);
        let plain = self.plain.iter().flat_map(|plain| plain.settings.keys());
        let variables = variables.chain(&self.signs.settings).chain(plain);
        let variables = variables.map(|name| (name, super::variable_name(name), name.trim_matches('_')));
        let mut variables = variables.filter(|(_, right, written)| right != written);
        let lower = |name: &String| (name.to_ascii_lowercase() != *name).then(|| name.to_ascii_lowercase());
        let lower_case = self.schemes.iter().chain(&self.tls_schemes).chain(&self.signs.names);
        let mut schemes = lower_case.filter_map(|name| Some((name, lower(name)?)));
        // A registry, a tag or a digest is none of what is compared.
        let images = self.images.iter().map(|name| (name, super::repository_path(name)));
        let mut images = images.filter(|(name, right)| *name != right);
        let found = variables.next().map(|(name, right, _)| (name, right));
        let found = found.or_else(|| schemes.next()).or_else(|| images.next()).map(|(name, right)| (name, Some(right)));
        found.or_else(|| self.programs.iter().find_map(Program::misspelt).map(|name| (name, None)))
    }

    /// What this says beside what another says of the same technology, this first.
    #[must_use]
    pub(super) fn added_to(self, other: Self) -> Self {
        fn both<T>(one: Vec<T>, other: Vec<T>) -> Vec<T> {
            one.into_iter().chain(other).collect()
        }
        fn over<K: Ord, V>(one: BTreeMap<K, V>, mut other: BTreeMap<K, V>) -> BTreeMap<K, V> {
            other.extend(one);
            other
        }
        Self {
            id: self.id,
            name: if self.name.is_empty() { other.name } else { self.name },
            replace: other.replace,
            images: both(self.images, other.images),
            signs: self.signs.added_to(other.signs),
            ports: over(self.ports, other.ports),
            plain: self.plain.or(other.plain),
            default_port: self.default_port.or(other.default_port),
            awaited_by: both(self.awaited_by, other.awaited_by),
            listens: both(self.listens, other.listens),
            listeners: over(self.listeners, other.listeners),
            peer_port: self.peer_port.or(other.peer_port),
            schemes: both(self.schemes, other.schemes),
            tls_schemes: both(self.tls_schemes, other.tls_schemes),
            clients: Clients {
                addresses: both(self.clients.addresses, other.clients.addresses),
                hosts: both(self.clients.hosts, other.clients.hosts),
                peers: both(self.clients.peers, other.clients.peers),
                particulars: over(self.clients.particulars, other.clients.particulars),
            },
            own: both(self.own, other.own),
            labels: Labels {
                switch: self.labels.switch.or(other.labels.switch),
                ports: over(self.labels.ports, other.labels.ports),
                routers: over(self.labels.routers, other.labels.routers),
                addresses: both(self.labels.addresses, other.labels.addresses),
            },
            defaults: both(self.defaults, other.defaults),
            store: self.store || other.store,
            own_alone: self.own_alone || other.own_alone,
            files: both(self.files, other.files),
            http: both(self.http, other.http),
            programs: both(self.programs, other.programs),
        }
    }

    /// The names by which it is known, each of which can be that of one technology only, with what they are.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let schemes = self.schemes.iter().chain(&self.tls_schemes).map(|name| ("scheme", name));
        let clients = self.clients.by_role().into_iter().flat_map(|(names, _)| names).map(|name| ("variable", name));
        let programs = self.programs.iter().flat_map(|program| {
            let images = program.images.iter().map(|name| ("image that starts a program", name));
            program.names.iter().map(|name| ("program", name)).chain(images)
        });
        self.images.iter().map(|name| ("image", name)).chain(schemes).chain(clients).chain(programs)
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
            ("name: X\nports: {80: http}\nlisteners: {81: [--addr]}", "listeners"),
            ("name: X\nimages: [redis]", "redis"),
            ("name: X\nclients: {hosts: [redis-host]}", "redis-host"),
            ("ports: {80: http}", "name"),
            ("name: X\nfiles: [{format: yaml}]", "paths"),
            ("name: X\nfiles: [{paths: [/x.yml], addresses: [a is b]}]", "as"),
            ("name: X\nfiles: [{paths: [/x.yml], format: cobol}]", "cobol"),
            ("name: X\nhttp: [{path: /x}]", "nothing tells"),
            ("name: X\nhttp: [{path: x}]", "start with /"),
            ("name: X\nhttp: [{path: /x, reader: tea-leaves}]", "tea-leaves"),
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
