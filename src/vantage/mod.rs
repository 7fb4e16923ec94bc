//! Ways to run the same probe somewhere: here, in a container's namespaces, in a container beside it.
//!
//! A way only decides where the probe's process runs; what it sees is the same by each.

mod agent;
mod attached;
mod clean;
mod container;
pub mod enter;
mod exec;
mod frames;
pub mod guest;
mod image;
mod line;
#[cfg(target_os = "linux")]
mod namespaces;
mod netns;
mod now;
mod pace;
#[cfg(target_os = "linux")]
mod privileges;
mod program;
mod remote;
mod session;
mod sidecar;
pub mod switchboard;
mod ways;

use std::time::Duration;

use bollard::errors::Error;

pub use self::clean::{Cleaned, clean, sweep};
pub use self::session::{Session, Sessions};
pub use self::ways::Ways;

use crate::text;

/// The label of everything that crosscheck makes; its value names the run.
pub const LABEL: &str = "dev.crosscheck";

/// The label that says when a container's run is certainly over, in seconds since 1970.
pub const EXPIRES: &str = "dev.crosscheck.expires";

/// How long a run may last before another takes what it left for abandoned.
const LONGEST_RUN: Duration = Duration::from_secs(60 * 60);

/// How containers are entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Via {
    /// Through namespaces where that can be, else with a sidecar.
    #[default]
    Auto,
    /// Through namespaces, as root on the engine's machine.
    Netns,
    /// With a container beside each.
    Sidecar,
    /// By putting the probe into each container for a moment; needs a root file system that can be written.
    Exec,
    /// Through namespaces, from one container that may see the host's processes and enter their namespaces.
    Agent,
}

/// Why nothing can be seen from a vantage, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CannotLook(String);

impl CannotLook {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// What the engine answered, in one safe line.
pub(crate) fn engine_says(what: &str, error: &Error) -> String {
    let answer = match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::RequestTimeoutError => "the engine did not answer in time".into(),
        other => other.to_string(),
    };
    text::line(&format!("{what}: {answer}"), 400)
}
