//! Where proxies say in their mounted files that they speak plain HTTP.

use std::collections::BTreeSet;

use super::{MountedFile, haproxy, nginx};
use crate::catalog::Format;

/// The ports that files of nginx and `HAProxy` name so, each with the engine's id of the container.
#[must_use]
pub fn http(files: &[MountedFile]) -> BTreeSet<(String, u16)> {
    let ports = |file: &MountedFile| match file.rule.format_of(&file.path) {
        Some(Format::Nginx) => nginx::http_ports(&file.text),
        Some(Format::Haproxy) => haproxy::http_ports(&file.text),
        _ => Vec::new(),
    };
    files.iter().flat_map(|file| ports(file).into_iter().map(|port| (file.container.clone(), port))).collect()
}
