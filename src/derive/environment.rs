//! Connections that stand in the environment of containers.

use super::Connection;
use super::embedded;
use super::setting::{self, Setting, Stated};
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
    let settings = all.iter().map(|(name, value)| Setting { name, value, location: None });
    let kind = OriginKind::Environment;
    let mut found = setting::derive(stack, container, &settings.collect::<Vec<_>>(), &Environment::new(all), kind);
    for (variable, value) in all {
        let embedded = embedded::of_variable(variable, value);
        if embedded.is_empty() {
            continue;
        }
        let titles: Vec<_> = embedded.iter().map(|setting| format!("{variable} {}", setting.written)).collect();
        let embedded: Vec<_> = embedded.into_iter().map(|setting| (setting.name, setting.value)).collect();
        let settings = embedded.iter().zip(&titles).map(|((name, value), title)| Stated {
            setting: Setting { name, value, location: None },
            title,
            certain: false,
            read_as: None,
            given_by: &[],
        });
        let beside = [embedded.as_slice(), all.as_slice()].concat();
        let settings: Vec<_> = settings.collect();
        found.extend(setting::stated(stack, container, &settings, &Environment::new(&beside), kind));
    }
    found
}

#[cfg(test)]
mod beside;
#[cfg(test)]
mod brokers;
#[cfg(test)]
mod names;
#[cfg(test)]
mod particulars;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod tests;
