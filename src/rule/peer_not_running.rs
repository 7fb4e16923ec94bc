//! The server is there, but nobody has started it, or somebody has stopped it.

use super::service_out_of_memory::size;
use super::{Cause, Facts, Failed, Rule, waiting};
use crate::stack::{Container, Status};
use crate::text;

/// The exit code of a process that SIGKILL ended: 128 and the signal's number.
const KILLED: i64 = 137;

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
        help: format!("{first}docker compose {mend} {}{dependency}{}", container.service, killed(container)),
    })
}

/// Who may have killed a container that was killed: a want of memory is among them, since the engine does not note every one.
fn killed(container: &Container) -> String {
    if container.state.status != Status::Exited || container.state.exit_code != KILLED {
        return String::new();
    }
    let limit =
        size(container.limits.memory).map(|limit| format!(" (its memory limit is {limit})")).unwrap_or_default();
    format!(
        "; {KILLED} is the code of a kill: by hand, by a stop that took too long, or for want of memory, which the engine does not always note{limit}"
    )
}

#[cfg(test)]
mod tests {
    use crate::derive::testing::{container, stack};
    use crate::observation::FailureKind;
    use crate::rule::{Facts, testing};
    use crate::stack::Status;

    /// What is advised for a cache that ended with this code under a limit of so many bytes.
    fn advised(exit_code: i64, memory: i64) -> String {
        let (app, mut cache) = (container("app", "app:1"), container("cache", "redis:7"));
        (cache.state.status, cache.state.exit_code, cache.limits.memory) = (Status::Exited, exit_code, memory);
        let seen = testing::failing(crate::derive::vantage(&app), "cache", 6379, &[], FailureKind::NameNotFound);
        let (rule, cause) = testing::told(&Facts { stack: stack([app, cache]), ..Facts::default() }, &seen);
        assert_eq!(rule, "peer-not-running");
        cause.help
    }

    #[test]
    fn a_kill_may_have_been_for_memory() {
        assert_eq!(advised(143, 24 << 20), "docker compose start cache");
        assert!(advised(137, 24 << 20).ends_with("does not always note (its memory limit is 24 MiB)"));
        assert!(advised(137, 0).ends_with("does not always note"));
    }
}
