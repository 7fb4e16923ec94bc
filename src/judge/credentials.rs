//! What it means that a peer asks for credentials.

use super::Weighed;
use crate::observation::{Failure, FailureKind as Kind};
use crate::plan::{Check, Vantage};
use crate::rule::Verdict;
use crate::target::Protocol;

/// A peer that asks for credentials: what that means depends on whether the client has some.
pub fn wants_credentials(check: &Check, failure: &Failure) -> Option<Weighed> {
    let from = &check.from;
    match (check.target.protocol, failure.kind) {
        (Protocol::Kafka, Kind::AuthenticationRequired | Kind::TlsExpected) => kafka(check, failure),
        (_, Kind::AuthenticationRequired) if check.credentials.is_none() => {
            match (check.setting("credentials"), from) {
                (Some("none"), _) => None,
                (Some("withheld"), _) => Some((
                    Verdict::Inconclusive,
                    Some(format!(
                        "{} wants a password, and {from}'s is used only towards containers of this project",
                        check.target.address()
                    )),
                    None,
                )),
                // Whoever looks from the host is not a client with a password of its own: the server answered.
                (Some("file"), _) | (_, Vantage::Host | Vantage::Engine | Vantage::Network { .. }) => {
                    Some((Verdict::Pass, None, None))
                }
                _ => Some((
                    Verdict::Inconclusive,
                    Some(format!(
                        "{} wants a password, and no setting of {from} that can be read holds one",
                        check.target.address()
                    )),
                    None,
                )),
            }
        }
        _ => None,
    }
}

/// A listener that wants TLS or a login. What a client that says neither does stands where nobody can read it: in a file,
/// in its code.
fn kafka(check: &Check, failure: &Failure) -> Option<Weighed> {
    let from = &check.from;
    let unknown = |what: &str| {
        let reason = format!("{}, and no setting of {from} that can be read says {what}", failure.detail);
        Some((Verdict::Inconclusive, Some(reason), None))
    };
    let nobody = matches!(from, Vantage::Host | Vantage::Network { .. });
    match (failure.kind, check.security.kafka_protocol()) {
        // Whoever looks from the host is not a client with a login of its own: the listener answered.
        (Kind::AuthenticationRequired, _) if nobody => Some((Verdict::Pass, None, None)),
        (Kind::AuthenticationRequired, None) => unknown("how it logs in"),
        (Kind::TlsExpected, None) => unknown("whether it speaks TLS"),
        _ => None,
    }
}
