//! MySQL and MariaDB.
//!
//! One connection, read by ourselves: `mysql_async` opens its own, does not tell its greeting, and panics on what a
//! hostile peer may send. Its library `mysql_common` still does everything that concerns passwords.
//!
//! A handshake is always finished. One that is left open counts as a connection error, and after `max_connect_errors`
//! of them (100) the server refuses the address that the checks, and perhaps the application, come from. Without
//! credentials it is finished by a login that must fail, of the account `NOBODY` without a password. That was
//! measured on MySQL 9.7 and MariaDB 10.11: 130 such logins with a limit of 5 did not block, 5 connections that were
//! closed after the greeting did, and so did 5 that were closed in the middle of a login. MySQL logs such a login from
//! `log_error_verbosity=3` on (2 is the default); MariaDB writes one warning, as it does for a connection that is just
//! closed, so the account's name says whose it is. For an account that it does not have MySQL plays one, with a plugin
//! that it draws once for each name; where that is `sha256_password`, MySQL 9 warns at each look that this is deprecated.
//! No other end is quieter: the plugin begins before the client's first answer to it, every unknown name may draw it, and
//! to leave before counts against the address.
//!
//! A server holds passwords of `caching_sha2_password` once somebody logged in with them over TLS or under its key; from
//! then on their hash is enough. A client that may do neither gets in only while the server holds its password, so it is
//! looked at with the hash alone: where the server then wants more, that client fails. A login that would make the server
//! hold the password, and so mend such a client until the server restarts, is not made for anybody else either.
//!
//! What a greeting cannot show: both servers keep a connection for administrators and refuse the others only after
//! their login, so a server whose connections are just used up still greets.

mod certificate;
mod greeting;
mod key;
mod login;
mod over_tls;
mod packet;
mod query;
#[cfg(test)]
mod tests;

use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::time::timeout_at;

use self::greeting::Greeting;
use self::login::{Account, Caution, Login, Password, log_in};
use self::packet::{ServerError, Wire};
use super::channel::Channel;
use super::hide::hide;
use super::{Attempt, Fault, Stop, Stream, tls};
use crate::observation::{Depth, FailureKind, Peer, PhaseName};
use crate::plan::{Credentials, Security, Tls};
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a MySQL server";

/// The account that ends a handshake without credentials.
const NOBODY: &str = "crosscheck-without-credentials";

/// What is noted where such a client gets in.
const REMEMBERED: &str = "it gets in because the server holds its password from an earlier login: once the server is \
                          restarted, Public Key Retrieval is not allowed";

/// Why it does not get in otherwise, in the words of its driver.
const KEY_WANTED: &str = "Public Key Retrieval is not allowed: without TLS the server takes the password under its key \
                          alone, and the client may not ask for that";

/// Why nobody else is logged in then.
const SPARED: &str = "a login would make the server hold the password, and so hide that another client of this account \
                      may not ask for the server's key";

/// Looks at the target. With credentials of a named user it logs in, to the database of the target if there is one,
/// and asks the first question; without, it reads the greeting.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(
    attempt: &mut Attempt,
    target: &Target,
    credentials: Option<&Credentials>,
    security: &Security,
) -> Result<(), Stop> {
    let mut wire = Wire::new(attempt.connect(target).await?);
    let greeting = greet(attempt, &mut wire).await?;
    let known = credentials.filter(|known| !known.user.is_empty());
    let offered = greeting.offers(greeting::capability::SSL);
    let (mut wire, secure) = match security.tls {
        Tls::Required if !offered => {
            leave(attempt, &mut wire.plain(), greeting, false).await?;
            missed(attempt);
            let words = "the client wants TLS, and the server offers none";
            return Err(attempt.fail(PhaseName::Tls, Fault::new(FailureKind::TlsFailed, words)));
        }
        Tls::Required | Tls::Preferred if offered => {
            let with_database = known.is_some() && database(target).is_some();
            (encrypt(attempt, wire, &greeting, target, (security, with_database)).await?, true)
        }
        _ => (wire.plain(), false),
    };
    match known {
        Some(credentials) => client(attempt, wire, greeting, target, (credentials, security, secure)).await,
        None => leave(attempt, &mut wire, greeting, secure).await,
    }
}

/// As [`look`] without TLS, over a connection that stands.
pub(crate) async fn converse(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), Stop> {
    let mut wire = Wire::new(stream);
    let greeting = greet(attempt, &mut wire).await?;
    match credentials.filter(|known| !known.user.is_empty()) {
        Some(credentials) => {
            client(attempt, wire.plain(), greeting, target, (credentials, &Security::default(), false)).await
        }
        None => leave(attempt, &mut wire.plain(), greeting, false).await,
    }
}

fn database(target: &Target) -> Option<&str> {
    target.path.as_deref().filter(|name| !name.is_empty())
}

/// Begins TLS. Nothing is verified unless the client's settings ask for it (`VERIFY_CA`, `VERIFY_IDENTITY`).
async fn encrypt(
    attempt: &mut Attempt,
    mut wire: Wire<TcpStream>,
    greeting: &Greeting,
    target: &Target,
    (security, with_database): (&Security, bool),
) -> Result<Wire, Stop> {
    let asked = wire.write(&login::tls_request(greeting, with_database)).await;
    asked.map_err(|fault| attempt.fail(PhaseName::Tls, fault))?;
    let security = Security {
        verifies_chain: Some(security.verifies_chain.unwrap_or(false)),
        verifies_name: Some(security.verifies_name.unwrap_or(false)),
        ..security.clone()
    };
    let wrap = async |stream| Ok(Box::new(tls::wrap(attempt, stream, &target.host, &security).await?) as Channel);
    wire.over(wrap).await
}

/// Reads the greeting and notes what it tells.
async fn greet(attempt: &mut Attempt, wire: &mut Wire<impl Stream>) -> Result<Greeting, Stop> {
    match attempt.step(PhaseName::Handshake, hear(wire)).await {
        Ok(Ok(greeting)) => {
            attempt.reached(Depth::Answered);
            attempt.observation.peer = Some(Peer::Mysql(greeting.peer()));
            Ok(greeting)
        }
        // The server speaks the protocol, and speaks to others.
        Ok(Err(refusal)) => {
            attempt.reached(Depth::Answered);
            Err(refused(attempt, PhaseName::Handshake, &refusal, None))
        }
        Err(stop) => {
            explain_silence(attempt, &wire.head);
            Err(stop)
        }
    }
}

/// The server's greeting, or the refusal in its place.
async fn hear(wire: &mut Wire<impl Stream>) -> Result<Result<Greeting, ServerError>, Fault> {
    let packet = wire.first().await?;
    if let Some(error) = ServerError::parse(&packet) {
        return Ok(Err(error));
    }
    Greeting::parse(&packet).map(Ok).ok_or_else(|| packet::garbled("its greeting cannot be read"))
}

/// A step was answered, with a refusal.
fn refused(attempt: &mut Attempt, step: PhaseName, error: &ServerError, credentials: Option<&Credentials>) -> Stop {
    let fault = error.fault();
    let detail = hide(&fault.detail, credentials).into_owned();
    missed(attempt);
    attempt.fail(step, Fault { detail, ..fault })
}

/// The login could not be tried as the client might do it.
fn unlooked(attempt: &mut Attempt, reason: &str, credentials: &Credentials) {
    missed(attempt);
    attempt.observation.unlooked = Some(text::line(&hide(reason, Some(credentials)), 300));
}

/// The last step came to its end without doing what it was for.
fn missed(attempt: &mut Attempt) {
    if let Some(phase) = attempt.observation.phases.last_mut() {
        phase.ok = false;
    }
}

/// Says what silence means in a protocol where the server speaks first.
fn explain_silence(attempt: &mut Attempt, head: &[u8]) {
    let Some(failure) = attempt.observation.failure.as_mut().filter(|failure| failure.kind == FailureKind::Silent)
    else {
        return;
    };
    if head.is_empty() {
        failure
            .detail
            .push_str("; a MySQL server speaks first, so this one hangs, or it is a server that waits for its client");
    } else if head.len() < 4 {
        let stranger = super::stranger::fault(head, EXPECTED);
        (failure.kind, failure.detail) = (stranger.kind, text::line(&stranger.detail, 300));
    } else {
        failure.detail.push_str("; the greeting was begun and not finished");
    }
}

/// Ends the handshake as `NOBODY`. Its outcome says nothing of the accounts that matter: only what is true of every
/// client counts.
async fn leave(attempt: &mut Attempt, wire: &mut Wire, greeting: Greeting, secure: bool) -> Result<(), Stop> {
    let account = Account { user: NOBODY, password: "", database: None, caution: Caution::default(), secure };
    match timeout_at(attempt.deadline, log_in(wire, greeting, account)).await {
        // A server that lets everybody in.
        Ok(Ok(Login::Accepted(_))) => query::quit(wire).await,
        Ok(Ok(Login::Refused { error, .. })) if error.kind() == FailureKind::TooManyConnections => {
            return Err(refused(attempt, PhaseName::Handshake, &error, None));
        }
        Ok(Ok(_)) => {}
        Ok(Err(fault)) => attempt
            .observation
            .notes
            .push(format!("the end of the handshake was not answered: {}", text::line(&fault.detail, 200))),
        Err(_) => attempt.observation.notes.push(
            "the server did not answer the end of the handshake in time, and may count it as a connection error".into(),
        ),
    }
    Ok(())
}

/// Logs in as the client does, and asks what a client asks first.
async fn client(
    attempt: &mut Attempt,
    mut wire: Wire,
    greeting: Greeting,
    target: &Target,
    (credentials, security, secure): (&Credentials, &Security, bool),
) -> Result<(), Stop> {
    let account = Account {
        user: &credentials.user,
        password: credentials.password.as_ref().map_or("", |password| password.expose_secret()),
        database: database(target),
        secure,
        caution: Caution { spare_cache: attempt.options.spare_cache, keyless: attempt.options.keyless },
    };
    let offered = greeting.offers(greeting::capability::SSL);
    match attempt.step(PhaseName::Login, log_in(&mut wire, greeting, account)).await? {
        Login::Accepted(password) => {
            attempt.reached(Depth::LoggedIn);
            if password == Password::Right && account.caution.keyless {
                attempt.observation.notes.push(REMEMBERED.into());
            }
        }
        Login::Withheld if account.caution.keyless => {
            missed(attempt);
            return Err(attempt.fail(PhaseName::Login, Fault::new(FailureKind::KeyRetrieval, KEY_WANTED)));
        }
        Login::Withheld => {
            unlooked(attempt, SPARED, credentials);
            return Ok(());
        }
        Login::Unspoken(reason) => {
            unlooked(attempt, &reason, credentials);
            return Ok(());
        }
        Login::Refused { error, password } if !secure && over_tls::may_help(&error, offered) => {
            drop(wire);
            match over_tls::instead(attempt, target, (account, security), (&error, password), credentials).await? {
                Some(encrypted) => wire = encrypted,
                None => return Ok(()),
            }
        }
        Login::Refused { error, password } => {
            drop(wire);
            if secure
                && let Some(why) = certificate::missed(attempt, target, (account, security), (&error, password)).await
            {
                unlooked(attempt, why, credentials);
                return Ok(());
            }
            return Err(refused(attempt, PhaseName::Login, &error, Some(credentials)));
        }
    }
    if let Err(error) = attempt.step(PhaseName::Request, query::select_one(&mut wire)).await? {
        query::quit(&mut wire).await;
        return Err(refused(attempt, PhaseName::Request, &error, Some(credentials)));
    }
    let found = timeout_at(attempt.deadline, headroom(&mut wire)).await.ok().flatten();
    match (&mut attempt.observation.peer, found) {
        (Some(Peer::Mysql(peer)), Some(found)) => peer.connections = Some(found),
        _ => attempt.observation.notes.push("the server did not say how many of its connections are in use".into()),
    }
    query::quit(&mut wire).await;
    Ok(())
}

/// The limit of connections and how many are in use, our own among them.
async fn headroom(wire: &mut Wire) -> Option<(u32, u32)> {
    let limit = query::ask(wire, "SELECT @@GLOBAL.max_connections").await.ok()?.ok()?;
    let used = query::ask(wire, "SHOW GLOBAL STATUS LIKE 'Threads_connected'").await.ok()?.ok()?;
    Some((limit.first()?.parse().ok()?, used.get(1)?.parse().ok()?))
}
