//! A container whose healthcheck fails, and those that wait for it.

use std::collections::BTreeSet;

use super::{Cause, Facts, Failed, Rule};
use crate::stack::{Container, Status, hide};
use crate::text;

/// A service is unhealthy; it also explains why those that wait for it were never started.
pub const RULE: Rule = Rule::new("dependency-unhealthy", explain).inspecting(inspect);

/// How much of what a healthcheck printed is repeated, in characters.
const SHOWN: usize = 300;

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let mut cause = cause(facts, blocker(facts, failed.server(facts)?)?);
    cause.evidence.push(failed.evidence());
    Some(cause)
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.stack.containers.iter().filter(|container| is_unhealthy(container)).map(|at| cause(facts, at)).collect()
}

fn is_unhealthy(container: &Container) -> bool {
    container.is_running() && container.health.as_ref().is_some_and(|health| health.status == "unhealthy")
}

/// Whether nobody has started a container, and not because the engine could not.
fn waits(container: &Container) -> bool {
    container.state.status == Status::Created && container.state.error.is_empty()
}

/// The unhealthy container that a container waits for, perhaps by way of others that wait.
fn blocker<'a>(facts: &'a Facts, container: &'a Container) -> Option<&'a Container> {
    let (mut known, mut ahead) = (BTreeSet::new(), vec![container]);
    while let Some(waiting) = ahead.pop() {
        if !waits(waiting) || !known.insert(&waiting.id) {
            continue;
        }
        for dependency in &waiting.depends_on {
            for other in facts.stack.of_service(&dependency.service) {
                if dependency.condition == "service_healthy" && is_unhealthy(other) {
                    return Some(other);
                }
                ahead.push(other);
            }
        }
    }
    None
}

fn cause(facts: &Facts, container: &Container) -> Cause {
    let label = container.label();
    let waiting: BTreeSet<String> = facts
        .stack
        .containers
        .iter()
        .filter(|other| blocker(facts, other).is_some_and(|blocker| blocker.id == container.id))
        .map(Container::label)
        .collect();
    let waiting: Vec<_> = waiting.into_iter().collect();
    let so = match waiting.as_slice() {
        [] => String::new(),
        [one] => format!(", so {one}, which waits for it, was never started"),
        several => format!(", so {}, which wait for it, were never started", text::list(several)),
    };
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
