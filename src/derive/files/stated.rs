//! Files of which it is known where addresses stand in them, and files of plain settings.

use std::path::Path;

use super::entry::Entry;
use super::mounted::MountedFile;
use super::{collector, format, placeholders};
use crate::catalog::{AddressKey, KeyMeaning, Reader, catalog, variable_name};
use crate::derive::Connection;
use crate::derive::address::{self, Form};
use crate::derive::setting::{self, Setting, Stated};
use crate::derive::variable::Environment;
use crate::plan::OriginKind;
use crate::stack::{Container, Stack};

/// An address that a file states.
pub struct Address {
    /// Where it stands.
    pub entry: Entry,
    /// The address, with the scheme and the port that are not written.
    pub value: String,
    /// The variable that it means the same as.
    pub read_as: Option<String>,
}

/// The connections of one file.
#[must_use]
pub fn derive(stack: &Stack, container: &Container, file: &MountedFile, here: &Path) -> Vec<Connection> {
    let entries = entries(container, file);
    match &file.rule.addresses {
        Some(keys) => connections(stack, container, (file, &entries), &addresses(container, keys, &entries), here),
        None => {
            let pairs = container.environment.iter().cloned().chain(pairs(&entries)).collect::<Vec<_>>();
            let settings = entries.iter().map(|entry| (entry, file)).collect::<Vec<_>>();
            of_settings(stack, container, &settings, &pairs, here)
        }
    }
}

/// The values of a file as its container reads them.
#[must_use]
pub fn entries(container: &Container, file: &MountedFile) -> Vec<Entry> {
    let Some(format) = file.rule.format_of(&file.path) else { return Vec::new() };
    let mut entries = format::entries(format, &file.text);
    let look = |name: &str| container.variable(name).map(str::to_owned);
    for entry in &mut entries {
        entry.value = placeholders::fill(&entry.value, &look);
    }
    if file.rule.reader == Some(Reader::OtelCollector) {
        collector::retain_started(&mut entries);
    }
    entries
}

/// Settings by name, as what is looked for beside an address.
#[must_use]
pub fn pairs(entries: &[Entry]) -> Vec<(String, String)> {
    entries.iter().map(|entry| (entry.name().to_owned(), entry.value.clone())).collect()
}

/// The connections of settings that their names explain.
#[must_use]
pub fn of_settings(
    stack: &Stack,
    container: &Container,
    settings: &[(&Entry, &MountedFile)],
    beside: &[(String, String)],
    here: &Path,
) -> Vec<Connection> {
    let names: Vec<_> = settings.iter().map(|(entry, _)| setting_name(entry.name())).collect();
    let titles: Vec<_> = settings.iter().map(|(entry, file)| file.title(&entry.key)).collect();
    let stated = settings.iter().zip(names.iter().zip(&titles)).map(|((entry, file), (name, title))| Stated {
        setting: Setting { name, value: &entry.value, location: file.location(entry, here) },
        title,
        certain: false,
        read_as: None,
    });
    let beside = Environment::new(beside);
    setting::stated(stack, container, &stated.collect::<Vec<_>>(), &beside, OriginKind::File)
}

/// A key as the name of a setting: `allowedOrigins` is two words, unless the catalogue knows it as one.
fn setting_name(key: &str) -> String {
    if catalog().of_variable(&variable_name(key)).is_some() {
        return key.to_owned();
    }
    let mut name = String::new();
    let mut before = ' ';
    for character in key.chars() {
        if character.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            name.push('-');
        }
        name.push(character);
        before = character;
    }
    name
}

/// The addresses of a file by the keys that hold them.
#[must_use]
pub fn addresses(container: &Container, keys: &[AddressKey], entries: &[Entry]) -> Vec<Address> {
    let look = |name: &str| container.variable(name).map(str::to_owned);
    let one = |entry: &Entry| {
        let key = keys.iter().find(|key| key.key.matches(&entry.key, &look))?;
        let beside = Beside { entries, entry };
        let is_none = |(key, values): &(String, Vec<String>)| {
            beside.get(key).is_some_and(|value| values.contains(&value.to_ascii_lowercase()))
        };
        if key.unless.as_ref().is_some_and(is_none) {
            return None;
        }
        let read_as = if let KeyMeaning::Variable(name) = &key.meaning { Some(name.clone()) } else { None };
        Some(Address { entry: entry.clone(), value: completed(&beside, &key.meaning), read_as })
    };
    entries.iter().filter_map(one).collect()
}

/// The connections of addresses that a file states.
#[must_use]
pub fn connections(
    stack: &Stack,
    container: &Container,
    (file, entries): (&MountedFile, &[Entry]),
    addresses: &[Address],
    here: &Path,
) -> Vec<Connection> {
    let titles: Vec<_> = addresses.iter().map(|address| file.title(&address.entry.key)).collect();
    let stated = addresses.iter().zip(&titles).map(|(address, title)| Stated {
        setting: Setting {
            name: address.entry.name(),
            value: &address.value,
            location: file.location(&address.entry, here),
        },
        title,
        certain: true,
        read_as: address.read_as.as_deref(),
    });
    let pairs = pairs(entries);
    setting::stated(stack, container, &stated.collect::<Vec<_>>(), &Environment::new(&pairs), OriginKind::File)
}

/// What stands beside an entry.
struct Beside<'a> {
    entries: &'a [Entry],
    entry: &'a Entry,
}

impl Beside<'_> {
    /// The value of a key beside this one.
    fn get(&self, key: &str) -> Option<&str> {
        let parent = self.entry.name().rsplit_once('.').map_or("", |(parent, _)| parent);
        let wanted = if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") };
        self.at(&wanted)
    }

    fn at(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.key.eq_ignore_ascii_case(key)).map(|entry| entry.value.trim())
    }

    /// The port of a host that has none: under a key beside it, or the next word of its directive.
    fn port(&self, host: &str) -> Option<u16> {
        let beside = ["port", "port_value"].iter().find_map(|key| self.get(key));
        let next = || self.at(&format!("{}.{host}", self.entry.key));
        beside.or_else(next)?.parse().ok()
    }
}

/// An address with what is not written in it.
fn completed(beside: &Beside, meaning: &KeyMeaning) -> String {
    let value = beside.entry.value.clone();
    let is_host = |value: &str| matches!(&address::parse(value)[..], [one] if one.form == Form::Host);
    let mut value = match beside.port(&value).filter(|_| is_host(&value)) {
        Some(port) => format!("{value}:{port}"),
        None => value,
    };
    let KeyMeaning::Scheme(scheme, port) = meaning else { return value };
    if value.contains("://") || value.starts_with(['/', ':']) || value.starts_with("unix:") || value.is_empty() {
        return value;
    }
    if let Some(port) = port.filter(|_| is_host(&value)) {
        value = format!("{value}:{port}");
    }
    format!("{}://{value}", said_scheme(beside, scheme))
}

/// The scheme, where another is said beside the address.
fn said_scheme<'a>(beside: &'a Beside, scheme: &'a str) -> &'a str {
    if !matches!(scheme, "http" | "https") {
        return scheme;
    }
    let said = ["scheme", "protocol"].iter().find_map(|key| beside.get(key));
    let insecure = ["insecure", "disable_ssl"].iter().any(|key| beside.get(key) == Some("true"));
    match said {
        Some("http") => "http",
        Some("https") => "https",
        _ if insecure => "http",
        _ => scheme,
    }
}
