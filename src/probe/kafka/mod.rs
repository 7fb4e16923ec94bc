//! Apache Kafka: the questions that a client asks first, then every address that the answer hands out.
//!
//! `ApiVersions` and Metadata over one connection; then each broker of Metadata is resolved, connected, asked for its
//! cluster and for its id, from the same place and before the same deadline (see `redirect.rs`). Metadata names no
//! topic, so nothing is ever created. No credentials are used.

pub(crate) mod codec;
mod link;
mod read_back;
mod reader;
mod redirect;
mod release;
mod round_trip;
mod session;
#[cfg(test)]
mod tests;
mod under_way;

use std::net::SocketAddr;

use kafka_protocol::messages::ApiKey;

use self::codec::Metadata;
use self::session::Session;
pub use self::under_way::{LAST_CHANCE, finish, finish_blocking};
use super::{Attempt, Fault, Stop, Stream};
use crate::observation::{Depth, FailureKind, KafkaPeer, Peer, PhaseName};
use crate::target::Target;
use crate::text;

/// Looks at a broker and, from the same place, at every broker that it advertises.
///
/// A redirect that fails is no failure of the attempt: it is in the observation's redirects. A broker that lists more
/// than a thousand brokers leaves the observation `unlooked`.
///
/// # Errors
/// [`Stop`] when a step failed: `WrongProtocol` for what is no broker (a controller's listener too), `TlsExpected`,
/// `AuthenticationRequired`, `ServerRefuses` for a broker that lists no brokers yet, and what connections fail with.
pub async fn look(attempt: &mut Attempt, target: &Target) -> Result<(), Stop> {
    let (mut session, metadata) = ask(attempt, target).await?;
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
    let redirects = redirect::follow(attempt, target, &mut session, &metadata).await;
    drop(session);
    let usable = redirects.iter().all(|it| it.observation.failure.is_none() && it.observation.unlooked.is_none());
    attempt.observation.redirects = redirects;
    if !attempt.options.round_trip {
        return Ok(());
    }
    if usable {
        return round_trip::run(attempt, target).await;
    }
    attempt.observation.notes.push("no round trip was tried: not every advertised address can be used".into());
    Ok(())
}

/// Connects, asks for APIs and Metadata, and notes who the peer is.
async fn ask(attempt: &mut Attempt, target: &Target) -> Result<(Session, Metadata), Stop> {
    let stream = attempt.connect(target).await?;
    let address = attempt.observation.connected.map(|address| SocketAddr::new(address, target.port));
    ask_over(attempt, stream, address).await
}

/// As [`ask`], over a connection that stands; `address` is where another one can be had.
pub(crate) async fn ask_over(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    address: Option<SocketAddr>,
) -> Result<(Session, Metadata), Stop> {
    let deadline = attempt.deadline;
    let proxied = attempt.options.proxied;
    let opened = async {
        Session::open(stream, deadline).await.map_err(|fault| match fault.kind {
            // Some servers close where others answer with an alert; a proxy closes for lack of a server.
            FailureKind::Closed if !proxied => Fault::new(fault.kind, format!("{}: it may expect TLS", fault.detail)),
            _ => fault,
        })
    };
    let mut session = attempt.step(PhaseName::Handshake, opened).await?;
    attempt.reached(Depth::Answered);
    let controller = session.apis.are_a_controllers();
    let release = release::range(&session.apis);
    attempt.observation.peer = Some(Peer::Kafka(KafkaPeer { release, controller, ..KafkaPeer::default() }));
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
    let metadata = attempt.step(PhaseName::Request, session.metadata(version, address, deadline)).await?;
    if let Some(peer) = peer(attempt) {
        peer.cluster_id.clone_from(&metadata.cluster_id);
    }
    Ok((session, metadata))
}

/// The peer's description under way.
fn peer(attempt: &mut Attempt) -> Option<&mut KafkaPeer> {
    match &mut attempt.observation.peer {
        Some(Peer::Kafka(peer)) => Some(peer),
        _ => None,
    }
}
