//! What only brokers need when they are judged: whom a redirect leads to, and whom a listener is meant for.

use crate::derive::served::technology;
use crate::observation::{Failure, FailureKind as Kind, Peer, PhaseName};
use crate::plan::Expectation;
use crate::rule::kafka_coordinator_unreachable::no_coordinator;
use crate::rule::kafka_replication_exceeds_brokers::NEVER_MADE;
use crate::rule::kafka_topic_missing::no_topics;
use crate::rule::{Seen, Verdict, kafka_brokers, kafka_listeners};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, is_loopback};

/// Ties redirects to containers by the engine's word. What a broker says of itself is not enough: clusters that were set
/// up alike have the same id, and their brokers too.
pub fn tie_redirects(stack: &Stack, seen: &mut Seen) {
    // Nodes that other servers hand out are no brokers.
    if seen.check.target.protocol != Protocol::Kafka {
        return;
    }
    let here = seen.check.from.has_published(&stack.engine);
    let published = seen.check.published.as_ref().map(|published| published.container.as_str());
    let Some(observation) = &mut seen.observation else { return };
    let asked = published.and_then(|id| stack.by_id(id)).or_else(|| stack.at_address(observation.connected?));
    let alone = observation.redirects.len() == 1;
    for redirect in observation.redirects.iter_mut().filter(|redirect| redirect.observation.failure.is_none()) {
        let to_host = here && is_loopback(&redirect.host);
        let at = if to_host {
            let bound =
                |container: &&Container| container.ports.iter().any(|port| port.host_port == Some(redirect.port));
            stack.containers.iter().find(bound)
        } else {
            redirect.observation.connected.and_then(|address| stack.at_address(address))
        };
        let detail = match (at, asked) {
            // What is on the host's network listens there without publishing.
            (None, Some(_)) if to_host && !stack.containers.iter().any(Container::on_host_network) => {
                format!("somebody answers, but no container of this project publishes port {}", redirect.port)
            }
            // A cluster of one broker has no other that it could mean. A proxy before it is no broker.
            (Some(at), Some(asked))
                if alone && is_kafka(at) && is_kafka(asked) && !stack.share_namespace(at, asked) =>
            {
                format!("that is {}, another broker than {}, which was asked", at.label(), asked.label())
            }
            _ => continue,
        };
        let failure = Failure { phase: PhaseName::Handshake, kind: Kind::WrongIdentity, detail };
        redirect.observation.failure = Some(failure);
    }
}

fn is_kafka(container: &Container) -> bool {
    technology(container).is_some_and(|technology| technology.protocol() == Protocol::Kafka)
}

/// A broker's listener for the network that is published beside the one for the host, which works: nobody on the host
/// needs it, so it is no failure.
pub fn other_audience(stack: &Stack, checks: &[Seen], index: usize) -> Option<String> {
    let seen = &checks[index];
    let published = seen.check.published.as_ref()?;
    if seen.verdict != Verdict::Fail || seen.failure.is_some() {
        return None;
    }
    let works = checks.iter().find(|other| {
        let Some(port) = &other.check.published else { return false };
        let kafka = matches!(other.observation.as_ref().and_then(|o| o.peer.as_ref()), Some(Peer::Kafka(_)));
        port.container == published.container
            && port.container_port != published.container_port
            && other.verdict == Verdict::Pass
            && kafka
    })?;
    let broker = stack.by_id(&published.container)?;
    let named = |host: &str| !stack.named(host).is_empty();
    let inner = kafka_listeners::settings(broker)
        .advertised
        .iter()
        .any(|l| l.bound == published.container_port && named(&l.host));
    inner.then(|| {
        format!(
            "port {} is {}'s listener for the network; the one for the host is {}, which passes",
            published.container_port,
            published.service,
            works.check.target.address()
        )
    })
}

/// What a client needs of a cluster that it reaches, and does not get: a topic, or a coordinator for its consumer group.
/// Only what its settings name is asked for.
pub fn lacks(stack: &Stack, checks: &[Seen], index: usize) -> Option<Failure> {
    let seen = &checks[index];
    let observation = seen.observation.as_ref()?;
    let told = kafka_brokers::peer(observation)?;
    if seen.verdict != Verdict::Pass || seen.check.expect != Expectation::Answers {
        return None;
    }
    let needed = seen.check.needed();
    let missing = kafka_brokers::missing_topics(&needed.topics, observation);
    let detail = if !missing.is_empty() {
        no_topics(&missing)
    } else if needed.group.is_some() && kafka_brokers::too_many_copies(stack, checks, seen).is_some() {
        NEVER_MADE.to_owned()
    } else {
        let coordinator = told.coordinator.as_ref().filter(|coordinator| coordinator.broker.is_none())?;
        no_coordinator(&coordinator.group)
    };
    Some(Failure { phase: PhaseName::Request, kind: Kind::ServerRefuses, detail })
}
