//! What each way sees of which kind of container: the table in `docs/ways.md`, held against a real engine.
//! `CROSSCHECK_LIVE=1` runs it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crosscheck::plan::Vantage;
use crosscheck::stack::{connect, read};
use crosscheck::vantage::{Via, Ways};
use serde_json::Value;

/// The ways, in the order of the table's columns.
const WAYS: [(&str, Via); 4] =
    [("netns", Via::Netns), ("sidecar", Via::Sidecar), ("exec", Via::Exec), ("agent", Via::Agent)];

/// Every kind is a client of the one server: one address answers, the other refuses.
const COMPOSE: &str = r#"
x-debian: &debian
  image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
  pull_policy: ${FIXTURE_PULL:-never}
  init: true
  command: [sleep, infinity]
  stop_grace_period: 0s
  environment: { RIGHT_URL: "redis://cache:6379", WRONG_URL: "redis://cache:6380" }
services:
  cache:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/redis:7
    pull_policy: ${FIXTURE_PULL:-never}
    ports: ["127.0.0.1:26391:6379"]
    networks: { default: {}, inside: {}, six: { ipv6_address: "fd5c:c15:6::10" }, dual: {} }
  debian: *debian
  static:
    image: crosscheck.test/scratch-client:1
    pull_policy: never
    environment: { RIGHT_URL: "redis://cache:6379", WRONG_URL: "redis://cache:6380" }
  read-only: { <<: *debian, read_only: true, tmpfs: [/tmp] }
  non-root: { <<: *debian, user: "1000:1000", cap_drop: [ALL], security_opt: ["no-new-privileges:true"] }
  preload:
    <<: *debian
    environment:
      RIGHT_URL: "redis://cache:6379"
      WRONG_URL: "redis://cache:6380"
      LD_PRELOAD: /lib/x86_64-linux-gnu/libm.so.6
      LD_LIBRARY_PATH: /lib/x86_64-linux-gnu
  tight: { <<: *debian, mem_limit: 16m, pids_limit: 8 }
  joined: { <<: *debian, network_mode: "service:debian" }
  host-network:
    <<: *debian
    network_mode: host
    environment: { RIGHT_URL: "redis://127.0.0.1:26391", WRONG_URL: "redis://127.0.0.1:26392" }
  internal: { <<: *debian, networks: [inside] }
  six:
    <<: *debian
    networks: [six]
    environment: { RIGHT_URL: "redis://[fd5c:c15:6::10]:6379", WRONG_URL: "redis://[fd5c:c15:6::10]:6380" }
  dual: { <<: *debian, networks: [dual] }
  paused: *debian
  restarting: { <<: *debian, command: [sh, -c, "exit 3"], restart: always }
  finished: { <<: *debian, command: ["true"] }
  created: *debian
  removed: *debian
networks:
  inside: { internal: true }
  six: { internal: true, enable_ipv6: true, ipam: { config: [{ subnet: "fd5c:c15:6::/64" }] } }
  dual: { enable_ipv6: true, ipam: { config: [{ subnet: "fd5c:c15:4::/64" }] } }
"#;

/// One row: the service, and a cell for each way.
type Table = BTreeMap<String, Vec<String>>;

struct Stack {
    folder: tempfile::TempDir,
    project: String,
}

impl Stack {
    fn up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), COMPOSE).unwrap();
        let stack = Self { folder, project: format!("cc-test-kinds-{}", std::process::id()) };
        for arguments in [&["up", "-d", "--scale", "created=0"][..], &["create", "created"], &["pause", "paused"]] {
            let done = stack.compose(arguments);
            assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        }
        // Between two starts the engine waits twice as long each time: then it is seen restarting, not running.
        let started = Instant::now();
        while stack.restarts() < 6 {
            assert!(started.elapsed() < Duration::from_secs(90), "it does not restart");
            std::thread::sleep(Duration::from_millis(200));
        }
        stack
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(["compose", "-p", &self.project]).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn restarts(&self) -> u32 {
        let name = format!("{}-restarting-1", self.project);
        let seen = Command::new("docker").args(["inspect", "-f", "{{.RestartCount}}", &name]).output().unwrap();
        String::from_utf8_lossy(&seen.stdout).trim().parse().unwrap()
    }

    fn report(&self, way: &str) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosscheck"));
        command.args(["-p", &self.project, "--via", way, "--format", "json", "--timeout", "5s"]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{way}: {error}: {errors}"))
    }

    /// What was put into the containers and not taken out again.
    fn left_in_containers(&self) -> Vec<String> {
        let listed = self.compose(&["ps", "-aq"]).stdout;
        let mut left = Vec::new();
        for id in String::from_utf8_lossy(&listed).lines() {
            let diff = Command::new("docker").args(["diff", id]).output().unwrap().stdout;
            let diff = String::from_utf8_lossy(&diff).into_owned();
            left.extend(diff.lines().filter(|line| line.contains("crosscheck")).map(|line| format!("{id} {line}")));
        }
        left
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "-t", "0"]);
    }
}

/// The table as the document has it, and the services that it names.
fn documented() -> Table {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ways.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| service | kind of container |")).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = cells(line);
            assert_eq!(cells.len(), 2 + WAYS.len(), "{line}");
            (cells[0].trim_matches('`').to_owned(), cells[2..].to_vec())
        })
        .collect()
}

/// The checks of a service: their ids and verdicts.
fn verdicts(report: &Value, service: &str) -> BTreeSet<String> {
    let of = |check: &&Value| check["from"] == service;
    let shown = |check: &Value| format!("{} {} {}", check["id"], check["verdict"], check["depth"]);
    report["checks"].as_array().unwrap().iter().filter(of).map(shown).collect()
}

/// What a cell says of a service's checks.
fn cell(report: &Value, service: &str, way: &str) -> String {
    let checks: Vec<_> = report["checks"].as_array().unwrap().iter().filter(|check| check["from"] == service).collect();
    assert_eq!(checks.len(), 2, "{service}: {checks:?}");
    let both: Vec<_> = checks.iter().map(|check| check["verdict"].as_str().unwrap()).collect();
    if both == ["pass", "fail"] {
        assert!(checks.iter().all(|check| check["via"] == way), "{service} by {way}: {checks:?}");
        return "looks".into();
    }
    assert_eq!(both[0], both[1], "{service} by {way}: {checks:?}");
    format!("{}: {}", both[0], checks[0]["reason"].as_str().unwrap_or_default())
}

/// Whether the document's words are what was seen: the same verdict, and its reason in the reason that was given.
fn says(documented: &str, seen: &str) -> bool {
    match (documented.split_once(": "), seen.split_once(": ")) {
        (Some((verdict, reason)), Some((seen, given))) => {
            verdict == seen && !reason.is_empty() && given.contains(reason)
        }
        _ => documented == seen,
    }
}

#[test]
fn words_of_a_cell_are_compared() {
    assert!(says("looks", "looks") && says("skipped: is paused", "skipped: x is paused"));
    for (documented, seen) in [
        ("looks", "skipped: x is paused"),
        ("skipped: is paused", "inconclusive: x is paused"),
        ("inconclusive: it is paused", "inconclusive: it does not run"),
        ("looks", "inconclusive: "),
        ("inconclusive: ", "inconclusive: anything"),
    ] {
        assert!(!says(documented, seen), "{documented}");
    }
    assert_eq!(documented().len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_kinds_is_what_is_seen() {
    if std::env::var_os("CROSSCHECK_LIVE").is_none() {
        eprintln!("left out: set CROSSCHECK_LIVE=1 to run it on a Docker engine");
        return;
    }
    let stack = Stack::up();
    let mut seen = Table::new();
    let mut first: Option<Value> = None;
    let services: Vec<_> = documented().into_keys().filter(|service| service != "removed").collect();
    for (way, _) in WAYS {
        let report = stack.report(way);
        let netns = first.get_or_insert_with(|| report.clone());
        for service in &services {
            let cell = cell(&report, service, way);
            // Ways that can look give the same verdicts, as deep.
            if cell == "looks" {
                assert_eq!(verdicts(netns, service), verdicts(&report, service), "{service} by {way}");
            }
            seen.entry(service.clone()).or_default().push(cell);
        }
        let known = report["services"].as_array().unwrap().len();
        assert_eq!(known, services.len() + 2, "a service has no row: {}", report["services"]);
    }
    seen.insert("removed".into(), removed(&stack).await);
    let documented = documented();
    let mut differences = Vec::new();
    for (service, cells) in &seen {
        for ((way, _), (cell, written)) in WAYS.iter().zip(cells.iter().zip(&documented[service])) {
            if !says(written, cell) {
                differences.push(format!("{service} by {way}: the table says {written:?}, and it is {cell:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(stack.left_in_containers(), Vec::<String>::new());
}

/// What each way says of a container that was removed after the stack was read.
async fn removed(stack: &Stack) -> Vec<String> {
    let connection = connect::connect().await.unwrap();
    let read = read::read(&connection, &stack.project).await.unwrap();
    assert!(stack.compose(&["rm", "-sf", "removed"]).status.success());
    let container = read.of_service("removed").next().unwrap();
    let vantage = Vantage::Container { service: "removed".into(), replica: None, id: container.id.clone() };
    let mut cells = Vec::new();
    for (_, via) in WAYS {
        let executable = env!("CARGO_BIN_EXE_crosscheck").into();
        let ways = Ways::new(Some(connection.docker.clone()), &read, via, executable).await.unwrap();
        // What cannot be opened is never looked at, and that is inconclusive.
        cells.push(format!("inconclusive: {}", ways.open(&vantage, &read).await.unwrap_err()));
        ways.close().await;
    }
    cells
}
