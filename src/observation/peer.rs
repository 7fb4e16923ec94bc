//! What peers say about themselves.

mod application;
mod handshakes;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::application::{Application, ScrapeTarget, Scrapes};
pub use self::handshakes::{AmqpPeer, GrpcPeer, MemcachedPeer, MongodbPeer, NatsPeer, ZookeeperPeer};

/// What a peer said about itself. Strings are bounded and safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "protocol", rename_all = "kebab-case")]
pub enum Peer {
    /// A Kafka broker (or controller).
    Kafka(KafkaPeer),
    /// A MySQL or MariaDB server.
    Mysql(MysqlPeer),
    /// A server that speaks PostgreSQL's protocol.
    Postgres(PostgresPeer),
    /// A server that speaks Redis' protocol.
    Redis(RedisPeer),
    /// A broker that speaks AMQP 0-9-1.
    Amqp(AmqpPeer),
    /// A memcached server.
    Memcached(MemcachedPeer),
    /// A NATS server.
    Nats(NatsPeer),
    /// A `ZooKeeper` server.
    Zookeeper(ZookeeperPeer),
    /// A server that speaks `MongoDB`'s protocol.
    Mongodb(MongodbPeer),
    /// A server that speaks HTTP/2 at once, as gRPC does.
    Grpc(GrpcPeer),
    /// An HTTP server.
    Http(HttpPeer),
    /// Anything that said something unasked.
    Tcp {
        /// The first bytes, made printable.
        banner: Option<String>,
    },
}

/// What a Kafka broker said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KafkaPeer {
    /// The cluster's id, from Metadata.
    pub cluster_id: Option<String>,
    /// The brokers as this listener advertises them: id, host, port.
    pub brokers: Vec<(i32, String, u16)>,
    /// A range of releases that offers these API versions, such as `3.9 or later`.
    pub release: Option<String>,
    /// Whether it is a controller listener: it offers no Metadata.
    pub controller: bool,
    /// Whether the listener speaks TLS, where that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<bool>,
    /// The SASL mechanisms that the listener has, where it was asked for them; none, where it does no SASL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mechanisms: Option<Vec<String>>,
    /// Whether the broker confirmed its own id (DescribeConfigs); `None` where it was not asked or did not permit it.
    pub identified: Option<bool>,
    /// Settings of the broker that decide what clients can do, as far as it gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Whether the broker knows these topics: those that the client needs, and the one that consumer groups need. What it
    /// does not tell is not here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, bool>,
    /// Who coordinates the client's consumer group, where it has one and asking changes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinator: Option<Coordinator>,
}

/// Who coordinates a consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Coordinator {
    /// The group's id.
    pub group: String,
    /// The broker's id; `None` where no broker is available for it.
    pub broker: Option<i32>,
}

/// What a MySQL or MariaDB server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MysqlPeer {
    /// `MySQL` or `MariaDB`.
    pub product: String,
    /// As the greeting gives it.
    pub version: String,
    /// The default authentication plugin of the greeting, where it was read.
    pub plugin: Option<String>,
    /// Whether TLS is offered, where it was read.
    pub tls: Option<bool>,
    /// The server's limit of connections and how many are in use, where a login allowed to ask.
    pub connections: Option<(u32, u32)>,
}

/// What a server said that speaks PostgreSQL's protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PostgresPeer {
    /// As it says after a login.
    pub version: Option<String>,
    /// How it wants the password: `SCRAM-SHA-256`, `MD5`, `cleartext`, or `trust` where it wants none.
    pub authentication: Option<String>,
    /// Whether it follows another server and takes no writes, where it says so.
    pub in_recovery: Option<bool>,
    /// Whether its transactions are read-only by default, where it says so.
    pub read_only: Option<bool>,
    /// The server's limit of connections and how many are in use, where a login allowed to ask.
    pub connections: Option<(u32, u32)>,
}

/// What a Redis server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RedisPeer {
    /// `Redis`, `Valkey`, …
    pub product: String,
    /// Where it may be asked.
    pub version: Option<String>,
    /// `master` or `slave`, in the server's own word.
    pub role: Option<String>,
    /// Connected clients and their limit.
    pub clients: Option<(u64, u64)>,
    /// Used memory and its limit in bytes; 0 is no limit.
    pub memory: Option<(u64, u64)>,
}

/// What an HTTP server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HttpPeer {
    /// The status code.
    pub status: u16,
    /// The `Server` header.
    pub server: Option<String>,
    /// The `Location` header, of a redirection.
    pub location: Option<String>,
    /// The start of the body, where the status means failure.
    pub body: Option<String>,
    /// Where the answer to a host with an underscore was 400: the status of the same request with hyphens in the `Host`
    /// header instead, so that it can be said whether the name is what is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_underscore: Option<u16>,
    /// How it wants its clients to log in, where it answers 401: `Basic`, `Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Who it is, where its answers tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Application>,
    /// What a user asked of the answer, in the order of the questions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

/// What is true of something that a user asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Told {
    /// Whether it holds; nothing where that could not be told.
    pub holds: Option<bool>,
    /// What is there instead, or why it could not be told.
    pub said: Option<String>,
}

impl Peer {
    /// One line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Kafka(kafka) => kafka.summary(),
            Self::Mysql(mysql) => {
                let free = mysql.connections.map(|(limit, used)| format!(", {used} of {limit} connections in use"));
                format!("{} {}{}", mysql.product, mysql.version, free.unwrap_or_default())
            }
            Self::Postgres(postgres) => postgres.summary(),
            Self::Redis(redis) => match &redis.version {
                Some(version) => format!("{} {version}", redis.product),
                None => redis.product.clone(),
            },
            Self::Amqp(amqp) => amqp.summary(),
            Self::Memcached(memcached) => memcached.summary(),
            Self::Nats(nats) => nats.summary(),
            Self::Zookeeper(zookeeper) => zookeeper.summary(),
            Self::Mongodb(mongodb) => mongodb.summary(),
            Self::Grpc(_) => "gRPC (HTTP/2)".into(),
            Self::Http(http) => http.summary(),
            Self::Tcp { banner: Some(banner) } => format!("said {banner:?}"),
            Self::Tcp { banner: None } => "open".into(),
        }
    }
}

impl HttpPeer {
    fn summary(&self) -> String {
        let server = self.server.as_ref().filter(|_| self.application.is_none());
        let login = self.login.as_ref().map(|scheme| format!("asks for a login ({scheme})"));
        let mut parts: Vec<String> = self.application.iter().map(Application::summary).collect();
        parts.push(format!("HTTP {}", self.status));
        parts.extend(server.cloned().into_iter().chain(login));
        parts.join(", ")
    }
}

impl PostgresPeer {
    fn summary(&self) -> String {
        let name = self.version.as_ref().map_or_else(|| "PostgreSQL".into(), |version| format!("PostgreSQL {version}"));
        let free = self.connections.map(|(limit, used)| format!(", {used} of {limit} connections in use"));
        let state = match (self.in_recovery, self.read_only) {
            (Some(true), _) => ", a standby",
            (_, Some(true)) => ", read-only",
            _ => "",
        };
        format!("{name}{state}{}", free.unwrap_or_default())
    }
}

impl KafkaPeer {
    fn summary(&self) -> String {
        if self.controller {
            return "Apache Kafka controller listener".into();
        }
        let mut parts = vec![match &self.release {
            Some(release) => format!("Apache Kafka {release}"),
            None => "Apache Kafka".into(),
        }];
        parts.extend(self.cluster_id.iter().map(|id| format!("cluster {id}")));
        match self.brokers.len() {
            0 => {}
            1 => parts.push("1 broker".into()),
            n => parts.push(format!("{n} brokers")),
        }
        parts.join(", ")
    }
}
