//! What it means that a peer asks for credentials.

use super::Weighed;
use crate::observation::{Failure, FailureKind as Kind};
use crate::plan::{Check, Vantage};
use crate::rule::{Verdict, kafka_listeners};
use crate::stack::Stack;
use crate::target::{Protocol, is_loopback};

/// A peer that asks for credentials: what that means depends on whether the client has some.
pub fn wants_credentials(stack: &Stack, check: &Check, failure: &Failure) -> Option<Weighed> {
    let from = &check.from;
    match (check.target.protocol, failure.kind) {
        (Protocol::Kafka, Kind::AuthenticationRequired | Kind::TlsExpected) => kafka(stack, check, failure),
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
                // `pg_isready` and `depends_on` say whom the client needs, and nothing of how it logs in.
                _ if check.origins.iter().all(|origin| !origin.kind.says_login()) => Some((Verdict::Pass, None, None)),
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
fn kafka(stack: &Stack, check: &Check, failure: &Failure) -> Option<Weighed> {
    let from = &check.from;
    let unknown = |what: &str| {
        let reason = format!("{}, and no setting of {from} that can be read says {what}", failure.detail);
        Some((Verdict::Inconclusive, Some(reason), None))
    };
    let nobody = matches!(from, Vantage::Host | Vantage::Network { .. });
    match (failure.kind, check.security.kafka_protocol()) {
        // Whoever looks from the host is not a client with a login of its own: the listener answered. Where it sends
        // clients is told to those alone who log in.
        (Kind::AuthenticationRequired, _) if nobody && sends_back(stack, check) => Some((Verdict::Pass, None, None)),
        (Kind::AuthenticationRequired, _) if nobody => {
            let reason = format!("{} wants a login, so where it sends clients was not seen", check.target.address());
            Some((Verdict::Inconclusive, Some(reason), None))
        }
        (Kind::AuthenticationRequired, None) => unknown("how it logs in"),
        (Kind::TlsExpected, None) => unknown("whether it speaks TLS"),
        _ => None,
    }
}

/// Whether the listener behind a published port surely sends clients on the host back to that port, by its settings.
fn sends_back(stack: &Stack, check: &Check) -> bool {
    let Some(published) = check.published.as_ref() else { return false };
    let Some(broker) = stack.by_id(&published.container) else { return false };
    let target = &check.target;
    let leads_here = |host: &str| host == target.host || (is_loopback(host) && target.is_loopback());
    let advertised = kafka_listeners::settings(broker).advertised;
    let mut there = advertised.iter().filter(|listener| listener.bound == published.container_port).peekable();
    there.peek().is_some() && there.all(|listener| listener.port == target.port && leads_here(&listener.host))
}
