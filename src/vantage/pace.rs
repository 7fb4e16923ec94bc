//! How long sidecars take, so that who has many of them hears of a quicker way.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::text;

/// From how many sidecars on another way is worth a thought.
const MANY: usize = 20;

/// From how long on.
const LONG: Duration = Duration::from_secs(2);

/// From the first sidecar's start to the last one's greeting.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Option<Span>>);

#[derive(Clone, Copy, Debug)]
struct Span {
    first: Instant,
    last: Instant,
    count: usize,
}

impl Pace {
    /// Counts one that is being made.
    pub async fn of<T>(&self, making: impl Future<Output = T>) -> T {
        let started = Instant::now();
        let made = making.await;
        let mut span = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = span.get_or_insert(Span { first: started, last: started, count: 0 });
        *known = Span { first: known.first.min(started), last: Instant::now(), count: known.count + 1 };
        made
    }

    /// What to say of it, where there were many and it took long.
    pub fn note(&self) -> Option<String> {
        let span = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let took = span.last - span.first;
        (span.count >= MANY && took >= LONG).then(|| {
            format!(
                "{} took {}; `--via agent` is quicker: it enters them all from one container, if the engine allows that \
                 one the host's processes, CAP_SYS_ADMIN and CAP_SYS_PTRACE",
                text::count(span.count, "sidecar"),
                text::millis(took)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_many_sidecars_that_took_long_are_spoken_of() {
        let pace = Pace::default();
        assert_eq!(pace.note(), None);
        for _ in 0..MANY {
            pace.of(async {}).await;
        }
        assert_eq!(pace.note(), None, "they were quick");
        let now = Instant::now();
        for (count, seconds, spoken) in [(MANY, 2, true), (MANY - 1, 60, false), (200, 1, false)] {
            let last = now + Duration::from_secs(seconds);
            let pace = Pace(Mutex::new(Some(Span { first: now, last, count })));
            assert_eq!(pace.note().is_some_and(|note| note.contains("--via agent")), spoken, "{count} {seconds}");
        }
    }
}
