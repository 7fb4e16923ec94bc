//! The values of a file as its container reads them: placeholders filled in.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::entry::Entry;
use super::mounted::MountedFile;
use super::{collector, format, placeholders};
use crate::catalog::{Format, Reader};
use crate::stack::Container;

/// A value of a file.
pub struct Value<'a> {
    /// Its key, what it is, and where it stands.
    pub entry: Entry,
    /// The file.
    pub file: &'a MountedFile,
    /// The container's variables that gave parts of it.
    pub given: Vec<String>,
}

impl<'a> Value<'a> {
    /// A value whose placeholders are filled in: from the container's variables, else by `otherwise`.
    pub fn filled(
        mut entry: Entry,
        file: &'a MountedFile,
        variables: &dyn Fn(&str) -> Option<(String, String)>,
        otherwise: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let given = RefCell::new(Vec::new());
        let look = |name: &str| match variables(name) {
            Some((name, value)) => {
                given.borrow_mut().push(name);
                Some(value)
            }
            None => otherwise(name),
        };
        if entry.value.contains('$') {
            entry.value = placeholders::fill(&entry.value, &look);
        }
        Self { entry, file, given: given.into_inner() }
    }
}

/// Every value of a file.
#[must_use]
pub fn of<'a>(container: &Container, file: &'a MountedFile, others: &[&MountedFile]) -> Vec<Value<'a>> {
    let Some(format) = file.rule.format_of(&file.path) else { return Vec::new() };
    let said = |name: &str| if format == Format::K6 { of_command(container, name) } else { None };
    let mut entries = match format {
        Format::K6 => format::of_script(&file.text, &|name| said(name).is_some() || container.variable(name).is_some()),
        // What is passed on to an upstream by its name may have it in another file.
        Format::Nginx => {
            let others = others.iter().filter(|other| other.path != file.path);
            let others = others.filter(|other| other.rule.format_of(&other.path) == Some(Format::Nginx));
            format::of_nginx(&file.text, &others.map(|other| other.text.as_str()).collect::<Vec<_>>())
        }
        _ => format::entries(format, &file.text),
    };
    if file.rule.reader == Some(Reader::OtelCollector) {
        collector::retain_started(&mut entries);
    }
    let variables = |name: &str| {
        let value = container.variable(name).filter(|_| said(name).is_none())?;
        Some((name.to_owned(), value.to_owned()))
    };
    entries.into_iter().map(|entry| Value::filled(entry, file, &variables, &said)).collect()
}

/// A variable that the command gives a script: `-e NAME=value`, which wins over the environment.
fn of_command(container: &Container, name: &str) -> Option<String> {
    let mut words = container.command.iter().peekable();
    let mut value = None;
    while let Some(word) = words.next() {
        let pair = match word.as_str() {
            "-e" | "--env" => words.peek().map(|next| next.as_str()),
            word => word.strip_prefix("--env=").or_else(|| word.strip_prefix("-e")),
        };
        let pair = pair.and_then(|pair| pair.split_once('='));
        value = pair.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).or(value);
    }
    value
}

/// Settings by name, as what is looked for beside an address.
#[must_use]
pub fn pairs(values: &[Value]) -> Vec<(String, String)> {
    values.iter().map(|value| (value.entry.name().to_owned(), value.entry.value.clone())).collect()
}

/// The values of a file by their keys, whatever the case of these.
pub struct Index<'a>(BTreeMap<String, &'a str>);

impl<'a> Index<'a> {
    /// Of two keys that are written alike, the first counts.
    #[must_use]
    pub fn of(values: &'a [Value]) -> Self {
        let mut index = BTreeMap::new();
        for value in values {
            index.entry(value.entry.key.to_ascii_lowercase()).or_insert(value.entry.value.trim());
        }
        Self(index)
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(&key.to_ascii_lowercase()).copied()
    }

    /// The value of a key that stands beside an entry.
    #[must_use]
    pub fn beside(&self, entry: &Entry, key: &str) -> Option<&'a str> {
        match entry.name().rsplit_once('.') {
            Some((parent, _)) => self.get(&format!("{parent}.{key}")),
            None => self.get(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::container;

    #[test]
    fn commands_give_scripts_variables() {
        let mut k6 = container("k6", "grafana/k6");
        let words = ["run", "-e", "A=1", "--env=B=x=y", "-eC=3", "-e", "A=2", "/D=4.js", "--exec=E=5"];
        k6.command = words.map(str::to_owned).to_vec();
        for (name, expected) in
            [("A", Some("2")), ("B", Some("x=y")), ("C", Some("3")), ("D", None), ("E", None), ("", None)]
        {
            assert_eq!(of_command(&k6, name).as_deref(), expected, "{name}");
        }
    }
}
