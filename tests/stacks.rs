//! The cases on real servers in real containers, looked at by every way; `CROSSCHECK_LIVE=1` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Case, Found, case};

/// How long a stack may take until it shows what it must show.
const PATIENCE: Duration = Duration::from_secs(180);

/// How old volumes must be so that nobody takes them for new ones.
const AGE: Duration = Duration::from_secs(31);

/// Both forms of the incident publish the same host ports.
static INCIDENT: Mutex<()> = Mutex::new(());

#[test]
fn incident_broken() {
    let _alone = INCIDENT.lock().unwrap_or_else(PoisonError::into_inner);
    hold(&case("incident/expect.broken.yaml"));
}

#[test]
fn incident_mended() {
    let _alone = INCIDENT.lock().unwrap_or_else(PoisonError::into_inner);
    hold(&case("incident/expect.mended.yaml"));
}

#[test]
fn wiring() {
    hold(&case("stacks/wiring/expect.yaml"));
}

#[test]
fn servers() {
    hold(&case("stacks/servers/expect.yaml"));
}

#[test]
fn kafka() {
    hold(&case("stacks/kafka/expect.yaml"));
}

#[test]
fn healthy() {
    hold(&case("stacks/healthy/expect.yaml"));
}

#[test]
fn kafka_security() {
    hold(&case("stacks/kafka-security/expect.yaml"));
}

#[test]
fn kafka_crashes() {
    hold(&case("stacks/kafka-crashes/expect.yaml"));
}

#[test]
fn kafka_cluster() {
    hold(&case("stacks/kafka-cluster/expect.yaml"));
}

#[test]
fn networks() {
    hold(&case("stacks/networks/expect.yaml"));
}

#[test]
fn limits() {
    hold(&case("stacks/limits/expect.yaml"));
}

#[test]
fn outdated() {
    hold(&case("stacks/outdated/expect.yaml"));
}

#[test]
fn names() {
    hold(&case("stacks/names/expect.yaml"));
}

#[test]
fn large_packets() {
    hold(&case("stacks/large-packets/expect.yaml"));
}

#[test]
fn held_port() {
    hold(&case("stacks/held-port/expect.yaml"));
}

#[test]
fn databases() {
    hold(&case("stacks/databases/expect.yaml"));
}

#[test]
fn declared() {
    hold(&case("stacks/declared/expect.yaml"));
}

#[test]
fn brokers() {
    hold(&case("stacks/brokers/expect.yaml"));
}

#[test]
fn search() {
    hold(&case("stacks/search/expect.yaml"));
}

#[test]
fn observability() {
    hold(&case("stacks/observability/expect.yaml"));
}

#[test]
fn sockets() {
    hold(&case("stacks/sockets/expect.yaml"));
}

#[test]
fn stale_volume() {
    hold(&case("stacks/stale-volume/expect.yaml"));
}

/// A stack that is up; it goes when this is dropped, also when a test fails.
struct Stack<'a> {
    case: &'a Case,
    project: String,
    /// Where its compose file is: beside the case, or in a copy that is changed.
    folder: PathBuf,
    _copy: Option<tempfile::TempDir>,
    _stranger: Option<TcpListener>,
}

impl<'a> Stack<'a> {
    fn up(case: &'a Case) -> Self {
        let name = case.file.with_extension("").to_string_lossy().replace('.', "-");
        let name: Vec<_> = name.rsplit('/').take(2).collect();
        let project = format!("cc-test-{}-{}-{}", name[1], name[0], std::process::id());
        // A stranger that accepts is enough: that the port is not ours is what counts.
        let stranger = case.occupy.map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
        let beside = case.file.parent().unwrap();
        let copy = case.change.as_ref().map(|_| copied(beside));
        let folder = copy.as_ref().map_or(beside, tempfile::TempDir::path).to_owned();
        let stack = Self { case, project, folder, _copy: copy, _stranger: stranger };
        if let Some(before) = &case.before {
            for arguments in [&["up", "-d", "--wait"][..], &["down", "-t", "1"]] {
                let done = stack.compose_file(before, arguments);
                assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            }
            std::thread::sleep(AGE);
        }
        let mut up = stack.compose(&["up", "-d"]);
        let complete = case.occupy.is_none() && !case.incomplete;
        // The kernel gives such ports to connections too, for as long as these last.
        for _ in 0..5 {
            if !complete || !String::from_utf8_lossy(&up.stderr).contains("address already in use") {
                break;
            }
            std::thread::sleep(Duration::from_secs(2));
            up = stack.compose(&["up", "-d"]);
        }
        assert_eq!(up.status.success(), complete, "{}", String::from_utf8_lossy(&up.stderr));
        if let Some(change) = &case.change {
            std::fs::copy(beside.join(change), stack.folder.join(&case.compose)).unwrap();
        }
        for service in &case.stop {
            assert!(stack.compose(&["stop", "-t", "1", service]).status.success());
        }
        stack
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        self.compose_file(&self.case.compose, arguments)
    }

    fn compose_file(&self, name: &str, arguments: &[&str]) -> Output {
        let file = self.folder.join(name);
        let mut command = Command::new("docker");
        command.args(["compose", "-p", &self.project, "-f"]).arg(file).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn crosscheck(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crosscheck"));
        command.args(["-p", &self.project]).args(&self.case.arguments).args(arguments);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn report(&self, via: &str) -> (Output, Value) {
        let output = self.crosscheck(&["--format", "json", "--via", via]);
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        (output, report)
    }
}

/// A copy of the files of a folder.
fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "-t", "1", "--remove-orphans"]);
    }
}

fn hold(case: &Case) {
    if std::env::var_os("CROSSCHECK_LIVE").is_none() {
        eprintln!("left out: set CROSSCHECK_LIVE=1 to run it on a Docker engine");
        return;
    }
    let stack = Stack::up(case);
    let first = settle(&stack);
    assert_valid(&first);
    let text = stack.crosscheck(&["--verbose"]);
    assert_eq!(text.status.code(), Some(case.exit), "{}", String::from_utf8_lossy(&text.stdout));
    for output in [&text.stdout, &text.stderr, first.to_string().as_bytes()] {
        let output = String::from_utf8_lossy(output);
        for secret in &case.secrets {
            assert!(!output.contains(secret.as_str()), "{secret} is in the output: {output}");
        }
    }
    for way in ["sidecar", "agent"] {
        agree(&stack, way, first.clone());
    }
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        let facts = case.facts();
        stack.crosscheck(&["--via", "netns", "--record", facts.to_str().unwrap()]);
    }
}

/// Two ways see the same. What runs in a loop, or ends, may do so between two looks: then they are taken anew, a few times.
fn agree(stack: &Stack, way: &str, mut first: Value) {
    for more in (0..4).rev() {
        let (_, other) = stack.report(way);
        if more == 0 {
            assert_eq!(essence(&first), essence(&other), "netns and {way} must agree");
        }
        if essence(&first) == essence(&other) {
            return;
        }
        first = stack.report("netns").1;
    }
}

/// The report follows the schema that the repository promises.
fn assert_valid(report: &Value) {
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/report.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let errors: Vec<_> = schema.iter_errors(report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Looks until the stack shows what it must; a stack needs its time to come up.
fn settle(stack: &Stack) -> Value {
    let started = Instant::now();
    loop {
        let (output, report) = stack.report("netns");
        let mut differences = stack.case.differences(&findings(&report), &passed(&report));
        if output.status.code() != Some(stack.case.exit) {
            differences.push(format!("exit code {:?}", output.status.code()));
        }
        if differences.is_empty() {
            return report;
        }
        assert!(started.elapsed() < PATIENCE, "{}:\n{}", stack.case.file.display(), differences.join("\n"));
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn findings(report: &Value) -> Vec<Found> {
    let strings =
        |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let found = |finding: &Value| Found {
        rule: finding["rule"].as_str().unwrap().into(),
        service: finding["service"].as_str().map(Into::into),
        checks: strings(&finding["checks"]),
        text: format!(
            "{}\n{}\n{}",
            finding["message"].as_str().unwrap(),
            strings(&finding["evidence"]).join("\n"),
            finding["help"].as_str().unwrap()
        ),
        silenced: finding["silenced"].as_bool(),
    };
    report["findings"].as_array().unwrap().iter().map(found).collect()
}

fn passed(report: &Value) -> BTreeSet<String> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["verdict"] == "pass").map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}

/// What must not depend on the way that was taken: verdicts, and the causes of failures.
fn essence(report: &Value) -> BTreeSet<String> {
    let checks =
        report["checks"].as_array().unwrap().iter().map(|check| format!("{} {}", check["id"], check["verdict"]));
    let findings = report["findings"].as_array().unwrap().iter().map(|finding| finding["fingerprint"].to_string());
    checks.chain(findings).collect()
}
