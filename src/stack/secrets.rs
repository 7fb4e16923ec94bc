//! What must not be printed of a stack: the values of variables that are named like secrets.

use std::collections::BTreeSet;

use super::Stack;
use crate::text;

/// The values of secrets shorter than this are words that may stand anywhere.
const SHORTEST: usize = 4;

impl Stack {
    /// The values of all variables that are named like secrets.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<String> {
        let variables = self.containers.iter().flat_map(|container| &container.environment);
        let named = variables.filter(|(name, value)| text::is_secret_name(name) && value.len() >= SHORTEST);
        named.map(|(_, value)| value.clone()).collect()
    }
}

/// A text as it may be shown: without these secrets, and without what looks like one.
#[must_use]
pub fn hide(text: &str, secrets: &BTreeSet<String>) -> String {
    let mut text = text::redact(text);
    for secret in secrets.iter().rev() {
        if text.contains(secret.as_str()) {
            text = text.replace(secret.as_str(), "***");
        }
    }
    text
}
