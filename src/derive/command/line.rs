//! A simple command while it is read: its words, what it is redirected from and to, and the documents that follow it.

use std::collections::VecDeque;

use super::shell::is_shell;

/// A simple command as it is read.
#[derive(Default)]
pub struct Line {
    /// Its words so far.
    pub words: Vec<String>,
    /// The word that is being read.
    pub word: Option<String>,
    /// Whether that is a file that is redirected from, or to.
    pub redirects: Option<Redirected>,
    /// Files that are redirected from.
    pub sources: Vec<String>,
    /// Files that are redirected to.
    pub targets: Vec<String>,
    /// Whether it writes into a pipe.
    pub pipes: bool,
}

/// Which way a command is redirected.
#[derive(Clone, Copy)]
pub enum Redirected {
    /// It reads the file.
    From,
    /// It writes the file.
    To,
}

/// A document that follows on the next lines.
pub struct Document {
    /// The line that ends it.
    pub end: String,
    /// Whether a shell runs it.
    pub runs: bool,
}

impl Line {
    /// Adds to the word that is being read.
    pub fn push(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
    }

    /// Ends the word that is being read.
    pub fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirects.take() {
            Some(Redirected::From) => self.sources.push(word),
            Some(Redirected::To) => self.targets.push(word),
            None => self.words.push(word),
        }
    }
}

/// Reads an operator of redirection; gives what stands after it.
pub fn redirected<'a>(line: &mut Line, documents: &mut VecDeque<Document>, text: &'a str) -> &'a str {
    // Digits before it are the number of a file descriptor.
    if line.word.as_ref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
        line.word = None;
    }
    line.end_word();
    if let Some(rest) = text.strip_prefix("<<").filter(|rest| !rest.starts_with('<')) {
        let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches([' ', '\t']);
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')' | '>')).unwrap_or(rest.len());
        let operands = line.words.iter().filter(|word| !word.starts_with('-')).count();
        let runs = operands == 1 && line.words.first().is_some_and(|word| is_shell(word));
        documents.push_back(Document { end: rest[..end].trim_matches(['"', '\'']).to_owned(), runs });
        return &rest[end..];
    }
    line.redirects = Some(if text.starts_with('<') { Redirected::From } else { Redirected::To });
    text.trim_start_matches(['<', '>', '&'])
}

/// A text without the documents that begin with its first line, and those of them that a shell runs.
pub fn without<'a>(text: &'a str, documents: &mut VecDeque<Document>) -> (&'a str, Vec<String>) {
    let mut rest = text;
    let mut scripts = Vec::new();
    while let Some(Document { end, runs }) = documents.pop_front() {
        let mut script = String::new();
        loop {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            if line.trim() == end {
                break;
            }
            script.push_str(line);
            script.push('\n');
            if rest.is_empty() {
                break;
            }
        }
        scripts.extend(runs.then_some(script));
    }
    (rest, scripts)
}
