//! Which containers are the brokers that a check reached, and what a client needs of their cluster beside an answer.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Seen};
use crate::derive::served::technology;
use crate::observation::{KafkaPeer, Observation, Peer, Redirect};
use crate::plan::Vantage;
use crate::rule::{kafka_clusters, kafka_listeners};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, is_loopback};

/// The topic in which consumer groups keep where they are.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// How many copies a broker wants of it.
pub const OFFSETS_REPLICAS: &str = "offsets.topic.replication.factor";

/// Whether a broker makes topics for those who use them.
pub const AUTO_CREATE: &str = "auto.create.topics.enable";

/// What a broker said of itself, where it is one.
#[must_use]
pub const fn peer(observation: &Observation) -> Option<&KafkaPeer> {
    match &observation.peer {
        Some(Peer::Kafka(peer)) => Some(peer),
        _ => None,
    }
}

/// What each broker said that was reached by a redirect.
pub fn peers(observation: &Observation) -> impl Iterator<Item = &KafkaPeer> {
    let reached = observation.redirects.iter().filter(|redirect| is_reached(redirect));
    reached.filter_map(|redirect| peer(&redirect.observation))
}

/// Whether a redirect leads to the broker that is meant.
#[must_use]
pub const fn is_reached(redirect: &Redirect) -> bool {
    redirect.observation.failure.is_none() && redirect.observation.unlooked.is_none()
}

/// The topics of a client that do not exist, where the brokers say so and make none by themselves.
#[must_use]
pub fn missing_topics(needed: &[String], observation: &Observation) -> Vec<String> {
    let off = |peer: &KafkaPeer| peer.settings.get(AUTO_CREATE).map(|value| value == "false");
    // Whichever broker a client asks for a topic may make it: all of them must be known not to.
    let all_off = peers(observation).count() == observation.redirects.len()
        && peers(observation).next().is_some()
        && peers(observation).all(|peer| off(peer) == Some(true));
    if !all_off {
        return Vec::new();
    }
    let is_missing = |topic: &&String| {
        let mut told = peers(observation).filter_map(|peer| peer.topics.get(*topic)).peekable();
        told.peek().is_some() && told.all(|exists| !exists)
    };
    needed.iter().filter(is_missing).cloned().collect()
}

/// How many copies the brokers want of the topic of consumer groups, and how many brokers there are, where they can never
/// make it.
#[must_use]
pub fn too_many_copies(stack: &Stack, checks: &[Seen], seen: &Seen) -> Option<(usize, usize)> {
    let observation = seen.observation.as_ref()?;
    let mut told = peers(observation).filter_map(|peer| peer.topics.get(OFFSETS_TOPIC)).peekable();
    told.peek()?;
    if told.any(|exists| *exists) {
        return None;
    }
    let wanted = peers(observation).filter_map(|peer| peer.settings.get(OFFSETS_REPLICAS)?.parse().ok()).min()?;
    let brokers = at_most(stack, checks, seen)?;
    (wanted > brokers).then_some((wanted, brokers))
}

/// How many brokers the cluster of a check has at most. A listener lists only those that have it too, so that every broker
/// of the stack counts which is not known to be of another cluster: by its settings, or by what it answered.
fn at_most(stack: &Stack, checks: &[Seen], seen: &Seen) -> Option<usize> {
    let listed = |seen: &Seen| Some(peer(seen.observation.as_ref()?)?.brokers.len());
    let id = |seen: &Seen| peer(seen.observation.as_ref()?)?.cluster_id.clone();
    let ours = reached(stack, seen);
    if ours.is_empty() {
        return None;
    }
    let mut elsewhere = BTreeSet::new();
    let mut most = listed(seen)?;
    for other in checks {
        let reached = reached(stack, other);
        if reached.keys().any(|id| ours.contains_key(id)) {
            most = most.max(listed(other).unwrap_or_default());
        } else if id(seen).is_some_and(|our| id(other).is_some_and(|their| our != their)) {
            elsewhere.extend(reached.into_keys());
        }
    }
    let ours: Vec<_> = ours.into_values().collect();
    Some(most.max(kafka_clusters::may_be_of(stack, &ours, &elsewhere)))
}

/// Whether a container is a broker, or may be one.
#[must_use]
pub fn is_broker(container: &Container) -> bool {
    let kafka = technology(container).is_some_and(|technology| technology.protocol() == Protocol::Kafka)
        || kafka_listeners::setting(container, "ADVERTISED_LISTENERS").is_some();
    let roles = kafka_listeners::setting(container, "PROCESS_ROLES");
    kafka && roles.is_none_or(|roles| roles.contains("broker"))
}

/// The containers of the brokers that a check reached, by id.
#[must_use]
pub fn reached<'a>(stack: &'a Stack, seen: &Seen) -> BTreeMap<&'a str, &'a Container> {
    let Some(observation) = &seen.observation else { return BTreeMap::new() };
    let at = |redirect: &Redirect| {
        if seen.check.from == Vantage::Host && is_loopback(&redirect.host) {
            let mut containers = stack.containers.iter();
            return containers.find(|c| c.ports.iter().any(|port| port.host_port == Some(redirect.port)));
        }
        stack.at_address(redirect.observation.connected?)
    };
    let reached = observation.redirects.iter().filter(|redirect| is_reached(redirect));
    reached.filter_map(at).map(|container| (container.id.as_str(), container)).collect()
}

/// The services of these containers, each once.
#[must_use]
pub fn services<'a>(containers: &BTreeMap<&str, &'a Container>) -> Vec<&'a str> {
    let services: BTreeSet<_> = containers.values().map(|container| container.service.as_str()).collect();
    services.into_iter().collect()
}

/// The sets of brokers that were reached together, each once: the clusters, as far as they were seen.
#[must_use]
pub fn clusters(facts: &Facts) -> Vec<BTreeMap<&str, &Container>> {
    let mut found: Vec<BTreeMap<&str, &Container>> = Vec::new();
    for seen in &facts.checks {
        let reached = reached(&facts.stack, seen);
        if reached.is_empty() {
            continue;
        }
        match found.iter_mut().find(|known| reached.keys().any(|id| known.contains_key(id))) {
            Some(known) => known.extend(reached),
            None => found.push(reached),
        }
    }
    found
}
