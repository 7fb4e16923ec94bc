//! The server runs and listens, but only on some of its container's addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Cause, Facts, Failed, Need, Rule, Verdict, kafka_listeners};
use crate::observation::{Depth, FailureKind as Kind};
use crate::stack::{Container, Stack};
use crate::text;

/// A connection fails because the server is bound to another address of its container than the one that is tried.
pub const RULE: Rule = Rule::new("listens-on-one-network-only", explain).needing(&[Need::Listeners]);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::Refused, Kind::Reset, Kind::Closed]) {
        return None;
    }
    let container = failed.server(facts)?;
    let port = failed.server_port(facts);
    let published = failed.redirect.is_none() && failed.seen.check.published.is_some();
    if failed.is_loopback() && !published {
        return None;
    }
    let bound: BTreeSet<IpAddr> = facts
        .listening(container)?
        .iter()
        .filter(|listener| listener.port == port)
        .map(|listener| listener.address.to_canonical())
        .collect();
    // All addresses, or the loopback alone, are other matters.
    if bound.iter().any(IpAddr::is_unspecified) || bound.iter().all(IpAddr::is_loopback) {
        return None;
    }
    let owner = facts.stack.namespace_owner(container);
    let tried: Vec<IpAddr> = if published {
        // Which of its networks the engine sends a published port to is not said: any that leads out may be the one.
        owner
            .attachments
            .iter()
            .filter(|at| leads_out(&facts.stack, &at.network))
            .flat_map(|at| at.addresses.clone())
            .collect()
    } else {
        failed.addresses().iter().filter(|&&address| owner.addresses().any(|own| own == address)).copied().collect()
    };
    let (heard, tried): (Vec<_>, Vec<_>) = tried.into_iter().partition(|address| bound.contains(address));
    // Where the server answers somebody at one of these addresses, the engine sends the port to another one.
    let elsewhere = || heard.iter().all(|address| answers(facts, *address, port));
    if tried.is_empty() || !(heard.is_empty() || (published && elsewhere())) {
        return None;
    }
    let label = container.label();
    let place = |address: &IpAddr| match network_of(&facts.stack, owner, *address) {
        Some(network) => format!("{address} ({network})"),
        None => address.to_string(),
    };
    let (here, there): (Vec<_>, Vec<_>) = (bound.iter().map(place).collect(), tried.iter().map(place).collect());
    Some(Cause {
        subject: format!("{label}:{port}"),
        service: Some(container.service.clone()),
        message: format!(
            "{label} listens on port {port} of {} only, so it is not reached at {}",
            text::list(&here),
            text::list(&there)
        ),
        evidence: vec![format!("in {label}, port {port} is bound to {}", text::list(&here)), failed.evidence()],
        help: match kafka_listeners::on_all_addresses(container, port) {
            Some(written) => format!("let {label} listen on all its addresses, in {written}"),
            None => format!(
                "let the server in {label} listen on all its addresses: 0.0.0.0 (or ::), and not on a name that is one of them"
            ),
        },
    })
}

/// Whether a check found a server at this very address and port that answers.
fn answers(facts: &Facts, address: IpAddr, port: u16) -> bool {
    facts.checks.iter().filter(|seen| seen.verdict == Verdict::Pass && seen.check.target.port == port).any(|seen| {
        let observation = seen.observation.as_ref();
        observation.is_some_and(|seen| seen.connected == Some(address) && seen.depth >= Depth::Answered)
    })
}

fn leads_out(stack: &Stack, network: &str) -> bool {
    !stack.network(network).is_some_and(|network| network.internal)
}

/// The network, as the compose file calls it, on which a container has an address.
fn network_of(stack: &Stack, container: &Container, address: IpAddr) -> Option<String> {
    let at = container.attachments.iter().find(|at| at.addresses.contains(&address))?;
    let key = stack.network(&at.network).and_then(|network| network.key.clone());
    Some(key.unwrap_or_else(|| at.network.clone()))
}

#[cfg(test)]
#[path = "listens_on_one_network_only_tests.rs"]
mod tests;
