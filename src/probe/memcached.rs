//! memcached: its version, asked in text.
//!
//! <https://github.com/memcached/memcached/blob/master/doc/protocol.txt>. A server that was told to speak its binary protocol
//! alone, or to demand SASL, ends such a conversation without a word: it is asked in binary then, over a second connection.
//! <https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped>.
//!
//! A login is not tried: who has one may not say in which of the two it is made.

#[cfg(test)]
mod tests;

use tokio::time::timeout_at;

use super::exchange::{Exchange, starts};
use super::{Attempt, Fault, Stop, Stream, ended};
use crate::observation::{Depth, FailureKind, MemcachedPeer, Peer, PhaseName};
use crate::plan::Security;
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a memcached server";

/// The most that is read from a server in all, in bytes.
const MOST: usize = 4 << 10;

/// The longest line, in bytes.
const LONGEST_LINE: usize = 512;

/// How the answers to `version` begin.
const ANSWERS: [&[u8]; 4] = [b"VERSION ", b"CLIENT_ERROR ", b"SERVER_ERROR ", b"ERROR"];

/// The question, and the goodbye. Twice, because a server that speaks binary alone waits for 24 bytes before it finds that
/// these are none of its requests.
const VERSION: &[u8; 24] = b"version\r\nversion\r\nquit\r\n";

/// `version` in binary: a request's magic, the command, and 22 bytes in which nothing is set.
const BINARY_VERSION: [u8; 24] = {
    let mut request = [0; 24];
    request[0] = 0x80;
    request[1] = 0x0b;
    request
};

/// Looks at the target.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(attempt: &mut Attempt, target: &Target, security: &Security) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    let end = converse(attempt, stream).await;
    let closed = attempt.observation.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Closed);
    if closed && attempt.observation.depth == Depth::Connected && speaks_binary(attempt, target).await {
        attempt.observation.failure = None;
        attempt.reached(Depth::Answered);
        attempt.observation.peer = Some(Peer::Memcached(MemcachedPeer::default()));
        attempt.observation.unlooked = Some(
            "the server speaks memcached's binary protocol alone, and no setting says which of the two the client speaks"
                .into(),
        );
        return Ok(());
    }
    ended::explain(attempt, target, security).await;
    end
}

/// As [`look`], over a connection that stands.
pub(crate) async fn converse(attempt: &mut Attempt, stream: impl Stream + 'static) -> Result<(), Stop> {
    let mut exchange = Exchange::new(stream, EXPECTED, MOST, |said| ANSWERS.iter().any(|word| starts(said, word)));
    let mut recognised = false;
    let result = attempt.step(PhaseName::Handshake, version(&mut exchange, &mut recognised)).await;
    if recognised {
        attempt.reached(Depth::Answered);
        let version = result.as_ref().ok().cloned();
        attempt.observation.peer = Some(Peer::Memcached(MemcachedPeer { version }));
    }
    let refused = attempt.observation.failure.as_mut();
    // Credentials belong to the login.
    if let Some(failure) = refused.filter(|failure| failure.kind == FailureKind::AuthenticationRequired) {
        failure.phase = PhaseName::Login;
    }
    result.map(drop)
}

/// Asks for the version.
async fn version(exchange: &mut Exchange, recognised: &mut bool) -> Result<String, Fault> {
    exchange.send(VERSION).await;
    let line = exchange.line(LONGEST_LINE).await?;
    let words = String::from_utf8_lossy(&line).into_owned();
    let (code, rest) = words.split_once(' ').unwrap_or((&words, ""));
    let is_version =
        rest.starts_with(|first: char| first.is_ascii_digit()) && rest.bytes().all(|it| it.is_ascii_graphic());
    let kind = match code {
        "VERSION" if is_version => None,
        "CLIENT_ERROR" if rest == "unauthenticated" => Some(FailureKind::AuthenticationRequired),
        "ERROR" if rest == "Too many open connections" => Some(FailureKind::TooManyConnections),
        "SERVER_ERROR" => Some(FailureKind::ServerRefuses),
        // Many servers say so of a word that they do not know.
        _ => return Err(exchange.stranger(line).await),
    };
    *recognised = true;
    match kind {
        None => Ok(text::line(rest, 40)),
        Some(kind) => Err(Fault::new(kind, words)),
    }
}

/// Whether the server answers in binary, asked over a connection of its own.
async fn speaks_binary(attempt: &Attempt, target: &Target) -> bool {
    let Some(stream) = ended::again(attempt, target).await else { return false };
    let mut exchange = Exchange::new(stream, EXPECTED, MOST, |said| starts(said, &[0x81, 0x0b]));
    let ask = async {
        exchange.send(&BINARY_VERSION).await;
        exchange.bytes(24).await
    };
    matches!(timeout_at(attempt.deadline, ask).await, Ok(Ok(_)))
}
