//! The port that the broker advertises for the host is not the one that is published.

use super::{Cause, Facts, Failed, Rule, kafka_listeners};
use crate::target::host_and_port;

/// A redirect to localhost, seen from the host, to a port that nobody publishes, or for another of its own ports.
pub const RULE: Rule = Rule::new("kafka-advertised-port-not-published", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    if !failed.seen.check.from.is_machine() || !failed.is_loopback() {
        return None;
    }
    let broker = failed.first_server(facts)?;
    let inner = failed.seen.check.published.as_ref()?.container_port;
    let used = failed.seen.check.target.port;
    // Which of the broker's listeners sends there; the one that was asked, where its settings do not tell.
    let settings = kafka_listeners::settings(broker);
    let asked = settings
        .advertised
        .iter()
        .find(|l| l.port == redirect.port && l.host == redirect.host)
        .map_or(inner, |l| l.bound);
    if broker.ports.iter().any(|port| port.host_port == Some(redirect.port) && port.container_port == asked) {
        return None;
    }
    // Another container's port, whether or not that one runs: what is wrong there is not this broker's to mend.
    if failed.server(facts).is_some_and(|other| other.id != broker.id) {
        return None;
    }
    let (service, advertised) = (&broker.service, redirect.address());
    Some(Cause {
        subject: format!("{service} {advertised}"),
        service: Some(service.clone()),
        message: format!(
            "{service} sends clients on the host to {advertised}, but its port {asked} is published as {used}"
        ),
        evidence: vec![failed.evidence()],
        help: format!(
            "make the two one number: advertise {} in {}, or publish \"{}:{asked}\"",
            host_and_port(&redirect.host, used),
            settings.variable,
            redirect.port
        ),
    })
}
