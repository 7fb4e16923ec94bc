//! The paths in a container at which files of a rule are.

use std::path::Path;

use wildmatch::WildMatch;

use super::mounts::Mounts;
use super::named::Named;
use crate::catalog::{FileRule, Format, Reader};
use crate::stack::surroundings::absolute;

/// The paths of a rule's files: those that an option or a variable names, else those where the technology looks.
pub fn of(rule: &FileRule, mounts: &Mounts, named: &[Named]) -> Vec<String> {
    let by_option = named.iter().filter(|(option, _)| rule.is_named_by(option));
    let mut found: Vec<_> = by_option.flat_map(|(_, path)| self::named(rule, mounts, path)).collect();
    // Frameworks read what is named beside what lies where they look.
    if found.is_empty() || rule.reader == Some(Reader::Application) {
        found.extend(rule.paths.iter().flat_map(|path| usual(mounts, path)));
    }
    found
}

/// The paths of a rule's files that say by themselves whose they are: where the technology alone looks, or named in such a folder.
pub fn telling(rule: &FileRule, mounts: &Mounts, named: &[Named]) -> Vec<String> {
    let own: Vec<_> = rule.telling_paths().collect();
    let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let is_own = |path: &str| own.iter().any(|other| folder(other) == folder(path));
    let by_option = named.iter().filter(|(option, path)| rule.is_named_by(option) && is_own(path));
    let mut found: Vec<_> = by_option.flat_map(|(_, path)| self::named(rule, mounts, path)).collect();
    if found.is_empty() {
        found.extend(own.iter().flat_map(|path| usual(mounts, path)));
    }
    found
}

/// The paths at which a rule's file would be, and a folder is mounted: Docker makes one of a source that is not there.
pub fn folders(rule: &FileRule, mounts: &Mounts, named: &[Named]) -> Vec<String> {
    let by_option = named.iter().filter(|(option, _)| rule.is_named_by(option)).map(|(_, path)| path.as_str());
    let usual = rule.paths.iter().map(String::as_str).filter(|path| path.starts_with('/') && !path.contains('*'));
    let has_extension = |path: &str| Path::new(path).extension().is_some_and(|extension| extension != "d");
    let of_files = by_option.chain(usual).filter(|path| has_extension(path));
    of_files.filter(|path| mounts.is_mounted_folder(path)).map(str::to_owned).collect()
}

/// The files behind a path that something names: itself, with `*` in its last part, or what is in the folder.
pub fn named(rule: &FileRule, mounts: &Mounts, path: &str) -> Vec<String> {
    let readable = |path: &str| rule.format_of(path).is_some();
    // The folder may be the one around that in which the technology looks: Grafana's `provisioning/datasources`.
    let within = rule.paths.iter().filter_map(|usual| {
        let (folder, name) = usual.rsplit_once('/')?;
        let folder = folder.rsplit('/').next().filter(|folder| !folder.is_empty())?;
        Some(mounts.list(&format!("{path}/{folder}"), &|other| fits(name, other)))
    });
    let mut within: Vec<_> = within.flatten().collect();
    within.sort();
    within.dedup();
    if !within.is_empty() {
        return within;
    }
    if mounts.is_folder(path) {
        let names: Vec<_> = rule.paths.iter().filter_map(|path| path.rsplit('/').next()).collect();
        let known = |name: &str| {
            if names.is_empty() { Format::of_path(name).is_some() } else { names.iter().any(|glob| fits(glob, name)) }
        };
        return mounts.list(path, &known);
    }
    let Some((folder, name)) = path.rsplit_once('/') else { return Vec::new() };
    if name.contains('*') {
        return mounts.list(folder, &|other| fits(name, other) && readable(other));
    }
    if mounts.find(path).is_some() && readable(path) { vec![path.to_owned()] } else { Vec::new() }
}

/// The files at one of a rule's own paths.
fn usual(mounts: &Mounts, path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let fits = |other: &str| fits(name, other);
    if path.starts_with('/') {
        let mut found = mounts.list(folder, &fits);
        if found.is_empty() && mounts.is_away(path) && !name.contains('*') {
            found.push(path.to_owned());
        }
        return found;
    }
    let is_there = |at: &str| folder.is_empty() || at == format!("/{folder}") || at.ends_with(&format!("/{folder}"));
    let own = mounts.files().filter(|file| file.rsplit_once('/').is_some_and(|(at, name)| is_there(at) && fits(name)));
    let mut found: Vec<_> = own.map(str::to_owned).collect();
    for at in mounts.folders().filter(|at| is_there(at)) {
        found.extend(mounts.list(at, &fits));
    }
    found.sort();
    found.dedup();
    found
}

fn fits(glob: &str, name: &str) -> bool {
    if glob.contains('*') { WildMatch::new(glob).matches(name) } else { glob == name }
}

/// A path that is written in a file of a folder.
pub fn joined(folder: &str, path: &str) -> String {
    let path = path.trim_end_matches('/');
    absolute(Path::new(folder), Path::new(path)).to_string_lossy().into_owned()
}
