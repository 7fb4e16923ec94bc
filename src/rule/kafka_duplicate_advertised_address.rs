//! Two brokers advertise one address, so that clients find one of them in the other's place.

use super::kafka_start::{self, Reason};
use super::{Cause, Facts, Failed, Need, Rule, kafka_listeners};
use crate::observation::FailureKind as Kind;
use crate::stack::Container;

/// Another broker answers at an address that both of them advertise; or two listeners of one broker have the same port or
/// name, with which it does not start.
pub const RULE: Rule = Rule::new("kafka-duplicate-advertised-address", |facts, failed| {
    explain(facts, failed).or_else(|| kafka_start::explain(facts, failed, Reason::Duplicate, words))
})
.inspecting(|facts| kafka_start::inspect(facts, Reason::Duplicate, words))
.needing(&[Need::Logs]);

fn words(_: &Facts, container: &Container, line: Option<&str>) -> (String, String) {
    let what = if line.is_some_and(|line| line.contains("different name")) { "name" } else { "port" };
    let variable = kafka_listeners::variable(container, "LISTENERS");
    let message = format!("{} does not start: two of its listeners have the same {what}", container.label());
    (message, format!("give every listener in {variable} a {what} of its own, and advertise each by its own name"))
}

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    if !failed.is(&[Kind::WrongIdentity]) {
        return None;
    }
    let all = &failed.seen.observation.as_ref()?.redirects;
    let same: Vec<_> = all.iter().filter(|other| other.port == redirect.port && other.host == redirect.host).collect();
    let other = same.iter().find(|other| other.id != redirect.id)?;
    let address = redirect.address();
    // The one that does not answer there is the one to mend, where its settings tell which one it is.
    let id = redirect.id.map(|id| id.to_string());
    let mut wrong = facts.stack.containers.iter().filter(|container| {
        kafka_listeners::setting(container, "NODE_ID").map(str::to_owned) == id
            && kafka_listeners::settings(container)
                .advertised
                .iter()
                .any(|listener| listener.port == redirect.port && listener.host == redirect.host)
    });
    let broker = wrong.next().filter(|_| wrong.next().is_none());
    let who = broker.map_or_else(|| redirect.name.clone(), |broker| format!("{} ({})", broker.label(), redirect.name));
    let variable = broker.map_or("ADVERTISED_LISTENERS", |broker| kafka_listeners::settings(broker).variable);
    Some(Cause {
        subject: format!("{} and {} {address}", same.first()?.name, same.last()?.name),
        service: broker.or_else(|| failed.first_server(facts)).map(|container| container.service.clone()),
        message: format!(
            "{} and {} both advertise {address}: what is meant for one of them reaches the other",
            other.name, redirect.name
        ),
        evidence: vec![failed.evidence()],
        help: format!("let {who} advertise an address of its own in {variable}, on the host also a port of its own"),
    })
}
