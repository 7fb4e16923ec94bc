//! What is mounted into a container, and where a path in it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::disk::Disk;
use super::{Whereabouts, named};
use crate::compose::{self, Project};
use crate::derive::command;
use crate::derive::files::Source;
use crate::stack::Container;

/// What is mounted into a container, longest paths first.
pub struct Mounts<'d> {
    all: Vec<(String, Kind)>,
    /// The files that the declaration names itself, which the image brings along where nothing is mounted over them. What an
    /// image names, and brings, is mostly an example.
    brought: BTreeSet<String>,
    /// The files that the command writes out of mounted ones: where they come from, by their paths.
    copied: BTreeMap<String, String>,
    disk: &'d Disk,
}

enum Kind {
    /// A file or folder of this machine.
    Here(PathBuf),
    /// A text that stands in a compose file.
    Inline(Inline),
    /// What only the engine can give.
    Engine(Option<Inline>),
    /// Nothing that is read: a secret, a volume that is not there yet.
    Closed,
}

/// A text that stands in a compose file.
#[derive(Clone)]
pub struct Inline {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub source: Source,
}

/// Where a path in a container comes from.
pub enum Found<'a> {
    /// A file of this machine, and the folder that it must not lead out of, where one is mounted.
    Host {
        /// The file.
        file: PathBuf,
        /// The folder.
        within: Option<PathBuf>,
    },
    /// A text that stands in a compose file.
    Inline(&'a Inline),
    /// Nobody but the engine can say; it may be this text.
    Engine(Option<&'a Inline>),
}

impl<'d> Mounts<'d> {
    /// Those of a container.
    pub fn of(container: &Container, project: Option<&Project>, whereabouts: Whereabouts, disk: &'d Disk) -> Self {
        let mut all: Vec<(String, Kind)> = Vec::new();
        for mount in &container.mounts {
            let volume = mount.kind == "volume" && whereabouts != Whereabouts::Declared;
            let readable = volume || (matches!(mount.kind.as_str(), "bind" | "config") && !mount.source.is_empty());
            let secret = mount.destination.starts_with("/run/secrets");
            let source = PathBuf::from(&mount.source);
            let kind = match whereabouts {
                _ if !readable || secret => Kind::Closed,
                Whereabouts::Declared => Kind::Here(source),
                // The folder of a volume on this machine is the engine's own.
                _ if volume => Kind::Engine(None),
                Whereabouts::Here if source.exists() => Kind::Here(source),
                Whereabouts::Here | Whereabouts::Elsewhere => Kind::Engine(None),
            };
            all.push((without_slash(&mount.destination).to_owned(), kind));
        }
        let declared = project.and_then(|project| Some((project, project.services.get(&container.service)?)));
        for (project, mount) in
            declared.iter().flat_map(|(project, service)| service.mounts.iter().map(move |m| (project, m)))
        {
            let Some(inline) = inline(project, mount) else { continue };
            let kind = match whereabouts {
                Whereabouts::Declared => Kind::Inline(inline),
                Whereabouts::Here | Whereabouts::Elsewhere => Kind::Engine(Some(inline)),
            };
            all.retain(|(path, _)| *path != mount.target);
            all.push((mount.target.clone(), kind));
        }
        all.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then(a.cmp(b)));
        let running = declared.filter(|_| whereabouts != Whereabouts::Declared);
        let brought = running.map(|(_, service)| named::in_declaration(service).into_iter().map(|(_, path)| path));
        let copied = command::copies(container).into_iter().map(|(from, to)| (to, from)).collect();
        Self { all, brought: brought.into_iter().flatten().collect(), copied, disk }
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.brought.is_empty() && self.all.iter().all(|(_, kind)| matches!(kind, Kind::Closed))
    }

    /// What is mounted over a path, and the rest of the path in it.
    fn over<'p>(&self, path: &'p str) -> Option<(&Kind, &'p str)> {
        self.all.iter().find_map(|(target, kind)| {
            let rest = path.strip_prefix(target.as_str())?;
            let inside = rest.is_empty() || target == "/" || rest.starts_with('/');
            inside.then(|| (kind, rest.trim_start_matches('/')))
        })
    }

    /// Where a file comes from; `None` where it is no mounted one, and none that is named.
    pub fn find(&self, path: &str) -> Option<Found<'_>> {
        let path = self.copied.get(path).filter(|from| self.over(from).is_some()).map_or(path, String::as_str);
        let Some((kind, rest)) = self.over(path) else {
            return self.brought.contains(path).then_some(Found::Engine(None));
        };
        match (kind, rest.is_empty()) {
            (Kind::Here(source), true) => Some(Found::Host { file: source.clone(), within: None }),
            (Kind::Here(source), false) => Some(Found::Host { file: source.join(rest), within: Some(source.clone()) }),
            (Kind::Inline(inline), true) => Some(Found::Inline(inline)),
            (Kind::Engine(inline), true) => Some(Found::Engine(inline.as_ref())),
            (Kind::Engine(_), false) => Some(Found::Engine(None)),
            (Kind::Inline(_), false) | (Kind::Closed, _) => None,
        }
    }

    /// Whether something is mounted at a path, or over it.
    pub fn is_mounted(&self, path: &str) -> bool {
        self.over(path).is_some()
    }

    /// Whether a path is a folder that can be listed here.
    pub fn is_folder(&self, path: &str) -> bool {
        self.folder(path).is_some()
    }

    /// Whether a folder is mounted at this very path.
    pub fn is_mounted_folder(&self, path: &str) -> bool {
        self.is_folder(path) && matches!(self.over(path), Some((_, "")))
    }

    /// The folder of this machine behind a path; one that leads out of what is mounted is none.
    fn folder(&self, path: &str) -> Option<PathBuf> {
        let (Kind::Here(source), rest) = self.over(path)? else { return None };
        let found = || if rest.is_empty() { source.clone() } else { source.join(rest) };
        self.disk.is_folder(source, rest).then(found)
    }

    /// The paths in a folder of the container whose last part fits: those that are mounted there themselves, and those of
    /// a mounted folder.
    pub fn list(&self, folder: &str, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
        let folder = without_slash(folder);
        let own = self.all.iter().filter(|(_, kind)| !matches!(kind, Kind::Closed)).map(|(target, _)| target.as_str());
        let own =
            own.filter(|target| target.rsplit_once('/').is_some_and(|(parent, name)| parent == folder && fits(name)));
        let own = own.filter(|target| !self.is_folder(target));
        let copied = self.copied.iter().filter(|(to, from)| self.over(from).is_some() && !self.is_folder(to));
        let copied = copied.map(|(to, _)| to.as_str());
        let copied =
            copied.filter(|to| to.rsplit_once('/').is_some_and(|(parent, name)| parent == folder && fits(name)));
        let mut found: Vec<_> = own.chain(copied).map(str::to_owned).collect();
        if let Some(here) = self.folder(folder) {
            let names = self.disk.names(&here);
            found.extend(names.iter().filter(|name| fits(name)).map(|name| format!("{folder}/{name}")));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Whether a folder is nobody's but the engine's to look into.
    pub fn is_away(&self, folder: &str) -> bool {
        matches!(self.over(folder), Some((Kind::Engine(_), _)))
    }

    /// The files that are mounted themselves.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let open = self.all.iter().filter(|(_, kind)| !matches!(kind, Kind::Closed));
        open.map(|(target, _)| target.as_str()).filter(|target| !self.is_folder(target))
    }

    /// The mounted folders in which files are known by their names: neither a whole source tree nor the system's.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|(target, kind)| {
            let Kind::Here(source) = kind else { return None };
            self.disk.is_for_settings(source).then_some(target.as_str())
        })
    }
}

fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// The text of a config that stands in the compose file.
fn inline(project: &Project, mount: &compose::Mount) -> Option<Inline> {
    let content = mount.content.as_ref().filter(|_| mount.kind == "config")?;
    let place = content.place;
    let source = project.sources.get(place.file);
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let first = content.value.lines().next().unwrap_or_default();
    // A block starts behind `|`, on the next line.
    let at = [place.line, place.line + 1].into_iter().find_map(|number| {
        let line = source.line(number).trim_end_matches('\r');
        let indent = line.strip_suffix(first).filter(|indent| indent.trim().is_empty())?;
        (!first.is_empty()).then(|| (number, indent.chars().count() + 1))
    });
    let (start, block) = at.map_or(((place.line, place.column), false), |at| (at, true));
    let start = (number(start.0), number(start.1));
    let source = Source::Inline { file: source.path.clone(), start, block };
    Some(Inline { text: content.value.clone(), source })
}
