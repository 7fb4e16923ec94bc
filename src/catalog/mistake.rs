//! What is wrong with a technology's file, and where.

use serde_saphyr::Error;

use crate::compose::yaml::{self, Node};
use crate::nearest::nearest;
use crate::text::line;

/// A file of a technology that says nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("technology {id}: line {line}, column {column}: {reason}")]
pub struct TechnologyError {
    /// The file's name without its extension.
    pub id: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong there, and what was expected.
    pub reason: String,
}

impl TechnologyError {
    /// What the reader of YAML finds wrong, in words for whoever wrote the file.
    pub(super) fn of_yaml(id: &str, error: &Error) -> Self {
        let error = error.without_snippet();
        let place = error.location();
        let or_first = |number: Option<u64>| number.filter(|number| *number > 0).unwrap_or(1);
        Self {
            id: id.into(),
            line: or_first(place.as_ref().map(serde_saphyr::Location::line)),
            column: or_first(place.as_ref().map(serde_saphyr::Location::column)),
            reason: line(&reason(error), 800),
        }
    }

    /// Something wrong with a word of the file, which stands where it is first written.
    pub(super) fn at_word(id: &str, text: &str, word: &str, reason: impl Into<String>) -> Self {
        let (line, column) = place_of(text, word).unwrap_or((1, 1));
        Self { id: id.into(), line, column, reason: reason.into() }
    }
}

fn reason(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("`{field}` is no key here{} ({})", meant(field, expected), known(expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("`{variant}` is nothing that is known here{} ({})", meant(variant, expected), known(expected))
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("this is {unexpected}, and {expected} is expected")
        }
        Error::SerdeMissingField { field, .. } => format!("`{field}` is missing"),
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` is set twice"),
        Error::InvalidScalar { ty: "u16", .. } => "this is no port: a number from 1 to 65535 is expected".into(),
        Error::InvalidScalar { ty: "boolean", .. } | Error::InvalidBooleanStrict { .. } => {
            "true or false is expected".into()
        }
        Error::Message { msg, .. } => msg.clone(),
        // Its own text ends with the place, which is said already.
        other => {
            let text = other.to_string();
            text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned()
        }
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
pub(super) fn place_of(text: &str, word: &str) -> Option<(u64, u64)> {
    let documents = yaml::parse(text, 0).ok()?;
    let place = documents.iter().find_map(|node| in_node(node, word))?;
    Some((u64::try_from(place.line).ok()?, u64::try_from(place.column).ok()?))
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
