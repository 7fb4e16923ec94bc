//! Child processes of ours: one that enters the namespaces of containers, on the engine's own machine, and one for the host
//! where the looks must outlive this process.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::enter::Enter;
use super::line::Line;
use super::remote::{Remote, Streams};
use crate::text;

/// How long a probe in a child may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// The children of a run.
#[derive(Debug)]
pub struct Children {
    keepers: Mutex<JoinSet<()>>,
    over: watch::Sender<bool>,
    /// To the child that enters namespaces, which is started when the first is to be entered.
    line: Mutex<Option<Result<Arc<Line>, String>>>,
}

impl Children {
    pub fn new() -> Self {
        Self { keepers: Mutex::default(), over: watch::Sender::new(false), line: Mutex::default() }
    }

    /// Enters a container and greets the probe there.
    ///
    /// # Errors
    /// Why the child could not be started, or what stopped it from entering.
    pub async fn open(&self, executable: &Path, enter: &Enter) -> Result<Remote, String> {
        let line = {
            let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            let started = || self.start(&mut enterer(executable)).map(|streams| Arc::new(Line::over(streams)));
            line.get_or_insert_with(started).clone()?
        };
        Remote::greet(line.open(enter)?, PATIENCE).await
    }

    /// Starts a child that stays where this process is, and greets it.
    ///
    /// # Errors
    /// Why it could not be started or is of no use.
    pub async fn open_here(&self, executable: &Path) -> Result<Remote, String> {
        Remote::greet(self.start(&mut command(executable))?, PATIENCE).await
    }

    fn start(&self, command: &mut Command) -> Result<Streams, String> {
        let mut child = command.spawn().map_err(|error| {
            let program = Path::new(command.as_std().get_program()).display();
            format!("cannot start {program}: {}", text::io_error(&error))
        })?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("the child has no pipes".into());
        };
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).spawn(keep(child, self.over.subscribe()));
        Ok(Streams { input: Box::new(input), output: Box::new(output), errors: Box::new(errors) })
    }

    /// Waits for the end of every child, ends those that are left after `grace`, and waits until they are gone.
    pub async fn close(&self, grace: Duration) {
        // Without the line, and the sessions over it, the child's stdin ends.
        drop(self.line.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut keepers = std::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = timeout(grace, async { while keepers.join_next().await.is_some() {} }).await;
        self.over.send_replace(true);
        let _ = timeout(Duration::from_secs(2), async { while keepers.join_next().await.is_some() {} }).await;
    }
}

/// Waits for a child's end, and brings it about when the run is over: its stdin may still be held by a session.
async fn keep(mut child: Child, mut over: watch::Receiver<bool>) {
    tokio::select! {
        _ = child.wait() => {}
        () = async { drop(over.wait_for(|over| *over).await) } => {
            let _ = child.kill().await;
        }
    }
}

/// The child that enters.
fn enterer(executable: &Path) -> Command {
    let mut command = command(executable);
    command
        .arg("--agent")
        // Nothing that the user's shell says of proxies or resolvers holds inside a container.
        .env_clear()
        .envs(std::env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)))
        // A hundred threads that wait share their memory without harm, and grow it in steps worth a call.
        .envs([("MALLOC_ARENA_MAX", "2"), ("MALLOC_TOP_PAD_", "1048576")])
        .current_dir("/");
    command
}

fn command(executable: &Path) -> Command {
    let mut command = Command::new(executable);
    command
        .arg("probe")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C on a terminal is for crosscheck alone, which ends its children in good order.
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Whether this process may enter other namespaces and then drop what it needed for that.
///
/// # Errors
/// What is missing.
#[cfg(target_os = "linux")]
pub fn permitted() -> Result<(), String> {
    use rustix::thread::{CapabilitySet, capabilities};
    let needed = [
        ("CAP_SYS_ADMIN", CapabilitySet::SYS_ADMIN),
        ("CAP_SYS_PTRACE", CapabilitySet::SYS_PTRACE),
        ("CAP_SETUID", CapabilitySet::SETUID),
        ("CAP_SETGID", CapabilitySet::SETGID),
    ];
    let ours = capabilities(None).map_err(|error| text::io_error(&error.into()))?.effective;
    let missing: Vec<_> = needed.iter().filter(|(_, one)| !ours.contains(*one)).map(|(name, _)| *name).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("this process has no {}", text::list(&missing))) }
}

/// Whether this process may enter other namespaces.
///
/// # Errors
/// Always: only Linux has them.
#[cfg(not(target_os = "linux"))]
pub fn permitted() -> Result<(), String> {
    Err("this machine has no namespaces".into())
}
