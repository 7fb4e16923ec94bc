//! PostgreSQL, and what speaks its protocol.
//!
//! One connection, read by ourselves: real clients open several, and do not tell what was said before they gave up. Every
//! length is bounded before anything is read. `postgres-protocol` writes the client's messages and does what concerns
//! passwords.
//!
//! Without credentials the account `NOBODY` is introduced, and the connection closed when the server asks for its
//! password. That was measured on PostgreSQL 15: the server's process ends at once, nothing is counted, and nothing is
//! logged unless `log_connections` is on. Where everybody is trusted or nobody let in, it logs one line, in which the
//! account's name says whose it is.

mod login;
mod query;
#[cfg(test)]
mod tests;
mod wire;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use self::login::{Login, Wanted};
use self::wire::{ServerError, Wire};
use super::channel::Channel;
use super::hide::hide;
use super::{Attempt, Fault, Stop, ended, tls};
use crate::observation::{Depth, FailureKind, Peer, PhaseName, PostgresPeer};
use crate::plan::{Credentials, Security, Tls};
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a PostgreSQL server";

/// The account that is introduced without credentials.
const NOBODY: &str = "crosscheck-without-credentials";

/// A database that nearly every server has.
const USUAL: &str = "postgres";

/// What is noted then.
const GUESSED: &str = "no setting names a database, and the one that is called like the user cannot be used: it was not \
                       looked further";

/// Looks at the target. With credentials of a named user it logs in, to the database of the target if there is one,
/// and asks the first question; without, it looks how the server receives a client. TLS is asked for where the client's
/// settings say so.
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
    let (channel, head) = match security.tls {
        Tls::Unsaid | Tls::Off => (Box::new(stream) as Channel, Vec::new()),
        Tls::Preferred | Tls::Required => encrypted(attempt, stream, target, security).await?,
    };
    let end = converse(attempt, (channel, head), target, credentials, security).await;
    if attempt.observation.certificate.is_some() {
        tls::excuse_missing_certificate(&mut attempt.observation);
    }
    let refused =
        attempt.observation.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::HostNotAllowed);
    // A client that prefers TLS tries without where its account is refused with it (`hostnossl`).
    if refused
        && security.tls == Tls::Preferred
        && attempt.observation.certificate.is_some()
        && let Some(stream) = ended::again(attempt, target).await
    {
        attempt.observation.failure = None;
        attempt.observation.phases.pop();
        attempt
            .observation
            .notes
            .push("the account is refused over TLS: it was tried without, as its client does".into());
        let plain = Security { tls: Tls::Off, ..security.clone() };
        return converse(attempt, (Box::new(stream), Vec::new()), target, credentials, &plain).await;
    }
    end
}

/// Whether an account whose address is refused without TLS is received with it.
async fn received_over_tls(
    attempt: &Attempt,
    target: &Target,
    known: Option<&Credentials>,
    security: &Security,
) -> Option<bool> {
    let mut second = Attempt::new(attempt.deadline, attempt.options);
    let (stream, security) =
        (ended::again(attempt, target).await?, Security { tls: Tls::Required, ..security.clone() });
    let (channel, head) = encrypted(&mut second, stream, target, &security).await.ok()?;
    let mut wire = Wire::new(channel, head);
    let user = known.map_or(NOBODY, |known| known.user.as_str());
    let database = target.path.as_deref().filter(|name| !name.is_empty());
    let received = timeout_at(attempt.deadline, login::start(&mut wire, user, database)).await.ok()?.ok()?;
    Some(received.map_or_else(|error| error.kind() != FailureKind::HostNotAllowed, |_| true))
}

/// As [`look`], over a connection that stands and of which this was read already.
pub(crate) async fn converse(
    attempt: &mut Attempt,
    (channel, head): (Channel, Vec<u8>),
    target: &Target,
    credentials: Option<&Credentials>,
    security: &Security,
) -> Result<(), Stop> {
    let mut wire = Wire::new(channel, head);
    let known = credentials.filter(|known| !known.user.is_empty());
    let user = known.map_or(NOBODY, |known| known.user.as_str());
    let named = target.path.as_deref().filter(|name| !name.is_empty());
    // A client that names none gets the one that is called like its user.
    let database = if known.is_some() { named } else { named.or(Some(USUAL)) };
    let received = attempt.step(PhaseName::Handshake, login::start(&mut wire, user, database)).await?;
    attempt.reached(Depth::Answered);
    let authentication = received.as_ref().ok().map(Wanted::name);
    attempt.observation.peer = Some(Peer::Postgres(PostgresPeer { authentication, ..PostgresPeer::default() }));
    match (received, known) {
        (Ok(wanted), Some(known)) => client(attempt, wire, &wanted, known, (target, security)).await,
        (Ok(Wanted::Nothing), None) => leave(attempt, wire).await,
        (Ok(_), None) => Ok(()),
        // Of an account that nobody has, only what is true of everybody counts.
        (Err(error), None) if !error.concerns_everybody() => Ok(()),
        (Err(error), Some(_)) if is_about_a_guess(&error, target) => {
            attempt.observation.notes.push(GUESSED.into());
            Ok(())
        }
        (Err(error), _) => refused(attempt, PhaseName::Handshake, &error, known, (target, security)).await,
    }
}

/// Whether a refusal is about the database that was taken because none is named: the client may name another one where
/// nobody can read it.
fn is_about_a_guess(error: &ServerError, target: &Target) -> bool {
    target.path.as_deref().is_none_or(str::is_empty)
        && matches!(error.kind(), FailureKind::UnknownDatabase | FailureKind::PermissionDenied)
}

/// Asks for TLS, and agrees on it where the server has it.
///
/// <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>
async fn encrypted(
    attempt: &mut Attempt,
    mut stream: TcpStream,
    target: &Target,
    security: &Security,
) -> Result<(Channel, Vec<u8>), Stop> {
    match attempt.step(PhaseName::Handshake, ask_for_tls(&mut stream)).await? {
        b'S' => {
            // Nothing is verified unless it is asked for (`verify-ca`, `verify-full`).
            let security = Security {
                verifies_chain: Some(security.verifies_chain.unwrap_or(false)),
                verifies_name: Some(security.verifies_name.unwrap_or(false)),
                ..security.clone()
            };
            Ok((Box::new(tls::wrap(attempt, stream, &target.host, &security).await?), Vec::new()))
        }
        b'N' if security.tls == Tls::Required => {
            missed(attempt);
            attempt.reached(Depth::Answered);
            let words = "the client wants TLS, and the server has none";
            Err(attempt.fail(PhaseName::Tls, Fault::new(FailureKind::TlsFailed, words)))
        }
        b'N' => Ok((Box::new(stream), Vec::new())),
        // An error that came before the request was read, or a stranger's first byte.
        other => Ok((Box::new(stream), vec![other])),
    }
}

/// The server's answer of one byte: `S` for yes, `N` for no.
async fn ask_for_tls(stream: &mut TcpStream) -> Result<u8, Fault> {
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(|error| Fault::from_io(&error))?;
    let mut answer = [0];
    match stream.read(&mut answer).await {
        Ok(0) => Err(Fault::new(FailureKind::Closed, "the server closed the connection without an answer")),
        Ok(_) => Ok(answer[0]),
        Err(error) => Err(Fault::from_io(&error)),
    }
}

/// Whether the server has TLS, asked on a connection of its own.
async fn offers_tls(attempt: &Attempt, target: &Target) -> Option<bool> {
    let address = attempt.observation.connected?;
    let ask = async {
        let mut stream = TcpStream::connect((address, target.port)).await.ok()?;
        ask_for_tls(&mut stream).await.ok()
    };
    timeout_at(attempt.deadline, ask).await.ok()?.map(|answer| answer == b'S')
}

/// A step was answered, with a refusal.
async fn refused(
    attempt: &mut Attempt,
    step: PhaseName,
    error: &ServerError,
    credentials: Option<&Credentials>,
    (target, security): (&Target, &Security),
) -> Result<(), Stop> {
    missed(attempt);
    let fault = error.fault();
    let detail = hide(&fault.detail, credentials).into_owned();
    if let Some(why) = for_want_of_certificate(attempt, error, security) {
        attempt.observation.unlooked = Some(text::line(&format!("{why}: {detail}"), 300));
        return Ok(());
    }
    // Lines of pg_hba.conf may hold for TLS alone, and most clients would have tried that.
    if fault.kind == FailureKind::HostNotAllowed
        && security.tls == Tls::Unsaid
        && offers_tls(attempt, target).await != Some(false)
    {
        let reason = format!("without TLS the server refuses the account, and its client may use TLS: {detail}");
        attempt.observation.unlooked = Some(text::line(&reason, 300));
        return Ok(());
    }
    if fault.kind == FailureKind::HostNotAllowed
        && security.tls == Tls::Off
        && received_over_tls(attempt, target, credentials, security).await == Some(true)
    {
        return Err(attempt.fail(step, Fault::new(FailureKind::TlsExpected, detail)));
    }
    Err(attempt.fail(step, Fault { detail, ..fault }))
}

/// What a refusal over TLS has to do with a certificate of the client's own, where it may have to: there is none here.
/// PostgreSQL itself says so; a pooler says everything under one code.
fn for_want_of_certificate(attempt: &Attempt, error: &ServerError, security: &Security) -> Option<&'static str> {
    if error.wants_certificate() {
        return Some("the server wants a client certificate, and there is none here");
    }
    (error.code == "08P01" && security.presents_certificate && attempt.observation.certificate.is_some())
        .then_some("the client has a certificate of its own, which cannot be presented here, and is refused without")
}

/// The last step came to its end without doing what it was for.
fn missed(attempt: &mut Attempt) {
    if let Some(phase) = attempt.observation.phases.last_mut() {
        phase.ok = false;
    }
}

/// Waits for the end of a start that needs no password.
async fn leave(attempt: &mut Attempt, mut wire: Wire) -> Result<(), Stop> {
    match timeout_at(attempt.deadline, login::ready(&mut wire)).await {
        Ok(Ok(Login::Refused(error))) if error.concerns_everybody() => {
            missed(attempt);
            return Err(attempt.fail(PhaseName::Handshake, error.fault()));
        }
        Ok(Ok(Login::Accepted(settings))) => {
            note(attempt, &settings, None);
            query::quit(&mut wire).await;
        }
        _ => {}
    }
    Ok(())
}

/// Logs in as the client does, and asks what a client asks first.
async fn client(
    attempt: &mut Attempt,
    mut wire: Wire,
    wanted: &Wanted,
    credentials: &Credentials,
    place: (&Target, &Security),
) -> Result<(), Stop> {
    let password = credentials.password.as_ref().map_or("", |password| password.expose_secret());
    if password.is_empty() && matches!(wanted, Wanted::Cleartext | Wanted::Md5(_) | Wanted::Sasl(_)) {
        let words = format!("the server wants a password ({})", wanted.name());
        return Err(attempt.fail(PhaseName::Login, Fault::new(FailureKind::AuthenticationRequired, words)));
    }
    let proof = login::prove(&mut wire, wanted, &credentials.user, password.as_bytes());
    let settings = match attempt.step(PhaseName::Login, proof).await? {
        Login::Accepted(settings) => settings,
        // The password is asked for first, so it was right.
        Login::Refused(error) if is_about_a_guess(&error, place.0) => {
            attempt.reached(Depth::LoggedIn);
            attempt.observation.notes.push(GUESSED.into());
            return Ok(());
        }
        Login::Refused(error) => return refused(attempt, PhaseName::Login, &error, Some(credentials), place).await,
        Login::Unspoken(reason) => {
            missed(attempt);
            attempt.observation.unlooked = Some(text::line(&hide(&reason, Some(credentials)), 300));
            return Ok(());
        }
    };
    attempt.reached(Depth::LoggedIn);
    note(attempt, &settings, Some(credentials));
    let asked = attempt.step(PhaseName::Request, query::first(&mut wire)).await?;
    query::quit(&mut wire).await;
    match asked {
        Ok(found) => {
            if let (Some(Peer::Postgres(peer)), Some(found)) = (&mut attempt.observation.peer, found) {
                peer.connections = Some(found);
            } else {
                let words = "the server did not say how many of its connections are in use";
                attempt.observation.notes.push(words.into());
            }
            Ok(())
        }
        Err(error) => refused(attempt, PhaseName::Request, &error, Some(credentials), place).await,
    }
}

/// Notes what the server says of itself once a client is in.
fn note(attempt: &mut Attempt, settings: &[(String, String)], credentials: Option<&Credentials>) {
    let Some(Peer::Postgres(peer)) = &mut attempt.observation.peer else { return };
    let said = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let switch = |name: &str| match said(name) {
        Some("on") => Some(true),
        Some("off") => Some(false),
        _ => None,
    };
    // Packagers add their own name and number after the version.
    let version = said("server_version").and_then(|version| version.split_ascii_whitespace().next());
    peer.version = version.map(|version| text::line(&hide(version, credentials), 40));
    peer.in_recovery = switch("in_hot_standby");
    peer.read_only = switch("default_transaction_read_only");
}
