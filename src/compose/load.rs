//! From files to one tree: every file read, its variables filled in, its services in one form, what they extend and
//! include put in, and the files merged in their order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::canonical::{self, Base};
use super::error::{ComposeError, Wrong};
use super::merge::{merge, settle};
use super::source::{Place, Sources};
use super::yaml::{self, Entry, Node, Tag, Value};
use crate::stack::dotenv;
use crate::stack::interpolate::interpolate;

/// How deep files may include or extend others.
const DEPTH: usize = 16;
/// How many files are read for one declaration.
const MOST_FILES: usize = 256;

/// Compose files that are merged into one another, and what holds for them.
#[derive(Clone, Default)]
pub struct Set {
    /// The files, absolute, in their order.
    pub files: Vec<PathBuf>,
    /// Where relative paths start.
    pub directory: PathBuf,
    /// The variables that they may refer to.
    pub variables: BTreeMap<String, String>,
}

/// Reads files, whatever they include and extend.
pub struct Loader<'a> {
    /// The files that were read.
    pub sources: Sources,
    /// How a file is read: the text, or why not.
    read: &'a dyn Fn(&Path) -> Result<String, String>,
}

impl<'a> Loader<'a> {
    /// Nothing is read yet.
    pub fn new(read: &'a dyn Fn(&Path) -> Result<String, String>) -> Self {
        Self { sources: Sources::default(), read }
    }

    /// The text of a file, and its index among the sources.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    pub fn text(&mut self, path: &Path) -> Result<usize, ComposeError> {
        if self.sources.iter().count() >= MOST_FILES {
            return Err(ComposeError::file(path, format!("more than {MOST_FILES} files are included")));
        }
        let text = (self.read)(path).map_err(|reason| ComposeError::file(path, reason))?;
        Ok(self.sources.add(path.to_owned(), &text))
    }

    /// Reads a set of files into one tree, in the form of [`canonical`].
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with them.
    pub fn set(&mut self, set: &Set, depth: usize) -> Result<Node, ComposeError> {
        let first = set.files.first().map_or(Path::new(""), PathBuf::as_path);
        if depth > DEPTH {
            return Err(ComposeError::file(first, format!("files include each other more than {DEPTH} deep")));
        }
        let mut all: Option<Node> = None;
        for file in &set.files {
            for document in self.documents(file, set)? {
                let document = self.extended(document, file, set)?;
                all = Some(match all {
                    Some(all) => merge(all, document),
                    None => document,
                });
            }
        }
        let Some(mut all) = all else {
            return Err(ComposeError::file(first, "it says nothing: a compose file has `services`"));
        };
        self.include(&mut all, set, depth)?;
        settle(&mut all);
        Ok(all)
    }

    /// The documents of a file, with their variables, each service in one form.
    fn documents(&mut self, file: &Path, set: &Set) -> Result<Vec<Node>, ComposeError> {
        let index = self.text(file)?;
        let text = self.sources.get(index).text.clone();
        let mut documents = yaml::parse(&text, index).map_err(|error| ComposeError::yaml(file, error))?;
        documents.retain(|document| document.value != Value::Null);
        let look = |name: &str| set.variables.get(name).cloned();
        for document in &mut documents {
            let home = set.variables.get("HOME").map(Path::new);
            let base = Base { folder: &set.directory, home };
            fill(document, &look)
                .and_then(|()| in_one_form(document, base, &self.sources))
                .map_err(|wrong| wrong.of(&self.sources))?;
        }
        Ok(documents)
    }

    /// A document whose services have what they extend.
    fn extended(&mut self, mut document: Node, file: &Path, set: &Set) -> Result<Node, ComposeError> {
        let names: Vec<_> = services(&document)
            .filter(|entry| entry.node.get("extends").is_some())
            .map(|entry| entry.key.clone())
            .collect();
        for name in names {
            let whole = self.service(&document, &name, file, set, &mut Vec::new())?;
            if let Some(node) = service_mut(&mut document, &name) {
                *node = whole;
            }
        }
        Ok(document)
    }

    /// A service of a document, with everything that it extends.
    fn service(
        &mut self,
        document: &Node,
        name: &str,
        file: &Path,
        set: &Set,
        under_way: &mut Vec<(PathBuf, String)>,
    ) -> Result<Node, ComposeError> {
        let Some(entry) = services(document).find(|entry| entry.key == name) else {
            return Err(ComposeError::file(file, format!("it has no service `{name}`, which another one extends")));
        };
        let mut node = entry.node.clone();
        let Some(extends) = node.get("extends").cloned() else { return Ok(node) };
        let step = (file.to_owned(), name.to_owned());
        if under_way.contains(&step) || under_way.len() > DEPTH {
            let wrong = Wrong::new(extends.place, format!("`{name}` extends itself in the end"));
            return Err(wrong.of(&self.sources));
        }
        under_way.push(step);
        let Some(base) = extends.get("service").and_then(Node::as_text).map(str::to_owned) else {
            return Err(Wrong::new(extends.place, "`extends` needs the name of a `service`").of(&self.sources));
        };
        let base = match extends.get("file").and_then(Node::as_text).map(PathBuf::from) {
            Some(other) if other != file => {
                let directory = other.parent().unwrap_or(Path::new("/")).to_owned();
                let set = Set { files: vec![other.clone()], directory, variables: set.variables.clone() };
                let documents = self.documents(&other, &set)?;
                let document = documents.into_iter().reduce(merge);
                let Some(document) = document else { return Err(ComposeError::file(&other, "it says nothing")) };
                self.service(&document, &base, &other, &set, under_way)?
            }
            _ => self.service(document, &base, file, set, under_way)?,
        };
        if let Value::Map(entries) = &mut node.value {
            entries.retain(|entry| entry.key != "extends");
        }
        under_way.pop();
        // As in a tree of services, since the place in it decides how things are merged.
        let wrap = |node: Node| {
            let entry = |key: &str, node: Node| Node {
                place: node.place,
                tag: Tag::None,
                value: Value::Map(vec![Entry { key: key.to_owned(), place: node.place, node }]),
            };
            entry("services", entry(name, node))
        };
        let merged = merge(wrap(base), wrap(node));
        Ok(merged.get("services").and_then(|services| services.get(name)).cloned().unwrap_or(merged))
    }

    /// Adds what a tree includes; what it says itself wins.
    fn include(&mut self, all: &mut Node, set: &Set, depth: usize) -> Result<(), ComposeError> {
        let Some(include) = all.get("include").cloned() else { return Ok(()) };
        for item in include.items() {
            let included = self.included(item, set)?;
            let node = self.set(&included, depth + 1)?;
            for section in ["services", "networks", "volumes", "configs", "secrets"] {
                let Some(more) = node.get(section) else { continue };
                let Value::Map(entries) = &mut all.value else { continue };
                match entries.iter_mut().find(|entry| entry.key == section) {
                    Some(entry) => {
                        let own = std::mem::replace(&mut entry.node, Node::text("", more.place));
                        let place = own.place;
                        let (mut own, more) = (map_of(own), map_of(more.clone()));
                        let new = more.into_iter().filter(|entry| !own.iter().any(|known| known.key == entry.key));
                        let new: Vec<_> = new.collect();
                        own.extend(new);
                        entry.node = Node { value: Value::Map(own), place, tag: Tag::None };
                    }
                    None => entries.push(Entry { key: section.into(), place: more.place, node: more.clone() }),
                }
            }
        }
        Ok(())
    }

    /// The set of files that an item of `include` means.
    fn included(&mut self, item: &Node, set: &Set) -> Result<Set, ComposeError> {
        let texts = |node: Option<&Node>| -> Vec<String> {
            let texts = node.map(|node| match &node.value {
                Value::Text(text) => vec![text.clone()],
                _ => node.items().iter().filter_map(Node::as_text).map(str::to_owned).collect(),
            });
            texts.unwrap_or_default()
        };
        let base = Base { folder: &set.directory, home: set.variables.get("HOME").map(Path::new) };
        let paths = if item.as_text().is_some() { texts(Some(item)) } else { texts(item.get("path")) };
        if let Some(remote) = paths.iter().find(|path| path.contains("://") || path.starts_with("git@")) {
            let kind = remote.split_once("://").map_or("git", |(scheme, _)| scheme);
            let reason = format!("a file from elsewhere ({kind}) is not fetched: look at the running project with -p");
            return Err(Wrong::new(item.place, reason).of(&self.sources));
        }
        let files: Vec<_> = paths.iter().map(|path| base.absolute(path)).collect();
        let Some(first) = files.first() else {
            return Err(Wrong::new(item.place, "`include` takes paths of compose files").of(&self.sources));
        };
        let directory = match item.get("project_directory").and_then(Node::as_text) {
            Some(directory) => base.absolute(directory),
            None => first.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        let mut env_files: Vec<_> = texts(item.get("env_file")).iter().map(|path| base.absolute(path)).collect();
        let default = directory.join(".env");
        if env_files.is_empty() && (self.read)(&default).is_ok() {
            env_files.push(default);
        }
        let mut variables = BTreeMap::new();
        for file in env_files {
            let text = (self.read)(&file).map_err(|reason| ComposeError::file(&file, reason))?;
            let known = |name: &str| set.variables.get(name).or_else(|| variables.get(name)).cloned();
            let more = dotenv::parse(&text, &known).map_err(|(line, reason)| ComposeError {
                path: file.clone(),
                at: Some((line, 1)),
                reason: reason.to_owned(),
            })?;
            variables.extend(more);
        }
        variables.extend(set.variables.clone());
        Ok(Set { files, directory, variables })
    }
}

/// The services of a tree.
pub fn services(document: &Node) -> impl Iterator<Item = &Entry> {
    document.get("services").into_iter().flat_map(Node::entries)
}

fn service_mut<'a>(document: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    entry_mut(entry_mut(document, "services")?, name)
}

fn entry_mut<'a>(node: &'a mut Node, key: &str) -> Option<&'a mut Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node)
}

fn map_of(node: Node) -> Vec<Entry> {
    if let Value::Map(entries) = node.value { entries } else { Vec::new() }
}

/// Puts the values of variables into every text.
///
/// # Errors
///
/// A text that cannot be understood, or a variable that is required and has no value.
pub fn fill(node: &mut Node, look: &dyn Fn(&str) -> Option<String>) -> Result<(), Wrong> {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => {
            *text = interpolate(text, look).map_err(|reason| Wrong::new(node.place, reason))?;
        }
        Value::List(items) => items.iter_mut().try_for_each(|item| fill(item, look))?,
        Value::Map(entries) => entries.iter_mut().try_for_each(|entry| fill(&mut entry.node, look))?,
        Value::Text(_) | Value::Null => {}
    }
    Ok(())
}

/// Every service of a document in one form.
fn in_one_form(document: &mut Node, base: Base, sources: &Sources) -> Result<(), Wrong> {
    let (place, kind) = (document.place, document.kind());
    let Value::Map(entries) = &mut document.value else {
        return Err(Wrong::new(place, format!("a compose file is a mapping with `services`, and this is {kind}")));
    };
    for entry in entries.iter_mut().filter(|entry| entry.key == "services") {
        let (place, kind) = (entry.node.place, entry.node.kind());
        match &mut entry.node.value {
            Value::Null => {}
            Value::Map(services) => {
                for service in services {
                    let node = std::mem::replace(&mut service.node, Node::text("", Place { ..place }));
                    service.node = canonical::service(node, base, sources)?;
                }
            }
            _ => return Err(Wrong::new(place, format!("`services` is a mapping, and this is {kind}"))),
        }
    }
    for entry in entries.iter_mut().filter(|entry| matches!(entry.key.as_str(), "configs" | "secrets")) {
        canonical::files_of(&mut entry.node, base);
    }
    Ok(())
}
