//! Removes what runs that were killed left behind.

use std::collections::HashMap;
use std::fmt;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptions,
};
use futures_util::future::join_all;

use super::sidecar::unix_time;
use super::{CannotLook, EXPIRES, LABEL, engine_says, image};
use crate::text::count;

/// How long a container may be made and not yet started, in seconds: it may belong to a run that is under way.
const UNDER_WAY: i64 = 60;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Containers, by name.
    pub containers: Vec<String>,
    /// Probe images, by name and tag.
    pub images: Vec<String>,
}

impl fmt::Display for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (containers, images) = (count(self.containers.len(), "container"), count(self.images.len(), "image"));
        write!(f, "removed {containers} and {images}")?;
        for name in self.containers.iter().chain(&self.images) {
            write!(f, "\n  {name}")?;
        }
        Ok(())
    }
}

/// Removes the containers of ours whose time is over, and gives their number. Runs that are under way keep theirs.
pub async fn sweep(docker: &Docker) -> usize {
    let now = unix_time();
    match ours(docker).await {
        Ok(containers) => remove(docker, containers.iter().filter(|one| expired(one, now))).await.len(),
        Err(_) => 0,
    }
}

/// Removes the containers of ours that are over or do not run, and the probe images that no container uses.
///
/// # Errors
/// When the engine does not say what there is.
pub async fn clean(docker: &Docker) -> Result<Cleaned, CannotLook> {
    let now = unix_time();
    let cannot = |error: Error| CannotLook::new(engine_says("cannot list what crosscheck made", &error));
    let containers = ours(docker).await.map_err(cannot)?;
    let mut cleaned = Cleaned {
        containers: remove(docker, containers.iter().filter(|one| expired(one, now) || idle(one, now))).await,
        images: Vec::new(),
    };
    let filters = HashMap::from([("label", vec![LABEL])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let images = docker.list_images(Some(options)).await.map_err(cannot)?;
    let prefix = format!("{}:", image::REPOSITORY);
    for name in images.iter().flat_map(|image| &image.repo_tags).filter(|name| name.starts_with(&prefix)) {
        // Not by force: the engine refuses while a container uses it.
        if docker.remove_image(name, None::<RemoveImageOptions>, None).await.is_ok() {
            cleaned.images.push(name.clone());
        }
    }
    cleaned.containers.sort();
    cleaned.images.sort();
    Ok(cleaned)
}

/// Every container with our two labels, running or not.
async fn ours(docker: &Docker) -> Result<Vec<ContainerSummary>, Error> {
    let filters = HashMap::from([("label", vec![LABEL, EXPIRES])]);
    docker.list_containers(Some(ListContainersOptionsBuilder::new().all(true).filters(&filters).build())).await
}

/// Whether its time is over. What has no time that can be read is not ours to judge.
fn expired(container: &ContainerSummary, now: u64) -> bool {
    let expires = container.labels.as_ref().and_then(|labels| labels.get(EXPIRES)).and_then(|text| text.parse().ok());
    expires.is_some_and(|expires: u64| expires < now)
}

/// Whether it does not run, and will not in a moment.
fn idle(container: &ContainerSummary, now: u64) -> bool {
    let age = i64::try_from(now).unwrap_or(i64::MAX) - container.created.unwrap_or(0);
    match container.state {
        Some(State::CREATED) => age > UNDER_WAY,
        Some(State::EXITED | State::DEAD) => true,
        _ => false,
    }
}

/// Removes them all at once, and gives the names of those that went.
async fn remove(docker: &Docker, containers: impl Iterator<Item = &ContainerSummary>) -> Vec<String> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let removed = containers.filter_map(|container| {
        let id = container.id.as_deref()?;
        let name = container.names.as_ref().and_then(|names| names.first()).map_or(id, |name| name.trim_matches('/'));
        let options = options.clone();
        Some(async move { docker.remove_container(id, Some(options)).await.is_ok().then(|| name.to_owned()) })
    });
    join_all(removed).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(expires: Option<&str>, state: State, created: i64) -> ContainerSummary {
        let labels = expires.map(|text| HashMap::from([(EXPIRES.to_owned(), text.to_owned())]));
        ContainerSummary { labels, state: Some(state), created: Some(created), ..ContainerSummary::default() }
    }

    #[test]
    fn only_what_is_over_is_swept() {
        assert!(expired(&container(Some("999"), State::RUNNING, 0), 1000));
        for alive in [Some("1000"), Some("1001"), Some("soon"), Some(""), Some("-5"), None] {
            assert!(!expired(&container(alive, State::EXITED, 0), 1000), "{alive:?}");
        }
    }

    #[test]
    fn a_run_that_is_under_way_keeps_what_it_just_made() {
        assert!(!idle(&container(None, State::CREATED, 990), 1000));
        assert!(idle(&container(None, State::CREATED, 900), 1000));
        assert!(idle(&container(None, State::EXITED, 999), 1000));
        assert!(!idle(&container(None, State::RUNNING, 0), 1000));
    }
}
