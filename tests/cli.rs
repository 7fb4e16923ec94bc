//! Bad input and bad days, as a user meets them: one clear message that says what to do, and exit code 2.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::{Command, Output};

fn crosscheck(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosscheck"));
    command.args(arguments).env_remove("COMPOSE_PROJECT_NAME").env_remove("COMPOSE_FILE").env_remove("DOCKER_CONTEXT");
    command.env("DOCKER_CONFIG", env!("CARGO_TARGET_TMPDIR"));
    command.envs(environment.iter().copied()).current_dir(env!("CARGO_TARGET_TMPDIR")).output().unwrap()
}

/// The message on stderr of a run that must end with 2, and print nothing on stdout.
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = crosscheck(arguments, environment);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(
        !message.contains("panicked") && !message.contains("Error {") && !message.contains("RUST_BACKTRACE"),
        "{message}"
    );
    message
}

const NOWHERE: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere/docker.sock");

#[test]
fn without_an_engine_the_endpoint_is_named() {
    let message = refused(&["check"], &[NOWHERE]);
    assert!(message.contains("/nowhere/docker.sock") && message.contains("DOCKER_HOST"), "{message}");
    let message = refused(&["check"], &[("DOCKER_HOST", "tcp://127.0.0.1:1")]);
    assert!(message.contains("127.0.0.1:1"), "{message}");
    let message = refused(&["check"], &[("DOCKER_HOST", "gopher://engine")]);
    assert!(message.contains("gopher"), "{message}");
    let message = refused(&["plan"], &[("DOCKER_CONTEXT", "no-such-context"), ("DOCKER_HOST", "")]);
    assert!(message.contains("no-such-context"), "{message}");
}

#[test]
fn unknown_flags_and_values_are_named() {
    for (arguments, word) in [
        (&["--no-such-flag"][..], "--no-such-flag"),
        (&["check", "--timeout", "soon"], "500ms"),
        (&["check", "--timeout", "2"], "unit"),
        (&["check", "--timeout", "0.001ms"], "between"),
        (&["check", "--timeout", "0s"], "between"),
        (&["check", "--via", "magic"], "netns"),
        (&["check", "--format", "yaml"], "json"),
        (&["try", "app"], "TARGET"),
        (&["no-such-command"], "no-such-command"),
    ] {
        let message = refused(arguments, &[NOWHERE]);
        assert!(message.contains(word), "{arguments:?}: {message}");
    }
}

#[test]
fn rules_are_explained_and_near_names_are_said() {
    let list = crosscheck(&["explain"], &[NOWHERE]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("kafka-advertises-loopback") && list.lines().count() >= 28, "{list}");
    let page = crosscheck(&["explain", "kafka-advertises-loopback"], &[NOWHERE]);
    assert_eq!(page.status.code(), Some(0));
    assert!(String::from_utf8(page.stdout).unwrap().contains("KAFKA_ADVERTISED_LISTENERS"));
    let message = refused(&["explain", "kafka-advertise-loopback"], &[NOWHERE]);
    assert!(message.contains("did you mean kafka-advertises-loopback"), "{message}");
}

#[test]
fn completions_need_no_engine() {
    for shell in ["bash", "zsh", "fish"] {
        let output = crosscheck(&["completions", shell], &[NOWHERE]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains("crosscheck"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let script = format!("{} explain | head -1", env!("CARGO_BIN_EXE_crosscheck"));
    let output = Command::new("bash").args(["-o", "pipefail", "-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs crosscheck in a folder, where no engine answers.
fn in_folder(folder: &std::path::Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosscheck"));
    for name in ["COMPOSE_PROJECT_NAME", "COMPOSE_FILE", "COMPOSE_PROFILES", "DOCKER_CONTEXT"] {
        command.env_remove(name);
    }
    command.args(arguments).env("DOCKER_HOST", NOWHERE.1).current_dir(folder);
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const SHOP: &str = "\
services:
  app:
    image: example/orders:1
    environment: {SPRING_KAFKA_BOOTSTRAP_SERVERS: 'kafka:29092'}
  kafka:
    image: apache/kafka:4.1.0
    ports: ['9092:9092']
";

#[test]
fn a_plan_in_a_file_is_written_held_to_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("compose.yaml"), SHOP).unwrap();
    let readme = "# Shop\n\n<!-- crosscheck:plan -->\n<!-- /crosscheck:plan -->\n\nThe end.\n";
    std::fs::write(file("README.md"), readme).unwrap();
    let run = |arguments: &[&str]| in_folder(folder.path(), arguments);
    let (code, out, _) = run(&["plan", "--verify", "README.md"]);
    assert!(code == Some(1) && out.contains("+ | `kafka` | kafka |  | `kafka:29092` |"), "{out}");
    for name in ["README.md", "docs.md", "map.mmd"] {
        let (code, _, message) = run(&["plan", "--verify", name]);
        assert!(code != Some(0) && message.contains(&format!("--write {name}")), "{message}");
        assert_eq!(run(&["plan", "--write", name]).0, Some(0));
        assert_eq!(run(&["plan", "--verify", name]).0, Some(0));
    }
    let written = std::fs::read_to_string(file("README.md")).unwrap();
    assert!(written.starts_with("# Shop\n\n") && written.ends_with("\n\nThe end.\n"), "{written}");
    assert!(written.contains("`localhost:9092`") && written.contains("`compose.yaml:4`"), "{written}");
    assert!(
        std::fs::read_to_string(file("map.mmd")).unwrap().contains("service_app -->|\"kafka:29092\"| service_kafka")
    );
    // From wherever it is called, it is the same.
    std::fs::create_dir(file("deep")).unwrap();
    let (code, _, message) = in_folder(&file("deep"), &["plan", "--verify", "../README.md"]);
    assert_eq!(code, Some(0), "{message}");
    // What is printed can be held to as well.
    let (_, out, _) = run(&["plan", "--format", "markdown"]);
    assert_eq!(out, std::fs::read_to_string(file("docs.md")).unwrap());
    std::fs::write(file("compose.yaml"), SHOP.replace("29092", "39092")).unwrap();
    let (code, out, message) = run(&["plan", "--verify", "README.md"]);
    assert_eq!(code, Some(1), "{message}");
    assert!(out.contains("- | `kafka`") && out.contains("39092") && out.lines().count() == 3, "{out}");
}

#[test]
fn files_and_formats_that_hold_no_plan_are_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("compose.yaml"), SHOP).unwrap();
    std::fs::write(folder.path().join("plain.md"), "# Shop\n").unwrap();
    for (arguments, word) in [
        (&["plan", "--verify", "none.md"][..], "there is no none.md"),
        (&["plan", "--verify", "plain.md"], "<!-- crosscheck:plan -->"),
        (&["plan", "--write", "plain.md"], "<!-- crosscheck:plan -->"),
        (&["plan", "--verify", "plain.md", "--format", "json"], "as markdown or as mermaid"),
        (&["plan", "--verify", "a.md", "--write", "b.md"], "cannot be used with"),
        (&["check", "--format", "mermaid"], "`crosscheck plan` only"),
        (&["--format", "markdown"], "`crosscheck plan` only"),
    ] {
        let (code, out, message) = in_folder(folder.path(), arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {message}");
        assert!(message.contains(word), "{arguments:?}: {message}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("plain.md")).unwrap(), "# Shop\n");
}

#[test]
fn technologies_of_the_users_own_count_and_their_mistakes_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::create_dir(file("own")).unwrap();
    std::fs::write(file("compose.yaml"), "services: {ledger: {image: 'acme/ledger:1', ports: ['7000:7000']}}\n")
        .unwrap();
    let plan = ["plan", "--technologies", "own", "--format", "mermaid"];
    assert!(in_folder(folder.path(), &["plan", "--format", "mermaid"]).1.contains("tcp:7000"));
    std::fs::write(file("own/ledger.yaml"), "name: Ledger\nimages: [acme/ledger]\nports: {7000: grpc}\n").unwrap();
    let (code, out, message) = in_folder(folder.path(), &plan);
    assert!(code == Some(0) && out.contains("grpc:7000"), "{out}{message}");
    std::fs::write(file("crosscheck.yaml"), "technologies: own\n").unwrap();
    let (code, out, message) = in_folder(folder.path(), &["plan", "--format", "mermaid"]);
    assert!(code == Some(0) && out.contains("grpc:7000"), "{out}{message}");
    std::fs::remove_file(file("crosscheck.yaml")).unwrap();
    std::fs::write(file("own/ledger.yaml"), "name: Ledger\nimage: [acme/ledger]\n").unwrap();
    let (code, out, message) = in_folder(folder.path(), &plan);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{message}");
    assert!(
        message
            .starts_with("crosscheck: own/ledger.yaml:2:1: the key `image` is not known here (did you mean `images`?)"),
        "{message}"
    );
}

#[test]
fn what_is_not_there_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, message) = in_folder(folder.path(), &["plan"]);
    assert!(code == Some(2) && message.contains("no compose file is here either"), "{message}");
    let compose = "services: {app: {image: a}, job: {image: a, profiles: [slow]}, redis: {image: redis}}\n";
    std::fs::write(folder.path().join("compose.yaml"), compose).unwrap();
    for (arguments, word) in [
        (&["plan", "job"][..], "no profile is active that has job: name one with --profile"),
        (&["plan", "--from", "job"], "no profile is active that has job"),
        (&["plan", "--expect", "job -> redis:6379"], "no profile is active that has job"),
        (&["plan", "jb"], "there is no service \"jb\""),
        (&["plan", "--expect", "app -> redes:6379"], "there is no service \"redes\" (did you mean redis?)"),
        (&["plan", "--to", "nowhere"], "--allow-empty"),
    ] {
        let (code, _, message) = in_folder(folder.path(), arguments);
        assert!(code == Some(2) && message.contains(word), "{arguments:?}: {message}");
    }
    let (code, _, message) = in_folder(folder.path(), &["plan", "--allow-empty"]);
    assert!(code == Some(0) && !message.contains("--allow-empty"), "{message}");
}

#[test]
fn what_users_declare_is_planned_and_its_mistakes_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("compose.yaml"), "services: {app: {image: a}, kafka: {image: apache/kafka}}\n").unwrap();
    std::fs::write(file("crosscheck.yaml"), "expect: [app -> kafka:9092]\n").unwrap();
    let (code, out, message) = in_folder(folder.path(), &["plan"]);
    assert!(code == Some(0) && out.contains("kafka://kafka:9092"), "{out}{message}");
    assert!(out.contains("crosscheck.yaml:1:10"), "{out}");
    std::fs::write(file("crosscheck.yaml"), "expect: [ap -> kafka:9092]\n").unwrap();
    let (code, out, message) = in_folder(folder.path(), &["plan"]);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{message}");
    assert!(
        message.contains("crosscheck.yaml:1:10: there is no service \"ap\"") && message.contains("did you mean app"),
        "{message}"
    );
    // Another file, where it is named.
    std::fs::write(file("other.yaml"), "expect: [kafka -> app:80]\n").unwrap();
    let (code, out, message) = in_folder(folder.path(), &["plan", "--config", "other.yaml"]);
    assert!(code == Some(0) && out.contains("tcp://app:80") && !out.contains("kafka://"), "{out}{message}");
    let (code, _, message) = in_folder(folder.path(), &["plan", "--config", "nowhere.yaml"]);
    assert!(code == Some(2) && message.contains("nowhere.yaml: "), "{message}");
    // One to start from, never over one that is there.
    std::fs::write(file("crosscheck.yaml"), "# mine\n").unwrap();
    let (code, _, message) = in_folder(folder.path(), &["init"]);
    assert!(code == Some(2) && message.contains("is there already and stays as it is"), "{message}");
    assert_eq!(std::fs::read_to_string(file("crosscheck.yaml")).unwrap(), "# mine\n");
    std::fs::remove_file(file("crosscheck.yaml")).unwrap();
    let (code, _, message) = in_folder(folder.path(), &["init"]);
    assert!(code == Some(0) && file("crosscheck.yaml").exists(), "{message}");
    assert_eq!(in_folder(folder.path(), &["plan", "--allow-empty"]).0, Some(0));
}
