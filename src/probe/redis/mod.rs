//! Redis and its descendants.
//!
//! `PING` comes first, before any password is sent: whoever does not answer it as Redis does gets none. Then `AUTH` as
//! the client sends it, `SELECT` of its database, and `INFO`.

mod info;
mod talk;
#[cfg(test)]
mod tests;

use redis::{Cmd, cmd};
use secrecy::{ExposeSecret, SecretString};

use self::talk::{Reply, Talk, garbled};
use super::channel::Channel;
use super::{Attempt, Fault, Stop, Stream, ended, tls};
use crate::observation::{Depth, FailureKind, Peer, PhaseName, RedisPeer};
use crate::plan::{Credentials, Security, Tls};
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a Redis server";

/// Looks at the target, over TLS where the client speaks it. With a password it logs in; the database of the target is selected where it is a number.
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
    // TLS is a matter of the port here: nobody can ask for it on another one.
    let channel: Channel = match security.tls {
        Tls::Required => Box::new(tls::wrap(attempt, stream, &target.host, security).await?),
        Tls::Unsaid | Tls::Off | Tls::Preferred => Box::new(stream),
    };
    let end = converse(attempt, channel, target, credentials).await;
    if security.tls == Tls::Required {
        tls::excuse_missing_certificate(&mut attempt.observation);
    } else {
        ended::explain(attempt, target, security).await;
    }
    end
}

/// As [`look`], over a connection that stands.
pub(crate) async fn converse(
    attempt: &mut Attempt,
    stream: impl Stream + 'static,
    target: &Target,
    credentials: Option<&Credentials>,
) -> Result<(), Stop> {
    let mut talk = Talk::new(stream, credentials);
    // Without a user's name an empty password is none: clients do not send it.
    let account = credentials
        .and_then(|known| Some((known.user.as_str(), known.password.as_ref()?)))
        .filter(|(user, password)| !(user.is_empty() && password.expose_secret().is_empty()));
    let locked = greet(attempt, &mut talk).await?;
    let agreed = match account {
        Some((user, password)) if password.expose_secret().is_empty() => {
            log_in_without_password(attempt, &mut talk, user, password, locked.is_some()).await?
        }
        Some((user, password)) => {
            log_in(attempt, &mut talk, user, password, locked.is_some()).await?;
            true
        }
        None if locked.is_some() => {
            return Err(attempt
                .fail(PhaseName::Login, Fault::new(FailureKind::AuthenticationRequired, locked.unwrap_or_default())));
        }
        None => true,
    };
    if !agreed {
        return Ok(());
    }
    let database = database(attempt, target);
    let seen =
        attempt.step(PhaseName::Request, first_questions(&mut talk, locked.is_some(), database, credentials)).await?;
    attempt.observation.notes.extend(seen.notes);
    if let Some(peer) = seen.peer {
        attempt.observation.peer = Some(Peer::Redis(peer));
    }
    Ok(())
}

/// Sends `PING` and notes that Redis answered. Returns the server's words if it wants credentials first.
async fn greet(attempt: &mut Attempt, talk: &mut Talk<'_>) -> Result<Option<String>, Stop> {
    let mut recognised = false;
    let result = attempt
        .step(PhaseName::Handshake, async {
            match talk.ask(&cmd("PING")).await? {
                Reply::Said(word) if word == "PONG" => {
                    recognised = true;
                    Ok(None)
                }
                Reply::Refused(words) if is_redis_error(&words) => {
                    recognised = true;
                    match kind(&words) {
                        FailureKind::AuthenticationRequired => Ok(Some(words)),
                        // A server that was told not to answer this command answers nevertheless.
                        _ if is_about_the_command(&words) => Ok(None),
                        kind => Err(Fault::new(kind, words)),
                    }
                }
                Reply::Said(words) | Reply::Refused(words) | Reply::Body(words) => {
                    Err(garbled(&format!("it answered PING with {:?}", text::line(&words, 100))))
                }
            }
        })
        .await;
    if recognised {
        attempt.reached(Depth::Answered);
        attempt.observation.peer = Some(Peer::Redis(RedisPeer { product: "Redis".into(), ..RedisPeer::default() }));
    }
    result
}

/// Logs in as the client does: `AUTH password` for the default user, `AUTH user password` for a named one. `locked` says
/// that the server lets nobody in without.
async fn log_in(
    attempt: &mut Attempt,
    talk: &mut Talk<'_>,
    user: &str,
    password: &SecretString,
    locked: bool,
) -> Result<(), Stop> {
    let needless = attempt
        .step(PhaseName::Login, async {
            match talk.ask(&auth(user, password)).await? {
                Reply::Said(_) => Ok(None),
                // The default user has no password and is switched off: other users are in the server's ACL.
                Reply::Refused(words) if has_no_password(&words) && locked => Err(Fault::new(
                    FailureKind::AuthenticationFailed,
                    format!("the server wants a user's name with the password: {words}"),
                )),
                Reply::Refused(words) if has_no_password(&words) => Ok(Some(words)),
                Reply::Refused(words) => Err(match kind(&words) {
                    // Whatever the server objects to in this command, the client does not get in.
                    FailureKind::ServerRefuses if words.starts_with("ERR ") => {
                        Fault::new(FailureKind::AuthenticationFailed, words)
                    }
                    kind => Fault::new(kind, words),
                }),
                Reply::Body(_) => Err(garbled("it answered AUTH with data")),
            }
        })
        .await?;
    match needless {
        None => attempt.reached(Depth::LoggedIn),
        // Seen on Redis 7.0: `AUTH password` is refused so, `HELLO 3 AUTH default password` is welcome.
        Some(words) => {
            if let Some(phase) = attempt.observation.phases.last_mut() {
                phase.ok = false;
            }
            attempt.observation.unlooked = Some(text::line(
                &format!(
                    "the client has a password and the server has none: clients that send AUTH (Jedis, redis-py) are \
                     refused, those that send HELLO (Lettuce, go-redis) are let in; the server said {words:?}"
                ),
                400,
            ));
        }
    }
    Ok(())
}

/// Logs in as the clients do that send a named user with an empty password (redis-py); others (go-redis) send nothing
/// then. Whether both come to the same end: where they do not, nobody can say which this client is.
async fn log_in_without_password(
    attempt: &mut Attempt,
    talk: &mut Talk<'_>,
    user: &str,
    password: &SecretString,
    locked: bool,
) -> Result<bool, Stop> {
    let refused = attempt
        .step(PhaseName::Login, async {
            match talk.ask(&auth(user, password)).await? {
                Reply::Said(_) => Ok(None),
                Reply::Refused(words) if locked => Err(match kind(&words) {
                    FailureKind::ServerRefuses if words.starts_with("ERR ") => {
                        Fault::new(FailureKind::AuthenticationFailed, words)
                    }
                    kind => Fault::new(kind, words),
                }),
                Reply::Refused(words) => Ok(Some(words)),
                Reply::Body(_) => Err(garbled("it answered AUTH with data")),
            }
        })
        .await?;
    let ends = if let Some(words) = &refused {
        if let Some(phase) = attempt.observation.phases.last_mut() {
            phase.ok = false;
        }
        format!("those that send it are refused ({words}), the others are let in")
    } else {
        attempt.reached(Depth::LoggedIn);
        "those that send it are let in, the others are asked for a password".to_owned()
    };
    if refused.is_none() && !locked {
        return Ok(true);
    }
    let reason =
        format!("the client names a user and an empty password, which some clients send and others do not: {ends}");
    attempt.observation.unlooked = Some(text::line(&reason, 400));
    Ok(false)
}

fn auth(user: &str, password: &SecretString) -> Cmd {
    let mut command = cmd("AUTH");
    if !user.is_empty() {
        command.arg(user);
    }
    command.arg(password.expose_secret());
    command
}

/// The database to select. Clients do not select number 0, where every connection starts.
fn database(attempt: &mut Attempt, target: &Target) -> Option<u32> {
    let name = target.path.as_deref().filter(|name| !name.is_empty())?;
    let number = name.parse::<u32>().ok();
    if number.is_none() {
        attempt
            .observation
            .notes
            .push(format!("the database {:?} is no number and was not selected", text::line(name, 40)));
    }
    number.filter(|&number| number != 0)
}

/// What the first questions brought.
#[derive(Default)]
struct Seen {
    peer: Option<RedisPeer>,
    notes: Vec<String>,
}

/// `PING` if it was not answered before, `SELECT` if a database is named, `INFO`. What an account may not ask is noted
/// and is no failure: its client may never ask it.
async fn first_questions(
    talk: &mut Talk<'_>,
    ping: bool,
    database: Option<u32>,
    credentials: Option<&Credentials>,
) -> Result<Seen, Fault> {
    let mut seen = Seen::default();
    if ping {
        match talk.ask(&cmd("PING")).await? {
            Reply::Refused(words) if !is_about_the_command(&words) => return Err(Fault::new(kind(&words), words)),
            _ => {}
        }
    }
    if let Some(number) = database
        && let Reply::Refused(words) = talk.ask(cmd("SELECT").arg(number)).await?
    {
        let kind = match kind(&words) {
            // The account is in, and may not do this.
            FailureKind::ServerRefuses if words.starts_with("NOPERM") => FailureKind::PermissionDenied,
            // Out of range, no such number, not in a cluster.
            FailureKind::ServerRefuses if words.starts_with("ERR ") => FailureKind::UnknownDatabase,
            kind => kind,
        };
        return Err(Fault::new(kind, words));
    }
    // Sections by name, several at once, are understood since Redis 7 only; the default has all that is wanted.
    match talk.ask(&cmd("INFO")).await? {
        Reply::Body(body) => seen.peer = Some(info::read(&body, credentials)),
        Reply::Refused(words) if is_about_the_command(&words) => {
            seen.notes.push("no permission to ask for version, clients and memory (INFO)".into());
        }
        Reply::Refused(words) => return Err(Fault::new(kind(&words), words)),
        Reply::Said(_) => return Err(garbled("it answered INFO with a status")),
    }
    Ok(seen)
}

/// Whether this reads like an error of Redis: a code in capitals, then words.
fn is_redis_error(words: &str) -> bool {
    let code = words.split(' ').next().unwrap_or_default();
    code.len() > 1 && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Whether a refusal concerns this one command: not permitted, renamed away, or unknown to a descendant.
fn is_about_the_command(words: &str) -> bool {
    words.starts_with("NOPERM") || words.starts_with("ERR unknown command")
}

/// Whether the server objects to being given a password: since Redis 6, and before.
fn has_no_password(words: &str) -> bool {
    words.contains("without any password configured") || words.contains("no password is set")
}

/// What a refusal means to a client.
fn kind(words: &str) -> FailureKind {
    let (code, rest) = words.split_once(' ').unwrap_or((words, ""));
    match code {
        "NOAUTH" => FailureKind::AuthenticationRequired,
        "WRONGPASS" => FailureKind::AuthenticationFailed,
        "DENIED" => FailureKind::ProtectedMode,
        "ERR" if rest.starts_with("operation not permitted") => FailureKind::AuthenticationRequired,
        "ERR" if rest.starts_with("invalid password") => FailureKind::AuthenticationFailed,
        "ERR" if rest.starts_with("max number of clients") => FailureKind::TooManyConnections,
        // LOADING, MASTERDOWN, MISCONF, READONLY, OOM, BUSY, CLUSTERDOWN, …: it is there and cannot serve.
        _ => FailureKind::ServerRefuses,
    }
}
