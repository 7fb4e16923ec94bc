//! The files that a stack was read from, and places in them.

use std::path::{Path, PathBuf};

/// A stretch of text in one of the [`Sources`]. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which of the sources.
    pub file: usize,
    /// The line of the first character.
    pub line: usize,
    /// The column of the first character.
    pub column: usize,
    /// The line behind the last character.
    pub end_line: usize,
    /// The column behind the last character.
    pub end_column: usize,
}

/// A file and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Its text, without a byte order mark.
    pub text: String,
    /// Where each of its lines begins: of long files, places are asked for by the hundred.
    starts: Vec<usize>,
}

/// Every file that was read, in the order in which they were.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

impl Source {
    /// A line by its number, without its end; empty where there is none.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        let Some(&start) = number.checked_sub(1).and_then(|index| self.starts.get(index)) else { return "" };
        let end = self.starts.get(number).map_or(self.text.len(), |next| next - 1);
        &self.text[start..end]
    }

    /// The lines of a place with their numbers.
    fn lines(&self, place: Place) -> impl Iterator<Item = (usize, &str)> {
        (place.line..=place.end_line.min(self.starts.len())).map(|number| (number, self.line(number)))
    }
}

impl Sources {
    /// Adds a file and gives its index.
    pub fn add(&mut self, path: PathBuf, text: &str) -> usize {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.0.push(Source { path, text, starts });
        self.0.len() - 1
    }

    /// The file of an index that [`Sources::add`] gave.
    #[must_use]
    pub fn get(&self, file: usize) -> &Source {
        &self.0[file]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The file of a place.
    #[must_use]
    pub fn path(&self, place: Place) -> &Path {
        &self.get(place.file).path
    }

    /// The text of a place as it is written, with quotes and escapes, before variables are filled in.
    #[must_use]
    pub fn written(&self, place: Place) -> String {
        let of_line = |(number, line): (usize, &str)| -> String {
            let first = if number == place.line { place.column.saturating_sub(1) } else { 0 };
            let behind = if number == place.end_line { place.end_column.saturating_sub(1) } else { usize::MAX };
            line.chars().take(behind).skip(first).collect()
        };
        self.get(place.file).lines(place).map(of_line).collect::<Vec<_>>().join("\n")
    }

    /// The place where a word first stands within a place as a whole: no part of a longer name or number.
    #[must_use]
    pub fn first(&self, place: Place, word: &str) -> Option<Place> {
        self.first_behind(place, word, &|_| true)
    }

    /// As [`Sources::first`], of those that `counts` says so of, given what stands before the word on its line.
    #[must_use]
    pub fn first_behind(&self, place: Place, word: &str, counts: &dyn Fn(&str) -> bool) -> Option<Place> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        for (number, line) in self.get(place.file).lines(place) {
            let first = if number == place.line { place.column } else { 1 };
            let behind = if number == place.end_line { place.end_column } else { usize::MAX };
            for (at, _) in line.match_indices(word) {
                let (before, after) = (&line[..at], &line[at + word.len()..]);
                // `user@db` and `//db` name a host; `my.db` and `db.example` name others.
                let joined = before.ends_with(is_part)
                    || before.ends_with('.')
                    || after.starts_with(is_part)
                    || after.strip_prefix('.').is_some_and(|rest| rest.starts_with(is_part));
                let column = before.chars().count() + 1;
                let end_column = column + word.chars().count();
                let within = !word.is_empty() && column >= first && end_column <= behind;
                if within && !joined && counts(before) {
                    return Some(Place { line: number, column, end_line: number, end_column, ..place });
                }
            }
        }
        None
    }

    /// The place where a word first stands within a place behind these, each of them behind the one before: those of a path.
    #[must_use]
    pub fn behind<'a>(&self, place: Place, path: impl Iterator<Item = &'a str>, word: &'a str) -> Option<Place> {
        let mut from = (place.line, place.column);
        let mut found = None;
        for step in path.chain([word]).filter(|step| !step.is_empty()) {
            let next = self.get(place.file).lines(place).skip(from.0 - place.line).find_map(|(number, line)| {
                let first = if number == from.0 { from.1 } else { 1 };
                let start = line.char_indices().nth(first - 1).map(|(at, _)| at)?;
                let column = line[..start + line[start..].find(step)?].chars().count() + 1;
                let end_column = column + step.chars().count();
                let within = number < place.end_line || end_column <= place.end_column;
                within.then_some(Place { line: number, column, end_line: number, end_column, ..place })
            })?;
            from = (next.line, next.end_column);
            found = Some(next);
        }
        found.filter(|_| !word.is_empty())
    }

    /// The place of a word within a place, where it stands there exactly once as it is; else the place itself.
    #[must_use]
    pub fn narrow(&self, place: Place, word: &str) -> Place {
        let mut found = None;
        for (line_number, line) in self.get(place.file).lines(place) {
            let first = if line_number == place.line { place.column } else { 1 };
            let behind = if line_number == place.end_line { place.end_column } else { usize::MAX };
            for (at, _) in line.match_indices(word) {
                let column = line[..at].chars().count() + 1;
                let end_column = column + word.chars().count();
                if column < first || end_column > behind {
                    continue;
                }
                if found.is_some() {
                    return place;
                }
                found = Some(Place { line: line_number, column, end_line: line_number, end_column, ..place });
            }
        }
        found.filter(|_| !word.is_empty()).unwrap_or(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_within_its_place() {
        let mut sources = Sources::default();
        let text = "\u{feff}a: kafka:9092\ncommand: |\n  ünï kafka:9092\n  db:5432 db:5432\n";
        let file = sources.add("compose.yaml".into(), text);
        let place = Place { file, line: 2, column: 10, end_line: 5, end_column: 1 };
        let found = sources.narrow(place, "kafka:9092");
        assert_eq!((found.line, found.column, found.end_line, found.end_column), (3, 7, 3, 17));
        for word in ["db:5432", "nobody", "a: ", ""] {
            assert_eq!(sources.narrow(place, word), place, "{word:?}");
        }
        assert_eq!(sources.first(place, "db:5432").map(|at| (at.line, at.column)), Some((4, 3)));
        assert_eq!(sources.first(place, "ka"), None);
        assert_eq!(sources.first(place, "kafka").map(|at| (at.line, at.column)), Some((3, 7)));
        assert_eq!(sources.first(place, ""), None);
        let behind = |path: &[&str], word: &str| {
            sources.behind(place, path.iter().copied(), word).map(|at| (at.line, at.column))
        };
        assert_eq!(behind(&["kafka", "db"], "db:5432"), Some((4, 11)));
        assert_eq!(behind(&["ünï"], "kafka:9092"), Some((3, 7)));
        assert_eq!((behind(&["db", "db"], "db"), behind(&[], "kafka"), behind(&[], "")), (None, Some((3, 7)), None));
        assert_eq!(sources.written(place), "|\n  ünï kafka:9092\n  db:5432 db:5432\n");
        assert_eq!(sources.written(Place { line: 3, column: 3, end_line: 3, end_column: 6, ..place }), "ünï");
        let first = Place { file, line: 1, column: 4, end_line: 1, end_column: 14 };
        assert_eq!(sources.narrow(first, "kafka:9092"), first);
    }
}
