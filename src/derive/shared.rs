//! Settings of others that a container has, too: one file of variables is given to a whole stack, and every server takes its own.

use super::command;
use super::served::technology;
use super::setting::Setting;
use crate::catalog::{Known, Role, variable_name};
use crate::stack::{Container, Stack};

/// How many variables two containers of different images have in common that were given the same file.
const ENOUGH: usize = 3;

/// Whether a variable is none of the server's that runs in a container, but came along with what others read.
pub(super) fn is_of_others(stack: &Stack, container: &Container, setting: &Setting, known: Option<Known>) -> bool {
    let Some(here) = technology(container).filter(|here| here.own_alone || here.store) else { return false };
    // Whoever starts a shell instead of the server reads what it likes.
    if command::begins_with_a_shell(container) {
        return false;
    }
    let is_peer = known.is_some_and(|known| known.role == Role::Peer);
    !is_peer && !here.owns(&variable_name(setting.name)) && is_shared(stack, container, setting)
}

/// Whether a container of another image has this variable and others with the same values.
fn is_shared(stack: &Stack, container: &Container, setting: &Setting) -> bool {
    let of_another_image = stack.containers.iter().filter(|other| other.image != container.image);
    of_another_image.filter(|other| other.service != container.service).any(|other| {
        let has = |name: &str, value: &str| other.environment.iter().any(|(own, it)| own == name && it == value);
        let common = || container.environment.iter().filter(|(name, value)| !value.is_empty() && has(name, value));
        has(setting.name, setting.value) && common().nth(ENOUGH - 1).is_some()
    })
}
