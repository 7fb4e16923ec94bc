//! Ways to run the same probe somewhere: here, in a container's namespaces, in a container beside it.
//!
//! A way only decides where the probe's process runs; what it sees is the same by each.

mod clean;
pub mod enter;
mod image;
mod netns;
mod privileges;
mod remote;
mod session;
mod sidecar;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::InspectContainerOptions;
use tokio::time::timeout;

pub use self::clean::{Cleaned, clean, sweep};
pub use self::session::Session;

use self::enter::Enter;
use self::netns::Children;
use self::remote::Remote;
use self::sidecar::Sidecars;
use crate::plan::Vantage;
use crate::stack::{Container, Stack, Status};
use crate::text;

/// The label of everything that crosscheck makes; its value names the run.
pub const LABEL: &str = "dev.crosscheck";

/// The label that says when a container's run is certainly over, in seconds since 1970.
pub const EXPIRES: &str = "dev.crosscheck.expires";

/// How long a run may last before another takes what it left for abandoned.
const LONGEST_RUN: Duration = Duration::from_secs(60 * 60);

/// How long the engine may take to say what became of a container.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// The ways of one run, and everything that the run makes.
#[derive(Debug)]
pub struct Ways {
    docker: Option<Docker>,
    via: Via,
    run: String,
    executable: PathBuf,
    /// The containers, by id, that can be entered through namespaces, and those that cannot after all.
    enterable: Mutex<BTreeSet<String>>,
    children: Children,
    sidecars: Option<Arc<Sidecars>>,
    /// Whether the engine's own network may be another than this machine's.
    apart: bool,
    /// How long probes may take to end by themselves; zero where they have nothing to put away.
    grace: Duration,
}

impl Ways {
    /// Decides how containers are entered. `probe_executable` is this program, as the image of a sidecar holds it.
    ///
    /// # Errors
    /// When a way was asked for that cannot be taken.
    #[expect(
        clippy::unused_async,
        reason = "callers await the decision; asking the engine for more must not change them"
    )]
    pub async fn new(
        docker: Option<Docker>,
        stack: &Stack,
        via: Via,
        probe_executable: PathBuf,
    ) -> Result<Self, CannotLook> {
        // Children begin in another folder.
        let executable = std::path::absolute(&probe_executable).unwrap_or(probe_executable);
        let enterable = match (via, enterable(stack)) {
            (Via::Sidecar, _) => BTreeSet::new(),
            (Via::Auto, found) => found.unwrap_or_default(),
            (Via::Netns, Ok(found)) => found,
            (Via::Netns, Err(reason)) => {
                let help = "run crosscheck as root on the engine's machine, or use `--via sidecar`";
                return Err(CannotLook(format!("cannot enter containers through their namespaces: {reason}; {help}")));
            }
        };
        if via == Via::Sidecar && docker.is_none() {
            return Err(CannotLook("a sidecar needs the engine, and none answers".into()));
        }
        let run = run_name();
        let architecture = stack.engine.architecture.clone();
        let sidecars = docker
            .clone()
            .map(|docker| Sidecars::new(docker, run.clone(), executable.clone(), architecture, LONGEST_RUN));
        Ok(Self {
            docker,
            via,
            run,
            executable,
            enterable: Mutex::new(enterable),
            children: Children::new(),
            sidecars,
            apart: stack.engine.apart,
            grace: Duration::ZERO,
        })
    }

    /// Gives probes this long to put away what they made on the servers that they looked at.
    ///
    /// The host is then looked at from a child too: it outlives this process for that time, however this one ends.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// The name of this run, which is the value of the label [`LABEL`] of what it makes.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// How this vantage is entered: `host`, `netns` or `sidecar`. After a session is open, [`Session::way`] is certain.
    #[must_use]
    pub fn way(&self, vantage: &Vantage) -> &'static str {
        match (vantage, self.via) {
            (Vantage::Host, _) => "host",
            (Vantage::Engine, _) if !self.apart => "host",
            (Vantage::Engine | Vantage::Network { .. }, _) | (Vantage::Container { .. }, Via::Sidecar) => "sidecar",
            (Vantage::Container { .. }, Via::Netns) => "netns",
            (Vantage::Container { id, .. }, Via::Auto) => {
                let enterable = self.enterable.lock().unwrap_or_else(PoisonError::into_inner);
                if enterable.contains(id) { "netns" } else { "sidecar" }
            }
        }
    }

    /// Opens a vantage.
    ///
    /// # Errors
    /// Why nothing can be seen from there, and what to do about it.
    pub async fn open(&self, vantage: &Vantage, stack: &Stack) -> Result<Session, CannotLook> {
        let cannot = |reason: String| CannotLook(format!("cannot look from {vantage}: {reason}"));
        let id = match vantage {
            Vantage::Engine if self.apart => {
                let remote = self.beside("host".into()).await.map_err(cannot)?;
                return Ok(Session::there(remote, "sidecar"));
            }
            Vantage::Host | Vantage::Engine if self.grace.is_zero() => return Ok(Session::here()),
            Vantage::Host | Vantage::Engine => {
                let remote = self.children.open_here(&self.executable).await;
                return Ok(remote.map_or_else(|_| Session::here(), |remote| Session::there(remote, "host")));
            }
            Vantage::Network { id, .. } => {
                let remote = self.beside(id.clone()).await.map_err(cannot)?;
                return Ok(Session::there(remote, "sidecar"));
            }
            Vantage::Container { id, .. } => id,
        };
        let container = stack.by_id(id).ok_or_else(|| cannot("there is no such container in the stack".into()))?;
        if self.way(vantage) == "netns" {
            match self.inside(container, stack).await {
                Ok(remote) => return Ok(Session::there(remote, "netns")),
                Err(Closed::Gone(reason)) => return Err(cannot(reason)),
                Err(Closed::Refused(reason)) if self.via == Via::Netns || self.docker.is_none() => {
                    return Err(cannot(format!("{reason}; try `--via sidecar`")));
                }
                // What stands against namespaces here need not stand against a sidecar.
                Err(Closed::Refused(_)) => {
                    self.enterable.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
                }
            }
        }
        match self.beside(format!("container:{id}")).await {
            Ok(remote) => Ok(Session::there(remote, "sidecar")),
            Err(reason) => Err(cannot(self.gone(container).await.unwrap_or(reason))),
        }
    }

    /// Removes everything that this run made, and waits until it is gone. May be called at any time, and again.
    ///
    /// Probes whose sessions are over end by themselves where grace was given; the others are ended.
    pub async fn close(&self) {
        let sidecars = async {
            if let Some(sidecars) = &self.sidecars {
                sidecars.close(self.grace).await;
            }
        };
        tokio::join!(self.children.close(self.grace), sidecars);
    }

    async fn beside(&self, network: String) -> Result<Remote, String> {
        match &self.sidecars {
            Some(sidecars) => sidecars.open(network).await,
            None => Err("a sidecar needs the engine, and none answers".into()),
        }
    }

    /// Enters a container's namespaces; once more where it was restarted since the stack was read.
    async fn inside(&self, container: &Container, stack: &Stack) -> Result<Remote, Closed> {
        let enter = to_enter(container, stack);
        let first = match self.children.open(&self.executable, &enter).await {
            Ok(remote) => return Ok(remote),
            Err(reason) => reason,
        };
        match self.now(container).await {
            Some(now) if !now.runs => Err(Closed::Gone(now.what)),
            Some(now) if now.pid != container.pid => {
                let enter = Enter { pid: now.pid, ..enter };
                self.children.open(&self.executable, &enter).await.map_err(Closed::Refused)
            }
            _ => Err(Closed::Refused(first)),
        }
    }

    /// What became of a container, where it no longer runs.
    async fn gone(&self, container: &Container) -> Option<String> {
        self.now(container).await.filter(|now| !now.runs).map(|now| now.what)
    }

    /// What a container is doing now, where the engine says so.
    async fn now(&self, container: &Container) -> Option<Now> {
        let inspect = self.docker.as_ref()?.inspect_container(&container.id, None::<InspectContainerOptions>);
        match timeout(PATIENCE, inspect).await.ok()? {
            Ok(found) => {
                let state = found.state?;
                let word = state.status.map(|status| status.to_string()).unwrap_or_default();
                let what = format!("its container no longer runs: {word}, exit code {}", state.exit_code.unwrap_or(0));
                let restarting = state.restarting.unwrap_or(false);
                let pid = state.pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
                Some(Now { runs: pid != 0 && !restarting, pid, what })
            }
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                Some(Now { runs: false, pid: 0, what: "its container was removed since the stack was read".into() })
            }
            Err(_) => None,
        }
    }
}

/// What a container is doing now.
struct Now {
    /// Running or paused: it has namespaces that can be joined.
    runs: bool,
    pid: u32,
    /// What to say where it does not run.
    what: String,
}

/// Why namespaces stay closed.
enum Closed {
    /// The container does not run.
    Gone(String),
    /// It runs, and this way is barred.
    Refused(String),
}

/// The containers that run and that this process can enter through namespaces.
///
/// Where it can enter none of those that run, that is an error: the reason of the first.
fn enterable(stack: &Stack) -> Result<BTreeSet<String>, String> {
    netns::permitted()?;
    let running = stack.containers.iter().filter(|one| matches!(one.state.status, Status::Running | Status::Paused));
    let tried: BTreeMap<_, _> = running.map(|one| (one.id.clone(), to_enter(one, stack).try_reading())).collect();
    let (open, barred): (Vec<_>, Vec<_>) = tried.into_iter().partition(|(_, tried)| tried.is_ok());
    match barred.into_iter().find_map(|(_, tried)| tried.err()) {
        Some(reason) if open.is_empty() => Err(reason.to_string()),
        _ => Ok(open.into_iter().map(|(id, _)| id).collect()),
    }
}

/// What to enter. A container that joined another's network may have no files of its own: the other's are meant.
fn to_enter(container: &Container, stack: &Stack) -> Enter {
    let owner = stack.namespace_owner(container);
    let or = |own: &str, other: &str| PathBuf::from(if own.is_empty() { other } else { own });
    Enter {
        pid: container.pid,
        container: container.id.clone(),
        resolv_conf: or(&container.resolv_conf, &owner.resolv_conf),
        hosts: or(&container.hosts, &owner.hosts),
    }
}

/// A name that no other run has: when it began, and by which process.
fn run_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("{since:x}-{:x}", std::process::id())
}
