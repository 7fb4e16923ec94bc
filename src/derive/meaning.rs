//! What is meant by an address: the port and the protocol, by its scheme, the setting's name and the server that it leads to.

use super::address::{self, Address, Form};
use super::asked::Asked;
use super::served::{known_port, served, serves, technology};
use crate::catalog::{Known, Port, Role, Technology, catalog};
use crate::stack::Container;
use crate::target::Protocol;

/// Schemes that name no technology: the port must be written, and of most of them TCP is all that is known.
const PLAIN_SCHEMES: &[&str] = &["tcp", "grpc", "grpcs", "ssl", "tls"];

/// Schemes that name a client's library, which speaks to servers of several kinds: Elixir's Ecto.
const OPEN_SCHEMES: &[&str] = &["ecto"];

/// What scheme, variable and server make of an address.
pub(super) struct Meaning<'a> {
    /// The port: as it is written, else the one that scheme, variable or server stand for.
    pub port: u16,
    /// HTTP by its scheme.
    pub http: bool,
    /// TLS by its scheme or parameters, where the protocol that is spoken has none.
    pub tls: bool,
    /// The technology that the scheme names.
    pub scheme: Option<&'a Technology>,
    /// Whether any scheme is known: one that is not names nothing in the network (`s3://bucket`).
    pub understood: bool,
    known: Option<Known<'a>>,
    /// The protocol of the scheme, where it settles it.
    settled: Option<Protocol>,
    /// What is spoken where nothing is known of the server: gRPC by the setting's name, else TCP.
    otherwise: Protocol,
}

impl<'a> Meaning<'a> {
    /// `None` where no port is known.
    pub fn of(asked: &Asked<'a>, address: &Address, server: Option<&Container>) -> Option<Self> {
        let scheme = address.scheme.as_deref().map(|scheme| (scheme, scheme.split('+').next().unwrap_or(scheme)));
        let by_scheme = scheme.and_then(|(whole, base)| {
            let suffix = whole.strip_prefix(base).unwrap_or_default();
            // What follows `+` is a driver, unless it says that there is no host and port to connect to.
            let elsewhere = ["+srv", "+unix", "+socket", "+ssh"].contains(&suffix);
            catalog().of_scheme(whole).or_else(|| catalog().of_scheme(base).filter(|_| !elsewhere))
        });
        let settled = match scheme.map(|(whole, _)| whole) {
            Some("http" | "ws") => Some(Protocol::Http),
            Some("https" | "wss") => Some(Protocol::Https),
            Some("grpc") => Some(Protocol::Grpc),
            _ => by_scheme.map(|(technology, _)| technology.protocol()),
        };
        let open = scheme.is_some_and(|(whole, _)| OPEN_SCHEMES.contains(&whole));
        let plain = open || scheme.is_some_and(|(whole, _)| PLAIN_SCHEMES.contains(&whole));
        let http = matches!(settled, Some(Protocol::Http | Protocol::Https));
        let parameter = |name: &str| address.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let tls = by_scheme.is_some_and(|(_, tls)| tls)
            || scheme.is_some_and(|(whole, _)| matches!(whole, "ssl" | "tls" | "grpcs"))
            || (address.form != Form::Jdbc && (parameter("ssl") || parameter("tls")));
        let mut meaning = Self {
            port: 0,
            http,
            tls,
            scheme: by_scheme.map(|(technology, _)| technology),
            understood: http || plain || by_scheme.is_some(),
            known: asked.known,
            settled,
            otherwise: if asked.variable.says_grpc() { Protocol::Grpc } else { Protocol::Tcp },
        };
        meaning.port = meaning.find_port(asked, address, server)?;
        Some(meaning)
    }

    fn find_port(&self, asked: &Asked, address: &Address, server: Option<&Container>) -> Option<u16> {
        if address.port.is_some() {
            return address.port;
        }
        match address.form {
            Form::Url | Form::Jdbc => {
                let open = address.scheme.as_deref().is_some_and(|scheme| OPEN_SCHEMES.contains(&scheme));
                let by_server = || server.filter(|_| open).and_then(technology)?.default_port;
                let by_scheme = self.scheme.and_then(|known| known.default_port);
                let usual = by_scheme.or_else(|| self.settled?.default_port()).or_else(by_server);
                usual.map(|usual| self.port_beside(asked, server, usual).unwrap_or(usual))
            }
            Form::Keywords => self.scheme.or(server.and_then(technology)).and_then(|known| known.default_port),
            Form::HostPort => None,
            Form::Host => {
                let host = asked.variable.says_host() || asked.known.is_some_and(|known| known.role != Role::Address);
                let is_host = host && asked.known.is_none_or(|known| known.role != Role::Address);
                if !asked.certain && !is_host {
                    return None;
                }
                let particular = asked.known.and_then(|known| known.particular(&asked.variable.name));
                if let (Some(known), Some(names)) = (asked.known, particular.map(|particular| &particular.port))
                    && !names.is_empty()
                {
                    let said = names.iter().find_map(|name| asked.environment.get(name));
                    return said.map_or(known.technology.default_port, address::port_number);
                }
                if let Some((beside, port)) = beside(asked) {
                    let port = port?;
                    // `DB_HOST_PORT` may be the port that Compose publishes, which this client does not use.
                    let is_hosts = |server: &&Container| {
                        let mut ports = server.ports.iter().chain(&server.wanted_ports);
                        ports.any(|published| published.host_port == Some(port)) && !serves(server, port)
                    };
                    let name = format!("{}_PORT", asked.variable.name);
                    if asked.environment.get(&name) != Some(beside) || !server.as_ref().is_some_and(is_hosts) {
                        return Some(port);
                    }
                }
                if let Some(peer) = asked.known.filter(|known| known.role == Role::Peer) {
                    return peer.technology.peer_port.or(peer.technology.default_port);
                }
                let known = asked.known.map(|known| known.technology).filter(|known| known.default_port.is_some());
                // Which of a broker's listeners is meant is known from the port alone.
                let known = known.or_else(|| server.and_then(technology)).filter(|it| it.protocol() != Protocol::Kafka);
                known?.default_port
            }
        }
    }

    /// The port that stands beside a URL without one, where the server has none at the usual one: whoever reads both puts them
    /// together.
    fn port_beside(&self, asked: &Asked, server: Option<&Container>, usual: u16) -> Option<u16> {
        let server = server.filter(|server| self.http && !serves(server, usual))?;
        let (_, port) = beside(asked)?;
        port.filter(|&port| technology(server).is_none() || serves(server, port))
    }

    /// Scheme before variable before server before TCP.
    pub fn protocol(&self, server: Option<&Container>, server_port: Option<u16>) -> Protocol {
        let port = server_port.unwrap_or(self.port);
        let spoken = self.by_all(server, port);
        // AMQP 1.0, which other brokers speak, has the same scheme and is another protocol.
        let other = |server: &&Container| technology(server).is_some_and(|known| known.protocol() != Protocol::Amqp);
        let known = server.filter(other).and_then(|server| known_port(server, port));
        let unknown = spoken == Protocol::Amqp && known.is_some_and(|known| known.protocol == Protocol::Tcp);
        if unknown { Protocol::Tcp } else { spoken }
    }

    /// What a client speaks whose URL says `http` or `https`: gRPC answers no HTTP/1.1.
    fn by_http(&self, server: Option<&Container>, port: u16) -> Protocol {
        let is_grpc = |known: Option<&Port>| known.is_some_and(|known| known.protocol == Protocol::Grpc);
        let named = self.known.is_some_and(|known| is_grpc(known.technology.ports.get(&port)));
        let settled = self.settled.unwrap_or(Protocol::Http);
        let grpc = if settled == Protocol::Https { Protocol::Tcp } else { Protocol::Grpc };
        let known = server.filter(|server| technology(server).is_some());
        // A port that is gRPC's in some servers may be anything in others.
        let perhaps = || catalog().of_port(port).any(|other| is_grpc(other.ports.get(&port)));
        match known {
            Some(server) if is_grpc(known_port(server, port)) => grpc,
            None if named => grpc,
            None if perhaps() => Protocol::Tcp,
            _ => settled,
        }
    }

    fn by_all(&self, server: Option<&Container>, port: u16) -> Protocol {
        let by_variable = || self.known.map(|known| known.technology).filter(|known| known.default_port.is_some());
        if self.http {
            return self.by_http(server, port);
        }
        let is_peer = self.known.is_some_and(|known| known.role == Role::Peer);
        let is_kafka = by_variable().is_some_and(|known| known.protocol() == Protocol::Kafka);
        if is_peer {
            return Protocol::Tcp;
        }
        if self.tls {
            let spoken = self.settled.or_else(|| by_variable().map(Technology::protocol));
            let secured = [Protocol::Mysql, Protocol::Postgres, Protocol::Redis];
            let spoken = spoken.filter(|protocol| secured.contains(protocol));
            return spoken.unwrap_or(if is_kafka { Protocol::Kafka } else { Protocol::Tcp });
        }
        if let Some(protocol) = self.settled {
            // Of a server's other ports the catalogue knows better: `nats://` also stands before the port of its cluster. Which
            // of a broker's listeners a port is, its own settings say.
            if protocol == Protocol::Kafka {
                return protocol;
            }
            let other =
                self.scheme.and_then(|known| known.ports.get(&port)).filter(|port| port.protocol == Protocol::Tcp);
            return other.map_or(protocol, |port| port.protocol);
        }
        match (by_variable(), server) {
            // The server's own settings say more of its port than its kind does.
            (Some(known), Some(server))
                if known.protocol() == Protocol::Tcp
                    && technology(server).is_some_and(|there| there.id == known.id) =>
            {
                known_port(server, port).map_or(Protocol::Tcp, |port| port.protocol)
            }
            (Some(known), _) => known
                .ports
                .get(&self.port)
                .filter(|_| known.protocol() != Protocol::Kafka)
                .map_or_else(|| known.protocol(), |port| port.protocol),
            (None, Some(server)) if technology(server).is_some() => served(server, port).protocol,
            (None, _) => self.otherwise,
        }
    }
}

/// The variable of the same server that holds a port, and that port, where it is one.
fn beside<'a>(asked: &Asked<'a>) -> Option<(&'a str, Option<u16>)> {
    let beside = asked.environment.sibling(asked.variable, &["PORT"])?;
    // Orchestrators write `tcp://10.0.0.1:6379` into such a variable.
    Some((beside, address::port_number(beside).or_else(|| address::parse(beside).first()?.port)))
}
