//! A listener's name is in no map of security protocols, and the broker ends at once.

use super::kafka_start::{self, Reason};
use super::{Need, Rule, kafka_listeners};
use crate::rule::Facts;
use crate::stack::Container;
use crate::text;

/// The broker has ended, and says that a listener has no security protocol.
pub const RULE: Rule = Rule::new("kafka-listener-protocol-missing", |facts, failed| {
    kafka_start::explain(facts, failed, Reason::Protocol, words)
})
.inspecting(|facts| kafka_start::inspect(facts, Reason::Protocol, words))
.needing(&[Need::Logs]);

fn words(_: &Facts, container: &Container, line: Option<&str>) -> (String, String) {
    let told = line.and_then(|line| {
        kafka_start::word_after(line, "defined for listener").or(kafka_start::word_after(line, "listener with name"))
    });
    let mut lacking: Vec<_> = told.into_iter().map(str::to_owned).collect();
    for name in kafka_start::unmapped(container) {
        if !lacking.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            lacking.push(name);
        }
    }
    let label = container.label();
    let variable = kafka_listeners::variable(container, "LISTENER_SECURITY_PROTOCOL_MAP");
    let map = kafka_listeners::setting(container, "LISTENER_SECURITY_PROTOCOL_MAP").unwrap_or_default();
    let written = map.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned);
    let whole: Vec<_> = written.chain(lacking.iter().map(|name| format!("{name}:PLAINTEXT"))).collect();
    let (noun, verb) = if lacking.len() == 1 { ("listener", "has") } else { ("listeners", "have") };
    let message = format!("{label} does not start: its {noun} {} {verb} no security protocol", text::list(&lacking));
    let help = format!(
        "in {label}, map every listener's name, the controller's too (or the protocol that is meant):\n  {variable}: {}",
        whole.join(",")
    );
    (message, help)
}
