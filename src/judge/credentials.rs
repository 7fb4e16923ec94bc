//! What it means that a peer asks for credentials.

use super::Weighed;
use crate::observation::{Failure, FailureKind as Kind};
use crate::plan::{Check, Vantage};
use crate::rule::Verdict;
use crate::target::Protocol;

/// A peer that asks for credentials: what that means depends on whether the client has some.
pub fn wants_credentials(check: &Check, failure: &Failure) -> Option<Weighed> {
    let security = check.setting("security-protocol").unwrap_or_default().to_ascii_uppercase();
    let from = &check.from;
    match (check.target.protocol, failure.kind) {
        (Protocol::Kafka, Kind::AuthenticationRequired) => {
            Some((Verdict::Inconclusive, Some(format!("{}; crosscheck does not speak SASL yet", failure.detail)), None))
        }
        (Protocol::Kafka, Kind::TlsExpected | Kind::Closed) if security.contains("SSL") => Some((
            Verdict::Inconclusive,
            Some(format!("{from} uses {security}, which crosscheck does not speak yet")),
            None,
        )),
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
