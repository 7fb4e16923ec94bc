//! An account that was refused without TLS, which it may come with only: what the client itself would have met.

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::greeting::capability;
use super::login::{Account, Login, Password, log_in};
use super::packet::{ServerError, Wire};
use super::{SPARED, certificate, encrypt, hear, missed, refused, unlooked};
use crate::observation::{Depth, FailureKind, PhaseName};
use crate::plan::{Credentials, Security, Tls};
use crate::probe::hide::hide;
use crate::probe::{Attempt, Fault, Stop};
use crate::target::Target;

/// The code of a server that accepts nobody without TLS (`require_secure_transport`).
const TLS_DEMANDED: u16 = 3159;

/// The code of a refused login.
pub(super) const ACCESS_DENIED: u16 = 1045;

/// What is noted where a refusal may have been for want of TLS.
const IN_THE_SAME_WORDS: &str = "the login was tried without TLS, which the server offers; an account that requires it \
                                 is refused in the same words";

/// What is noted of a client whose driver does the same.
const AGAIN: &str = "the server lets the account in over TLS alone, which the client's driver speaks by itself";

/// Whether a refusal without TLS may have been for want of it. An account that requires TLS is refused in the words of a
/// wrong password.
pub(super) fn may_help(error: &ServerError, offered: bool) -> bool {
    error.code == TLS_DEMANDED || (offered && error.code == ACCESS_DENIED)
}

/// What such a refusal means to the client. Where nothing says whether that speaks TLS, and only there, the login is
/// tried once more with it; the connection is handed back where the client gets in so.
///
/// # Errors
/// [`Stop`] when the client surely does not get in.
pub(super) async fn instead(
    attempt: &mut Attempt,
    target: &Target,
    (account, security): (Account<'_>, &Security),
    (error, password): (&ServerError, Password),
    credentials: &Credentials,
) -> Result<Option<Wire>, Stop> {
    let demanded = error.code == TLS_DEMANDED;
    let words = hide(&error.text, Some(credentials)).into_owned();
    if security.tls != Tls::Unsaid {
        if security.tls == Tls::Off && (demanded || password == Password::Right) {
            let right = if demanded { "" } else { "the password is right, and the account may not come without TLS: " };
            missed(attempt);
            let fault = Fault::new(FailureKind::TlsExpected, format!("{right}{words}"));
            return Err(attempt.fail(PhaseName::Login, fault));
        }
        if !demanded {
            attempt.observation.notes.push(IN_THE_SAME_WORDS.into());
        }
        return Err(refused(attempt, PhaseName::Login, error, Some(credentials)));
    }
    let second = timeout_at(attempt.deadline, again(attempt, target, account, security)).await.ok().flatten();
    match second {
        Some((wire, Login::Accepted(_))) if security.tls_where_offered => {
            attempt.reached(Depth::LoggedIn);
            attempt.observation.notes.push(AGAIN.into());
            return Ok(Some(wire));
        }
        Some((mut wire, Login::Accepted(_))) => {
            super::query::quit(&mut wire).await;
            let reason =
                "the server lets the account in over TLS alone, and no setting says whether its client speaks TLS";
            unlooked(attempt, reason, credentials);
        }
        Some((_, Login::Refused { error, password })) if error.code == ACCESS_DENIED || security.tls_where_offered => {
            if let Some(why) = certificate::missed(attempt, target, (account, security), (&error, password)).await {
                unlooked(attempt, why, credentials);
                return Ok(None);
            }
            return Err(refused(attempt, PhaseName::Login, &error, Some(credentials)));
        }
        Some((_, Login::Refused { error, .. })) => {
            let reason = format!("without TLS the account is refused, and with it the server says: {}", error.text);
            unlooked(attempt, &reason, credentials);
        }
        Some((_, Login::Withheld)) => unlooked(attempt, SPARED, credentials),
        Some((_, Login::Unspoken(reason))) => unlooked(attempt, &reason, credentials),
        None if demanded || password != Password::Untold => {
            let reason = format!("the account is refused without TLS, and TLS could not be tried: {words}");
            unlooked(attempt, &reason, credentials);
        }
        None => {
            attempt.observation.notes.push(IN_THE_SAME_WORDS.into());
            return Err(refused(attempt, PhaseName::Login, error, Some(credentials)));
        }
    }
    Ok(None)
}

/// A login over TLS on a connection of its own, of which nothing stays in the observation.
pub(super) async fn again(
    attempt: &Attempt,
    target: &Target,
    account: Account<'_>,
    security: &Security,
) -> Option<(Wire, Login)> {
    let stream = TcpStream::connect((attempt.observation.connected?, target.port)).await.ok()?;
    let mut wire = Wire::new(stream);
    let greeting = hear(&mut wire).await.ok()?.ok()?;
    if !greeting.offers(capability::SSL) {
        return None;
    }
    let mut second = Attempt::new(attempt.deadline, attempt.options);
    let with_database = account.database.is_some();
    let mut wire = encrypt(&mut second, wire, &greeting, target, (security, with_database)).await.ok()?;
    let end = log_in(&mut wire, greeting, Account { secure: true, ..account }).await.ok()?;
    Some((wire, end))
}
