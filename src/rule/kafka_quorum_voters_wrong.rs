//! The quorum of controllers can have no leader as it is set up.

use super::kafka_start::{self, Reason};
use super::{Need, Rule, kafka_listeners};
use crate::rule::Facts;
use crate::stack::Container;
use crate::text;

/// The broker has ended and says that its voters do not fit, or waits for voters that are nobody.
pub const RULE: Rule =
    Rule::new("kafka-quorum-voters-wrong", |facts, failed| kafka_start::explain(facts, failed, Reason::Voters, words))
        .inspecting(|facts| kafka_start::inspect(facts, Reason::Voters, words))
        .needing(&[Need::Logs]);

fn words(facts: &Facts, container: &Container, line: Option<&str>) -> (String, String) {
    let line = line.unwrap_or_default();
    let label = container.label();
    let variable = kafka_listeners::variable(container, "CONTROLLER_QUORUM_VOTERS");
    let node = kafka_listeners::variable(container, "NODE_ID");
    let written = kafka_listeners::setting(container, "CONTROLLER_QUORUM_VOTERS").unwrap_or_default();
    let id = kafka_listeners::setting(container, "NODE_ID").unwrap_or_default();
    let service = &container.service;
    if line.contains("must contain a parseable set of controllers") {
        let message = format!("{label} does not start: nothing that it can read names its quorum of controllers");
        let mended = if id.is_empty() { "1" } else { id };
        return (message, format!("in {label}, set {variable} as ID@HOST:PORT, such as {mended}@{service}:9093"));
    }
    if line.contains("must not be included in the set of voters") {
        let message = format!("{label} does not start: it is a voter ({written}), and no controller by its roles");
        let roles = kafka_listeners::variable(container, "PROCESS_ROLES");
        let help = format!("take {id} out of {variable}, or give {label} the role: {roles}: broker,controller");
        return (message, help);
    }
    if line.contains("must be included in the set of voters") {
        let message = format!("{label} does not start: it is controller {id}, and the voters are {written}");
        return (message, format!("let the ids agree: {variable} must name {id}@HOST:PORT, or {node} one of its ids"));
    }
    let missing = kafka_start::missing_voters(facts, container);
    let all = kafka_start::voters(container).len();
    let message = format!(
        "{label} waits for a leader that its quorum can never have: of {}, {} nobody",
        text::count(all, "voter"),
        if missing.len() == 1 { format!("{} is", missing[0]) } else { format!("{} are", text::list(&missing)) }
    );
    let help = format!(
        "{variable} must name the controllers that there are, each as ID@SERVICE:PORT with its own {node}; localhost is every node itself"
    );
    (message, help)
}
