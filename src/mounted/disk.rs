//! What this machine's folders hold, each asked once: the same ones are mounted into many containers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How many names of a folder are looked at.
const MOST_NAMES: usize = 512;

/// Names that a folder of a whole source tree has: it is somebody's workplace, of which nobody knows what is read.
const WORKPLACE: &[&str] = &[
    ".git",
    "Cargo.toml",
    "Dockerfile",
    "Gemfile",
    "Makefile",
    "build.gradle",
    "build.gradle.kts",
    "compose.yaml",
    "compose.yml",
    "composer.json",
    "docker-compose.yaml",
    "docker-compose.yml",
    "go.mod",
    "gradlew",
    "manage.py",
    "mix.exs",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
    "src",
];

/// Folders of the system, in which nothing is looked for by name alone.
const SYSTEM: &[&str] = &["/dev", "/proc", "/run", "/sys", "/var/lib/docker", "/var/log", "/var/run"];

/// The same, without what is in them.
const TOPS: &[&str] = &["/", "/etc", "/home", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr", "/var"];

/// What is known of this machine's folders.
#[derive(Default)]
pub struct Disk {
    names: RefCell<BTreeMap<PathBuf, Rc<[String]>>>,
    folders: RefCell<BTreeMap<(PathBuf, String), bool>>,
}

impl Disk {
    /// The names in a folder, sorted.
    pub fn names(&self, folder: &Path) -> Rc<[String]> {
        if let Some(known) = self.names.borrow().get(folder) {
            return Rc::clone(known);
        }
        let entries = std::fs::read_dir(folder).into_iter().flatten().take(MOST_NAMES);
        let mut names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        let names: Rc<[String]> = names.into();
        self.names.borrow_mut().insert(folder.to_owned(), Rc::clone(&names));
        names
    }

    /// Whether the rest of a path is a folder that lies in what is mounted, or what is mounted is one itself.
    pub fn is_folder(&self, mounted: &Path, rest: &str) -> bool {
        let key = (mounted.to_owned(), rest.to_owned());
        if let Some(known) = self.folders.borrow().get(&key) {
            return *known;
        }
        let folder = if rest.is_empty() { mounted.to_owned() } else { mounted.join(rest) };
        let inside = || Some(folder.canonicalize().ok()?.starts_with(mounted.canonicalize().ok()?));
        let is_folder = folder.is_dir() && (rest.is_empty() || inside() == Some(true));
        self.folders.borrow_mut().insert(key, is_folder);
        is_folder
    }

    /// Whether files are known by their names alone in a folder: it is neither a whole source tree nor the system's.
    pub fn is_for_settings(&self, folder: &Path) -> bool {
        let system =
            TOPS.iter().any(|known| folder == Path::new(known)) || SYSTEM.iter().any(|known| folder.starts_with(known));
        !system
            && self.is_folder(folder, "")
            && !self.names(folder).iter().any(|name| WORKPLACE.contains(&name.as_str()))
    }
}
