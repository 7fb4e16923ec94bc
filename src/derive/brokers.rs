//! Which of a broker's listeners the clients of its own network take, by the broker's settings.

use super::hosts::{self, Place};
use super::served::{CONTROLLERS, told};
use crate::catalog::Technology;
use crate::stack::{Container, Stack};

/// What brokers tell clients, and where they listen, which they tell where nothing else is said.
const NAMED: &[&[&str]] = &[
    &["KAFKA_ADVERTISED_LISTENERS", "KAFKA_CFG_ADVERTISED_LISTENERS", "--advertise-kafka-addr"],
    &["KAFKA_LISTENERS", "KAFKA_CFG_LISTENERS"],
];

/// What brokers call the listener by which they reach each other.
const AMONG_BROKERS: &[&str] = &["KAFKA_INTER_BROKER_LISTENER_NAME", "KAFKA_CFG_INTER_BROKER_LISTENER_NAME"];

/// The port of the one listener that leads to this broker from its network; its usual one where nothing is said of listeners.
#[must_use]
pub fn port(stack: &Stack, broker: &Container, technology: &Technology) -> Option<u16> {
    let said = NAMED.iter().find_map(|names| names.iter().find_map(|name| told(broker, name).next()));
    let Some(said) = said else { return technology.default_port };
    let controllers = CONTROLLERS.iter().find_map(|name| broker.variable(name)).unwrap_or_default();
    let is_controllers = |name: &str| controllers.split(',').any(|one| one.trim().eq_ignore_ascii_case(name));
    let leads_here = |host: &str| {
        is_unsaid(host)
            || matches!(hosts::place(stack, Some(broker), host), Place::Containers(all)
                if all.iter().any(|one| one.service == broker.service))
    };
    let listeners = said.split(',').filter_map(|listener| {
        let (name, address) = listener.trim().split_once("://")?;
        let (host, port) = address.rsplit_once(':')?;
        (leads_here(host) && !is_controllers(name)).then(|| Some((name, host, port.parse::<u16>().ok()?))).flatten()
    });
    let mut listeners: Vec<_> = listeners.collect();
    listeners.dedup_by_key(|(.., port)| *port);
    if let [(.., only)] = listeners[..] {
        return Some(only);
    }
    // Where none of them says for whom it is, brokers take the one for their own network.
    if !listeners.iter().all(|(_, host, _)| is_unsaid(host)) {
        return None;
    }
    let among = AMONG_BROKERS.iter().find_map(|name| broker.variable(name))?;
    let (.., port) = listeners.iter().find(|(name, ..)| name.eq_ignore_ascii_case(among.trim()))?;
    Some(*port)
}

/// Whether a host is none that clients could ask: all of the broker's own.
fn is_unsaid(host: &str) -> bool {
    matches!(host, "" | "0.0.0.0" | "[::]")
}
