//! Where the engine's published ports are reached from here.

use bollard::models::ContainerSummary;

use super::connect::Connection;
use super::{Container, PublishedAt, read};
use crate::text;

/// Engines that forward what they publish to the machine that they are installed on, as they name their system.
const FORWARDING: [&str; 2] = ["Docker Desktop", "OrbStack"];

/// Whether published ports are here, at another host, or nobody knows where, and whether the engine's own network may be
/// another than ours. `all` is every container of the engine.
pub async fn at(
    connection: &Connection,
    about: &read::About,
    containers: &[Container],
    all: &[ContainerSummary],
) -> (PublishedAt, bool) {
    let forwarding = FORWARDING.contains(&about.os.as_str());
    // Where it is not certain that the network is the same one, it is entered through the engine, which always leads there.
    let here = |known: bool| (PublishedAt::Here, forwarding || about.rootless || !known);
    let unknown = |reason: String| (PublishedAt::Unknown(reason), true);
    if let Some(host) = &connection.host {
        if connection.beyond {
            let host = text::line(host, 80);
            return unknown(format!(
                "`ssh` goes to {host} through another machine, so its ports may not be reached from here"
            ));
        }
        return (PublishedAt::Host(host.clone()), true);
    }
    // A container that has the engine's socket has its own loopback all the same, unless it has the host's network.
    let own_mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if let Some(container) = container_of(&own_mounts, all) {
        return if is_on_host(container) && !forwarding {
            here(true)
        } else {
            unknown(format!(
                "crosscheck runs in the container {} of this engine, and published ports are outside of it",
                text::line(&read::name(container), 80)
            ))
        };
    }
    if forwarding {
        return here(false);
    }
    let mut running: Vec<_> =
        containers.iter().filter(|c| c.is_running() && c.pid != 0).map(|c| (c.id.clone(), c.pid)).collect();
    if running.iter().any(|(id, pid)| is_process_of(*pid, id)) {
        return here(true);
    }
    // None runs, or those that did have ended since.
    running.extend(self::running(connection, all).await);
    match running.last() {
        Some((id, pid)) if is_process_of(*pid, id) => here(true),
        Some(_) => unknown("the engine's containers are not processes of this machine".to_owned()),
        None if connection.is_socket => here(false),
        None => unknown("no container runs that would show where the engine is".to_owned()),
    }
}

/// Any container of the engine that runs, with its process.
async fn running(connection: &Connection, all: &[ContainerSummary]) -> Option<(String, u32)> {
    for id in all.iter().filter(|summary| read::is_alive(summary)).filter_map(|summary| summary.id.as_deref()) {
        let Ok(Some(inspected)) = read::inspect(connection, id).await else { continue };
        let pid = inspected.state.and_then(|state| state.pid).and_then(|pid| u32::try_from(pid).ok());
        if let Some(pid) = pid.filter(|pid| *pid != 0) {
            return Some((id.to_owned(), pid));
        }
    }
    None
}

/// Whether that process, seen from here, is this container's: its control groups name it, or, where a rootless engine
/// has none, the files that the engine mounts into it do.
fn is_process_of(pid: u32, id: &str) -> bool {
    id.len() >= 32
        && ["cgroup", "mountinfo"]
            .iter()
            .any(|file| std::fs::read_to_string(format!("/proc/{pid}/{file}")).is_ok_and(|text| text.contains(id)))
}

/// The container whose mounts these are.
fn container_of<'a>(mounts: &str, all: &'a [ContainerSummary]) -> Option<&'a ContainerSummary> {
    let of = |summary: &&ContainerSummary| {
        let folder = summary.id.as_deref().filter(|id| id.len() >= 32).map(|id| format!("containers/{id}/"));
        // Only its own `/etc/hosts` and the like: a folder of the engine may be mounted for other reasons.
        folder.is_some_and(|folder| {
            mounts.lines().any(|line| {
                let mut fields = line.split(' ').skip(3);
                let (root, place) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
                root.contains(&folder) && matches!(place, "/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf")
            })
        })
    };
    all.iter().find(of)
}

fn is_on_host(container: &ContainerSummary) -> bool {
    container.host_config.as_ref().and_then(|config| config.network_mode.as_deref()) == Some("host")
}

#[cfg(test)]
mod tests {
    use bollard::models::ContainerSummaryHostConfig;
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_container_knows_itself_by_its_mounts() {
        let id = "ab".repeat(32);
        let mut summary = ContainerSummary { id: Some(id.clone()), ..ContainerSummary::default() };
        let mounts = format!(
            "1 2 0:1 / / rw - overlay overlay rw\n3 1 254:1 /var/lib/docker/containers/{id}/hosts /etc/hosts rw - ext4 /dev/vda rw\n"
        );
        assert!(container_of(&mounts, std::slice::from_ref(&summary)).is_some());
        assert!(container_of("1 2 0:1 / / rw - ext4 /dev/vda rw\n", std::slice::from_ref(&summary)).is_none());
        // The engine's folder mounted somewhere, to gather logs, does not make us that container.
        let logs = mounts.replace(" /etc/hosts ", " /logs ");
        assert!(container_of(&logs, std::slice::from_ref(&summary)).is_none());
        summary.host_config =
            Some(ContainerSummaryHostConfig { network_mode: Some("host".to_owned()), ..Default::default() });
        assert!(is_on_host(&summary) && container_of(&mounts, &[summary]).is_some());
        assert!(!is_on_host(&ContainerSummary::default()));
    }

    #[tokio::test]
    async fn an_engine_elsewhere_publishes_at_its_host() {
        use crate::stack::endpoint::{Address, Endpoint, Origin};
        let address = Address::Tcp("192.0.2.1".to_owned(), 2375);
        let endpoint = Endpoint { address, tls: None, origin: Origin::Variable };
        let mut connection = Connection {
            docker: crate::stack::transport::Transport::to(&endpoint).unwrap().docker(None).unwrap(),
            endpoint: endpoint.to_string(),
            host: Some("build.example".to_owned()),
            beyond: false,
            is_socket: false,
            version: bollard::models::SystemVersion::default(),
            info: async { None }.boxed().shared(),
        };
        let about = read::About { os: "Debian".to_owned(), rootless: false };
        let (place, apart) = at(&connection, &about, &[], &[]).await;
        assert_eq!((place, apart), (PublishedAt::Host("build.example".to_owned()), true));
        connection.beyond = true;
        let (PublishedAt::Unknown(reason), _) = at(&connection, &about, &[], &[]).await else { panic!("it is beyond") };
        assert!(reason.contains("`ssh` goes to build.example through another machine"), "{reason}");
        // On this machine's loopback may be a tunnel: without a process to look at nobody knows.
        (connection.host, connection.beyond) = (None, false);
        assert!(matches!(at(&connection, &about, &[], &[]).await, (PublishedAt::Unknown(_), _)));
    }

    #[test]
    fn a_process_of_this_machine_is_told_by_its_files() {
        assert!(!is_process_of(std::process::id(), &"ab".repeat(32)));
        assert!(!is_process_of(std::process::id(), ""));
        assert!(!is_process_of(u32::MAX, &"ab".repeat(32)));
    }
}
