//! From facts to verdicts and findings. Pure: the same facts give the same findings.

use std::collections::BTreeMap;

use crate::observation::{Depth, Failure, FailureKind as Kind, Observation, Peer, PhaseName};
use crate::plan::{Check, Expectation, OriginKind, Readiness, Vantage};
use crate::rule::{Cause, Facts, Failed, RULES, Seen, Verdict, kafka_listeners};
use crate::stack::{Container, PublishedAt, Stack};
use crate::target::{Protocol, is_loopback};

/// A cause, and the checks that it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The rule's id.
    pub rule: &'static str,
    /// Why, with the evidence of every check.
    pub cause: Cause,
    /// The ids of the checks that it fails, in the plan's order.
    pub checks: Vec<String>,
}

/// Gives every check its verdict. Run before [`findings`].
pub fn verdicts(facts: &mut Facts) {
    let mut checks = std::mem::take(&mut facts.checks);
    for seen in &mut checks {
        verdict(&facts.stack, seen);
    }
    for index in 0..checks.len() {
        if checks[index].check.expect == Expectation::Closed {
            let reached = reached_elsewhere(&facts.stack, &checks, index);
            closed(&mut checks[index], reached);
        } else if let Some(reason) = other_audience(&facts.stack, &checks, index) {
            (checks[index].verdict, checks[index].reason, checks[index].failure) =
                (Verdict::Skipped, Some(reason), None);
        }
    }
    facts.checks = checks;
}

/// The verdict of one check by itself, as far as it can be told before the others are known.
pub fn verdict(stack: &Stack, seen: &mut Seen) {
    tie_redirects(stack, seen);
    let (verdict, reason, failure) = match (&seen.check.readiness, &seen.observation) {
        (Readiness::Skip(reason), _) => (Verdict::Skipped, Some(reason.clone()), None),
        (Readiness::Cannot(reason), _) => (Verdict::Inconclusive, Some(reason.clone()), None),
        (Readiness::Ready, None) => (Verdict::Inconclusive, Some("nobody looked".into()), None),
        (Readiness::Ready, Some(observation)) => weigh(stack, &seen.check, observation),
    };
    (seen.verdict, seen.reason, seen.failure) = (verdict, reason, failure);
}

/// A broker that sends the host to a port which no container of this stack has published sends it to a stranger, even
/// to one that looks the same: clusters that were set up alike have the same id.
fn tie_redirects(stack: &Stack, seen: &mut Seen) {
    let here = seen.check.from == Vantage::Host && stack.engine.published_at == PublishedAt::Here;
    let (Some(_), Some(observation), true) = (&seen.check.published, &mut seen.observation, here) else { return };
    for redirect in &mut observation.redirects {
        let ours = |container: &Container| {
            container.on_host_network() || container.ports.iter().any(|port| port.host_port == Some(redirect.port))
        };
        if redirect.observation.failure.is_some() || !is_loopback(&redirect.host) || stack.containers.iter().any(ours) {
            continue;
        }
        redirect.observation.failure = Some(Failure {
            phase: PhaseName::Handshake,
            kind: Kind::WrongIdentity,
            detail: format!("somebody answers, but no container of this project publishes port {}", redirect.port),
        });
    }
}

type Weighed = (Verdict, Option<String>, Option<Failure>);

fn weigh(stack: &Stack, check: &Check, observation: &Observation) -> Weighed {
    if let Some(reason) = &observation.unlooked {
        return (Verdict::Inconclusive, Some(reason.clone()), None);
    }
    if let Some(failure) = held_by_another(stack, check, observation) {
        return (Verdict::Fail, None, Some(failure));
    }
    if let Some(failure) = &observation.failure {
        return wants_credentials(check, failure).unwrap_or_else(|| (Verdict::Fail, None, Some(failure.clone())));
    }
    if let Some(failure) = bad_status(check, observation) {
        return (Verdict::Fail, None, Some(failure));
    }
    if observation.redirects.iter().any(|redirect| redirect.observation.failure.is_some()) {
        return (Verdict::Fail, None, None);
    }
    let unseen =
        observation.redirects.iter().find_map(|redirect| Some((redirect, redirect.observation.unlooked.as_ref()?)));
    match unseen {
        Some((redirect, reason)) => (Verdict::Inconclusive, Some(format!("{}: {reason}", redirect.name)), None),
        None => (Verdict::Pass, None, None),
    }
}

/// A published port that the engine has not bound for its container, yet somebody answers there.
fn held_by_another(stack: &Stack, check: &Check, observation: &Observation) -> Option<Failure> {
    let published = check.published.as_ref()?;
    let container = stack.by_id(&published.container)?;
    let bound =
        container.ports.iter().any(|port| port.host_port == Some(check.target.port)) || container.on_host_network();
    (!bound && observation.depth >= Depth::Connected).then(|| Failure {
        phase: PhaseName::Handshake,
        kind: Kind::WrongIdentity,
        detail: format!(
            "port {} is not bound for {}, and somebody answers there",
            check.target.port,
            container.label()
        ),
    })
}

/// A peer that asks for credentials: what that means depends on whether the client has some.
fn wants_credentials(check: &Check, failure: &Failure) -> Option<Weighed> {
    let security = check.setting("security-protocol").unwrap_or_default().to_ascii_uppercase();
    let from = &check.from;
    match (check.target.protocol, failure.kind) {
        (Protocol::Kafka, Kind::AuthenticationRequired) => {
            Some((Verdict::Inconclusive, Some(format!("{}; crosscheck does not speak SASL yet", failure.detail)), None))
        }
        (Protocol::Kafka, Kind::TlsExpected | Kind::Closed) if security.contains("SSL") => Some((
            Verdict::Inconclusive,
            Some(format!("{from} uses {security}, which crosscheck does not speak yet")),
            None,
        )),
        (_, Kind::AuthenticationRequired) if check.credentials.is_none() => {
            match (check.setting("credentials"), from) {
                (Some("none"), _) => None,
                // Whoever looks from the host is not a client with a password of its own: the server answered.
                (Some("file"), _) | (_, Vantage::Host | Vantage::Network { .. }) => Some((Verdict::Pass, None, None)),
                _ => Some((
                    Verdict::Inconclusive,
                    Some(format!(
                        "{} wants a password, and no setting of {from} that can be read holds one",
                        check.target.address()
                    )),
                    None,
                )),
            }
        }
        _ => None,
    }
}

/// A derived check asks only whether the server works; one that a user wrote means the very page.
fn bad_status(check: &Check, observation: &Observation) -> Option<Failure> {
    let Some(Peer::Http(http)) = &observation.peer else { return None };
    let named = check.target.path.is_some() && check.origins.iter().any(|origin| origin.kind == OriginKind::Declared);
    let limit = if named { 400 } else { 500 };
    (http.status >= limit).then(|| Failure {
        phase: PhaseName::Request,
        kind: Kind::HttpStatus,
        detail: format!("status {}", http.status),
    })
}

/// Whether another check of this run made a connection to the same place.
fn reached_elsewhere(stack: &Stack, checks: &[Seen], index: usize) -> bool {
    let wanted = checks[index].check.place(stack);
    checks.iter().enumerate().any(|(other, seen)| {
        other != index
            && seen.check.place(stack) == wanted
            && seen.observation.as_ref().is_some_and(|observation| observation.depth >= Depth::Connected)
            && seen.verdict == Verdict::Pass
    })
}

/// The verdict of a check that expects no connection.
fn closed(seen: &mut Seen, reached_elsewhere: bool) {
    let Some(observation) = &seen.observation else { return };
    if observation.unlooked.is_some() {
        return;
    }
    (seen.verdict, seen.reason, seen.failure) = if observation.depth >= Depth::Connected {
        let detail = "a connection was made".into();
        (Verdict::Fail, None, Some(Failure { phase: PhaseName::Connect, kind: Kind::Open, detail }))
    } else if reached_elsewhere {
        (Verdict::Pass, None, None)
    } else {
        let reason = "no other vantage reached it in this run, so that it is closed here proves nothing";
        (Verdict::Inconclusive, Some(reason.into()), None)
    };
}

/// A broker's listener for the network that is published beside the one for the host, which works: nobody on the host
/// needs it, so it is no failure.
fn other_audience(stack: &Stack, checks: &[Seen], index: usize) -> Option<String> {
    let seen = &checks[index];
    let published = seen.check.published.as_ref()?;
    if seen.verdict != Verdict::Fail || seen.failure.is_some() {
        return None;
    }
    let works = checks.iter().find(|other| {
        let Some(port) = &other.check.published else { return false };
        let kafka = matches!(other.observation.as_ref().and_then(|o| o.peer.as_ref()), Some(Peer::Kafka(_)));
        port.container == published.container
            && port.container_port != published.container_port
            && other.verdict == Verdict::Pass
            && kafka
    })?;
    let broker = stack.by_id(&published.container)?;
    let named = |host: &str| !stack.named(host).is_empty();
    let inner = kafka_listeners::settings(broker)
        .advertised
        .iter()
        .any(|l| l.bound == published.container_port && named(&l.host));
    inner.then(|| {
        format!(
            "port {} is {}'s listener for the network; the one for the host is {}, which passes",
            published.container_port,
            published.service,
            works.check.target.address()
        )
    })
}

/// The causes of everything that fails, in the registry's order of precedence; one cause is told once.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Judged> {
    let mut found: BTreeMap<(usize, String), Judged> = BTreeMap::new();
    for seen in facts.checks.iter().filter(|seen| seen.verdict == Verdict::Fail) {
        for failed in failures(seen) {
            if let Some((order, cause)) = explain(facts, &failed) {
                add(&mut found, order, cause, Some(&seen.check.id));
            }
        }
    }
    for (order, rule) in RULES.iter().enumerate() {
        for cause in rule.inspect.iter().flat_map(|inspect| inspect(facts)) {
            add(&mut found, order, cause, None);
        }
    }
    found.into_values().collect()
}

/// The failures of a check: its own, and those of its redirects.
#[must_use]
pub fn failures(seen: &Seen) -> Vec<Failed<'_>> {
    let own = seen.failure.iter().map(|failure| Failed { seen, redirect: None, failure });
    let redirects = seen.observation.iter().flat_map(|observation| observation.redirects.iter());
    let redirected = redirects.filter(|_| seen.failure.is_none()).filter_map(|redirect| {
        Some(Failed { seen, redirect: Some(redirect), failure: redirect.observation.failure.as_ref()? })
    });
    own.chain(redirected).collect()
}

fn explain(facts: &Facts, failed: &Failed) -> Option<(usize, Cause)> {
    RULES.iter().enumerate().find_map(|(order, rule)| Some((order, (rule.explain)(facts, failed)?)))
}

fn add(found: &mut BTreeMap<(usize, String), Judged>, order: usize, cause: Cause, check: Option<&String>) {
    let entry = found.entry((order, cause.subject.clone())).or_insert_with(|| Judged {
        rule: RULES[order].id,
        cause: Cause { evidence: Vec::new(), ..cause.clone() },
        checks: Vec::new(),
    });
    for line in cause.evidence {
        if !entry.cause.evidence.contains(&line) {
            entry.cause.evidence.push(line);
        }
    }
    if let Some(check) = check.filter(|check| !entry.checks.contains(check)) {
        entry.checks.push(check.clone());
    }
}
