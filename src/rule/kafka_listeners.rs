//! What a Kafka container says of its listeners, in its environment or on its command line: shared by the rules that
//! say which listener was meant for whom.

use crate::observation::Redirect;
use crate::stack::{Container, Stack};
use crate::target::{host_and_port, is_loopback};

/// One listener as the broker is configured to advertise it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// `INTERNAL`, `PLAINTEXT`, …
    pub name: String,
    /// Host as advertised; empty where the broker takes its own host name.
    pub host: String,
    /// Port as advertised.
    pub port: u16,
    /// The port that it is bound to in the container.
    pub bound: u16,
}

impl Advertised {
    /// `host:port` as advertised.
    #[must_use]
    pub fn address(&self) -> String {
        host_and_port(&self.host, self.port)
    }
}

/// The settings of a broker that say who is sent where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The setting that holds the advertised listeners, as this image calls it.
    pub variable: &'static str,
    /// The advertised listeners; empty where nothing is set.
    pub advertised: Vec<Advertised>,
    /// `LISTENERS` as written, where it is set.
    pub listeners: Option<String>,
}

/// How image families name the two settings: advertised, bound.
const VARIABLES: [(&str, &str); 2] =
    [("KAFKA_ADVERTISED_LISTENERS", "KAFKA_LISTENERS"), ("KAFKA_CFG_ADVERTISED_LISTENERS", "KAFKA_CFG_LISTENERS")];

/// Every variable that is read here.
pub const VARIABLES_READ: &[&str] = &[
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_LISTENERS",
    "KAFKA_CONTROLLER_LISTENER_NAMES",
    "KAFKA_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_INTER_BROKER_LISTENER_NAME",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_NODE_ID",
    "KAFKA_PROCESS_ROLES",
    "KAFKA_SECURITY_INTER_BROKER_PROTOCOL",
    "KAFKA_CFG_ADVERTISED_LISTENERS",
    "KAFKA_CFG_LISTENERS",
    "KAFKA_CFG_CONTROLLER_LISTENER_NAMES",
    "KAFKA_CFG_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS",
    "KAFKA_CFG_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_CFG_INTER_BROKER_LISTENER_NAME",
    "KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP",
    "KAFKA_CFG_NODE_ID",
    "KAFKA_CFG_PROCESS_ROLES",
    "KAFKA_CFG_SECURITY_INTER_BROKER_PROTOCOL",
];

/// How image families begin the names of the variables that hold a broker's settings.
const PREFIXES: [&str; 2] = ["KAFKA_", "KAFKA_CFG_"];

/// A setting of a broker by the end of its variable's name, such as `PROCESS_ROLES`.
#[must_use]
pub fn setting<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    PREFIXES.iter().find_map(|prefix| container.variable(&format!("{prefix}{name}"))).map(str::trim)
}

/// The variable in which this image takes a setting.
#[must_use]
pub fn variable(container: &Container, name: &str) -> String {
    let bitnami = container.image.contains("bitnami")
        || container.environment.iter().any(|(variable, _)| variable.starts_with(PREFIXES[1]));
    format!("{}{name}", PREFIXES[usize::from(bitnami)])
}

/// Whether a container is a controller of its cluster; `None` where nothing says so.
#[must_use]
pub fn is_controller(container: &Container) -> Option<bool> {
    Some(setting(container, "PROCESS_ROLES")?.split(',').any(|role| role.trim() == "controller"))
}

/// Redpanda's flags for the same.
pub(super) const FLAGS: (&str, &str) = ("--advertise-kafka-addr", "--kafka-addr");

/// Reads the settings of a broker's container.
#[must_use]
pub fn settings(container: &Container) -> Settings {
    for (advertised, listeners) in VARIABLES {
        if let Some(value) = container.variable(advertised) {
            return read(advertised, value, container.variable(listeners));
        }
    }
    if let Some(value) = flag(container, FLAGS.0) {
        return read(FLAGS.0, &value, flag(container, FLAGS.1).as_deref());
    }
    let variable = if container.image.contains("bitnami") { VARIABLES[1].0 } else { VARIABLES[0].0 };
    Settings { variable, ..Settings::default() }
}

fn read(variable: &'static str, advertised: &str, listeners: Option<&str>) -> Settings {
    let bound = listeners.map(parse).unwrap_or_default();
    let advertised = parse(advertised)
        .into_iter()
        .map(|(name, host, port)| {
            let bound =
                bound.iter().find(|(other, _, _)| other.eq_ignore_ascii_case(&name)).map_or(port, |(_, _, port)| *port);
            Advertised { name, host, port, bound }
        })
        .collect();
    Settings { variable, advertised, listeners: listeners.map(str::to_owned) }
}

/// The names of all listeners that the settings speak of, each once.
#[must_use]
pub fn names(container: &Container) -> Vec<String> {
    let written = ["LISTENERS", "ADVERTISED_LISTENERS"].into_iter().filter_map(|name| setting(container, name));
    let of_listeners = written.flat_map(parse).map(|(name, _, _)| name);
    let controllers = setting(container, "CONTROLLER_LISTENER_NAMES").unwrap_or_default().split(',');
    let mut names: Vec<String> = Vec::new();
    for name in of_listeners.chain(controllers.map(|name| name.trim().to_owned())) {
        if !name.is_empty() && !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    names
}

/// The variable that holds the listeners, and the ports that they are bound to, as far as they are written.
#[must_use]
pub fn bound(container: &Container) -> Option<(String, Vec<u16>)> {
    let ports = parse(setting(container, "LISTENERS")?).into_iter().map(|(_, _, port)| port);
    Some((variable(container, "LISTENERS"), ports.collect()))
}

/// How the listener on this port is written that is bound to all addresses: `KAFKA_LISTENERS: PLAINTEXT://:9092`.
#[must_use]
pub fn on_all_addresses(container: &Container, port: u16) -> Option<String> {
    let listeners = parse(setting(container, "LISTENERS")?);
    let (name, _, _) = listeners.into_iter().find(|(_, _, bound)| *bound == port)?;
    Some(format!("{}: {name}://:{port}", variable(container, "LISTENERS")))
}

/// `NAME://host:port,…` into names, hosts without brackets, ports. What does not have this form is left out.
fn parse(value: &str) -> Vec<(String, String, u16)> {
    let entry = |entry: &str| {
        let (name, address) = entry.trim().split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((name.to_owned(), host.to_owned(), port.trim().parse().ok()?))
    };
    value.split(',').filter_map(entry).collect()
}

/// Of a container's command the flags that are read here, each with its value after it.
#[must_use]
pub fn flags(container: &Container) -> Vec<String> {
    let found = [FLAGS.0, FLAGS.1].into_iter().filter_map(|name| Some([name.to_owned(), flag(container, name)?]));
    found.flatten().collect()
}

fn flag(container: &Container, name: &str) -> Option<String> {
    let mut words = container.command.iter().flat_map(|argument| argument.split_whitespace());
    while let Some(word) = words.next() {
        match word.strip_prefix(name) {
            Some("") => return words.next().map(str::to_owned),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].to_owned()),
            _ => {}
        }
    }
    None
}

/// The listener of `broker` that is meant for clients in the network of `client`: one that is advertised by a name
/// that the client can resolve.
#[must_use]
pub fn for_network(stack: &Stack, broker: &Container, client: &Container) -> Option<Advertised> {
    all_for_network(stack, broker, client).into_iter().next()
}

/// The one container whose settings advertise the address that a broker handed out.
#[must_use]
pub fn advertiser<'a>(stack: &'a Stack, redirect: &Redirect) -> Option<&'a Container> {
    let same = |it: &Advertised| it.port == redirect.port && it.host.eq_ignore_ascii_case(&redirect.host);
    let mut all = stack.containers.iter().filter(|container| settings(container).advertised.iter().any(same));
    all.next().filter(|_| all.next().is_none())
}

/// Whether the listener on this port of `broker`'s container is one of those.
#[must_use]
pub fn is_for_network(stack: &Stack, broker: &Container, client: &Container, port: u16) -> bool {
    all_for_network(stack, broker, client).iter().any(|listener| listener.bound == port)
}

fn all_for_network(stack: &Stack, broker: &Container, client: &Container) -> Vec<Advertised> {
    let networks: Vec<_> = stack.namespace_owner(client).network_names().collect();
    let known = |host: &str| {
        stack.named(host).iter().any(|named| {
            let owner = stack.namespace_owner(named);
            owner.network_names().any(|name| networks.contains(&name))
        })
    };
    settings(broker).advertised.into_iter().filter(|listener| known(&listener.host)).collect()
}

/// The listener of `broker` that is meant for the host: one that is advertised as localhost.
#[must_use]
pub fn for_host(broker: &Container) -> Option<Advertised> {
    settings(broker).advertised.into_iter().find(|listener| is_loopback(&listener.host))
}

/// The listener over which other brokers reach this one, as far as its settings tell.
#[must_use]
pub fn between_brokers(broker: &Container) -> Option<Advertised> {
    let by_protocol = setting(broker, "SECURITY_INTER_BROKER_PROTOCOL").unwrap_or("PLAINTEXT");
    let name = setting(broker, "INTER_BROKER_LISTENER_NAME").unwrap_or(by_protocol);
    settings(broker).advertised.into_iter().find(|listener| listener.name.eq_ignore_ascii_case(name))
}

/// The port of the host at which a listener is published, bound now or asked for.
#[must_use]
pub fn published_at(broker: &Container, listener: &Advertised) -> Option<u16> {
    let mut ports = broker.ports.iter().chain(&broker.wanted_ports);
    ports.find_map(|port| port.host_port.filter(|_| port.container_port == listener.bound))
}

/// What to set so that clients in the network and on the host each have a listener of their own.
#[must_use]
pub fn mend(broker: &Container) -> String {
    let service = &broker.service;
    let settings = settings(broker);
    let host_port = broker.ports.iter().chain(&broker.wanted_ports).find_map(|port| port.host_port).unwrap_or(9092);
    let (inner, outer) = (29092, settings.advertised.first().map_or(9092, |listener| listener.bound));
    if settings.variable == FLAGS.0 {
        return format!(
            "start {service} with\n  --kafka-addr internal://0.0.0.0:{inner},external://0.0.0.0:{outer}\n  --advertise-kafka-addr internal://{service}:{inner},external://localhost:{host_port}"
        );
    }
    let prefix = settings.variable.trim_end_matches("ADVERTISED_LISTENERS");
    let controllers = broker.variable(&format!("{prefix}CONTROLLER_LISTENER_NAMES")).unwrap_or_default();
    let mut bound = vec![format!("INTERNAL://:{inner}"), format!("EXTERNAL://:{outer}")];
    let mut map = vec!["INTERNAL:PLAINTEXT".to_owned(), "EXTERNAL:PLAINTEXT".to_owned()];
    for controller in controllers.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let written = settings.listeners.as_deref().unwrap_or_default().split(',').map(str::trim);
        bound.extend(written.filter(|listener| listener.starts_with(&format!("{controller}://"))).map(str::to_owned));
        map.push(format!("{controller}:PLAINTEXT"));
    }
    let whole = if settings.advertised.is_empty() && broker.image.contains("apache/kafka") {
        "\n  (this image drops all its defaults once one KAFKA_ variable is set: set node id, roles, quorum voters and controller listener too)"
    } else {
        ""
    };
    format!(
        "give {service} one listener for the network and one for the host:\n  {prefix}LISTENERS: {}\n  {prefix}ADVERTISED_LISTENERS: INTERNAL://{service}:{inner},EXTERNAL://localhost:{host_port}\n  {prefix}LISTENER_SECURITY_PROTOCOL_MAP: {}\n  {prefix}INTER_BROKER_LISTENER_NAME: INTERNAL{whole}",
        bound.join(","),
        map.join(",")
    )
}

/// The address that clients in the network use after [`mend`].
#[must_use]
pub fn mended_address(broker: &Container) -> String {
    format!("{}:29092", broker.service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::broker;

    #[test]
    fn every_image_family_is_read() {
        let listener =
            |name: &str, host: &str, port, bound| Advertised { name: name.into(), host: host.into(), port, bound };
        let apache = broker(
            &[
                ("KAFKA_LISTENERS", "A://:9092, B://0.0.0.0:29092"),
                ("KAFKA_ADVERTISED_LISTENERS", "A://localhost:39092,B://kafka:29092"),
            ],
            &[],
        );
        let expected = vec![listener("A", "localhost", 39092, 9092), listener("B", "kafka", 29092, 29092)];
        assert_eq!(settings(&apache).advertised, expected);
        let bitnami = broker(&[("KAFKA_CFG_ADVERTISED_LISTENERS", "C://[::1]:9092")], &[]);
        assert_eq!(settings(&bitnami).advertised, vec![listener("C", "::1", 9092, 9092)]);
        let redpanda = broker(
            &[],
            &["redpanda start --kafka-addr in://0.0.0.0:9092", "--advertise-kafka-addr=in://redpanda:9093"],
        );
        assert_eq!(settings(&redpanda).advertised, vec![listener("in", "redpanda", 9093, 9092)]);
        assert!(settings(&broker(&[("KAFKA_ADVERTISED_LISTENERS", "nonsense,x://y")], &[])).advertised.is_empty());
    }

    #[test]
    fn a_listener_on_all_addresses_is_written_without_a_host() {
        let broker = broker(&[("KAFKA_CFG_LISTENERS", "IN://127.0.0.1:9092,OUT://kafka:9093")], &[]);
        let written = on_all_addresses(&broker, 9093);
        assert_eq!(written.as_deref(), Some("KAFKA_CFG_LISTENERS: OUT://:9093"));
        assert_eq!(on_all_addresses(&broker, 9094), None);
    }

    #[test]
    fn the_mend_keeps_the_controller() {
        let broken = broker(
            &[
                ("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"),
                ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://localhost:9092"),
                ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
            ],
            &[],
        );
        let text = mend(&broken);
        assert!(text.contains("KAFKA_LISTENERS: INTERNAL://:29092,EXTERNAL://:9092,CONTROLLER://:9093"), "{text}");
        assert!(text.contains("CONTROLLER:PLAINTEXT"), "{text}");
    }
}
