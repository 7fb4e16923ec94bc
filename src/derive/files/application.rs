//! Files of applications built on Spring Boot, Quarkus or Micronaut: every key is a setting, profiles choose which files
//! and documents count, and the environment and the command win over all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::entry::{self, Entry};
use super::mounted::MountedFile;
use super::values::{self, Value};
use super::{format, placeholders, stated, tree};
use crate::catalog::Format;
use crate::derive::Connection;
use crate::stack::{Container, Stack};

/// Where the active profiles are said, beside `spring.profiles.active`.
const PROFILES: &[&str] = &[
    "SPRING_PROFILES_ACTIVE",
    "MICRONAUT_ENVIRONMENTS",
    "QUARKUS_PROFILE",
    "ASPNETCORE_ENVIRONMENT",
    "DOTNET_ENVIRONMENT",
];

/// The environment of .NET where none is said.
const DOTNET_DEFAULT: &str = "Production";

/// Starts of settings that say where the application itself listens, as they are compared.
const OWN: &[&str] = &["kestrel", "server", "urls", "management.server"];

/// Variables with options of a Java machine.
const OPTIONS: &[&str] = &["JAVA_TOOL_OPTIONS", "JAVA_OPTS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];

/// The connections of a container's files, as far as nothing overrides them.
#[must_use]
pub fn derive(stack: &Stack, container: &Container, files: &[&MountedFile], here: &Path) -> Vec<Connection> {
    let above = Above::of(container);
    let layers = layers(&above, files.iter().copied().filter(|file| above.reads(container, file)));
    let mut merged: Vec<(Entry, &MountedFile)> = Vec::new();
    for (entries, file) in layers {
        // A list takes the place of a list as a whole.
        let lists: BTreeSet<_> = entries.iter().map(|entry| relaxed(entry.name())).collect();
        merged.retain(|(known, _)| !lists.contains(&relaxed(known.name())));
        merged.extend(entries.into_iter().map(|entry| (entry, file)));
    }
    let own: BTreeMap<_, _> = merged.iter().map(|(entry, _)| (relaxed(&entry.key), entry.value.clone())).collect();
    let variables = |name: &str| {
        let mut pairs = container.environment.iter();
        pairs.find(|(known, _)| relaxed(known) == relaxed(name)).cloned()
    };
    let otherwise = |name: &str| above.get(name).or_else(|| own.get(&relaxed(name)).cloned());
    merged.retain(|(entry, _)| !above.overrides(&entry.key) && !is_own(&entry.key));
    let filled = merged.into_iter().map(|(entry, file)| Value::filled(entry, file, &variables, &otherwise));
    let values: Vec<_> = filled.collect();
    let beside: Vec<_> = above.settings.iter().cloned().chain(values::pairs(&values)).collect();
    stated::of_settings(stack, container, &values, &beside, here)
}

/// Documents and files that count, the weakest first.
fn layers<'a>(above: &Above, files: impl Iterator<Item = &'a MountedFile>) -> Vec<(Vec<Entry>, &'a MountedFile)> {
    let mut documents: Vec<_> =
        files.flat_map(|file| documents(file).into_iter().map(move |entries| (profile(file), entries, file))).collect();
    // In one place, properties win over YAML.
    documents.sort_by_key(|(profile, _, file)| {
        (profile.is_some(), file.rule.format_of(&file.path) == Some(Format::Properties))
    });
    let said = || {
        let base = documents.iter().filter(|(profile, ..)| profile.is_none()).flat_map(|(_, entries, _)| entries);
        let mut said = base.filter(|entry| relaxed(entry.name()) == "springprofilesactive");
        said.next().map(|entry| placeholders::fill(&entry.value, &|name| above.get(name)))
    };
    let active = above.profiles().or_else(said).unwrap_or_default();
    let active: Vec<_> = active.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let mut layers: Vec<(usize, Vec<Entry>, &MountedFile)> = Vec::new();
    for (profile, entries, file) in documents {
        // What a profile's file says wins over the others, and the profile that is named last over all.
        let rank = match profile {
            None => 0,
            Some(profile) => match active.iter().position(|name| name.eq_ignore_ascii_case(&profile)) {
                Some(position) => position + 1,
                None if active.is_empty() && is_dotnet(file) && profile == DOTNET_DEFAULT => 1,
                None => continue,
            },
        };
        if is_active(&entries, &active) {
            layers.push((rank, of_profile(entries, &active), file));
        }
    }
    layers.sort_by_key(|(rank, ..)| *rank);
    layers.into_iter().map(|(_, entries, file)| (entries, file)).collect()
}

fn documents(file: &MountedFile) -> Vec<Vec<Entry>> {
    match file.rule.format_of(&file.path) {
        Some(Format::Yaml) => tree::documents(&file.text),
        Some(format) => vec![format::entries(format, &file.text)],
        None => Vec::new(),
    }
}

/// The profile that a file is for: `docker` of `application-docker.yml`, `Production` of `appsettings.Production.json`.
fn profile(file: &MountedFile) -> Option<String> {
    let stem = file.name().rsplit_once('.').map_or(file.name(), |(stem, _)| stem);
    let profile = ["application-", "bootstrap-", "appsettings."].iter().find_map(|start| stem.strip_prefix(start))?;
    Some(profile.to_owned())
}

fn is_dotnet(file: &MountedFile) -> bool {
    file.name().starts_with("appsettings.")
}

/// Whether a document counts with these profiles.
fn is_active(entries: &[Entry], active: &[&str]) -> bool {
    let conditions: Vec<_> = entries
        .iter()
        .filter(|entry| matches!(relaxed(entry.name()).as_str(), "springconfigactivateonprofile" | "springprofiles"))
        .map(|entry| entry.value.as_str())
        .collect();
    let is_active = |name: &str| active.iter().any(|known| known.eq_ignore_ascii_case(name));
    let holds = |name: &str| match name.trim().strip_prefix('!') {
        Some(other) => !is_active(other.trim()),
        // Without any, the profile is called so.
        None => is_active(name.trim()) || (active.is_empty() && name.trim() == "default"),
    };
    let any = |condition: &str| condition.split([',', '|']).any(|all| all.split('&').all(holds));
    conditions.is_empty() || conditions.iter().any(|condition| any(condition))
}

/// Quarkus' `%prod.` before a key says for which profile it is.
fn of_profile(entries: Vec<Entry>, active: &[&str]) -> Vec<Entry> {
    let default = ["prod"];
    let active = if active.is_empty() { &default[..] } else { active };
    let (marked, mut plain): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key.starts_with('%'));
    for mut entry in marked {
        let Some((profiles, key)) = entry.key[1..].split_once('.') else { continue };
        if profiles.split(',').any(|profile| active.contains(&profile)) {
            let key = key.to_owned();
            entry.key = key;
            plain.retain(|known| relaxed(&known.key) != relaxed(&entry.key));
            plain.push(entry);
        }
    }
    plain
}

/// Whether a setting says where the application itself listens.
fn is_own(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    OWN.iter().any(|own| key.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// A name as all its spellings are compared: `spring.kafka.bootstrap-servers`, `SPRING_KAFKA_BOOTSTRAPSERVERS`.
fn relaxed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What wins over files: the environment, the command, the options of the machine.
struct Above {
    settings: Vec<(String, String)>,
    names: BTreeMap<String, String>,
}

impl Above {
    fn of(container: &Container) -> Self {
        let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let options = OPTIONS.iter().filter_map(|name| container.variable(name)).flat_map(words);
        let said = container.command.iter().flat_map(|word| words(word)).chain(options);
        let mut settings: Vec<_> = said
            .filter_map(|word| {
                let option = word.strip_prefix("--").or_else(|| word.strip_prefix("-D"))?;
                let (name, value) = option.split_once('=')?;
                Some((name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
            })
            .collect();
        let json = container.variable("SPRING_APPLICATION_JSON").map(tree::entries).unwrap_or_default();
        settings.extend(json.into_iter().map(|entry| (entry.key, entry.value)));
        settings.extend(container.environment.iter().cloned());
        let mut names = BTreeMap::new();
        for (name, value) in &settings {
            names.entry(relaxed(name)).or_insert_with(|| value.clone());
        }
        Self { settings, names }
    }

    fn get(&self, name: &str) -> Option<String> {
        self.names.get(&relaxed(name)).cloned()
    }

    /// Whether a key, or the list that it is an item of, is set here.
    fn overrides(&self, key: &str) -> bool {
        [key, entry::name(key)].iter().any(|name| self.names.contains_key(&relaxed(name)))
    }

    fn profiles(&self) -> Option<String> {
        let names = std::iter::once("spring.profiles.active").chain(PROFILES.iter().copied());
        names.filter_map(|name| self.get(name)).find(|profiles| !profiles.trim().is_empty())
    }

    /// Whether a container's own settings come from this file: not where other places are named, and not what a server of
    /// configuration has for others.
    fn reads(&self, container: &Container, file: &MountedFile) -> bool {
        let places = |value: &str| {
            let places = value.split([',', ';']).map(|place| {
                let place = place.trim().trim_start_matches("optional:").trim_start_matches("file:");
                place.trim_start_matches("//").trim_end_matches(['/', '*']).to_owned()
            });
            places.filter(|place| place.starts_with('/')).collect::<Vec<_>>()
        };
        let is_in = |places: Vec<String>| {
            places.iter().any(|place| *place == file.path || file.folder().starts_with(place.as_str()))
        };
        let served =
            container.environment.iter().filter(|(name, _)| relaxed(name).starts_with("springcloudconfigserver"));
        let elsewhere = self.get("spring.config.location").filter(|said| !said.trim().is_empty());
        !served.into_iter().any(|(_, value)| is_in(places(value))) && elsewhere.is_none_or(|said| is_in(places(&said)))
    }
}
