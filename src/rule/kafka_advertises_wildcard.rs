//! The address to listen on stands where the address to be called by belongs.

use std::net::IpAddr;

use super::kafka_start::{self, Reason};
use super::{Cause, Facts, Failed, Need, Rule, kafka_listeners};
use crate::stack::Container;

/// The broker has ended and says so, or it sends clients to a wildcard.
pub const RULE: Rule = Rule::new("kafka-advertises-wildcard", |facts, failed| {
    redirected(facts, failed).or_else(|| kafka_start::explain(facts, failed, Reason::Wildcard, words))
})
.inspecting(|facts| kafka_start::inspect(facts, Reason::Wildcard, words))
.needing(&[Need::Logs]);

fn words(_: &Facts, container: &Container, _: Option<&str>) -> (String, String) {
    let (label, variable) = (container.label(), kafka_listeners::settings(container).variable);
    let message = match kafka_listeners::setting(container, "ADVERTISED_LISTENERS") {
        Some(_) => format!("{label} does not start: {variable} holds 0.0.0.0, to which no client can connect"),
        None => {
            format!("{label} does not start: it advertises the 0.0.0.0 of its listeners, since {variable} is not set")
        }
    };
    (message, help(container))
}

/// Some releases take `::` for an address like any other.
fn redirected(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    let wildcard = redirect.host.parse().is_ok_and(|address: IpAddr| address.is_unspecified());
    let broker = failed.first_server(facts).filter(|_| wildcard)?;
    let service = &broker.service;
    Some(Cause {
        subject: format!("{service} {}", redirect.address()),
        service: Some(service.clone()),
        message: format!("{service} sends its clients to {}, which is no address of anybody", redirect.address()),
        evidence: vec![failed.evidence()],
        help: help(broker),
    })
}

fn help(container: &Container) -> String {
    let settings = kafka_listeners::settings(container);
    let service = &container.service;
    let mended: Vec<_> = settings
        .advertised
        .iter()
        .map(|listener| {
            let host = if is_wildcard(&listener.host) { service } else { &listener.host };
            format!("{}://{}", listener.name, crate::target::host_and_port(host, listener.port))
        })
        .collect();
    let bind = "0.0.0.0 belongs into LISTENERS, the address to bind; what is advertised is where clients connect to";
    if mended.is_empty() {
        return format!("{bind}: set {} to {service} and the port for each listener", settings.variable);
    }
    format!("{bind}:\n  {}: {}", settings.variable, mended.join(","))
}

fn is_wildcard(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_unspecified())
}
