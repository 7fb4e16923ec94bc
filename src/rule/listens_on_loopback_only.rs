//! The server runs and listens, but only on the loopback of its own container.

use super::{Cause, Facts, Failed, Need, Rule, kafka_listeners};
use crate::observation::{FailureKind as Kind, Listener};
use crate::text;

/// A connection fails because the server is bound to its own loopback.
pub const RULE: Rule = Rule::new("listens-on-loopback-only", explain).needing(&[Need::Listeners]);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::Refused, Kind::Reset, Kind::Closed])
        || (failed.is_loopback() && failed.seen.check.published.is_none())
    {
        return None;
    }
    let container = failed.server(facts)?;
    let port = failed.server_port(facts);
    let bound: Vec<&Listener> = facts.listening(container)?.iter().filter(|listener| listener.port == port).collect();
    if bound.is_empty() || !bound.iter().all(|listener| listener.address.is_loopback()) {
        return None;
    }
    let (label, addresses) = (container.label(), bound.iter().map(|l| l.address.to_string()).collect::<Vec<_>>());
    Some(Cause {
        subject: format!("{label}:{port}"),
        service: Some(container.service.clone()),
        message: format!(
            "{label} listens on port {port} of its own loopback only, so nobody outside its container reaches it"
        ),
        evidence: vec![format!("in {label}, port {port} is bound to {}", text::list(&addresses)), failed.evidence()],
        help: match kafka_listeners::on_all_addresses(container, port) {
            Some(written) => format!("let {label} listen on all its addresses, in {written}"),
            None => format!("let the server in {label} listen on 0.0.0.0 (or ::) instead of {}", addresses[0]),
        },
    })
}
