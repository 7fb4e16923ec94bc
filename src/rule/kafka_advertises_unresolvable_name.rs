//! The broker sends its client to a name that the client cannot resolve.

use super::kafka_listeners::{self, Advertised};
use super::{Cause, Facts, Failed, Rule, kafka_additions, kafka_brokers};
use crate::observation::{FailureKind as Kind, Redirect};
use crate::stack::Container;
use crate::target::host_and_port;

/// A redirect whose host has no address where the client is.
pub const RULE: Rule = Rule::new("kafka-advertises-unresolvable-name", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    if !failed.is(&[Kind::NameNotFound, Kind::ResolverFailed]) {
        return None;
    }
    let broker = kafka_listeners::advertiser(&facts.stack, redirect).or_else(|| failed.first_server(facts));
    let service = broker.map_or_else(|| failed.seen.check.target.host.clone(), |broker| broker.service.clone());
    let on_host = failed.seen.check.from.is_machine();
    let whom = if on_host { format!("the {}", failed.seen.check.from) } else { failed.seen.check.from.identity() };
    let named = facts.stack.named(&redirect.host);
    let engine = redirect.host.ends_with(".docker.internal");
    let why = match (on_host, named.first()) {
        _ if engine => "a name that exists only where it is asked for",
        (true, Some(_)) => "a name of the containers' network, which the host does not know",
        (false, Some(_)) => "a service on a network that the client is not on",
        (_, None) => "a name that nobody here has",
    };
    let mend = match broker {
        _ if engine && !on_host => format!("give {whom} `extra_hosts: [\"{}:host-gateway\"]`", redirect.host),
        Some(broker) if on_host => for_machine(facts, broker, redirect),
        _ => for_container(facts, failed, &service).unwrap_or_else(|| {
            let used = uses(facts, redirect, None);
            let keep = if used { format!("keep {}, which others use: ", redirect.address()) } else { String::new() };
            let what = if used { "on another listener a name" } else { "a name" };
            format!("{keep}let {service} advertise {what} that {whom} can resolve")
        }),
    };
    Some(Cause {
        subject: format!("{service} {}{}", redirect.address(), if on_host { " on the host" } else { "" }),
        service: Some(service.clone()),
        message: format!(
            "{service} sends {} to {}: {why}",
            if on_host { "clients on the host" } else { &whom },
            redirect.address()
        ),
        evidence: vec![failed.evidence()],
        help: mend,
    })
}

/// What to change for clients on the host, so that whoever uses the listener in the network keeps it.
fn for_machine(facts: &Facts, broker: &Container, redirect: &Redirect) -> String {
    let settings = kafka_listeners::settings(broker);
    let same = |it: &&Advertised| it.port == redirect.port && it.host.eq_ignore_ascii_case(&redirect.host);
    let Some(listener) = settings.advertised.iter().find(same) else { return kafka_listeners::mend(broker) };
    let published = kafka_listeners::published_at(broker, listener);
    let used = !facts.stack.named(&redirect.host).is_empty() || uses(facts, redirect, None);
    // Where clients in the network have another listener, and nobody there uses this one, it is the host's.
    let another = settings.advertised.iter().any(|it| it != listener && !facts.stack.named(&it.host).is_empty());
    let spare = another
        && kafka_listeners::between_brokers(broker).is_none_or(|between| between != *listener)
        && !uses(facts, redirect, Some((broker, listener.bound)));
    match published {
        Some(port) if spare => format!(
            "in {} of {}, let {} advertise {}: no container is known to use it",
            settings.variable,
            broker.service,
            listener.name,
            host_and_port("localhost", port)
        ),
        _ if used => {
            let (text, added) = kafka_additions::adding(broker, "EXTERNAL", "localhost", published, &listener.name);
            let instead =
                published.map(|port| format!(" instead of \"{port}:{}\"", listener.bound)).unwrap_or_default();
            format!(
                "{text}\nand publish \"{}:{}\"{instead}; containers keep {}",
                added.port,
                added.bound,
                listener.address()
            )
        }
        _ => kafka_listeners::mend(broker),
    }
}

/// What to change for a container that does not know the name of another one: the broker advertises to others, too.
fn for_container(facts: &Facts, failed: &Failed, service: &str) -> Option<String> {
    let (stack, host) = (&facts.stack, failed.host());
    let client = failed.client(facts).map(|client| stack.namespace_owner(client))?;
    let owner = stack.namespace_owner(stack.named(host).first().copied()?);
    if client.attachments.is_empty() || owner.attachments.is_empty() {
        return None;
    }
    let key = |name: &str| stack.network(name).and_then(|it| it.key.clone()).unwrap_or_else(|| name.to_owned());
    let from = failed.seen.check.from.identity();
    let shared = owner.attachments.iter().find(|at| client.network_names().any(|name| name == at.network));
    let stays = format!("what {service} advertises can stay");
    Some(match shared {
        // Then it is not for want of the name that it was not found.
        Some(at) if at.names.iter().any(|known| known.eq_ignore_ascii_case(host)) => return None,
        Some(at) => {
            let network = key(&at.network);
            format!("give {} the alias {host} on the network {network}; {stays}", owner.service)
        }
        None => {
            let network = key(&owner.attachments[0].network);
            format!("attach {from} to the network {network}, where {host} is known; {stays}")
        }
    })
}

/// Whether somebody in a container was sent to the same address and reached it, or asks the listener itself.
fn uses(facts: &Facts, redirect: &Redirect, listener: Option<(&Container, u16)>) -> bool {
    facts.checks.iter().filter(|seen| !seen.check.from.is_machine()).any(|seen| {
        let place = seen.check.place(&facts.stack);
        let asks = listener.is_some_and(|(broker, port)| place == (broker.id.clone(), port));
        let mut redirects = seen.observation.iter().flat_map(|observation| &observation.redirects);
        let same = |it: &Redirect| it.port == redirect.port && it.host.eq_ignore_ascii_case(&redirect.host);
        asks || redirects.any(|it| same(it) && kafka_brokers::is_reached(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, pairs, port, stack};
    use crate::observation::Observation;
    use crate::rule::Seen;
    use crate::target::Protocol;

    fn told(environment: &[(&str, &str)], ports: &[(u16, u16)], client: Option<u16>) -> String {
        let mut kafka = container("kafka", "apache/kafka:4.1.0");
        kafka.environment = pairs(environment);
        kafka.ports = ports.iter().map(|(inner, outer)| port(*inner, *outer, "127.0.0.1")).collect();
        let app = container("app", "app:1");
        let check = |port| testing::check(crate::derive::vantage(&app), Protocol::Kafka, "kafka", port);
        let checks = client.map(|port| Seen::of(check(port))).into_iter().collect();
        let facts = Facts { stack: stack([app, kafka]), checks, ..Facts::default() };
        let redirect = Redirect {
            name: "broker 1".into(),
            id: Some(1),
            host: "kafka".into(),
            port: 9092,
            observation: Observation::default(),
        };
        for_machine(&facts, &facts.stack.containers[1], &redirect)
    }

    const ONE: (&str, &str) = ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092");
    const TWO: (&str, &str) = ("KAFKA_ADVERTISED_LISTENERS", "OUTER://kafka:9092,INNER://kafka:19092");

    #[test]
    fn whoever_uses_the_listener_in_the_network_keeps_it() {
        let added = told(&[ONE], &[(9092, 39093)], None);
        let kept = "KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://kafka:9092,EXTERNAL://localhost:39093\n";
        assert!(added.contains(kept) && added.contains("KAFKA_LISTENERS: PLAINTEXT://:9092,"), "{added}");
        assert!(
            added.contains("publish \"39093:29092\" instead of \"39093:9092\"; containers keep kafka:9092"),
            "{added}"
        );
        let inner = ("KAFKA_INTER_BROKER_LISTENER_NAME", "INNER");
        let only = "in KAFKA_ADVERTISED_LISTENERS of kafka, let OUTER advertise localhost:39093: no container is known to use it";
        assert_eq!(told(&[TWO, inner], &[(9092, 39093)], None), only);
        assert_eq!(told(&[TWO, inner], &[(9092, 39093)], Some(19092)), only);
        let outer = ("KAFKA_INTER_BROKER_LISTENER_NAME", "OUTER");
        for used in [told(&[TWO, inner], &[(9092, 39093)], Some(9092)), told(&[TWO, outer], &[(9092, 39093)], None)] {
            let kept = "OUTER://kafka:9092,INNER://kafka:19092,EXTERNAL://localhost:39093";
            assert!(used.contains(kept), "{used}");
        }
        let unpublished = told(&[ONE], &[], None);
        assert!(unpublished.contains("and publish \"29092:29092\"; containers keep kafka:9092"), "{unpublished}");
    }
}
