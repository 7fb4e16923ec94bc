//! The data in the broker's volume is of another cluster, or of another node.

use super::kafka_start::{self, Reason};
use super::{Need, Rule, kafka_listeners};
use crate::rule::Facts;
use crate::stack::{Container, Mount};

/// The broker has ended, and says that its data is not its own.
pub const RULE: Rule =
    Rule::new("kafka-stale-volume", |facts, failed| kafka_start::explain(facts, failed, Reason::Volume, words))
        .inspecting(|facts| kafka_start::inspect(facts, Reason::Volume, words))
        .needing(&[Need::Logs]);

fn words(_: &Facts, container: &Container, line: Option<&str>) -> (String, String) {
    let line = line.unwrap_or_default();
    let label = container.label();
    let of_node = line.contains("node id") || line.contains("brokerId");
    let (whose, setting, stored) = if of_node {
        ("node", kafka_listeners::variable(container, "NODE_ID"), kafka_start::word_after(line, "Stored node id"))
    } else {
        ("cluster", "CLUSTER_ID".to_owned(), kafka_start::word_after(line, "but read"))
    };
    let message = format!("{label} does not start: the data in its volume is that of another {whose}");
    let keep = match stored {
        Some(stored) => format!("to keep the data, set {setting} of {label} to {stored}, which stands in it"),
        None => format!("to keep the data, set {setting} of {label} back to what it was"),
    };
    let both = if of_node { "" } else { "; where ZooKeeper is used, its volume and Kafka's must stay or go together" };
    let gone = match data_volume(container, line) {
        Some(volume) => {
            format!("docker compose rm -sf {}, then docker volume rm {volume}", container.service)
        }
        None => "docker compose down -v, which removes every volume of the project".to_owned(),
    };
    (message, format!("{keep}{both}\nto begin anew, which loses every record in it: {gone}"))
}

/// The volume with a name that holds the file which the line names.
fn data_volume<'a>(container: &'a Container, line: &str) -> Option<&'a str> {
    let held = |mount: &&Mount| {
        let folder = format!("{}/", mount.destination.trim_end_matches('/'));
        let path = line.split_whitespace().any(|word| word.starts_with(&folder));
        mount.kind == "volume" && !is_anonymous(&mount.source) && path
    };
    container.mounts.iter().find(held).map(|mount| mount.source.as_str())
}

/// Whether the engine gave the volume its name: 64 hexadecimal digits.
fn is_anonymous(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}
