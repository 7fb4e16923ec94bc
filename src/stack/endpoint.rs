//! Where the engine is, as the `docker` command finds it: `DOCKER_HOST`, else the context, else the usual sockets.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::StackError;
use super::ssh::Destination;
use super::surroundings::Surroundings;
use crate::text;

/// Where the engine listens when nothing says otherwise.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Where an engine is and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: Address,
    /// What TLS is made of, where it is used.
    pub tls: Option<TlsFiles>,
    /// What said so.
    pub origin: Origin,
}

/// An engine's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Socket(PathBuf),
    /// A name or address, without brackets, and a port.
    Tcp(String, u16),
    /// Behind the user's `ssh`.
    Ssh(Destination),
}

/// The certificates of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Where `ca.pem`, `cert.pem` and `key.pem` lie.
    pub folder: PathBuf,
    /// Whether the engine must prove its identity.
    pub verify: bool,
    /// Whether `ca.pem` must be there; else the system's authorities do.
    pub needs_authority: bool,
}

/// What said where the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `DOCKER_HOST`.
    Variable,
    /// A context, and what named it.
    Context(String, &'static str),
    /// Nothing did.
    Default,
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => write!(f, "from DOCKER_HOST"),
            Self::Context(name, by) => write!(f, "from the context `{}`, named by {by}", text::line(name, 80)),
            Self::Default => write!(f, "the default"),
        }
    }
}

impl Display for Endpoint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Socket(path) => write!(f, "unix://{}", text::line(&path.display().to_string(), 200)),
            Address::Tcp(host, port) if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "tcp://{host}:{port}"),
            Address::Ssh(to) => {
                let user = to.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
                let host = if to.host.contains(':') { format!("[{}]", to.host) } else { to.host.clone() };
                let port = to.port.map(|port| format!(":{port}")).unwrap_or_default();
                write!(f, "ssh://{user}{host}{port}{}", to.socket.as_deref().unwrap_or_default())
            }
        }
    }
}

/// Finds the engine. `DOCKER_HOST` wins over `DOCKER_CONTEXT`, which wins over `currentContext` of Docker's settings.
///
/// # Errors
///
/// An address or a context that cannot be used.
pub fn find(surroundings: &Surroundings) -> Result<Endpoint, StackError> {
    if let Some(value) = surroundings.variable("DOCKER_HOST") {
        let set = |name| surroundings.variable(name).is_some();
        let verify = set("DOCKER_TLS_VERIFY");
        let folder = match surroundings.variable("DOCKER_CERT_PATH") {
            Some(folder) => surroundings.absolute(Path::new(folder)),
            None => surroundings.docker_folder().unwrap_or_default(),
        };
        let wanted = verify || set("DOCKER_TLS");
        let tls = wanted.then_some(TlsFiles { folder, verify, needs_authority: verify });
        return endpoint(value, tls, Origin::Variable);
    }
    let (name, by) = match surroundings.variable("DOCKER_CONTEXT") {
        Some(name) => (name.to_owned(), "DOCKER_CONTEXT"),
        None => match current_context(surroundings) {
            Some(name) => (name, "currentContext in Docker's config.json"),
            None => return Ok(default(surroundings)),
        },
    };
    if name == "default" { Ok(default(surroundings)) } else { context(&name, by, surroundings) }
}

/// The first of the usual sockets that is there: the system's, that of a rootless engine, that of Docker Desktop.
fn default(surroundings: &Surroundings) -> Endpoint {
    let rootless = surroundings.variable("XDG_RUNTIME_DIR").map(|folder| Path::new(folder).join("docker.sock"));
    let desktop = surroundings.home.as_ref().map(|home| home.join(".docker/run/docker.sock"));
    let usual = [Some(PathBuf::from(DEFAULT_SOCKET)), rootless, desktop];
    // A socket that may not be looked at is there all the same: only "not found" moves on to the next.
    let there = |path: &PathBuf| {
        std::fs::symlink_metadata(path).map_or_else(|error| error.kind() != std::io::ErrorKind::NotFound, |_| true)
    };
    let socket = usual.into_iter().flatten().find(there).unwrap_or_else(|| DEFAULT_SOCKET.into());
    Endpoint { address: Address::Socket(socket), tls: None, origin: Origin::Default }
}

/// The context that `docker context use` chose. Settings that cannot be read choose none, as for `docker` itself.
fn current_context(surroundings: &Surroundings) -> Option<String> {
    #[derive(Deserialize)]
    struct Settings {
        #[serde(rename = "currentContext")]
        current_context: Option<String>,
    }
    let settings = std::fs::read(surroundings.docker_folder()?.join("config.json")).ok()?;
    let settings: Settings = serde_json::from_slice(&settings).ok()?;
    settings.current_context.filter(|name| !name.is_empty())
}

/// What a context says, as Docker stores it.
#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Endpoints", default)]
    endpoints: std::collections::BTreeMap<String, StoredEndpoint>,
}

#[derive(Deserialize)]
struct StoredEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_verification: bool,
}

/// The folder of a context: the SHA-256 of its name in hexadecimal digits.
fn folder_of(name: &str) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    Sha256::digest(name.as_bytes()).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn context(name: &str, by: &'static str, surroundings: &Surroundings) -> Result<Endpoint, StackError> {
    let contexts = surroundings.docker_folder().unwrap_or_default().join("contexts");
    let digest = folder_of(name);
    let path = contexts.join("meta").join(&digest).join("meta.json");
    let unreadable =
        |reason: String| StackError::Context { name: text::line(name, 80), path: path.display().to_string(), reason };
    let stored = match std::fs::read(&path) {
        Ok(stored) => stored,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(unknown(name, by, &contexts)),
        Err(error) => return Err(unreadable(text::io_error(&error))),
    };
    let stored: Stored = serde_json::from_slice(&stored).map_err(|error| unreadable(error.to_string()))?;
    let docker = stored.endpoints.get("docker").filter(|docker| !docker.host.is_empty());
    let docker = docker.ok_or_else(|| unreadable("it names no Docker engine".to_owned()))?;
    let folder = contexts.join("tls").join(&digest).join("docker");
    let has_files = ["ca.pem", "cert.pem", "key.pem"].iter().any(|file| folder.join(file).exists());
    let tls = (has_files || docker.skip_verification).then_some(TlsFiles {
        folder,
        verify: !docker.skip_verification,
        needs_authority: false,
    });
    endpoint(&docker.host, tls, Origin::Context(name.to_owned(), by))
}

fn unknown(name: &str, by: &'static str, contexts: &Path) -> StackError {
    let mut known = vec!["default".to_owned()];
    for entry in std::fs::read_dir(contexts.join("meta")).into_iter().flatten().flatten() {
        let stored = std::fs::read(entry.path().join("meta.json")).ok();
        known
            .extend(stored.and_then(|stored| serde_json::from_slice::<Stored>(&stored).ok()).map(|stored| stored.name));
    }
    known.sort();
    let score = |other: &String| strsim::jaro_winkler(name, other);
    let nearest = known.iter().filter(|other| score(other) > 0.8).max_by(|a, b| score(a).total_cmp(&score(b)));
    let nearest = nearest.map_or_else(String::new, |nearest| format!("did you mean `{}`? ", text::line(nearest, 80)));
    let known: Vec<_> = known.iter().map(|name| text::line(name, 80)).collect();
    let help = format!(
        "{nearest}there {}",
        match known.as_slice() {
            [only] => format!("is only {only}; make it with `docker context create`"),
            several => format!("are {}; choose with `docker context use NAME`", text::list(several)),
        }
    );
    StackError::UnknownContext { name: text::line(name, 80), origin: by.to_owned(), help }
}

/// An address as users write it.
fn endpoint(value: &str, tls: Option<TlsFiles>, origin: Origin) -> Result<Endpoint, StackError> {
    let shown = || text::line(&text::redact(value), 200);
    let bad =
        |reason: &str| StackError::Address { value: shown(), origin: origin.to_string(), reason: reason.to_owned() };
    let (scheme, rest) = value.split_once("://").unwrap_or(("tcp", value));
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "unix" => {
            let path = if rest.is_empty() { DEFAULT_SOCKET } else { rest };
            return Ok(Endpoint { address: Address::Socket(path.into()), tls: None, origin });
        }
        "tcp" | "http" | "https" => {}
        "ssh" => {
            let destination = destination(rest).map_err(bad)?;
            return Ok(Endpoint { address: Address::Ssh(destination), tls: None, origin });
        }
        "npipe" => return Err(bad("named pipes exist on Windows only")),
        _ => return Err(bad("its scheme is none of unix, tcp, ssh, http, https")),
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(bad("a path after the port is not supported"));
    }
    if authority.contains('@') {
        return Err(bad("a user in it is not supported"));
    }
    let tls = match (scheme.as_str(), tls) {
        ("https", None) => Some(TlsFiles { folder: PathBuf::new(), verify: true, needs_authority: false }),
        (_, tls) => tls,
    };
    let (host, port) = host_and_port(authority).map_err(bad)?;
    let port = port.unwrap_or(match (scheme.as_str(), &tls) {
        ("http", None) => 80,
        ("http" | "https", Some(_)) => 443,
        (_, None) => 2375,
        (_, Some(_)) => 2376,
    });
    let host = if host.is_empty() { "localhost" } else { host };
    Ok(Endpoint { address: Address::Tcp(host.to_owned(), port), tls, origin })
}

/// `[user@]host[:port][/path/to/docker.sock]`, as it follows `ssh://`.
fn destination(rest: &str) -> Result<Destination, &'static str> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, authority)) => (Some(user), authority),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("a password in it is not supported: `ssh` logs in with keys");
    }
    let (host, port) = host_and_port(authority)?;
    if host.is_empty() {
        return Err("the host is missing");
    }
    // `ssh` would take these for options.
    if host.starts_with('-') || user.is_some_and(|user| user.is_empty() || user.starts_with('-')) {
        return Err("no user and no host begins so");
    }
    if user.is_some_and(|user| {
        user.contains(|c: char| c.is_whitespace() || c.is_control() || "\\\"'`$;&|<>()%".contains(c))
    }) {
        return Err("the user has a character that none can have");
    }
    // It goes through a shell on the other side.
    let path = if path == "/" { "" } else { path };
    if path.contains(|c: char| !c.is_ascii_alphanumeric() && !"/._-+@,=".contains(c)) {
        return Err("the path of the socket has a character that is not supported");
    }
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Destination { user: user.map(str::to_owned), host: host.to_owned(), port, socket: some(path) })
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or("a bracket is not closed")?;
        (
            host,
            if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or("the port must follow a colon")?) },
        )
    } else {
        match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => return Err("an IPv6 address stands in brackets"),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '"' | '<' | '>' | '%')) {
        return Err("the host has a character that none can have");
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err("the port is no number from 1 to 65535"),
            Ok(port) => Some(port),
        },
    };
    Ok((host, port))
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
