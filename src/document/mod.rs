//! A plan in a file of the user's: a table or a map that stands between two comments of a Markdown file, or a map that is a
//! file of its own. What the file ought to hold is computed here; [`file`](mod@file) reads and writes it.

mod blocks;
mod diff;
pub mod file;

use std::path::Path;

use thiserror::Error;

pub use self::blocks::Kind;
use self::blocks::{Mistake, blocks};
pub use self::diff::diff;
use crate::report::{Report, markdown, mermaid};

/// What every map of ours begins with, whatever its version.
const MAP_BEGINS: &str = "%% crosscheck plan";

/// A plan, in the forms in which files hold it; what nobody asks for is not made.
#[derive(Clone, Debug)]
pub struct Rendered<'a> {
    report: &'a Report,
}

/// Why a file cannot hold a plan.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// There is no such file.
    #[error("there is no {path}: write it with `crosscheck plan --write {path}`")]
    Missing {
        /// The file.
        path: String,
    },
    /// It cannot be read, or not be written.
    #[error("{path} cannot be {what}: {reason}")]
    File {
        /// The file.
        path: String,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// It is a Markdown file without a place for a plan.
    #[error(
        "{path} has no place for the plan: where the {name} is to stand, put the two lines `{begin}` and `{end}`, then \
         `crosscheck plan --write {path}` fills in what is between them",
        name = kind.name(), begin = kind.begin(), end = kind.end()
    )]
    NoMarkers {
        /// The file.
        path: String,
        /// What was to stand there.
        kind: Kind,
    },
    /// Its markers are no pairs.
    #[error("{path}:{line}: {reason}")]
    Markers {
        /// The file.
        path: String,
        /// The marker's line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It is a map of somebody else's.
    #[error(
        "{path} holds a map that is not of crosscheck's making, and is left as it is: give another file, or remove this one"
    )]
    Foreign {
        /// The file.
        path: String,
    },
}

impl<'a> Rendered<'a> {
    /// A report's plan.
    #[must_use]
    pub const fn of(report: &'a Report) -> Self {
        Self { report }
    }

    /// The map, Mermaid.
    fn map(&self) -> String {
        mermaid::render(self.report)
    }

    /// A file that has nothing but this: what `--format` prints, and what a new file holds.
    #[must_use]
    pub fn alone(&self, kind: Kind, path: Option<&Path>) -> String {
        match kind {
            Kind::Map if path.is_none_or(is_map) => self.map(),
            _ => format!("{}\n{}{}\n", kind.begin(), self.body(kind), kind.end()),
        }
    }

    /// What stands between two markers.
    fn body(&self, kind: Kind) -> String {
        match kind {
            Kind::Plan => format!("\n{}\n", markdown::render(self.report)),
            Kind::Map => format!("\n```mermaid\n{}```\n\n", self.map()),
        }
    }

    /// The text that a file with this text ought to have: its own, with the plan as it is now in the plan's place. `only`
    /// leaves the other kind alone.
    ///
    /// # Errors
    ///
    /// It has no place for a plan, or its markers are no pairs.
    pub fn within(&self, text: &str, path: &Path, only: Option<Kind>) -> Result<String, DocumentError> {
        let shown = || path.display().to_string();
        let ours = text.trim_start_matches('\u{feff}').starts_with(MAP_BEGINS);
        if is_map(path) || ours {
            if !ours && !text.trim().is_empty() {
                return Err(DocumentError::Foreign { path: shown() });
            }
            return Ok(with_line_ends(&self.map(), text));
        }
        let wrong = |Mistake { line, reason }| DocumentError::Markers { path: shown(), line, reason };
        let mut blocks = blocks(text).map_err(wrong)?;
        blocks.retain(|block| only.is_none_or(|kind| block.kind == kind));
        if blocks.is_empty() {
            return Err(DocumentError::NoMarkers { path: shown(), kind: only.unwrap_or(Kind::Plan) });
        }
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for block in &blocks {
            out.push_str(&text[done..block.body.start]);
            out.push_str(&with_line_ends(&self.body(block.kind), text));
            done = block.body.end;
        }
        out.push_str(&text[done..]);
        Ok(out)
    }
}

/// Whether a path is that of a map and nothing else.
fn is_map(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["mmd", "mermaid"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// What a new file of this name holds, where nothing else is asked for.
#[must_use]
pub fn kind_of(path: &Path) -> Kind {
    if is_map(path) { Kind::Map } else { Kind::Plan }
}

/// Text of ours with the line ends of the file that it goes into.
fn with_line_ends(ours: &str, file: &str) -> String {
    if file.contains("\r\n") { ours.replace('\n', "\r\n") } else { ours.to_owned() }
}

#[cfg(test)]
mod tests;
