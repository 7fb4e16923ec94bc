//! The facts of a run in a file, without secrets, so that rules can be held against them again.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use crate::rule::{Facts, kafka_clusters, kafka_listeners, kafka_security_protocol_mismatch, unknown_database};
use crate::stack::{Container, hide};
use crate::text;

/// Writes the facts as JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn write(file: &Path, facts: &Facts) -> anyhow::Result<()> {
    let mut facts = facts.clone();
    let secrets = facts.stack.secrets();
    facts.stack.containers.iter_mut().for_each(|container| without_secrets(container, &secrets));
    // No rule reads them, and they are long.
    facts.checks.iter_mut().for_each(|seen| seen.check.security.authorities = None);
    // Where somebody's files lie is nobody else's business.
    facts.stack.source = None;
    // Who else is on the engine matters where he has a port that this stack wants.
    let wanted: BTreeSet<_> =
        facts.stack.containers.iter().flat_map(|c| &c.wanted_ports).map(|p| p.host_port).collect();
    facts.stack.strangers.retain(|stranger| wanted.contains(&stranger.port.host_port));
    for file in &mut facts.stack.files {
        *file = Path::new(file).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    }
    let json = serde_json::to_string_pretty(&facts).context("the facts cannot be written as JSON")?;
    std::fs::write(file, json + "\n").with_context(|| format!("{} cannot be written", file.display()))
}

/// Keeps, of what a container was given, what rules read: whatever else stands there may be a secret, whatever its name.
fn without_secrets(container: &mut Container, secrets: &BTreeSet<String>) {
    let read = [
        kafka_listeners::VARIABLES_READ,
        kafka_clusters::VARIABLES_READ,
        kafka_security_protocol_mismatch::VARIABLES_READ,
        unknown_database::VARIABLES_READ,
    ];
    container.environment.retain(|(name, _)| read.iter().any(|names| names.contains(&name.as_str())));
    for (_, value) in &mut container.environment {
        *value = text::redact(value);
    }
    container.command = kafka_listeners::flags(container);
    for argument in &mut container.command {
        *argument = text::redact(argument);
    }
    container.state.error = text::redact(&container.state.error);
    let mut next = false;
    container.healthcheck =
        container.healthcheck.iter().map(|words| without_password(&text::redact(words), &mut next)).collect();
    // Where somebody's files lie is nobody else's business here either.
    for mount in container.mounts.iter_mut().filter(|mount| mount.kind == "bind") {
        mount.source.clear();
    }
    if let Some(health) = &mut container.health {
        let unhealthy = health.status == "unhealthy";
        health.output = if unhealthy { hide(&health.output, secrets) } else { String::new() };
    }
}

/// The words of a command without the passwords that clients of databases take there: `-psecret`, `--password=secret`,
/// `-a secret`. `next` says whether the next word is one.
fn without_password(words: &str, next: &mut bool) -> String {
    let one = |word: &str| {
        let bare = word.trim_start_matches(['"', '\'']);
        let shown = if std::mem::take(next) || (bare.starts_with("-p") && bare.len() > 2) {
            "***"
        } else if bare.starts_with("--pass") && bare.contains('=') {
            "--password=***"
        } else {
            word
        };
        *next = matches!(bare, "-a" | "--pass" | "--password");
        shown.to_owned()
    };
    words.split(' ').map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::pairs;
    use std::net::{IpAddr, Ipv4Addr};

    use crate::stack::{Health, PublishedPort, Stack, State, Stranger};

    #[test]
    fn only_what_rules_read_is_written() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let environment = [
            ("KAFKA_LISTENERS", "A://:9092"),
            ("KAFKA_CFG_ADVERTISED_LISTENERS", "A://localhost:9092"),
            ("KAFKA_OPTS", "-Dx=SEKRET"),
            ("TITLE", "SEKRET"),
            ("DB_URL", "mysql://db/x?any=SEKRET"),
        ];
        let container = Container {
            environment: pairs(&environment),
            command: words(&[
                "redpanda start --kafka-addr in://0.0.0.0:9092 --token SEKRET",
                "--advertise-kafka-addr=in://redpanda:9092",
                "--advertise-kafka-addr-note=SEKRET",
                "SEKRET",
            ]),
            state: State { error: "cannot start: password=SEKRET, SEKRET".into(), ..State::default() },
            healthcheck: words(&["CMD-SHELL", "mysqladmin ping -pSEKRET --password=SEKRET; redis-cli -a SEKRET ping"]),
            health: Some(Health { status: "healthy".into(), failing: 0, output: "SEKRET".into() }),
            ..Container::default()
        };
        let unwell = Container {
            environment: vec![("UNWELL_PASSWORD".into(), "SEKRET".into())],
            health: Some(Health { status: "unhealthy".into(), failing: 3, output: "refuses SEKRET".into() }),
            ..Container::default()
        };
        let port = |host_port| PublishedPort {
            container_port: 6379,
            host_port: Some(host_port),
            host_address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        let container = Container { wanted_ports: vec![port(1)], ..container };
        let stranger = |name: &str, at| Stranger { container: name.into(), project: None, port: port(at) };
        let strangers = vec![stranger("rival", 1), stranger("SEKRET", 2)];
        let containers = vec![container, unwell];
        let facts = Facts { stack: Stack { containers, strangers, ..Stack::default() }, ..Facts::default() };
        let file = tempfile::NamedTempFile::new().unwrap();
        write(file.path(), &facts).unwrap();
        let written = std::fs::read_to_string(file.path()).unwrap();
        assert!(!written.contains("SEKRET"), "{written}");
        let read: Facts = serde_json::from_str(&written).unwrap();
        assert_eq!(read.stack.strangers, [stranger("rival", 1)]);
        let output = read.stack.containers[1].health.as_ref().map(|health| health.output.as_str());
        assert_eq!(output, Some("refuses ***"));
        let read = &read.stack.containers[0];
        let names: Vec<_> = read.environment.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["KAFKA_LISTENERS", "KAFKA_CFG_ADVERTISED_LISTENERS"]);
        let kept = ["--kafka-addr", "in://0.0.0.0:9092", "--advertise-kafka-addr", "in://redpanda:9092"];
        assert_eq!(
            read.command.iter().collect::<std::collections::BTreeSet<_>>(),
            kept.map(str::to_owned).iter().collect()
        );
        assert_eq!(read.state.error, "cannot start: password=***");
    }
}
