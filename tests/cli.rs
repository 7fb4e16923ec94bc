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
        (&["check", "--timeout", "soon"], "as in 500ms"),
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
