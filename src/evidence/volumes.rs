//! When volumes were made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::Docker;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::observation::Fact;
use crate::vantage::engine_says;

/// How long the engine may take over one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads when these volumes were made, by name.
pub async fn read(docker: &Docker, wanted: &BTreeSet<String>) -> BTreeMap<String, Fact<String>> {
    let one = async |name: &String| {
        let made = match timeout(PATIENCE, docker.inspect_volume(name)).await {
            Ok(Ok(volume)) => volume.created_at.map_or(Fact::Absent, Fact::Present),
            Ok(Err(error)) => Fact::NotLooked(engine_says("the volume cannot be inspected", &error)),
            Err(_) => Fact::NotLooked("the engine did not describe the volume in time".into()),
        };
        (name.clone(), made)
    };
    join_all(wanted.iter().map(one)).await.into_iter().collect()
}
