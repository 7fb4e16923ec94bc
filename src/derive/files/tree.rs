//! YAML, and JSON, which is YAML.

use super::entry::Entry;
use crate::compose::yaml::{self, Node, Value};

/// The values of a text, all documents in one; none where it cannot be read.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    documents(text).concat()
}

/// The values of each document of a text.
#[must_use]
pub fn documents(text: &str) -> Vec<Vec<Entry>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = yaml::parse(text, 0).unwrap_or_default();
    let flat = documents.iter().map(|document| {
        let mut found = Vec::new();
        add(&mut found, &mut Vec::new(), document);
        found
    });
    flat.collect()
}

fn add(found: &mut Vec<Entry>, path: &mut Vec<String>, node: &Node) {
    match &node.value {
        Value::Null => {}
        Value::Text(text) => found.push(Entry::new(path.join("."), text, (node.place.line, node.place.column))),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                add(found, path, item);
                path.pop();
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                path.push(entry.key.clone());
                add(found, path, &entry.node);
                path.pop();
            }
        }
    }
}
