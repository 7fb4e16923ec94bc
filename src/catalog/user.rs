//! Technologies of the user's own: a folder of files such as those of `checks/technologies/`.
//!
//! A file whose name no built-in technology has is a new one. One that has the name of a built-in adds to it, what it says first:
//! one line is enough for the image that a company has made of it. With `replace: true` it stands in its place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::mistake::{TechnologyError, place_of};
use super::{BUILT_IN, Catalog, Technology};
use crate::text::io_error;

/// A file of a technology larger than this is none.
const LARGEST: u64 = 1 << 20;

/// What is wrong with the user's technologies: nothing of them is used then.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(Vec<String>);

impl Mistakes {
    /// The catalogue was read before the folders were known.
    pub(super) fn too_late() -> Self {
        Self(vec!["technologies can be added only before the first of them is used".into()])
    }
}

/// A technology's file that was read.
struct Read {
    path: PathBuf,
    text: String,
    technology: Technology,
}

/// The built-in technologies with those of folders, the later before the earlier.
///
/// # Errors
///
/// Everything that is wrong with the files, each with its place and what was expected there.
pub fn catalog(folders: &[PathBuf]) -> Result<Catalog, Mistakes> {
    let mut mistakes = Vec::new();
    let mut known: BTreeMap<String, Technology> =
        BUILT_IN.technologies().iter().map(|technology| (technology.id.clone(), technology.clone())).collect();
    let mut own = BTreeSet::new();
    for folder in folders {
        let read = folder_of(folder, &mut mistakes);
        mistakes.extend(claimed_twice(&read));
        for Read { path, text, technology } in read {
            let id = technology.id.clone();
            let technology = match known.remove(&id) {
                Some(other) if !technology.replace => technology.added_to(other),
                _ => technology,
            };
            if let Err(error) = technology.check(&text) {
                mistakes.push(placed(&path, &error));
            }
            own.insert(id.clone());
            known.insert(id, technology);
        }
    }
    if mistakes.is_empty() {
        Ok(Catalog::with_own(known.into_values().collect(), &own))
    } else {
        Err(Mistakes(mistakes))
    }
}

/// The files of a folder, in the order of their names; what cannot be read is a mistake.
fn folder_of(folder: &Path, mistakes: &mut Vec<String>) -> Vec<Read> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            let reason = io_error(&error);
            mistakes.push(format!("the folder of technologies {} cannot be read: {reason}", folder.display()));
            return Vec::new();
        }
    };
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    paths.retain(|path| is_yaml(path) && !path.is_dir());
    paths.sort();
    if paths.is_empty() {
        mistakes.push(format!("no technologies are in {}: it has no .yaml file", folder.display()));
    }
    let mut read: Vec<Read> = Vec::new();
    for path in paths {
        match file(&path) {
            Ok(file) => match read.iter().find(|other| other.technology.id == file.technology.id) {
                Some(other) => mistakes.push(format!(
                    "{}: {} is of the same name: one of them must go",
                    path.display(),
                    other.path.display()
                )),
                None => read.push(file),
            },
            Err(mistake) => mistakes.push(mistake),
        }
    }
    read
}

fn file(path: &Path) -> Result<Read, String> {
    let unreadable = |reason: &str| format!("{} cannot be read: {reason}", path.display());
    let size = std::fs::metadata(path).map_err(|error| unreadable(&io_error(&error)))?.len();
    if size > LARGEST {
        return Err(unreadable("it is larger than 1 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&io_error(&error)))?;
    let id = path.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| unreadable("its name is no UTF-8"))?;
    let technology = Technology::read(id, &text).map_err(|error| placed(path, &error))?;
    Ok(Read { path: path.to_owned(), technology, text })
}

fn placed(path: &Path, error: &TechnologyError) -> String {
    format!("{}:{}:{}: {}", path.display(), error.line, error.column, error.reason)
}

/// What two files of a folder say of themselves, where only one can be right.
fn claimed_twice(files: &[Read]) -> Vec<String> {
    let mut claims = BTreeMap::<String, &Path>::new();
    let mut mistakes = Vec::new();
    for Read { path, text, technology } in files {
        for (kind, word) in technology.claims() {
            match claims.get(&format!("{kind} {word}")) {
                Some(other) if *other != path.as_path() => {
                    let (line, column) = place_of(text, word).unwrap_or((1, 1));
                    let (path, other) = (path.display(), other.display());
                    mistakes.push(format!("{path}:{line}:{column}: the {kind} `{word}` is that of {other} already"));
                }
                _ => drop(claims.insert(format!("{kind} {word}"), path)),
            }
        }
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Protocol;

    fn of(files: &[(&str, &str)]) -> Result<Catalog, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let said = |mistakes: Mistakes| mistakes.to_string().replace(&format!("{}/", folder.path().display()), "");
        catalog(&[folder.path().to_owned()]).map_err(said)
    }

    fn id<'a>(catalog: &'a Catalog, image: &str) -> Option<&'a str> {
        catalog.of_image(image).map(|technology| technology.id.as_str())
    }

    #[test]
    fn new_ones_are_known_and_built_in_ones_are_added_to() {
        let found = of(&[
            ("ledger.yaml", "name: Ledger\nimages: [acme/ledger, library/redis]\nports: {7000: http /up}\n"),
            (
                "kafka.yaml",
                "images: [acme/broker]\nclients: {addresses: [ACME_BROKERS]}\nports: {9092: tcp, 7: kafka}\n",
            ),
            ("README.md", "nothing of this is read"),
        ])
        .unwrap();
        assert_eq!(id(&found, "acme/ledger:1"), Some("ledger"));
        // What the user says of an image counts more than what is built in.
        assert_eq!(id(&found, "redis:7"), Some("ledger"));
        assert_eq!((id(&found, "acme/broker"), id(&found, "apache/kafka:4.1.0")), (Some("kafka"), Some("kafka")));
        let kafka = found.of_variable("ACME_BROKERS").unwrap().technology;
        assert_eq!((kafka.name.as_str(), kafka.default_port), ("Apache Kafka", Some(9092)));
        assert_eq!((kafka.ports[&9092].protocol, kafka.ports[&7].protocol), (Protocol::Tcp, Protocol::Kafka));
        assert!(found.of_variable("SPRING_KAFKA_BOOTSTRAP_SERVERS").is_some());
    }

    #[test]
    fn a_file_can_take_the_place_of_a_built_in_one() {
        let found = of(&[("kafka.yaml", "name: Ours\nreplace: true\nimages: [acme/broker]\n")]).unwrap();
        assert_eq!((id(&found, "acme/broker"), id(&found, "apache/kafka")), (Some("kafka"), None));
        assert!(found.of_scheme("kafka").is_none());
    }

    #[test]
    fn the_later_folder_counts_before_the_earlier() {
        let folders = ["http", "tcp"].map(|protocol| {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("name: Ledger {protocol}\nimages: [acme/ledger]\nports: {{7000: {protocol}}}\n");
            std::fs::write(folder.path().join("ledger.yml"), text).unwrap();
            folder
        });
        let paths: Vec<_> = folders.iter().map(|folder| folder.path().to_owned()).collect();
        let found = catalog(&paths).unwrap();
        assert_eq!(found.of_image("acme/ledger").unwrap().ports[&7000].protocol, Protocol::Tcp);
        assert_eq!(found.of_image("acme/ledger").unwrap().name, "Ledger tcp");
    }

    #[test]
    fn every_mistake_has_its_place_and_what_was_expected() {
        for (text, expected) in [
            (
                "name: X\nimage: [a/b]\n",
                &["x.yaml:2:1: the key `image` is not known here (did you mean `images`?)", "`clients`"][..],
            ),
            (
                "name: X\nclients:\n  address: [A]\n",
                &["x.yaml:3:3: the key `address` is not known here", "`addresses`, `hosts`, `peers`"],
            ),
            ("name: X\nports: {80: htp}\n", &["x.yaml:2:", "`htp`", "did you mean `http`?", "tcp, http, https"]),
            ("name: X\nports: {web: http}\n", &["x.yaml:2:9: a number from 0 to 65535 is expected here"]),
            ("name: X\nstore: 7\n", &["x.yaml:2:8:", "true or false"]),
            ("name: X\nports: 80\n", &["x.yaml:2:8: a mapping is expected here"]),
            ("name: X\nimages: redis\n", &["x.yaml:2:9: a list is expected here"]),
            ("name: X\nname: Y\n", &["x.yaml:2:1:", "`name`"]),
            ("name: X\nports: {80: http}\ndefault_port: 81\n", &["x.yaml:3:1:", "81", "ports"]),
            ("name: X\nimages: [acme/x, redis]\n", &["x.yaml:2:18:", "`redis`", "`library/redis`"]),
            ("name: X\nimages: ['acme/widget:1.0']\n", &["x.yaml:2:", "`acme/widget:1.0`", "`acme/widget`"]),
            ("name: X\nimages: [ghcr.io/acme/widget]\n", &["x.yaml:2:10:", "`ghcr.io/acme/widget`", "`acme/widget`"]),
            ("name: X\nimages: ['localhost:5000/acme/widget@sha256:00']\n", &["x.yaml:2:", "as `acme/widget`"]),
            ("name: X\nimages: ['redis:7']\n", &["`redis:7`", "as `library/redis`"]),
            ("name: X\nimages: [Acme/widget]\n", &["`Acme/widget`", "as `acme/widget`"]),
            ("name: X\nclients:\n  hosts: [redis-host]\n", &["x.yaml:3:11:", "`redis-host`", "`REDIS_HOST`"]),
            ("name: X\nschemes: [Redis]\n", &["x.yaml:2:11:", "`redis`"]),
            ("images: [acme/x]\n", &["x.yaml:1:1: `name` is missing"]),
            ("name: X\nfiles: [{paths: [/x.yml], format: yalm}]\n", &["x.yaml:2:", "`yalm`", "(did you mean `yaml`?)"]),
            ("name: X\nfiles: [{format: yaml}]\n", &["x.yaml:2:1:", "`paths`"]),
            ("name: [\n", &["x.yaml:"]),
            ("", &["x.yaml:1:1:"]),
        ] {
            let error = of(&[("x.yaml", text)]).unwrap_err();
            assert!(expected.iter().all(|part| error.contains(part)), "{text}: {error}");
            assert!(!error.contains('\n'), "{text}: {error}");
            println!("{error}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_nothing_is_half_read() {
        let error = of(&[
            ("a.yaml", "name: A\nimages: [acme/one]\n"),
            ("b.yaml", "name: B\nimages:\n  - acme/two\n  - acme/one\n"),
            ("b.yml", "name: B\n"),
            ("c.yaml", "name: C\ncolour: red\n"),
        ])
        .unwrap_err();
        let lines: Vec<_> = error.lines().collect();
        assert_eq!(lines.len(), 3, "{error}");
        assert!(error.contains("b.yaml:4:5: the image `acme/one` is that of a.yaml already"), "{error}");
        assert!(of(&[]).unwrap_err().contains("no .yaml file"));
        let nowhere = catalog(&["/nowhere/technologies".into()]).unwrap_err().to_string();
        assert!(nowhere.contains("/nowhere/technologies cannot be read"), "{nowhere}");
    }
}
