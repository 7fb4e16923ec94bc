//! The quorum of controllers can have no leader as it is set up.

use super::kafka_start::{self, Reason};
use super::{Cause, Facts, Failed, Need, Rule, kafka_listeners};
use crate::stack::Container;
use crate::text;

/// The broker has ended and says that its voters do not fit, or waits for voters that are nobody.
pub const RULE: Rule = Rule::new("kafka-quorum-voters-wrong", |facts, failed| {
    named_nobody(facts, failed).or_else(|| kafka_start::explain(facts, failed, Reason::Voters, words))
})
.inspecting(|facts| kafka_start::inspect(facts, Reason::Voters, words))
.needing(&[Need::Logs]);

/// A node that looks for a voter whom its own variable names, and who is nobody.
fn named_nobody(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let node = failed.client(facts).filter(|_| failed.redirect.is_none())?;
    if failed.origin() != kafka_listeners::variable(node, "CONTROLLER_QUORUM_VOTERS") {
        return None;
    }
    let missing = kafka_start::missing_voters(facts, node);
    let is_it = |(_, host, written): &(String, String, String)| host == failed.host() && missing.contains(written);
    if !kafka_start::voters(node).iter().any(is_it) {
        return None;
    }
    let (message, help) = words(facts, node, None);
    let evidence = vec![failed.evidence()];
    Some(Cause { subject: node.label(), service: Some(node.service.clone()), message, evidence, help })
}

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
    let who = text::list(&missing);
    let message = if missing.len() * 2 >= all {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        let voters = text::count(all, "voter");
        format!("{label} waits for a leader that its quorum can never have: of {voters}, {who} {verb} nobody")
    } else {
        format!("{label} counts {who} among the voters of its quorum, where nobody is")
    };
    let help = format!(
        "{variable} must name the controllers that there are, each as ID@SERVICE:PORT with its own {node}; localhost is every node itself"
    );
    (message, help)
}
