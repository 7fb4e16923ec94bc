//! Decides how each vantage of a run is entered, opens it, and puts everything away in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;

use super::agent::Agent;
use super::enter::Enter;
use super::exec::Guests;
use super::image::Source;
use super::netns::{self, Children};
use super::now::now;
use super::pace::Pace;
use super::remote::Remote;
use super::session::Session;
use super::sidecar::Sidecars;
use super::{CannotLook, LONGEST_RUN, Via};
use crate::plan::Vantage;
use crate::stack::{Container, Stack, Status};

/// What is said where a way needs the engine.
const NO_ENGINE: &str = "that needs the engine, and none answers";

/// The ways of one run, and everything that the run makes.
#[derive(Debug)]
pub struct Ways {
    via: Via,
    run: String,
    executable: PathBuf,
    /// The containers, by id, that can be entered through namespaces, and those that cannot after all.
    enterable: Mutex<BTreeSet<String>>,
    children: Children,
    engine: Option<Engine>,
    /// Whether the engine's own network may be another than this machine's.
    apart: bool,
    /// How long probes may take to end by themselves; zero where they have nothing to put away.
    grace: Duration,
    /// How long sidecars take.
    pace: Pace,
}

/// The ways that lead through the engine.
#[derive(Debug)]
struct Engine {
    docker: Docker,
    sidecars: Arc<Sidecars>,
    guests: Arc<Guests>,
    agent: Agent,
}

impl Ways {
    /// Decides how containers are entered. `probe_executable` is this program, as the image of a sidecar holds it.
    ///
    /// # Errors
    /// When a way was asked for that cannot be taken.
    pub async fn new(
        docker: Option<Docker>,
        stack: &Stack,
        via: Via,
        probe_executable: PathBuf,
    ) -> Result<Self, CannotLook> {
        Self::with_image(docker, stack, via, probe_executable, None).await
    }

    /// The same with an image of the user's own for containers of ours, where one is named.
    ///
    /// # Errors
    /// When a way was asked for that cannot be taken.
    #[expect(
        clippy::unused_async,
        reason = "callers await the decision; asking the engine for more must not change them"
    )]
    pub async fn with_image(
        docker: Option<Docker>,
        stack: &Stack,
        via: Via,
        probe_executable: PathBuf,
        image: Option<String>,
    ) -> Result<Self, CannotLook> {
        // Children begin in another folder.
        let executable = std::path::absolute(&probe_executable).unwrap_or(probe_executable);
        let enterable = match (via, enterable(stack)) {
            (Via::Sidecar | Via::Exec | Via::Agent, _) => BTreeSet::new(),
            (Via::Auto, found) => found.unwrap_or_default(),
            (Via::Netns, Ok(found)) => found,
            (Via::Netns, Err(reason)) => {
                let help = "run crosscheck as root on the engine's machine, or use `--via sidecar`";
                return Err(CannotLook(format!("cannot enter containers through their namespaces: {reason}; {help}")));
            }
        };
        if docker.is_none() && matches!(via, Via::Sidecar | Via::Exec | Via::Agent) {
            return Err(CannotLook(NO_ENGINE.into()));
        }
        let run = run_name();
        let architecture = stack.engine.architecture.clone();
        let source = match image {
            Some(name) => Source::Named(name),
            None => Source::Made { executable: executable.clone(), architecture: architecture.clone() },
        };
        let engine = docker.map(|docker| {
            let sidecars = Sidecars::new(docker.clone(), run.clone(), source, LONGEST_RUN);
            Engine {
                guests: Guests::new(docker.clone(), run.clone(), executable.clone(), architecture),
                agent: Agent::new(docker.clone(), Arc::clone(&sidecars), stack),
                sidecars,
                docker,
            }
        });
        Ok(Self {
            via,
            run,
            executable,
            enterable: Mutex::new(enterable),
            children: Children::new(),
            engine,
            apart: stack.engine.apart,
            grace: Duration::ZERO,
            pace: Pace::default(),
        })
    }

    /// Gives probes this long to put away what they made on the servers that they looked at.
    ///
    /// The host is then looked at from a child too: it outlives this process for that time, however this one ends.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// The name of this run, which is the value of the label [`LABEL`](super::LABEL) of what it makes.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// How this vantage is entered: `host` or one of the ways. After a session is open, [`Session::way`] is certain.
    #[must_use]
    pub fn way(&self, vantage: &Vantage) -> &'static str {
        match (vantage, self.via) {
            (Vantage::Host, _) => "host",
            (Vantage::Engine, _) if !self.apart => "host",
            (Vantage::Engine | Vantage::Network { .. }, _) | (Vantage::Container { .. }, Via::Sidecar) => "sidecar",
            (Vantage::Container { .. }, Via::Netns) => "netns",
            (Vantage::Container { .. }, Via::Exec) => "exec",
            (Vantage::Container { .. }, Via::Agent) => "agent",
            (Vantage::Container { id, .. }, Via::Auto) => {
                let enterable = self.enterable.lock().unwrap_or_else(PoisonError::into_inner);
                if enterable.contains(id) { "netns" } else { "sidecar" }
            }
        }
    }

    /// What to say of how long looking took, where another way is worth a thought.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        if self.via == Via::Auto { self.pace.note() } else { None }
    }

    /// Opens a vantage.
    ///
    /// # Errors
    /// Why nothing can be seen from there, and what to do about it.
    pub async fn open(&self, vantage: &Vantage, stack: &Stack) -> Result<Session, CannotLook> {
        let cannot = |reason: String| CannotLook(format!("cannot look from {vantage}: {reason}"));
        let network = match vantage {
            Vantage::Container { id, .. } => {
                let container =
                    stack.by_id(id).ok_or_else(|| cannot("there is no such container in the stack".into()))?;
                return Box::pin(self.open_container(vantage, container, stack)).await.map_err(cannot);
            }
            Vantage::Network { id, .. } => id.clone(),
            Vantage::Engine if self.apart => "host".into(),
            Vantage::Host | Vantage::Engine if self.grace.is_zero() => return Ok(Session::here()),
            Vantage::Host | Vantage::Engine => {
                let remote = self.children.open_here(&self.executable).await;
                return Ok(remote.map_or_else(|_| Session::here(), |remote| Session::there(remote, "host")));
            }
        };
        let remote = self.beside(network).await.map_err(cannot)?;
        Ok(Session::there(remote, "sidecar"))
    }

    async fn open_container(&self, vantage: &Vantage, container: &Container, stack: &Stack) -> Result<Session, String> {
        let way = self.way(vantage);
        let opened = match way {
            "netns" | "agent" => match self.inside(container, stack).await {
                Ok(remote) => Ok(remote),
                Err(Closed::Gone(reason)) => return Err(reason),
                Err(Closed::Refused(reason)) if self.via == Via::Auto && self.engine.is_some() => {
                    // What stands against namespaces here need not stand against a sidecar.
                    drop(reason);
                    self.enterable.lock().unwrap_or_else(PoisonError::into_inner).remove(&container.id);
                    return self.joined(container).await.map(|remote| Session::there(remote, "sidecar"));
                }
                Err(Closed::Refused(reason)) => return Err(format!("{reason}; try `--via sidecar`")),
            },
            "exec" => self.visited(container).await,
            _ => self.joined(container).await,
        };
        opened.map(|remote| Session::there(remote, way))
    }

    /// With a sidecar.
    async fn joined(&self, container: &Container) -> Result<Remote, String> {
        match self.beside(format!("container:{}", container.id)).await {
            Ok(remote) => Ok(remote),
            Err(reason) => Err(self.gone(container).await.unwrap_or(reason)),
        }
    }

    /// With a process in the container itself.
    async fn visited(&self, container: &Container) -> Result<Remote, String> {
        let engine = self.engine.as_ref().ok_or(NO_ENGINE)?;
        match engine.guests.open(container.id.clone()).await {
            Ok(remote) => Ok(remote),
            Err(reason) => match self.gone(container).await {
                Some(gone) if reason.contains(" is left in ") => Err(format!("{gone}; {reason}")),
                Some(gone) => Err(gone),
                None => Err(format!("{reason}; try `--via sidecar`")),
            },
        }
    }

    /// Removes everything that this run made, and waits until it is gone. May be called at any time, and again.
    ///
    /// Probes whose sessions are over end by themselves where grace was given; the others are ended.
    pub async fn close(&self) {
        let engine = async {
            if let Some(engine) = &self.engine {
                tokio::join!(engine.guests.close(self.grace), engine.sidecars.close(self.grace));
            }
        };
        tokio::join!(self.children.close(self.grace), engine);
    }

    async fn beside(&self, network: String) -> Result<Remote, String> {
        let engine = self.engine.as_ref().ok_or(NO_ENGINE)?;
        self.pace.of(engine.sidecars.open(network)).await
    }

    /// Enters a container's namespaces; once more where it was restarted since the stack was read.
    async fn inside(&self, container: &Container, stack: &Stack) -> Result<Remote, Closed> {
        let enter = to_enter(container, stack);
        let first = match self.through(&enter).await {
            Ok(remote) => return Ok(remote),
            Err(reason) => reason,
        };
        let Some(engine) = &self.engine else { return Err(Closed::Refused(first)) };
        match now(&engine.docker, &container.id).await {
            Some(now) if !now.runs => Err(Closed::Gone(now.what)),
            Some(now) if now.pid != container.pid => {
                let enter = Enter { pid: now.pid, ..enter };
                self.through(&enter).await.map_err(Closed::Refused)
            }
            _ => Err(Closed::Refused(first)),
        }
    }

    /// Through namespaces, as ourselves or by the agent.
    async fn through(&self, enter: &Enter) -> Result<Remote, String> {
        match (&self.engine, self.via) {
            (Some(engine), Via::Agent) => engine.agent.open(enter).await,
            _ => self.children.open(&self.executable, enter).await,
        }
    }

    /// What became of a container, where it no longer runs.
    async fn gone(&self, container: &Container) -> Option<String> {
        let engine = self.engine.as_ref()?;
        now(&engine.docker, &container.id).await.filter(|now| !now.runs).map(|now| now.what)
    }
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
