//! Checks that expect no connection: one passes only where somebody else, in the same run, made it.

use crate::observation::{Depth, Failure, FailureKind as Kind, PhaseName};
use crate::plan::{Check, Expectation};
use crate::rule::{Seen, Verdict};
use crate::stack::Stack;
use crate::target::Protocol;
use crate::text;

/// Who made a connection to the place that a check expects closed.
pub enum Reached {
    /// Nobody in this run.
    Nobody,
    /// Another vantage.
    Elsewhere,
    /// This very vantage, by another of the place's addresses.
    Here(String),
}

/// Who reached the place that the check at `index` expects closed. A name is reached where it has an address.
pub fn reached(stack: &Stack, checks: &[Seen], index: usize) -> Reached {
    let check = &checks[index].check;
    let place = check.place(stack);
    let same = |other: &Check| match check.target.protocol {
        Protocol::Dns => other.target.host.eq_ignore_ascii_case(&check.target.host),
        _ => other.place(stack) == place,
    };
    let connected = |seen: &&Seen| {
        seen.check.expect == Expectation::Answers
            && seen.verdict == Verdict::Pass
            && same(&seen.check)
            && seen.observation.as_ref().is_some_and(|observation| observation.depth >= open_from(check))
    };
    let from = |seen: &&Seen| seen.check.from == check.from;
    match checks.iter().filter(connected).find(from) {
        Some(seen) => Reached::Here(seen.check.target.address()),
        None if checks.iter().any(|seen| connected(&seen)) => Reached::Elsewhere,
        None => Reached::Nobody,
    }
}

/// How far one must come for the check's target to be open.
fn open_from(check: &Check) -> Depth {
    if check.target.protocol == Protocol::Dns { Depth::Resolved } else { Depth::Connected }
}

/// The verdict of a check that expects no connection.
pub fn closed(seen: &mut Seen, reached: Reached) {
    let Some(observation) = seen.observation.as_ref().filter(|observation| observation.unlooked.is_none()) else {
        return;
    };
    let is_name = seen.check.target.protocol == Protocol::Dns;
    let phase = if is_name { PhaseName::Resolve } else { PhaseName::Connect };
    let open = |detail: String| (Verdict::Fail, None, Some(Failure { phase, kind: Kind::Open, detail }));
    let failed = |kinds: &[Kind]| observation.failure.as_ref().is_some_and(|failure| kinds.contains(&failure.kind));
    let unnamed = failed(&[Kind::NameNotFound, Kind::ResolverFailed]);
    (seen.verdict, seen.reason, seen.failure) = match reached {
        _ if is_name && observation.depth >= Depth::Resolved => {
            let addresses: Vec<_> = observation.addresses.iter().map(ToString::to_string).collect();
            open(format!("the name leads to {}", text::list(&addresses)))
        }
        _ if is_name && failed(&[Kind::ResolverFailed]) => {
            (Verdict::Inconclusive, Some("no resolver answered, which proves nothing".into()), None)
        }
        _ if observation.depth >= Depth::Connected => open("a connection was made".into()),
        Reached::Here(address) => open(format!("it is reached as {address}")),
        // The containers' names mean nothing on the host, so that one of them has no address there proves nothing.
        _ if unnamed && !is_name && seen.check.from.is_machine() => {
            let from = &seen.check.from;
            let reason = format!(
                "the name has no address on the {from}, which proves nothing: name the {from}'s address and port"
            );
            (Verdict::Inconclusive, Some(reason), None)
        }
        Reached::Elsewhere => (Verdict::Pass, None, None),
        Reached::Nobody => {
            let reason = if is_name {
                "no other vantage has an address for the name in this run, so that it has none here proves nothing"
            } else {
                "no other vantage reached it in this run, so that it is closed here proves nothing"
            };
            (Verdict::Inconclusive, Some(reason.into()), None)
        }
    };
}
