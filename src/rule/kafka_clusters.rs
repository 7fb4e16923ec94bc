//! Which brokers are of one cluster, by what their settings declare. Ids alone do not tell: clusters that were set up alike
//! have the same. Where the settings do not tell either, nothing is said.

use std::collections::BTreeSet;

use super::{kafka_brokers, kafka_listeners};
use crate::stack::{Container, Stack};
use crate::target::is_loopback;

/// What is known of two brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// They are of one cluster.
    Same,
    /// They cannot be of one cluster.
    Other,
    /// Nothing tells.
    Unknown,
}

/// How images call the variable with the cluster's id.
const CLUSTER_IDS: [&str; 3] = ["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"];

/// Every variable that is read here and not by [`kafka_listeners`].
pub const VARIABLES_READ: &[&str] = &[
    "CLUSTER_ID",
    "KAFKA_CLUSTER_ID",
    "KAFKA_KRAFT_CLUSTER_ID",
    "KAFKA_BROKER_ID",
    "KAFKA_CFG_BROKER_ID",
    "KAFKA_ZOOKEEPER_CONNECT",
    "KAFKA_CFG_ZOOKEEPER_CONNECT",
];

/// The containers that some node's settings name, by the ids of their namespaces; others by their host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    all: BTreeSet<String>,
    /// Whether all of them are known: each is a container of the stack, and its own settings were read too.
    whole: bool,
}

/// What the nodes of a stack declare.
#[derive(Debug)]
pub struct Clusters<'a> {
    stack: &'a Stack,
    /// The nodes that name their controllers, and whom they name.
    nodes: Vec<(&'a Container, Named)>,
}

impl<'a> Clusters<'a> {
    /// Reads the settings of all nodes.
    #[must_use]
    pub fn of(stack: &'a Stack) -> Self {
        let nodes = stack.containers.iter().filter_map(|node| Some((node, controllers(stack, node)?)));
        Self { stack, nodes: nodes.collect() }
    }

    /// What the settings of two brokers say of them.
    #[must_use]
    pub fn kinship(&self, one: &Container, other: &Container) -> Kinship {
        let differ =
            |read: fn(&Container) -> Option<&str>| matches!((read(one), read(other)), (Some(a), Some(b)) if a != b);
        // A broker whose id another one has is never let into their cluster.
        let twins = one.id != other.id && node_id(one).is_some() && node_id(one) == node_id(other);
        if twins || differ(cluster_id) {
            return Kinship::Other;
        }
        let zookeepers = (zookeeper(self.stack, one), zookeeper(self.stack, other));
        if let (Some((one, its_root)), Some((other, other_root))) = &zookeepers {
            return match one.all == other.all {
                _ if its_root != other_root => Kinship::Other,
                true => Kinship::Same,
                // The members of one ensemble need not all be named.
                false => Kinship::Unknown,
            };
        }
        match (self.quorum(one), self.quorum(other)) {
            (Some(one), Some(other)) if !one.all.is_disjoint(&other.all) => Kinship::Same,
            (Some(one), Some(other)) if one.whole && other.whole => Kinship::Other,
            _ => Kinship::Unknown,
        }
    }

    /// All controllers of a node's cluster: not every node names each of them.
    fn quorum(&self, node: &Container) -> Option<Named> {
        let (_, mut quorum) = self.nodes.iter().find(|(known, _)| known.id == node.id)?.clone();
        loop {
            let known = quorum.all.clone();
            for (_, more) in self.nodes.iter().filter(|(_, more)| !more.all.is_disjoint(&known)) {
                quorum.all.extend(more.all.iter().cloned());
                quorum.whole &= more.whole;
            }
            if quorum.all.len() == known.len() {
                break;
            }
        }
        let speaks = |id: &String| self.nodes.iter().any(|(node, _)| place(self.stack, node) == *id);
        quorum.whole &= quorum.all.iter().all(speaks);
        Some(quorum)
    }
}

fn cluster_id(broker: &Container) -> Option<&str> {
    CLUSTER_IDS.iter().find_map(|name| broker.variable(name)).map(str::trim).filter(|id| !id.is_empty())
}

fn node_id(broker: &Container) -> Option<&str> {
    let settings = ["NODE_ID", "BROKER_ID"].into_iter();
    // Where a negative number stands, the broker takes one that is free.
    settings.filter_map(|name| kafka_listeners::setting(broker, name)).find(|id| id.parse::<u32>().is_ok())
}

/// Where a node is: containers that share a network are one place.
fn place(stack: &Stack, node: &Container) -> String {
    let owner = stack.namespace_owner(node);
    if owner.on_host_network() { "host".to_owned() } else { owner.id.clone() }
}

/// The controllers that a node's settings name, itself where it is one; `None` where they name none.
fn controllers(stack: &Stack, node: &Container) -> Option<Named> {
    let settings = ["CONTROLLER_QUORUM_VOTERS", "CONTROLLER_QUORUM_BOOTSTRAP_SERVERS"];
    let written = settings.into_iter().filter_map(|name| kafka_listeners::setting(node, name));
    let addresses = written.flat_map(|value| value.split(',')).map(|entry| entry.rsplit('@').next().unwrap_or(entry));
    let mut named = meant(stack, node, addresses)?;
    if kafka_listeners::is_controller(node) == Some(true) {
        named.all.insert(place(stack, node));
    }
    Some(named)
}

/// The servers of ZooKeeper that a broker's settings name, and the folder in it that is the cluster's.
fn zookeeper<'a>(stack: &Stack, broker: &'a Container) -> Option<(Named, &'a str)> {
    let written = kafka_listeners::setting(broker, "ZOOKEEPER_CONNECT")?;
    let (servers, root) = written.split_once('/').unwrap_or((written, ""));
    Some((meant(stack, broker, servers.split(','))?, root.trim_end_matches('/')))
}

/// Whom a node means by these addresses; `None` where there is none.
fn meant<'a>(stack: &Stack, node: &Container, addresses: impl Iterator<Item = &'a str>) -> Option<Named> {
    let mut named = Named { all: BTreeSet::new(), whole: true };
    for address in addresses.map(str::trim).filter(|address| !address.is_empty()) {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let (found, sure) = at(stack, node, &host);
        named.whole &= sure;
        named.all.extend(found);
    }
    (!named.all.is_empty()).then_some(named)
}

/// The places that a host means to a node, and whether that is sure.
fn at(stack: &Stack, node: &Container, host: &str) -> (Vec<String>, bool) {
    let wildcard = host.parse().is_ok_and(|address: std::net::IpAddr| address.is_unspecified());
    if wildcard || is_loopback(host) || node.hostname.eq_ignore_ascii_case(host) {
        return (vec![place(stack, node)], true);
    }
    if node.extra_host(host).is_some() {
        return (vec![format!("{host} of {}", node.id)], false);
    }
    let found = match host.parse() {
        Ok(address) => stack.at_address(address).into_iter().collect(),
        Err(_) => stack.named(host),
    };
    let places: BTreeSet<_> = found.iter().map(|container| place(stack, container)).collect();
    match places.len() {
        // Somebody outside, by a name or an address of which there may be others.
        0 => (vec![host.to_owned()], false),
        // Several containers of one name: any of them.
        count => (places.into_iter().collect(), count == 1),
    }
}

/// How many brokers of a stack may be of the cluster that these are of, these among them: all that run, but those that
/// surely are of another one. `elsewhere` are those of which the brokers' own answers said so.
#[must_use]
pub fn may_be_of<'a>(stack: &'a Stack, ours: &[&'a Container], elsewhere: &BTreeSet<&str>) -> usize {
    let clusters = Clusters::of(stack);
    let is_ours = |broker: &&Container| {
        let kinships: Vec<_> = ours.iter().map(|our| clusters.kinship(our, broker)).collect();
        ours.iter().any(|our| our.id == broker.id)
            || kinships.contains(&Kinship::Same)
            || (!kinships.contains(&Kinship::Other) && !elsewhere.contains(broker.id.as_str()))
    };
    let running = stack.containers.iter().filter(|container| container.is_running());
    running.filter(|container| kafka_brokers::is_broker(container)).filter(is_ours).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, pairs, stack};

    type Environment<'a> = &'a [(&'a str, &'a str)];

    /// What is known of two brokers, `one` and `two`, with these variables, beside a third node.
    fn of(one: Environment, two: Environment, third: Environment) -> Kinship {
        let nodes = [("one", one), ("two", two), ("third", third)].map(|(service, environment)| {
            let mut node = container(service, "apache/kafka:4.1.0");
            node.environment = pairs(environment);
            node
        });
        let stack = stack(nodes);
        let clusters = Clusters::of(&stack);
        let found = clusters.kinship(&stack.containers[0], &stack.containers[1]);
        assert_eq!(found, clusters.kinship(&stack.containers[1], &stack.containers[0]));
        found
    }

    const VOTERS: &str = "KAFKA_CONTROLLER_QUORUM_VOTERS";
    const SERVERS: &str = "KAFKA_CFG_CONTROLLER_QUORUM_BOOTSTRAP_SERVERS";
    const ZOOKEEPER: &str = "KAFKA_ZOOKEEPER_CONNECT";

    #[test]
    fn brokers_are_of_one_cluster_where_their_controllers_are() {
        let voters = |value: &'static str| [(VOTERS, value)];
        for (one, two, third, expected) in [
            ("1@one:9093", "1@one:9093", "", Kinship::Same),
            ("1@one:9093,2@two:9093", "2@localhost:9093", "", Kinship::Same),
            ("1@172.30.0.2:9093", "1@shop-one-1:9093", "", Kinship::Same),
            // They name a third, which names both.
            ("3@third:9093", "2@two:9093", "2@two:9093,3@third:9093", Kinship::Same),
            // Everybody's localhost is another one.
            ("1@localhost:9093", "1@localhost:9093", "", Kinship::Other),
            ("1@127.0.0.1:9093", "1@[::1]:9093", "", Kinship::Other),
            ("1@one:9093", "1@two:9093", "", Kinship::Other),
            ("1@0.0.0.0:9093", "1@two0123456789:9093", "", Kinship::Other),
            ("1@localhost:9093", "", "", Kinship::Unknown),
            ("", "", "", Kinship::Unknown),
            ("1@far.example.com:9093", "1@two:9093", "", Kinship::Unknown),
            ("1@far.example.com:9093", "1@far.example.com:9093", "", Kinship::Same),
            // What the third says of the others is not known.
            ("1@third:9093", "1@two:9093", "", Kinship::Unknown),
        ] {
            assert_eq!(of(&voters(one), &voters(two), &voters(third)), expected, "{one} {two} {third}");
        }
        assert_eq!(of(&[(SERVERS, "third:9093")], &[(SERVERS, "third:9093,one:9093")], &[]), Kinship::Same);
        let combined = [(VOTERS, "3@third:9093"), ("KAFKA_PROCESS_ROLES", "broker,controller")];
        assert_eq!(of(&combined, &voters("1@one:9093"), &voters("3@third:9093")), Kinship::Same);
    }

    #[test]
    fn ids_part_clusters_and_join_none() {
        let id = |id: &'static str| [(VOTERS, "1@one:9093"), ("CLUSTER_ID", id)];
        assert_eq!(of(&id("a"), &id("b"), &[]), Kinship::Other);
        assert_eq!(of(&id("a"), &id("a"), &[]), Kinship::Same);
        let alone = [(VOTERS, "1@localhost:9093"), ("KAFKA_KRAFT_CLUSTER_ID", "a")];
        assert_eq!(of(&alone, &alone, &[]), Kinship::Other);
        assert_eq!(of(&[("CLUSTER_ID", "a")], &[("CLUSTER_ID", "a")], &[]), Kinship::Unknown);
        let node = |id: &'static str| [(ZOOKEEPER, "zoo:2181"), ("KAFKA_BROKER_ID", id)];
        assert_eq!(of(&node("1"), &node("2"), &[]), Kinship::Same);
        assert_eq!(of(&node("1"), &node("1"), &[]), Kinship::Other);
        assert_eq!(of(&node("-1"), &node("-1"), &[]), Kinship::Same);
    }

    #[test]
    fn clusters_of_zookeeper_have_the_same_servers_and_folder() {
        let zookeeper = |value: &'static str| [(ZOOKEEPER, value)];
        for (one, two, expected) in [
            ("third:2181", "third:2181/", Kinship::Same),
            ("third:2181,far:2181/kafka", "far:2181,172.30.0.4:2181/kafka", Kinship::Same),
            ("third:2181/a", "third:2181/b", Kinship::Other),
            ("third:2181", "far:2181", Kinship::Unknown),
            ("localhost:2181", "localhost:2181", Kinship::Unknown),
            ("third:2181", "", Kinship::Unknown),
        ] {
            assert_eq!(of(&zookeeper(one), &zookeeper(two), &[]), expected, "{one} {two}");
        }
    }

    #[test]
    fn containers_of_one_network_have_one_localhost() {
        let mut nodes = [container("one", "apache/kafka:4.1.0"), container("two", "apache/kafka:4.1.0")];
        for node in &mut nodes {
            node.environment = vec![(VOTERS.into(), "1@localhost:9093".into())];
        }
        nodes[1].network_mode = "container:one-id".into();
        let stack = stack(nodes);
        let kinship = Clusters::of(&stack).kinship(&stack.containers[0], &stack.containers[1]);
        assert_eq!(kinship, Kinship::Same);
    }
}
