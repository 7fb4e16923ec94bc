//! From facts to verdicts and findings. Pure: the same facts give the same findings.

use std::collections::BTreeMap;

use crate::derive::served::technology;
use crate::observation::{Depth, Failure, FailureKind as Kind, Observation, Peer, PhaseName};
use crate::plan::{Check, Expectation, OriginKind, Readiness, Vantage};
use crate::rule::{Cause, Facts, Failed, RULES, Seen, Verdict, kafka_listeners, service_restarting};
use crate::stack::{Container, PublishedAt, Stack, Status};
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
    for seen in &mut checks {
        if seen.verdict == Verdict::Fail
            && let Some(reason) = came_and_went(facts, seen)
        {
            (seen.verdict, seen.reason, seen.failure) = (Verdict::Inconclusive, Some(reason), None);
        }
    }
    for index in 0..checks.len() {
        if checks[index].check.expect == Expectation::Closed {
            let reached = reached(&facts.stack, &checks, index);
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
        (Readiness::Ready, None) => (Verdict::Inconclusive, Some("interrupted before it was looked at".into()), None),
        (Readiness::Ready, Some(observation)) => weigh(stack, &seen.check, observation),
    };
    (seen.verdict, seen.reason, seen.failure) = (verdict, reason, failure);
}

/// Ties redirects to containers by the engine's word. What a broker says of itself is not enough: clusters that were set
/// up alike have the same id, and their brokers too.
fn tie_redirects(stack: &Stack, seen: &mut Seen) {
    let here = seen.check.from == Vantage::Host && stack.engine.published_at == PublishedAt::Here;
    let published = seen.check.published.as_ref().map(|published| published.container.as_str());
    let Some(observation) = &mut seen.observation else { return };
    let asked = published.and_then(|id| stack.by_id(id)).or_else(|| stack.at_address(observation.connected?));
    let alone = observation.redirects.len() == 1;
    for redirect in observation.redirects.iter_mut().filter(|redirect| redirect.observation.failure.is_none()) {
        let to_host = here && is_loopback(&redirect.host);
        let at = if to_host {
            let bound =
                |container: &&Container| container.ports.iter().any(|port| port.host_port == Some(redirect.port));
            stack.containers.iter().find(bound)
        } else {
            redirect.observation.connected.and_then(|address| stack.at_address(address))
        };
        let detail = match (at, asked) {
            // What is on the host's network listens there without publishing.
            (None, Some(_)) if to_host && !stack.containers.iter().any(Container::on_host_network) => {
                format!("somebody answers, but no container of this project publishes port {}", redirect.port)
            }
            // A cluster of one broker has no other that it could mean. A proxy before it is no broker.
            (Some(at), Some(asked))
                if alone && is_kafka(at) && is_kafka(asked) && !stack.share_namespace(at, asked) =>
            {
                format!("that is {}, another broker than {}, which was asked", at.label(), asked.label())
            }
            _ => continue,
        };
        let failure = Failure { phase: PhaseName::Handshake, kind: Kind::WrongIdentity, detail };
        redirect.observation.failure = Some(failure);
    }
}

fn is_kafka(container: &Container) -> bool {
    technology(container).is_some_and(|technology| technology.protocol() == Protocol::Kafka)
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
    if let Some(reason) = remembers(check, observation) {
        return (Verdict::Inconclusive, Some(reason), None);
    }
    if let Some(failure) = frozen(stack, check, observation) {
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

/// A client that may not ask for the server's key gets in only while the server remembers its password, and a login of
/// ours would make it remember.
fn remembers(check: &Check, observation: &Observation) -> Option<String> {
    let Some(Peer::Mysql(peer)) = &observation.peer else { return None };
    let spared = observation.depth < Depth::LoggedIn && peer.plugin.as_deref() == Some("caching_sha2_password");
    (spared && check.login_would_hide()).then(|| {
        format!(
            "{} disables TLS without allowPublicKeyRetrieval=true: it gets in only while the server remembers its password, and trying would change that",
            check.from
        )
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
                (Some("withheld"), _) => Some((
                    Verdict::Inconclusive,
                    Some(format!(
                        "{} wants a password, and {from}'s is used only towards containers of this project",
                        check.target.address()
                    )),
                    None,
                )),
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

/// A container that was started, stopped or removed while we looked: what was seen of it is of two states.
fn came_and_went(facts: &Facts, seen: &Seen) -> Option<String> {
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

/// Who made a connection to the place that a check expects closed.
enum Reached {
    /// Nobody in this run.
    Nobody,
    /// Another vantage.
    Elsewhere,
    /// This very vantage, by another of the place's addresses.
    Here(String),
}

fn reached(stack: &Stack, checks: &[Seen], index: usize) -> Reached {
    let wanted = checks[index].check.place(stack);
    let connected = |seen: &&Seen| {
        seen.check.expect == Expectation::Answers
            && seen.verdict == Verdict::Pass
            && seen.check.place(stack) == wanted
            && seen.observation.as_ref().is_some_and(|observation| observation.depth >= Depth::Connected)
    };
    let from = |seen: &&Seen| seen.check.from == checks[index].check.from;
    match checks.iter().filter(connected).find(from) {
        Some(seen) => Reached::Here(seen.check.target.address()),
        None if checks.iter().any(|seen| connected(&seen)) => Reached::Elsewhere,
        None => Reached::Nobody,
    }
}

/// The verdict of a check that expects no connection.
fn closed(seen: &mut Seen, reached: Reached) {
    let Some(observation) = seen.observation.as_ref().filter(|observation| observation.unlooked.is_none()) else {
        return;
    };
    let open =
        |detail: String| (Verdict::Fail, None, Some(Failure { phase: PhaseName::Connect, kind: Kind::Open, detail }));
    let unnamed =
        observation.failure.as_ref().is_some_and(|f| matches!(f.kind, Kind::NameNotFound | Kind::ResolverFailed));
    (seen.verdict, seen.reason, seen.failure) = match reached {
        _ if observation.depth >= Depth::Connected => open("a connection was made".into()),
        Reached::Here(address) => open(format!("it is reached as {address}")),
        // The containers' names mean nothing on the host, so that one of them has no address there proves nothing.
        _ if unnamed && seen.check.from == Vantage::Host => {
            let reason = "the name has no address on the host, which proves nothing: name the host's address and port";
            (Verdict::Inconclusive, Some(reason.into()), None)
        }
        Reached::Elsewhere => (Verdict::Pass, None, None),
        Reached::Nobody => {
            let reason = "no other vantage reached it in this run, so that it is closed here proves nothing";
            (Verdict::Inconclusive, Some(reason.into()), None)
        }
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
            if concerns(facts, &cause) {
                add(&mut found, order, cause, None);
            }
        }
    }
    found.into_values().collect()
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
mod tests;
