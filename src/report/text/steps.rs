//! A check unfolded: what was done, step by step, and every address that the peer handed out.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::Style;
use super::paint::{Ink, columns, mark, pad, paint, safe, wrap};
use super::words::{certificate, depth, reached, summary, words};
use crate::observation::{FailureKind, Observation, Peer, PhaseName, Redirect};
use crate::report::{CheckResult, Verdict};
use crate::text::{line, list, millis};

/// How much of a check to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// What leads to the failure.
    Failure,
    /// Everything, with times.
    Full,
}

/// One line of an unfolded check, and what stands under it.
struct Step {
    verdict: Verdict,
    label: String,
    micros: Option<u64>,
    text: String,
    under: Vec<Step>,
}

impl Step {
    fn new(verdict: Verdict, label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { verdict, label: label.into(), micros: None, text: text.into(), under: Vec::new() }
    }
}

/// The lines of a check that is unfolded, indented by `indent`.
pub(super) fn unfold(check: &CheckResult, style: Style, detail: Detail, indent: usize) -> String {
    let (protocol, host) = protocol_and_host(&check.target);
    let teller = Teller { style, detail, from: &check.from, kafka: protocol == "kafka" };
    let mut steps = Vec::new();
    let mut notes: &[String] = &[];
    if let Some(observation) = &check.observation {
        // Where no connection is wanted, the failure to make one is what was hoped for.
        let good = check.expect == "closed" && check.verdict == Some(Verdict::Pass);
        steps = teller.phases(host, observation, if good { Verdict::Pass } else { Verdict::Fail });
        steps.extend(teller.redirects(&observation.redirects));
        notes = &observation.notes;
    }
    let reason = check.reason.as_deref().map(safe);
    match check.verdict {
        // The reason stands in the line above; it is not said twice.
        Some(Verdict::Inconclusive) if detail == Detail::Failure => {
            steps.retain(|step| Some(&step.text) != reason.as_ref());
        }
        Some(Verdict::Fail) if detail == Detail::Failure => {
            let reason = reason.or_else(|| reached(check).map(Into::into));
            let reason = reason.filter(|reason| steps.iter().all(|step| step.text != *reason));
            steps.extend(reason.map(|reason| Step::new(Verdict::Fail, "result", reason)));
        }
        _ => {}
    }
    let mut out = lines(&steps, style, detail, indent);
    for note in notes {
        let lead = format!("{}{}", " ".repeat(indent), paint(style, "note  ", Ink::Faint));
        out.push_str(&wrap(&lead, safe(note).split_whitespace(), style.measure()));
    }
    out
}

fn lines(steps: &[Step], style: Style, detail: Detail, indent: usize) -> String {
    let labels = steps.iter().map(|step| columns(&step.label)).max().unwrap_or_default().clamp(9, 24);
    let mut out = String::new();
    for step in steps {
        let label = pad(&step.label, labels);
        let mut lead = format!("{}{} {label}  ", " ".repeat(indent), mark(style, Some(step.verdict)));
        if detail == Detail::Full {
            let time = step.micros.map(|micros| millis(Duration::from_micros(micros))).unwrap_or_default();
            lead.push_str(&paint(style, &format!("{time:>7}  "), Ink::Faint));
        }
        out.push_str(&wrap(&lead, step.text.split_whitespace(), style.measure()));
        out.push_str(&lines(&step.under, style, detail, indent + 4));
    }
    out
}

/// Puts what was seen from one vantage into words.
struct Teller<'a> {
    style: Style,
    detail: Detail,
    from: &'a str,
    kafka: bool,
}

impl Teller<'_> {
    /// The steps of one attempt at `host`; what ended it gets the mark `ended`.
    fn phases(&self, host: &str, observation: &Observation, ended: Verdict) -> Vec<Step> {
        let answers = PhaseName::Handshake..=PhaseName::Request;
        let answer = observation.phases.iter().rposition(|phase| phase.ok && answers.contains(&phase.name));
        let mut peer = observation.peer.as_ref().map(summary);
        let mut failure = observation.failure.as_ref();
        let mut steps = Vec::new();
        for (index, phase) in observation.phases.iter().enumerate() {
            let label = self.label(phase.name);
            let mut step = if phase.ok {
                let text = match phase.name {
                    PhaseName::Resolve if self.detail == Detail::Failure && host.parse::<IpAddr>().is_ok() => continue,
                    PhaseName::Resolve => self.resolved(host, observation),
                    PhaseName::Connect => observation.connected.map(|address| address.to_string()).unwrap_or_default(),
                    PhaseName::Tls => observation.certificate.as_ref().map(certificate).unwrap_or_default(),
                    _ if answer == Some(index) => peer.take().unwrap_or_default(),
                    _ => String::new(),
                };
                Step::new(Verdict::Pass, label, text)
            } else {
                let failure = failure.take_if(|failure| failure.phase == phase.name);
                let words = failure.map_or_else(|| "failed".into(), words);
                Step::new(ended, label, self.ended(phase.name, host, observation, words))
            };
            step.micros = Some(phase.micros);
            if self.detail == Detail::Failure && phase.ok {
                // The time says more than the address where there is only one, and more than nothing anywhere.
                let alone = phase.name == PhaseName::Connect && observation.addresses.len() < 2;
                if alone || step.text.is_empty() {
                    step.text = millis(Duration::from_micros(phase.micros));
                }
                // What leads up to an answer is of no interest once the answer is there.
                if phase.name >= PhaseName::Handshake && answer != Some(index) && !self.style.verbose {
                    continue;
                }
            }
            steps.push(step);
        }
        steps.extend(failure.map(|failure| {
            Step::new(ended, self.label(failure.phase), self.ended(failure.phase, host, observation, words(failure)))
        }));
        if let Some(reason) = &observation.unlooked {
            steps.push(Step::new(Verdict::Inconclusive, "not seen", safe(reason)));
        }
        if let (Some(peer), Some(last)) = (peer.filter(|peer| peer != "open"), steps.last_mut()) {
            last.text = match &observation.peer {
                Some(Peer::Http(_)) => last.text.clone(),
                Some(Peer::Tcp { .. }) => format!("{}; it {peer}", last.text),
                _ => format!("{}; it is {peer}", last.text),
            };
        }
        steps
    }

    /// What a failed step says, given the words for its failure.
    fn ended(&self, phase: PhaseName, host: &str, observation: &Observation, words: String) -> String {
        let kind = observation.failure.as_ref().map(|failure| failure.kind);
        match (phase, &observation.peer) {
            (PhaseName::Resolve, _) => format!("{} {} {words}", safe(host), self.arrow()),
            (PhaseName::Connect, _) if observation.addresses.len() > 1 => {
                format!("tried {}: {words}", joined(&observation.addresses))
            }
            (_, Some(Peer::Http(http))) if kind == Some(FailureKind::HttpStatus) => {
                let server = http.server.as_ref().map(|server| format!(" from {}", line(server, 100)));
                let body = http.body.as_ref().map(|body| format!(": {}", line(body, 200)));
                format!("{words}{}{}", server.unwrap_or_default(), body.unwrap_or_default())
            }
            _ => words,
        }
    }

    /// The peers' addresses: those that failed, a line for those that did not; all of them in full.
    fn redirects(&self, redirects: &[Redirect]) -> Vec<Step> {
        let reached = redirects.iter().filter(|redirect| verdict(redirect) == Verdict::Pass).count();
        let mut steps = Vec::new();
        let all = self.detail == Detail::Full || self.style.verbose;
        if reached > 0 && !all {
            let brokers = redirects.iter().all(|redirect| redirect.id.is_some());
            let label = if brokers { "brokers" } else { "redirects" };
            steps.push(Step::new(Verdict::Pass, label, format!("{reached} of {} reached", redirects.len())));
        }
        for redirect in redirects {
            let verdict = verdict(redirect);
            if verdict == Verdict::Pass && !all {
                continue;
            }
            let observation = &redirect.observation;
            let outcome = match (&observation.failure, &observation.unlooked) {
                (Some(failure), _) => words(failure),
                (None, Some(reason)) => safe(reason),
                (None, None) => depth(observation.depth).into(),
            };
            let text = format!("advertised as {}; {outcome}", self.advertised(redirect));
            let mut step = Step::new(verdict, line(&redirect.name, 60), text);
            if self.detail == Detail::Full {
                step.micros = (!observation.phases.is_empty()).then(|| observation.micros());
                step.under = self.phases(&redirect.host, observation, Verdict::Fail);
            }
            steps.push(step);
        }
        steps
    }

    /// `localhost:9092 → 127.0.0.1 is app itself`.
    fn advertised(&self, redirect: &Redirect) -> String {
        let address = safe(&redirect.address());
        let itself = self.itself(&redirect.observation.addresses);
        match (redirect.host.parse::<IpAddr>(), itself) {
            (Ok(literal), _) => match self.itself(&[literal]) {
                Some(itself) => format!("{address}, which is {itself}"),
                None => address,
            },
            (Err(_), _) if redirect.observation.addresses.is_empty() => address,
            (Err(_), itself) => {
                let addresses = &redirect.observation.addresses;
                let is = if addresses.len() == 1 { "is" } else { "are" };
                let is = itself.map(|itself| format!(" {is} {itself}")).unwrap_or_default();
                format!("{address} {} {}{is}", self.arrow(), joined(addresses))
            }
        }
    }

    fn resolved(&self, host: &str, observation: &Observation) -> String {
        if host.parse::<IpAddr>().is_ok() {
            return "an address already".into();
        }
        let mut text = format!("{} {} {}", safe(host), self.arrow(), joined(&observation.addresses));
        // That localhost is this machine goes without saying where this machine looks.
        if let (Some(itself), true) = (self.itself(&observation.addresses), self.from != "host") {
            let _ = write!(text, ", which is {itself}");
        }
        if let (Some(resolver), true) = (&observation.resolver, self.detail == Detail::Full || self.style.verbose) {
            let _ = write!(text, " (by {})", safe(resolver));
        }
        text
    }

    /// Who is meant, where all addresses are those by which a machine means itself.
    fn itself(&self, addresses: &[IpAddr]) -> Option<String> {
        let own = |address: &IpAddr| {
            let address = address.to_canonical();
            address.is_loopback() || address.is_unspecified()
        };
        (!addresses.is_empty() && addresses.iter().all(own)).then(|| match self.from {
            "host" => "this machine".into(),
            "engine" => "the engine's machine".into(),
            network if network.starts_with("network:") => "the client itself".into(),
            from => format!("{} itself", safe(from)),
        })
    }

    fn arrow(&self) -> &'static str {
        self.style.pick("→", "->")
    }

    /// The word for a phase in its protocol.
    const fn label(&self, phase: PhaseName) -> &'static str {
        match phase {
            PhaseName::Resolve => "resolve",
            PhaseName::Connect => "connect",
            PhaseName::Tls => "tls",
            PhaseName::Handshake => "handshake",
            PhaseName::Login => "login",
            PhaseName::Request if self.kafka => "metadata",
            PhaseName::Request => "request",
            PhaseName::RoundTrip => "round trip",
        }
    }
}

fn verdict(redirect: &Redirect) -> Verdict {
    match (&redirect.observation.failure, &redirect.observation.unlooked) {
        (Some(_), _) => Verdict::Fail,
        (None, Some(_)) => Verdict::Inconclusive,
        (None, None) => Verdict::Pass,
    }
}

fn joined(addresses: &[IpAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    list(&addresses)
}

/// The scheme and the host of a target's URL, IPv6 without brackets.
fn protocol_and_host(target: &str) -> (&str, &str) {
    let (protocol, rest) = target.split_once("://").unwrap_or(("", target));
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    (protocol, host.trim_start_matches('[').trim_end_matches(']'))
}
