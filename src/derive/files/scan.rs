//! What the readers of text have in common: a place that moves forward, words in quotes, and the names of open blocks.

use super::entry::Entry;

/// How much of a text is read, in bytes. Larger files are data, and no configuration.
pub const MOST_TEXT: usize = 1 << 20;

/// How many entries a text may have.
const MOST_ENTRIES: usize = 8192;

/// How deep blocks may stand in blocks.
const DEPTH: usize = 24;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 128;

/// The longest value, in bytes: no address is longer.
const LONGEST_VALUE: usize = 4096;

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// A text that is read from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    rest: &'a str,
    at: At,
}

impl<'a> Scanner<'a> {
    /// The beginning of a text, without a byte order mark.
    pub fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let end = (0..=MOST_TEXT.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
        Self { rest: &text[..end], at: At { line: 1, column: 1 } }
    }

    /// Where it is.
    pub const fn at(&self) -> At {
        self.at
    }

    /// What is still to be read.
    pub const fn rest(&self) -> &'a str {
        self.rest
    }

    /// The next character, without going on.
    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The next character.
    pub fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.skip(next.len_utf8());
        Some(next)
    }

    /// Goes on by so many bytes.
    pub fn skip(&mut self, bytes: usize) -> &'a str {
        let (read, rest) = self.rest.split_at(bytes);
        for next in read.chars() {
            if next == '\n' {
                self.at = At { line: self.at.line + 1, column: 1 };
            } else {
                self.at.column += 1;
            }
        }
        self.rest = rest;
        read
    }

    /// Goes on behind this text, where it is next.
    pub fn eat(&mut self, text: &str) -> bool {
        let is_next = self.rest.starts_with(text);
        if is_next {
            self.skip(text.len());
        }
        is_next
    }

    /// Everything up to the first character that is not wanted.
    pub fn while_in(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.skip(end)
    }

    /// Everything up to a text, and the text itself; to the end where it does not come.
    pub fn until(&mut self, text: &str) -> &'a str {
        let end = self.rest.find(text).unwrap_or(self.rest.len());
        let read = self.skip(end);
        self.eat(text);
        read
    }

    /// The rest of the line, without its end.
    pub fn line(&mut self) -> &'a str {
        self.while_in(|c| c != '\n')
    }

    /// What stands up to this quotation mark, which has been begun; a backslash takes the next character as it is.
    pub fn quoted(&mut self, mark: char) -> String {
        let mut out = String::new();
        loop {
            out.push_str(self.while_in(|c| c != mark && c != '\\'));
            match self.next() {
                Some('\\') => match self.next() {
                    Some('n') => out.push('\n'),
                    Some('t') => out.push('\t'),
                    Some(next) => out.push(next),
                    None => return out,
                },
                _ => return out,
            }
        }
    }
}

/// The names of the blocks that are open.
#[derive(Debug, Default)]
pub struct Path {
    /// For each block how many names it has.
    blocks: Vec<usize>,
    names: Vec<String>,
    /// How many blocks are open beyond those that are kept.
    deeper: usize,
}

impl Path {
    /// Opens a block with these names, or with none.
    pub fn open<S: AsRef<str>>(&mut self, names: &[S]) {
        if self.deeper > 0 || self.blocks.len() == DEPTH {
            self.deeper += 1;
            return;
        }
        let names = names.iter().take(4);
        self.blocks.push(names.len());
        self.names.extend(names.map(|name| short(name.as_ref()).to_owned()));
    }

    /// Closes the innermost block.
    pub fn close(&mut self) {
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if let Some(count) = self.blocks.pop() {
            self.names.truncate(self.names.len() - count);
        }
    }

    /// How many blocks are open.
    pub fn depth(&self) -> usize {
        self.blocks.len() + self.deeper
    }

    /// The names that lead to this one here; `None` where nothing is kept so deep.
    pub fn key(&self, name: &str) -> Option<String> {
        let names = self.names.iter().map(String::as_str).chain([short(name)]).filter(|name| !name.is_empty());
        (self.deeper == 0).then(|| names.collect::<Vec<_>>().join("."))
    }
}

/// A name, no longer than names are.
pub fn short(name: &str) -> &str {
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|&at| name.is_char_boundary(at)).unwrap_or_default();
    &name[..end]
}

/// Adds an entry, within what is kept.
pub fn add(entries: &mut Vec<Entry>, key: Option<String>, value: &str, at: At) {
    if let Some(key) = key.filter(|_| entries.len() < MOST_ENTRIES && value.len() <= LONGEST_VALUE) {
        entries.push(Entry { key, value: value.to_owned(), line: at.line, column: at.column });
    }
}

/// Entries as tests show them: `key=value @line:column`.
#[cfg(test)]
pub(super) fn shown(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|it| format!("{}={} @{}:{}", it.key, it.value, it.line, it.column)).collect()
}
