//! What a user wants of an answer beyond that it comes.

use crate::observation::{Failure, FailureKind as Kind, Observation, Peer, PhaseName, Told};
use crate::plan::Check;
use crate::plan::wanted::{Condition, Place, Question, is_in};
use crate::stack::Stack;
use crate::text;

/// What came of a condition.
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Unmet(Failure),
    /// Nobody can say, for this reason.
    Unknown(String),
}

/// What came of everything that is wanted of an answer that came: the first that does not hold, else the first of which nobody
/// can say.
pub fn met(stack: &Stack, check: &Check, observation: &Observation) -> Outcome {
    let (mut unknown, mut unmet) = (None, None);
    let questions = check.wanted.questions();
    for condition in &check.wanted.conditions {
        let asked = questions.iter().position(|question| matches!(condition, Condition::Http(own) if own == question));
        let outcome = one(stack, condition, asked, observation);
        match outcome {
            Outcome::Unmet(_) => unmet = unmet.or(Some(outcome)),
            Outcome::Unknown(_) => unknown = unknown.or(Some(outcome)),
            Outcome::Holds => {}
        }
    }
    unmet.or(unknown).unwrap_or(Outcome::Holds)
}

/// Whether a user says which status is right, so that no other rule does.
pub fn says_status(check: &Check) -> bool {
    check.wanted.conditions.iter().any(|condition| matches!(condition, Condition::Status(_)))
}

/// What came of one condition; `asked` is which of the questions it was.
fn one(stack: &Stack, condition: &Condition, asked: Option<usize>, observation: &Observation) -> Outcome {
    let http = match &observation.peer {
        Some(Peer::Http(http)) => Some(http),
        _ => None,
    };
    match (condition, http) {
        (Condition::Status(ranges), Some(http)) => status(ranges, http.status),
        (Condition::Http(question), Some(http)) => answer(question, asked.and_then(|at| http.told.get(at))),
        (Condition::Status(_) | Condition::Http(_), None) => Outcome::Unknown("no HTTP answer was seen".into()),
        (Condition::Within(limit), _) => {
            let took = std::time::Duration::from_micros(observation.micros());
            let words = || format!("answered after {}, and {} is expected", text::millis(took), text::millis(*limit));
            holds(took <= *limit, PhaseName::Request, Kind::Unmet, words)
        }
        (Condition::Addresses(places), _) => addresses(stack, places, observation),
        (Condition::Headroom(wanted), _) => headroom(*wanted, observation),
    }
}

fn holds(met: bool, phase: PhaseName, kind: Kind, words: impl FnOnce() -> String) -> Outcome {
    if met { Outcome::Holds } else { Outcome::Unmet(Failure { phase, kind, detail: words() }) }
}

fn status(ranges: &[(u16, u16)], seen: u16) -> Outcome {
    let met = ranges.iter().any(|&(from, to)| (from..=to).contains(&seen));
    let wanted = Condition::Status(ranges.to_vec());
    holds(met, PhaseName::Request, Kind::HttpStatus, || format!("status {seen}, and {wanted} is expected"))
}

fn answer(question: &Question, told: Option<&Told>) -> Outcome {
    let Some(told) = told else { return Outcome::Unknown(format!("{question} was not read")) };
    let Some(is) = told.holds else {
        let why = told.said.as_deref().unwrap_or("it could not be read");
        return Outcome::Unknown(format!("{question}: {why}"));
    };
    let said = told.said.as_ref().map(|said| format!("is {said:?}"));
    let words = || match question {
        Question::Header { value, .. } => {
            format!(
                "{question} {}, and {:?} is expected",
                said.unwrap_or_else(|| "is not there".into()),
                text::line(value, 100)
            )
        }
        Question::Body(text) => format!("the body does not contain {:?}", text::line(text, 100)),
        Question::Json { value, .. } => {
            format!(
                "{question} {}, and {:?} is expected",
                said.unwrap_or_else(|| "is not there".into()),
                text::line(value, 100)
            )
        }
    };
    holds(is, PhaseName::Request, Kind::Unmet, words)
}

fn addresses(stack: &Stack, places: &[Place], observation: &Observation) -> Outcome {
    let is_meant = |address| {
        places.iter().any(|place| match place {
            Place::Network(network, bits) => is_in(address, *network, *bits),
            Place::Service(service) => stack
                .of_service(service)
                .any(|container| stack.namespace_owner(container).addresses().any(|known| known == address)),
        })
    };
    if observation.addresses.is_empty() {
        return Outcome::Unknown("nobody said where the name leads".into());
    }
    let stray = observation.addresses.iter().find(|address| !is_meant(**address));
    let shown: Vec<_> = places.iter().map(ToString::to_string).collect();
    let words = || {
        let address = stray.map(ToString::to_string).unwrap_or_default();
        format!("the name leads to {address}, and {} is expected", shown.join(" or "))
    };
    holds(stray.is_none(), PhaseName::Resolve, Kind::Unmet, words)
}

fn headroom(wanted: u64, observation: &Observation) -> Outcome {
    let connections = match &observation.peer {
        Some(Peer::Mysql(peer)) => peer.connections.map(|(limit, used)| (u64::from(limit), u64::from(used))),
        Some(Peer::Postgres(peer)) => peer.connections.map(|(limit, used)| (u64::from(limit), u64::from(used))),
        Some(Peer::Redis(peer)) => peer.clients.map(|(used, limit)| (limit, used)),
        _ => None,
    };
    let Some((limit, used)) = connections else {
        let why = "the server did not say how many connections it takes: that needs a login that may ask";
        return Outcome::Unknown(why.into());
    };
    let room = limit.saturating_sub(used);
    let words = || format!("room for {room} more connections ({used} of {limit} in use), and {wanted} are expected");
    holds(room >= wanted, PhaseName::Request, Kind::Unmet, words)
}
