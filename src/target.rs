//! What a check looks at: protocol, host, port and path, written as a URL.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The protocols that crosscheck speaks. What it does not speak is looked at as [`Protocol::Tcp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// A connection, and whether the peer keeps it open.
    Tcp,
    /// HTTP/1.1 (RFC 9112).
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// Apache Kafka's binary protocol.
    Kafka,
    /// The MySQL and MariaDB client/server protocol.
    Mysql,
    /// PostgreSQL's frontend/backend protocol.
    Postgres,
    /// Redis and its descendants (RESP).
    Redis,
    /// AMQP 0-9-1, as `RabbitMQ` speaks it.
    Amqp,
    /// memcached's text protocol.
    Memcached,
    /// NATS' client protocol.
    Nats,
    /// `ZooKeeper`'s client protocol.
    Zookeeper,
    /// `MongoDB`'s wire protocol.
    Mongodb,
    /// gRPC: HTTP/2 (RFC 9113) without an upgrade.
    Grpc,
    /// A name and its addresses; nothing is connected to.
    Dns,
}

impl Protocol {
    /// Every protocol, in the order in which help texts list them.
    pub const ALL: [Self; 14] = [
        Self::Tcp,
        Self::Http,
        Self::Https,
        Self::Kafka,
        Self::Mysql,
        Self::Postgres,
        Self::Redis,
        Self::Amqp,
        Self::Memcached,
        Self::Nats,
        Self::Zookeeper,
        Self::Mongodb,
        Self::Grpc,
        Self::Dns,
    ];

    /// The scheme of a target's URL.
    #[must_use]
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Https => "https",
            Self::Kafka => "kafka",
            Self::Mysql => "mysql",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Amqp => "amqp",
            Self::Memcached => "memcached",
            Self::Nats => "nats",
            Self::Zookeeper => "zookeeper",
            Self::Mongodb => "mongodb",
            Self::Grpc => "grpc",
            Self::Dns => "dns",
        }
    }

    /// The port that a client takes where none is written; 0 where a port means nothing.
    #[must_use]
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Tcp | Self::Grpc => None,
            Self::Dns => Some(0),
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Kafka => Some(9092),
            Self::Mysql => Some(3306),
            Self::Postgres => Some(5432),
            Self::Redis => Some(6379),
            Self::Amqp => Some(5672),
            Self::Memcached => Some(11211),
            Self::Nats => Some(4222),
            Self::Zookeeper => Some(2181),
            Self::Mongodb => Some(27017),
        }
    }
}

/// Where a connection leads: `kafka://kafka:29092`, `mysql://mysql:3306/shop`, `http://app:8080/health`.
///
/// Holds no user-info: credentials travel apart, see [`crate::plan::Credentials`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// How to speak to it.
    pub protocol: Protocol,
    /// A name or an address, as written, IPv6 without brackets.
    pub host: String,
    /// TCP port, 1 to 65535; 0 is one that the engine has not chosen yet, shown as `?`, or none, for a name alone.
    pub port: u16,
    /// For HTTP the path and query with its leading `/`; for databases the database's name, for AMQP the virtual host's.
    pub path: Option<String>,
}

impl Target {
    /// A target without a path.
    #[must_use]
    pub fn new(protocol: Protocol, host: impl Into<String>, port: u16) -> Self {
        Self { protocol, host: host.into(), port, path: None }
    }

    /// `host:port`, IPv6 addresses in brackets; a name alone by itself.
    #[must_use]
    pub fn address(&self) -> String {
        if self.protocol == Protocol::Dns {
            return self.host.clone();
        }
        host_and_port(&self.host, self.port)
    }

    /// Whether the host means the machine that asks: `localhost`, `*.localhost` (RFC 6761), 127.0.0.0/8, `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// The part of a check's identity that the target gives: address, and the database if any.
    #[must_use]
    pub fn identity(&self) -> String {
        match (&self.path, self.protocol) {
            (Some(database), Protocol::Mysql | Protocol::Postgres | Protocol::Redis | Protocol::Amqp) => {
                format!("{}/{database}", self.address())
            }
            _ => self.address(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.protocol.scheme(), self.address())?;
        match &self.path {
            Some(path) if path.starts_with('/') => f.write_str(path),
            Some(path) => write!(f, "/{path}"),
            None => Ok(()),
        }
    }
}

/// `host:port` as it stands in a URL, IPv6 addresses in brackets, a port that is not known yet as `?`.
#[must_use]
pub fn host_and_port(host: &str, port: u16) -> String {
    let port = if port == 0 { "?".to_owned() } else { port.to_string() };
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether `host`, a name or an address without brackets, means the machine that asks.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_many_names() {
        for host in
            ["localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["kafka", "10.0.0.1", "0.0.0.0", "localhost.example", "mylocalhost"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_target_is_written_as_a_url() {
        assert_eq!(Target::new(Protocol::Kafka, "kafka", 9092).to_string(), "kafka://kafka:9092");
        assert_eq!(Target::new(Protocol::Tcp, "::1", 80).to_string(), "tcp://[::1]:80");
        let shop = Target { path: Some("shop".into()), ..Target::new(Protocol::Mysql, "db", 3306) };
        assert_eq!((shop.to_string(), shop.identity()), ("mysql://db:3306/shop".into(), "db:3306/shop".into()));
    }
}
