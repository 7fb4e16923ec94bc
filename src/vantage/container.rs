//! What containers of ours may do, which is nothing but what each is there for.

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
};

use super::image::Image;
use super::{EXPIRES, LABEL};

/// What one probe may use, in bytes.
const MEMORY: i64 = 128 << 20;

/// What one probe may have of processes and threads: its own, the system resolver's, and those of Kafka's real client.
const PROCESSES: i64 = 128;

/// What an agent needs to enter namespaces, and to become nobody in them.
const AGENT: [&str; 4] = ["SYS_ADMIN", "SYS_PTRACE", "SETUID", "SETGID"];

/// What a container of ours is there for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// To look from this network: `container:ID`, `host`, or a network's id.
    Beside(String),
    /// To enter the namespaces of others.
    Agent {
        /// The engine's folders with the `resolv.conf` and `hosts` of containers.
        folders: Vec<String>,
        /// What the engine's security modules must be told.
        security: Vec<String>,
        /// How many containers it may have to enter.
        targets: usize,
    },
}

/// A container that is gone when its stdin ends. `expires` is in seconds since 1970.
pub fn body(image: &Image, purpose: &Purpose, run: &str, expires: u64) -> ContainerCreateBody {
    let labels = [(LABEL.to_owned(), run.to_owned()), (EXPIRES.to_owned(), expires.to_string())];
    let (user, command, host_config) = match purpose {
        Purpose::Beside(network) => ("65534:65534", vec!["probe".to_owned()], beside(network)),
        Purpose::Agent { folders, security, targets } => {
            ("0:0", vec!["probe".to_owned(), "--agent".to_owned()], agent(folders, security, *targets))
        }
    };
    ContainerCreateBody {
        image: Some(image.name.clone()),
        entrypoint: Some(image.program.clone()),
        cmd: Some(command),
        user: Some(user.into()),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(false),
        labels: Some(labels.into()),
        host_config: Some(host_config),
        ..ContainerCreateBody::default()
    }
}

fn enclosed(probes: i64) -> HostConfig {
    HostConfig {
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges".into()]),
        readonly_rootfs: Some(true),
        memory: Some(MEMORY * probes),
        memory_swap: Some(MEMORY * probes),
        pids_limit: Some(PROCESSES * probes),
        // What a probe sees is nobody's log.
        log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
        auto_remove: Some(true),
        init: Some(false),
        ..HostConfig::default()
    }
}

fn beside(network: &str) -> HostConfig {
    HostConfig { network_mode: Some(network.into()), ..enclosed(1) }
}

fn agent(folders: &[String], security: &[String], targets: usize) -> HostConfig {
    let enclosed = enclosed(i64::try_from(targets.clamp(1, 1000)).unwrap_or(1));
    let bind = |folder: &String| Mount {
        typ: Some(MountType::BIND),
        source: Some(folder.clone()),
        target: Some(folder.clone()),
        read_only: Some(true),
        ..Mount::default()
    };
    HostConfig {
        network_mode: Some("none".into()),
        pid_mode: Some("host".into()),
        // Whose process it is, is read from its control groups, which must be named as the engine names them.
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::HOST),
        cap_add: Some(AGENT.map(str::to_owned).to_vec()),
        security_opt: Some([enclosed.security_opt.clone().unwrap_or_default(), security.to_vec()].concat()),
        mounts: Some(folders.iter().map(bind).collect()),
        // Each probe mounts a file system of its own over this one.
        tmpfs: Some([("/run".to_owned(), "size=64k,mode=0755".to_owned())].into()),
        ..enclosed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_container_of_ours_is_privileged_or_writes_to_the_engine() {
        let image = Image { name: "probe".into(), program: vec!["/crosscheck".into()] };
        let folder = "/var/lib/docker/containers".to_owned();
        let agent = Purpose::Agent { folders: vec![folder], security: vec!["label=disable".into()], targets: 3 };
        for purpose in [Purpose::Beside("host".into()), agent] {
            let config = body(&image, &purpose, "run", 1).host_config.unwrap();
            assert_ne!(config.privileged, Some(true));
            assert_eq!(config.cap_drop, Some(vec!["ALL".into()]));
            assert!(config.security_opt.unwrap().contains(&"no-new-privileges".into()));
            assert_eq!((config.readonly_rootfs, config.auto_remove), (Some(true), Some(true)));
            assert!(config.mounts.unwrap_or_default().iter().all(|mount| mount.read_only == Some(true)));
            assert!(config.memory.unwrap() > 0 && config.pids_limit.unwrap() > 0);
        }
    }
}
