//! Brokers have no way to each other.

use super::kafka_start::{self, Reason};
use super::{Cause, Facts, Need, Rule, kafka_brokers, kafka_listeners};
use crate::stack::Container;
use crate::target::is_loopback;
use crate::text;

/// The broker has ended and says that its listener for brokers is none; or brokers send each other to localhost.
pub const RULE: Rule = Rule::new("kafka-inter-broker-listener-wrong", |facts, failed| {
    kafka_start::explain(facts, failed, Reason::InterBroker, words)
})
.inspecting(inspect)
.needing(&[Need::Logs]);

fn inspect(facts: &Facts) -> Vec<Cause> {
    let mut found = kafka_start::inspect(facts, Reason::InterBroker, words);
    for cluster in kafka_brokers::clusters(facts) {
        let brokers: Vec<_> = cluster.values().copied().collect();
        for broker in &brokers {
            let apart = brokers.iter().find(|other| !facts.stack.share_namespace(broker, other));
            found.extend(apart.and_then(|other| to_localhost(broker, other)));
        }
    }
    found
}

fn words(_: &Facts, container: &Container, line: Option<&str>) -> (String, String) {
    let line = line.unwrap_or_default();
    let label = container.label();
    let variable = kafka_listeners::variable(container, "INTER_BROKER_LISTENER_NAME");
    if line.contains("Only one of") {
        let other = kafka_listeners::variable(container, "SECURITY_INTER_BROKER_PROTOCOL");
        let message =
            format!("{label} does not start: {variable} and {other} are both set, and one excludes the other");
        return (message, format!("in {label}, take out {other}"));
    }
    let advertised: Vec<_> =
        kafka_listeners::settings(container).advertised.into_iter().map(|listener| listener.name).collect();
    let named = kafka_listeners::setting(container, "INTER_BROKER_LISTENER_NAME").unwrap_or("PLAINTEXT");
    let why = match kafka_listeners::setting(container, "INTER_BROKER_LISTENER_NAME") {
        Some(named) => format!("{variable} is {named}"),
        None => format!("{variable} is not set, so that brokers take the listener PLAINTEXT"),
    };
    let listed = if advertised.is_empty() { "nothing".to_owned() } else { text::list(&advertised) };
    let message = format!("{label} does not start: {why}, and it advertises {listed}");
    let inner = advertised.first().map_or("the listener for the network", String::as_str);
    let help = format!("in {label}, set {variable} to {inner}, or advertise a listener of the name {named} too");
    (message, help)
}

/// A broker that other brokers are sent to at their own localhost. Its clients may have a listener that works.
fn to_localhost(broker: &Container, other: &Container) -> Option<Cause> {
    let by_protocol = kafka_listeners::setting(broker, "SECURITY_INTER_BROKER_PROTOCOL").unwrap_or("PLAINTEXT");
    let name = kafka_listeners::setting(broker, "INTER_BROKER_LISTENER_NAME").unwrap_or(by_protocol);
    let advertised = kafka_listeners::settings(broker).advertised;
    let listener = advertised.iter().find(|listener| listener.name.eq_ignore_ascii_case(name))?;
    if !is_loopback(&listener.host) {
        return None;
    }
    let (label, address) = (broker.label(), listener.address());
    let variable = kafka_listeners::settings(broker).variable;
    let mended = crate::target::host_and_port(&broker.service, listener.bound);
    Some(Cause {
        subject: label.clone(),
        service: Some(broker.service.clone()),
        message: format!(
            "{label} sends the other brokers of its cluster to {address}, where each of them finds itself: nothing is replicated from it"
        ),
        evidence: vec![format!(
            "{label} advertises {name}://{address}, its listener for brokers; {} is a broker of the same cluster in another container",
            other.label()
        )],
        help: format!("in {variable} of {label}, advertise {name}://{mended}"),
    })
}
