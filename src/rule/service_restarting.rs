//! A container that restarts, or that has ended by itself with an error.

use std::net::{IpAddr, Ipv4Addr};

use super::{Cause, Facts, Failed, Rule, kafka_start, port_already_allocated, waiting};
use crate::observation::FailureKind as Kind;
use crate::stack::{Container, Status};
use crate::text;

/// The server of a failed connection is down because it crashes; told for every such container, used or not.
pub const RULE: Rule = Rule::new("service-restarting", explain).inspecting(inspect);

/// Where the engine's own resolver listens in every container.
const ENGINE_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Words in the line of a log that says what ended a process.
const ERRORS: &[&str] = &["Exception", "ERROR", "FATAL", "requirement failed", "error:"];

/// The exit codes of a process that was asked to stop: SIGINT, SIGKILL, SIGTERM.
const ASKED_TO_STOP: [i64; 3] = [130, 137, 143];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let container = waiting::culprit(facts, failed.server(facts)?);
    if failed.client(facts).is_some_and(|client| client.id == container.id) {
        return None;
    }
    let mut cause = cause(facts, container, is_between(facts, container, failed))?;
    cause.evidence.push(failed.evidence());
    Some(cause)
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    // Where its log says why, a rule before this one tells.
    let unexplained = facts.stack.containers.iter().filter(|container| kafka_start::reason(facts, container).is_none());
    unexplained.filter_map(|container| cause(facts, container, false)).collect()
}

/// Whether a container came up again between two crashes: it refuses connections for a while, since nothing in it listens
/// yet.
#[must_use]
pub fn is_between(facts: &Facts, container: &Container, failed: &Failed) -> bool {
    container.is_running()
        && container.restarts > 0
        && failed.is(&[Kind::Refused, Kind::Closed, Kind::Reset])
        && facts.listening(container).is_some_and(|listeners| !listeners.iter().any(|l| l.address != ENGINE_DNS))
}

/// Whether the container crashes.
#[must_use]
pub fn crashes(container: &Container) -> bool {
    let state = &container.state;
    match state.status {
        Status::Restarting | Status::Dead => true,
        Status::Exited => state.exit_code != 0 && (state.out_of_memory || !ASKED_TO_STOP.contains(&state.exit_code)),
        _ => false,
    }
}

fn cause(facts: &Facts, container: &Container, between: bool) -> Option<Cause> {
    // Whoever was killed for memory, or could not get its port, has a rule that says more.
    if !between
        && (!crashes(container) || container.state.out_of_memory || port_already_allocated::lacks_port(container))
    {
        return None;
    }
    let (label, state) = (container.label(), &container.state);
    let what = match state.status {
        Status::Restarting | Status::Running => "keeps restarting",
        _ => "has ended with an error",
    };
    let meaning = match state.exit_code {
        125 | 126 => " (its command cannot be executed)",
        127 => " (its command was not found)",
        134 | 139 => " (it crashed)",
        137 => " (killed)",
        _ => "",
    };
    // The engine keeps no exit code of a container that it has started again.
    let code = if state.exit_code == 0 { String::new() } else { format!("exit code {}{meaning}, ", state.exit_code) };
    let mut evidence = vec![format!("{label}: {code}{}", times(container.restarts))];
    if !state.error.is_empty() {
        evidence.push(format!("the engine says: {}", text::line(&state.error, 300)));
    }
    if let Some(line) = facts.logged(container, ERRORS) {
        evidence.push(format!("{label}'s log: {}", text::line(line, 300)));
    }
    Some(Cause {
        subject: label.clone(),
        service: Some(container.service.clone()),
        message: format!("{label} {what}{meaning}{}", waiting::so(facts, container)),
        evidence,
        help: format!("its log says why: docker compose logs --tail 50 {}", container.service),
    })
}

fn times(count: u64) -> String {
    match count {
        0 => "not restarted".into(),
        1 => "restarted once".into(),
        _ => format!("restarted {count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, stack};
    use crate::observation::Fact;

    #[test]
    fn the_last_error_of_the_log_is_quoted() {
        let evidence = |lines: &[&str]| {
            let mut app = container("app", "app:1");
            (app.state.status, app.state.exit_code) = (Status::Exited, 1);
            let log = Fact::Present(lines.iter().map(|&line| line.to_owned()).collect());
            let logs = [(app.id.clone(), log)].into();
            let facts = Facts { stack: stack([app]), logs, ..Facts::default() };
            inspect(&facts).pop().unwrap().evidence
        };
        let long = format!("ERROR {}", "x".repeat(1000));
        let quoted = evidence(&["FATAL first", "fatal error: second", "bye"]);
        assert_eq!(quoted[1..], ["app's log: fatal error: second".to_owned()]);
        assert!(evidence(&[&long])[1].len() < 400);
        assert_eq!(evidence(&["bye"]).len(), 1);
    }
}
