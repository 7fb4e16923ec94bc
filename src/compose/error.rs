//! What is wrong with files of a declaration.

use std::path::{Path, PathBuf};

use super::source::{Place, Sources};
use super::yaml::YamlError;
use crate::text;

/// A file that cannot be read, or does not say what Compose understands. Repeats no value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {}", text::line(&path.display().to_string(), 300), shown(*at), text::line(reason, 1000))]
pub struct ComposeError {
    /// The file.
    pub path: PathBuf,
    /// The line and the column, from 1, where the file could be read so far.
    pub at: Option<(usize, usize)>,
    /// What is wrong, and what to do about it.
    pub reason: String,
}

fn shown(at: Option<(usize, usize)>) -> String {
    at.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
}

impl ComposeError {
    /// A file as a whole.
    #[must_use]
    pub fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self { path: path.to_owned(), at: None, reason: reason.into() }
    }

    /// A place in a file.
    #[must_use]
    pub fn yaml(path: &Path, error: YamlError) -> Self {
        Self { path: path.to_owned(), at: Some((error.line, error.column)), reason: error.reason }
    }
}

/// A value that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
}

impl Wrong {
    /// A value that is not what it should be.
    #[must_use]
    pub fn new(place: Place, reason: impl Into<String>) -> Self {
        Self { place, reason: reason.into() }
    }

    /// The same, with its file.
    #[must_use]
    pub fn of(self, sources: &Sources) -> ComposeError {
        let at = Some((self.place.line, self.place.column));
        ComposeError { path: sources.path(self.place).to_owned(), at, reason: self.reason }
    }
}
