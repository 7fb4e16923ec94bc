//! Connections that stand in configuration files mounted into containers.
//!
//! Which files there are and which of their keys hold addresses is data (`files` in `checks/technologies/`). `format.rs` takes
//! a text apart; `application.rs`, `prometheus.rs` and `collector.rs` know what takes more than a list of keys.

mod application;
mod caddy;
mod collector;
pub mod entry;
pub mod format;
mod haproxy;
pub(super) mod hcl;
mod javascript;
mod lines;
pub mod listens;
mod logstash;
mod mounted;
mod nginx;
pub mod placeholders;
mod prometheus;
mod scan;
mod script;
mod stated;
mod toml;
mod tree;
mod values;
mod xml;

use std::path::Path;

pub use self::mounted::{MountedFile, Naming, Source};
pub use self::prometheus::of_job;
use super::hosts::{self, Place};
use super::{Connection, is_one_off};
use crate::catalog::{Format, Reader};
use crate::stack::{Container, Stack};

/// Every connection that mounted files ask for, in the order of containers and files. `here` is the working folder, from
/// which files in it are named.
#[must_use]
pub fn derive(stack: &Stack, files: &[MountedFile], here: &Path) -> Vec<Connection> {
    let mut found = Vec::new();
    for container in stack.containers.iter().filter(|container| !is_one_off(container)) {
        let own: Vec<_> = files.iter().filter(|file| file.container == container.id).collect();
        let (application, others): (Vec<_>, Vec<_>) =
            own.iter().partition(|file| file.rule.reader == Some(Reader::Application));
        found.extend(application::derive(stack, container, &application, here));
        for file in others {
            if file.rule.format == Some(Format::Shell) {
                found.extend(script::derive(stack, container, file, here));
                continue;
            }
            let mut stated = stated::derive(stack, container, (file, &own), here);
            if file.rule.reader == Some(Reader::Unknown) {
                stated.retain(|connection| leads_to_a_service(stack, container, connection));
            }
            found.extend(stated);
            found.extend(prometheus::derive(stack, container, (file, &own), here));
        }
    }
    found
}

fn leads_to_a_service(stack: &Stack, container: &Container, connection: &Connection) -> bool {
    matches!(hosts::place(stack, Some(container), &connection.target.host), Place::Containers(_))
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
