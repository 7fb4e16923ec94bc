//! Apache `ZooKeeper`: its word `srvr`, else a session that is closed again.
//!
//! `srvr` costs nothing and says version and role; `ZooKeeper` answers it whatever words its settings allow, as its own scripts
//! depend on it: <https://zookeeper.apache.org/doc/current/zookeeperAdmin.html#sc_zkCommands>. Where another server of the
//! protocol forbids it or does not know it, a session is opened and closed as every client does, which the ensemble writes
//! down. A server that belongs to no ensemble that can work says so to the word, and ends the session.

mod session;
#[cfg(test)]
mod tests;

use super::exchange::{Exchange, starts};
use super::{Attempt, Fault, Stop, Stream, ended};
use crate::observation::{Depth, FailureKind, Peer, PhaseName, ZookeeperPeer};
use crate::plan::Security;
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a ZooKeeper server";

/// The most that is read of the answer to a word, in bytes. It has some 250.
const MOST: usize = 8 << 10;

/// How the answer begins where it is given, where the word is forbidden, and where the server does not work.
const ANSWERS: [&[u8]; 3] = [b"Zookeeper version: ", b"srvr is not executed", b"This ZooKeeper instance"];

/// Looks at the target.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(attempt: &mut Attempt, target: &Target, security: &Security) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    let end = ask(attempt, stream).await;
    let closed = attempt.observation.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Closed);
    let forbidden = matches!(end, Ok(Answer::Forbidden));
    // Others that speak the protocol may not know the word.
    if !(forbidden || closed) {
        ended::explain(attempt, target, security).await;
        return end.map(drop);
    }
    let Some(stream) = ended::again(attempt, target).await else {
        if forbidden {
            let reason = "the server forbids its word srvr, and took no second connection in time";
            attempt.observation.unlooked = Some(reason.into());
        }
        return end.map(drop);
    };
    let before = attempt.observation.failure.take();
    let seen = open(attempt, stream).await;
    if seen.is_err() && !forbidden {
        // The first question says as much, and what comes of TLS is told from it.
        attempt.observation.phases.pop();
        attempt.observation.failure = before;
        ended::explain(attempt, target, security).await;
    }
    seen
}

/// What came of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The server works.
    Works,
    /// The word is forbidden: that a server of this kind is there is all that is known.
    Forbidden,
}

/// Asks `srvr` over a connection that stands.
pub(crate) async fn ask(attempt: &mut Attempt, stream: impl Stream + 'static) -> Result<Answer, Stop> {
    let mut exchange = Exchange::new(stream, EXPECTED, MOST, |said| ANSWERS.iter().any(|word| starts(said, word)));
    let mut peer = None;
    let end = attempt.step(PhaseName::Handshake, srvr(&mut exchange, &mut peer)).await;
    if let Some(peer) = peer {
        attempt.reached(Depth::Answered);
        attempt.observation.peer = Some(Peer::Zookeeper(peer));
    }
    end
}

async fn srvr(exchange: &mut Exchange, peer: &mut Option<ZookeeperPeer>) -> Result<Answer, Fault> {
    exchange.send(b"srvr").await;
    let first = exchange.line(300).await?;
    if !ANSWERS.iter().any(|word| first.starts_with(word)) {
        return Err(exchange.stranger(first).await);
    }
    let words = String::from_utf8_lossy(&first).into_owned();
    let Some(version) = words.strip_prefix("Zookeeper version: ") else {
        exchange.recognise();
        *peer = Some(ZookeeperPeer::default());
        if words.starts_with("srvr") {
            return Ok(Answer::Forbidden);
        }
        return Err(Fault::new(FailureKind::ServerRefuses, words));
    };
    exchange.recognise();
    // `3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC`.
    let version = version.split(['-', ',', ' ']).next().unwrap_or_default();
    let version = version.starts_with(|first: char| first.is_ascii_digit()).then(|| text::line(version, 20));
    let rest = String::from_utf8_lossy(&exchange.rest(MOST).await).into_owned();
    let mode = rest.lines().find_map(|line| line.strip_prefix("Mode: ")).map(str::trim);
    let known = |mode: &&str| matches!(*mode, "standalone" | "leader" | "follower" | "observer" | "read-only");
    *peer = Some(ZookeeperPeer { version, mode: mode.filter(known).map(Into::into) });
    Ok(Answer::Works)
}

/// Opens a session over a connection that stands, and closes it.
pub(crate) async fn open(attempt: &mut Attempt, stream: impl Stream + 'static) -> Result<(), Stop> {
    let mut exchange = Exchange::new(stream, EXPECTED, MOST, session::begins);
    attempt.step(PhaseName::Request, session::open_and_close(&mut exchange)).await?;
    attempt.reached(Depth::Answered);
    attempt.observation.peer.get_or_insert_with(|| Peer::Zookeeper(ZookeeperPeer::default()));
    Ok(())
}
