//! Scripts of a shell that a container's command runs, and that are mounted.

use std::path::Path;

use super::MountedFile;
use super::entry::Entry;
use crate::derive::{Connection, command, places};
use crate::plan::{Location, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Target, is_loopback};

/// What the programs in a script are told. Whom it asks in its own container is what it has started there.
#[must_use]
pub fn derive(stack: &Stack, container: &Container, file: &MountedFile, here: &Path) -> Vec<Connection> {
    if !is_of_a_shell(file) || chooses(&file.text) {
        return Vec::new();
    }
    let mut found = command::of_script(stack, container, &file.text, OriginKind::File);
    found.retain(|connection| !is_loopback(&connection.target.host));
    for connection in &mut found {
        connection.origin.name = file.title(&connection.origin.name);
        connection.origin.location = place(file, &connection.target, here);
    }
    found
}

/// Whether a shell reads it: other interpreters are named in the first line.
fn is_of_a_shell(file: &MountedFile) -> bool {
    match file.text.trim_start_matches('\u{feff}').lines().next().and_then(|line| line.strip_prefix("#!")) {
        Some(line) => line.split(['/', ' ']).any(command::is_shell),
        None => file.name().strip_suffix(".sh").is_some(),
    }
}

/// Whether it does one of several things, of which nobody can say here which.
fn chooses(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("case "))
}

/// Where an address, or else its host, first stands in what is no comment and no message.
fn place(file: &MountedFile, target: &Target, here: &Path) -> Option<Location> {
    let address = target.address();
    let stands = |shape: &str| {
        file.text.lines().zip(1..).find_map(|(line, number)| {
            let at = line.find(shape).filter(|&at| !places::is_said(&line[..at]))?;
            Some((number, line[..at].chars().count() + 1))
        })
    };
    let (place, value) = match stands(&address) {
        Some(place) => (place, address.as_str()),
        None => (stands(&target.host).unwrap_or((1, 1)), target.host.as_str()),
    };
    file.location(&Entry::new("", value, place), here)
}
