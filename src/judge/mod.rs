//! From facts to verdicts and findings. Pure: the same facts give the same findings.

//!
//! What holds for every protocol is here; what one technology alone needs is in a file of its own.

mod client_log;
mod credentials;
mod gateway;
mod kafka;
mod mysql;
mod negative;
pub mod outside;
mod wanted;

use std::collections::BTreeMap;

use crate::observation::{Depth, Failure, FailureKind as Kind, Observation, Peer, PhaseName};
use crate::plan::{Check, Expectation, OriginKind, Readiness};
use crate::rule::{Cause, Facts, Failed, RULES, Seen, Verdict, service_restarting};
use crate::stack::{Container, Stack, Status};

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
    for seen in &mut checks {
        if seen.verdict == Verdict::Fail
            && let Some(reason) = came_and_went(facts, seen)
        {
            (seen.verdict, seen.reason, seen.failure) = (Verdict::Inconclusive, Some(reason), None);
        }
    }
    for index in 0..checks.len() {
        if checks[index].check.expect == Expectation::Closed {
            let reached = negative::reached(&facts.stack, &checks, index);
            negative::closed(&mut checks[index], reached);
        } else if let Some(reason) = kafka::other_audience(&facts.stack, &checks, index) {
            (checks[index].verdict, checks[index].reason, checks[index].failure) =
                (Verdict::Skipped, Some(reason), None);
        } else if let Some(failure) = kafka::lacks(&facts.stack, &checks, index) {
            (checks[index].verdict, checks[index].failure) = (Verdict::Fail, Some(failure));
        }
    }
    facts.checks = checks;
}

/// The verdict of one check by itself, as far as it can be told before the others are known.
pub fn verdict(stack: &Stack, seen: &mut Seen) {
    kafka::tie_redirects(stack, seen);
    let (verdict, reason, failure) = match (&seen.check.readiness, &seen.observation) {
        (Readiness::Skip(reason), _) => (Verdict::Skipped, Some(reason.clone()), None),
        (Readiness::Cannot(reason), _) => (Verdict::Inconclusive, Some(reason.clone()), None),
        (Readiness::Ready, None) => (Verdict::Inconclusive, Some("interrupted before it was looked at".into()), None),
        (Readiness::Ready, Some(observation)) => weigh(stack, &seen.check, observation),
    };
    (seen.verdict, seen.reason, seen.failure) = (verdict, reason, failure);
}

/// A verdict, why it is none where it is none, and what failed.
type Weighed = (Verdict, Option<String>, Option<Failure>);

fn weigh(stack: &Stack, check: &Check, observation: &Observation) -> Weighed {
    if let Some(reason) = &observation.unlooked {
        return (Verdict::Inconclusive, Some(reason.clone()), None);
    }
    if let Some(failure) = held_by_another(stack, check, observation) {
        return (Verdict::Fail, None, Some(failure));
    }
    if mysql::makes_database(check, observation) {
        return (Verdict::Pass, None, None);
    }
    if let Some(reason) = slow(observation) {
        return (Verdict::Inconclusive, Some(reason), None);
    }
    if let Some(failure) = &observation.failure {
        return credentials::wants_credentials(stack, check, failure)
            .unwrap_or_else(|| (Verdict::Fail, None, Some(failure.clone())));
    }
    if let Some(reason) = verifies_unseen(check, observation) {
        return (Verdict::Inconclusive, Some(reason), None);
    }
    if let Some(reason) = mysql::remembers(check, observation) {
        return (Verdict::Inconclusive, Some(reason), None);
    }
    if let Some(failure) = frozen(stack, check, observation) {
        return (Verdict::Fail, None, Some(failure));
    }
    if let Some(failure) = outside::answered(stack, check, observation) {
        return (Verdict::Fail, None, Some(failure));
    }
    if let Some(failure) = bad_status(check, observation) {
        return (Verdict::Fail, None, Some(failure));
    }
    if observation.redirects.iter().any(|redirect| redirect.observation.failure.is_some()) {
        return (Verdict::Fail, None, None);
    }
    let unseen =
        observation.redirects.iter().find_map(|redirect| Some((redirect, redirect.observation.unlooked.as_ref()?)));
    if let Some((redirect, reason)) = unseen {
        return (Verdict::Inconclusive, Some(format!("{}: {reason}", redirect.name)), None);
    }
    match wanted::met(stack, check, observation) {
        wanted::Outcome::Holds => (Verdict::Pass, None, None),
        wanted::Outcome::Unmet(failure) => (Verdict::Fail, None, Some(failure)),
        wanted::Outcome::Unknown(reason) => (Verdict::Inconclusive, Some(reason), None),
    }
}

/// A client that verifies by a file that could not be read: nobody can say whether it trusts the certificate, and where
/// there is no such file it does not even connect.
fn verifies_unseen(check: &Check, observation: &Observation) -> Option<String> {
    let security = &check.security;
    let unseen = security.needs_authorities && security.authorities.is_none() && observation.certificate.is_some();
    unseen.then(|| {
        let why = security.authorities_unknown.as_deref().unwrap_or("that is at no path from which it could be read");
        format!("{} verifies the server's certificate by a file that its settings name: {why}", check.from)
    })
}

/// A server that took the login and then answered no question in time is there, and slow: how long its client waits
/// nobody knows.
fn slow(observation: &Observation) -> Option<String> {
    let failure = observation.failure.as_ref()?;
    let late = matches!(failure.kind, Kind::Silent | Kind::TimedOut) && failure.phase >= PhaseName::Request;
    (late && observation.depth == Depth::LoggedIn)
        .then(|| format!("logged in, then {}: it may just be slow, and --timeout gives it more time", failure.detail))
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

/// The kernel accepts connections for a container that is paused, and nobody answers them.
fn frozen(stack: &Stack, check: &Check, observation: &Observation) -> Option<Failure> {
    let published = check.published.as_ref().and_then(|published| stack.by_id(&published.container));
    let container = published.or_else(|| stack.at_address(observation.connected?))?;
    let unheard = observation.depth <= Depth::Connected && check.expect == Expectation::Answers;
    (unheard && container.state.status == Status::Paused).then(|| Failure {
        phase: PhaseName::Handshake,
        kind: Kind::Silent,
        detail: format!("connected, and {} is paused", container.label()),
    })
}

/// A derived check asks only whether the server works; one that a user wrote means the very page.
fn bad_status(check: &Check, observation: &Observation) -> Option<Failure> {
    let Some(Peer::Http(http)) = &observation.peer else { return None };
    let named = check.target.path.is_some() && check.origins.iter().any(|origin| origin.kind == OriginKind::Declared);
    if wanted::says_status(check) {
        return None;
    }
    let limit = if named { 400 } else { 500 };
    // Nobody who uses this name gets another answer, whatever is asked for.
    let refuses_name = http.status == 400 && http.without_underscore.is_some_and(|other| other != 400);
    (http.status >= limit || refuses_name).then(|| Failure {
        phase: PhaseName::Request,
        kind: Kind::HttpStatus,
        detail: format!("status {}", http.status),
    })
}

/// A container that was started, stopped or removed while we looked: what was seen of it is of two states.
fn came_and_went(facts: &Facts, seen: &Seen) -> Option<String> {
    if let Some(reason) = &facts.gone {
        return Some(format!("what ran may have changed while crosscheck looked: {reason}"));
    }
    if facts.changed.is_empty() {
        return None;
    }
    let mut involved = vec![seen.check.place(&facts.stack).0];
    involved.extend(seen.check.from.container().map(str::to_owned));
    for failed in failures(seen) {
        involved.extend(failed.server(facts).map(|container| container.id.clone()));
    }
    let id = involved.into_iter().find(|id| facts.changed.contains(id))?;
    let label = facts.stack.by_id(&id).map(Container::label).unwrap_or_default();
    // Whoever crashes again and again changes all the time, and that is what is wrong with it.
    let crashes = facts.stack.by_id(&id).is_some_and(service_restarting::crashes);
    (!crashes).then(|| format!("{label} was started, stopped or removed while crosscheck looked: look again"))
}

/// The causes of everything that fails, in the registry's order of precedence; one cause is told once.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Judged> {
    let mut found: BTreeMap<(usize, String), Judged> = BTreeMap::new();
    for seen in facts.checks.iter().filter(|seen| seen.verdict == Verdict::Fail) {
        for failed in failures(seen) {
            let reason = gateway::behind(facts, &failed);
            if let Some((order, mut cause)) = explain(facts, &reason) {
                if reason.seen.check.id != seen.check.id {
                    cause.evidence.push(failed.evidence());
                }
                let known = found.get(&(order, cause.subject.clone()));
                quote_client(facts, &failed, &mut cause, known);
                add(&mut found, order, cause, Some(&seen.check.id));
            }
        }
    }
    for (order, rule) in RULES.iter().enumerate() {
        for cause in rule.inspect.iter().flat_map(|inspect| inspect(facts)) {
            if concerns(facts, &cause) {
                add(&mut found, order, cause, None);
            }
        }
    }
    found.into_values().collect()
}

/// Adds what the client itself says of a failure, for the first few clients of a cause.
fn quote_client(facts: &Facts, failed: &Failed, cause: &mut Cause, known: Option<&Judged>) {
    let quoted = known.map_or(0, |known| known.cause.evidence.iter().filter(|line| client_log::is_quote(line)).count());
    if quoted < client_log::MOST {
        cause.evidence.extend(client_log::line(facts, failed));
    }
}

/// Whether a cause is about a service that the run is about.
fn concerns(facts: &Facts, cause: &Cause) -> bool {
    let Some(named) = &facts.about else { return true };
    let service = cause.service.as_deref();
    service.is_some_and(|service| named.contains(service))
        || facts.checks.iter().any(|seen| {
            let server = facts.stack.by_id(&seen.check.place(&facts.stack).0);
            service == Some(seen.check.from.identity().as_str())
                || service == server.map(|server| server.service.as_str())
        })
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
    // What to change may differ from client to client.
    for line in cause.help.lines() {
        if !entry.cause.help.lines().any(|known| known == line) {
            entry.cause.help.push('\n');
            entry.cause.help.push_str(line);
        }
    }
    if let Some(check) = check.filter(|check| !entry.checks.contains(check)) {
        entry.checks.push(check.clone());
    }
}

#[cfg(test)]
mod kafka_tests;
#[cfg(test)]
mod tests;
