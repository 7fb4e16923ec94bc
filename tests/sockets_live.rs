//! Connections that only sockets tell, and hosts outside, on real containers; `CROSSCHECK_LIVE=1` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a stack may take until it shows what it must show.
const PATIENCE: Duration = Duration::from_secs(60);

/// Verdicts, or reasons, and the kinds of origins, by check.
type Checks = BTreeMap<String, (String, Vec<String>)>;

fn is_asked_for() -> bool {
    let asked = std::env::var_os("CROSSCHECK_LIVE").is_some();
    if !asked {
        eprintln!("left out: set CROSSCHECK_LIVE=1 to run it on a Docker engine");
    }
    asked
}

fn docker(arguments: &[&str]) -> Output {
    Command::new("docker").args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The stack `sockets` with these profiles, up; it goes when this is dropped.
struct Stack {
    project: String,
    file: PathBuf,
    profiles: Vec<String>,
}

impl Stack {
    fn up(name: &str, services: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose-fixtures/stacks/sockets");
        let profiles = ["--profile", "brief", "--profile", "outside"].map(str::to_owned).to_vec();
        let project = format!("cc-test-{name}-{}", std::process::id());
        let stack = Self { project, file: folder.join("compose.yaml"), profiles };
        let up = stack.compose(&[&["up", "-d"], services].concat());
        assert!(up.status.success(), "{}", told(&up));
        stack
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("docker");
        command.args(["compose", "-p", &self.project, "-f"]).arg(&self.file).args(&self.profiles).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn crosscheck(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosscheck"));
        command.args(["-p", &self.project, "--format", "json"]).args(arguments).stdin(Stdio::null());
        command
    }

    fn checks(&self, arguments: &[&str]) -> Checks {
        checks(&self.crosscheck(arguments).output().unwrap())
    }

    /// Looks until this holds.
    fn until(&self, arguments: &[&str], holds: impl Fn(&Checks) -> bool) -> Checks {
        let started = Instant::now();
        loop {
            let checks = self.checks(arguments);
            if holds(&checks) {
                return checks;
            }
            assert!(started.elapsed() < PATIENCE, "{checks:#?}");
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "-t", "0", "--remove-orphans"]);
    }
}

fn checks(output: &Output) -> Checks {
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(output)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |check: &Value| {
        let said = if check["verdict"].is_null() { &check["reason"] } else { &check["verdict"] };
        let kinds = check["origins"].as_array().unwrap().iter().map(|origin| text(&origin["kind"]));
        (text(&check["id"]), (text(said), kinds.collect()))
    };
    report["checks"].as_array().unwrap().iter().map(of).collect()
}

fn ids(checks: &Checks) -> Vec<&str> {
    checks.keys().map(String::as_str).collect()
}

/// What the files and the sockets of the stack tell, without the profiles.
const ALL: [&str; 6] = [
    "client -> cache:6379",
    "client -> host.docker.internal:36451",
    "client -> server:9000",
    "host -> cache:6379 (published)",
    "named -> server:9000",
    "stuck -> deaf:7000",
];

const SERVICES: [&str; 8] = ["cache", "server", "once", "client", "named", "deaf", "stuck", "alone"];

#[test]
fn sockets_tell_connections_that_nothing_else_does() {
    if !is_asked_for() {
        return;
    }
    let stack = Stack::up("sockets", &SERVICES);
    for way in ["netns", "sidecar"] {
        let checks = stack.until(&["--via", way], |checks| ids(checks) == ALL);
        let verdicts: Vec<_> = checks.values().map(|(verdict, _)| verdict.as_str()).collect();
        assert_eq!(verdicts, ["pass", "pass", "pass", "pass", "pass", "fail"], "{way}");
        assert_eq!(checks["client -> server:9000"].1, ["socket"]);
        assert_eq!(checks["named -> server:9000"].1, ["environment", "socket"], "one check, which both tell");
        assert_eq!(checks["host -> cache:6379 (published)"].1, ["published"]);
    }
    // The connections of the runs before are no connections of the containers.
    assert_eq!(ids(&stack.checks(&["plan", "--via", "sidecar"])), ALL);
    for command in ["plan", "check"] {
        let checks = stack.checks(&[command, "--offline"]);
        assert_eq!(ids(&checks), ["host -> cache:6379 (published)", "named -> server:9000"]);
        assert_eq!(checks["named -> server:9000"].1, ["environment"]);
    }
    assert_eq!(ids(&stack.checks(&["plan", "--from", "stuck"])), ["stuck -> deaf:7000"]);
    assert_eq!(ids(&stack.checks(&["plan", "deaf"])), ["stuck -> deaf:7000"]);
    assert_eq!(ids(&stack.checks(&["try", "client", "tcp://cache:6379"])), ["client -> cache:6379"]);

    // A connection that still stands, to a server that no longer moves.
    assert!(stack.compose(&["pause", "server"]).status.success());
    let checks = stack.checks(&[]);
    assert_eq!(checks["client -> server:9000"].0, "fail", "{checks:?}");
    assert!(stack.compose(&["unpause", "server"]).status.success());
    assert_eq!(stack.checks(&[])["client -> server:9000"].0, "pass");
}

#[test]
fn what_is_short_is_learned() {
    if !is_asked_for() {
        return;
    }
    let stack = Stack::up("learn", &["server", "brief"]);
    let learned = |arguments: &[&str]| {
        let checks = stack.until(arguments, |checks| !checks.is_empty());
        assert_eq!(ids(&checks), ["brief -> server:9000"], "{arguments:?}");
        checks["brief -> server:9000"].0.clone()
    };
    assert_eq!(learned(&["plan", "--learn", "4s", "--allow-empty"]), "");
    assert_eq!(learned(&["check", "--learn", "4s", "--via", "sidecar"]), "pass");

    // What was seen until then is told, and nothing stays behind.
    for arguments in [&["plan", "--learn", "10m", "--via", "sidecar"][..], &["check", "--learn", "10m"]] {
        let mut run = stack.crosscheck(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(run.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        assert_eq!(line, "crosscheck: watching sockets for 600 s\n");
        std::thread::sleep(Duration::from_secs(4));
        let started = Instant::now();
        let pid = run.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let mut rest = String::new();
        errors.read_to_string(&mut rest).unwrap();
        let output = run.wait_with_output().unwrap();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!(output.status.code(), Some(130), "{rest}");
        assert!(rest.contains("saw connections to 1 place; interrupted"), "{rest}");
        assert_eq!(ids(&checks(&output)), ["brief -> server:9000"]);
        let mode = |service: &str| {
            let id = stack.compose(&["ps", "-q", service]);
            format!("container:{}", String::from_utf8_lossy(&id.stdout).trim())
        };
        let left = docker(&["ps", "-aq", "--filter", "label=dev.crosscheck"]);
        let left = String::from_utf8_lossy(&left.stdout).into_owned();
        let ours = [mode("server"), mode("brief")];
        for id in left.lines() {
            let found = docker(&["inspect", "-f", "{{.HostConfig.NetworkMode}}", id]);
            let network = String::from_utf8_lossy(&found.stdout).trim().to_owned();
            assert!(!ours.contains(&network), "{id} stays");
        }
    }
}

/// A server that nobody of a stack is, on a network of its own; both go when this is dropped.
struct Outside {
    name: String,
}

impl Outside {
    fn start(image: &str) -> Self {
        let outside = Self { name: format!("cc-test-outside-{}", std::process::id()) };
        let made = docker(&["network", "create", "--internal", &outside.name]);
        assert!(made.status.success(), "{}", told(&made));
        let serve = concat!(env!("CARGO_MANIFEST_DIR"), "/compose-fixtures/stacks/healthy/serve.pl:/serve.pl:ro");
        let run = ["run", "-d", "--init", "--name", &outside.name, "--network", &outside.name];
        let what = ["--network-alias", "api.pay.test", "-v", serve, image, "perl", "/serve.pl", "9300"];
        let started = docker(&[&run[..], &what].concat());
        assert!(started.status.success(), "{}", told(&started));
        outside
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        docker(&["rm", "-f", &self.name]);
        docker(&["network", "rm", "-f", &self.name]);
    }
}

#[test]
fn hosts_outside_are_looked_at_on_demand() {
    if !is_asked_for() {
        return;
    }
    let registry = std::env::var("FIXTURE_REGISTRY").unwrap_or_else(|_| "crosscheck.test".into());
    let outside = Outside::start(&format!("{registry}/library/debian:bookworm-slim"));
    let stack = Stack::up("external", &["buyer"]);
    let joined = docker(&["network", "connect", &outside.name, &format!("{}-buyer-1", stack.project)]);
    assert!(joined.status.success(), "{}", told(&joined));

    let id = "buyer -> api.pay.test:9300";
    assert!(stack.checks(&["check"]).is_empty());
    assert_eq!(stack.checks(&["plan"])[id], ("skipped".into(), vec!["environment".into()]));
    assert_eq!(stack.checks(&["check", "-v"])[id].0, "skipped");
    assert_eq!(stack.checks(&["plan", "--external"])[id].0, "");
    let passed = stack.until(&["check", "--external"], |checks| checks[id].0 == "pass");
    assert_eq!(ids(&passed), [id]);
    docker(&["rm", "-f", &outside.name]);
    assert_eq!(stack.checks(&["check", "--external"])[id].0, "fail");

    docker(&["network", "disconnect", &outside.name, &format!("{}-buyer-1", stack.project)]);
}
