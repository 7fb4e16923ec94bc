//! One form for what Compose lets people write in several: mappings for lists of `NAME=value`, absolute paths for relative
//! ones. Files are merged in this form.

use std::path::{Path, PathBuf};

use super::error::Wrong;
use super::source::{Place, Sources};
use super::yaml::{Entry, Node, Tag, Value};
use crate::stack::surroundings;

/// Where relative paths of a file start, and whose home `~` is.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The home folder, where it is known.
    pub home: Option<&'a Path>,
}

impl Base<'_> {
    /// The same as text; what is absolute stays as it is written.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        if path.starts_with('/') { path.to_owned() } else { self.absolute(path).to_string_lossy().into_owned() }
    }

    /// A path as it is meant here.
    #[must_use]
    pub fn absolute(&self, path: &str) -> PathBuf {
        let path = match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(path),
        };
        surroundings::absolute(self.folder, &path)
    }
}

/// A service in one form.
///
/// # Errors
///
/// The first value that cannot be what its key means.
pub fn service(mut node: Node, base: Base, sources: &Sources) -> Result<Node, Wrong> {
    let Value::Map(entries) = &mut node.value else {
        return Err(Wrong::new(node.place, format!("a service is a mapping, and this is {}", node.kind())));
    };
    for entry in entries {
        let node = &mut entry.node;
        match entry.key.as_str() {
            "environment" | "labels" | "annotations" => pairs(node, &entry.key, sources)?,
            "depends_on" => keys(node, &entry.key, |place| {
                let condition = Node::text("service_started", place);
                Value::Map(vec![Entry { key: "condition".into(), place, node: condition }])
            })?,
            "networks" => keys(node, &entry.key, |_| Value::Null)?,
            "extra_hosts" => hosts(node),
            "env_file" | "label_file" => files(node, base)?,
            "volumes" => volumes(node, base)?,
            "extends" => extends(node, base)?,
            _ => {}
        }
    }
    Ok(node)
}

fn wrong(node: &Node, key: &str, wanted: &str) -> Wrong {
    Wrong::new(node.place, format!("`{key}` must be {wanted}, and this is {}", node.kind()))
}

/// A list of `NAME=value` becomes a mapping; a name alone has no value.
fn pairs(node: &mut Node, key: &str, sources: &Sources) -> Result<(), Wrong> {
    match &node.value {
        Value::Null => {}
        Value::Map(entries) => {
            let single = |entry: &&Entry| !matches!(entry.node.value, Value::Null | Value::Text(_));
            if let Some(entry) = entries.iter().find(single) {
                return Err(wrong(&entry.node, &format!("{key}.{}", entry.key), "a single value"));
            }
        }
        Value::List(items) => {
            let mut entries: Vec<Entry> = Vec::new();
            for item in items {
                if item.value == Value::Null {
                    continue;
                }
                let Some(text) = item.as_text() else { return Err(wrong(item, key, "a list of `NAME=value`")) };
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => {
                        (name, Node { tag: item.tag, ..Node::text(value, behind(sources, item.place, name)) })
                    }
                    None => (text, Node { value: Value::Null, place: item.place, tag: item.tag }),
                };
                entries.retain(|entry| entry.key != name);
                entries.push(Entry { key: name.to_owned(), place: item.place, node: value });
            }
            node.value = Value::Map(entries);
        }
        Value::Text(_) => return Err(wrong(node, key, "a mapping, or a list of `NAME=value`")),
    }
    Ok(())
}

/// The place of what stands behind `NAME=` in an item, where that is written as it is.
fn behind(sources: &Sources, place: Place, name: &str) -> Place {
    let item = sources.get(place.file).line(place.line).chars().skip(place.column - 1).collect::<String>();
    let quoted = usize::from(item.starts_with(['"', '\'']));
    if !item[quoted..].strip_prefix(name).is_some_and(|rest| rest.starts_with('=')) {
        return place;
    }
    let column = place.column + quoted + name.chars().count() + 1;
    let end_column = if place.line == place.end_line { place.end_column - quoted } else { place.end_column };
    Place { column, end_column: end_column.max(column), ..place }
}

/// A list of names becomes a mapping from them.
fn keys(node: &mut Node, key: &str, value: impl Fn(Place) -> Value) -> Result<(), Wrong> {
    match &node.value {
        Value::Null | Value::Map(_) => {}
        Value::List(items) => {
            let mut entries: Vec<Entry> = Vec::new();
            for item in items {
                let Some(name) = item.as_text() else { return Err(wrong(item, key, "a list of names")) };
                let node = Node { value: value(item.place), place: item.place, tag: Tag::None };
                entries.retain(|entry| entry.key != name);
                entries.push(Entry { key: name.to_owned(), place: item.place, node });
            }
            node.value = Value::Map(entries);
        }
        Value::Text(_) => return Err(wrong(node, key, "a mapping or a list")),
    }
    Ok(())
}

/// A mapping of names to addresses becomes a list of `NAME=address`.
fn hosts(node: &mut Node) {
    if let Value::Map(entries) = &node.value {
        let address = |entry: &Entry| match &entry.node.value {
            Value::List(items) => items.iter().filter_map(Node::as_text).map(str::to_owned).collect::<Vec<_>>(),
            _ => entry.node.as_text().map(str::to_owned).into_iter().collect(),
        };
        let lines = entries.iter().flat_map(|entry| {
            address(entry).into_iter().map(|address| Node::text(format!("{}={address}", entry.key), entry.place))
        });
        node.value = Value::List(lines.collect());
    }
}

/// Paths, alone or in mappings with `path`, become a list of mappings with absolute ones.
fn files(node: &mut Node, base: Base) -> Result<(), Wrong> {
    let items = match std::mem::replace(&mut node.value, Value::Null) {
        Value::List(items) => items,
        Value::Null => return Ok(()),
        value => vec![Node { value, ..node.clone() }],
    };
    let mut files = Vec::new();
    for mut item in items {
        match &mut item.value {
            Value::Text(path) => {
                let path = Node::text(base.absolute(path).to_string_lossy(), item.place);
                item.value = Value::Map(vec![Entry { key: "path".into(), place: item.place, node: path }]);
            }
            Value::Map(entries) => make_absolute(entries, "path", base),
            _ => return Err(wrong(&item, "env_file", "a path, or a list of paths")),
        }
        files.push(item);
    }
    node.value = Value::List(files);
    Ok(())
}

/// The files of `configs` and `secrets` become absolute.
pub fn files_of(section: &mut Node, base: Base) {
    let Value::Map(declared) = &mut section.value else { return };
    for entry in declared {
        if let Value::Map(entries) = &mut entry.node.value {
            make_absolute(entries, "file", base);
        }
    }
}

fn make_absolute(entries: &mut [Entry], key: &str, base: Base) {
    for entry in entries.iter_mut().filter(|entry| entry.key == key) {
        if let Value::Text(path) = &mut entry.node.value {
            *path = base.path(path);
        }
    }
}

/// The sources of bind mounts become absolute; `source:target` becomes the long form.
fn volumes(node: &mut Node, base: Base) -> Result<(), Wrong> {
    let Value::List(items) = &mut node.value else {
        return if node.value == Value::Null { Ok(()) } else { Err(wrong(node, "volumes", "a list")) };
    };
    for item in items {
        match &mut item.value {
            Value::Map(entries) => {
                if entries.iter().any(|entry| entry.key == "type" && entry.node.as_text() == Some("bind")) {
                    make_absolute(entries, "source", base);
                }
            }
            Value::Text(text) => {
                let mut parts = text.splitn(3, ':');
                let (first, second) = (parts.next().unwrap_or_default(), parts.next());
                let (source, target) = second.map_or((None, first), |target| (Some(first), target));
                let is_path = |source: &&str| source.starts_with(['.', '/', '~']);
                let kind = if source.as_ref().is_some_and(is_path) { "bind" } else { "volume" };
                let source = source.map(|source| if kind == "bind" { base.path(source) } else { source.to_owned() });
                let place = item.place;
                let entry = |key: &str, text: String| Entry { key: key.into(), place, node: Node::text(text, place) };
                let mut entries = vec![entry("type", kind.into())];
                entries.extend(source.map(|source| entry("source", source)));
                entries.push(entry("target", target.to_owned()));
                item.value = Value::Map(entries);
            }
            _ => return Err(wrong(item, "volumes", "a list of `source:target`, or of mappings")),
        }
    }
    Ok(())
}

/// The name of a service becomes a mapping; the file becomes absolute.
fn extends(node: &mut Node, base: Base) -> Result<(), Wrong> {
    match &mut node.value {
        Value::Text(service) => {
            let service = Node::text(std::mem::take(service), node.place);
            node.value = Value::Map(vec![Entry { key: "service".into(), place: node.place, node: service }]);
        }
        Value::Map(entries) => make_absolute(entries, "file", base),
        _ => return Err(wrong(node, "extends", "the name of a service, or a mapping with `service`")),
    }
    Ok(())
}
