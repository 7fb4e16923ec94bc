//! A file that is mounted into a container, as whoever read it hands it over.

use std::path::{Path, PathBuf};

use super::entry::Entry;
use crate::catalog::FileRule;
use crate::plan::Location;

/// A mounted file and its text. Not `Debug`: it may hold secrets.
#[derive(Clone)]
pub struct MountedFile {
    /// The engine's id of the container.
    pub container: String,
    /// Its path there.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What is known of such files.
    pub rule: &'static FileRule,
    /// What names it, where it is another file.
    pub named_by: Option<Naming>,
    /// Where the text comes from.
    pub source: Source,
}

/// A key of a file that names another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// The path of the file with the key.
    pub path: String,
    /// The key.
    pub key: String,
}

/// Where a file's text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of this machine.
    Host(PathBuf),
    /// A compose file that has the text itself.
    Inline {
        /// The compose file.
        file: PathBuf,
        /// The line and the column at which the text starts.
        start: (u32, u32),
        /// Whether its lines are lines of the compose file.
        block: bool,
    },
    /// The container alone.
    Container,
}

impl MountedFile {
    /// Its name without folders.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The folder that it is in.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// What an origin that is one of its values is called. Of a file that is in the container alone, the path is said.
    #[must_use]
    pub fn title(&self, key: &str) -> String {
        let file = if self.source == Source::Container { &self.path } else { self.name() };
        format!("{file} {}", shortened(key))
    }

    /// Where a value stands in the user's files; `here` is the folder from which they are named.
    #[must_use]
    pub fn location(&self, entry: &Entry, here: &Path) -> Option<Location> {
        let length = entry.value.lines().next().map_or(0, |first| first.chars().count());
        let at = |path: &Path, line: u32, column: u32| Location {
            file: path.strip_prefix(here).unwrap_or(path).display().to_string(),
            line,
            column,
            end_line: line,
            end_column: column.saturating_add(u32::try_from(length).unwrap_or(u32::MAX)),
        };
        match &self.source {
            Source::Host(path) => Some(at(path, entry.line, entry.column)),
            Source::Inline { file, start: (line, column), block } => {
                let inner = if *block { (entry.line - 1, entry.column - 1) } else { (0, 0) };
                Some(at(file, line + inner.0, column + inner.1))
            }
            Source::Container => None,
        }
    }
}

/// The longest key that is shown whole.
const LONGEST_KEY: usize = 48;

/// A long key without its middle: what it is about, and what stands there.
fn shortened(key: &str) -> String {
    let parts: Vec<_> = key.split('.').collect();
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    if key.len() <= LONGEST_KEY || parts.len() < 5 {
        return key.to_owned();
    }
    let head = 1 + parts[1..].iter().take_while(|part| is_number(part)).count();
    let tail = parts.len() - 1 - parts.iter().rev().take_while(|part| is_number(part)).count();
    if head >= tail { key.to_owned() } else { format!("{}.….{}", parts[..head].join("."), parts[tail..].join(".")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_lose_their_middle() {
        for (key, expected) in [
            ("datasources.0.url", "datasources.0.url"),
            ("scrape_configs.0.static_configs.0.targets.0", "scrape_configs.0.static_configs.0.targets.0"),
            ("receivers.prometheus.config.scrape_configs.0.static_configs.0.targets.1", "receivers.….targets.1"),
            ("scrape_configs.10.relabel_configs.12.some_longer_word.replacement", "scrape_configs.10.….replacement"),
        ] {
            assert_eq!(shortened(key), expected);
        }
    }
}
