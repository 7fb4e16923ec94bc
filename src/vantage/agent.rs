//! The way through one container of ours that enters the namespaces of all the others, as this machine's root would.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bollard::Docker;
use tokio::sync::OnceCell;

use super::container::Purpose;
use super::engine_says;
use super::enter::Enter;
use super::line::Line;
use super::remote::Remote;
use super::sidecar::{PATIENCE, Sidecars, in_time};
use crate::stack::Stack;

/// The agent of a run, which is made when the first vantage needs it.
#[derive(Debug)]
pub struct Agent {
    docker: Docker,
    sidecars: Arc<Sidecars>,
    folders: Vec<String>,
    targets: usize,
    line: OnceCell<Result<Line, String>>,
}

impl Agent {
    /// None yet.
    pub fn new(docker: Docker, sidecars: Arc<Sidecars>, stack: &Stack) -> Self {
        // `resolv.conf` and `hosts` of a container are in a folder of its own, and those folders are in one.
        let files = stack.containers.iter().flat_map(|container| [&container.resolv_conf, &container.hosts]);
        let folders: BTreeSet<_> = files
            .filter_map(|file| Path::new(file).parent()?.parent()?.to_str())
            .filter(|folder| folder.len() > 1)
            .map(str::to_owned)
            .collect();
        let folders = folders.into_iter().collect();
        Self { docker, sidecars, folders, targets: stack.containers.len(), line: OnceCell::new() }
    }

    /// Enters a container and greets the probe there.
    ///
    /// # Errors
    /// Why there is no agent, or what stopped it from entering.
    pub async fn open(&self, enter: &Enter) -> Result<Remote, String> {
        let line = self.line.get_or_init(|| self.start()).await.as_ref().map_err(Clone::clone)?;
        Remote::greet(line.open(enter)?, PATIENCE).await
    }

    async fn start(&self) -> Result<Line, String> {
        let info = in_time(self.docker.info()).await;
        let info = info.map_err(|error| engine_says("the engine does not say what an agent needs", &error))?;
        let purpose = Purpose::Agent {
            folders: self.folders.clone(),
            security: security(&info.security_options.unwrap_or_default()),
            targets: self.targets,
        };
        Ok(Line::over(self.sidecars.start(purpose).await?))
    }
}

/// What an agent's container must be spared of the engine's security modules: they deny mounts and foreign namespaces to
/// every container, whatever its capabilities.
fn security(options: &[String]) -> Vec<String> {
    let has =
        |module: &str| options.iter().any(|option| option.split(',').any(|part| part == format!("name={module}")));
    let spared = [("apparmor", "apparmor=unconfined"), ("selinux", "label=disable")];
    spared.iter().filter(|(module, _)| has(module)).map(|(_, option)| (*option).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modules_that_the_engine_has_are_told_to_stand_aside() {
        let options = |all: &[&str]| all.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
        assert!(security(&options(&["name=seccomp,profile=builtin", "name=cgroupns"])).is_empty());
        assert_eq!(security(&options(&["name=apparmor", "name=seccomp,profile=default"])), ["apparmor=unconfined"]);
        assert_eq!(security(&options(&["name=selinux"])), ["label=disable"]);
    }
}
