//! Files of which it is known where addresses stand in them, and files of plain settings.

use std::path::Path;

use super::MountedFile;
use super::entry::Entry;
use super::values::{self, Index, Value};
use crate::catalog::{AddressKey, Condition, KeyMeaning, catalog, variable_name};
use crate::derive::Connection;
use crate::derive::address::{self, Form};
use crate::derive::hosts::{self, Place};
use crate::derive::served::told;
use crate::derive::setting::{self, Setting, Stated};
use crate::derive::variable::Environment;
use crate::plan::OriginKind;
use crate::stack::{Container, Stack};

/// No more addresses than these are taken from one file: more are no file that somebody wrote.
const MOST_ADDRESSES: usize = 1024;
/// No more settings than these are looked at in one file.
const MOST_SETTINGS: usize = 2048;

/// An address that a file states.
pub struct Address<'a> {
    /// Where it stands.
    pub entry: &'a Entry,
    /// The file.
    pub file: &'a MountedFile,
    /// The address, with the scheme and the port that are not written.
    pub value: String,
    /// What it belongs to, as its origin says behind its key.
    pub within: Option<String>,
    /// The variable that it means the same as.
    pub read_as: Option<&'a str>,
    /// The container's variables that gave parts of it.
    pub given: &'a [String],
}

/// The connections of one file.
#[must_use]
pub fn derive(
    stack: &Stack,
    container: &Container,
    (file, others): (&MountedFile, &[&MountedFile]),
    here: &Path,
) -> Vec<Connection> {
    let values = values::of(container, file, others);
    let mut pairs = values::pairs(&values);
    if let Some(keys) = &file.rule.addresses {
        return connections(stack, container, &addresses((stack, container), keys, &values), &pairs, here);
    }
    // The environment wins over a file.
    let is_set = |entry: &Entry| container.variable(&entry.key).is_some();
    let left: Vec<_> = values.into_iter().filter(|value| !is_set(&value.entry)).collect();
    pairs.splice(0..0, container.environment.iter().cloned());
    of_settings(stack, container, &left, &pairs, here)
}

/// The connections of settings that their names explain.
#[must_use]
pub fn of_settings(
    stack: &Stack,
    container: &Container,
    settings: &[Value],
    beside: &[(String, String)],
    here: &Path,
) -> Vec<Connection> {
    let settings = &settings[..settings.len().min(MOST_SETTINGS)];
    let names: Vec<_> = settings.iter().map(|value| setting_name(value.entry.name())).collect();
    let titles: Vec<_> = settings.iter().map(|value| value.file.title(&value.entry.key)).collect();
    let stated = settings.iter().zip(names.iter().zip(&titles)).map(|(value, (name, title))| Stated {
        setting: Setting { name, value: &value.entry.value, location: value.file.location(&value.entry, here) },
        title,
        certain: false,
        read_as: None,
        given_by: &value.given,
    });
    let stated: Vec<_> = stated.collect();
    let beside = &beside[..beside.len().min(2 * MOST_SETTINGS)];
    setting::stated(stack, container, &stated, &Environment::new(beside), OriginKind::File)
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
fn addresses<'a>(
    (stack, container): (&Stack, &Container),
    keys: &'a [AddressKey],
    values: &'a [Value],
) -> Vec<Address<'a>> {
    let look = |name: &str| container.variable(name).map(str::to_owned);
    let index = Index::of(values);
    let is_told = |condition: &Condition| {
        let option = option(container, &condition.key);
        condition.holds_of(option.as_deref().or_else(|| index.get(&condition.key)).unwrap_or_default())
    };
    let leads_elsewhere =
        |key: &String| index.get(key).is_some_and(|value| leads_to_another((stack, container), value));
    let one = |value: &'a Value| {
        let beside = |key: &str| index.beside(&value.entry, key);
        let holds = |key: &&AddressKey| {
            key.key.matches(&value.entry.key, &look)
                && key.when.as_ref().is_none_or(|condition| condition.holds(beside))
                && !key.unless.as_ref().is_some_and(|condition| condition.holds(beside))
                && key.told.as_ref().is_none_or(is_told)
                && !key.unless_elsewhere.as_ref().is_some_and(leads_elsewhere)
        };
        let meaning = &keys.iter().find(holds)?.meaning;
        Some(Address {
            entry: &value.entry,
            file: value.file,
            value: completed(&index, &value.entry, meaning),
            within: None,
            read_as: if let KeyMeaning::Variable(name) = meaning { Some(name) } else { None },
            given: &value.given,
        })
    };
    values.iter().filter_map(one).take(MOST_ADDRESSES).collect()
}

/// What the command says by an option, with one hyphen or two.
fn option(container: &Container, name: &str) -> Option<String> {
    let written = ["--", "-"].map(|hyphens| format!("{hyphens}{name}"));
    written.iter().find_map(|option| told(container, option).next().map(str::to_owned))
}

/// Whether a value names another service of the stack, and not this one.
fn leads_to_another((stack, container): (&Stack, &Container), value: &str) -> bool {
    let another = |address: &address::Address| match hosts::place(stack, Some(container), &address.host) {
        Place::Containers(all) => all.iter().all(|other| other.service != container.service),
        _ => false,
    };
    let addresses = address::parse(value);
    !addresses.is_empty() && addresses.iter().all(another)
}

/// The connections of addresses that files state. `beside` is what else is set for the same client.
#[must_use]
pub fn connections(
    stack: &Stack,
    container: &Container,
    addresses: &[Address],
    beside: &[(String, String)],
    here: &Path,
) -> Vec<Connection> {
    let title = |address: &Address| {
        let title = address.file.title(&address.entry.key);
        address.within.iter().fold(title, |title, within| format!("{title} {within}"))
    };
    let titles: Vec<_> = addresses.iter().map(title).collect();
    let stated = addresses.iter().zip(&titles).map(|(address, title)| Stated {
        setting: Setting {
            name: address.entry.name(),
            value: &address.value,
            location: address.file.location(address.entry, here),
        },
        title,
        certain: true,
        read_as: address.read_as,
        given_by: address.given,
    });
    let stated: Vec<_> = stated.collect();
    setting::stated(stack, container, &stated, &Environment::new(beside), OriginKind::File)
}

/// An address with what is not written in it: its port, which may stand beside it or be the next word of a directive, and
/// its scheme.
fn completed(index: &Index, entry: &Entry, meaning: &KeyMeaning) -> String {
    let mut value = entry.value.clone();
    let is_host = |value: &str| matches!(&address::parse(value)[..], [one] if one.form == Form::Host);
    if is_host(&value) {
        let beside = ["port", "port_value"].iter().find_map(|key| index.beside(entry, key));
        let next = || index.get(&format!("{}.{value}", entry.key));
        if let Some(port) = beside.or_else(next).and_then(|port| port.parse::<u16>().ok()) {
            value = format!("{value}:{port}");
        }
    }
    let KeyMeaning::Scheme(scheme, port) = meaning else { return value };
    // Clients of gRPC take it to mean that there is no TLS.
    if let Some(rest) = value.strip_prefix("http://").filter(|_| scheme == "grpc") {
        return format!("grpc://{rest}");
    }
    if value.contains("://") || value.starts_with(['/', ':']) || value.starts_with("unix:") || value.is_empty() {
        return value;
    }
    if let Some(port) = port.filter(|_| is_host(&value)) {
        value = format!("{value}:{port}");
    }
    format!("{}://{value}", said_scheme(index, entry, scheme))
}

/// The scheme, where another is said beside the address.
fn said_scheme<'a>(index: &Index<'a>, entry: &Entry, scheme: &'a str) -> &'a str {
    if !matches!(scheme, "http" | "https") {
        return scheme;
    }
    let beside = |key: &str| index.beside(entry, key);
    let says =
        |keys: &[&str], values: &[&str]| keys.iter().filter_map(|key| beside(key)).any(|it| values.contains(&it));
    match ["scheme", "protocol"].iter().find_map(|key| beside(key)) {
        Some("http") => "http",
        Some("https") => "https",
        _ if says(&["insecure", "disable_ssl"], &["true"]) => "http",
        _ if says(&["tls"], &["on", "On", "true"]) => "https",
        _ => scheme,
    }
}
