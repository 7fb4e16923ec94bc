//! The reports that every format is tested on.

mod days;
mod incident;

use std::net::IpAddr;

use super::{
    CheckResult, EngineInfo, Finding, Location, OriginInfo, PublishedInfo, Report, ServiceInfo, Severity, Summary,
    Tool, Verdict,
};
use crate::observation::{Depth, Failure, FailureKind, Observation, Peer, Phase, PhaseName, Redirect};
use crate::plan::OriginKind;

/// Every sample with its name.
pub fn all() -> Vec<(&'static str, Report)> {
    vec![
        ("broken", incident::broken()),
        ("mended", incident::mended()),
        ("bad-day", days::bad()),
        ("strict", days::strict()),
        ("hostile", days::hostile()),
        ("planned", days::planned()),
        ("empty", report("shop", Vec::new(), Vec::new(), 2)),
    ]
}

/// One sample.
pub fn named(name: &str) -> Report {
    all().into_iter().find(|(found, _)| *found == name).unwrap().1
}

fn report(project: &str, checks: Vec<CheckResult>, findings: Vec<Finding>, exit_code: u8) -> Report {
    let counted = |verdict| checks.iter().filter(|check| !check.silenced && check.verdict == Some(verdict)).count();
    let weighing =
        |severity| findings.iter().filter(|finding| !finding.silenced && finding.severity == severity).count();
    let summary = Summary {
        pass: counted(Verdict::Pass),
        fail: counted(Verdict::Fail),
        skipped: counted(Verdict::Skipped),
        inconclusive: counted(Verdict::Inconclusive),
        errors: weighing(Severity::Error),
        warnings: weighing(Severity::Warning),
    };
    Report {
        schema: 1,
        command: "check".into(),
        tool: Tool { name: "crosscheck".into(), version: "0.1.0".into() },
        project: project.into(),
        files: vec!["compose.yaml".into()],
        started: "2026-11-20T23:04:05.678Z".into(),
        micros: 413_000,
        engine: Some(EngineInfo { version: "26.1.5".into(), os: "Debian GNU/Linux 12 (bookworm)".into() }),
        summary,
        checks,
        findings,
        exit_code,
        ..Report::default()
    }
}

fn service(name: &str, image: &str, state: &str) -> ServiceInfo {
    ServiceInfo { name: name.into(), image: image.into(), state: state.into(), health: None }
}

fn phases(times: &[(PhaseName, u64)]) -> Vec<Phase> {
    times.iter().map(|&(name, micros)| Phase { name, micros, ok: true }).collect()
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An attempt that came as far as a connection to `ip`.
fn connected(ip: &str) -> Observation {
    Observation {
        phases: phases(&[(PhaseName::Resolve, 310), (PhaseName::Connect, 140)]),
        addresses: vec![address(ip)],
        resolver: Some("DNS server 127.0.0.11".into()),
        connected: Some(address(ip)),
        depth: Depth::Connected,
        ..Observation::default()
    }
}

/// An attempt whose peer answered, with the steps that it took after the connection.
fn answered(ip: &str, depth: Depth, steps: &[(PhaseName, u64)], peer: Peer) -> Observation {
    let mut seen = connected(ip);
    seen.phases.extend(phases(steps));
    Observation { depth, peer: Some(peer), ..seen }
}

/// The attempt, ended by a failure of the next step.
fn ended(mut seen: Observation, phase: PhaseName, kind: FailureKind, detail: &str) -> Observation {
    if seen.phases.iter().any(|done| done.name == phase) {
        seen.phases.retain(|done| done.name < phase);
    }
    if phase <= PhaseName::Connect {
        seen.connected = None;
        seen.depth = Depth::Resolved;
    }
    if phase == PhaseName::Resolve {
        seen.addresses.clear();
        seen.depth = Depth::Nothing;
    }
    seen.phases.push(Phase { name: phase, micros: 260, ok: false });
    seen.failure = Some(Failure { phase, kind, detail: detail.into() });
    seen
}

fn broker(id: i32, host: &str, port: u16, observation: Observation) -> Redirect {
    Redirect { name: format!("broker {id}"), id: Some(id), host: host.into(), port, observation }
}

/// A check from a vantage, because of a variable and its value.
pub(crate) fn check(
    from: &str,
    target: &str,
    (name, value): (&str, &str),
    observation: Option<Observation>,
) -> CheckResult {
    let address = target.split_once("://").unwrap().1;
    let failed = observation.as_ref().map(|seen| {
        seen.failure.is_some() || seen.redirects.iter().any(|redirect| redirect.observation.failure.is_some())
    });
    CheckResult {
        id: format!("{} -> {address}", from.split('#').next().unwrap()),
        from: from.into(),
        target: target.into(),
        expect: "answers".into(),
        wanted: Vec::new(),
        via: observation.as_ref().map(|_| if from == "host" { "host" } else { "netns" }.into()),
        depth: observation.as_ref().map(|seen| serde_json::to_value(seen.depth).unwrap().as_str().unwrap().into()),
        origins: vec![OriginInfo {
            kind: if from == "host" { OriginKind::Published } else { OriginKind::Environment },
            name: name.into(),
            value: (!value.is_empty()).then(|| value.into()),
            file: None,
            line: None,
            column: None,
        }],
        to: [if from == "host" { name } else { address }.split(':').next().unwrap_or_default()]
            .into_iter()
            .filter(|to| to.starts_with(|first: char| first.is_ascii_alphabetic()) && *to != "localhost")
            .map(str::to_owned)
            .collect(),
        published: name
            .rsplit_once(':')
            .filter(|_| from == "host")
            .and_then(|(_, port)| Some(PublishedInfo { container_port: port.parse().ok()?, chosen: false })),
        verdict: failed.map(|failed| if failed { Verdict::Fail } else { Verdict::Pass }),
        reason: None,
        silenced: false,
        silenced_because: None,
        observation,
    }
}

/// A published port: `127.0.0.1:28080` of `app:8080`.
fn published(target: &str, container: &str, mut observation: Observation) -> CheckResult {
    observation.resolver = Some("address".into());
    check("host", target, (container, ""), Some(observation))
}

fn verdict(check: CheckResult, verdict: Verdict, reason: &str) -> CheckResult {
    CheckResult { verdict: Some(verdict), reason: Some(reason.into()), ..check }
}

pub(crate) fn finding(rule: &str, severity: Severity, service: &str, message: &str) -> Finding {
    Finding {
        rule: rule.into(),
        fingerprint: format!("{rule} {service}"),
        severity,
        service: Some(service.into()),
        message: message.into(),
        evidence: Vec::new(),
        checks: Vec::new(),
        locations: Vec::new(),
        help: String::new(),
        fix: None,
        silenced: false,
        silenced_because: None,
    }
}

fn location(role: &str, file: &str, line: u32, column: u32) -> Location {
    Location { role: role.into(), file: file.into(), line, column, end_line: line, end_column: column + 20 }
}
