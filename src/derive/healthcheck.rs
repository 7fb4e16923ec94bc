//! Connections that stand in the healthcheck of containers: those to other services, which a container asks whether it lives.

use super::Connection;
use super::command;
use super::hosts::{self, Place};
use crate::plan::OriginKind;
use crate::stack::{Container, Stack};

/// Every connection that healthchecks ask for, in the order of containers and words. A server that asks itself asks nobody.
#[must_use]
pub fn derive(stack: &Stack) -> Vec<Connection> {
    let containers = stack.containers.iter().filter(|container| !super::is_one_off(container));
    containers.flat_map(|container| of_container(stack, container)).collect()
}

fn of_container(stack: &Stack, container: &Container) -> Vec<Connection> {
    let kind = OriginKind::Healthcheck;
    let mut found = match container.healthcheck.split_first() {
        Some((how, [script, ..])) if how == "CMD-SHELL" => command::of_script(stack, container, script, kind),
        Some((how, words)) if how == "CMD" => command::of_words(stack, container, words, kind),
        _ => Vec::new(),
    };
    found
        .retain(|connection| !matches!(hosts::place(stack, Some(container), &connection.target.host), Place::Loopback));
    found
}

#[cfg(test)]
#[path = "healthcheck_tests.rs"]
mod tests;
