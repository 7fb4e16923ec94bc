//! Redis' protected mode: without a password it serves its own machine alone.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;

/// Redis answers DENIED.
pub const RULE: Rule = Rule::new("redis-protected-mode", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::ProtectedMode]) {
        return None;
    }
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    Some(Cause {
        subject: name.clone(),
        service: server.map(|server| server.service.clone()),
        message: format!("{name} is in protected mode: it refuses everyone outside its own container"),
        evidence: vec![failed.evidence()],
        help: format!(
            "give {name} a password (`requirepass`) and its clients the same, or, where only this network reaches it, `protected-mode no`"
        ),
    })
}
