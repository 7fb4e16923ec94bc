//! Whose failure it is that a container was never started: Compose starts nobody whose dependencies fail.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Facts, port_already_allocated, service_restarting};
use crate::stack::{Container, Dependency, Status};
use crate::text;

/// How far apart containers may be made by one `docker compose up`, which makes them all before it starts one.
const TOGETHER: SignedDuration = SignedDuration::from_mins(1);

/// The container whose own failure is why another was never started: one that this waits for, perhaps by way of others, or the
/// only one with which `docker compose up` ended before its time; where there is none such, the container itself.
#[must_use]
pub fn culprit<'a>(facts: &'a Facts, container: &'a Container) -> &'a Container {
    waited_for(facts, container).or_else(|| ended_with(facts, container)).unwrap_or(container)
}

/// The container whose failure keeps another from being started that waits for it, perhaps by way of others.
fn waited_for<'a>(facts: &'a Facts, container: &'a Container) -> Option<&'a Container> {
    let (mut known, mut ahead) = (BTreeSet::new(), vec![container]);
    while let Some(waiting) = ahead.pop() {
        if !waits(waiting) || !known.insert(&waiting.id) {
            continue;
        }
        for dependency in &waiting.depends_on {
            for other in facts.stack.of_service(&dependency.service) {
                if keeps(dependency, other) {
                    return Some(other);
                }
                ahead.push(other);
            }
        }
    }
    None
}

/// The one container that failed, where another was made together with it and never started although nothing that it waits
/// for is missing: `docker compose up` starts nobody any more once one has failed.
fn ended_with<'a>(facts: &'a Facts, container: &Container) -> Option<&'a Container> {
    let stack = &facts.stack;
    let is_there = |dependency: &Dependency| {
        let mut all = stack.of_service(&dependency.service).peekable();
        all.peek().is_some() && all.all(|other| waits(other) || has_come(dependency, other))
    };
    if !waits(container) || !container.depends_on.iter().all(is_there) {
        return None;
    }
    let waited: BTreeSet<_> =
        stack.containers.iter().filter_map(|other| waited_for(facts, other)).map(|failed| &failed.id).collect();
    let mut failed = stack.containers.iter().filter(|other| is_unstartable(other) || waited.contains(&other.id));
    let only = failed.next().filter(|_| failed.next().is_none())?;
    let made = |container: &Container| container.created.parse::<Timestamp>().ok();
    (made(only)?.duration_since(made(container)?).abs() <= TOGETHER).then_some(only)
}

/// What follows from a container's failure for those that were not started for it, as the end of a sentence; empty where
/// there is nobody such.
#[must_use]
pub fn so(facts: &Facts, container: &Container) -> String {
    let held = |other: &&Container| other.id != container.id && culprit(facts, other).id == container.id;
    let (waiting, others): (Vec<_>, Vec<_>) =
        facts.stack.containers.iter().filter(held).partition(|other| waited_for(facts, other).is_some());
    let labels = |all: Vec<&Container>| {
        let labels: BTreeSet<_> = all.into_iter().map(Container::label).collect();
        labels.into_iter().collect::<Vec<_>>()
    };
    let so = match labels(waiting).as_slice() {
        [] => String::new(),
        [one] => format!(", so {one}, which waits for it, was never started"),
        several => format!(", so {}, which wait for it, were never started", text::list(several)),
    };
    match labels(others).as_slice() {
        [] => so,
        [one] => format!("{so}; {one} was never started either"),
        several => format!("{so}; {} were never started either", text::list(several)),
    }
}

/// Whether a running container's healthcheck fails.
#[must_use]
pub fn is_unhealthy(container: &Container) -> bool {
    container.is_running() && container.health.as_ref().is_some_and(|health| health.status == "unhealthy")
}

/// Whether nobody has started a container, and not because the engine could not.
fn waits(container: &Container) -> bool {
    container.state.status == Status::Created && container.state.error.is_empty()
}

/// Whether the engine could not start a container.
fn is_unstartable(container: &Container) -> bool {
    let state = &container.state;
    (state.status == Status::Created && !state.error.is_empty()) || port_already_allocated::lacks_port(container)
}

/// Whether a container fails in the way that keeps those from being started that depend on it so.
fn keeps(dependency: &Dependency, container: &Container) -> bool {
    let state = &container.state;
    let crashed = (state.out_of_memory && !container.is_running()) || service_restarting::crashes(container);
    is_unstartable(container)
        || match dependency.condition.as_str() {
            "service_healthy" => crashed || is_unhealthy(container),
            "service_completed_successfully" => crashed || (state.status == Status::Exited && state.exit_code != 0),
            _ => false,
        }
}

/// Whether a container is what those wait for that depend on it so.
fn has_come(dependency: &Dependency, container: &Container) -> bool {
    match dependency.condition.as_str() {
        "service_healthy" => {
            container.is_running() && container.health.as_ref().is_some_and(|health| health.status == "healthy")
        }
        "service_completed_successfully" => container.state.status == Status::Exited && container.state.exit_code == 0,
        _ => container.is_running(),
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
