//! An account that is let in with a certificate of the client's own only (`REQUIRE X509`, `ISSUER`, `SUBJECT`).
//!
//! There is none here, and the server refuses in the words of a wrong password, after it has looked at the password. What
//! `caching_sha2_password` says on the way tells the two apart. Seen on MySQL 9.7.

use tokio::time::timeout_at;

use super::login::{Account, Caution, Login, Password};
use super::over_tls::{ACCESS_DENIED, again};
use super::packet::ServerError;
use crate::plan::Security;
use crate::probe::Attempt;
use crate::target::Target;

const PASSWORD_RIGHT: &str = "the password is right, and the server refuses the account over TLS: it may want a client \
                              certificate (REQUIRE X509), and there is none here";

const NOT_PRESENTED: &str = "the client has a certificate of its own, which cannot be presented here, and the server \
                             refuses the account without it in the words of a wrong password";

/// Why a refusal over TLS is none of the client's, where it may be for want of a certificate.
pub(super) async fn missed(
    attempt: &Attempt,
    target: &Target,
    (account, security): (Account<'_>, &Security),
    (error, password): (&ServerError, Password),
) -> Option<&'static str> {
    if error.code != ACCESS_DENIED {
        return None;
    }
    let right = match password {
        Password::Right => Some(true),
        Password::Taken => is_held(attempt, target, (account, security)).await,
        Password::Untold => None,
    };
    match right {
        Some(true) => Some(PASSWORD_RIGHT),
        Some(false) => None,
        None => security.presents_certificate.then_some(NOT_PRESENTED),
    }
}

/// Whether the server holds the password that it took a moment ago, as it does when it was right. Only the hash is sent,
/// so that no second login fails.
async fn is_held(attempt: &Attempt, target: &Target, (account, security): (Account<'_>, &Security)) -> Option<bool> {
    let caution = Caution { spare_cache: true, ..account.caution };
    let asked = again(attempt, target, Account { caution, ..account }, security);
    match timeout_at(attempt.deadline, asked).await.ok()??.1 {
        Login::Refused { password: Password::Right, .. } => Some(true),
        Login::Withheld => Some(false),
        _ => None,
    }
}
