//! What users declare: `crosscheck.yaml` beside the compose file, and the same under `x-crosscheck` in it.
//!
//! [`mod@format`] is what may be written, [`typed`] reads it with places, [`expected`] and [`silence`] say what it means.

pub mod expected;
pub mod format;
pub mod init;
pub mod silence;

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::expected::Expectation;
use self::format::File;
use self::silence::Silence;
use crate::compose::source::{Place, Sources};
use crate::compose::typed::{self, Mistake};
use crate::compose::yaml::{self, Node, Value};
use crate::compose::{self, EXTENSION, Project};
use crate::derive::places::location;
use crate::plan::Location;
use crate::stack::surroundings::{Surroundings, absolute};
use crate::text;

/// The names of the file, in the order in which they are looked for.
pub const NAMES: [&str; 2] = ["crosscheck.yaml", "crosscheck.yml"];

/// What users declare. Not `Debug`: targets may hold credentials.
#[derive(Default)]
pub struct Config {
    /// The file that was read, where there is one.
    pub path: Option<PathBuf>,
    /// The connections that they expect, in their order.
    pub expect: Vec<Expectation>,
    /// What does not count.
    pub silence: Vec<Silence>,
    /// The time for each check.
    pub timeout: Option<Duration>,
    /// Folders with technologies of their own.
    pub technologies: Vec<PathBuf>,
    /// Whether hosts outside the stack are looked at.
    pub external: bool,
    /// What is to be said of it, and is no mistake.
    pub notes: Vec<String>,
}

/// What is wrong with what users declare.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {}", text::line(file, 300), shown(*at), text::line(reason, 1000))]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Line and column, from 1.
    pub at: Option<(u32, u32)>,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

fn shown(at: Option<(u32, u32)>) -> impl Display {
    struct At(Option<(u32, u32)>);
    impl Display for At {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
        }
    }
    At(at)
}

impl ConfigError {
    /// Something that is wrong at a place.
    #[must_use]
    pub fn at(location: &Location, reason: impl Into<String>) -> Self {
        Self { file: location.file.clone(), at: Some((location.line, location.column)), reason: reason.into() }
    }
}

/// A file of users, to say where things stand in it.
struct Within<'a> {
    sources: &'a Sources,
    /// The folder from which paths in it start.
    folder: &'a Path,
    /// The working folder.
    here: &'a Path,
}

impl Within<'_> {
    fn location(&self, place: Place) -> Location {
        location(self.sources, place, self.here)
    }

    /// Whether variables may have been filled in there: what they hold may be a secret, and no message repeats it.
    fn is_filled(&self, place: Place) -> bool {
        may_hold_variables(&self.sources.written(place))
    }

    fn spot(&self, place: Place) -> Spot {
        Spot { location: self.location(place), filled: self.is_filled(place) }
    }
}

/// Whether a text as it is written may have variables in it; in quotes, `$` may be written as an escape.
fn may_hold_variables(written: &str) -> bool {
    written.contains(['$', '\\'])
}

/// Where something stands, and whether variables may have been filled in there.
#[derive(Clone, Debug)]
struct Spot {
    location: Location,
    filled: bool,
}

/// Reads what users declare: the file that is named, else `crosscheck.yaml` in `folder`, which is the project's; and what the
/// compose files say under `x-crosscheck`.
///
/// # Errors
/// The first thing that is wrong with it; a file that is named and cannot be read.
pub fn read(
    named: Option<&Path>,
    folder: &Path,
    project: Option<&Project>,
    around: &Surroundings,
) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    let path = match named {
        Some(path) => Some(around.absolute(path)),
        None => beside(folder, &around.directory)?,
    };
    if let Some(path) = path {
        let variables = project.map_or(&around.variables, |project| &project.variables);
        let look = |name: &str| variables.get(name).cloned();
        config.file(&path, &look, &around.directory)?;
        config.path = Some(path);
    }
    if let Some((project, extension)) = project.and_then(|project| Some((project, project.extension.as_ref()?))) {
        let within = Within { sources: &project.sources, folder: &project.directory, here: &around.directory };
        config.node(extension.clone(), &within)?;
    }
    for (project, key) in project.iter().flat_map(|project| project.misspelt.iter().map(move |key| (project, key))) {
        let at = location(&project.sources, key.place, &around.directory);
        let (file, name) = (text::line(&at.file, 200), text::line(&key.value, 60));
        config
            .notes
            .push(format!("{file}:{}:{}: `{name}` is not read: did you mean `{EXTENSION}`?", at.line, at.column));
    }
    Ok(config)
}

/// The file in a folder. One that is there and cannot be read is a mistake: what it declares must not be lost in silence.
fn beside(folder: &Path, here: &Path) -> Result<Option<PathBuf>, ConfigError> {
    let paths = NAMES.iter().map(|name| folder.join(name));
    let mut found = paths.filter(|path| path.symlink_metadata().is_ok());
    let (Some(first), second) = (found.next(), found.next()) else { return Ok(None) };
    let wrong = |path: &Path, reason: String| Err(ConfigError { file: shown_path(path, here), at: None, reason });
    if let Some(second) = second {
        return wrong(&second, format!("{} lies beside it and is the one that is read: this one must go", NAMES[0]));
    }
    match first.metadata() {
        Ok(metadata) if metadata.is_dir() => wrong(&first, "it is a folder".into()),
        Ok(metadata) if !metadata.is_file() => wrong(&first, "it is no file".into()),
        Ok(_) => Ok(Some(first)),
        Err(error) if first.is_symlink() => {
            wrong(&first, format!("it is a link that leads nowhere: {}", text::io_error(&error)))
        }
        Err(error) => wrong(&first, text::io_error(&error)),
    }
}

/// A path as it is shown, from the working folder on.
fn shown_path(path: &Path, here: &Path) -> String {
    let rest = path.strip_prefix(here).unwrap_or(path);
    if rest.as_os_str().is_empty() { ".".into() } else { rest.display().to_string() }
}

impl Within<'_> {
    fn error(&self, mistake: Mistake) -> ConfigError {
        match mistake.place {
            Some(place) => ConfigError::at(&self.location(place), mistake.reason),
            None => ConfigError { file: EXTENSION.into(), at: None, reason: mistake.reason },
        }
    }
}

impl Config {
    fn file(&mut self, path: &Path, look: &dyn Fn(&str) -> Option<String>, here: &Path) -> Result<(), ConfigError> {
        let wrong = |reason| ConfigError { file: shown_path(path, here), at: None, reason };
        let text = compose::from_disk(path).map_err(wrong)?;
        self.text(path, &text, look, here)
    }

    /// Adds what the text of a file says. Variables are filled in as in compose files; `here` is the working folder.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn text(
        &mut self,
        path: &Path,
        text: &str,
        look: &dyn Fn(&str) -> Option<String>,
        here: &Path,
    ) -> Result<(), ConfigError> {
        let mut sources = Sources::default();
        let file = sources.add(path.to_owned(), text);
        let within = Within { sources: &sources, folder: path.parent().unwrap_or(Path::new("/")), here };
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let mut documents = yaml::parse(&sources.get(file).text, file).map_err(|wrong| ConfigError {
            file: shown_path(path, here),
            at: Some((number(wrong.line), number(wrong.column))),
            reason: wrong.reason,
        })?;
        documents.retain(|document| document.value != Value::Null);
        if let Some(second) = documents.get(1) {
            return Err(
                within.error(Mistake::new(second.place, "there is one document in this file, and this is another"))
            );
        }
        let Some(mut document) = documents.pop() else { return Ok(()) };
        compose::fill(&mut document, look).map_err(|wrong| within.error(Mistake::new(wrong.place, wrong.reason)))?;
        self.node(document, &within)
    }

    /// Adds what a document says. Keys that begin with `x-` are the user's own, mostly for anchors.
    fn node(&mut self, mut document: Node, within: &Within) -> Result<(), ConfigError> {
        match &mut document.value {
            Value::Null => return Ok(()),
            Value::Map(entries) => entries.retain(|entry| !entry.key.starts_with("x-")),
            Value::Text(_) | Value::List(_) => {}
        }
        let read: File = typed::read(&document).map_err(|mistake| within.error(mistake))?;
        self.add(read, within)
    }

    /// Adds what a file says; what was said before wins where only one thing can hold.
    fn add(&mut self, file: File, within: &Within) -> Result<(), ConfigError> {
        for expected in file.expect {
            expected::read(expected, within, &mut self.expect)?;
        }
        for silenced in file.silence {
            self.silence.push(silence::read(silenced, within)?);
        }
        self.timeout = self.timeout.or(file.timeout.map(|time| time.value.0));
        for folder in file.technologies.0 {
            let path = absolute(within.folder, Path::new(&folder.value));
            if !path.is_dir() {
                let name = if within.is_filled(folder.place) { "***".into() } else { text::line(&folder.value, 200) };
                return Err(ConfigError::at(&within.location(folder.place), format!("there is no folder {name:?}")));
            }
            self.technologies.push(path);
        }
        self.external |= file.external.unwrap_or_default();
        Ok(())
    }
}

#[cfg(test)]
mod beside_tests;
#[cfg(test)]
mod tests;
