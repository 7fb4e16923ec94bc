//! Containers for tests on a real engine, and what the system says of processes. Removes what it made.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bollard::Docker;
use bollard::query_parameters::InspectContainerOptions;
use crosscheck::stack::{Container, Stack, State, Status};

/// The image of Redis, ours or the official one.
fn image() -> String {
    let registry = std::env::var("FIXTURE_REGISTRY").unwrap_or_else(|_| "crosscheck.test".into());
    format!("{registry}/library/redis:7")
}

/// The executable under test.
pub fn executable() -> PathBuf {
    env!("CARGO_BIN_EXE_crosscheck").into()
}

/// Runs the engine's client, which must succeed, and gives what it said.
pub fn docker(arguments: &[&str]) -> String {
    let done = Command::new("docker").args(arguments).output().unwrap();
    assert!(done.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// A network and containers on it, removed in the end.
pub struct Fixture {
    pub project: String,
}

impl Fixture {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let project = format!("cc-test-{}-{number}", std::process::id());
        docker(&["network", "create", &project]);
        Self { project }
    }

    pub fn name(&self, service: &str) -> String {
        format!("{}-{service}", self.project)
    }

    pub fn network_id(&self) -> String {
        docker(&["network", "inspect", "-f", "{{.Id}}", &self.project])
    }

    /// An address of the network that no container has, since they are given from the start of its range, and that nobody
    /// asked for yet: the kernel remembers for a while who did not answer.
    pub fn unused_address(&self) -> String {
        static LAST: AtomicU32 = AtomicU32::new(250);
        let last = LAST.fetch_sub(1, Ordering::Relaxed);
        let gateway = docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", &self.project]);
        format!("{}.{last}", gateway.rsplit_once('.').unwrap().0)
    }

    /// Starts a Redis on the network, unless the arguments say another.
    pub fn redis(&self, service: &str, arguments: &[&str]) {
        self.run(service, arguments, &["redis-server", "--save", "", "--port", "6379"]);
        // The host's ports are not for tests: none is there then.
        if !arguments.contains(&"host") {
            self.listens(service);
        }
    }

    /// Starts a Redis in another container's network namespace.
    pub fn redis_in(&self, service: &str, other: &str, port: &str) {
        let network = format!("container:{}", self.name(other));
        self.run(service, &["--network", &network], &["redis-server", "--save", "", "--port", port]);
        self.listens(service);
    }

    /// Waits until a Redis is there to be seen.
    fn listens(&self, service: &str) {
        let listens = || docker(&["logs", &self.name(service)]).contains("Ready to accept connections");
        let listens = (0..200).any(|_| {
            listens() || {
                std::thread::sleep(Duration::from_millis(50));
                false
            }
        });
        assert!(listens, "{service} never listened: {}", docker(&["logs", &self.name(service)]));
    }

    fn run(&self, service: &str, arguments: &[&str], command: &[&str]) {
        let (name, label) = (self.name(service), format!("crosscheck-test.project={}", self.project));
        let service_label = format!("crosscheck-test.service={service}");
        let mut all = vec!["run", "-d", "--name", &name, "--label", &label, "--label", &service_label];
        if !arguments.contains(&"--network") {
            all.extend(["--network", &self.project, "--network-alias", service]);
        }
        all.extend(arguments);
        let image = image();
        all.push(&image);
        all.extend(if arguments.contains(&"host") { &["sleep", "600"] } else { command });
        docker(&all);
    }

    pub async fn stack(&self) -> Stack {
        stack_of(&self.project).await
    }

    /// The services that still have a container, in order.
    pub fn left(&self) -> Vec<String> {
        let filter = format!("label=crosscheck-test.project={}", self.project);
        let listed = docker(&["ps", "-a", "--filter", &filter, "--format", "{{.Label \"crosscheck-test.service\"}}"]);
        let mut left: Vec<_> = listed.lines().map(str::to_owned).collect();
        left.sort();
        left
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let listed = Command::new("docker")
            .args(["ps", "-aq", "--filter", &format!("label=crosscheck-test.project={}", self.project)])
            .output()
            .unwrap();
        let ids = String::from_utf8(listed.stdout).unwrap();
        let _ = Command::new("docker").args(["rm", "-fv"]).args(ids.lines()).output();
        let _ = Command::new("docker").args(["network", "rm", &self.project]).output();
    }
}

/// The containers of a fixture, as far as vantages need them.
pub async fn stack_of(project: &str) -> Stack {
    let engine = Docker::connect_with_local_defaults().unwrap();
    let ids = docker(&["ps", "-aq", "--no-trunc", "--filter", &format!("label=crosscheck-test.project={project}")]);
    let mut stack = Stack { project: project.into(), ..Stack::default() };
    stack.engine.architecture = engine.version().await.unwrap().arch.unwrap();
    for id in ids.lines() {
        let found = engine.inspect_container(id, None::<InspectContainerOptions>).await.unwrap();
        let state = found.state.unwrap();
        let status = match (state.paused, state.running) {
            (Some(true), _) => Status::Paused,
            (_, Some(true)) => Status::Running,
            _ => Status::Exited,
        };
        stack.containers.push(Container {
            id: id.into(),
            service: found.config.unwrap().labels.unwrap()["crosscheck-test.service"].clone(),
            state: State { status, ..State::default() },
            network_mode: found.host_config.unwrap().network_mode.unwrap(),
            pid: state.pid.unwrap().try_into().unwrap(),
            resolv_conf: found.resolv_conf_path.unwrap(),
            hosts: found.hosts_path.unwrap(),
            ..Container::default()
        });
    }
    stack
}

/// A line of `/proc/PID/status`.
pub fn status_of(pid: u32, name: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

/// Whether a process is there and has not ended.
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])))
}

/// The children of this process that enter namespaces.
pub fn enterers(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let ours = read("status").contains(&format!("\nPPid:\t{parent}\n"));
        ours && read("cmdline").contains("\0probe\0--agent") && alive(*pid)
    })
    .collect()
}

/// The threads of a process that are in this container; each is named after it.
pub fn threads_in(process: u32, container: &str) -> Vec<u32> {
    // The process may end meanwhile.
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let ids = tasks.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let name = |thread: u32| std::fs::read_to_string(format!("/proc/{process}/task/{thread}/comm")).unwrap_or_default();
    ids.filter(|thread| name(*thread).trim() == &container[..12]).collect()
}

/// The containers of a run, whatever they do.
pub fn containers_of(run: &str) -> Vec<String> {
    let listed = docker(&["ps", "-aq", "--filter", &format!("label=dev.crosscheck={run}")]);
    listed.lines().map(str::to_owned).collect()
}

/// The processes of a run's sidecars.
pub fn sidecar_pids(run: &str) -> Vec<u32> {
    let pid = |id: &String| docker(&["inspect", "-f", "{{.State.Pid}}", id]).parse().unwrap();
    containers_of(run).iter().map(pid).collect()
}

/// Starts one test of this executable in a process of its own, for a fixture.
pub fn start_self(test: &str, project: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("CROSSCHECK_LIVE_PARENT", project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a process says after this word, once it says it.
pub fn wait_for_word(child: &mut Child, word: &str) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    lines.map(Result::unwrap).find_map(|line| line.split_once(word).map(|(_, rest)| rest.to_owned())).unwrap()
}

/// The processes of this machine whose command line has this in it.
pub fn processes_naming(text: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let names = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text) && alive(*pid)
    };
    pids.filter(names).collect()
}

/// What crosscheck has put into a container and not taken out again.
pub fn left_in(container: &str) -> Vec<String> {
    docker(&["diff", container]).lines().filter(|line| line.contains("crosscheck")).map(str::to_owned).collect()
}
