//! A vantage that is open: looks from there, many at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::observation::{Fact, Observation, Sockets, Survey};
use crate::plan::Vantage;
use crate::probe::{Request, serve};

use super::remote::Remote;

/// The sessions that were opened, by vantage, so that a second question needs no second entry.
pub type Sessions = BTreeMap<Vantage, Arc<Session>>;

/// A vantage that is open. It closes when it is closed or dropped.
#[derive(Debug)]
pub struct Session {
    place: Place,
    way: &'static str,
}

#[derive(Debug)]
enum Place {
    /// In this process.
    Here,
    /// Where a probe runs.
    There(Remote),
}

impl Session {
    pub(super) const fn here() -> Self {
        Self { place: Place::Here, way: "host" }
    }

    pub(super) const fn there(remote: Remote, way: &'static str) -> Self {
        Self { place: Place::There(remote), way }
    }

    /// The way that was taken in the end: `host`, `netns`, `sidecar`, `exec` or `agent`.
    #[must_use]
    pub const fn way(&self) -> &'static str {
        self.way
    }

    /// Looks at a target once. What prevents it is in the observation, as not looked at.
    pub async fn look(&self, request: &Request) -> Observation {
        match &self.place {
            Place::Here => {
                // Programs on the host resolve as the host does, whatever that has configured.
                let mut request = request.clone();
                request.options.system_resolver = true;
                serve::look(&request).await
            }
            Place::There(remote) => remote.look(request).await,
        }
    }

    /// What the vantage's network namespace looks like.
    pub async fn survey(&self) -> Survey {
        match &self.place {
            Place::Here => serve::survey().await,
            Place::There(remote) => remote.survey().await,
        }
    }

    /// What listens in the vantage's network namespace, and what was opened from there.
    pub async fn sockets(&self) -> Fact<Sockets> {
        match &self.place {
            Place::Here => serve::sockets().await,
            Place::There(remote) => remote.sockets().await,
        }
    }

    /// Ends the probe of this vantage. Looks that are still under way are given up.
    #[expect(clippy::unused_async, reason = "a way that waits for its end may be added without changing the callers")]
    pub async fn close(self) {
        drop(self);
    }
}
