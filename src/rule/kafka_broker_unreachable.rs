//! An advertised broker cannot be reached, for a reason that no other rule explains.

use super::{Cause, Facts, Failed, Rule};

/// Any redirect that fails; the count says how many of the brokers the client does reach.
pub const RULE: Rule = Rule::new("kafka-broker-unreachable", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    let all = &failed.seen.observation.as_ref()?.redirects;
    let reached =
        all.iter().filter(|other| other.observation.failure.is_none() && other.observation.unlooked.is_none()).count();
    let server = failed.server(facts);
    let service = server.or_else(|| failed.first_server(facts)).map(|container| container.service.clone());
    Some(Cause {
        subject: format!("{} {}", redirect.name, redirect.address()),
        service,
        message: format!(
            "{} is advertised as {} and cannot be used there: {}",
            redirect.name,
            redirect.address(),
            failed.failure.detail
        ),
        evidence: vec![format!("{}; {reached} of {} brokers reached", failed.evidence(), all.len())],
        help: if all.len() == 1 {
            format!(
                "look at what {service} advertises (ADVERTISED_LISTENERS) and at the port that it listens on",
                service = failed.seen.check.target.host
            )
        } else {
            format!(
                "what is sent to the partitions that {0} leads is lost or late: look at the listener, port and network of {0}",
                redirect.name
            )
        },
    })
}
