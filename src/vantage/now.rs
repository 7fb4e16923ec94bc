//! What became of a container since the stack was read.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::InspectContainerOptions;
use tokio::time::timeout;

/// How long the engine may take to say what became of a container.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a container is doing now.
pub struct Now {
    /// Running or paused: it has namespaces that can be joined.
    pub runs: bool,
    /// Its process on the engine's machine; 0 where it does not run.
    pub pid: u32,
    /// What to say where it does not run.
    pub what: String,
}

/// What a container is doing now, where the engine says so.
pub async fn now(docker: &Docker, id: &str) -> Option<Now> {
    let inspect = docker.inspect_container(id, None::<InspectContainerOptions>);
    match timeout(PATIENCE, inspect).await.ok()? {
        Ok(found) => {
            let state = found.state?;
            let word = state.status.map(|status| status.to_string()).unwrap_or_default();
            let restarting = state.restarting.unwrap_or(false);
            let code = state.exit_code.unwrap_or(0);
            let what = if restarting {
                format!("its container is restarting after exit code {code}")
            } else {
                format!("its container no longer runs: {word}, exit code {code}")
            };
            let pid = state.pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
            Some(Now { runs: pid != 0 && !restarting, pid, what })
        }
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
            Some(Now { runs: false, pid: 0, what: "its container was removed since the stack was read".into() })
        }
        Err(_) => None,
    }
}
