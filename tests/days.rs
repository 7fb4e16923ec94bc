//! Bad days on a real engine: interrupted, killed, twice at once, without root, while containers come and go.
//! `CROSSCHECK_LIVE=1` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One at a time: each looks at everything of ours that the engine has.
static ENGINE: Mutex<()> = Mutex::new(());

/// Two clients of a server that answers, and one of a server that never does.
const COMPOSE: &str = r#"
x-debian: &debian
  image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
  pull_policy: ${FIXTURE_PULL:-never}
  init: true
services:
  cache:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/redis:7
    pull_policy: ${FIXTURE_PULL:-never}
  a: { <<: *debian, command: [sleep, infinity], environment: { REDIS_URL: "redis://cache:6379" } }
  b: { <<: *debian, command: [sleep, infinity], environment: { REDIS_URL: "redis://cache:6379", SLOW_URL: "redis://silent:7000" } }
  silent:
    <<: *debian
    command: [perl, -e, "use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(7000,INADDR_ANY)); listen(S,64); sleep 1 while 1"]
"#;

/// Every way into a container.
const WAYS: [&str; 4] = ["netns", "sidecar", "exec", "agent"];

struct Stack {
    folder: tempfile::TempDir,
    project: String,
    _engine: MutexGuard<'static, ()>,
}

impl Stack {
    /// The stack, or nothing where live tests are not asked for.
    fn up(name: &str) -> Option<Self> {
        let stack = Self::of(name, COMPOSE)?;
        // The first run makes the probe image, so that the others are all alike; it also waits for the servers.
        eventually(Duration::from_secs(60), "the stack does not come up", || {
            stack.run("sidecar", "200ms").status.code() == Some(1)
        });
        Some(stack)
    }

    /// The same of another file, as soon as its containers run.
    fn of(name: &str, compose: &str) -> Option<Self> {
        if std::env::var_os("CROSSCHECK_LIVE").is_none() {
            eprintln!("left out: set CROSSCHECK_LIVE=1 to run it on a Docker engine");
            return None;
        }
        let engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), compose).unwrap();
        let stack = Self { folder, project: format!("cc-test-{name}-{}", std::process::id()), _engine: engine };
        let up = stack.compose(&["up", "-d"]);
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        Some(stack)
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(["compose", "-p", &self.project]).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn command(&self, via: &str, timeout: &str) -> Command {
        // Who starts the tests in the background of a shell has them ignore Ctrl-C, and their children with them.
        let mut command = Command::new("env");
        command.args(["--default-signal=INT", env!("CARGO_BIN_EXE_crosscheck")]);
        command.args(["-p", &self.project, "--via", via, "--timeout", timeout]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What was put into the containers and not taken out again.
    fn left_in_containers(&self) -> String {
        let listed = self.compose(&["ps", "-aq"]).stdout;
        let diff = |id: &str| Command::new("docker").args(["diff", id]).output().unwrap().stdout;
        let diffs = String::from_utf8_lossy(&listed).lines().map(diff).collect::<Vec<_>>().concat();
        String::from_utf8_lossy(&diffs).lines().filter(|line| line.contains("crosscheck")).collect()
    }

    fn run(&self, via: &str, timeout: &str) -> Output {
        self.command(via, timeout).output().unwrap()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "-t", "1"]);
    }
}

/// The ids of our containers, running or all.
fn ours(all: bool) -> Vec<String> {
    let flags = if all { "-aq" } else { "-q" };
    let output = Command::new("docker").args(["ps", flags, "--filter", "label=dev.crosscheck"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Our probes among this machine's processes.
fn probes() -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.windows(17).any(|w| w == b"crosscheck\0probe\0")).count()
}

fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Moments from the very start to well into the wait for the silent server.
fn moments() -> impl Iterator<Item = Duration> {
    (0..10).map(|step| Duration::from_millis(5 + step * step * 12))
}

#[test]
fn ctrl_c_says_what_is_known_and_leaves_nothing() {
    let Some(stack) = Stack::up("interrupt") else { return };
    for via in WAYS {
        for moment in moments() {
            let child = stack.command(via, "5s").spawn().unwrap();
            std::thread::sleep(moment);
            Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            let output = child.wait_with_output().unwrap();
            let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            // In the first milliseconds the system's own handler still ends the process.
            if output.status.code().is_some() {
                assert_eq!(output.status.code(), Some(130), "{via} after {moment:?}: {text}{errors}");
            }
            assert!(!errors.contains("panicked"), "{errors}");
            let left = format!("a container or a process is left after Ctrl-C: {via} after {moment:?}");
            eventually(Duration::from_secs(1), &left, || ours(true).is_empty() && probes() == 0);
            assert_eq!(stack.left_in_containers(), "", "{via} after {moment:?}");
        }
        let child = stack.command(via, "5s").spawn().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("redis://cache:6379") && text.contains("interrupted"), "{text}");
    }
}

#[test]
fn five_seconds_after_a_kill_nothing_of_ours_runs() {
    let Some(stack) = Stack::up("kill") else { return };
    for via in WAYS {
        for moment in moments() {
            let mut child = stack.command(via, "30s").spawn().unwrap();
            std::thread::sleep(moment);
            child.kill().unwrap();
            child.wait().unwrap();
            eventually(Duration::from_secs(5), "something of ours still runs", || {
                ours(false).is_empty() && probes() == 0
            });
        }
    }
    // What was made and never started is swept when it has expired; here it must not wait so long.
    for id in ours(true) {
        Command::new("docker").args(["rm", "-fv", &id]).output().unwrap();
    }
}

/// A broker with a client beside it; the port is of the host.
const BROKER: &str = r#"
services:
  broker:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/apache/kafka:4.1.0
    pull_policy: ${FIXTURE_PULL:-never}
    environment:
      KAFKA_NODE_ID: 1
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_HEAP_OPTS: -Xmx256m
      KAFKA_LISTENERS: INSIDE://:29092,OUTSIDE://:9092,CONTROLLER://:9093
      KAFKA_ADVERTISED_LISTENERS: INSIDE://broker:29092,OUTSIDE://localhost:PORT
      KAFKA_INTER_BROKER_LISTENER_NAME: INSIDE
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
    ports: ["127.0.0.1:PORT:9092"]
  client:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    init: true
    command: [sleep, infinity]
    environment: { KAFKA_BOOTSTRAP_SERVERS: "broker:29092" }
"#;

/// Our topics in the broker, which is not asked through what is tested here.
fn topics(stack: &Stack) -> Vec<String> {
    let list = "/opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:29092 --list";
    let listed = stack.compose(&["exec", "-T", "broker", "sh", "-c", list]);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter(|topic| topic.contains("crosscheck")).map(str::to_owned).collect()
}

#[test]
fn a_round_trip_leaves_no_topic_however_it_ends() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(stack) = Stack::of("topics", &BROKER.replace("PORT", &port.to_string())) else { return };
    let run = |via: &str, from: &str| {
        let mut command = stack.command(via, "2s");
        command.args(["--round-trip", "--from", from]);
        command
    };
    eventually(Duration::from_secs(90), "the broker does not come up", || {
        run("sidecar", "client").output().unwrap().status.code() == Some(0)
    });
    let mut cut_short = 0;
    for (via, from) in [("netns", "client"), ("netns", "host"), ("sidecar", "client")] {
        let started = Instant::now();
        assert_eq!(run(via, from).output().unwrap().status.code(), Some(0), "{via} from {from}");
        let whole = started.elapsed();
        for signal in ["-INT", "-KILL"] {
            // A round trip is the greater part of a run, and its end.
            for part in [2, 3, 4, 5] {
                let mut child = run(via, from).spawn().unwrap();
                std::thread::sleep(whole * part / 6);
                Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
                let signalled = Instant::now();
                cut_short += usize::from(child.wait().unwrap().code() != Some(0));
                assert!(signalled.elapsed() < Duration::from_secs(5), "{signal} {via}: {:?}", signalled.elapsed());
                let left = Duration::from_secs(5).saturating_sub(signalled.elapsed());
                eventually(left, "something of ours still runs", || ours(false).is_empty() && probes() == 0);
            }
            assert_eq!(topics(&stack), [""; 0], "{signal} {via} from {from}");
        }
    }
    assert!(cut_short > 6, "only {cut_short} runs were cut short");
    for id in ours(true) {
        Command::new("docker").args(["rm", "-fv", &id]).output().unwrap();
    }
}

#[test]
fn two_runs_at_once_do_not_harm_each_other() {
    let Some(stack) = Stack::up("twice") else { return };
    let children: Vec<_> = (0..3).map(|_| stack.command("sidecar", "1s").spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("2 passed") && text.contains("1 failed"), "{text}");
    }
    assert!(ours(true).is_empty());
}

#[test]
fn without_root_it_looks_through_sidecars() {
    let Some(stack) = Stack::up("nobody") else { return };
    let group = Command::new("stat").args(["-c", "%g", "/var/run/docker.sock"]).output().unwrap();
    let group = String::from_utf8(group.stdout).unwrap().trim().to_owned();
    // The executable may lie where nobody else may go.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let executable = folder.path().join("crosscheck");
    std::fs::copy(env!("CARGO_BIN_EXE_crosscheck"), &executable).unwrap();
    Command::new("chmod").arg("755").arg(folder.path()).arg(&executable).status().unwrap();
    let run = |group: &str, via: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", group, "--clear-groups", "--"]).arg(&executable);
        command.args(["-p", &stack.project, "--timeout", "1s", "--format", "json", "--via", via]);
        command.env("HOME", "/nonexistent").current_dir("/tmp").output().unwrap()
    };
    let output = run(&group, "auto");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(report["summary"]["pass"], 2, "{report:#}");
    assert_eq!(report["checks"][0]["via"], "sidecar");
    let denied = run("65534", "auto");
    let message = String::from_utf8_lossy(&denied.stderr);
    assert_eq!(denied.status.code(), Some(2));
    assert!(message.contains("permission") && message.contains("docker"), "{message}");
    let forced = run(&group, "netns");
    let message = String::from_utf8_lossy(&forced.stderr);
    assert_eq!(forced.status.code(), Some(2));
    assert!(message.contains("root"), "{message}");
}

#[test]
fn containers_that_come_and_go_are_never_passed_or_failed_for_it() {
    let Some(stack) = Stack::up("restless") else { return };
    for via in WAYS {
        let mut restarts = Command::new("docker");
        restarts.args(["compose", "-p", &stack.project, "restart", "-t", "0", "a"]).current_dir(stack.folder.path());
        restarts.stdout(Stdio::null()).stderr(Stdio::null());
        for _ in 0..6 {
            let mut restarting = restarts.spawn().unwrap();
            let output = stack.command(via, "1s").args(["--format", "json", "--from", "a"]).output().unwrap();
            restarting.wait().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(!errors.contains("panicked"), "{errors}");
            let report: serde_json::Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
            for check in report["checks"].as_array().unwrap() {
                assert!(check["verdict"] == "pass" || check["verdict"] == "inconclusive", "{via}: {report:#}");
                assert!(check["verdict"] == "pass" || check["reason"].is_string(), "{report:#}");
            }
        }
    }
}

#[test]
fn unknown_projects_and_services_are_named_with_the_nearest() {
    let Some(stack) = Stack::up("names") else { return };
    let message = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_crosscheck")).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let near = stack.project.replace("names", "nmes");
    assert!(message(&["-p", &near]).contains(&stack.project));
    let project = stack.project.as_str();
    assert!(message(&["-p", project, "check", "cahce"]).contains("cache"));
    assert!(message(&["-p", project, "--from", "silnet"]).contains("silent"));
    assert!(message(&["-p", project, "try", "a", "gopher://cache:6379"]).contains("gopher"));
    assert!(message(&["-p", project, "try", "network:nope", "redis://cache:6379"]).contains("nope"));
    assert!(message(&["-p", project, "--expect", "a => cache"]).contains("->"));
}

#[test]
fn a_network_is_a_vantage_too() {
    let Some(stack) = Stack::up("network") else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_crosscheck"))
        .args(["-p", &stack.project, "try", "network:default", "redis://cache:6379"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(ours(true).is_empty());
}
