//! One question for all who ask the same at the same moment: ten looks at one host need its addresses once.
//!
//! Nothing is remembered: whoever asks after the answer came asks anew.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::time::Instant;

use super::Resolved;
use crate::probe::Fault;

/// Who would wait this much longer than the one who asked first asks for himself: the search ends with the first one's time.
const MOMENT: Duration = Duration::from_millis(100);

type Answer = Result<Resolved, Fault>;
type Search = BoxFuture<'static, Answer>;
/// A search that began, and the time that it has.
type Begun = (Instant, WeakShared<Search>);

thread_local! {
    /// The searches under way, by host and resolver, with the time that they have. Of this thread alone: a search belongs
    /// to the runtime that it began in.
    static UNDER_WAY: RefCell<BTreeMap<(String, bool), Begun>> = RefCell::default();
}

/// Joins the search for this host that is under way, or begins one.
pub fn search<F>(host: &str, system: bool, deadline: Instant, begin: impl FnOnce() -> F) -> Shared<Search>
where
    F: Future<Output = Answer> + Send + 'static,
{
    UNDER_WAY.with_borrow_mut(|under_way| {
        under_way.retain(|_, (_, search)| search.upgrade().is_some());
        let key = (host.to_owned(), system);
        let first = under_way.get(&key).filter(|(until, _)| deadline.saturating_duration_since(*until) <= MOMENT);
        if let Some(search) = first.and_then(|(_, search)| search.upgrade()) {
            return search;
        }
        let search = begin().boxed().shared();
        if let Some(weak) = search.downgrade() {
            under_way.insert(key, (deadline, weak));
        }
        search
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn resolved() -> Resolved {
        Resolved { addresses: vec!["192.0.2.1".parse().unwrap()], resolver: "a test".into() }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_an_answer_and_later_ones_ask_anew() {
        let asked = AtomicU32::new(0);
        let ask = |host: &'static str, after: u64| {
            search(host, false, Instant::now() + Duration::from_secs(after), || {
                asked.fetch_add(1, Ordering::Relaxed);
                async {
                    tokio::task::yield_now().await;
                    Ok(resolved())
                }
            })
        };
        let (first, second) = tokio::join!(ask("one", 1), ask("one", 1));
        assert_eq!((first, second), (Ok(resolved()), Ok(resolved())));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert_eq!(ask("one", 1).await, Ok(resolved()));
        assert_eq!(asked.load(Ordering::Relaxed), 2, "an answer is not remembered");
        let _ = tokio::join!(ask("one", 1), ask("two", 1));
        assert_eq!(asked.load(Ordering::Relaxed), 4, "another host is another question");
        let _ = tokio::join!(ask("one", 1), ask("one", 5));
        assert_eq!(asked.load(Ordering::Relaxed), 6, "who has more time must not fail with who has less");
    }

    #[tokio::test]
    async fn a_search_that_its_first_asker_gives_up_goes_on_for_the_others() {
        let (answer, waits) = tokio::sync::oneshot::channel::<()>();
        let deadline = Instant::now() + Duration::from_secs(1);
        let begin = move || async move {
            let _ = waits.await;
            Ok(resolved())
        };
        let first = search("given-up", false, deadline, begin);
        let second = search("given-up", false, deadline, || async { unreachable!("it is under way") });
        assert!(tokio::time::timeout(Duration::from_millis(1), first).await.is_err());
        let _ = answer.send(());
        assert_eq!(second.await, Ok(resolved()));
    }
}
