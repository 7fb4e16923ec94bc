//! What rules are given, and what they give back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::derive::hosts::publisher;
use crate::derive::served::beside;
use crate::observation::{Fact, Failure, FailureKind, Interface, Listener, Observation, PhaseName, Redirect, Survey};
use crate::plan::{Check, Origin, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, host_and_port, is_loopback};

/// Everything that one run learned.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The stack as it runs.
    pub stack: Stack,
    /// The checks and what was seen, in the order of the plan.
    pub checks: Vec<Seen>,
    /// What was seen of containers' network namespaces from inside, by the container's id.
    #[serde(default)]
    pub surveys: BTreeMap<String, Survey>,
    /// The same of the host that crosscheck runs on.
    #[serde(default)]
    pub host: Option<Survey>,
    /// The last lines of containers' logs, by id, oldest first: bounded, safe to print, without secrets.
    #[serde(default)]
    pub logs: BTreeMap<String, Fact<Vec<String>>>,
    /// When the named volumes that matter were made, RFC 3339, by the engine's name of the volume.
    #[serde(default)]
    pub volumes: BTreeMap<String, Fact<String>>,
    /// What the files declare now; `None` where none was changed since the containers were made.
    #[serde(default)]
    pub declared: Option<Fact<Declared>>,
    /// The containers, by id, whose state is another one after looking than it was before.
    #[serde(default)]
    pub changed: BTreeSet<String>,
    /// Why the engine did not answer when it was asked again what runs; then nobody knows what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<String>,
    /// Where the run is about a part of the stack alone: the services that were named.
    #[serde(default)]
    pub about: Option<BTreeSet<String>>,
}

/// What the compose files declare, where one of them is younger than a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// The services of the files, of all profiles.
    pub services: BTreeMap<String, DeclaredService>,
    /// The version of Compose that read them: another one may hash the same otherwise.
    pub version: String,
    /// The containers, by id, that were made before a file was changed.
    pub older: BTreeSet<String>,
    /// The names of the files that were changed, without their folders.
    pub changed: Vec<String>,
}

/// A service as the files declare it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredService {
    /// The hashes by which Compose would know a container that was made from this: with and without its `env_file`.
    pub hashes: BTreeSet<String>,
    /// What is known to differ from the service's first container, by name: `environment REDIS_URL`.
    pub differs: Vec<String>,
}

/// A check and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    /// What was planned.
    pub check: Check,
    /// The way that was taken: `host`, `netns`, `sidecar`; `None` where nobody looked.
    pub via: Option<String>,
    /// What was seen; `None` where nobody looked.
    pub observation: Option<Observation>,
    /// What it means.
    #[serde(skip)]
    pub verdict: Verdict,
    /// Why it was skipped or inconclusive.
    #[serde(skip)]
    pub reason: Option<String>,
    /// What fails it, where it fails for more than its redirects.
    #[serde(skip)]
    pub failure: Option<Failure>,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is as expected.
    Pass,
    /// It is not.
    Fail,
    /// There was nothing to look at.
    Skipped,
    /// It should have been looked at and could not be.
    #[default]
    Inconclusive,
}

/// A check, or a redirect within it, that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// The check.
    pub seen: &'a Seen,
    /// The redirect, where it is one that failed.
    pub redirect: Option<&'a Redirect>,
    /// How it failed.
    pub failure: &'a Failure,
}

/// Why something failed. Failures of one cause are told once: same rule, same subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What the cause is about, stable from run to run: `kafka`, `app -> mysql`. Part of the fingerprint.
    pub subject: String,
    /// The service whose configuration is to be changed.
    pub service: Option<String>,
    /// One sentence that holds for every check that this cause fails.
    pub message: String,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
    /// What to change.
    pub help: String,
}

impl Seen {
    /// A check that nobody has looked at yet.
    #[must_use]
    pub const fn of(check: Check) -> Self {
        Self { check, via: None, observation: None, verdict: Verdict::Inconclusive, reason: None, failure: None }
    }

    /// Where it stands that this connection must work, for messages: the variable's name, the port. What somebody only
    /// asked crosscheck to look at stands in a setting that nobody named.
    #[must_use]
    pub fn origin(&self) -> String {
        match (self.written(), self.check.origins.is_empty()) {
            (Some(origin), _) => origin.name.clone(),
            (None, true) => String::new(),
            (None, false) => format!("the setting that names {}", self.check.target.address()),
        }
    }

    /// The first origin that is a place in the stack's configuration.
    fn written(&self) -> Option<&Origin> {
        let elsewhere = [OriginKind::Declared, OriginKind::Label, OriginKind::Socket, OriginKind::DependsOn];
        self.check.origins.iter().find(|origin| !elsewhere.contains(&origin.kind))
    }
}

impl Failed<'_> {
    /// The ways in which it failed, for rules that hold for several.
    #[must_use]
    pub fn is(&self, kinds: &[FailureKind]) -> bool {
        kinds.contains(&self.failure.kind)
    }

    /// The redirect that failed, where it is one to a broker: other servers send their clients elsewhere too.
    #[must_use]
    pub fn broker(&self) -> Option<&Redirect> {
        self.redirect.filter(|_| self.seen.check.target.protocol == Protocol::Kafka)
    }

    /// The host that was tried.
    #[must_use]
    pub fn host(&self) -> &str {
        self.redirect.map_or(self.seen.check.target.host.as_str(), |redirect| redirect.host.as_str())
    }

    /// The port that was tried.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.redirect.map_or(self.seen.check.target.port, |redirect| redirect.port)
    }

    /// `host:port` that was tried.
    #[must_use]
    pub fn address(&self) -> String {
        match self.redirect {
            Some(redirect) => redirect.address(),
            None => self.seen.check.target.address(),
        }
    }

    /// The addresses that the host resolved to.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        self.observation().map_or(&[], |observation| observation.addresses.as_slice())
    }

    /// Whether the name that was tried has no address here.
    #[must_use]
    pub fn is_unnamed(&self) -> bool {
        self.is(&[FailureKind::NameNotFound, FailureKind::ResolverFailed])
    }

    /// What was seen of it.
    #[must_use]
    pub fn observation(&self) -> Option<&Observation> {
        self.redirect.map(|redirect| &redirect.observation).or(self.seen.observation.as_ref())
    }

    /// Whether the host means the asker itself, by its name or by what it resolved to.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host()) || (!self.addresses().is_empty() && self.addresses().iter().all(IpAddr::is_loopback))
    }

    /// The container that looked, where it was one.
    #[must_use]
    pub fn client<'a>(&self, facts: &'a Facts) -> Option<&'a Container> {
        facts.stack.by_id(self.seen.check.from.container()?)
    }

    /// The container that the failed address means from this vantage, whether or not it can be reached: the one behind
    /// a published port, the one of that name or address.
    #[must_use]
    pub fn server<'a>(&self, facts: &'a Facts) -> Option<&'a Container> {
        if let (None, Some(published)) = (self.redirect, &self.seen.check.published) {
            return facts.stack.by_id(&published.container);
        }
        if self.is_loopback() {
            return match self.redirected_port(facts) {
                Some((container, _)) => Some(container),
                None => self.neighbour(facts).or_else(|| self.client(facts)),
            };
        }
        self.addresses()
            .iter()
            .find_map(|&address| facts.stack.at_address(address))
            .or_else(|| self.host().parse().ok().and_then(|address| facts.stack.at_address(address)))
            .or_else(|| {
                if self.seen.check.from.is_machine() { None } else { facts.stack.named(self.host()).first().copied() }
            })
    }

    /// The one service that a client's own loopback means where others share its network namespace.
    fn neighbour<'a>(&self, facts: &'a Facts) -> Option<&'a Container> {
        let near = beside(&facts.stack, self.client(facts)?, self.port());
        let first = *near.first()?;
        near.iter().all(|other| other.service == first.service).then_some(first)
    }

    /// Where a redirect to a machine's own loopback leads: the container that publishes the port there, or would if it
    /// ran, and the port in it.
    fn redirected_port<'a>(&self, facts: &'a Facts) -> Option<(&'a Container, u16)> {
        let redirect = self.redirect?;
        let here = self.is_loopback() && self.seen.check.from.has_published(&facts.stack.engine);
        here.then(|| publisher(&facts.stack, redirect.port)).flatten()
    }

    /// The container that the check itself (not a redirect within it) leads to.
    #[must_use]
    pub fn first_server<'a>(&self, facts: &'a Facts) -> Option<&'a Container> {
        Failed { redirect: None, ..*self }.server(facts)
    }

    /// The container that asked and the one that was meant, where both are containers and not one and the same.
    #[must_use]
    pub fn pair<'a>(&self, facts: &'a Facts) -> Option<(&'a Container, &'a Container)> {
        let (client, server) = (self.client(facts)?, self.server(facts)?);
        (!facts.stack.share_namespace(client, server)).then_some((client, server))
    }

    /// The port in the server's namespace that the failed address leads to.
    #[must_use]
    pub fn server_port(&self, facts: &Facts) -> u16 {
        match (&self.redirect, &self.seen.check.published) {
            (None, Some(published)) => published.container_port,
            _ => self.redirected_port(facts).map_or_else(|| self.port(), |(_, port)| port),
        }
    }

    /// The same as [`Seen::origin`].
    #[must_use]
    pub fn origin(&self) -> String {
        self.seen.origin()
    }

    /// What to set so that the client looks for `host:port` instead, in the form in which its setting is written:
    /// `REDIS_URL to redis://cache:6379`.
    #[must_use]
    pub fn correction(&self, host: &str, port: u16) -> String {
        let target = &self.seen.check.target;
        let (old, new) = (target.address(), host_and_port(host, port));
        let Some(origin) = self.seen.written() else {
            let named =
                if self.seen.check.origins.is_empty() { String::new() } else { format!("{} to ", self.origin()) };
            return format!("{named}{new}");
        };
        let corrected = match origin.value.as_deref().filter(|value| !value.contains("***")) {
            Some(value) if value.contains(&old) => value.replacen(&old, &new, 1),
            Some(value) if value == target.host && port == target.port => host.to_owned(),
            Some(value) if value == target.host => format!("{host}, with port {port}"),
            Some(value) if value.contains(&target.host) && port == target.port => value.replacen(&target.host, host, 1),
            _ => new,
        };
        format!("{} to {corrected}", origin.name)
    }

    /// One line of evidence: who, where to, which phase, how it failed.
    #[must_use]
    pub fn evidence(&self) -> String {
        let check = &self.seen.check;
        let resolved = match self.addresses() {
            [] => String::new(),
            [only] if only.to_string() == self.host() => String::new(),
            [first, ..] => format!(" ({first})"),
        };
        let phase = match self.failure.phase {
            PhaseName::Resolve => "resolve",
            PhaseName::Connect => "connect",
            PhaseName::Tls => "TLS",
            PhaseName::Handshake => "handshake",
            PhaseName::Login => "login",
            PhaseName::Request => "request",
            PhaseName::RoundTrip => "round trip",
        };
        let to = match self.redirect {
            Some(redirect) => format!("{} sends it to {}{resolved}", check.target.address(), redirect.address()),
            None => format!("{}{resolved}", check.shown_target()),
        };
        format!("from {}: {to}: {phase}: {}", check.from, self.failure.detail)
    }
}

impl Facts {
    /// What listens in the namespace of a container, where that was looked at.
    #[must_use]
    pub fn listening(&self, container: &Container) -> Option<&[Listener]> {
        self.survey(container)?.listeners.present().map(Vec::as_slice)
    }

    /// The interfaces in the namespace of a container, where they were looked at.
    #[must_use]
    pub fn interfaces(&self, container: &Container) -> Option<&[Interface]> {
        self.survey(container)?.interfaces.present().map(Vec::as_slice)
    }

    /// The interfaces of the host, where they were looked at.
    #[must_use]
    pub fn host_interfaces(&self) -> Option<&[Interface]> {
        self.host.as_ref()?.interfaces.present().map(Vec::as_slice)
    }

    /// The last lines of a container's log, oldest first, where they could be read.
    #[must_use]
    pub fn log(&self, container: &Container) -> Option<&[String]> {
        self.logs.get(&container.id)?.present().map(Vec::as_slice)
    }

    /// The last line of a container's log that holds one of these words.
    #[must_use]
    pub fn logged(&self, container: &Container, words: &[&str]) -> Option<&str> {
        let holds = |line: &&String| words.iter().any(|word| line.contains(word));
        self.log(container)?.iter().rev().find(holds).map(String::as_str)
    }

    fn survey(&self, container: &Container) -> Option<&Survey> {
        self.surveys.get(&self.stack.namespace_owner(container).id)
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
