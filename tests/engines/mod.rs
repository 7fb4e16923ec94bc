//! A small stack on some engine, servers for SSH, and the engine that tests may end and start again.

pub mod files;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A client of a server that answers and is published, and one of a server that never does.
const COMPOSE: &str = r#"
services:
  cache:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/redis:7
    pull_policy: ${FIXTURE_PULL:-never}
    ports: ["6379"]
  app:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    command: [sleep, infinity]
    environment: { REDIS_URL: "redis://cache:6379" }
  slow:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    init: true
    command: [perl, -e, "use Socket; socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in(7000,INADDR_ANY)); listen(S,64); sleep 1 while 1"]
    profiles: [slow]
  late:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    init: true
    command: [sleep, infinity]
    environment: { SLOW_URL: "redis://slow:7000" }
    profiles: [slow]
  side:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/redis:7
    pull_policy: ${FIXTURE_PULL:-never}
    network_mode: service:cache
    command: redis-server --port 7001
    profiles: [podman]
  user:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    command: [sleep, infinity]
    environment: { SIDE_URL: "redis://cache:7001", WRONG_URL: "redis://nobody:7001", CLOSED_URL: "redis://cache:9" }
    profiles: [podman]
"#;

/// Verdicts and reasons, by check.
pub type Verdicts = BTreeMap<String, (String, String)>;

/// A command that reads nothing from a terminal.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

pub fn crosscheck() -> Command {
    command(env!("CARGO_BIN_EXE_crosscheck"))
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// A stack that is up on the engine at `host`, or on that of this process; it goes when this is dropped.
pub struct Stack {
    folder: tempfile::TempDir,
    pub project: String,
    host: Option<String>,
}

impl Stack {
    pub fn up(name: &str, host: Option<String>, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), COMPOSE).unwrap();
        let stack = Self { folder, project: format!("cc-test-{name}-{}", std::process::id()), host };
        let up = stack.compose(&[arguments, &["up", "-d"]].concat());
        assert!(up.status.success(), "{}", stderr(&up));
        stack
    }

    pub fn compose(&self, arguments: &[&str]) -> Output {
        let mut compose = self.docker();
        compose.args(["compose", "-p", &self.project]).args(arguments).current_dir(self.folder.path());
        compose.output().unwrap()
    }

    fn docker(&self) -> Command {
        let mut docker = command("docker");
        docker.envs(self.host.iter().map(|host| ("DOCKER_HOST", host)));
        docker
    }

    /// The sidecars of ours that stand beside this stack's containers; other tests have theirs.
    pub fn ours(&self) -> Vec<String> {
        let lines = |arguments: &[&str]| -> Vec<String> {
            // One that goes between two questions is no failure.
            let output = self.docker().args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
        };
        let project = format!("label=com.docker.compose.project={}", self.project);
        let own: Vec<_> = lines(&["ps", "-aq", "--no-trunc", "--filter", &project]);
        assert!(!own.is_empty(), "the stack is gone, or the engine does not answer");
        let sidecars = lines(&["ps", "-aq", "--filter", "label=dev.crosscheck"]);
        if sidecars.is_empty() {
            return sidecars;
        }
        let inspect = ["inspect", "-f", "{{.HostConfig.NetworkMode}}"].into_iter();
        let modes = lines(&inspect.chain(sidecars.iter().map(String::as_str)).collect::<Vec<_>>());
        modes.into_iter().filter(|mode| own.iter().any(|id| mode.ends_with(id.as_str()))).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.compose(&["--profile", "slow", "down", "-v", "-t", "0"]);
    }
}

/// What a report says of each check.
pub fn verdicts(output: &Output) -> Verdicts {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", String::from_utf8_lossy(&output.stdout), stderr(output)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |check: &Value| (text(&check["id"]), (text(&check["verdict"]), text(&check["reason"])));
    report["checks"].as_array().unwrap().iter().map(of).collect()
}

/// Runs until it gives this exit code: servers need their time to come up.
pub fn eventually(code: i32, run: impl Fn() -> Output) -> Output {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let output = run();
        if output.status.code() == Some(code) {
            return output;
        }
        assert!(Instant::now() < until, "{:?} {:?} {}", output.status, verdicts(&output), stderr(&output));
    }
}

pub fn wait_until(limit: Duration, what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server for SSH that only this test knows, on a port of the loopback, and an `ssh` that uses settings of its own.
pub struct Sshd {
    folder: tempfile::TempDir,
    pub port: u16,
    server: Child,
}

impl Sshd {
    /// Whether there is a server to start.
    pub fn is_there() -> bool {
        let there = Path::new("/usr/sbin/sshd").exists();
        if !there {
            eprintln!("left out: there is no /usr/sbin/sshd; install openssh-server");
        }
        there
    }

    /// Starts it with more lines for its settings.
    pub fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |file: &str| folder.path().join(file).display().to_string();
        for key in ["host", "id", "other"] {
            let made = command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status().unwrap();
            assert!(made.success());
        }
        std::fs::copy(at("id.pub"), at("authorized")).unwrap();
        let engine =
            std::env::var("DOCKER_HOST").map(|host| format!("SetEnv DOCKER_HOST={host}\n")).unwrap_or_default();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n{engine}{more}\n",
            at("host"),
            at("authorized")
        );
        std::fs::write(at("sshd_config"), settings).unwrap();
        // What the server wants when it runs as root; packages make it with the service alone.
        let _ = std::fs::create_dir_all("/run/sshd");
        let server = command("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let sshd = Self { folder, port, server };
        sshd.knows("host");
        sshd.uses("id");
        let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|path| path.join("ssh"))
            .find(|ssh| ssh.exists());
        std::fs::create_dir(sshd.path("bin")).unwrap();
        std::fs::create_dir(sshd.path("tmp")).unwrap();
        let script =
            format!("#!/bin/sh\nexec {} -F {} \"$@\"\n", real.unwrap().display(), sshd.path("config").display());
        std::fs::write(sshd.path("bin/ssh"), script).unwrap();
        assert!(command("chmod").arg("+x").arg(sshd.path("bin/ssh")).status().unwrap().success());
        let answers = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait_until(Duration::from_secs(10), &std::fs::read_to_string(sshd.path("log")).unwrap(), answers);
        sshd
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// What the user knows of host keys: that of a file, or none.
    pub fn knows(&self, key: &str) {
        let known = std::fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap_or_default();
        let known: Vec<_> = known.split(' ').take(2).collect();
        let line =
            if known.len() == 2 { format!("[127.0.0.1]:{} {}\n", self.port, known.join(" ")) } else { String::new() };
        std::fs::write(self.path("known"), line).unwrap();
    }

    /// Which key the user logs in with.
    pub fn uses(&self, key: &str) {
        let config = format!(
            "Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n\
             Host alias\n  HostName 127.0.0.1\n  Port {}\n",
            self.path(key).display(),
            self.path("known").display(),
            self.port
        );
        std::fs::write(self.path("config"), config).unwrap();
    }

    /// crosscheck towards the engine behind this server.
    pub fn crosscheck(&self, host: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let mut command = crosscheck();
        command
            .env("DOCKER_HOST", host)
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("TMPDIR", self.path("tmp"));
        command
    }

    pub fn address(&self) -> String {
        format!("ssh://127.0.0.1:{}", self.port)
    }

    /// What stands in the way to the engine, in crosscheck's words.
    pub fn error(&self) -> String {
        let started = Instant::now();
        let output = self.crosscheck(&self.address()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
        self.leaves_nothing();
        stderr(&output)
    }

    /// Trunks are gone, and with them the `ssh` that held them.
    pub fn leaves_nothing(&self) {
        let empty = || std::fs::read_dir(self.path("tmp")).unwrap().next().is_none();
        wait_until(Duration::from_secs(5), "an ssh of ours is left", empty);
    }

    /// How often somebody logged in.
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// What the server says.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The old engine that `scripts/old-engine` started, which tests end and start again: one at a time.
pub struct OldEngine {
    pub folder: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

impl OldEngine {
    pub fn get() -> Option<Self> {
        let Some(folder) = std::env::var_os("CROSSCHECK_OLD_ENGINE") else {
            eprintln!("left out: no engine was started for it by scripts/old-engine; scripts/test does");
            return None;
        };
        Some(Self { folder: folder.into(), _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner) })
    }

    pub fn host(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.display())
    }

    fn script() -> Command {
        command(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/old-engine"))
    }

    /// `halt`, or `resume` with options.
    pub fn tell(arguments: &[&str]) {
        let output = Self::script().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    }

    /// crosscheck beside this engine, where its ports and processes are.
    pub fn crosscheck(variables: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut inside = Self::script();
        inside.args(["exec", "env"]).args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        inside.arg(env!("CARGO_BIN_EXE_crosscheck")).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        inside.process_group(0);
        inside
    }
}

/// Podman's service in namespaces and with storage of its own; it goes with everything in it when this is dropped.
pub struct Podman {
    folder: tempfile::TempDir,
    holder: Child,
}

impl Podman {
    /// The service with the images of the stack; nothing where there is no Podman, or none whose containers have names.
    pub fn start() -> Option<Self> {
        let there = |program: &str| Path::new(program).exists();
        if !(there("/usr/bin/podman") && there("/usr/lib/podman/netavark") && there("/usr/lib/podman/aardvark-dns")) {
            eprintln!("left out: there is no podman with netavark and aardvark-dns");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = |file: &str| folder.path().join(file).display().to_string();
        std::fs::write(at("containers.conf"), "[network]\nnetwork_backend = \"netavark\"\n").unwrap();
        let script = "ip link set lo up; podman --root \"$0/root\" --runroot \"$0/run\" --cgroup-manager cgroupfs system service --time=0 \"unix://$0/podman.sock\"";
        let holder = command("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script])
            .arg(folder.path())
            .env("CONTAINERS_CONF", at("containers.conf"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let podman = Self { folder, holder };
        let docker =
            |arguments: &[&str]| command("docker").args(arguments).env("DOCKER_HOST", podman.host()).output().unwrap();
        wait_until(Duration::from_secs(30), "podman does not answer", || docker(&["version"]).status.success());
        let registry = std::env::var("FIXTURE_REGISTRY").unwrap_or_else(|_| "crosscheck.test".into());
        let copy = format!(
            "docker save {registry}/library/redis:7 {registry}/library/debian:bookworm-slim | DOCKER_HOST={} docker load",
            podman.host()
        );
        let copied = command("bash").args(["-o", "pipefail", "-c", &copy]).output().unwrap();
        assert!(copied.status.success(), "{}", stderr(&copied));
        Some(podman)
    }

    pub fn host(&self) -> String {
        format!("unix://{}/podman.sock", self.folder.path().display())
    }

    /// crosscheck where this engine's ports and processes are.
    pub fn crosscheck(&self, arguments: &[&str]) -> Output {
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.holder.id())).unwrap();
        let mut inside = command("nsenter");
        inside.args(["--target", children.trim(), "--net", "--mount", "--pid", env!("CARGO_BIN_EXE_crosscheck")]);
        inside.args(arguments).env("DOCKER_HOST", self.host()).output().unwrap()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        // Its storage is mounted until the last process of the namespaces has ended.
        let until = Instant::now() + Duration::from_secs(10);
        while std::fs::remove_dir_all(self.folder.path()).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
