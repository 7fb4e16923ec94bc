//! Derives, from the stack alone, who must reach whom and what says so. Pure: nothing is opened, nothing is asked.
//!
//! One file per origin, such as [`environment`], [`files`], [`published`]. [`address`] knows the grammars in which people write
//! addresses. A connection that is not real is a false alarm, so every doubt is decided against deriving one.

pub mod address;
mod asked;
mod brokers;
pub mod command;
pub mod credentials;
mod daemons;
pub mod declared;
mod defaults;
mod depends_on;
pub mod embedded;
pub mod environment;
pub mod files;
pub mod healthcheck;
pub mod hosts;
mod kafka_client;
mod kafka_names;
mod labels;
mod loopback;
mod meaning;
mod misspelt;
pub mod outside;
pub mod places;
pub mod published;
mod recognised;
pub mod security;
pub mod served;
pub mod setting;
mod shared;
pub mod sockets;
pub mod unencoded;
pub mod variable;

#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use self::files::MountedFile;
use self::hosts::Place;
use crate::compose::Project;
use crate::plan::{Credentials, Expectation, Origin, Published, Readiness, Security, Vantage, Wanted};
use crate::stack::{Container, Stack};
use crate::target::Target;

/// A connection that must work (or must not), and what says so.
#[derive(Clone, Debug)]
pub struct Connection {
    /// From where.
    pub from: Vantage,
    /// To where.
    pub target: Target,
    /// What says so.
    pub origin: Origin,
    /// The published port behind the target, where it is one.
    pub published: Option<Published>,
    /// What is expected of it.
    pub expect: Expectation,
    /// What a user wants of the answer beyond that.
    pub wanted: Wanted,
    /// Whether it can be looked at, as far as its origin knows already.
    pub readiness: Readiness,
    /// What the client's settings say of how it connects, by name:
    /// `credentials` (`none` or `file`), `driver`, `tls`, MySQL's JDBC parameters verbatim, `authorities` (the file in the
    /// client's container with those that it trusts), `unreadable` (why its address cannot be read for sure), and of a Kafka client `topics` (with commas between), `group`, and the
    /// variables that say what it speaks: `security-variable`, `mechanism-variable`.
    pub settings: Vec<(String, String)>,
    /// How the client secures its connections, as far as its settings say.
    pub security: Security,
    /// The client's own credentials, where they surely belong to this target.
    pub credentials: Option<Credentials>,
}

/// Every connection that a stack depends on by itself, with the places of what says so in the files of `project`; `files`
/// are mounted into its containers, `here` is the working folder, from which files in it are named.
#[must_use]
pub fn all(stack: &Stack, project: Option<&Project>, files: &[MountedFile], here: &Path) -> Vec<Connection> {
    with_outside(stack, project, files, here).0
}

/// The same, and those that leave the stack, apart.
#[must_use]
pub fn with_outside(
    stack: &Stack,
    project: Option<&Project>,
    files: &[MountedFile],
    here: &Path,
) -> (Vec<Connection>, Vec<Connection>) {
    let (mut outside, mut connections): (Vec<_>, Vec<_>) =
        stated(stack, files, here).into_iter().partition(|connection| outside::is_outside(stack, connection));
    connections.extend(published::derive(stack, &connections, &files::listens::http(files)));
    defaults::add(stack, &mut connections);
    connections.extend(depends_on::derive(stack, &connections, files));
    if let Some(project) = project {
        places::add(&mut connections, stack, project, here);
        places::add(&mut outside, stack, project, here);
    }
    (connections, outside)
}

/// What settings say, wherever they stand. What says more of a connection comes first: the plan adds to it what says less.
///
/// Of a large stack this takes longer than all else that is planned, so that two threads share it.
fn stated(stack: &Stack, files: &[MountedFile], here: &Path) -> Vec<Connection> {
    let elsewhere = || {
        [files::derive(stack, files, here), command::derive(stack), healthcheck::derive(stack), labels::derive(stack)]
    };
    thread::scope(|scope| {
        let other = thread::Builder::new().spawn_scoped(scope, elsewhere);
        let environment = environment::derive(stack);
        let elsewhere = match other {
            Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => elsewhere(),
        };
        environment.into_iter().chain(elsewhere.into_iter().flatten()).collect()
    })
}

impl Connection {
    /// A connection of whose client nothing is known but that it must reach the target.
    #[must_use]
    pub fn new(from: Vantage, target: Target, origin: Origin) -> Self {
        Self {
            from,
            target,
            origin,
            published: None,
            expect: Expectation::Answers,
            wanted: Wanted::default(),
            readiness: Readiness::Ready,
            settings: Vec::new(),
            security: Security::default(),
            credentials: None,
        }
    }

    /// The services that it leads to: none where it leaves the stack.
    #[must_use]
    pub fn leads_to<'a>(&'a self, stack: &'a Stack) -> BTreeSet<&'a str> {
        services(stack, &self.from, &self.target, self.published.as_ref())
    }
}

/// The services that a target leads to from a vantage: none where it leaves the stack.
#[must_use]
pub fn services<'a>(
    stack: &'a Stack,
    from: &Vantage,
    target: &Target,
    published: Option<&'a Published>,
) -> BTreeSet<&'a str> {
    if let Some(published) = published {
        return [published.service.as_str()].into();
    }
    let asker = from.container().and_then(|id| stack.by_id(id));
    match hosts::place(stack, asker, &target.host) {
        Place::Containers(all) => all.into_iter().map(|container| container.service.as_str()).collect(),
        Place::Loopback => asker
            .map(|asker| served::beside(stack, asker, target.port))
            .into_iter()
            .flatten()
            .map(|container| container.service.as_str())
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// Whether this is a container of `docker compose run`: `shop-app-run-1f2e3d4c5b6a`.
#[must_use]
pub fn is_one_off(container: &Container) -> bool {
    let mut parts = container.name.rsplit(['-', '_']);
    let id = parts.next().unwrap_or_default();
    parts.next() == Some("run") && id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The vantage inside a container.
#[must_use]
pub fn vantage(container: &Container) -> Vantage {
    Vantage::Container {
        service: container.service.clone(),
        replica: container.scaled.then_some(container.number),
        id: container.id.clone(),
    }
}
