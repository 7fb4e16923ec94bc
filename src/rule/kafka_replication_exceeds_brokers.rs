//! The topic of consumer groups is to have more copies than there are brokers, so that it is never made.

use std::collections::BTreeMap;

use super::{Cause, Facts, Failed, Rule, Seen, kafka_brokers, kafka_listeners};

/// A client's consumer group gets no coordinator; told for every such cluster, whether or not a client is known to consume.
pub const RULE: Rule = Rule::new("kafka-replication-exceeds-brokers", explain).inspecting(inspect);

/// The same for transactions, which only some producers use.
const TRANSACTIONS: &str = "transaction.state.log.replication.factor";

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || failed.failure.detail != NEVER_MADE {
        return None;
    }
    let mut cause = cause(facts, failed.seen)?;
    cause.evidence.push(failed.evidence());
    Some(cause)
}

/// How a check fails whose consumer group can get no coordinator.
pub const NEVER_MADE: &str =
    "its consumer group gets no coordinator: the topic that coordinators need cannot be made with so few brokers";

fn inspect(facts: &Facts) -> Vec<Cause> {
    let mut found: BTreeMap<String, Cause> = BTreeMap::new();
    for cause in facts.checks.iter().filter_map(|seen| cause(facts, seen)) {
        found.entry(cause.subject.clone()).or_insert(cause);
    }
    found.into_values().collect()
}

fn cause(facts: &Facts, seen: &Seen) -> Option<Cause> {
    let (wanted, brokers) = kafka_brokers::too_many_copies(&facts.stack, &facts.checks, seen)?;
    let ours = kafka_brokers::reached(&facts.stack, seen);
    let cluster = kafka_brokers::clusters(facts).into_iter().find(|all| ours.keys().any(|id| all.contains_key(id)))?;
    let services = kafka_brokers::services(&cluster);
    let first = cluster.values().copied().find(|container| Some(&container.service.as_str()) == services.first())?;
    let who = services.join(", ");
    let there = if brokers == 1 { "there is 1 broker".to_owned() } else { format!("there are {brokers} brokers") };
    let variable = |name| kafka_listeners::variable(first, name);
    let mut evidence = vec![format!(
        "{who}: {} = {wanted}, {there}, and {} does not exist",
        kafka_brokers::OFFSETS_REPLICAS,
        kafka_brokers::OFFSETS_TOPIC
    )];
    let transactions = kafka_brokers::peers(seen.observation.as_ref()?)
        .filter_map(|peer| peer.settings.get(TRANSACTIONS)?.parse::<usize>().ok())
        .min()
        .filter(|wanted| *wanted > brokers);
    let mut help = format!("in {who}, set {}: {brokers}", variable("OFFSETS_TOPIC_REPLICATION_FACTOR"));
    if let Some(copies) = transactions {
        evidence.push(format!("{who}: {TRANSACTIONS} = {copies}, so that no producer gets a transaction either"));
        help = format!(
            "{help}, {}: {brokers} and {}: 1",
            variable("TRANSACTION_STATE_LOG_REPLICATION_FACTOR"),
            variable("TRANSACTION_STATE_LOG_MIN_ISR")
        );
    }
    Some(Cause {
        subject: who.clone(),
        service: Some(first.service.clone()),
        message: format!(
            "the first consumer group on {who} will get no coordinator: its topic is to have {wanted} copies, and {there}"
        ),
        evidence,
        help,
    })
}
