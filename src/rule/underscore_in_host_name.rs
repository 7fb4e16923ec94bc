//! A server refuses the name it is called by, because of an underscore.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::{FailureKind as Kind, HttpPeer, Peer};

/// The answer is 400, and another one to the same request with hyphens instead.
pub const RULE: Rule = Rule::new("underscore-in-host-name", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let Some(Peer::Http(HttpPeer { status: 400, without_underscore: Some(other), .. })) =
        failed.observation().and_then(|seen| seen.peer.as_ref())
    else {
        return None;
    };
    if !failed.is(&[Kind::HttpStatus]) || *other == 400 {
        return None;
    }
    let (from, host) = (failed.seen.check.from.identity(), failed.host());
    let server = failed.server(facts).map_or_else(|| host.to_owned(), |server| server.service.clone());
    let renamed = host.replace('_', "-");
    Some(Cause {
        subject: format!("{from} -> {host}"),
        service: Some(server.clone()),
        message: format!("{server} refuses requests for {host}: an underscore is not allowed in the name of a host"),
        evidence: vec![
            format!("status 400 to `Host: {host}`, {other} to the same request with `Host: {renamed}`"),
            failed.evidence(),
        ],
        help: format!(
            "give {server} an alias without it (`networks: {{default: {{aliases: [{renamed}]}}}}`) and in {from} set {}",
            failed.correction(&renamed, failed.port())
        ),
    })
}
