//! Connections that published ports promise: whoever publishes a port wants it reached from the host.
//!
//! Where they do not appear on the host, because the engine is another machine, they are looked at from the engine: what is
//! between the two (a tunnel, a firewall, a forwarded socket) is not the stack's.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Connection;
use super::served;
use crate::plan::{Origin, OriginKind, Published, Vantage};
use crate::stack::{Container, PublishedPort, Stack};
use crate::target::{Protocol, Target, host_and_port, is_loopback};

/// One connection from the host, or the engine, for each published port and address, in the order of containers and ports.
///
/// Ports that are bound come from the engine. A fixed port that was asked for and is not bound is tried all the same: it
/// may be held by somebody else, or not be published at all. One that the engine would have chosen cannot be; of a stack that
/// is only declared it is told all the same, with port 0. What the engine discards was promised by nobody.
///
/// `known` are the connections of clients, and `http` the ports that containers say themselves to speak HTTP on, by their ids.
#[must_use]
pub fn derive(stack: &Stack, known: &[Connection], http: &BTreeSet<(String, u16)>) -> Vec<Connection> {
    let clients = Clients { asked: Clients::of(stack, known), said: http };
    let mut found: Vec<_> =
        stack.containers.iter().flat_map(|container| of_container(stack, container, &clients)).collect();
    // One port of the host is one container's. Of a stack that is only declared every replica has it.
    let mut held = BTreeSet::new();
    found.retain(|found| {
        let Some(published) = found.published.as_ref().filter(|_| found.target.port != 0) else { return true };
        let has = |port: &PublishedPort| port.host_port == Some(found.target.port);
        let holds = |container: &Container| container.is_running() && container.ports.iter().any(has);
        !stack.by_id(&published.container).is_some_and(holds)
            || held.insert((published.service.clone(), found.target.host.clone(), found.target.port))
    });
    found
}

/// Where HTTP is spoken on servers of which nothing else is known.
struct Clients<'a> {
    /// What clients in the stack ask, by service and port.
    asked: BTreeSet<(String, u16)>,
    /// What servers say themselves, by the engine's id and port.
    said: &'a BTreeSet<(String, u16)>,
}

impl Clients<'_> {
    fn of(stack: &Stack, known: &[Connection]) -> BTreeSet<(String, u16)> {
        let http = known.iter().filter(|known| known.target.protocol == Protocol::Http);
        let served = http.flat_map(|known| {
            let port = known.published.as_ref().map_or(known.target.port, |published| published.container_port);
            known.leads_to(stack).into_iter().map(move |service| (service.to_owned(), port))
        });
        served.collect()
    }

    /// Whether some client, or its own healthcheck, speaks HTTP to a port of a container.
    fn speak_http(&self, container: &Container, port: u16) -> bool {
        let asked = container.healthcheck.iter().flat_map(|word| word.split(char::is_whitespace));
        let mut asked = asked.filter_map(|word| word.trim_matches(['"', '\'']).strip_prefix("http://"));
        self.asked.contains(&(container.service.clone(), port))
            || asked.any(|rest| {
                let authority = rest.split('/').next().unwrap_or_default();
                let (host, own) = authority.split_once(':').unwrap_or((authority, "80"));
                is_loopback(host) && own.parse() == Ok(port)
            })
    }
}

fn of_container(stack: &Stack, container: &Container, clients: &Clients) -> Vec<Connection> {
    if container.discards_ports() {
        return Vec::new();
    }
    let bound: &[PublishedPort] = if container.is_running() { &container.ports } else { &[] };
    let is_bound = |wanted: &&PublishedPort| {
        bound.iter().any(|port| (port.container_port, port.host_port) == (wanted.container_port, wanted.host_port))
    };
    let wanted = container.wanted_ports.iter().filter(|port| port.host_port.is_some() && !is_bound(port));
    let ports: BTreeSet<_> = bound.iter().chain(wanted).collect();
    // Engines bind `0.0.0.0` and `::` for one published port; it is one promise.
    let has_v4 = |of: &PublishedPort| {
        let same = |port: &&&PublishedPort| (port.container_port, port.host_port) == (of.container_port, of.host_port);
        ports.iter().filter(same).any(|port| port.host_address.is_ipv4())
    };
    let everywhere = |port: &PublishedPort| port.host_address.is_unspecified() && port.host_address.is_ipv6();
    let once = ports.iter().filter(|port| !(everywhere(port) && has_v4(port)));
    once.map(|port| connection(stack, container, port, clients)).collect()
}

fn connection(stack: &Stack, container: &Container, port: &PublishedPort, clients: &Clients) -> Connection {
    let host_port = port.host_port.unwrap_or(0);
    let (mut speaks, security) = served::published(container, port.container_port);
    let said = clients.said.contains(&(container.id.clone(), port.container_port));
    let asked =
        || served::may_speak_http(container, port.container_port) && clients.speak_http(container, port.container_port);
    if speaks.protocol == Protocol::Tcp && (said || asked()) {
        speaks.protocol = Protocol::Http;
    }
    let mut target = Target::new(speaks.protocol, reached_at(port.host_address), host_port);
    target.path = speaks.path;
    let name = format!("{}:{}", container.label(), port.container_port);
    let mapping = format!("{}->{}/tcp", host_and_port(&port.host_address.to_string(), host_port), port.container_port);
    let origin = Origin::new(OriginKind::Published, name, Some(mapping));
    let published = Published {
        container: container.id.clone(),
        service: container.service.clone(),
        container_port: port.container_port,
    };
    let from = Vantage::of_published(&stack.engine);
    Connection { published: Some(published), security, ..Connection::new(from, target, origin) }
}

/// Where a port that is bound to this address is reached on its own machine.
fn reached_at(bound: IpAddr) -> String {
    match bound {
        IpAddr::V4(bound) if bound.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V6(bound) if bound.is_unspecified() => Ipv6Addr::LOCALHOST.to_string(),
        bound => bound.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, port, stack};
    use crate::plan::Tls;
    use crate::stack::{PublishedAt, Status};

    fn of(stack: &Stack) -> Vec<String> {
        let shown = |found: Connection| {
            assert_eq!(found.from, Vantage::of_published(&stack.engine));
            assert!(found.published.is_some() && found.credentials.is_none() && found.settings.is_empty());
            format!("{} {}", found.target, found.origin.value.unwrap())
        };
        derive(stack, &[], &BTreeSet::new()).into_iter().map(shown).collect()
    }

    fn publishing(image: &str, bound: &[PublishedPort], wanted: &[PublishedPort]) -> Stack {
        let mut server = container("server", image);
        server.ports = bound.to_vec();
        server.wanted_ports = wanted.to_vec();
        stack([server])
    }

    #[test]
    fn each_published_port_is_one_connection_from_the_host() {
        for (image, bound, expected) in [
            ("mysql:9", vec![port(3306, 23306, "0.0.0.0")], vec!["mysql://127.0.0.1:23306 0.0.0.0:23306->3306/tcp"]),
            (
                "redis:7",
                vec![port(6379, 6379, "0.0.0.0"), port(6379, 6379, "::")],
                vec!["redis://127.0.0.1:6379 0.0.0.0:6379->6379/tcp"],
            ),
            ("redis:7", vec![port(6379, 6379, "::")], vec!["redis://[::1]:6379 [::]:6379->6379/tcp"]),
            (
                "nginx",
                vec![port(80, 8080, "127.0.0.1"), port(443, 8443, "192.0.2.7")],
                vec!["http://127.0.0.1:8080 127.0.0.1:8080->80/tcp", "tcp://192.0.2.7:8443 192.0.2.7:8443->443/tcp"],
            ),
            (
                "prom/prometheus:v2.42.0",
                vec![port(9090, 29090, "127.0.0.1")],
                vec!["http://127.0.0.1:29090/-/ready 127.0.0.1:29090->9090/tcp"],
            ),
            // Of an image that nobody knows nothing is guessed, whatever the port.
            ("orders:1", vec![port(8080, 8080, "0.0.0.0")], vec!["tcp://127.0.0.1:8080 0.0.0.0:8080->8080/tcp"]),
            (
                "apache/kafka:4.1.0",
                vec![port(9092, 9092, "127.0.0.1"), port(9093, 9093, "127.0.0.1")],
                vec![
                    "kafka://127.0.0.1:9092 127.0.0.1:9092->9092/tcp",
                    "tcp://127.0.0.1:9093 127.0.0.1:9093->9093/tcp",
                ],
            ),
        ] {
            assert_eq!(of(&publishing(image, &bound, &bound)), expected, "{image}");
        }
    }

    #[test]
    fn a_port_that_was_asked_for_and_is_not_bound_is_tried_where_it_is_fixed() {
        let fixed = port(6379, 16379, "127.0.0.1");
        let ephemeral = PublishedPort { host_port: None, ..fixed.clone() };
        let expected = ["redis://127.0.0.1:16379 127.0.0.1:16379->6379/tcp"];
        assert_eq!(of(&publishing("redis:7", &[], std::slice::from_ref(&fixed))), expected);
        let mut stopped = publishing("redis:7", &[], &[fixed, ephemeral.clone()]);
        stopped.containers[0].state.status = Status::Created;
        assert_eq!(of(&stopped), expected);
        assert!(of(&publishing("redis:7", &[], std::slice::from_ref(&ephemeral))).is_empty());
        // What the engine will choose when a stack that is only declared starts.
        let declared = publishing("redis:7", std::slice::from_ref(&ephemeral), std::slice::from_ref(&ephemeral));
        assert_eq!(of(&declared), ["redis://127.0.0.1:? 127.0.0.1:?->6379/tcp"]);
        let bound = port(6379, 49153, "0.0.0.0");
        assert_eq!(
            of(&publishing("redis:7", &[bound], &[ephemeral])),
            ["redis://127.0.0.1:49153 0.0.0.0:49153->6379/tcp"]
        );
    }

    #[test]
    fn the_engine_discards_ports_on_the_hosts_network() {
        let fixed = [port(80, 8081, "0.0.0.0")];
        for (mode, expected) in [("host", 0), ("none", 0), ("bridge", 1), ("container:other", 1)] {
            let mut stack = publishing("nginx", &[], &fixed);
            stack.containers[0].network_mode = mode.into();
            assert_eq!(of(&stack).len(), expected, "{mode}");
        }
    }

    #[test]
    fn replicas_share_a_port_that_is_fixed() {
        let fixed = port(80, 8081, "0.0.0.0");
        let chosen = PublishedPort { host_port: None, ..fixed.clone() };
        let mut stack = publishing("nginx", &[fixed.clone(), chosen], &[]);
        stack.containers.push(Container { id: "other".into(), number: 2, ..stack.containers[0].clone() });
        assert_eq!(of(&stack).iter().filter(|found| found.contains(":8081")).count(), 1);
        assert_eq!(of(&stack).iter().filter(|found| found.contains(":?")).count(), 2);
        // Who asked for it and did not get it is told of all the same.
        stack.containers[1].ports.clear();
        stack.containers[1].wanted_ports = vec![fixed];
        stack.containers[1].state.status = Status::Created;
        assert_eq!(of(&stack).iter().filter(|found| found.contains(":8081")).count(), 2);
    }

    #[test]
    fn ports_of_an_engine_elsewhere_are_tried_from_there() {
        let mut remote = publishing("redis:7", &[port(6379, 6379, "0.0.0.0"), port(6379, 6380, "192.0.2.7")], &[]);
        for at in [PublishedAt::Host("engine.example".into()), PublishedAt::Unknown("a container".into())] {
            remote.engine.published_at = at;
            assert!(derive(&remote, &[], &BTreeSet::new()).iter().all(|found| found.from == Vantage::Engine));
            assert_eq!(
                of(&remote),
                ["redis://127.0.0.1:6379 0.0.0.0:6379->6379/tcp", "redis://192.0.2.7:6380 192.0.2.7:6380->6379/tcp"]
            );
        }
        remote.engine.published_at = PublishedAt::Here;
        assert!(derive(&remote, &[], &BTreeSet::new()).iter().all(|found| found.from == Vantage::Host));
    }

    #[test]
    fn kafkas_listeners_are_known_by_the_brokers_settings() {
        let ports = [9094, 9095, 9096].map(|number| port(number, number, "127.0.0.1"));
        let mut kafka = publishing("bitnami/kafka:3.7", &ports, &ports);
        kafka.containers[0].environment = [
            ("KAFKA_CFG_LISTENERS", "CTRL://:9095,EXTERNAL://:9094,SECURE://:9096"),
            ("KAFKA_CFG_CONTROLLER_LISTENER_NAMES", "CTRL"),
            ("KAFKA_CFG_LISTENER_SECURITY_PROTOCOL_MAP", "CTRL:PLAINTEXT,EXTERNAL:PLAINTEXT,SECURE:SASL_SSL"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
        let schemes: Vec<_> = derive(&kafka, &[], &BTreeSet::new())
            .into_iter()
            .map(|found| (found.target.protocol.scheme(), found.security.tls))
            .collect();
        assert_eq!(schemes, [("kafka", Tls::Unsaid), ("tcp", Tls::Unsaid), ("kafka", Tls::Required)]);
    }

    #[test]
    fn what_clients_or_a_healthcheck_speak_is_spoken_from_the_host_too() {
        let mut api = container("api", "shop-api");
        api.ports = [8080, 8081, 9000].map(|number| port(number, number, "0.0.0.0")).into();
        api.healthcheck = ["CMD-SHELL", "curl -f http://localhost:8081/health || exit 1; wget http://other:9000"]
            .map(str::to_owned)
            .into();
        let mut web = container("web", "shop-web");
        web.environment = vec![("API_URL".into(), "http://api:8080/v1".into())];
        let stack = stack([api, web]);
        let known = crate::derive::environment::derive(&stack);
        let found: Vec<_> =
            derive(&stack, &known, &BTreeSet::new()).into_iter().map(|found| found.target.to_string()).collect();
        assert_eq!(found, ["http://127.0.0.1:8080", "http://127.0.0.1:8081", "tcp://127.0.0.1:9000"]);
    }
}
