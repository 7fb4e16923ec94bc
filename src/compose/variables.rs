//! A service's variables: its files of variables first, then what stands in the compose file.

use std::collections::BTreeMap;

use super::Placed;
use super::error::ComposeError;
use super::load::{Loader, Set};
use super::source::Place;
use super::yaml::{Node, Value};
use crate::stack::dotenv;

/// The variables of a service, by name; `None` is a name without a value, which no one else gives either.
///
/// # Errors
///
/// A file of variables that is required and cannot be read.
pub fn read(
    service: &Node,
    loader: &mut Loader,
    set: &Set,
) -> Result<BTreeMap<String, Placed<Option<String>>>, ComposeError> {
    let mut found = BTreeMap::new();
    for item in service.get("env_file").into_iter().flat_map(Node::items) {
        let Some(path) = item.get("path").and_then(Node::as_text).map(std::path::PathBuf::from) else { continue };
        let required = item.get("required").and_then(Node::as_text) != Some("false");
        let file = match loader.text(&path) {
            Ok(file) => file,
            Err(_) if !required => continue,
            Err(error) => return Err(error),
        };
        let text = loader.sources.get(file).text.clone();
        let known = |name: &str| {
            let earlier = |found: &BTreeMap<String, Placed<Option<String>>>| found.get(name)?.value.clone();
            set.variables.get(name).cloned().or_else(|| earlier(&found))
        };
        let raw = item.get("format").and_then(Node::as_text) == Some("raw");
        let read = if raw { Ok(dotenv::raw(&text)) } else { dotenv::read(&text, &known) };
        let read = read.map_err(|(line, reason)| ComposeError {
            path: path.clone(),
            at: Some((line, 1)),
            reason: reason.to_owned(),
        })?;
        for (name, assigned) in read {
            let line = loader.sources.get(file).line(assigned.line).trim_end_matches('\r');
            let column = line.find(['=', ':']).map_or(1, |at| line[..at].chars().count() + 2);
            let end_column = (line.chars().count() + 1).max(column);
            let place = Place { file, line: assigned.line, column, end_line: assigned.line, end_column };
            found.insert(name, Placed { value: Some(assigned.value), place });
        }
    }
    for entry in service.get("environment").into_iter().flat_map(Node::entries) {
        let value = match &entry.node.value {
            Value::Text(text) => Some(text.clone()),
            // A name alone is taken from where Compose runs.
            _ => set.variables.get(&entry.key).cloned(),
        };
        found.insert(entry.key.clone(), Placed { value, place: entry.node.place });
    }
    Ok(found)
}
