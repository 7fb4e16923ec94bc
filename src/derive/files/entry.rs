//! What every format of a configuration file becomes: keys with their values and places.

/// A value of a configuration file.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub struct Entry {
    /// The way to it, with dots between its parts; items of lists are numbered from 0: `scrape_configs.0.scheme`.
    pub key: String,
    /// The value.
    pub value: String,
    /// The line where it starts, from 1.
    pub line: u32,
    /// The column where it starts, from 1, in characters.
    pub column: u32,
}

impl Entry {
    /// A value at a place.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>, (line, column): (usize, usize)) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { key: key.into(), value: value.into(), line: number(line), column: number(column) }
    }

    /// The key of what it is part of; empty at the top.
    #[must_use]
    pub fn parent(&self) -> &str {
        self.key.rsplit_once('.').map_or("", |(parent, _)| parent)
    }

    /// The key without the numbers of items at its end.
    #[must_use]
    pub fn name(&self) -> &str {
        name(&self.key)
    }
}

/// A key without the numbers of items at its end: an item is set under the name of its list.
#[must_use]
pub fn name(key: &str) -> &str {
    match key.rsplit_once('.') {
        Some((rest, last)) if last.bytes().all(|byte| byte.is_ascii_digit()) => name(rest),
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_have_the_name_of_their_list() {
        for (key, expected) in
            [("a.hosts.0", "a.hosts"), ("a.0.1", "a"), ("0.hosts.2", "0.hosts"), ("0", "0"), ("a.b", "a.b")]
        {
            assert_eq!(name(key), expected, "{key}");
        }
    }
}
