//! Small failures for tests of rules.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, RULES, Seen};
use crate::derive::testing;
use crate::observation::{Fact, Failure, FailureKind, Interface, Listener, Observation, PhaseName, Survey};
use crate::plan::Vantage;
use crate::stack::Container;
use crate::target::Protocol;

/// A failed check of Redis, whose host has these addresses.
pub(crate) fn failing(from: Vantage, host: &str, port: u16, addresses: &[&str], kind: FailureKind) -> Seen {
    let failure = Failure { phase: PhaseName::Connect, kind, detail: "it failed".into() };
    let mut seen = Seen::of(testing::check(from, Protocol::Redis, host, port));
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    seen.observation = Some(Observation { addresses, failure: Some(failure.clone()), ..Observation::default() });
    seen.failure = Some(failure);
    seen
}

/// A Kafka broker with these variables and this command.
pub(crate) fn broker(environment: &[(&str, &str)], command: &[&str]) -> Container {
    Container {
        service: "kafka".into(),
        environment: testing::pairs(environment),
        command: command.iter().map(|word| (*word).into()).collect(),
        ..Container::default()
    }
}

/// The rule that claims the failure of a check, and what it says.
pub(crate) fn told(facts: &Facts, seen: &Seen) -> (&'static str, Cause) {
    let failed = Failed { seen, redirect: None, failure: seen.failure.as_ref().unwrap() };
    RULES.iter().find_map(|rule| Some((rule.id, (rule.explain)(facts, &failed)?))).unwrap()
}

/// A namespace with these sockets that listen, and one interface with these addresses.
pub(crate) fn survey(listening: &[(&str, u16)], addresses: &[&str]) -> Survey {
    let listener = |&(address, port): &(&str, u16)| Listener { address: address.parse().unwrap(), port };
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let interface = Interface { name: "eth0".into(), mtu: None, index: None, link: None, addresses };
    Survey {
        listeners: Fact::Present(listening.iter().map(listener).collect()),
        interfaces: Fact::Present(vec![interface]),
    }
}
