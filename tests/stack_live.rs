//! Reads a real stack from a real engine. Runs with `CROSSCHECK_LIVE=1`, Docker and a Redis image; says so otherwise.

#![expect(clippy::unwrap_used, reason = "a test says by panicking that it failed")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crosscheck::stack::connect::{Connection, connect};
use crosscheck::stack::error::StackError;
use crosscheck::stack::project::{Selection, choose};
use crosscheck::stack::read::read;
use crosscheck::stack::{Container, PublishedAt, Stack, Status};

const COMPOSE: &str = r#"
x-redis: &redis
  image: "${FIXTURE_REGISTRY:-crosscheck.test}/library/redis:7"
  pull_policy: "${FIXTURE_PULL:-never}"
  stop_grace_period: 0s
services:
  cache:
    <<: *redis
    deploy: {replicas: 2}
    ports: ["6379"]
    networks: {default: {}, back: {aliases: [kv]}}
  store:
    <<: *redis
    container_name: "${PROJECT}-the-store"
    hostname: vault
    ports: ["127.0.0.1:${FIXED_PORT}:6379"]
    environment: {MODE: "a=b"}
    extra_hosts: ["elsewhere:192.0.2.1"]
    mem_limit: 64m
    restart: unless-stopped
    healthcheck: {test: "redis-cli ping", interval: 1s}
  side: {<<: *redis, network_mode: "service:store", command: redis-server --port 7001}
  hostly: {<<: *redis, network_mode: host, command: redis-server --port 0}
  once: {<<: *redis, command: "true"}
  failed: {<<: *redis, command: sh -c 'exit 3'}
  never: {<<: *redis, profiles: [never]}
networks:
  back: {internal: true}
"#;

/// A project of this test, removed at its end whatever happens.
struct Project {
    name: String,
    folder: tempfile::TempDir,
    port: u16,
}

impl Project {
    fn new(suffix: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), COMPOSE).unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { name: format!("st-live-{suffix}-{}", std::process::id()), folder, port }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("compose.yaml")
    }

    fn compose(&self, arguments: &[&str]) {
        let output = Command::new("docker")
            .args(["compose", "-p", &self.name, "-f"])
            .arg(self.file())
            .args(arguments)
            .env("PROJECT", &self.name)
            .env("FIXED_PORT", self.port.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "docker compose {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn up(&self) {
        self.compose(&["up", "-d"]);
        self.compose(&["--profile", "never", "create", "never"]);
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let down = ["--profile", "never", "down", "-v", "--remove-orphans", "--timeout", "0"];
        let _ = Command::new("docker")
            .args(["compose", "-p", &self.name, "-f"])
            .arg(self.file())
            .args(down)
            .env("PROJECT", &self.name)
            .env("FIXED_PORT", self.port.to_string())
            .output();
    }
}

fn is_asked_for() -> bool {
    let asked = std::env::var_os("CROSSCHECK_LIVE").is_some_and(|value| value == "1");
    if !asked {
        eprintln!("skipped: set CROSSCHECK_LIVE=1 to run against the Docker engine");
    }
    asked
}

fn of<'a>(stack: &'a Stack, service: &'a str) -> &'a Container {
    stack.of_service(service).next().unwrap_or_else(|| panic!("no container of {service}"))
}

/// Reads until the one-shots ended and the healthcheck passed.
async fn settled(connection: &Connection, project: &str) -> Stack {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let stack = read(connection, project).await.unwrap();
        let ended = ["once", "failed"].iter().all(|service| of(&stack, service).state.status == Status::Exited);
        let healthy = of(&stack, "store").health.as_ref().is_some_and(|health| health.status == "healthy");
        if ended && healthy {
            return stack;
        }
        assert!(Instant::now() < deadline, "not settled: {:?}", of(&stack, "store").health);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_running_stack_is_read_whole() {
    if !is_asked_for() {
        return;
    }
    let project = Project::new("read");
    project.up();
    let connection = connect().await.unwrap();
    let stack = settled(&connection, &project.name).await;

    assert_eq!(stack.project, project.name);
    assert_eq!(stack.files, [project.file().display().to_string()]);
    assert_eq!(stack.services(), ["cache", "failed", "hostly", "never", "once", "side", "store"]);
    assert_eq!(stack.engine.published_at, PublishedAt::Here);
    assert!(!stack.engine.version.is_empty() && !stack.engine.os.is_empty());

    let [first, second] = stack.of_service("cache").collect::<Vec<_>>()[..] else { panic!("two replicas") };
    assert_eq!((first.label().as_str(), second.label().as_str()), ("cache#1", "cache#2"));
    let networks: Vec<_> = first.network_names().collect();
    let (back, default) = (format!("{}_back", project.name), format!("{}_default", project.name));
    assert_eq!(networks, [back.as_str(), default.as_str()]);
    let [on_back, on_default] = &first.attachments[..] else { panic!("two networks") };
    for name in ["cache", &first.name, &first.id[..12]] {
        assert!(on_back.names.contains(name) && on_default.names.contains(name), "{name}: {:?}", on_back.names);
    }
    assert!(on_back.names.contains("kv") && !on_default.names.contains("kv"));
    assert_eq!((on_back.addresses.len(), on_default.gateway.is_some()), (1, true));
    let network = stack.network("back").unwrap();
    assert_eq!((network.name.as_str(), network.driver.as_str(), network.internal), (back.as_str(), "bridge", true));
    assert!(!stack.network("default").unwrap().internal);
    assert!(first.ports.iter().all(|port| port.container_port == 6379 && port.host_port.is_some()));
    assert!(!first.ports.is_empty());
    assert_eq!(first.wanted_ports.iter().map(|port| port.host_port).collect::<Vec<_>>(), [None]);
    assert_eq!(first.exposed, [6379]);

    let store = of(&stack, "store");
    assert_eq!(store.name, format!("{}-the-store", project.name));
    assert_eq!((store.hostname.as_str(), store.variable("MODE")), ("vault", Some("a=b")));
    assert_eq!(store.extra_hosts, ["elsewhere:192.0.2.1"]);
    assert_eq!((store.limits.memory, store.restart_policy.as_str()), (64 << 20, "unless-stopped"));
    assert_eq!(store.health.as_ref().unwrap().output, "PONG");
    let [port] = &store.ports[..] else { panic!("one port: {:?}", store.ports) };
    assert_eq!((port.host_port, port.host_address), (Some(project.port), "127.0.0.1".parse().unwrap()));
    assert_eq!(store.wanted_ports, store.ports);
    assert!(store.pid > 0 && Path::new(&format!("/proc/{}", store.pid)).exists());
    assert!(store.resolv_conf.ends_with("/resolv.conf") && store.hosts.ends_with("/hosts"));

    let side = of(&stack, "side");
    assert_eq!(side.joins(), Some(store.id.as_str()));
    assert!(stack.share_namespace(side, store) && side.attachments.is_empty());
    assert!(of(&stack, "hostly").on_host_network());
    assert!(of(&stack, "hostly").attachments.iter().all(|at| at.names.is_empty() && at.addresses.is_empty()));
    assert!(of(&stack, "once").is_finished());
    let failed = of(&stack, "failed");
    assert_eq!((failed.state.exit_code, failed.pid, failed.is_finished()), (3, 0, false));
    let never = of(&stack, "never");
    assert_eq!((never.state.status, never.state.started.as_str(), never.pid), (Status::Created, "", 0));
    assert!(never.attachments[0].names.contains(&never.id[..12]));

    // One-off containers are no service, yet hold their ports.
    let one_off = format!("{}-one-off", project.name);
    project.compose(&["run", "-d", "--no-deps", "--name", &one_off, "-p", "127.0.0.1::6379", "cache"]);
    let again = read(&connection, &project.name).await.unwrap();
    assert!(again.containers.iter().all(|container| container.name != one_off));
    let stranger = again.strangers.iter().find(|stranger| stranger.container == one_off).unwrap();
    assert_eq!(stranger.project.as_deref(), Some(project.name.as_str()));
    assert!(!again.strangers.iter().any(|stranger| again.containers.iter().any(|own| own.name == stranger.container)));
}

#[tokio::test]
async fn the_project_of_a_file_is_chosen() {
    if !is_asked_for() {
        return;
    }
    let project = Project::new("choose");
    project.compose(&["up", "-d", "store"]);
    let connection = connect().await.unwrap();
    let of_file = Selection { files: vec![project.file()], ..Selection::default() };
    let (chosen, _) = choose(&connection, &of_file).await.unwrap();
    assert_eq!((chosen.name.as_str(), chosen.notes.len()), (project.name.as_str(), 1), "{:?}", chosen.notes);
    let misspelt = Selection { project: Some(format!("{}x", project.name)), ..Selection::default() };
    let error = choose(&connection, &misspelt).await.unwrap_err().to_string();
    assert!(error.contains("did you mean `") && error.contains("choose one that there is with -p"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_may_go_away_while_we_look() {
    if !is_asked_for() {
        return;
    }
    let project = Project::new("gone");
    project.up();
    let connection = connect().await.unwrap();
    let whole = read(&connection, &project.name).await.unwrap().containers.len();
    let (fewest, vanished) = std::thread::scope(|scope| {
        let down = scope.spawn(|| project.compose(&["--profile", "never", "down", "--timeout", "0"]));
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let mut fewest = whole;
                loop {
                    match read(&connection, &project.name).await {
                        Ok(stack) => fewest = fewest.min(stack.containers.len()),
                        Err(StackError::Vanished { project }) => return (fewest, project),
                        Err(other) => panic!("{other}"),
                    }
                    assert!(!down.is_finished() || fewest > 0, "down ended and the project is still there");
                }
            })
        })
    });
    assert!(fewest < whole, "never seen while it went: {fewest} of {whole}");
    assert_eq!(vanished, project.name);
}
