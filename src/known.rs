//! What a run knows before it looks at anything: the stack, what its files declare, and the configuration that is mounted.

use std::path::{Path, PathBuf};

use crate::catalog;
use crate::cli::Shared;
use crate::compose::{self, Project, at_hand};
use crate::config::{self, Config, ConfigError};
use crate::derive::files::MountedFile;
use crate::interrupt::Interrupt;
use crate::mounted::{self, Gathered, Whereabouts};
use crate::stack::connect::{self, Connection};
use crate::stack::error::StackError;
use crate::stack::surroundings::Surroundings;
use crate::stack::{PublishedAt, Stack, project, read};
use crate::text;

/// What is known of a stack.
#[derive(Default)]
pub struct Known {
    /// The stack as it runs, or as its files declare it.
    pub stack: Stack,
    /// What its files say, where they are at hand.
    pub project: Option<Project>,
    /// The configuration files that are mounted into its containers.
    pub files: Vec<MountedFile>,
    /// What users declare beside it.
    pub config: Config,
}

impl Known {
    /// Reads the project that is meant, as it runs, whatever else there is to know of it, and keeps the way to its engine.
    ///
    /// # Errors
    ///
    /// Why there is no engine, or no such project.
    pub async fn running(shared: &Shared) -> Result<(Connection, Self), Unknown> {
        let connection = connect::connect().await?;
        let (chosen, all) = project::choose(&connection, &selection(shared)).await?;
        for note in &chosen.notes {
            eprintln!("crosscheck: {note}");
        }
        let stack = read::read_listed(&connection, &chosen.name, all).await?;
        let project = declaration(&stack);
        let config = declared_by_users(shared, &folder_of(&stack, project.as_ref()), project.as_ref())?;
        let here = !stack.engine.apart && stack.engine.published_at == PublishedAt::Here;
        let whereabouts = if here { Whereabouts::Here } else { Whereabouts::Elsewhere };
        let mut gathered = mounted::from_disk(&stack, project.as_ref(), whereabouts);
        mounted::from_containers(&connection.docker, &mut gathered).await;
        Ok((connection, Self { stack, project, files: noted(gathered), config }))
    }

    /// The stack as it runs and the way to its engine, or as its files declare it where it does not run. `None` where the user
    /// has interrupted us.
    ///
    /// # Errors
    ///
    /// Why neither is known.
    pub async fn of_either(
        shared: &Shared,
        interrupt: &mut Interrupt,
    ) -> Result<Option<(Option<Connection>, Self)>, Unknown> {
        let Some(known) = interrupt.or(Self::running(shared)).await else { return Ok(None) };
        Ok(Some(match known {
            Ok((connection, known)) => (Some(connection), known),
            Err(why) => (None, Self::declared(shared, why)?),
        }))
    }

    /// The same as the files declare it; `why` it is not read as it runs is said.
    ///
    /// # Errors
    ///
    /// `why`, where no files are at hand or something else is wrong than that no engine answers or nothing runs; what is wrong
    /// with the files.
    fn declared(shared: &Shared, why: Unknown) -> Result<Self, Unknown> {
        let Unknown::Stack(
            why @ (StackError::Unreachable { .. } | StackError::Permission { .. } | StackError::NothingRuns { .. }),
        ) = why
        else {
            return Err(why);
        };
        let Some(known) = Self::of_files(shared)? else { return Err(Unknown::Nothing(why)) };
        match why {
            StackError::NothingRuns { project, .. } => {
                eprintln!("crosscheck: nothing of project `{project}` runs: this is the plan of its files");
            }
            why => eprintln!("crosscheck: {why}; this is the plan of the files"),
        }
        Ok(known)
    }

    /// Whether hosts outside the stack are looked at.
    #[must_use]
    pub fn external(&self, shared: &Shared) -> bool {
        shared.external || self.config.external
    }

    /// The stack that files at hand declare, whether or not it runs. `None` where there are no files.
    ///
    /// # Errors
    ///
    /// What is wrong with the files.
    pub fn of_files(shared: &Shared) -> Result<Option<Self>, Unknown> {
        let Some((name, project)) = at_hand::chosen(&selection(shared), &shared.profile, &Surroundings::here())? else {
            return Ok(None);
        };
        if project.services.is_empty() && !project.inactive.is_empty() {
            let names: Vec<_> = project.inactive.iter().map(String::as_str).collect();
            eprintln!("crosscheck: no profile is active that has {}: name one with --profile", text::list(&names));
        }
        let config = declared_by_users(shared, &project.directory, Some(&project))?;
        let stack = compose::as_stack(&project, &name);
        let files = noted(mounted::from_disk(&stack, Some(&project), Whereabouts::Declared));
        Ok(Some(Self { stack, project: Some(project), files, config }))
    }
}

/// Why nothing is known of a stack.
#[derive(Debug, thiserror::Error)]
pub enum Unknown {
    /// There is no stack to look at.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// There is no stack to look at, and no file that says what would be one.
    #[error("{0}; no compose file is here either: go to the folder of one, or name it with -f")]
    Nothing(StackError),
    /// What users declare beside it is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Technologies of their own are wrong.
    #[error(transparent)]
    Technologies(#[from] catalog::user::Mistakes),
}

/// What users declare, their technologies put to use: a mistake in it keeps anything from being looked at, since half of it
/// says something else.
fn declared_by_users(shared: &Shared, folder: &Path, project: Option<&Project>) -> Result<Config, Unknown> {
    let config = config::read(shared.config.as_deref(), folder, project, &Surroundings::here())?;
    for note in &config.notes {
        eprintln!("crosscheck: {note}");
    }
    catalog::install(&[config.technologies.as_slice(), &shared.technologies].concat())?;
    Ok(config)
}

/// The folder that a running project was started from, where it is on this machine, else the working folder.
fn folder_of(stack: &Stack, project: Option<&Project>) -> PathBuf {
    let said = stack.source.as_ref().map(|source| PathBuf::from(&source.directory)).filter(|folder| folder.is_dir());
    project.map(|project| project.directory.clone()).or(said).unwrap_or_else(|| Surroundings::here().directory)
}

/// What the user said about the project.
fn selection(shared: &Shared) -> project::Selection {
    project::Selection {
        project: shared.project_name.clone(),
        files: shared.file.clone(),
        directory: shared.project_directory.clone(),
        env_files: shared.env_file.clone(),
    }
}

/// What the files of a running stack say now. Files that cannot be read keep nothing from being looked at.
fn declaration(stack: &Stack) -> Option<Project> {
    match at_hand::of(stack, &Surroundings::here())? {
        Ok(project) => Some(project),
        Err(error) => {
            eprintln!("crosscheck: {error}; places in files are not told, and what `x-crosscheck` says is not known");
            None
        }
    }
}

/// The files that were read; what could not be is said.
fn noted(gathered: Gathered) -> Vec<MountedFile> {
    for note in &gathered.notes {
        eprintln!("crosscheck: {note}; connections in it are not planned");
    }
    gathered.files
}
