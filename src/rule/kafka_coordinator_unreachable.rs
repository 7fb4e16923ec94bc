//! The broker that keeps the place of the client's consumer group is not to be had.

use super::{Cause, Facts, Failed, Rule, kafka_brokers};
use crate::text;

/// The coordinator's address fails while others work, or there is no coordinator.
pub const RULE: Rule = Rule::new("kafka-coordinator-unreachable", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let observation = failed.seen.observation.as_ref()?;
    let coordinator = kafka_brokers::peer(observation)?.coordinator.as_ref()?;
    let group = text::line(&coordinator.group, 100);
    let from = failed.seen.check.from.identity();
    let Some(redirect) = failed.redirect else {
        let nobody = coordinator.broker.is_none() && failed.seen.check.needed().group.is_some();
        let ours = failed.failure.detail == no_coordinator(&coordinator.group);
        let broker = failed.first_server(facts);
        return (nobody && ours).then(|| Cause {
            subject: format!("{from} {group}"),
            service: broker.map(|broker| broker.service.clone()),
            message: format!("no broker coordinates the consumer group {group} of {from}: it reads nothing"),
            evidence: vec![failed.evidence()],
            help: format!(
                "start the broker that leads this group's partition of {}; to see which has none: kafka-topics.sh --describe --topic {0} --unavailable-partitions",
                kafka_brokers::OFFSETS_TOPIC
            ),
        });
    };
    let others = observation.redirects.iter().filter(|other| kafka_brokers::is_reached(other)).count();
    if redirect.id.is_none() || redirect.id != coordinator.broker || others == 0 {
        return None;
    }
    let server = failed.server(facts);
    let who = server.map_or_else(|| redirect.name.clone(), |server| format!("{} ({})", server.label(), redirect.name));
    Some(Cause {
        subject: format!("{from} {group}"),
        service: server.or_else(|| failed.first_server(facts)).map(|container| container.service.clone()),
        message: format!(
            "{from} cannot reach {who} at {}, which coordinates its consumer group {group}: it reads nothing, while other brokers answer",
            redirect.address()
        ),
        evidence: vec![format!("{}; {others} of {} brokers reached", failed.evidence(), observation.redirects.len())],
        help: format!(
            "look at what {who} advertises, at the port that it listens on, and at its network: {} must lead to it",
            redirect.address()
        ),
    })
}

/// How a check fails for lack of a coordinator.
#[must_use]
pub fn no_coordinator(group: &str) -> String {
    format!("no broker coordinates the consumer group {}", text::line(group, 100))
}
