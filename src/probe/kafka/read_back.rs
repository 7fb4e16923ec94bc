//! Reads a produced record back from the leader of its partition.
//!
//! With our own Fetch, not with a consumer of the client library: that one looks for its group's coordinator as soon as
//! it has a group id, which it must have to read at all, and the question alone makes a fresh cluster create
//! `__consumer_offsets`.

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use tokio::time::{sleep, timeout_at};

use super::codec::{FETCH_VERSION, error_name};
use super::session::Session;
use crate::observation::FailureKind;
use crate::probe::{Attempt, Fault};
use crate::target::Target;

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Waits until the record that holds `mark` stands in the topic's partition 0 at its leader.
///
/// # Errors
/// In words, how it failed; the deadline of `attempt` is among the ways.
pub async fn await_record(attempt: &mut Attempt, leader: &Target, topic: &str, mark: &[u8]) -> Result<(), Fault> {
    let deadline = attempt.deadline;
    let Ok(stream) = attempt.connect(leader).await else {
        let failure = attempt.observation.failure.take();
        return Err(failure.map_or_else(
            || Fault::new(FailureKind::RoundTrip, "the partition's leader cannot be reached"),
            |failure| Fault::new(failure.kind, failure.detail),
        ));
    };
    let mut session = Session::open(stream, deadline).await?;
    if session.apis.version(ApiKey::Fetch, FETCH_VERSION..=FETCH_VERSION).is_none() {
        let words = format!("the broker does not offer version {FETCH_VERSION} of Fetch");
        return Err(Fault::new(FailureKind::RoundTrip, words));
    }
    let mut last = 0;
    loop {
        match session.fetch(topic).await {
            Ok((_, records)) if records.windows(mark.len()).any(|window| window == mark) => return Ok(()),
            // A leader that was just elected may not know it yet, and the topic may not have come to it.
            Ok((error @ (0 | 3 | 5 | 6 | 74..=76 | 78), _)) => last = error,
            Ok((error, _)) => {
                return Err(Fault::new(FailureKind::RoundTrip, format!("Fetch: {}", error_name(error))));
            }
            Err(fault) if fault.kind == FailureKind::Silent => break,
            Err(fault) => return Err(fault),
        }
        if timeout_at(deadline, sleep(PAUSE)).await.is_err() {
            break;
        }
    }
    let words = format!("the record did not come back in time ({})", error_name(last));
    Err(Fault::new(FailureKind::RoundTrip, words))
}
