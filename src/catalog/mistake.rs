//! What is wrong with a technology's file, and where.

use crate::compose::yaml::{self, Node, YamlError};
use crate::nearest::nearest;
use crate::text::line;

/// A file of a technology that says nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("technology {id}: line {line}, column {column}: {reason}")]
pub struct TechnologyError {
    /// The file's name without its extension.
    pub id: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there, and what was expected.
    pub reason: String,
}

impl TechnologyError {
    /// What the reader finds wrong, in words for whoever wrote the file.
    pub(super) fn of_yaml(id: &str, error: &YamlError) -> Self {
        Self { id: id.into(), line: error.line, column: error.column, reason: line(&error.reason, 800) }
    }

    /// Something wrong with a word of the file, which stands where it is first written.
    pub(super) fn at_word(id: &str, text: &str, word: &str, reason: impl Into<String>) -> Self {
        let (line, column) = place_of(text, word).unwrap_or((1, 1));
        Self { id: id.into(), line, column, reason: reason.into() }
    }
}

/// `: did you mean x?`, where that is likely.
pub(super) fn meant(word: &str, known: &[&'static str]) -> String {
    nearest(word, known.iter().copied()).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default()
}

/// What is known in its place.
pub(super) fn known(words: &[&'static str]) -> String {
    format!("known: {}", words.join(", "))
}

/// Where a word stands in a file, as a key or as a value.
pub(super) fn place_of(text: &str, word: &str) -> Option<(usize, usize)> {
    let documents = yaml::parse(text, 0).ok()?;
    let place = documents.iter().find_map(|node| in_node(node, word))?;
    Some((place.line, place.column))
}

fn in_node(node: &Node, word: &str) -> Option<crate::compose::source::Place> {
    if node.as_text() == Some(word) {
        return Some(node.place);
    }
    let keys = || {
        node.entries()
            .iter()
            .find_map(|entry| if entry.key == word { Some(entry.place) } else { in_node(&entry.node, word) })
    };
    node.items().iter().find_map(|item| in_node(item, word)).or_else(keys)
}
