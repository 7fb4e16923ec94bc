//! Checks that expect no connection: one passes only where somebody else, in the same run, made it.

use crate::observation::{Depth, Failure, FailureKind as Kind, PhaseName};
use crate::plan::Expectation;
use crate::rule::{Seen, Verdict};
use crate::stack::Stack;

/// Who made a connection to the place that a check expects closed.
pub enum Reached {
    /// Nobody in this run.
    Nobody,
    /// Another vantage.
    Elsewhere,
    /// This very vantage, by another of the place's addresses.
    Here(String),
}

/// Who reached the place that the check at `index` expects closed.
pub fn reached(stack: &Stack, checks: &[Seen], index: usize) -> Reached {
    let wanted = checks[index].check.place(stack);
    let connected = |seen: &&Seen| {
        seen.check.expect == Expectation::Answers
            && seen.verdict == Verdict::Pass
            && seen.check.place(stack) == wanted
            && seen.observation.as_ref().is_some_and(|observation| observation.depth >= Depth::Connected)
    };
    let from = |seen: &&Seen| seen.check.from == checks[index].check.from;
    match checks.iter().filter(connected).find(from) {
        Some(seen) => Reached::Here(seen.check.target.address()),
        None if checks.iter().any(|seen| connected(&seen)) => Reached::Elsewhere,
        None => Reached::Nobody,
    }
}

/// The verdict of a check that expects no connection.
pub fn closed(seen: &mut Seen, reached: Reached) {
    let Some(observation) = seen.observation.as_ref().filter(|observation| observation.unlooked.is_none()) else {
        return;
    };
    let open =
        |detail: String| (Verdict::Fail, None, Some(Failure { phase: PhaseName::Connect, kind: Kind::Open, detail }));
    let unnamed =
        observation.failure.as_ref().is_some_and(|f| matches!(f.kind, Kind::NameNotFound | Kind::ResolverFailed));
    (seen.verdict, seen.reason, seen.failure) = match reached {
        _ if observation.depth >= Depth::Connected => open("a connection was made".into()),
        Reached::Here(address) => open(format!("it is reached as {address}")),
        // The containers' names mean nothing on the host, so that one of them has no address there proves nothing.
        _ if unnamed && seen.check.from.is_machine() => {
            let from = &seen.check.from;
            let reason = format!(
                "the name has no address on the {from}, which proves nothing: name the {from}'s address and port"
            );
            (Verdict::Inconclusive, Some(reason), None)
        }
        Reached::Elsewhere => (Verdict::Pass, None, None),
        Reached::Nobody => {
            let reason = "no other vantage reached it in this run, so that it is closed here proves nothing";
            (Verdict::Inconclusive, Some(reason.into()), None)
        }
    };
}
