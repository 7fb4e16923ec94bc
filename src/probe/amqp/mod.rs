//! AMQP 0-9-1: `RabbitMQ`, and what speaks its protocol.
//!
//! The protocol header, the broker's `Connection.Start`, and with the client's own credentials a login by PLAIN, up to the
//! opening of its virtual host; then `Connection.Close`. The specification:
//! <https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>, sections 2.2.4 and 4.2; what its table types became:
//! <https://www.rabbitmq.com/amqp-0-9-1-errata>.
//!
//! Without credentials the connection ends after `Connection.Start`. That was measured on `RabbitMQ` 3.10: it frees everything
//! at once and logs a warning, that a client was gone. `Connection.Close`, which it takes for an error before a login, makes
//! it log that error.

mod method;
#[cfg(test)]
mod tests;

use secrecy::ExposeSecret;
use tokio::time::timeout;

use self::method::{Close, Method, Start};
use super::channel::Channel;
use super::exchange::{Exchange, starts};
use super::hide::hide;
use super::{Attempt, Fault, Stop, Stream, ended};
use crate::observation::{AmqpPeer, Depth, FailureKind, Peer, PhaseName};
use crate::plan::{Credentials, Security};
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "an AMQP 0-9-1 broker";

/// What a client says first: the protocol's name, its id, and its version.
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";

/// The most that is read from a broker in all, in bytes. Its answers together have some 600.
const MOST: usize = 128 << 10;

/// The virtual host that clients take where none is written.
const USUAL: &str = "/";

/// What is noted where a virtual host that nobody named cannot be used.
const GUESSED: &str = "no setting names a virtual host, and / cannot be used: it was not looked further";

/// How long a broker is given to confirm the end of a connection.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(200);

/// Looks at the target. With credentials it logs in and opens the virtual host of the target.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(
    attempt: &mut Attempt,
    target: &Target,
    credentials: Option<&Credentials>,
    security: &Security,
) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    let end = converse(attempt, stream, target, credentials).await;
    ended::explain(attempt, target, security).await;
    end
}

/// As [`look`], over a connection that stands.
pub(crate) async fn converse(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), Stop> {
    let mut exchange = Exchange::new(Box::new(stream) as Channel, EXPECTED, MOST, |said| {
        starts(said, method::START) || starts(said, &HEADER[..4])
    });
    let start = match attempt.step(PhaseName::Handshake, greet(&mut exchange)).await? {
        Greeting::Start(start) => start,
        Greeting::Other(version) => {
            missed(attempt);
            attempt.observation.unlooked = Some(format!(
                "the broker speaks AMQP {version} and not 0-9-1: no setting says which of them the client speaks"
            ));
            return Ok(());
        }
    };
    attempt.reached(Depth::Answered);
    let speaks = start.mechanisms.iter().any(|mechanism| mechanism == "PLAIN");
    let wanted = start.mechanisms.join(", ");
    attempt.observation.peer = Some(Peer::Amqp(AmqpPeer {
        product: start.property("product"),
        version: start.property("version"),
        cluster: start.property("cluster_name"),
        mechanisms: start.mechanisms,
    }));
    let account = credentials.filter(|known| !known.user.is_empty());
    let Some((known, password)) = account.and_then(|known| Some((known, known.password.as_ref()?))) else {
        return Ok(());
    };
    if !speaks {
        let reason = format!("the broker takes logins by {wanted} only, which crosscheck does not speak");
        attempt.observation.unlooked = Some(text::line(&reason, 300));
        return Ok(());
    }
    let named = target.path.as_deref().filter(|name| !name.is_empty());
    let plain = method::start_ok(&known.user, password.expose_secret());
    let result = attempt.step(PhaseName::Login, log_in(&mut exchange, &plain, known)).await?;
    attempt.reached(Depth::LoggedIn);
    let host = named.unwrap_or(USUAL);
    let opened = attempt.step(PhaseName::Request, open(&mut exchange, &result, host, known)).await?;
    match opened {
        Ok(()) => {
            exchange.send(&method::close()).await;
            let _ = timeout(FAREWELL, method::read(&mut exchange)).await;
            Ok(())
        }
        // The client may name another one where nobody can read it.
        Err(refusal) if named.is_none() && is_about_the_host(refusal.kind) => {
            attempt.observation.notes.push(GUESSED.into());
            Ok(())
        }
        Err(refusal) => {
            missed(attempt);
            Err(attempt.fail(PhaseName::Request, refusal))
        }
    }
}

/// What a broker says to the protocol header.
enum Greeting {
    Start(Start),
    /// A header of its own, of this version: the one that it speaks.
    Other(String),
}

async fn greet(exchange: &mut Exchange) -> Result<Greeting, Fault> {
    exchange.send(HEADER).await;
    let head = exchange.bytes(7).await?;
    if head.starts_with(b"AMQP") {
        exchange.recognise();
        let version = exchange.bytes(1).await?;
        // A header names an id, then major, minor and revision. AMQP 1.0 has the ids 0, 2 for TLS, and 3 for SASL.
        return match (head[4], head[5], head[6], version[0]) {
            (0 | 2 | 3, 1, 0, 0) => Ok(Greeting::Other("1.0".into())),
            (0 | 1, major @ 0..=1, minor @ 0..=10, revision @ 0..=10) => {
                Ok(Greeting::Other(format!("{major}-{minor}-{revision}")))
            }
            _ => Err(exchange.garbled("it answered with a header of no version")),
        };
    }
    let method = method::read_after(exchange, &head).await?;
    match method {
        Method::Start(start) => {
            exchange.recognise();
            Ok(Greeting::Start(start))
        }
        _ => Err(exchange.garbled("it answered the header with something else than Connection.Start")),
    }
}

/// Proves who the client is; what the broker proposes then.
async fn log_in(exchange: &mut Exchange, plain: &[u8], known: &Credentials) -> Result<method::Tune, Fault> {
    exchange.send(plain).await;
    match method::read(exchange).await {
        Ok(Method::Tune(tune)) => Ok(tune),
        Ok(Method::Close(close)) => {
            exchange.send(&method::close_ok()).await;
            Err(refusal(&close, known, FailureKind::AuthenticationFailed))
        }
        Ok(Method::Secure) => Err(exchange.garbled("it answered PLAIN with a challenge")),
        Ok(_) => Err(exchange.garbled("it answered the login with a method that has no meaning there")),
        Err(fault) => Err(fault),
    }
}

/// Agrees to what the broker proposes, and opens a virtual host; or the broker's refusal.
async fn open(
    exchange: &mut Exchange,
    tune: &method::Tune,
    host: &str,
    known: &Credentials,
) -> Result<Result<(), Fault>, Fault> {
    let Some(open) = method::open(host) else {
        return Err(Fault::new(FailureKind::UnknownDatabase, "no virtual host has a name of more than 255 bytes"));
    };
    exchange.send(&[method::tune_ok(tune), open].concat()).await;
    match method::read(exchange).await? {
        Method::OpenOk => Ok(Ok(())),
        Method::Close(close) => {
            exchange.send(&method::close_ok()).await;
            Ok(Err(refusal(&close, known, FailureKind::ServerRefuses)))
        }
        _ => Err(exchange.garbled("it answered Connection.Open with a method that has no meaning there")),
    }
}

fn is_about_the_host(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::UnknownDatabase | FailureKind::PermissionDenied)
}

/// What a broker closes a connection for: 403 for the login, 530 for the virtual host, by `RabbitMQ`'s words.
fn refusal(close: &Close, known: &Credentials, otherwise: FailureKind) -> Fault {
    let says = |words: &str| close.text.contains(words);
    let kind = match close.code {
        _ if says("limit") && says("is reached") => FailureKind::TooManyConnections,
        403 => FailureKind::AuthenticationFailed,
        402 => FailureKind::UnknownDatabase,
        530 if says("not found") => FailureKind::UnknownDatabase,
        530 if says("refused for user") => FailureKind::PermissionDenied,
        // The broker stops, or is out of something: the operator forced it, an internal error.
        320 | 506 | 541 => FailureKind::ServerRefuses,
        _ => otherwise,
    };
    let words = match close.text.trim() {
        "" => format!("the broker closed the connection with code {} without words", close.code),
        text => text.to_owned(),
    };
    Fault::new(kind, hide(&words, Some(known)).into_owned())
}

/// The last step came to its end without doing what it was for.
fn missed(attempt: &mut Attempt) {
    if let Some(phase) = attempt.observation.phases.last_mut() {
        phase.ok = false;
    }
}
