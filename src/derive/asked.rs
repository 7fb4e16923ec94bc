//! A named value of a container, and everything beside it that says what it means.

use super::address::{Address, Form};
use super::served::{serves, technology};
use super::variable::{Environment, Variable};
use crate::catalog::Known;
use crate::stack::{Container, Stack};

/// A container, its variables, and one of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub stack: &'a Stack,
    pub container: &'a Container,
    pub environment: &'a Environment<'a>,
    pub variable: &'a Variable,
    pub known: Option<Known<'a>>,
    /// Whether the value is an address that this container connects to, whatever the variable's name says.
    pub certain: bool,
}

/// Words of names whose `name:number` is an image with its tag, or a user with his group.
const OTHER_PAIRS: &[&str] = &["CHOWN", "GID", "GROUP", "IMAGE", "OWNER", "TAG", "UID", "USER", "VERSION"];

impl Asked<'_> {
    /// Whether `name:number` is an address of these containers, and not the tag of an image or a user with his group.
    pub(super) fn means_port_of(&self, containers: &[&Container], address: &Address, port: u16) -> bool {
        let usual = (port >= 1024 || matches!(port, 80 | 443)) && self.variable.says_address();
        // `SOCKETIO: websocket:9000`, whatever it is called. Of a server that is known it must be its port.
        let named = || containers.iter().any(|it| it.service == address.host && technology(it).is_none());
        let other = || self.variable.words().any(|word| OTHER_PAIRS.contains(&word));
        address.form == Form::Host
            || usual
            || (port >= 1024 && address.form == Form::HostPort && named() && !other())
            || self.certain
            || self.known.is_some()
            || containers.iter().any(|container| serves(container, port))
    }
}
