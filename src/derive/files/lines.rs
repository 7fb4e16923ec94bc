//! Formats with a setting a line: `.properties`, INI, `.env`, and directives of words.

use std::collections::BTreeMap;

use super::entry::Entry;
use crate::stack::dotenv;

/// Java's `.properties`: `key=value`, `key: value` or `key value`; a `\` at the end of a line continues it.
#[must_use]
pub fn properties(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut lines = numbered(text);
    while let Some((number, line)) = lines.next() {
        let start = line.trim_start();
        if start.is_empty() || start.starts_with(['#', '!']) {
            continue;
        }
        let Some(at) = start.find(|c: char| matches!(c, '=' | ':') || c.is_whitespace()) else { continue };
        let (key, rest) = start.split_at(at);
        let value = rest.trim_start();
        let value = value.strip_prefix(['=', ':']).unwrap_or(value).trim_start();
        let column = column(line, value);
        let mut value = value.trim_end_matches('\r').to_owned();
        while value.ends_with('\\') && !value.ends_with("\\\\") {
            value.pop();
            let Some((_, next)) = lines.next() else { break };
            value.push_str(next.trim_start().trim_end_matches('\r'));
        }
        // Of the escapes, these stand in addresses.
        let value = value.replace("\\:", ":").replace("\\=", "=").replace("\\\\", "\\");
        found.push(Entry::new(key, value.trim_end(), (number, column)));
    }
    found
}

/// INI: `name = value` in sections; comments start with `#` or `;`. The key has the section before it.
#[must_use]
pub fn ini(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (number, line) in numbered(text) {
        let start = line.trim();
        if let Some(name) = start.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name) {
            name.trim().clone_into(&mut section);
            continue;
        }
        if start.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = start.split_once('=') else { continue };
        let value = unquoted(value.trim());
        let key = if section.is_empty() { name.trim().to_owned() } else { format!("{section}.{}", name.trim()) };
        found.push(Entry::new(key, value, (number, column(line, value))));
    }
    found
}

/// `NAME=value`, with or without `export` and quotes.
#[must_use]
pub fn env(text: &str) -> Vec<Entry> {
    let known = dotenv::read(text, &|_| None).unwrap_or_else(|_| dotenv::raw(text));
    let lines: Vec<_> = text.lines().collect();
    let place = |line: usize| {
        let text = lines.get(line - 1).copied().unwrap_or_default();
        let column = text.find(['=', ':']).map_or(1, |at| text[..at].chars().count() + 2);
        let quoted = text.chars().nth(column - 1).is_some_and(|first| matches!(first, '"' | '\''));
        (line, column + usize::from(quoted))
    };
    let entries = known.into_iter().map(|(name, assigned)| Entry::new(name, assigned.value, place(assigned.line)));
    entries.collect()
}

/// `NAME = "text"` in Python, in classes too, and nothing else: what is put together when the file runs is not known.
#[must_use]
pub fn python(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut within: Option<&str> = None;
    for (number, line) in numbered(text) {
        // Text of several lines, which may show such assignments.
        let marks = ["\"\"\"", "'''"];
        if let Some(mark) = within.or_else(|| marks.into_iter().find(|mark| line.contains(mark))) {
            if line.matches(mark).count() % 2 == 1 {
                within = if within.is_some() { None } else { Some(mark) };
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim());
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let Some(mark) = value.chars().next().filter(|first| is_name && matches!(first, '"' | '\'')) else { continue };
        let Some((inner, rest)) = value[1..].split_once(mark) else { continue };
        let rest = rest.trim_start();
        if !inner.contains('\\') && (rest.is_empty() || rest.starts_with('#')) {
            found.push(Entry::new(name, inner, (number, column(line, inner))));
        }
    }
    found
}

/// Directives of words. Every word but the first is a value, its key the words before it: of `replicaof db 6379` there
/// are `replicaof` and `replicaof.db`. In sections, which may come often, `[OUTPUT]` is `output.0.` before the key.
#[must_use]
pub fn words(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut sections = BTreeMap::<String, usize>::new();
    for (number, line) in numbered(text) {
        let start = line.trim();
        if start.starts_with('#') {
            continue;
        }
        if let Some(name) = start.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim().to_ascii_lowercase();
            let count = sections.entry(name.clone()).or_default();
            section = format!("{name}.{count}.");
            *count += 1;
            continue;
        }
        let mut words = start.split_ascii_whitespace();
        let Some(first) = words.next() else { continue };
        let mut key = format!("{section}{first}");
        for word in words.take(8) {
            if word.starts_with('#') {
                break;
            }
            let value = unquoted(word);
            found.push(Entry::new(key.clone(), value, (number, column(line, value))));
            key = format!("{key}.{value}");
        }
    }
    found
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines())
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].iter().find_map(|&mark| value.strip_prefix(mark)?.strip_suffix(mark)).unwrap_or(value)
}

/// The column of a part of a line.
fn column(line: &str, part: &str) -> usize {
    let at = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    line.get(..at).map_or(1, |before| before.chars().count() + 1)
}
