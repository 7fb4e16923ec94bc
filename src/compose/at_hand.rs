//! The declaration that is at hand: that of a stack which runs, or that of one which could.

use super::{ComposeError, Project, Set, from_disk, read};
use crate::stack::Stack;
use crate::stack::declaration::{self, Declaration};
use crate::stack::error::StackError;
use crate::stack::project::Selection;
use crate::stack::surroundings::Surroundings;

/// The project that a running stack was started from, where its files are on this machine: `None` where they are not.
/// All its profiles count: what runs was started.
///
/// # Errors
///
/// What is wrong with the files as they are now.
pub fn of(stack: &Stack, here: &Surroundings) -> Option<Result<Project, StackError>> {
    let source = stack.source.as_ref()?;
    let selection = Selection {
        project: Some(stack.project.clone()),
        files: source.files.iter().map(Into::into).collect(),
        directory: Some(source.directory.clone().into()),
        env_files: source.env_files.iter().map(Into::into).collect(),
    };
    let all_here = selection.files.iter().all(|file| file.is_absolute() && file.is_file());
    if selection.files.is_empty() || !all_here {
        return None;
    }
    let read = declaration::find(&selection, here).and_then(|found| Ok(load(found, &["*".to_owned()])?));
    Some(read)
}

/// The project that options and working folder mean, and its name. `None` where no compose file is at hand.
///
/// # Errors
///
/// What is wrong with the files, or with their project's name.
pub fn chosen(
    selection: &Selection,
    profiles: &[String],
    here: &Surroundings,
) -> Result<Option<(String, Project)>, StackError> {
    let found = declaration::find(selection, here)?;
    if found.files.is_empty() {
        return Ok(None);
    }
    let name = found.name(selection)?.map(|(name, _)| name).unwrap_or_default();
    let mut active = profiles.to_vec();
    let said = found.variables.get("COMPOSE_PROFILES").map(String::as_str).unwrap_or_default();
    if active.is_empty() {
        active.extend(said.split(',').map(|profile| profile.trim().to_owned()));
    }
    Ok(Some((name, load(found, &active)?)))
}

fn load(found: Declaration, profiles: &[String]) -> Result<Project, ComposeError> {
    let set = Set { files: found.files, directory: found.directory, variables: found.variables };
    read(&set, profiles, &from_disk)
}
