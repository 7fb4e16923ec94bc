//! Every connection that a server, or an account, may have is in use.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::target::Protocol;

/// MySQL's 1040, PostgreSQL's 53300, Redis' `max number of clients reached`, and their limits for one account.
pub const RULE: Rule = Rule::new("too-many-connections", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::TooManyConnections]) {
        return None;
    }
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), Container::label);
    let limit = match failed.seen.check.target.protocol {
        Protocol::Redis => "maxclients",
        _ => "max_connections",
    };
    Some(Cause {
        subject: name.clone(),
        service: server.map(|server| server.service.clone()),
        message: format!("{name} has no connection left: {}", failed.failure.detail),
        evidence: vec![failed.evidence()],
        help: format!(
            "add up the pools of all clients and their replicas, and make them smaller or {limit} of {name} larger; connections that nobody closes show in its list of clients"
        ),
    })
}
