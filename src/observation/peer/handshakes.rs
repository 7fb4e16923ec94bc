//! What peers say of themselves in a handshake that is all that is spoken with them.

use serde::{Deserialize, Serialize};

/// What a broker said that speaks AMQP 0-9-1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AmqpPeer {
    /// `RabbitMQ`, `LavinMQ`, …
    pub product: Option<String>,
    /// As it says.
    pub version: Option<String>,
    /// The cluster's name, where it has one.
    pub cluster: Option<String>,
    /// How it takes logins: `PLAIN`, `AMQPLAIN`, `EXTERNAL`.
    pub mechanisms: Vec<String>,
}

/// What a memcached server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MemcachedPeer {
    /// Where it may be asked.
    pub version: Option<String>,
}

/// What a NATS server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NatsPeer {
    /// As it says.
    pub version: Option<String>,
    /// The server's own name.
    pub name: Option<String>,
    /// The cluster's name, where it is part of one.
    pub cluster: Option<String>,
    /// Whether it keeps messages.
    pub jetstream: bool,
    /// Whether it wants credentials.
    pub authentication: bool,
    /// Whether it goes on in TLS.
    pub tls: bool,
}

/// What a `ZooKeeper` server said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ZookeeperPeer {
    /// Where its word `srvr` is answered.
    pub version: Option<String>,
    /// `standalone`, `leader`, `follower`, `observer` or `read-only`, where its word `srvr` is answered.
    pub mode: Option<String>,
}

/// What a server said that speaks `MongoDB`'s protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MongodbPeer {
    /// The release whose protocol it speaks, such as `7.0`; others than `MongoDB` name the one that they stand for.
    pub release: Option<String>,
    /// The replica set that it is a member of.
    pub replica_set: Option<String>,
    /// The set's primary as the server knows it: the address that clients are sent to.
    pub primary: Option<String>,
    /// The set's members that hold data, in the addresses that clients are sent to.
    pub members: Vec<String>,
    /// `primary`, `secondary`, `arbiter`, or `router` of a sharded cluster.
    pub role: Option<String>,
    /// Whether it takes writes, where it says so.
    pub writable: Option<bool>,
}

/// What a server said that speaks HTTP/2 at once, as gRPC does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GrpcPeer {
    /// How many streams a client may have at once, where it says so.
    pub streams: Option<u32>,
}

/// A name, with what is known of it after it.
fn named(name: &str, more: Option<&str>) -> String {
    more.map_or_else(|| name.to_owned(), |more| format!("{name} {more}"))
}

impl AmqpPeer {
    pub(super) fn summary(&self) -> String {
        named(self.product.as_deref().unwrap_or("AMQP 0-9-1"), self.version.as_deref())
    }
}

impl MemcachedPeer {
    pub(super) fn summary(&self) -> String {
        named("memcached", self.version.as_deref())
    }
}

impl NatsPeer {
    pub(super) fn summary(&self) -> String {
        let cluster = self.cluster.as_ref().map(|name| format!(", cluster {name}")).unwrap_or_default();
        let keeps = if self.jetstream { ", JetStream" } else { "" };
        format!("{}{cluster}{keeps}", named("NATS", self.version.as_deref()))
    }
}

impl ZookeeperPeer {
    pub(super) fn summary(&self) -> String {
        let mode = self.mode.as_ref().map(|mode| format!(", {mode}")).unwrap_or_default();
        format!("{}{mode}", named("ZooKeeper", self.version.as_deref()))
    }
}

impl MongodbPeer {
    pub(super) fn summary(&self) -> String {
        let mut parts = vec![named("MongoDB", self.release.as_deref())];
        parts.extend(self.replica_set.as_ref().map(|name| format!("replica set {name}")));
        parts.extend(self.role.clone());
        match (&self.replica_set, &self.primary) {
            (Some(_), None) => parts.push("no primary".into()),
            (Some(_), Some(primary)) if self.role.as_deref() != Some("primary") => {
                parts.push(format!("primary {primary}"));
            }
            _ => {}
        }
        match self.members.len() {
            0 => {}
            1 => parts.push("1 member".into()),
            count => parts.push(format!("{count} members")),
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_one_line() {
        let some = |text: &str| Some(text.to_owned());
        let amqp = AmqpPeer { product: some("RabbitMQ"), version: some("3.10.8"), ..AmqpPeer::default() };
        assert_eq!((amqp.summary(), AmqpPeer::default().summary()), ("RabbitMQ 3.10.8".into(), "AMQP 0-9-1".into()));
        let nats = NatsPeer { version: some("2.9.10"), cluster: some("shop"), jetstream: true, ..NatsPeer::default() };
        assert_eq!(nats.summary(), "NATS 2.9.10, cluster shop, JetStream");
        let zookeeper = ZookeeperPeer { version: some("3.8.0"), mode: some("leader") };
        assert_eq!(zookeeper.summary(), "ZooKeeper 3.8.0, leader");
        let member = MongodbPeer {
            release: some("7.0"),
            replica_set: some("rs0"),
            members: vec!["a:27017".into(), "b:27017".into()],
            role: some("secondary"),
            ..MongodbPeer::default()
        };
        assert_eq!(member.summary(), "MongoDB 7.0, replica set rs0, secondary, no primary, 2 members");
        let known = MongodbPeer { primary: some("a:27017"), ..member.clone() };
        assert_eq!(known.summary(), "MongoDB 7.0, replica set rs0, secondary, primary a:27017, 2 members");
        let first = MongodbPeer { role: some("primary"), members: vec!["a:27017".into()], ..known };
        assert_eq!(first.summary(), "MongoDB 7.0, replica set rs0, primary, 1 member");
    }
}
