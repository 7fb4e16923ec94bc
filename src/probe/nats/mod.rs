//! NATS: what the server says of itself, a login where it asks for one, and a ping.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>. The server speaks first. Without credentials, where it
//! asks for some, nothing is tried: it would count and log a violation.

mod info;
#[cfg(test)]
mod tests;

use self::info::Info;
use super::exchange::{Exchange, starts};
use super::hide::hide;
use super::{Attempt, Fault, Stop, Stream};
use crate::observation::{Depth, FailureKind, NatsPeer, Peer, PhaseName};
use crate::plan::Credentials;
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a NATS server";

/// The most that is read from a server in all, in bytes.
const MOST: usize = 128 << 10;

/// The longest line, in bytes: what a server says of itself names every member of its cluster.
const LONGEST_LINE: usize = 64 << 10;

/// The most lines that a server may say before it answers.
const MOST_LINES: usize = 16;

/// What is noted where TLS follows the greeting.
const TLS_FOLLOWS: &str = "the server goes on in TLS, which was not spoken: it was not looked further";

/// Looks at the target. With credentials it logs in where the server asks for a login.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(attempt: &mut Attempt, target: &Target, credentials: Option<&Credentials>) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    converse(attempt, stream, credentials).await
}

/// As [`look`], over a connection that stands.
pub(crate) async fn converse(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    credentials: Option<&Credentials>,
) -> Result<(), Stop> {
    let mut exchange = Exchange::new(stream, EXPECTED, MOST, |said| starts(said, b"INFO {") || starts(said, b"-ERR '"));
    let (info, words) = match attempt.step(PhaseName::Handshake, greeted(&mut exchange)).await? {
        Greeting::Info(info) => (info, None),
        Greeting::Refused(words) => (Info::default(), Some(words)),
    };
    attempt.reached(Depth::Answered);
    attempt.observation.peer = Some(Peer::Nats(NatsPeer {
        version: info.version.as_deref().map(|version| text::line(version, 40)),
        name: info.server_name.as_deref().map(|name| text::line(name, 80)),
        cluster: info.cluster.as_deref().map(|name| text::line(name, 80)),
        jetstream: info.jetstream,
        authentication: info.auth_required,
        tls: info.tls_required,
    }));
    if let Some(words) = words {
        missed(attempt);
        return Err(attempt.fail(PhaseName::Handshake, refusal(&words, None)));
    }
    // Clients go on in TLS by themselves there, whatever their address says.
    if info.tls_required {
        attempt.observation.notes.push(TLS_FOLLOWS.into());
        return Ok(());
    }
    if !info.auth_required {
        attempt.step(PhaseName::Request, ping(&mut exchange, &info::connect(None), None)).await?;
        return Ok(());
    }
    let Some(known) = credentials.filter(|known| info::account(known).is_some()) else {
        let words = "the server wants credentials";
        return Err(attempt.fail(PhaseName::Login, Fault::new(FailureKind::AuthenticationRequired, words)));
    };
    attempt.step(PhaseName::Login, ping(&mut exchange, &info::connect(Some(known)), Some(known))).await?;
    attempt.reached(Depth::LoggedIn);
    Ok(())
}

/// What a server says first.
enum Greeting {
    Info(Info),
    /// It refuses everybody, in these words.
    Refused(String),
}

async fn greeted(exchange: &mut Exchange) -> Result<Greeting, Fault> {
    let line = exchange.line(LONGEST_LINE).await?;
    if line.starts_with(b"-ERR '") {
        exchange.recognise();
        return Ok(Greeting::Refused(words(&line)));
    }
    match Info::parse(&line) {
        Some(info) => {
            exchange.recognise();
            Ok(Greeting::Info(info))
        }
        None => Err(exchange.stranger(line).await),
    }
}

/// Introduces the client and asks whether the server is there.
async fn ping(exchange: &mut Exchange, connect: &str, known: Option<&Credentials>) -> Result<(), Fault> {
    exchange.send(format!("CONNECT {connect}\r\nPING\r\n").as_bytes()).await;
    for _ in 0..MOST_LINES {
        let line = exchange.line(LONGEST_LINE).await?;
        match line.split(|&byte| byte == b' ').next().unwrap_or_default() {
            b"PONG" => return Ok(()),
            b"-ERR" => return Err(refusal(&words(&line), known)),
            // It says what has changed about it, agrees, or asks whether we are there.
            b"INFO" | b"+OK" | b"PING" => {}
            _ => return Err(exchange.garbled("it answered PING with something else")),
        }
    }
    Err(exchange.garbled("it says everything but PONG"))
}

/// The words of an error, which stand in quotation marks.
fn words(line: &[u8]) -> String {
    let said = String::from_utf8_lossy(line);
    said.trim_start_matches("-ERR").trim().trim_matches('\'').to_owned()
}

/// What an error means to a client.
///
/// <https://docs.nats.io/reference/reference-protocols/nats-protocol#err>
fn refusal(words: &str, known: Option<&Credentials>) -> Fault {
    let said = words.to_ascii_lowercase();
    let kind = if said.contains("authorization violation") || said.contains("authentication") {
        FailureKind::AuthenticationFailed
    } else if said.contains("maximum") && said.contains("connections exceeded") {
        FailureKind::TooManyConnections
    } else if said.contains("tls required") {
        FailureKind::TlsExpected
    } else {
        FailureKind::ServerRefuses
    };
    Fault::new(kind, hide(words, known).into_owned())
}

/// The last step came to its end without doing what it was for.
fn missed(attempt: &mut Attempt) {
    if let Some(phase) = attempt.observation.phases.last_mut() {
        phase.ok = false;
    }
}
