//! What only failures make needed: a look into namespaces, at logs and at volumes, once the checks are done.
//!
//! Everything here is bounded in size and time, and what cannot be had is a fact not looked at, never a failure.

pub mod declared;
mod logs;
mod named_files;
mod volumes;

use std::collections::BTreeSet;

use bollard::Docker;
use futures_util::future::join_all;

use crate::judge;
use crate::observation::{FailureKind as Kind, Survey};
use crate::plan::Vantage;
use crate::probe::serve;
use crate::rule::{Facts, Seen, Verdict, mtu_mismatch, service_restarting};
use crate::stack::{Container, Stack};
use crate::vantage::{Sessions, Ways};

/// Collects what rules need beyond the checks themselves. Nothing, where nothing is wrong.
pub async fn collect(ways: &Ways, docker: &Docker, facts: &mut Facts, sessions: &Sessions) {
    let wanted = Wanted::of(facts);
    let (surveys, logs, volumes, host) = tokio::join!(
        surveys(ways, &facts.stack, &wanted.surveys, sessions),
        logs::read(docker, &facts.stack, &wanted.logs),
        volumes::read(docker, &wanted.volumes),
        async { if wanted.host { Some(serve::survey().await) } else { None } },
    );
    (facts.surveys, facts.logs, facts.volumes, facts.host) = (surveys, logs, volumes, host);
}

/// What is to be collected, by the ids of containers and the names of volumes.
#[derive(Debug, Default)]
struct Wanted {
    surveys: BTreeSet<String>,
    logs: BTreeSet<String>,
    volumes: BTreeSet<String>,
    host: bool,
}

impl Wanted {
    fn of(facts: &Facts) -> Self {
        let mut wanted = Self::default();
        for container in facts.stack.containers.iter().filter(|container| is_unwell(container)) {
            wanted.logs.insert(container.id.clone());
            wanted.volumes.extend(container.volumes().map(str::to_owned));
        }
        // Whether such a client gets in, its own log may say where nobody else can.
        let undecided = |seen: &&Seen| seen.verdict == Verdict::Inconclusive && seen.check.login_would_hide();
        for seen in facts.checks.iter().filter(undecided) {
            wanted.logs.extend(seen.check.from.container().map(str::to_owned));
        }
        for seen in facts.checks.iter().filter(|seen| seen.verdict == Verdict::Fail) {
            wanted.host = true;
            wanted.logs.extend(seen.check.from.container().map(str::to_owned));
            for failed in judge::failures(seen) {
                let Some(server) = failed.server(facts) else { continue };
                wanted.logs.insert(server.id.clone());
                if failed.is(&[Kind::AuthenticationFailed, Kind::AuthenticationRequired, Kind::UnknownDatabase]) {
                    wanted.volumes.extend(server.volumes().map(str::to_owned));
                }
                if failed.is(&[Kind::Refused, Kind::Reset, Kind::Closed, Kind::Silent]) {
                    wanted.surveys.insert(facts.stack.namespace_owner(server).id.clone());
                }
                // Packets that are lost are lost between two interfaces.
                if mtu_mismatch::is_candidate(&failed)
                    && let Some((client, _)) = failed.pair(facts)
                {
                    wanted.surveys.insert(facts.stack.namespace_owner(client).id.clone());
                }
            }
        }
        wanted
    }
}

/// Whether a container's log may say what is wrong with it, whatever its checks say.
fn is_unwell(container: &Container) -> bool {
    service_restarting::crashes(container)
        || container.restarts > 0
        || container.health.as_ref().is_some_and(|health| health.status == "unhealthy")
}

async fn surveys(
    ways: &Ways,
    stack: &Stack,
    wanted: &BTreeSet<String>,
    sessions: &Sessions,
) -> std::collections::BTreeMap<String, Survey> {
    let look = async |id: &String| -> Option<(String, Survey)> {
        let container = stack.by_id(id).filter(|container| container.is_running())?;
        let replica = container.scaled.then_some(container.number);
        let vantage = Vantage::Container { service: container.service.clone(), replica, id: id.clone() };
        let survey = match sessions.get(&vantage) {
            Some(session) => session.survey().await,
            None => match ways.open(&vantage, stack).await {
                Ok(session) => {
                    let survey = session.survey().await;
                    session.close().await;
                    survey
                }
                Err(reason) => Survey::not_looked(&reason.to_string()),
            },
        };
        Some((id.clone(), survey))
    };
    join_all(wanted.iter().map(look)).await.into_iter().flatten().collect()
}
