//! The mounted scripts that a container's command runs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::mounts::Mounts;
use crate::catalog::{FileRule, Format};
use crate::derive::command;
use crate::stack::Container;

/// What is known of scripts: no technology has them.
pub static RULE: LazyLock<FileRule> =
    LazyLock::new(|| FileRule { format: Some(Format::Shell), addresses: Some(Vec::new()), ..FileRule::default() });

/// Their paths. Where the command names one from its working folder, the one of this name that is mounted is meant.
pub fn of(container: &Container, mounts: &Mounts) -> BTreeSet<String> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let one = |script: String| {
        if script.starts_with('/') {
            return mounts.is_mounted(&script).then_some(script);
        }
        let mut same = mounts.files().filter(|file| name(file) == name(&script));
        same.next().filter(|_| same.next().is_none()).map(str::to_owned)
    };
    command::scripts(container).into_iter().filter_map(one).collect()
}

/// Whether a script is called one.
pub fn is_named_so(path: &str) -> bool {
    path.strip_suffix(".sh").or_else(|| path.strip_suffix(".bash")).is_some()
}
