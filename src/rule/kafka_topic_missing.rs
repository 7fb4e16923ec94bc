//! A topic that the client needs does not exist, and nobody makes it.

use super::{Cause, Facts, Failed, Rule, kafka_brokers, kafka_listeners};
use crate::text;

/// The brokers know no such topic and are set to make none.
pub const RULE: Rule = Rule::new("kafka-topic-missing", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let observation = failed.seen.observation.as_ref().filter(|_| failed.redirect.is_none())?;
    let missing = kafka_brokers::missing_topics(&failed.seen.check.needed().topics, observation);
    if missing.is_empty() || failed.failure.detail != no_topics(&missing) {
        return None;
    }
    let (from, address) = (failed.seen.check.from.identity(), failed.seen.check.target.address());
    let broker = failed.first_server(facts);
    let label = broker.map_or_else(|| failed.host().to_owned(), |broker| broker.service.clone());
    let variable = broker.map_or_else(
        || "KAFKA_AUTO_CREATE_TOPICS_ENABLE".into(),
        |broker| kafka_listeners::variable(broker, "AUTO_CREATE_TOPICS_ENABLE"),
    );
    let one = missing.len() == 1;
    let create: Vec<_> = missing
        .iter()
        .map(|topic| format!("  kafka-topics.sh --bootstrap-server {address} --create --if-not-exists --topic {topic}"))
        .collect();
    Some(Cause {
        subject: format!("{from} {}", missing.join(",")),
        service: failed.client(facts).map(|client| client.service.clone()),
        message: format!(
            "{from} needs the {} {}, which {label} does not have and will not make by itself",
            if one { "topic" } else { "topics" },
            text::list(&missing)
        ),
        evidence: vec![failed.evidence(), format!("{label} runs with {}=false", kafka_brokers::AUTO_CREATE)],
        help: format!(
            "create {} in a service that ends before {from} starts:\n{}\nor set {variable} of {label} to true",
            if one { "it" } else { "them" },
            create.join("\n")
        ),
    })
}

/// How a check fails for topics that do not exist.
#[must_use]
pub fn no_topics(missing: &[String]) -> String {
    let (noun, verb) = if missing.len() == 1 { ("topic", "does") } else { ("topics", "do") };
    format!("the {noun} {} {verb} not exist, and the brokers make none by themselves", text::list(missing))
}
