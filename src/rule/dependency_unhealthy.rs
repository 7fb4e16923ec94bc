//! A container whose healthcheck fails, and those that wait for it.

use super::waiting::{self, is_unhealthy};
use super::{Cause, Facts, Failed, Rule};
use crate::stack::{Container, hide};
use crate::text;

/// A service is unhealthy; it also explains why those that wait for it were never started.
pub const RULE: Rule = Rule::new("dependency-unhealthy", explain).inspecting(inspect);

/// How much of what a healthcheck printed is repeated, in characters.
const SHOWN: usize = 300;

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let server = failed.server(facts)?;
    let culprit = waiting::culprit(facts, server);
    if culprit.id == server.id || !is_unhealthy(culprit) {
        return None;
    }
    let mut cause = cause(facts, culprit);
    cause.evidence.push(failed.evidence());
    Some(cause)
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.stack.containers.iter().filter(|container| is_unhealthy(container)).map(|at| cause(facts, at)).collect()
}

fn cause(facts: &Facts, container: &Container) -> Cause {
    let label = container.label();
    let so = waiting::so(facts, container);
    let secrets = facts.stack.secrets();
    let health = container.health.clone().unwrap_or_default();
    let said = text::line(&hide(&health.output, &secrets), SHOWN);
    let said = if said.trim().is_empty() { "said nothing".to_owned() } else { format!("said: {}", said.trim()) };
    let command = match container.healthcheck.split_first() {
        Some((kind, words)) if kind == "CMD-SHELL" => format!("sh -c '{}'", words.join(" ")),
        Some((_, words)) => words.join(" "),
        None => String::new(),
    };
    let command = text::line(&hide(&command, &secrets), SHOWN);
    Cause {
        subject: label.clone(),
        service: Some(container.service.clone()),
        message: format!("{label} is unhealthy{so}"),
        evidence: vec![format!(
            "its healthcheck has failed {} times in a row; the last time it {said}",
            health.failing
        )],
        help: if command.is_empty() {
            format!("see what its healthcheck asks, and the log of {}", container.service)
        } else {
            format!(
                "run its healthcheck by hand (docker compose exec {} {command}), and mend the service or, where that works, the check",
                container.service
            )
        },
    }
}
