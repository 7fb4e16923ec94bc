//! A command as the simple commands that it runs: words as they are given, or a shell's script (POSIX, Shell Command Language).
//!
//! Nothing is run. Variables are put in where their value is known; what is not known leaves a `${…}` behind, which no address
//! has in it. Scripts in scripts (`sh -c "…"`, `$(…)`) are read too, a few deep.

use std::collections::{BTreeMap, VecDeque};

use super::line::{Document, Line, redirected, without};
use super::moved;
use crate::catalog::program_name;

/// How deep scripts may stand in scripts.
const DEPTH: u8 = 6;

/// How much text is read in all, in bytes: what variables are put into counts as it has become.
const MOST_TEXT: usize = 256 << 10;

/// How many simple commands are read.
const MOST_COMMANDS: usize = 1024;

/// Programs that run a script that stands in the word after `-c`.
const SHELLS: &[&str] = &["sh", "bash", "ash", "dash", "ksh", "zsh"];

/// Words of the grammar that may stand before a command.
const RESERVED: &[&str] =
    &["!", "{", "}", "[[", "case", "do", "done", "elif", "else", "fi", "if", "then", "time", "until", "while"];

/// What stands where nobody knows what will.
pub const UNKNOWN: &str = "${…}";

/// The first word of a command that opens a connection by bash's `/dev/tcp/HOST/PORT`; host and port follow.
pub const DEV_TCP: &str = "/dev/tcp";

/// The simple commands that a command's words come to. `look` gives the value of a variable.
#[must_use]
pub fn commands(words: &[String], look: &dyn Fn(&str) -> Option<String>) -> Vec<Vec<String>> {
    Reader::new(look).of_words(words).found
}

/// The files that a command's words write out of others, as what it copies them from and to.
#[must_use]
pub fn copies(words: &[String], look: &dyn Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    Reader::new(look).of_words(words).copied
}

/// The simple commands of a script.
#[must_use]
pub fn script(text: &str, look: &dyn Fn(&str) -> Option<String>) -> Vec<Vec<String>> {
    let mut reader = Reader::new(look);
    reader.scripts.push_back((text.to_owned(), 0));
    reader.rest().found
}

/// Whether a word runs a shell.
#[must_use]
pub fn is_shell(word: &str) -> bool {
    SHELLS.contains(&program_name(word))
}

/// Whether a text can be the name of a variable.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `NAME=value`, taken apart.
#[must_use]
pub fn assignment(word: &str) -> Option<(&str, &str)> {
    word.split_once('=').filter(|(name, _)| is_name(name))
}

struct Reader<'a> {
    look: &'a dyn Fn(&str) -> Option<String>,
    /// What is still to be read, and how deep it stood.
    scripts: VecDeque<(String, u8)>,
    found: Vec<Vec<String>>,
    /// The variables that the script sets itself.
    assigned: BTreeMap<String, String>,
    text: usize,
    /// Files that are written out of others.
    copied: Vec<(String, String)>,
    /// The file that the command before writes into a pipe.
    piped: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(look: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let (scripts, found, assigned) = (VecDeque::new(), Vec::new(), BTreeMap::new());
        Self { look, scripts, found, assigned, text: 0, copied: Vec::new(), piped: None }
    }

    fn of_words(mut self, words: &[String]) -> Self {
        self.words(words, 0);
        self.rest()
    }

    fn rest(mut self) -> Self {
        while let Some((text, depth)) = self.scripts.pop_front() {
            self.script(&text, depth);
        }
        self
    }

    /// Takes in a simple command, or what it runs.
    fn words(&mut self, words: &[String], depth: u8) {
        let start = words.iter().position(|word| !RESERVED.contains(&word.as_str())).unwrap_or(words.len());
        let words = &words[start..];
        if let Some(script) = of_shell(words) {
            self.later(script.to_owned(), depth);
            return;
        }
        for script in moved::scheduled(words) {
            self.later(script.to_owned(), depth);
        }
        let sets = words.iter().skip_while(|word| matches!(word.as_str(), "export" | "local" | "readonly" | "declare"));
        if words.iter().all(|word| assignment(word).is_some()) || words.first().is_some_and(|word| word == "export") {
            for (name, value) in sets.filter_map(|word| assignment(word)) {
                self.assigned.insert(name.to_owned(), value.to_owned());
            }
        }
        // What stands behind `--` is often another command: `tini -- app`, `wait-for-it db:5432 -- app`.
        for part in words.split(|word| word == "--").filter(|part| !part.is_empty()) {
            if self.found.len() < MOST_COMMANDS {
                self.found.push(part.to_vec());
            }
        }
    }

    fn later(&mut self, script: String, depth: u8) {
        if depth < DEPTH {
            self.scripts.push_back((script, depth + 1));
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        let value = self.assigned.get(name).cloned().or_else(|| (self.look)(name))?;
        // Several words would be several arguments here and one there.
        (!value.contains(char::is_whitespace)).then_some(value)
    }

    fn script(&mut self, text: &str, depth: u8) {
        let mut line = Line::default();
        let mut rest = text;
        let mut documents: VecDeque<Document> = VecDeque::new();
        while let Some(next) = rest.chars().next() {
            if self.text > MOST_TEXT || self.found.len() >= MOST_COMMANDS {
                return;
            }
            self.text += 1;
            let after = &rest[next.len_utf8()..];
            rest = match next {
                '\\' => escaped(&mut line, after),
                '\'' => {
                    let (inner, after) = after.split_once('\'').unwrap_or((after, ""));
                    self.text += inner.len();
                    line.push(inner);
                    after
                }
                '"' => self.quoted(&mut line, after, depth),
                '$' => self.dollar(&mut line, after, depth),
                '`' => {
                    let (inner, after) = after.split_once('`').unwrap_or((after, ""));
                    self.later(inner.to_owned(), depth);
                    line.push(UNKNOWN);
                    after
                }
                '#' if line.word.is_none() => after.find('\n').map_or("", |end| &after[end..]),
                '<' | '>' => redirected(&mut line, &mut documents, rest),
                '\n' => {
                    self.end(&mut line, depth);
                    let (rest, scripts) = without(after, &mut documents);
                    for script in scripts {
                        self.later(script, depth);
                    }
                    rest
                }
                ';' | '&' | '|' | '(' | ')' => {
                    line.pipes = next == '|' && !after.starts_with('|');
                    self.end(&mut line, depth);
                    after
                }
                _ if next.is_whitespace() => {
                    line.end_word();
                    after
                }
                _ => {
                    let end = after.find(|c: char| c.is_whitespace() || SPECIAL.contains(&c)).unwrap_or(after.len());
                    self.text += end;
                    line.push(&rest[..next.len_utf8() + end]);
                    &after[end..]
                }
            };
        }
        self.end(&mut line, depth);
    }

    /// Ends a simple command.
    fn end(&mut self, line: &mut Line, depth: u8) {
        line.end_word();
        if self.copied.len() < MOST_COMMANDS {
            let command = moved::Command { words: &line.words, from: &line.sources, to: &line.targets };
            let (copied, piped) = command.copies(self.piped.take());
            self.copied.extend(copied);
            self.piped = piped.filter(|_| line.pipes);
        }
        let sources = std::mem::take(&mut line.sources);
        for target in std::mem::take(&mut line.targets).into_iter().chain(sources) {
            let place = target.strip_prefix("/dev/tcp/").and_then(|place| place.split_once('/'));
            if let Some((host, port)) = place {
                self.words(&[DEV_TCP, host, port].map(str::to_owned), depth);
            }
        }
        let words = std::mem::take(line).words;
        if !words.is_empty() {
            self.words(&words, depth);
        }
    }

    /// What stands between double quotes; gives what stands after them.
    fn quoted<'t>(&mut self, line: &mut Line, text: &'t str, depth: u8) -> &'t str {
        line.push("");
        let mut rest = text;
        loop {
            let end = rest.find(['"', '\\', '$', '`']).unwrap_or(rest.len());
            line.push(&rest[..end]);
            self.text += end + 1;
            let mut marks = rest[end..].chars();
            let mark = marks.next();
            let after = marks.as_str();
            rest = match mark {
                Some('\\') => match after.chars().next() {
                    Some('\n') => &after[1..],
                    Some(next @ ('"' | '\\' | '$' | '`')) => {
                        line.push(&after[..next.len_utf8()]);
                        &after[1..]
                    }
                    _ => {
                        line.push("\\");
                        after
                    }
                },
                Some('$') if self.text <= MOST_TEXT => self.dollar(line, after, depth),
                Some('`') => {
                    let (inner, after) = after.split_once('`').unwrap_or((after, ""));
                    self.later(inner.to_owned(), depth);
                    line.push(UNKNOWN);
                    after
                }
                Some('"') => return after,
                _ => return "",
            };
        }
    }

    /// What a dollar sign begins; gives what stands after it.
    fn dollar<'t>(&mut self, line: &mut Line, text: &'t str, depth: u8) -> &'t str {
        if text.starts_with('(') {
            let end = closing(text, '(', ')');
            let inner = text[1..end].strip_suffix(')').unwrap_or(&text[1..end]);
            // `$((…))` is a number.
            if !inner.starts_with('(') {
                self.later(inner.to_owned(), depth);
            }
            line.push(UNKNOWN);
            return &text[end..];
        }
        if text.starts_with('{') {
            let end = closing(text, '{', '}');
            let inner = text[1..end].strip_suffix('}').unwrap_or(&text[1..end]);
            let length = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
            let (name, rest) = inner.split_at(length);
            let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
            let plain = default.filter(|text| !text.contains(['$', '`', '\\', '"', '\'']));
            let known = if rest.is_empty() || default.is_some() { self.value(name) } else { None };
            let value = known.filter(|value| !value.is_empty()).or_else(|| plain.map(str::to_owned));
            self.put(line, value);
            return &text[end..];
        }
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        if is_name(&text[..end]) {
            let value = self.value(&text[..end]);
            self.put(line, value);
            return &text[end..];
        }
        // `$1`, `$?`, `$@`; a dollar sign before a quote or at the end is itself or nothing.
        line.push(UNKNOWN);
        let one = text.chars().next().filter(|c| c.is_ascii_digit() || "?@*#!$-".contains(*c));
        one.map_or(text, |c| &text[c.len_utf8()..])
    }

    fn put(&mut self, line: &mut Line, value: Option<String>) {
        let value = value.unwrap_or_else(|| UNKNOWN.to_owned());
        self.text += value.len();
        if self.text <= MOST_TEXT {
            line.push(&value);
        }
    }
}

/// Characters that a word ends at, or that mean something in one.
const SPECIAL: &[char] = &['\\', '\'', '"', '$', '`', '<', '>', ';', '&', '|', '(', ')'];

/// What follows a backslash outside quotes; a line that it ends goes on.
fn escaped<'a>(line: &mut Line, text: &'a str) -> &'a str {
    let Some(next) = text.chars().next() else { return text };
    if next != '\n' {
        line.push(&text[..next.len_utf8()]);
    }
    &text[next.len_utf8()..]
}

/// Where the bracket that a text begins with is closed: behind it, or at the end.
fn closing(text: &str, opening: char, closing: char) -> usize {
    let (mut open, mut quote, mut skip) = (0_usize, None, false);
    for (at, next) in text.char_indices() {
        match (quote, next) {
            _ if skip => skip = false,
            (None | Some('"'), '\\') => skip = true,
            (None, '\'' | '"') => quote = Some(next),
            (Some(mark), _) if mark == next => quote = None,
            (None, _) if next == opening => open += 1,
            (None, _) if next == closing => {
                open -= 1;
                if open == 0 {
                    return at + next.len_utf8();
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The script of `sh -c "…"`, whatever stands before the shell: `timeout 60 bash -ec "…"`.
fn of_shell(words: &[String]) -> Option<&str> {
    let shell = words.iter().position(|word| is_shell(word))?;
    if super::is_quiet(words.first()?) {
        return None;
    }
    let options = |word: &&String| word.starts_with(['-', '+']);
    let mut rest = words[shell + 1..].iter();
    let runs = |word: &String| {
        word.strip_prefix('-').is_some_and(|flags| !flags.starts_with('-') && flags.contains('c') && flags.len() < 8)
    };
    // `-o pipefail` has a word of its own.
    let mut next = rest.next()?;
    loop {
        if runs(next) {
            return rest.find(|word| !options(word)).map(String::as_str);
        }
        if !options(&next) {
            return None;
        }
        let takes = matches!(next.as_str(), "-o" | "+o" | "-eo" | "-euo" | "-exo" | "-euxo");
        next = if takes { rest.nth(1)? } else { rest.next()? };
    }
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
