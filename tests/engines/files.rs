//! A stack whose clients say in files of different places whom they connect to.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use serde_json::Value;

use super::{command, stderr};

/// Each client has its file elsewhere: in a volume, in its image, on the machine that brought the stack up.
const COMPOSE: &str = r#"
services:
  cache:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/redis:7
    pull_policy: ${FIXTURE_PULL:-never}
  volume:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    command: [sleep, infinity]
    init: true
    environment: { SPRING_CONFIG_LOCATION: /settings/application.yml }
    volumes: ["settings:/settings", "data:/data"]
  image:
    image: ${BAKED}
    pull_policy: never
    command: [sleep, infinity]
    init: true
    environment: { SPRING_CONFIG_LOCATION: "file:/etc/own/application.yml" }
  unnamed:
    image: ${BAKED}
    pull_policy: never
    command: [sleep, infinity]
    init: true
  bound:
    image: ${FIXTURE_REGISTRY:-crosscheck.test}/library/debian:bookworm-slim
    pull_policy: ${FIXTURE_PULL:-never}
    command: [sleep, infinity]
    init: true
    volumes: ["./application.yml:/app/application.yml:ro"]
volumes: { settings: , data: }
"#;

const SETTINGS: &str =
    "spring:\n  data:\n    redis:\n      host: cache\n      port: 6379\nown:\n  token: s3cr3t-0f-a-f1le\n";

/// What says so, and the file where its place is known, by check.
pub type Origins = BTreeMap<String, (String, Option<String>)>;

/// The stack, up on the engine at `host`, or on that of this process; it goes when this is dropped.
pub struct Files {
    folder: tempfile::TempDir,
    project: String,
    host: Option<String>,
}

impl Files {
    pub fn up(name: &str, host: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), COMPOSE).unwrap();
        std::fs::write(folder.path().join("application.yml"), SETTINGS).unwrap();
        let files = Self { folder, project: format!("cc-test-{name}-{}", std::process::id()), host };
        let registry = std::env::var("FIXTURE_REGISTRY").unwrap_or_else(|_| "crosscheck.test".into());
        let base = format!("{registry}/library/debian:bookworm-slim");
        let settings = files.folder.path().join("application.yml").display().to_string();
        let made = files.docker(&["create", "--name", &files.project, &base, "true"]);
        assert!(made.status.success(), "{}", stderr(&made));
        let folder = files.folder.path().join("own");
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(&settings, folder.join("application.yml")).unwrap();
        let into = format!("{}:/etc/", files.project);
        for arguments in [
            &["cp", &folder.display().to_string(), &into][..],
            &["commit", &files.project, &files.image()],
            &["rm", &files.project],
        ] {
            let done = files.docker(arguments);
            assert!(done.status.success(), "{arguments:?}: {}", stderr(&done));
        }
        let created = files.compose(&["create"]);
        assert!(created.status.success(), "{}", stderr(&created));
        let copied = files.docker(&["cp", &settings, &format!("{}-volume-1:/settings/application.yml", files.project)]);
        assert!(copied.status.success(), "{}", stderr(&copied));
        let started = files.compose(&["up", "-d"]);
        assert!(started.status.success(), "{}", stderr(&started));
        files
    }

    fn image(&self) -> String {
        format!("crosscheck.test/{}:1", self.project)
    }

    fn with_host(&self, mut command: Command) -> Command {
        command.envs(self.host.iter().map(|host| ("DOCKER_HOST", host))).env("BAKED", self.image());
        command
    }

    fn docker(&self, arguments: &[&str]) -> Output {
        self.with_host(command("docker")).args(arguments).output().unwrap()
    }

    fn compose(&self, arguments: &[&str]) -> Output {
        let mut compose = self.with_host(command("docker"));
        compose.args(["compose", "-p", &self.project]).args(arguments).current_dir(self.folder.path());
        compose.output().unwrap()
    }

    /// Where each of the clients is told whom it connects to, by a crosscheck towards the engine.
    pub fn origins(&self, crosscheck: Command) -> Origins {
        let mut plan = self.with_host(crosscheck);
        let output = plan.args(["plan", "--offline", "-p", &self.project, "--format", "json"]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(!told.contains("s3cr3t") && !stderr(&output).contains("s3cr3t"), "{told} {}", stderr(&output));
        let report: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let of = |check: &Value| {
            let origin = &check["origins"][0];
            (text(&check["id"]).unwrap(), (text(&origin["kind"]).unwrap(), text(&origin["file"])))
        };
        report["checks"].as_array().unwrap().iter().map(of).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.docker(&["rm", "-f", &self.project]);
        self.compose(&["down", "-v", "-t", "0"]);
        self.docker(&["rmi", "-f", &self.image()]);
    }
}
