//! `crosscheck init`: a `crosscheck.yaml` to start from.

use std::path::Path;

use crate::cli::Shared;
use crate::config;
use crate::interrupt::Interrupt;
use crate::known::Known;
use crate::output::say;
use crate::planning::{Asked, planned};
use crate::{exit, terminal};

/// Writes a `crosscheck.yaml` to start from, or prints it for `-`.
///
/// # Errors
///
/// What prevented it, in words that say what to do.
pub async fn init(shared: &Shared, file: Option<&Path>) -> anyhow::Result<u8> {
    let mut interrupt = Interrupt::listen()?;
    let Some((_, known)) = Known::of_either(shared, &mut interrupt).await? else { return Ok(exit::INTERRUPTED) };
    let plan = planned(&known, shared, &Asked { expected: &shared.expect, ..Asked::default() })?;
    let text = config::init::text(&known.stack, &plan.checks);
    if file.is_some_and(|file| file.as_os_str() == "-") {
        terminal::print(&text)?;
    } else {
        let path = config::init::write(file, known.project.as_ref(), &text)?;
        say(shared, &format!("{} is written: crosscheck reads it from now on", path.display()));
    }
    Ok(exit::OK)
}
