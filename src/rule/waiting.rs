//! Whose failure it is that a container was never started: Compose starts nobody whose dependencies fail.

use std::collections::BTreeSet;

use super::{Facts, kafka_start, port_already_allocated, service_restarting};
use crate::stack::{Container, Dependency, Status};
use crate::text;

/// The container whose own failure keeps another from being started, perhaps by way of others that wait; where there is none
/// such, the container itself.
#[must_use]
pub fn culprit<'a>(facts: &'a Facts, container: &'a Container) -> &'a Container {
    let (mut known, mut ahead) = (BTreeSet::new(), vec![container]);
    while let Some(waiting) = ahead.pop() {
        if !waits(waiting) || !known.insert(&waiting.id) {
            continue;
        }
        for dependency in &waiting.depends_on {
            for other in facts.stack.of_service(&dependency.service) {
                // Where the log of a broker says why it does not start, rules of its own tell.
                if keeps(dependency, other) && kafka_start::reason(facts, other).is_none() {
                    return other;
                }
                ahead.push(other);
            }
        }
    }
    container
}

/// What follows from a container's failure for those that wait for it, as the end of a sentence; empty where nobody does.
#[must_use]
pub fn so(facts: &Facts, container: &Container) -> String {
    let held =
        |other: &&Container| waits(other) && culprit(facts, other).id == container.id && other.id != container.id;
    let waiting: BTreeSet<_> = facts.stack.containers.iter().filter(held).map(Container::label).collect();
    let waiting: Vec<_> = waiting.into_iter().collect();
    match waiting.as_slice() {
        [] => String::new(),
        [one] => format!(", so {one}, which waits for it, was never started"),
        several => format!(", so {}, which wait for it, were never started", text::list(several)),
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

/// Whether a container fails in the way that keeps those from being started that depend on it so.
fn keeps(dependency: &Dependency, container: &Container) -> bool {
    let state = &container.state;
    let unstartable =
        (state.status == Status::Created && !state.error.is_empty()) || port_already_allocated::lacks_port(container);
    let crashed = state.out_of_memory && !container.is_running() || service_restarting::crashes(container);
    unstartable
        || match dependency.condition.as_str() {
            "service_healthy" => crashed || is_unhealthy(container),
            "service_completed_successfully" => crashed || (state.status == Status::Exited && state.exit_code != 0),
            _ => false,
        }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
