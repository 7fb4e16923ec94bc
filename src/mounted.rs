//! The configuration files that are mounted into containers, read where they lie: on this machine, in a compose file, or
//! else through the engine. What to look for is data (`files` in `checks/technologies/`); nothing is searched at large.

mod by_path;
mod disk;
mod mounts;
mod named;
mod paths;
mod repository;
mod scripts;
mod text;

use std::collections::BTreeSet;
use std::path::Path;

use bollard::Docker;
use tokio::time::timeout;

use self::disk::Disk;
use self::mounts::{Found, Inline, Mounts};
use self::named::Named;
use self::text::{PATIENCE, Texts};
use crate::catalog::{FileRule, Reader, catalog};
use crate::compose::Project;
use crate::derive::files::{MountedFile, Naming, Source, format, placeholders};
use crate::stack::{Container, Stack, files};

/// No more files than these are handed over, however many containers share them.
const MOST: usize = 1024;

/// What was read, and what could not be.
#[derive(Default)]
pub struct Gathered {
    /// The files.
    pub files: Vec<MountedFile>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
    wanted: Vec<Wanted>,
}

/// A file that only the engine can give.
struct Wanted {
    container: String,
    path: String,
    rule: &'static FileRule,
    inline: Option<Inline>,
}

/// Where the containers of a stack are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// Nowhere yet: the files say what would be mounted.
    Declared,
    /// On this machine.
    Here,
    /// On another one, of whose folders nothing can be said.
    Elsewhere,
}

/// Reads what lies on this machine.
#[must_use]
pub fn from_disk(stack: &Stack, project: Option<&Project>, whereabouts: Whereabouts) -> Gathered {
    let mut gathered = Gathered::default();
    let (mut texts, disk) = (Texts::new(), Disk::default());
    for container in &stack.containers {
        let mounts = Mounts::of(container, project, whereabouts, &disk);
        if !mounts.is_empty() {
            Gathering { stack, container, mounts: &mounts, texts: &mut texts, into: &mut gathered }.all();
        }
    }
    gathered.notes.extend(texts.note());
    gathered
}

/// Reads through the engine what does not lie on this machine.
pub async fn from_containers(docker: &Docker, gathered: &mut Gathered) {
    let wanted = std::mem::take(&mut gathered.wanted);
    if wanted.is_empty() {
        return;
    }
    let places: BTreeSet<_> = wanted.iter().map(|wanted| (wanted.container.clone(), wanted.path.clone())).collect();
    let Ok(mut found) = timeout(PATIENCE, files::read(docker, &places)).await else {
        gathered.notes.push(format!("the engine did not give mounted files in {} s", PATIENCE.as_secs()));
        return;
    };
    for Wanted { container, path, rule, inline } in wanted {
        // What is not there was only looked for.
        let Some(Ok(text)) = found.remove(&(container.clone(), path.clone())) else { continue };
        let same = inline.filter(|inline| inline.text.trim_end() == text.trim_end());
        let source = same.map_or(Source::Container, |inline| inline.source);
        gathered.files.push(MountedFile { container, path, text, rule, named_by: None, source });
    }
}

/// Why a file's text cannot be read as what it is.
fn mistake(file: &MountedFile) -> Option<String> {
    format::mistake(file.rule.format_of(&file.path)?, &file.text)
}

fn unreadable(path: &str, container: &str, reason: &str) -> String {
    crate::text::line(&format!("{path} of {container} cannot be read: {reason}"), 300)
}

/// One container's files.
struct Gathering<'a> {
    stack: &'a Stack,
    container: &'a Container,
    mounts: &'a Mounts<'a>,
    texts: &'a mut Texts,
    into: &'a mut Gathered,
}

impl Gathering<'_> {
    fn all(&mut self) {
        let named = named::of(self.container);
        // A script that is run is no file of settings, though a word of the command or its folder says so.
        let (named_so, others): (Vec<_>, Vec<_>) =
            scripts::of(self.container, self.mounts).into_iter().partition(|path| scripts::is_named_so(path));
        let mut known: BTreeSet<_> = named_so.iter().cloned().collect();
        for (rule, paths) in by_path::of(self.stack, self.container, self.mounts, &named) {
            for path in paths {
                if known.insert(path.clone()) {
                    self.read(path, rule, None);
                }
            }
        }
        let is_unknown = |rule: &&FileRule| rule.reader == Some(Reader::Unknown);
        let (last, first): (Vec<_>, Vec<_>) = catalog().files_of(&self.container.image).partition(is_unknown);
        for rule in first {
            self.by_rule(rule, &named, &mut known);
        }
        // Where it is known which files it reads, it reads no others.
        if known.is_empty() {
            for rule in last {
                self.by_rule(rule, &named, &mut known);
            }
        }
        for path in named_so.into_iter().chain(others.into_iter().filter(|path| !known.contains(path))) {
            self.read(path, &scripts::RULE, None);
        }
    }

    /// The files of a rule, as far as no other rule knows more of them.
    fn by_rule(&mut self, rule: &'static FileRule, named: &[Named], known: &mut BTreeSet<String>) {
        for path in paths::of(rule, self.mounts, named) {
            let within = |at: &str| Path::new(&path).starts_with(at);
            let is_named = || named.iter().any(|(option, at)| rule.is_named_by(option) && within(at));
            let itself = || self.mounts.files().any(|file| file == path);
            if repository::is_of_others(self.container, rule, &path, itself()) && !is_named() {
                continue;
            }
            // The first rule is the one that knows most of it.
            if known.insert(path.clone()) {
                self.read(path, rule, None);
            }
        }
        for path in paths::folders(rule, self.mounts, named) {
            if known.insert(path.clone()) {
                self.note(&path, "it is a folder, as Docker makes one of a source that is not there");
            }
        }
    }

    fn read(&mut self, path: String, rule: &'static FileRule, named_by: Option<Naming>) {
        if self.into.files.len() >= MOST {
            return;
        }
        let container = self.container.id.clone();
        let (text, source) = match self.mounts.find(&path) {
            Some(Found::Host { file, within }) => match self.texts.read(&file, within.as_deref()) {
                Some(Ok(text)) => (text, Source::Host(file)),
                Some(Err(reason)) => {
                    self.note(&path, &reason);
                    return;
                }
                None => {
                    // A file of a folder was only looked for; one that is mounted itself is meant to be there.
                    if within.is_none() && file.symlink_metadata().is_err() {
                        self.note(&path, "its source is not there");
                    }
                    return;
                }
            },
            Some(Found::Inline(inline)) => (inline.text.clone(), inline.source.clone()),
            Some(Found::Engine(inline)) => {
                self.into.wanted.push(Wanted { container, path, rule, inline: inline.cloned() });
                return;
            }
            None => return,
        };
        let file = MountedFile { container, path, text, rule, named_by, source };
        if let Some(reason) = mistake(&file) {
            // What nobody knows may be written in any way.
            if rule.reader == Some(Reader::Unknown) {
                return;
            }
            self.note(&file.path, &reason);
        }
        if file.named_by.is_none() {
            self.named_within(&file);
        }
        self.into.files.push(file);
    }

    /// Says why a file is not read.
    fn note(&mut self, path: &str, reason: &str) {
        self.into.notes.push(unreadable(path, &self.container.label(), reason));
    }

    /// The files that a file names itself.
    fn named_within(&mut self, file: &MountedFile) {
        let Some(format) = file.rule.format_of(&file.path).filter(|_| !file.rule.also.is_empty()) else { return };
        // Elastic's shippers call their own folder so.
        let look = |name: &str| match name {
            "path.config" => Some(file.folder().to_owned()),
            _ => self.container.variable(name).map(str::to_owned),
        };
        let mut found = BTreeSet::new();
        for entry in format::entries(format, &file.text) {
            for rule in file.rule.also.iter().filter(|rule| rule.keys.iter().any(|key| key.matches(&entry.key, &look)))
            {
                let value = placeholders::fill(&entry.value, &look);
                for path in paths::named(rule, self.mounts, &paths::joined(file.folder(), &value)) {
                    if path != file.path && found.insert((path.clone(), entry.key.clone())) {
                        let naming = Naming { path: file.path.clone(), key: entry.key.clone() };
                        self.read(path, rule, Some(naming));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
