//! The server refuses the client's credentials.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::target::Protocol;

/// A login with the client's own credentials was refused, or the client has none where some are wanted.
pub const RULE: Rule = Rule::new("authentication-failed", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::AuthenticationFailed, Kind::AuthenticationRequired]) {
        return None;
    }
    let from = failed.seen.check.from.identity();
    let server = failed.server(facts).map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    let required = failed.failure.kind == Kind::AuthenticationRequired;
    let message = if required {
        format!("{server} wants a password, and {from} has none")
    } else {
        format!("{server} refuses the credentials of {from}")
    };
    let help = if required {
        format!("give {from} the password of {server} (see {})", failed.origin())
    } else {
        let kept = match failed.seen.check.target.protocol {
            Protocol::Mysql | Protocol::Postgres => {
                "; a data volume keeps those it was first made with, whatever its variables say now"
            }
            _ => "",
        };
        format!("compare the user and password of {from} (see {}) with those of {server}{kept}", failed.origin())
    };
    Some(Cause {
        subject: format!("{from} -> {server}"),
        service: Some(from),
        message,
        evidence: vec![failed.evidence()],
        help,
    })
}
