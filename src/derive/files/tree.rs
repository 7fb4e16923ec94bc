//! YAML, and JSON, which is YAML.

use super::entry::Entry;
use crate::compose::yaml::{self, Node, Value};

/// Lines that are longer, in bytes, are no lines that people wrote.
const LONGEST_LINE: usize = 4096;

/// The values of a text, all documents in one; none where it cannot be read.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    documents(text).concat()
}

/// Why a text cannot be read.
#[must_use]
pub fn mistake(text: &str) -> Option<String> {
    let wrong = yaml::parse(text.strip_prefix('\u{feff}').unwrap_or(text), 0).err()?;
    Some(format!("{}, in line {}", wrong.reason, wrong.line))
}

/// The values of each document of a text.
#[must_use]
pub fn documents(text: &str) -> Vec<Vec<Entry>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = yaml::parse(text, 0).unwrap_or_default();
    let lines: Vec<_> = text.split('\n').collect();
    let flat = documents.iter().map(|document| {
        let mut found = Vec::new();
        add(&mut found, &mut Vec::new(), document, &lines);
        found
    });
    flat.collect()
}

fn add(found: &mut Vec<Entry>, path: &mut Vec<String>, node: &Node, lines: &[&str]) {
    match &node.value {
        Value::Null => {}
        Value::Text(text) => {
            let (line, column) = (node.place.line, node.place.column);
            // In a line as long as that nobody looks for a column.
            let line_of = lines.get(line - 1).filter(|line| line.len() <= LONGEST_LINE);
            let start = line_of.and_then(|line| line.chars().nth(column - 1));
            let quoted = usize::from(matches!(start, Some('"' | '\'')));
            found.push(Entry::new(path.join("."), text, (line, column + quoted)));
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                add(found, path, item, lines);
                path.pop();
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                add(found, path, &entry.node, lines);
                path.pop();
            }
        }
    }
}
