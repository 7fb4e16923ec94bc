//! The survey: what containers listen on and what they have opened, read in the sessions that look anyway.
//!
//! A container that nothing derives a connection of may have some all the same, so it is entered for this alone; but not one
//! that only serves, as stores do, and none where the way would touch the container itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::derive::sockets::{Seen, only_serves};
use crate::derive::{is_one_off, vantage};
use crate::observation::{Fact, Opening, Sockets};
use crate::plan::{Check, Readiness, Vantage};
use crate::stack::{Container, Stack};
use crate::vantage::{Session, Sessions, Via, Ways};

/// How often sockets are read where they are watched: a request to a server nearby is often shorter, one that nobody answers
/// never is.
const OFTEN: Duration = Duration::from_millis(200);

/// In so many namespaces at once: each time costs some milliseconds of a processor, on the machine that runs what is watched.
const AT_ONCE: usize = 2;

/// The vantages whose sockets are to be read, each with the id of the container whose namespace it looks from.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    places: BTreeMap<Vantage, String>,
}

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Surveyed {
    seen: Seen,
    unseen: Vec<(String, String)>,
}

impl Survey {
    /// One vantage for each namespace: one that has checks, where there is one. `from` narrows them down where it is not empty.
    #[must_use]
    pub fn of(stack: &Stack, checks: &[Check], from: &[Vantage], via: Via) -> Self {
        let ready = |vantage: &&Vantage| {
            checks.iter().any(|check| check.from == **vantage && check.readiness == Readiness::Ready)
        };
        let namespaces = stack.containers.iter().filter(|container| has_own_namespace(container));
        let place = |owner: &Container| {
            let members = stack.containers.iter().filter(|other| stack.share_namespace(other, owner));
            let members: Vec<_> = members.filter(|member| member.is_running()).map(vantage).collect();
            let alone = via != Via::Exec && !only_serves(owner) && !is_one_off(owner);
            let own = || vantage(owner);
            let wanted = members.iter().find(ready).cloned().or_else(|| alone.then(own))?;
            (from.is_empty() || from.contains(&wanted)).then(|| (wanted, owner.id.clone()))
        };
        Self { places: namespaces.filter_map(place).collect() }
    }

    /// The vantages.
    pub fn vantages(&self) -> impl Iterator<Item = &Vantage> {
        self.places.keys()
    }

    /// Reads the sockets of a vantage, if they are to be read there.
    pub async fn read(&self, vantage: &Vantage, session: &Session, surveyed: &Mutex<Surveyed>) -> bool {
        let Some(id) = self.places.get(vantage) else { return false };
        let sockets = session.sockets().await;
        let mut surveyed = surveyed.lock().unwrap_or_else(PoisonError::into_inner);
        match sockets {
            Fact::Present(sockets) => {
                add(surveyed.seen.entry(id.clone()).or_default(), sockets);
                true
            }
            Fact::Absent => false,
            Fact::NotLooked(reason) => {
                surveyed.unseen.push((vantage.to_string(), reason));
                false
            }
        }
    }

    /// Opens every vantage; what cannot be opened is left out.
    pub async fn open(&self, ways: &Ways, stack: &Stack, surveyed: &Mutex<Surveyed>) -> Sessions {
        let opened = join_all(self.vantages().map(async |vantage| match ways.open(vantage, stack).await {
            Ok(session) => Some((vantage.clone(), Arc::new(session))),
            Err(reason) => {
                self.missed(vantage, reason.to_string(), surveyed);
                None
            }
        }));
        opened.await.into_iter().flatten().collect()
    }

    /// A vantage that could not be opened: said, where nothing else will say it.
    pub fn missed(&self, vantage: &Vantage, reason: String, surveyed: &Mutex<Surveyed>) {
        if self.places.contains_key(vantage) {
            let mut surveyed = surveyed.lock().unwrap_or_else(PoisonError::into_inner);
            surveyed.unseen.push((vantage.to_string(), reason));
        }
    }

    /// Reads sockets over and over for a time, or once where there is none. Whatever ends it, what was read stays.
    pub async fn watch(&self, sessions: &Sessions, time: Duration, surveyed: &Mutex<Surveyed>) {
        let until = Instant::now() + time;
        let permits = Semaphore::new(AT_ONCE);
        let read = async |vantage: &Vantage, session: &Session| {
            let _permit = permits.acquire().await;
            self.read(vantage, session, surveyed).await
        };
        join_all(sessions.iter().map(async |(vantage, session)| {
            while read(vantage, session).await {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                tokio::time::sleep(OFTEN.min(left)).await;
            }
        }))
        .await;
    }
}

impl Surveyed {
    /// What was read.
    #[must_use]
    pub const fn seen(&self) -> &Seen {
        &self.seen
    }

    /// To how many places connections lead.
    #[must_use]
    pub fn places(&self) -> usize {
        self.seen.values().map(|sockets| sockets.openings.len()).sum()
    }

    /// What is to be said of what could not be read.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let (first, reason) = self.unseen.first()?;
        let who = match self.unseen.len() - 1 {
            0 => first.clone(),
            others => format!("{first} and {others} more"),
        };
        Some(format!("the open connections of {who} are not known: {reason}"))
    }
}

/// Whether a container has a network namespace of its own in which it may have connections.
fn has_own_namespace(container: &Container) -> bool {
    container.is_running()
        && container.joins().is_none()
        && !container.on_host_network()
        && container.network_mode != "none"
}

/// Adds what was read later.
fn add(known: &mut Sockets, later: Sockets) {
    known.listeners.extend(later.listeners);
    known.listeners.sort_unstable();
    known.listeners.dedup();
    let all = known.openings.drain(..).chain(later.openings);
    let mut openings: BTreeMap<_, bool> = BTreeMap::new();
    for opening in all {
        *openings.entry((opening.address, opening.port)).or_default() |= opening.established;
    }
    let opening = |((address, port), established)| Opening { address, port, established };
    known.openings = openings.into_iter().map(opening).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{check, container, stack};
    use crate::stack::Status;
    use crate::target::Protocol;

    fn names(survey: &Survey) -> Vec<String> {
        survey.places.iter().map(|(vantage, id)| format!("{vantage} in {id}")).collect()
    }

    #[test]
    fn every_namespace_is_surveyed_once_where_somebody_may_connect_from() {
        let mut host = container("host", "any:1");
        host.network_mode = "host".into();
        let mut none = container("none", "any:1");
        none.network_mode = "none".into();
        let mut beside = container("beside", "any:1");
        beside.network_mode = "container:api-id".into();
        let mut stranger = container("stranger", "any:1");
        stranger.network_mode = "container:0123".into();
        let mut paused = container("paused", "any:1");
        paused.state.status = Status::Paused;
        let mut once = container("once", "any:1");
        once.name = "shop-once-run-1f2e3d4c5b6a".into();
        let db = container("db", "postgres:16");
        let all = [container("app", "shop"), container("api", "shop"), beside, db, host, none, stranger, paused, once];
        let stack = stack(all);
        let of = |service: &str| vantage(stack.of_service(service).next().unwrap());
        let from_check = |service: &str| check(of(service), Protocol::Tcp, "x", 1);
        let survey = |checks: &[Check], from: &[Vantage], via| names(&Survey::of(&stack, checks, from, via));
        assert_eq!(survey(&[], &[], Via::Netns), ["api in api-id", "app in app-id"]);
        assert_eq!(
            survey(&[from_check("beside"), from_check("db"), from_check("host")], &[], Via::Sidecar),
            ["app in app-id", "beside in api-id", "db in db-id"]
        );
        assert_eq!(survey(&[from_check("app")], &[], Via::Exec), ["app in app-id"]);
        assert_eq!(survey(&[], &[of("app"), Vantage::Host], Via::Netns), ["app in app-id"]);
        let skipped = Check { readiness: Readiness::Skip("x".into()), ..from_check("db") };
        assert_eq!(survey(&[skipped], &[], Via::Netns), ["api in api-id", "app in app-id"]);
    }

    #[test]
    fn what_is_read_later_is_added() {
        let opening = |port, established| Opening { address: "10.0.0.1".parse().unwrap(), port, established };
        let mut known = Sockets { listeners: Vec::new(), openings: vec![opening(1, false), opening(2, true)] };
        add(&mut known, Sockets { listeners: Vec::new(), openings: vec![opening(3, false), opening(1, true)] });
        assert_eq!(known.openings, [opening(1, true), opening(2, true), opening(3, false)]);
        add(&mut known, Sockets { listeners: Vec::new(), openings: vec![opening(1, false)] });
        assert_eq!(known.openings[0], opening(1, true), "one that stood is one that can");
    }
}
