//! A client's login: `SaslHandshake`, then `SaslAuthenticate` with PLAIN (RFC 4616) or SCRAM (KIP-152, KIP-84).

use kafka_protocol::messages::ApiKey;
use secrecy::ExposeSecret;

use super::codec::error_name;
use super::peer;
use super::scram::{Hash, Scram};
use super::secure::{Client, NO_MECHANISM};
use super::session::Session;
use crate::observation::{Depth, FailureKind, PhaseName};
use crate::plan::Credentials;
use crate::probe::{Attempt, Fault, Stop};
use crate::target::Target;
use crate::text;

/// The broker does not have the mechanism: it does SASL.
pub const UNSUPPORTED_MECHANISM: i16 = 33;
/// The listener does no SASL.
const ILLEGAL_STATE: i16 = 34;
/// The credentials are refused.
const AUTHENTICATION_FAILED: i16 = 58;

/// The mechanisms that are spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mechanism {
    Plain,
    Scram(Hash),
}

impl Mechanism {
    fn of(name: &str) -> Option<Self> {
        match name {
            "PLAIN" => Some(Self::Plain),
            "SCRAM-SHA-256" => Some(Self::Scram(Hash::Sha256)),
            "SCRAM-SHA-512" => Some(Self::Scram(Hash::Sha512)),
            _ => None,
        }
    }
}

/// Mechanisms, in a sentence.
pub fn listed(mechanisms: &[String]) -> String {
    if mechanisms.is_empty() { "none offered".into() } else { text::list(mechanisms) }
}

/// Logs in as the client does, where it does; a refused login is not tried again.
///
/// # Errors
/// [`Stop`] with `AuthenticationUnsupported` where the listener does no SASL or has not the client's mechanism,
/// `AuthenticationFailed` where it refuses the login; without a failure where the login could not be tried.
pub async fn login(
    attempt: &mut Attempt,
    session: &mut Session,
    target: &Target,
    client: Client<'_>,
) -> Result<(), Stop> {
    let Some(name) = client.mechanism() else { return Ok(()) };
    let Some(version) = session.apis.version(ApiKey::SaslHandshake, 0..=1) else {
        return Err(unlooked(attempt, "the broker offers no SaslHandshake that crosscheck speaks"));
    };
    let asked = if name.is_empty() { NO_MECHANISM } else { name };
    let (error, mechanisms) = attempt.step(PhaseName::Handshake, session.sasl_handshake(version, asked)).await?;
    if let Some(peer) = peer(attempt) {
        peer.mechanisms = Some(if error == ILLEGAL_STATE { Vec::new() } else { mechanisms.clone() });
    }
    let offered = listed(&mechanisms);
    match error {
        0 => {}
        ILLEGAL_STATE => {
            return Err(refused(attempt, FailureKind::AuthenticationUnsupported, "the listener does no SASL"));
        }
        UNSUPPORTED_MECHANISM if name.is_empty() => {
            let words =
                format!("the client uses SASL, and nothing that can be read says how; the listener has {offered}");
            return Err(unlooked(attempt, &words));
        }
        UNSUPPORTED_MECHANISM => {
            let words = format!("the listener has no {}, but {offered}", text::line(name, 40));
            return Err(refused(attempt, FailureKind::AuthenticationUnsupported, &words));
        }
        other => {
            let words = format!("refused SaslHandshake: {}", error_name(other));
            return Err(refused(attempt, FailureKind::ServerRefuses, &words));
        }
    }
    let name = text::line(name, 40);
    let Some(mechanism) = Mechanism::of(&name) else {
        return Err(unlooked(attempt, &format!("the listener has {name}, which crosscheck does not speak")));
    };
    let Some(credentials) = client.credentials.filter(|credentials| credentials.password.is_some()) else {
        let words = format!("the listener has {name}, and no password of the client's is known that may be said there");
        return Err(unlooked(attempt, &words));
    };
    if !is_confidant(attempt, target, client) {
        let words = "the client's password is used only towards containers of this project";
        return Err(unlooked(attempt, words));
    }
    let Some(version) = session.apis.version(ApiKey::SaslAuthenticate, 0..=1).filter(|_| version == 1) else {
        return Err(unlooked(attempt, "the broker is too old for the logins that crosscheck speaks"));
    };
    attempt.step(PhaseName::Login, authenticate(session, version, mechanism, credentials)).await?;
    attempt.reached(Depth::LoggedIn);
    Ok(())
}

/// Whether whoever is at the other end may be told the client's password.
fn is_confidant(attempt: &Attempt, target: &Target, client: Client<'_>) -> bool {
    let all = &client.security.confidants;
    let at = attempt.observation.connected;
    all.iter().any(|(address, port)| at == Some(*address) && port.is_none_or(|it| it == target.port))
}

async fn authenticate(
    session: &mut Session,
    version: i16,
    mechanism: Mechanism,
    credentials: &Credentials,
) -> Result<(), Fault> {
    let Some(password) = &credentials.password else { return Ok(()) };
    match mechanism {
        Mechanism::Plain => {
            let message = format!("\0{}\0{}", credentials.user, password.expose_secret());
            say(session, version, message.as_bytes()).await.map(|_| ())
        }
        Mechanism::Scram(hash) => {
            let wrong = |words: &str| Fault::new(FailureKind::WrongProtocol, format!("its SCRAM is none: {words}"));
            let scram = Scram::new(hash, &credentials.user).ok_or_else(|| wrong("no random numbers can be had"))?;
            let first = say(session, version, scram.first().as_bytes()).await?;
            let (last, signature) = scram.last(&first, password).map_err(wrong)?;
            let end = say(session, version, last.as_bytes()).await?;
            let words = "the broker let us in without proof that it knows the password";
            if signature.is_in(&end) { Ok(()) } else { Err(Fault::new(FailureKind::WrongIdentity, words)) }
        }
    }
}

/// One message of a login, and the broker's answer.
async fn say(session: &mut Session, version: i16, message: &[u8]) -> Result<String, Fault> {
    let (error, words, answer) = session.sasl_authenticate(version, message).await?;
    let kind = match error {
        0 => return Ok(answer),
        AUTHENTICATION_FAILED => FailureKind::AuthenticationFailed,
        _ => FailureKind::ServerRefuses,
    };
    let words = if words.is_empty() { error_name(error) } else { words };
    Err(Fault::new(kind, words))
}

fn refused(attempt: &mut Attempt, kind: FailureKind, words: &str) -> Stop {
    attempt.fail(PhaseName::Login, Fault::new(kind, words))
}

fn unlooked(attempt: &mut Attempt, words: &str) -> Stop {
    attempt.observation.unlooked = Some(words.to_owned());
    Stop
}
