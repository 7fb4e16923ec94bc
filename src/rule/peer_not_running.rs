//! The server is there, but nobody has started it, or somebody has stopped it.

use super::{Cause, Facts, Failed, Rule, waiting};
use crate::stack::Status;
use crate::text;

/// A connection fails because its server does not run.
pub const RULE: Rule = Rule::new("peer-not-running", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let container = waiting::culprit(facts, failed.server(facts)?);
    let state = &container.state;
    let (what, mend) = match state.status {
        Status::Running | Status::Restarting => return None,
        Status::Created if !state.error.is_empty() => ("could not be started".to_owned(), "up -d"),
        Status::Created => ("was never started".to_owned(), "start"),
        Status::Paused => ("is paused".into(), "unpause"),
        Status::Exited => (format!("is stopped (exit code {})", state.exit_code), "start"),
        Status::Removing | Status::Dead => ("is being removed".into(), "up -d"),
    };
    let label = container.label();
    let mut evidence = vec![failed.evidence()];
    if !state.error.is_empty() {
        evidence.push(format!("the engine says: {}", text::line(&state.error, 300)));
    }
    let first = if state.error.is_empty() { "" } else { "mend what the engine says, then " };
    let dependency = if state.status == Status::Created && state.error.is_empty() {
        "; if it waits for another service (depends_on), that one comes first"
    } else {
        ""
    };
    Some(Cause {
        subject: label.clone(),
        service: Some(container.service.clone()),
        message: format!("{label} {what}{}", waiting::so(facts, container)),
        evidence,
        help: format!("{first}docker compose {mend} {}{dependency}", container.service),
    })
}
