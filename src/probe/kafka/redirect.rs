//! The brokers that a broker advertises, each tried as a client would that was sent there.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use super::codec::{Broker, LONGEST_HOST, Metadata};
use super::describe;
use super::secure::Client;
use super::session::{Identity, Session};
use super::{ask, peer};
use crate::observation::{FailureKind, Observation, Peer, PhaseName, Redirect};
use crate::probe::{Attempt, Fault, Options, Stop};
use crate::target::{Protocol, Target};
use crate::text;

/// At most as many redirects at once.
const AT_ONCE: usize = 16;

/// Why a broker that was not reached in the list was not looked at.
const NO_TIME: &str = "no time was left to look";

/// Less time than this tells nothing of an address that did not answer.
const ENOUGH: Duration = Duration::from_millis(500);

/// Tries every broker of `metadata`, in its order, before the attempt's own deadline.
///
/// An address that is the target's own is identified over `session`, so that no check needs more than two connections
/// at its target. While the others are tried, which may take all of the time, it is asked who coordinates the client's
/// group.
pub async fn follow(
    attempt: &Attempt,
    target: &Target,
    client: Client<'_>,
    session: &mut Session,
    metadata: &Metadata,
) -> (Vec<Redirect>, Option<Told>) {
    let is_here = |it: &&Broker| it.port == target.port && it.host.eq_ignore_ascii_case(&target.host);
    let cluster = metadata.cluster_id.as_deref();
    // What the connection showed that stands already. The brokers are not part of it: each of a thousand would keep all.
    let mut shown = attempt.observation.clone();
    (shown.notes, shown.unlooked) = (Vec::new(), None);
    if let Some(Peer::Kafka(peer)) = &mut shown.peer {
        peer.brokers = Vec::new();
    }
    let here = async {
        let mut found = Vec::new();
        for broker in metadata.brokers.iter().filter(is_here) {
            found.push(identify_here(attempt, &shown, session, broker, cluster).await);
        }
        let told = find_coordinator(attempt, session, &found).await;
        (found, told)
    };
    let away = metadata.brokers.iter().filter(|it| !is_here(it)).map(|it| visit(attempt, it, client, cluster));
    let ((here, mut told), away) = join(here, stream::iter(away).buffered(AT_ONCE).collect::<Vec<_>>()).await;
    let (mut here, mut away) = (here.into_iter(), away.into_iter());
    let each = metadata.brokers.iter().filter_map(|it| if is_here(&it) { here.next() } else { away.next() });
    let redirects: Vec<_> = each.collect();
    if told.is_none() {
        told = find_coordinator(attempt, session, &redirects).await;
    }
    (redirects, told)
}

/// An error code, and the coordinator's id.
pub type Told = (i16, i32);

/// Asks who coordinates the client's group, where it has one and one of these brokers knows the topic behind it, so that
/// asking makes nothing.
async fn find_coordinator(attempt: &Attempt, session: &mut Session, brokers: &[Redirect]) -> Option<Told> {
    let knows = |broker: &Redirect| matches!(&broker.observation.peer, Some(Peer::Kafka(peer)) if peer.topics.get(describe::OFFSETS_TOPIC) == Some(&true));
    let group = attempt.needed.group.as_ref().filter(|_| brokers.iter().any(knows))?;
    timeout_at(attempt.deadline, session.coordinator(group)).await.ok()?.ok()?
}

/// Asks over the connection that stands already; what that connection showed is part of what is seen.
async fn identify_here(
    attempt: &Attempt,
    shown: &Observation,
    session: &mut Session,
    broker: &Broker,
    cluster: Option<&str>,
) -> Redirect {
    let mut here = Attempt::new(attempt.deadline, attempt.options);
    here.needed.clone_from(&attempt.needed);
    here.observation = shown.clone();
    if Instant::now() >= attempt.deadline {
        here.observation.unlooked = Some(NO_TIME.into());
        return redirect(broker, here.observation);
    }
    // A stop is recorded in the observation already, here and below.
    let _ = identify(&mut here, session, broker, cluster).await;
    redirect(broker, here.observation)
}

/// Resolves, connects, asks for the cluster's id and the broker's.
async fn visit(attempt: &Attempt, broker: &Broker, client: Client<'_>, cluster: Option<&str>) -> Redirect {
    let options = Options { round_trip: false, ..attempt.options };
    let mut there = Attempt::new(attempt.deadline, options);
    there.needed.clone_from(&attempt.needed);
    let started = Instant::now();
    if started >= attempt.deadline {
        return redirect(broker, Observation::unlooked(NO_TIME));
    }
    let _ = try_broker(&mut there, broker, client, cluster).await;
    let timed_out = there.observation.failure.as_ref().is_some_and(|failure| {
        matches!(failure.kind, FailureKind::TimedOut | FailureKind::Silent | FailureKind::ResolverFailed)
    });
    if timed_out && Instant::now() >= attempt.deadline && started.elapsed() < ENOUGH {
        let left = text::millis(started.elapsed());
        there.observation.failure = None;
        there.observation.unlooked = Some(format!("no answer, but only {left} were left to wait for one"));
    }
    redirect(broker, there.observation)
}

async fn try_broker(
    there: &mut Attempt,
    broker: &Broker,
    client: Client<'_>,
    cluster: Option<&str>,
) -> Result<(), Stop> {
    if let Some((phase, fault)) = unusable(broker) {
        return Err(there.fail(phase, fault));
    }
    let target = Target::new(Protocol::Kafka, broker.host.as_str(), broker.port);
    let (mut session, metadata) = ask(there, &target, client).await?;
    if let (Some(ours), Some(theirs)) = (cluster, metadata.cluster_id.as_deref())
        && ours != theirs
    {
        let words = format!("what answers there is another cluster: {theirs}, not {ours}");
        return Err(there.fail(PhaseName::Request, Fault::new(FailureKind::WrongIdentity, words)));
    }
    identify(there, &mut session, broker, cluster.and(metadata.cluster_id.as_deref())).await
}

/// Why no client can even try this address.
fn unusable(broker: &Broker) -> Option<(PhaseName, Fault)> {
    let is_name = |it: char| !it.is_whitespace() && !it.is_control() && !matches!(it, '/' | '\\' | '@' | '\u{fffd}');
    if broker.host.is_empty() {
        let fault = Fault::new(FailureKind::NameNotFound, "advertised without a host");
        Some((PhaseName::Resolve, fault))
    } else if !broker.host.chars().all(is_name) || broker.host.chars().count() >= LONGEST_HOST {
        let fault = Fault::new(FailureKind::NameNotFound, "advertised with a host that can be no name");
        Some((PhaseName::Resolve, fault))
    } else if broker.port == 0 {
        let fault = Fault::new(FailureKind::Unreachable, "advertised without a port that could be connected to");
        Some((PhaseName::Connect, fault))
    } else {
        None
    }
}

/// Asks the broker at the other end whether it is the one that was meant.
///
/// `cluster` is the cluster's id where both sides gave one, and it was the same.
async fn identify(
    attempt: &mut Attempt,
    session: &mut Session,
    broker: &Broker,
    cluster: Option<&str>,
) -> Result<(), Stop> {
    let id = broker.id;
    let mut topics = attempt.needed.topics.clone();
    topics.push(describe::OFFSETS_TOPIC.to_owned());
    let work = async {
        match session.identify(id, &topics).await {
            Ok((Identity::Another(other), _)) => {
                let other = other.map_or_else(|| "another broker".into(), |other| format!("broker {other}"));
                let words = format!("{other} answers in place of broker {id}");
                Err(Fault::new(FailureKind::WrongIdentity, words))
            }
            // That the connection broke says nothing of who is there.
            Err(fault) => Ok(Err(fault)),
            Ok(identity) => Ok(Ok(identity)),
        }
    };
    let answer = attempt.step(PhaseName::Request, work).await;
    match answer {
        Ok(Ok((Identity::Untold(why), _))) => {
            let by = if cluster.is_some() { "identified by its cluster id alone" } else { "not identified" };
            attempt.observation.notes.push(format!("{by}: {why}"));
        }
        Ok(Ok((_, said))) => {
            set_identified(attempt, true);
            if let Some(peer) = peer(attempt) {
                (peer.settings, peer.topics) = (said.settings, said.topics);
            }
        }
        Ok(Err(fault)) => {
            let why = text::line(&fault.detail, 200);
            attempt.observation.unlooked = Some(format!("broker {id} answers, but could not be identified: {why}"));
        }
        Err(Stop) => {
            set_identified(attempt, false);
            return Err(Stop);
        }
    }
    Ok(())
}

fn set_identified(attempt: &mut Attempt, identified: bool) {
    if let Some(peer) = peer(attempt) {
        peer.identified = Some(identified);
    }
}

fn redirect(broker: &Broker, observation: Observation) -> Redirect {
    Redirect {
        name: format!("broker {}", broker.id),
        id: Some(broker.id),
        host: text::line(&broker.host, LONGEST_HOST),
        port: broker.port,
        observation,
    }
}
