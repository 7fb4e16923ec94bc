//! Apache Kafka: the questions that a client asks first, then every address that the answer hands out.
//!
//! `ApiVersions` and Metadata over one connection; then each broker of Metadata is resolved, connected, asked for its
//! cluster and for its id, from the same place and before the same deadline (see `redirect.rs`). Metadata names no
//! topic, and a group's coordinator is asked for only where the topic behind it exists, so nothing is ever created. TLS and
//! SASL are those of the client's settings (see `secure.rs`, `sasl.rs`).

pub(crate) mod codec;
pub(crate) mod coordinator;
pub(crate) mod describe;
mod link;
mod read_back;
mod reader;
mod redirect;
mod release;
mod round_trip;
mod sasl;
mod scram;
mod secure;
mod session;
#[cfg(test)]
mod tests;
mod under_way;

use kafka_protocol::messages::ApiKey;
use tokio::time::Instant;

use self::codec::Metadata;
use self::link::ended;
pub use self::secure::Client;
use self::session::Session;
pub use self::under_way::{LAST_CHANCE, finish, finish_blocking, settle};
use super::{Attempt, Fault, Stop, Stream};
use crate::observation::{Coordinator, Depth, FailureKind, KafkaPeer, Peer, PhaseName};
use crate::target::Target;
use crate::text;

/// Looks at a broker and, from the same place, at every broker that it advertises.
///
/// A redirect that fails is no failure of the attempt: it is in the observation's redirects. A broker that lists more
/// than a thousand brokers leaves the observation `unlooked`.
///
/// # Errors
/// [`Stop`] when a step failed: `WrongProtocol` for what is no broker (a controller's listener too), `TlsExpected`,
/// `AuthenticationRequired`, `AuthenticationUnsupported`, `AuthenticationFailed`, `ServerRefuses` for a broker that lists no brokers yet, and what connections fail with.
pub async fn look(attempt: &mut Attempt, target: &Target, client: Client<'_>) -> Result<(), Stop> {
    let (mut session, metadata) = ask(attempt, target, client).await?;
    if let Some(peer) = peer(attempt) {
        peer.brokers =
            metadata.brokers.iter().map(|it| (it.id, text::line(&it.host, codec::LONGEST_HOST), it.port)).collect();
    }
    if metadata.brokers.is_empty() {
        // A broker that has not registered itself answers so for a moment.
        let fault = Fault::new(FailureKind::ServerRefuses, "the broker lists no brokers yet");
        return Err(attempt.fail(PhaseName::Request, fault));
    }
    if metadata.listed > metadata.brokers.len() {
        let kept = metadata.brokers.len();
        attempt.observation.unlooked =
            Some(format!("the broker lists {} brokers, of which {kept} were looked at", metadata.listed));
    }
    let (redirects, told) = redirect::follow(attempt, target, client, &mut session, &metadata).await;
    note_coordinator(attempt, told);
    drop(session);
    let usable = redirects.iter().all(|it| it.observation.failure.is_none() && it.observation.unlooked.is_none());
    attempt.observation.redirects = redirects;
    if !attempt.options.round_trip {
        return Ok(());
    }
    if client.speaks_tls() || client.mechanism().is_some() {
        attempt.observation.unlooked =
            Some("the round trip cannot log in or speak TLS yet, and this client does".into());
        return Ok(());
    }
    if usable {
        return round_trip::run(attempt, target).await;
    }
    attempt.observation.notes.push("no round trip was tried: not every advertised address can be used".into());
    Ok(())
}

/// Connects as the client does, asks for APIs and Metadata, and notes who the peer is.
async fn ask(attempt: &mut Attempt, target: &Target, client: Client<'_>) -> Result<(Session, Metadata), Stop> {
    let stream = attempt.connect(target).await?;
    let stream = secure::wrap(attempt, stream, target, client).await?;
    ask_over(attempt, stream, target, client).await
}

/// As [`ask`], over a connection that stands.
pub(crate) async fn ask_over(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    target: &Target,
    client: Client<'_>,
) -> Result<(Session, Metadata), Stop> {
    let mut session = open(attempt, stream, target, client).await?;
    attempt.reached(Depth::Answered);
    let controller = session.apis.are_a_controllers();
    let release = release::range(&session.apis);
    attempt.observation.peer =
        Some(Peer::Kafka(KafkaPeer { release, controller, tls: Some(client.speaks_tls()), ..KafkaPeer::default() }));
    if controller {
        let fault = Fault::new(FailureKind::WrongProtocol, "a KRaft controller's listener, which serves no clients");
        return Err(attempt.fail(PhaseName::Request, fault));
    }
    let Some(version) = session.apis.version(ApiKey::Metadata, codec::METADATA_VERSIONS) else {
        if session.apis.greatest(ApiKey::Metadata).is_none() {
            let fault = Fault::new(FailureKind::WrongProtocol, "speaks Kafka's protocol, but offers no Metadata");
            return Err(attempt.fail(PhaseName::Request, fault));
        }
        attempt.observation.unlooked = Some("the broker offers no version of Metadata that crosscheck speaks".into());
        return Err(Stop);
    };
    sasl::login(attempt, &mut session, target, client).await?;
    let started = Instant::now();
    let answer = attempt.step(PhaseName::Request, async { Ok(session.metadata(version).await) }).await?;
    let metadata = match answer {
        Ok(metadata) => metadata,
        Err(fault) => {
            let fault = if ended(fault.kind) && client.mechanism().is_none() {
                secure::why_ended(attempt, &session, target, client, fault).await
            } else {
                Some(fault)
            };
            return Err(ended_for(attempt, started, fault));
        }
    };
    if let Some(peer) = peer(attempt) {
        peer.cluster_id.clone_from(&metadata.cluster_id);
    }
    Ok((session, metadata))
}

/// Asks what the peer offers; where it ends the connection instead, how it wants to be spoken to.
async fn open(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    target: &Target,
    client: Client<'_>,
) -> Result<Session, Stop> {
    let (started, deadline) = (Instant::now(), attempt.deadline);
    let fault = match attempt.step(PhaseName::Handshake, async { Ok(Session::open(stream, deadline).await) }).await? {
        Ok(session) => return Ok(session),
        Err(fault) => fault,
    };
    if client.speaks_tls() {
        if let Some(limit) = secure::limit(&fault) {
            attempt.observation.unlooked = Some(limit);
            return Err(Stop);
        }
        return Err(failed(attempt, started, fault));
    }
    let fault = secure::why_refused(attempt, target, fault).await;
    Err(ended_for(attempt, started, fault))
}

/// As [`failed`], where the reason is known; else nobody knows what the end of the connection means.
fn ended_for(attempt: &mut Attempt, started: Instant, fault: Option<Fault>) -> Stop {
    let Some(fault) = fault else {
        attempt.observation.unlooked = Some(secure::NOT_SEEN.into());
        return Stop;
    };
    failed(attempt, started, fault)
}

/// A step that did not do what it was for, told once more was known of it.
fn failed(attempt: &mut Attempt, started: Instant, fault: Fault) -> Stop {
    let phase = attempt.observation.phases.last_mut();
    let name = phase.map_or(PhaseName::Request, |phase| {
        phase.ok = false;
        phase.micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        phase.name
    });
    attempt.fail(name, fault)
}

/// Notes who coordinates the client's consumer group. That it is not told is no failure: not every client may ask.
fn note_coordinator(attempt: &mut Attempt, told: Option<redirect::Told>) {
    let (Some((error, id)), Some(group)) = (told, attempt.needed.group.clone()) else { return };
    let broker = match error {
        0 => Some(id),
        coordinator::NOT_AVAILABLE => None,
        _ => {
            let why = codec::error_name(error);
            attempt.observation.notes.push(format!("who coordinates the consumer group is not told: {why}"));
            return;
        }
    };
    if let Some(peer) = peer(attempt) {
        peer.coordinator = Some(Coordinator { group, broker });
    }
}

/// The peer's description under way.
fn peer(attempt: &mut Attempt) -> Option<&mut KafkaPeer> {
    match &mut attempt.observation.peer {
        Some(Peer::Kafka(peer)) => Some(peer),
        _ => None,
    }
}
