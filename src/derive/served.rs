//! What a container's server speaks on a port, by its image and its settings. Unknown is TCP: nothing is guessed.

use super::recognised;
use crate::catalog::{Plain, Port, Technology, catalog, major_version, variable_name};
use crate::plan::{Security, Tls};
use crate::stack::{Container, Stack};
use crate::target::Protocol;

/// Where Kafka's images take the listeners' names and ports from, and what each speaks.
const LISTENERS: &[&str] =
    &["KAFKA_LISTENERS", "KAFKA_CFG_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_CFG_ADVERTISED_LISTENERS"];
/// Where a broker names the listeners that are for controllers.
pub(super) const CONTROLLERS: &[&str] = &["KAFKA_CONTROLLER_LISTENER_NAMES", "KAFKA_CFG_CONTROLLER_LISTENER_NAMES"];
const PROTOCOLS: &[&str] = &["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP"];

/// What is spoken on a port, and how to look at it without a client's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// How it is looked at.
    pub protocol: Protocol,
    /// For HTTP, the path that is safe to request, where it is not `/`.
    pub path: Option<String>,
}

/// The technology of a container's server: by its image, or by what else tells it.
#[must_use]
pub fn technology(container: &Container) -> Option<&'static Technology> {
    let all = catalog().technologies();
    let found = || {
        let found = recognised::technology(container)?;
        all.iter().position(|one| one.id == found.id)
    };
    all.get((*container.technology.get(found))?)
}

/// What a container's server speaks on a port in it.
#[must_use]
pub fn served(container: &Container, port: u16) -> Served {
    let tcp = Served { protocol: Protocol::Tcp, path: None };
    let Some(technology) = technology(container) else { return tcp };
    if technology.protocol() == Protocol::Kafka
        && let Some(protocol) = kafka_listener(container, port)
    {
        return Served { protocol, path: None };
    }
    match known_port(container, port) {
        Some(known) => Served { protocol: known.protocol, path: known.path.clone() },
        None => tcp,
    }
}

/// What the catalogue says of a port of a container, where it says anything.
#[must_use]
pub fn known_port(container: &Container, port: u16) -> Option<&'static Port> {
    port_of(container, technology(container)?, port)
}

/// What a technology's server speaks on a port of a container, where that is known.
pub(super) fn port_of<'a>(container: &Container, technology: &'a Technology, port: u16) -> Option<&'a Port> {
    let plain = technology.plain.as_ref().filter(|plain| is_plain(container, plain));
    let of = |port: &u16| plain.and_then(|plain| plain.ports.get(port)).or_else(|| technology.ports.get(port));
    let listener = || {
        let mut listeners = technology.listeners.iter();
        listeners.find(|(_, names)| is_told(container, names, port)).map(|(usual, _)| *usual)
    };
    let moved = || technology.default_port.filter(|_| is_told(container, &technology.listens, port));
    of(&port).or_else(|| of(&listener().or_else(moved)?))
}

/// Whether it may be HTTP that is spoken on a port: nothing is known of it, or its server has TLS or not, as its settings say. What is
/// known to be another protocol stays one, whatever some client takes it for.
#[must_use]
pub fn may_speak_http(container: &Container, port: u16) -> bool {
    let plain = technology(container).and_then(|technology| technology.plain.as_ref()?.ports.get(&port));
    known_port(container, port).is_none() || plain.is_some_and(|plain| plain.protocol == Protocol::Http)
}

/// Whether a server's settings, or its version, say that it has no TLS.
fn is_plain(container: &Container, plain: &Plain) -> bool {
    let said = container.environment.iter().find_map(|(name, value)| {
        let off = plain.settings.get(&variable_name(name))?;
        // Of two settings either switches it off.
        off.eq_ignore_ascii_case(value.trim()).then_some(true)
    });
    let told = || container.environment.iter().any(|(name, _)| plain.settings.contains_key(&variable_name(name)));
    let older = || major_version(&container.image).zip(plain.before).is_some_and(|(version, first)| version < first);
    said.unwrap_or_else(|| !told() && older())
}

/// The port on which a server listens for its clients: the one that its command or its variables say, else its usual one.
#[must_use]
pub fn listening(container: &Container, technology: &Technology) -> Option<u16> {
    let port_of = |value: &str| value.rsplit(':').next().and_then(|number| number.parse().ok());
    let by_name = |name: &String| told(container, name).next().and_then(port_of);
    let usual = || technology.default_port.and_then(|port| technology.listeners.get(&port)).into_iter().flatten();
    technology.listens.iter().chain(usual()).find_map(by_name).or(technology.default_port)
}

/// What a container's command says by an option, `--port=3307` before `--port 3307`, and then its variable of this name.
pub(super) fn told<'a>(container: &'a Container, name: &'a str) -> impl Iterator<Item = &'a str> {
    let words = || container.command.iter().flat_map(|word| word.split_whitespace());
    let glued = words().filter_map(move |word| word.strip_prefix(name)?.strip_prefix('='));
    let next = words().zip(words().skip(1)).filter(move |(word, _)| *word == name).map(|(_, next)| next);
    glued.chain(next).chain(container.variable(name))
}

/// Whether the container's own command or variables say by one of these names that its server listens on this port.
fn is_told(container: &Container, names: &[String], port: u16) -> bool {
    // `3307`, `:3307`, `0.0.0.0:3307`, or a list of `outside://0.0.0.0:3307`.
    let ends = |address: &str| address.rsplit(':').next().is_some_and(|number| number.parse() == Ok(port));
    let is_port = |value: &str| value.trim_matches(['"', '\'']).split(',').any(ends);
    names.iter().any(|name| told(container, name).any(is_port))
}

/// What one of Kafka's listeners speaks to whoever has no client's settings; `None` where the broker's own settings do
/// not name the port.
fn kafka_listener(container: &Container, port: u16) -> Option<Protocol> {
    match listener(container, port)? {
        Listener::Clients(security) if !is_guarded(&security) => Some(Protocol::Kafka),
        // With TLS or SASL nothing can be asked without a client's settings; a controller offers clients nothing.
        _ => Some(Protocol::Tcp),
    }
}

fn is_guarded(security: &str) -> bool {
    ["SSL", "SASL_SSL", "SASL_PLAINTEXT"].iter().any(|known| known.eq_ignore_ascii_case(security))
}

/// For whom one of Kafka's listeners is.
enum Listener {
    /// The controllers.
    Controllers,
    /// Clients, by this security protocol.
    Clients(String),
}

/// One of Kafka's listeners by the broker's own settings.
fn listener(container: &Container, port: u16) -> Option<Listener> {
    let setting = |names: &[&str]| names.iter().find_map(|name| container.variable(name)).unwrap_or_default();
    let mut listeners = LISTENERS.iter().filter_map(|name| container.variable(name)).flat_map(|value| value.split(','));
    let (name, _) = listeners.find_map(|listener| {
        let (name, address) = listener.trim().split_once("://")?;
        let own = address.rsplit_once(':')?.1.parse() == Ok(port);
        own.then_some((name, address))
    })?;
    if setting(CONTROLLERS).split(',').any(|controller| controller.trim().eq_ignore_ascii_case(name)) {
        return Some(Listener::Controllers);
    }
    let mut map = setting(PROTOCOLS).split(',').filter_map(|entry| entry.trim().split_once(':'));
    let security = map.find(|(listener, _)| listener.eq_ignore_ascii_case(name)).map_or(name, |(_, protocol)| protocol);
    Some(Listener::Clients(security.trim().to_owned()))
}

/// What a published port of a container speaks to whoever looks from the host: a client of nobody's, which verifies
/// nothing and has no password, and speaks TLS where the broker's own settings say that the listener does.
#[must_use]
pub fn published(container: &Container, port: u16) -> (Served, Security) {
    let mut served = served(container, port);
    let mut security = Security { verifies_chain: Some(false), verifies_name: Some(false), ..Security::default() };
    let is_kafka = technology(container).is_some_and(|technology| technology.protocol() == Protocol::Kafka);
    if let Some(Listener::Clients(name)) = is_kafka.then(|| listener(container, port)).flatten()
        && is_guarded(&name)
    {
        served.protocol = Protocol::Kafka;
        security.tls = if name.to_ascii_uppercase().ends_with("SSL") { Tls::Required } else { Tls::Off };
    }
    (served, security)
}

/// Whether a container is known to serve a port: by its image, what it exposes, or what it publishes.
#[must_use]
pub fn serves(container: &Container, port: u16) -> bool {
    container.exposed.contains(&port)
        || container.ports.iter().chain(&container.wanted_ports).any(|published| published.container_port == port)
        || known_port(container, port).is_some()
}

/// The containers that serve a port in the network namespace of `container` beside it; none where it serves the port itself.
///
/// A port that the owner of a namespace publishes may be that of anybody who joined it: only what is known by the image, or
/// exposed and not published, says whose it is.
#[must_use]
pub fn beside<'a>(stack: &'a Stack, container: &Container, port: u16) -> Vec<&'a Container> {
    let publishes = |of: &Container| of.ports.iter().chain(&of.wanted_ports).any(|bound| bound.container_port == port);
    let surely = |of: &Container| known_port(of, port).is_some() || (of.exposed.contains(&port) && !publishes(of));
    if surely(container) {
        return Vec::new();
    }
    let near = |other: &&Container| other.service != container.service && stack.share_namespace(other, container);
    let near: Vec<_> = stack.containers.iter().filter(near).filter(|other| surely(other)).collect();
    // A job that has done its work serves nothing; a server that was stopped looks the same.
    let (done, others): (Vec<_>, Vec<_>) = near.into_iter().partition(|other| other.is_finished());
    let stopped = done.into_iter().filter(|other| known_port(other, port).is_some());
    if others.is_empty() { stopped.collect() } else { others }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, pairs};

    #[test]
    fn a_server_speaks_the_same_where_it_was_moved_to() {
        for (image, command, variable, port, expected) in [
            ("mysql:9", "--port=3307", None, 3307, Protocol::Mysql),
            ("mysql:9", "mysqld --port 3307", None, 3307, Protocol::Mysql),
            ("mariadb:11", "--port=3307", None, 3307, Protocol::Mysql),
            ("postgres:17", "postgres -p 5433", None, 5433, Protocol::Postgres),
            ("postgres:17", "postgres -c port=5433", None, 5433, Protocol::Postgres),
            ("postgres:17", "", Some(("PGPORT", "5433")), 5433, Protocol::Postgres),
            ("redis:7", "sh -c 'exec redis-server --port 6380'", None, 6380, Protocol::Redis),
            ("prom/prometheus", "--web.listen-address=:9091", None, 9091, Protocol::Http),
            ("prom/prometheus", "--web.listen-address=0.0.0.0:9091", None, 9091, Protocol::Http),
            (
                "redpandadata/redpanda",
                "redpanda start --kafka-addr in://0.0.0.0:9092,out://0.0.0.0:19092",
                None,
                19092,
                Protocol::Kafka,
            ),
            ("redpandadata/redpanda", "--pandaproxy-addr=0.0.0.0:18082", None, 18082, Protocol::Http),
            (
                "redpandadata/redpanda",
                "--schema-registry-addr 'a://[::]:8081,b://[::]:18081'",
                None,
                18081,
                Protocol::Http,
            ),
            ("redpandadata/redpanda", "--rpc-addr 0.0.0.0:43145", None, 43145, Protocol::Tcp),
            // Another port, another option, another server's.
            ("redpandadata/redpanda", "--advertise-kafka-addr out://localhost:19092", None, 19092, Protocol::Tcp),
            ("redpandadata/redpanda", "--kafka-addr out://0.0.0.0:19092", None, 9192, Protocol::Tcp),
            ("mysql:9", "--port=3307", None, 3308, Protocol::Tcp),
            ("mysql:9", "--report-port=3307", None, 3307, Protocol::Tcp),
            ("redis:7", "redis-server --replicaof other 6380", None, 6380, Protocol::Tcp),
            ("postgres:17", "", Some(("PORT", "5433")), 5433, Protocol::Tcp),
            ("shop-api", "--port=3307", None, 3307, Protocol::Tcp),
        ] {
            let mut server = container("server", image);
            server.command = shlex::split(command).unwrap();
            server.environment = pairs(variable.as_slice());
            assert_eq!(published(&server, port).0.protocol, expected, "{image} {command} {variable:?} {port}");
        }
    }
}
