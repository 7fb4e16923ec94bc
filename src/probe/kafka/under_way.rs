//! The round trips of this process: each may have made a topic, which must be gone before the process is.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How long the end of a probe may take, so that nothing of ours runs five seconds after the run.
pub const LAST_CHANCE: Duration = Duration::from_millis(3500);

/// How often a thread without a runtime looks whether they have ended.
const PAUSE: Duration = Duration::from_millis(10);

/// Those of this process.
static HERE: LazyLock<UnderWay> = LazyLock::new(UnderWay::default);

/// Tells the round trips of this process to go straight to the deletion of their topics, and waits for that, but no
/// longer than [`LAST_CHANCE`]. None starts afterwards.
pub async fn finish() {
    HERE.finish(LAST_CHANCE).await;
}

/// Waits until no round trip is under way in this process, without telling any to end.
pub async fn settle() {
    HERE.settle().await;
}

/// Does the same as [`finish`] in a thread that may block.
pub fn finish_blocking() {
    HERE.finish_blocking(LAST_CHANCE);
}

/// Round trips that have not ended.
#[derive(Debug)]
pub(super) struct UnderWay(watch::Sender<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    count: usize,
    /// When all must have ended, once they were told to end.
    until: Option<Instant>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self(watch::Sender::new(State::default()))
    }
}

impl UnderWay {
    /// Those of this process.
    pub(super) fn here() -> &'static Self {
        &HERE
    }

    /// Counts one more until it is dropped; none where the end has begun.
    pub(super) fn enter(&self) -> Option<Ticket> {
        let entered = self.0.send_if_modified(|state| {
            let open = state.until.is_none();
            state.count += usize::from(open);
            open
        });
        entered.then(|| Ticket(self.0.clone()))
    }

    /// Whoever tells it first says how long the end may take.
    fn tell(&self, limit: Duration) -> Instant {
        let mut until = Instant::now() + limit;
        self.0.send_modify(|state| until = *state.until.get_or_insert(until));
        until
    }

    async fn finish(&self, limit: Duration) {
        let until = self.tell(limit);
        let mut states = self.0.subscribe();
        let _ = timeout_at(until, states.wait_for(|state| state.count == 0)).await;
    }

    async fn settle(&self) {
        let _ = self.0.subscribe().wait_for(|state| state.count == 0).await;
    }

    fn finish_blocking(&self, limit: Duration) {
        let until = self.tell(limit);
        while self.0.borrow().count > 0 && Instant::now() < until {
            std::thread::sleep(PAUSE);
        }
    }
}

/// One round trip under way.
#[derive(Debug)]
pub(super) struct Ticket(watch::Sender<State>);

impl Ticket {
    /// When it must have ended, where it was told to end.
    pub(super) fn until(&self) -> Option<Instant> {
        self.0.borrow().until
    }

    /// Returns when it is told to end, with the time at which it must have ended.
    pub(super) async fn told(&self) -> Instant {
        let mut states = self.0.subscribe();
        loop {
            if let Some(until) = states.borrow_and_update().until {
                return until;
            }
            if states.changed().await.is_err() {
                // This ticket is a sender itself, so there is always one left.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.count = state.count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn the_end_waits_for_all_and_lets_none_begin() {
        let all = UnderWay::default();
        let tickets = [all.enter().unwrap(), all.enter().unwrap()];
        assert_eq!(tickets[0].until(), None);
        let started = Instant::now();
        let ends = async {
            for ticket in tickets {
                let until = ticket.told().await;
                assert!(until > started && ticket.until() == Some(until));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::join!(all.finish(LONG), ends);
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(100) && took < LONG / 2, "{took:?}");
        assert!(all.enter().is_none());
    }

    #[tokio::test]
    async fn the_end_does_not_wait_for_one_that_hangs() {
        for blocking in [false, true] {
            let all = UnderWay::default();
            let _hangs = all.enter().unwrap();
            let started = Instant::now();
            let limit = Duration::from_millis(100);
            if blocking {
                all.finish_blocking(limit);
            } else {
                all.finish(limit).await;
            }
            let took = started.elapsed();
            assert!(took >= limit && took < LONG / 2, "{took:?}");
        }
    }

    #[tokio::test]
    async fn settling_waits_and_tells_nobody_to_end() {
        let all = UnderWay::default();
        let ticket = all.enter().unwrap();
        let ends = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(ticket.until(), None);
            drop(ticket);
        };
        let started = Instant::now();
        tokio::join!(all.settle(), ends);
        assert!(started.elapsed() >= Duration::from_millis(100));
        assert!(all.enter().is_some());
    }

    #[tokio::test]
    async fn without_any_the_end_comes_at_once() {
        let all = UnderWay::default();
        drop(all.enter());
        let started = Instant::now();
        all.finish(LONG).await;
        all.finish_blocking(LONG);
        assert!(started.elapsed() < LONG / 2);
    }
}
