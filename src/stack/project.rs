//! Which project is meant: what `docker compose` would take, or the one that was started from the files at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bollard::models::ContainerSummary;

use super::connect::Connection;
use super::declaration::{self, Declaration, NamedBy};
use super::error::StackError;
use super::read::{self, LABEL_FILES, LABEL_PROJECT, Listed};
use super::surroundings::Surroundings;
use crate::text;

/// What the user said about the project, with the options that Compose has too.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// `-p`, `--project-name`.
    pub project: Option<String>,
    /// `-f`, `--file`.
    pub files: Vec<PathBuf>,
    /// `--project-directory`.
    pub directory: Option<PathBuf>,
    /// `--env-file`.
    pub env_files: Vec<PathBuf>,
}

/// The project to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its name.
    pub name: String,
    /// What the user should know of how it was chosen.
    pub notes: Vec<String>,
}

/// A project that the engine knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    containers: usize,
    /// Those that run, pause or restart.
    alive: usize,
    files: BTreeSet<String>,
}

/// Chooses the project, and gives the list of containers that it was chosen from.
///
/// # Errors
///
/// No project, several, one of which nothing runs, or files that cannot be read.
pub async fn choose(connection: &Connection, selection: &Selection) -> Result<(Chosen, Listed), StackError> {
    let declaration = declaration_for(selection, &Surroundings::here())?;
    let all = read::list(connection).await?;
    let chosen = decide(selection, &declaration, &known(&all), &connection.endpoint)?;
    Ok((chosen, Listed(all)))
}

/// What is at hand. A project named with `-p` needs no files, so that none of their faults may hinder.
fn declaration_for(selection: &Selection, surroundings: &Surroundings) -> Result<Declaration, StackError> {
    match declaration::find(selection, surroundings) {
        Err(_) if selection.project.is_some() && selection.files.is_empty() && selection.env_files.is_empty() => {
            Ok(Declaration::default())
        }
        other => other,
    }
}

/// Every project that has containers, one-off ones aside.
fn known(all: &[ContainerSummary]) -> BTreeMap<String, Known> {
    let mut projects = BTreeMap::<String, Known>::new();
    for summary in all {
        let labels = summary.labels.as_ref();
        let Some(name) = labels.and_then(|labels| labels.get(LABEL_PROJECT)) else { continue };
        if read::is_one_off(summary) {
            continue;
        }
        let project = projects.entry(name.clone()).or_default();
        project.containers += 1;
        project.alive += usize::from(read::is_alive(summary));
        let files = labels.and_then(|labels| labels.get(LABEL_FILES)).map(String::as_str).unwrap_or_default();
        project.files.extend(files.split(',').filter(|file| !file.is_empty()).map(str::to_owned));
    }
    projects
}

fn decide(
    selection: &Selection,
    declaration: &Declaration,
    known: &BTreeMap<String, Known>,
    endpoint: &str,
) -> Result<Chosen, StackError> {
    let chosen = |name: &str, notes: Vec<String>| Ok(Chosen { name: name.to_owned(), notes });
    if let Some((name, by)) = declaration.named(selection) {
        return if known.contains_key(&name) {
            chosen(&name, vec![])
        } else {
            Err(absent(&name, &by, declaration, known))
        };
    }
    let Some(file) = declaration.files.first() else {
        return only_one(known, endpoint);
    };
    let from_file = started_from(&declaration.files, known);
    match from_file.as_slice() {
        [only] => {
            // A file that Compose cannot name a project after is no hindrance where the engine tells its project.
            let note = match declaration.name(selection) {
                Ok(Some((name, by))) if name != *only => {
                    vec![format!(
                        "took project {only}, which was started from {}; its name {by} would be {name}",
                        file.display()
                    )]
                }
                _ => vec![],
            };
            chosen(only, note)
        }
        [] => match declaration.name(selection)? {
            Some((name, _)) if known.contains_key(&name) => chosen(&name, vec![]),
            Some((name, by)) => Err(absent(&name, &by, declaration, known)),
            None => only_one(known, endpoint),
        },
        several => match declaration.name(selection)? {
            Some((name, _)) if several.contains(&name.as_str()) => chosen(&name, vec![]),
            _ => Err(StackError::SeveralOfFile {
                file: file.display().to_string(),
                projects: counts(known.iter().filter(|(name, _)| several.contains(&name.as_str()))),
            }),
        },
    }
}

/// The projects that were started from these files; where some were started from all of them, only those.
fn started_from<'a>(files: &[PathBuf], known: &'a BTreeMap<String, Known>) -> Vec<&'a str> {
    let wanted: Vec<_> = files.iter().map(|file| resolved(file)).collect();
    let mut from_all = Vec::new();
    let mut from_first = Vec::new();
    for (name, project) in known {
        let theirs: BTreeSet<_> = project.files.iter().map(|file| resolved(Path::new(file))).collect();
        if wanted.iter().all(|file| theirs.contains(file)) {
            from_all.push(name.as_str());
        }
        if wanted.first().is_some_and(|file| theirs.contains(file)) {
            from_first.push(name.as_str());
        }
    }
    if from_all.is_empty() { from_first } else { from_all }
}

/// The path without symbolic links; as it is where it does not exist here.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// Nothing chooses: the only project that runs.
fn only_one(known: &BTreeMap<String, Known>, endpoint: &str) -> Result<Chosen, StackError> {
    let alive: Vec<_> = known.iter().filter(|(_, project)| project.alive > 0).collect();
    match alive.as_slice() {
        [(name, _)] => Ok(Chosen {
            name: (*name).clone(),
            notes: vec![format!("no compose file here: took {}, the only project that runs", text::line(name, 80))],
        }),
        [] => {
            let stopped = match counts(known.iter()) {
                stopped if stopped.is_empty() => stopped,
                stopped => format!("; there are only {stopped}"),
            };
            Err(StackError::NoProject { endpoint: endpoint.to_owned(), stopped })
        }
        _ => Err(StackError::Several { projects: counts(alive.into_iter()) }),
    }
}

/// A project that was named, or follows from the files, and has no containers.
fn absent(name: &str, by: &NamedBy, declaration: &Declaration, known: &BTreeMap<String, Known>) -> StackError {
    let proper = declaration::normalized(name);
    if proper != name {
        let nearest = nearest(name, known).map_or(proper, str::to_owned);
        return StackError::BadName { name: text::line(name, 80), origin: by.to_string(), instead: nearest };
    }
    let mut help = Vec::new();
    if !declaration.files.is_empty() {
        let option = if *by == NamedBy::Option { format!(" -p {name}") } else { String::new() };
        help.push(format!("start it with `docker compose{option} up -d`"));
    }
    if let Some(nearest) = nearest(name, known) {
        help.push(format!("did you mean `{}`?", text::line(nearest, 80)));
    }
    if known.is_empty() {
        help.push("no other project runs either".to_owned());
    } else {
        help.push(format!("choose one that there is with -p: {}", counts(known.iter())));
    }
    StackError::NothingRuns { project: name.to_owned(), origin: by.to_string(), help: help.join("; ") }
}

/// The project whose name is most like this one, if it is at all alike.
fn nearest<'a>(name: &str, known: &'a BTreeMap<String, Known>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let scored = known.keys().map(|other| (strsim::jaro_winkler(&name, other), other.as_str()));
    scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, other)| other)
}

/// `shop (7 containers), blog (2 containers, stopped)`.
fn counts<'a>(projects: impl Iterator<Item = (&'a String, &'a Known)>) -> String {
    const MOST: usize = 12;
    let mut shown: Vec<_> = projects
        .map(|(name, project)| {
            let stopped = if project.alive == 0 { ", stopped" } else { "" };
            format!("{} ({}{stopped})", text::line(name, 80), text::count(project.containers, "container"))
        })
        .collect();
    let rest = shown.len().saturating_sub(MOST);
    if rest > 0 {
        shown.truncate(MOST);
        shown.push(format!("{rest} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
