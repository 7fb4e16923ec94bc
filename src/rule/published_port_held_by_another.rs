//! The host port answers, but not for the container that asked for it.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, Rule, port_already_allocated};
use crate::observation::FailureKind as Kind;
use crate::stack::{Container, PublishedPort};
use crate::text;

/// A check of a published port reached somebody else.
pub const RULE: Rule = Rule::new("published-port-held-by-another", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let published = failed.seen.check.published.as_ref()?;
    if failed.redirect.is_some() || !failed.is(&[Kind::WrongIdentity]) {
        return None;
    }
    // That the engine could not start it for want of a port is one cause with what its other clients see.
    if facts.stack.by_id(&published.container).is_some_and(port_already_allocated::lacks_port) {
        return None;
    }
    let port = failed.port();
    let wanted = facts.stack.by_id(&published.container).map_or(&[][..], |container| &container.wanted_ports);
    let address = wanted.iter().find(|wanted| wanted.host_port == Some(port)).map(|wanted| wanted.host_address);
    let owner = holder(facts, (address, port), &published.container).unwrap_or_else(|| "a process on the host".into());
    let mut evidence = vec![failed.evidence()];
    let error = &facts.stack.by_id(&published.container)?.state.error;
    if !error.is_empty() {
        evidence.push(format!("the engine says of {}: {}", published.service, text::line(error, 300)));
    }
    Some(Cause {
        subject: format!("{}:{}", published.service, published.container_port),
        service: Some(published.service.clone()),
        message: format!("host port {port} answers, but it is {owner}, not {}", published.service),
        evidence,
        help: format!(
            "stop {owner}, or publish {}'s port {} on another host port",
            published.service, published.container_port
        ),
    })
}

/// The container that has a port of the host, of another project or of this one; `None` where no container has it. The
/// same port of another address of the host is another port.
#[must_use]
pub fn holder(facts: &Facts, (address, port): (Option<IpAddr>, u16), not: &str) -> Option<String> {
    let same = |bound: &PublishedPort| {
        let theirs = bound.host_address;
        bound.host_port == Some(port)
            && address.is_none_or(|ours| ours == theirs || ours.is_unspecified() || theirs.is_unspecified())
    };
    let stranger = facts.stack.strangers.iter().find(|stranger| same(&stranger.port));
    if let Some(stranger) = stranger {
        return Some(match &stranger.project {
            Some(project) => format!("container {} of project {project}", stranger.container),
            None => format!("container {}", stranger.container),
        });
    }
    let holds = |container: &&Container| container.id != not && container.ports.iter().any(same);
    facts.stack.containers.iter().find(holds).map(Container::label)
}
