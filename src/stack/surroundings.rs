//! What decides where the engine is and what the project is called: the process's environment, taken once.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Variables, home folder and working folder, as this process has them or as a test wants them.
///
/// Not `Debug`: variables hold secrets.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The user's home folder, where there is one.
    pub home: Option<PathBuf>,
    /// The working folder, absolute.
    pub directory: PathBuf,
}

impl Surroundings {
    /// Those of this process. Names and values that are not UTF-8 are left out: none that Docker or Compose reads is.
    #[must_use]
    pub fn here() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }

    /// A variable's value; an empty one counts as unset, as it does for Docker and Compose.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A path as this process means it: absolute, `.` and `..` resolved in the text alone, as Compose writes labels.
    #[must_use]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        absolute(&self.directory, path)
    }

    /// Docker's folder of settings: `DOCKER_CONFIG`, else `~/.docker`.
    #[must_use]
    pub fn docker_folder(&self) -> Option<PathBuf> {
        match self.variable("DOCKER_CONFIG") {
            Some(folder) => Some(self.absolute(Path::new(folder))),
            None => self.home.as_ref().map(|home| home.join(".docker")),
        }
    }
}

/// A path from a folder, without a look at the disk: the file may be on another machine, or not be there yet.
#[must_use]
pub fn absolute(folder: &Path, path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_in_the_text() {
        let here = Surroundings { directory: "/a/b".into(), ..Surroundings::default() };
        for (given, wanted) in
            [("c.yaml", "/a/b/c.yaml"), ("../c.yaml", "/a/c.yaml"), ("./x/../c", "/a/b/c"), ("/c/./d", "/c/d")]
        {
            assert_eq!(here.absolute(Path::new(given)), Path::new(wanted));
        }
    }
}
