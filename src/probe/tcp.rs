//! A connection, and whether the peer keeps it open: for protocols that we do not speak.

use std::io;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::{Attempt, Fault, Stop};
use crate::observation::{Depth, FailureKind, Peer, PhaseName};
use crate::target::Target;
use crate::text;

/// How long a peer is listened to: long enough to see one that accepts and closes at once.
const GLANCE: Duration = Duration::from_millis(20);
/// How long it is listened to behind a proxy, which accepts, tries the server, and only then closes.
const GLANCE_BEHIND_PROXY: Duration = Duration::from_millis(150);
/// What is kept clear before the caller's deadline, so that silence is not taken for a step that ran out of time.
const MARGIN: Duration = Duration::from_millis(10);
/// The most that is read of a greeting, in bytes.
const MOST_GREETING: usize = 256;

/// Connects, and listens for a moment: a greeting is kept, an end at once is a failure, silence is fine. Nothing is
/// sent. With `connect_only` the connection alone counts.
///
/// # Errors
/// [`Stop`] when no connection was made or the peer ended it at once.
pub async fn look(attempt: &mut Attempt, target: &Target) -> Result<(), Stop> {
    let mut stream = attempt.connect(target).await?;
    if attempt.options.connect_only {
        return Ok(());
    }
    let proxied = attempt.options.proxied;
    let glance = if proxied { GLANCE_BEHIND_PROXY } else { GLANCE };
    let last = attempt.deadline.checked_sub(MARGIN).unwrap_or(attempt.deadline);
    let until = last.min(Instant::now() + glance);
    let greeting = attempt.step(PhaseName::Handshake, greeting(&mut stream, until, proxied)).await?;
    if greeting.is_empty() {
        let note = "the port is open; nothing was asked, as its protocol is not known";
        attempt.observation.notes.push(note.into());
    } else {
        let banner = text::line(&String::from_utf8_lossy(&greeting), MOST_GREETING);
        attempt.observation.peer = Some(Peer::Tcp { banner: Some(banner) });
        attempt.reached(Depth::Answered);
    }
    Ok(())
}

/// What the peer says unasked until then: its first line, or its first bytes.
///
/// # Errors
/// `Closed` or `Reset` when the peer ended the connection without a word.
async fn greeting(stream: &mut TcpStream, until: Instant, proxied: bool) -> Result<Vec<u8>, Fault> {
    let mut said = Vec::with_capacity(MOST_GREETING);
    while said.len() < MOST_GREETING && !said.contains(&b'\n') {
        let room = u64::try_from(MOST_GREETING - said.len()).unwrap_or_default();
        let ended = match timeout_at(until, (&mut *stream).take(room).read_buf(&mut said)).await {
            Ok(Ok(0)) => ended(FailureKind::Closed, "closed", proxied),
            Ok(Ok(_)) => continue,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                ended(FailureKind::Reset, "reset", proxied)
            }
            Ok(Err(error)) => Fault::from_io(&error),
            Err(_) => break,
        };
        // A peer that said something and left has answered all the same.
        return if said.is_empty() { Err(ended) } else { Ok(said) };
    }
    Ok(said)
}

/// A connection that was accepted, and ended without a word.
fn ended(kind: FailureKind, how: &str, proxied: bool) -> Fault {
    let by_proxy = if proxied { ": a proxy can do that for a server that is not there" } else { "" };
    Fault::new(kind, format!("the connection was accepted and {how} at once, without a word{by_proxy}"))
}

#[cfg(test)]
mod tests;
