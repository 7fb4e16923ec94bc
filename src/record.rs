//! The facts of a run in a file, without secrets, so that rules can be held against them again.

use std::path::Path;

use anyhow::Context;

use crate::rule::Facts;
use crate::text;

/// Writes the facts as JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn write(file: &Path, facts: &Facts) -> anyhow::Result<()> {
    let mut facts = facts.clone();
    for container in &mut facts.stack.containers {
        for (name, value) in &mut container.environment {
            *value = if text::is_secret_name(name) { "***".into() } else { text::redact(value) };
        }
        container.command = text::redact_arguments(&container.command);
        container.state.error = text::redact(&container.state.error);
        if let Some(health) = &mut container.health {
            health.output = text::redact(&health.output);
        }
    }
    let json = serde_json::to_string_pretty(&facts).context("the facts cannot be written as JSON")?;
    std::fs::write(file, json + "\n").with_context(|| format!("{} cannot be written", file.display()))
}
