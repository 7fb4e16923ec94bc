//! Connections that stand in the environment of containers.

use super::Connection;
use super::setting::{self, Setting};
use super::variable::Environment;
use crate::plan::OriginKind;
use crate::stack::{Container, Stack};

/// Every connection that the environment of the stack's containers asks for, in the order of containers and variables.
///
/// Containers that do not run are asked too: whether they can be looked from is the plan's question.
#[must_use]
pub fn derive(stack: &Stack) -> Vec<Connection> {
    stack
        .containers
        .iter()
        .filter(|container| !super::is_one_off(container))
        .flat_map(|at| of_container(stack, at))
        .collect()
}

fn of_container(stack: &Stack, container: &Container) -> Vec<Connection> {
    let settings = container.environment.iter().map(|(name, value)| Setting { name, value, location: None });
    let beside = Environment::new(&container.environment);
    setting::derive(stack, container, &settings.collect::<Vec<_>>(), &beside, OriginKind::Environment)
}

#[cfg(test)]
mod beside;
#[cfg(test)]
mod tests;
