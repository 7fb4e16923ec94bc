//! The files that compose files name, and from which a container is made as well: `env_file`, `extends`, `include`.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::compose::yaml::{self, Node, Value};
use crate::stack::Source;

/// How many compose files are read at most.
const MOST_FILES: usize = 64;
/// A compose file larger than this, in bytes, is not read.
const LARGEST: u64 = 1 << 20;

/// All files that are named, whether or not they are there; those whose names are made of variables are not known. What cannot
/// be read names none.
#[must_use]
pub fn of(source: &Source) -> BTreeSet<PathBuf> {
    let base = PathBuf::from(&source.directory);
    let mut waiting: VecDeque<_> = source.files.iter().map(|file| (PathBuf::from(file), base.clone())).collect();
    let (mut read, mut named) = (BTreeSet::new(), BTreeSet::new());
    while let Some((file, base)) = waiting.pop_front() {
        if read.len() >= MOST_FILES || !read.insert(file.clone()) {
            continue;
        }
        for document in documents(&file) {
            let found = Found::of(&document, &base);
            named.extend(found.plain);
            named.extend(found.compose.iter().map(|(file, _)| file.clone()));
            waiting.extend(found.compose);
        }
    }
    named
}

fn documents(file: &Path) -> Vec<Node> {
    let is_small = |metadata: &std::fs::Metadata| metadata.is_file() && metadata.len() <= LARGEST;
    let content = std::fs::metadata(file).ok().filter(is_small).and_then(|_| std::fs::read_to_string(file).ok());
    content.and_then(|content| yaml::parse(&content, 0).ok()).unwrap_or_default()
}

/// What one file names.
#[derive(Default)]
struct Found {
    plain: Vec<PathBuf>,
    /// Compose files, each with the folder to which what it names is relative.
    compose: Vec<(PathBuf, PathBuf)>,
}

impl Found {
    fn of(document: &Node, base: &Path) -> Self {
        let mut found = Self::default();
        for service in document.get("services").into_iter().flat_map(Node::entries).map(|entry| &entry.node) {
            found.plain.extend(paths(service.get("env_file"), base));
            for file in paths(service.get("extends").and_then(|extends| extends.get("file")), base) {
                let folder = file.parent().unwrap_or(base).to_path_buf();
                found.compose.push((file, folder));
            }
        }
        for include in list(document.get("include")) {
            let files = paths(if include.entries().is_empty() { Some(include) } else { include.get("path") }, base);
            let directory = paths(include.get("project_directory"), base).pop();
            let directory = directory.or_else(|| Some(files.first()?.parent()?.to_path_buf()));
            let variables = paths(include.get("env_file"), base);
            let default = directory.iter().filter(|_| variables.is_empty()).map(|directory| directory.join(".env"));
            found.plain.extend(default);
            found.plain.extend(variables);
            for file in files {
                found.compose.push((file, directory.clone().unwrap_or_else(|| base.to_path_buf())));
            }
        }
        found
    }
}

/// One entry, or a list of them.
fn list(node: Option<&Node>) -> &[Node] {
    match node {
        None => &[],
        Some(node) => match &node.value {
            Value::List(all) => all,
            Value::Null => &[],
            _ => std::slice::from_ref(node),
        },
    }
}

/// The paths that stand in an entry or a list, each as text or as `path:`, joined to the folder.
fn paths(node: Option<&Node>, base: &Path) -> Vec<PathBuf> {
    let one = |entry: &Node| {
        let path = entry.as_text().or_else(|| entry.get("path")?.as_text())?;
        (!path.is_empty() && !path.contains(['$', '~']) && !path.contains("://")).then(|| base.join(path))
    };
    list(node).iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_followed_as_far_as_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            std::fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), content).unwrap();
        };
        write(
            "compose.yaml",
            "x-common: &common { env_file: common.env }\n\
             include:\n  - parts/db.yaml\n  - { path: [parts/a.yaml], project_directory: other, env_file: a.env }\n  - oci://registry/x\n\
             services:\n  app: { <<: *common, extends: { file: base/app.yaml, service: app } }\n  \
             web: { env_file: [web.env, { path: more.env, required: false }, \"$FILE\"] }\n  same: { extends: { service: web } }\n  \
             alike: { extends: web }\n",
        );
        write("parts/db.yaml", "include: [../compose.yaml]\nservices: { db: { env_file: db.env } }");
        write("parts/a.yaml", "services: { a: { env_file: a2.env } }");
        write("base/app.yaml", "services: { app: { env_file: ./app.env } }");
        let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let source = Source { directory: file(""), files: vec![file("compose.yaml")], env_files: Vec::new() };
        let found: Vec<_> =
            of(&source).iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        for wanted in [
            "common.env",
            "web.env",
            "more.env",
            "a.env",
            "parts/db.yaml",
            "parts/db.env",
            "parts/.env",
            "parts/a.yaml",
            "other/a2.env",
            "base/app.yaml",
            "base/app.env",
        ] {
            assert!(found.iter().any(|path| path.replace("/./", "/") == wanted), "{wanted}: {found:?}");
        }
        assert!(!found.iter().any(|path| path.contains('$') || path.contains("oci")), "{found:?}");
        write("compose.yaml", "services: [");
        assert!(of(&source).is_empty());
    }
}
