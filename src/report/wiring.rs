//! Who is connected to whom, as maps and tables of it need to know.
//!
//! What one run sees and another does not has no place in them: replicas are their service, and a published port belongs to
//! the host wherever the engine is.

use super::{CheckResult, Report, Verdict};
use crate::target::is_loopback;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End<'a> {
    /// The machine that published ports are reached from.
    Host,
    /// A service.
    Service(&'a str),
    /// A fresh container on a network, or another place to look from.
    Vantage(&'a str),
    /// A host that is no part of the stack.
    Elsewhere(&'a str),
}

/// A check, as a line between two ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub from: End<'a>,
    pub to: End<'a>,
    /// What is spoken: `kafka`.
    pub protocol: &'a str,
    /// The host, as it is written, IPv6 in brackets.
    pub host: &'a str,
    /// The port, as it is written; nothing where the engine chooses one.
    pub port: Option<&'a str>,
    /// The port at its other end.
    pub inner: Option<u16>,
    pub check: &'a CheckResult,
}

/// Every check of a report as lines, one to each service that it leads to, in the order of their ends.
pub(super) fn lines(report: &Report) -> Vec<Line<'_>> {
    let mut lines: Vec<_> = report.checks.iter().flat_map(lines_of).collect();
    lines.sort_by_key(|line| (line.from, line.to, line.inner, line.host, line.port, line.protocol));
    lines
}

fn lines_of(check: &CheckResult) -> Vec<Line<'_>> {
    let (protocol, rest) = check.target.split_once("://").unwrap_or(("tcp", &check.target));
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
    let chosen = check.published.as_ref().is_some_and(|published| published.chosen);
    let port = Some(port).filter(|port| !port.is_empty() && !chosen);
    let inner = match &check.published {
        Some(published) => Some(published.container_port),
        None => port.and_then(|port| port.parse().ok()),
    };
    let line = |to| Line { from: from(check), to, protocol, host, port, inner, check };
    match &check.to[..] {
        [] => vec![line(End::Elsewhere(host))],
        services => services.iter().map(|service| line(End::Service(service))).collect(),
    }
}

fn from(check: &CheckResult) -> End<'_> {
    let name = service(&check.from);
    match name {
        "host" => End::Host,
        "engine" if check.published.is_some() => End::Host,
        "engine" => End::Vantage(name),
        _ if name.starts_with("network:") => End::Vantage(name),
        _ => End::Service(name),
    }
}

/// A container's service: its name without the number of the replica.
pub(super) fn service(label: &str) -> &str {
    match label.rsplit_once('#') {
        Some((service, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => service,
        _ => label,
    }
}

impl Line<'_> {
    /// The address as it is written, the host's own by the name that people use; nothing where its port is not fixed.
    pub fn address(&self) -> Option<String> {
        let host = if self.from == End::Host && self.host == "127.0.0.1" { "localhost" } else { self.host };
        self.port.map(|port| format!("{host}:{port}"))
    }

    /// Whether it says that no connection can be made.
    pub fn is_closed(&self) -> bool {
        self.check.expect == "closed"
    }

    /// Why nobody will look at it. That a port is chosen at the start keeps nobody from looking then.
    pub fn unlooked(&self) -> Option<&str> {
        let unlooked = matches!(self.check.verdict, Some(Verdict::Skipped | Verdict::Inconclusive));
        let reason = self.check.reason.as_deref().unwrap_or_default();
        (unlooked && self.port.is_some()).then_some(reason)
    }

    /// Whether it starts and ends on the machine that looks: nobody else can tell which that is.
    pub fn is_local(&self) -> bool {
        matches!(self.to, End::Elsewhere(host) if is_loopback(host.trim_matches(['[', ']'])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn replicas_are_their_service_and_published_ports_the_hosts() {
        let report = samples::named("bad-day");
        let ends: Vec<_> = lines(&report).iter().map(|line| (line.from, line.to)).collect();
        assert_eq!(ends.iter().filter(|ends| **ends == (End::Service("app"), End::Service("kafka-1"))).count(), 2);
        assert!(ends.contains(&(End::Host, End::Service("legacy"))), "{ends:?}");
        assert!(ends.contains(&(End::Service("worker"), End::Elsewhere("localhost"))), "{ends:?}");
        for (label, expected) in [("app#2", "app"), ("app", "app"), ("a#b", "a#b"), ("a#", "a#"), ("#1", "")] {
            assert_eq!(service(label), expected);
        }
    }

    #[test]
    fn addresses_are_those_that_people_write() {
        let report = samples::named("planned");
        let found: Vec<_> = lines(&report).iter().map(|line| (line.address(), line.inner)).collect();
        assert!(found.contains(&(Some("localhost:5353".into()), Some(53))), "{found:?}");
        assert!(found.contains(&(Some("kafka:9092".into()), Some(9092))), "{found:?}");
    }
}
