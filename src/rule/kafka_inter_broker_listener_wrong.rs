//! Brokers have no way to each other.

use super::kafka_listeners::Advertised;
use super::kafka_start::{self, Reason};
use super::{Cause, Facts, Need, Rule, kafka_additions, kafka_brokers, kafka_listeners};
use crate::stack::{Container, Stack};
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
        found.extend(brokers.iter().filter_map(|broker| to_localhost(&facts.stack, broker, &brokers)));
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

/// The listener of a broker that is for brokers alone, and sends them to their own localhost: nobody else may be told to
/// use it.
#[must_use]
pub fn mistaken(facts: &Facts, broker: &Container) -> Option<Advertised> {
    let clusters = kafka_brokers::clusters(facts);
    let brokers: Vec<_> =
        clusters.iter().find(|cluster| cluster.contains_key(broker.id.as_str()))?.values().copied().collect();
    let (listener, _) = wrong(&facts.stack, broker, &brokers)?;
    kafka_listeners::published_at(broker, &listener).is_none().then_some(listener)
}

/// A broker's listener for brokers where it is localhost, and one of the others whom it sends there.
fn wrong<'a>(stack: &Stack, broker: &Container, brokers: &[&'a Container]) -> Option<(Advertised, &'a Container)> {
    let other = brokers.iter().copied().find(|other| !stack.share_namespace(broker, other))?;
    let listener = kafka_listeners::between_brokers(broker)?;
    is_loopback(&listener.host).then_some((listener, other))
}

/// What to change, so that clients on the host keep the listener that leads them to localhost.
fn mend(stack: &Stack, broker: &Container, brokers: &[&Container], listener: &Advertised) -> String {
    let (label, name) = (broker.label(), &listener.name);
    let settings = kafka_listeners::settings(broker);
    if kafka_listeners::published_at(broker, listener).is_none() {
        let mended = crate::target::host_and_port(&broker.service, listener.bound);
        return format!("in {} of {label}, advertise {name}://{mended}", settings.variable);
    }
    let variable = kafka_listeners::variable(broker, "INTER_BROKER_LISTENER_NAME");
    let excluded = kafka_listeners::variable(broker, "SECURITY_INTER_BROKER_PROTOCOL");
    let without = broker.variable(&excluded).map(|_| format!(", and take out {excluded}")).unwrap_or_default();
    let others = || brokers.iter().filter(|other| !stack.share_namespace(broker, other));
    let for_all = settings.advertised.iter().find(|inner| {
        let named = |it: &&Container| kafka_listeners::is_for_network(stack, broker, it, inner.bound);
        let same = |it: &&Container| kafka_listeners::names(it).iter().any(|its| its.eq_ignore_ascii_case(&inner.name));
        others().all(named) && others().all(same)
    });
    let stays = format!("{name} is published for clients on the host and can stay");
    match for_all {
        Some(inner) => {
            format!("{stays}: in every broker of the cluster, set {variable} to {}{without}", inner.name)
        }
        None if settings.advertised.len() == 1 => kafka_listeners::mend(broker),
        None => {
            let (text, added) = kafka_additions::adding(broker, "INTERNAL", &broker.service, None, name);
            format!("{stays}; in every broker of the cluster, set {variable} to {}{without}, and {text}", added.name)
        }
    }
}

/// A broker that other brokers are sent to at their own localhost. Its clients may have a listener that works.
fn to_localhost(stack: &Stack, broker: &Container, brokers: &[&Container]) -> Option<Cause> {
    let (listener, other) = wrong(stack, broker, brokers)?;
    let (label, address, name) = (broker.label(), listener.address(), &listener.name);
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
        help: mend(stack, broker, brokers, &listener),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, port, stack};

    /// What the first of two brokers is to change that advertise this, the second with its own name.
    fn told(advertised: &str, published: bool) -> Option<String> {
        let mut brokers = [container("kafka1", "apache/kafka:4.1.0"), container("kafka2", "apache/kafka:4.1.0")];
        for broker in &mut brokers {
            let own = advertised.replace("kafka1", &broker.service);
            broker.environment = vec![("KAFKA_ADVERTISED_LISTENERS".into(), own)];
        }
        brokers[0].ports = if published { vec![port(9092, 39092, "127.0.0.1")] } else { Vec::new() };
        let stack = stack(brokers);
        let all: Vec<_> = stack.containers.iter().collect();
        Some(to_localhost(&stack, all[0], &all)?.help)
    }

    #[test]
    fn what_the_host_uses_stays_as_it_is() {
        assert_eq!(told("PLAINTEXT://kafka1:9092", true), None);
        let own = "in KAFKA_ADVERTISED_LISTENERS of kafka1, advertise PLAINTEXT://kafka1:9092";
        assert_eq!(told("PLAINTEXT://localhost:9092,INNER://kafka1:29092", false).as_deref(), Some(own));
        let inner = "PLAINTEXT is published for clients on the host and can stay: in every broker of the cluster, set KAFKA_INTER_BROKER_LISTENER_NAME to INNER";
        let two = "PLAINTEXT://localhost:39092,INNER://kafka1:29092".replace("39092", "9092");
        assert_eq!(told(&two, true).as_deref(), Some(inner));
        let alone = told("PLAINTEXT://localhost:9092", true).unwrap();
        assert!(alone.contains("INTERNAL://kafka1:29092,EXTERNAL://localhost:39092"), "{alone}");
        // A listener for the outside is of no use to brokers, and stays too.
        let third = told("PLAINTEXT://localhost:9092,OUTSIDE://kafka.example.com:9094", true).unwrap();
        let whole = "PLAINTEXT://localhost:9092,OUTSIDE://kafka.example.com:9094,INTERNAL://kafka1:29092";
        assert!(third.contains(whole) && third.contains("set KAFKA_INTER_BROKER_LISTENER_NAME to INTERNAL"), "{third}");
    }
}
