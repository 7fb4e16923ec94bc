//! Which compose files are at hand and what Compose would call their project, found as Compose finds them.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use super::dotenv;
use super::error::StackError;
use super::interpolate::interpolate;
use super::project::Selection;
use super::surroundings::Surroundings;
use crate::compose::yaml::{self, YamlError};
use crate::text;

/// The names that Compose looks for, in its order of preference.
const FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
/// The names of the file that Compose adds to one that it found by itself.
const OVERRIDES: [&str; 4] =
    ["compose.override.yml", "compose.override.yaml", "docker-compose.override.yml", "docker-compose.override.yaml"];
/// A compose or `.env` file larger than this is none.
const LARGEST: u64 = 16 << 20;

/// What is at hand: files, folder, variables. Not `Debug`: variables hold secrets.
#[derive(Clone, Default)]
pub struct Declaration {
    /// The compose files, absolute, in the order in which they are merged. Empty where there are none.
    pub files: Vec<PathBuf>,
    /// The project's folder, absolute.
    pub directory: PathBuf,
    /// The variables that files may refer to: the environment, then the `.env` files.
    pub variables: BTreeMap<String, String>,
}

/// What gave a project its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// `-p` or `--project-name`.
    Option,
    /// `COMPOSE_PROJECT_NAME`, in the environment or a `.env` file.
    Variable,
    /// `name:` in this file.
    File(PathBuf),
    /// The project's folder.
    Folder(PathBuf),
}

impl Display for NamedBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => write!(f, "given with -p"),
            Self::Variable => write!(f, "from COMPOSE_PROJECT_NAME"),
            Self::File(path) => write!(f, "from `name:` in {}", path.display()),
            Self::Folder(path) => write!(f, "after the folder {}", path.display()),
        }
    }
}

/// Finds the compose files and the variables that hold for them.
///
/// # Errors
///
/// A file that was named and cannot be read, or a `.env` file that is not one.
pub fn find(selection: &Selection, surroundings: &Surroundings) -> Result<Declaration, StackError> {
    let mut variables = surroundings.variables.clone();
    let given: Vec<_> = selection.files.iter().map(|file| surroundings.absolute(file)).collect();
    if selection.files.iter().any(|file| file.as_os_str() == "-") {
        return Err(StackError::StandardInput);
    }
    let folder = |files: &[PathBuf]| match (&selection.directory, files.first()) {
        (Some(directory), _) => surroundings.absolute(directory),
        (None, Some(file)) => file.parent().unwrap_or(file).to_path_buf(),
        (None, None) => surroundings.directory.clone(),
    };
    // Compose reads `.env` twice: for COMPOSE_FILE before it knows the project's folder, then from that folder.
    let first = folder(&given);
    add_env_files(selection, surroundings, &first, &mut variables)?;
    let files = if given.is_empty() { files_unnamed(&first, surroundings, &variables) } else { given };
    for file in &files {
        readable(file)?;
    }
    let directory = folder(&files);
    if directory != first {
        add_env_files(selection, surroundings, &directory, &mut variables)?;
    }
    Ok(Declaration { files, directory, variables })
}

/// `COMPOSE_FILE`, else the nearest compose file here or above and the override beside it.
fn files_unnamed(start: &Path, surroundings: &Surroundings, variables: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let variable = |name: &str| variables.get(name).map(String::as_str).filter(|value| !value.is_empty());
    if let Some(named) = variable("COMPOSE_FILE") {
        let separator = variable("COMPOSE_PATH_SEPARATOR").unwrap_or(":");
        let parts = named.split(separator).filter(|part| !part.is_empty());
        return parts.map(|part| surroundings.absolute(Path::new(part))).collect();
    }
    let beside = |folder: &Path, names: &[&str]| names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    for folder in start.ancestors() {
        if let Some(file) = beside(folder, &FILES) {
            return std::iter::once(file).chain(beside(folder, &OVERRIDES)).collect();
        }
    }
    Vec::new()
}

/// Adds what `.env` files say to what is known already, which wins.
fn add_env_files(
    selection: &Selection,
    surroundings: &Surroundings,
    directory: &Path,
    variables: &mut BTreeMap<String, String>,
) -> Result<(), StackError> {
    let mut named: Vec<_> = selection.env_files.iter().map(|file| surroundings.absolute(file)).collect();
    if named.is_empty() {
        let listed = surroundings.variable("COMPOSE_ENV_FILES").unwrap_or_default();
        let listed = listed.split(',').filter(|file| !file.is_empty());
        named = listed.map(|file| surroundings.absolute(Path::new(file))).collect();
    }
    if named.is_empty() {
        let disabled = surroundings.variable("COMPOSE_DISABLE_ENV_FILE").is_some_and(is_true);
        let default = directory.join(".env");
        if disabled || !default.is_file() {
            return Ok(());
        }
        named.push(default);
    }
    let mut read = BTreeMap::new();
    for file in named {
        let content = content(&file)?;
        let known = |name: &str| variables.get(name).or_else(|| read.get(name)).cloned();
        let more = dotenv::parse(&content, &known).map_err(|(line, reason)| StackError::EnvFile {
            path: file.display().to_string(),
            line,
            reason,
        })?;
        read.extend(more);
    }
    for (name, value) in read {
        variables.entry(name).or_insert(value);
    }
    Ok(())
}

fn is_true(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "1" | "t" | "true" | "y" | "yes")
}

impl Declaration {
    /// What Compose calls this project, and why. `None` where no files are at hand and nothing names one.
    ///
    /// # Errors
    ///
    /// A name that Compose refuses, or a file that cannot be read as far as its name.
    pub fn name(&self, selection: &Selection) -> Result<Option<(String, NamedBy)>, StackError> {
        if let Some(named) = self.named(selection) {
            return Ok(Some(named));
        }
        if self.files.is_empty() {
            return Ok(None);
        }
        for file in self.files.iter().rev() {
            let Some(raw) = top_level_name(file)? else { continue };
            let look = |name: &str| self.variables.get(name).cloned();
            let name = interpolate(&raw, &look)
                .map_err(|reason| StackError::Name { path: file.display().to_string(), reason })?;
            let name = normalized(&name);
            if !name.is_empty() {
                return Ok(Some((name, NamedBy::File(file.clone()))));
            }
            break;
        }
        let name = normalized(&self.directory.file_name().unwrap_or_default().to_string_lossy());
        if name.is_empty() {
            return Err(StackError::NoName { directory: self.directory.display().to_string() });
        }
        Ok(Some((name, NamedBy::Folder(self.directory.clone()))))
    }

    /// The name that was given outside the files, which nothing overrides.
    pub(super) fn named(&self, selection: &Selection) -> Option<(String, NamedBy)> {
        let option = selection.project.as_ref().filter(|name| !name.is_empty());
        let variable = self.variables.get("COMPOSE_PROJECT_NAME").filter(|name| !name.is_empty());
        let option = option.map(|name| (name.clone(), NamedBy::Option));
        option.or_else(|| variable.map(|name| (name.clone(), NamedBy::Variable)))
    }
}

/// A name as Compose writes it: lower case, nothing but letters, digits, `-` and `_`, starting with a letter or digit.
#[must_use]
pub fn normalized(name: &str) -> String {
    let kept: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

/// `name:` of the last document that has one.
fn top_level_name(file: &Path) -> Result<Option<String>, StackError> {
    let content = content(file)?;
    let wrong = |error: YamlError| StackError::Yaml {
        path: file.display().to_string(),
        line: error.line,
        column: error.column,
        reason: error.reason,
    };
    let names = yaml::top_level(&content, "name").map_err(wrong)?;
    Ok(names.into_iter().rfind(|name| !name.is_empty()))
}

fn readable(file: &Path) -> Result<(), StackError> {
    let problem = match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_dir() => "is a folder".to_owned(),
        Ok(metadata) if metadata.len() > LARGEST => "is larger than 16 MiB".to_owned(),
        Ok(_) => match std::fs::File::open(file) {
            Ok(_) => return Ok(()),
            Err(error) => text::io_error(&error),
        },
        Err(error) => text::io_error(&error),
    };
    Err(StackError::File { path: file.display().to_string(), reason: problem })
}

fn content(file: &Path) -> Result<String, StackError> {
    readable(file)?;
    std::fs::read_to_string(file)
        .map_err(|error| StackError::File { path: file.display().to_string(), reason: text::io_error(&error) })
}
