//! Connections that stand in the environment of containers.

use super::Connection;
use super::embedded;
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
    let all = &container.environment;
    let mut found = of_settings(stack, container, all, None, all);
    for (variable, value) in all {
        let embedded = embedded::settings(value);
        if !embedded.is_empty() {
            let beside = [embedded.as_slice(), all.as_slice()].concat();
            found.extend(of_settings(stack, container, &embedded, Some(variable), &beside));
        }
    }
    found
}

fn of_settings(
    stack: &Stack,
    container: &Container,
    settings: &[(String, String)],
    within: Option<&str>,
    beside: &[(String, String)],
) -> Vec<Connection> {
    let settings = settings.iter().map(|(name, value)| Setting { name, value, within, location: None });
    let settings: Vec<_> = settings.collect();
    setting::derive(stack, container, &settings, &Environment::new(beside), OriginKind::Environment)
}

#[cfg(test)]
mod beside;
#[cfg(test)]
mod tests;
