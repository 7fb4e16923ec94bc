//! From connections to checks: what is the same is one check with all its origins, and the state of containers says
//! what can be looked at.

use std::collections::BTreeMap;

use super::{Check, Credentials, Expectation, Leads, Origin, OriginKind, Published, Readiness, Security, Tls, Vantage};
use crate::derive::hosts::{Place, place};
use crate::derive::unencoded::UNREADABLE;
use crate::derive::{self, Connection};
use crate::stack::{Container, PublishedAt, Stack, Status};
use crate::target::{Protocol, Target};
use crate::text;

/// What narrows a run. What its command line declares stays in it.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    /// Only checks that start at or lead to one of these; empty means all.
    pub services: Vec<Vantage>,
    /// Only checks from these.
    pub from: Vec<Vantage>,
    /// Only checks whose target, or its `host:port`, matches one of these globs.
    pub to: Vec<String>,
}

/// Makes the plan: one check for each identity, by vantage and address.
#[must_use]
pub fn build(stack: &Stack, connections: Vec<Connection>, narrow: &Narrow) -> Vec<Check> {
    let mut checks: BTreeMap<(Vantage, String), Check> = BTreeMap::new();
    for connection in connections {
        let mut id = identity(stack, &connection);
        let mut key = (connection.from.clone(), id.clone());
        // Two protocols at one address are two things that must work, and so are two logins; plain TCP is what any other
        // proves as well.
        if let Some(known) = checks.get(&key) {
            if differ(known.target.protocol, connection.target.protocol) {
                id = id.replacen(&connection.target.address(), &connection.target.to_string(), 1);
            } else if other_login(known, &connection) {
                id = format!("{id} by {}", connection.origin.name);
            }
            key.1.clone_from(&id);
        }
        // Only those of the same vantage: a large stack has thousands.
        let mut of_vantage = checks
            .range((connection.from.clone(), String::new())..)
            .take_while(|((from, _), _)| *from == connection.from);
        if let Some(more) = of_vantage.find(|(_, known)| says_less(&connection, known)) {
            key = more.0.clone();
        }
        match checks.get_mut(&key) {
            Some(check) => merge(check, connection),
            None => {
                checks.insert(key, check(stack, id, connection));
            }
        }
    }
    let mut checks: Vec<Check> = checks.into_values().collect();
    for check in &mut checks {
        check.origins.sort();
        check.origins.dedup();
        // What a user has written outranks what was derived.
        check.origins.sort_by_key(|origin| origin.kind);
        check.leads = leads(stack, check);
        if check.credentials.is_some() && !is_ours(stack, check) {
            check.credentials = None;
            check.settings.push(("credentials".into(), "withheld".into()));
        }
    }
    super::accounts::relate(stack, &mut checks);
    checks.retain(|check| narrow.keeps(stack, check));
    checks
}

/// Whether a command, a healthcheck or the like leads where a check leads that knows more of it: the login, the database.
fn says_less(connection: &Connection, known: &Check) -> bool {
    let elsewhere = [OriginKind::Environment, OriginKind::Declared, OriginKind::Published];
    // A page that a user asks for says nothing of what any client gets.
    let is_page = matches!(known.target.protocol, Protocol::Http | Protocol::Https)
        && known.target.path.is_some()
        && known.origins.iter().all(|origin| origin.kind == OriginKind::Declared);
    !is_page
        && !elsewhere.contains(&connection.origin.kind)
        && connection.credentials.is_none()
        && connection.target.path.is_none()
        && known.from == connection.from
        && known.expect == connection.expect
        && known.target.protocol == connection.target.protocol
        && (known.target.port, &known.target.host) == (connection.target.port, &connection.target.host)
        && unreadable(&known.settings).is_none()
}

fn differ(one: Protocol, other: Protocol) -> bool {
    one != other && one != Protocol::Tcp && other != Protocol::Tcp
}

/// The settings of a client that decide how it logs in.
const LOGIN_SETTINGS: [&str; 4] = ["useSSL", "sslMode", "allowPublicKeyRetrieval", "tls"];

/// Whether a connection logs in in another way than the one that is planned already, so that neither proves the other.
fn other_login(known: &Check, connection: &Connection) -> bool {
    let said = |name: &str| {
        connection.settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    if unreadable(&known.settings) != unreadable(&connection.settings) {
        return true;
    }
    // Of Redis, TLS is a matter of the port: who speaks it there and who surely does not cannot both be right.
    let tls = [known.security.tls, connection.security.tls];
    if known.target.protocol == Protocol::Redis && tls.contains(&Tls::Required) && tls.contains(&Tls::Off) {
        return true;
    }
    if let (Some(one), Some(other)) = (&known.credentials, &connection.credentials) {
        return one != other
            || known.security != connection.security
            || LOGIN_SETTINGS.iter().any(|name| known.setting(name) != said(name));
    }
    // Of two Kafka clients that both say how they connect, neither proves the other.
    let protocols = (known.security.kafka_protocol(), connection.security.kafka_protocol());
    known.target.protocol == Protocol::Kafka
        && connection.origin.kind.is_setting()
        && matches!(protocols, (Some(one), Some(other)) if one != other)
}

/// Why the address of a connection cannot be read for sure, where it cannot.
fn unreadable(settings: &[(String, String)]) -> Option<&str> {
    settings.iter().find(|(name, _)| name == UNREADABLE).map(|(_, reason)| reason.as_str())
}

impl Narrow {
    fn keeps(&self, stack: &Stack, check: &Check) -> bool {
        let all = self.services.is_empty() && self.from.is_empty() && self.to.is_empty();
        if all || check.origins.iter().any(Origin::is_of_this_run) {
            return true;
        }
        let (place, _) = check.place(stack);
        let near = |vantage: &Vantage| *vantage == check.from || vantage.container() == Some(place.as_str());
        let at = [check.target.to_string(), check.shown_target(), check.target.address(), check.target.host.clone()];
        let fits = |glob: &String| at.iter().any(|text| wildmatch::WildMatch::new(glob).matches(text));
        (self.services.is_empty() || self.services.iter().any(near))
            && (self.from.is_empty() || self.from.contains(&check.from))
            && (self.to.is_empty() || self.to.iter().any(fits))
    }
}

/// The check's name from run to run.
fn identity(stack: &Stack, connection: &Connection) -> String {
    let from = connection.from.identity();
    let arrow = match connection.expect {
        Expectation::Answers => "->",
        Expectation::Closed => "-/->",
    };
    if let (Some(published), OriginKind::Published) = (&connection.published, connection.origin.kind) {
        return format!("{from} {arrow} {}", published_identity(stack, published, &connection.target));
    }
    let target = &connection.target;
    let path = match (target.protocol, connection.origin.kind, &target.path) {
        (Protocol::Http | Protocol::Https, OriginKind::Declared, Some(path)) if path != "/" => path.as_str(),
        _ => "",
    };
    format!("{from} {arrow} {}{path}", target.identity())
}

/// A published port is known by its container's port: the host's may be another one each time. The host's side is said
/// only where there are several, and fixed.
fn published_identity(stack: &Stack, published: &Published, target: &Target) -> String {
    let container = stack.by_id(&published.container);
    let label = container.map_or_else(|| published.service.clone(), Container::label);
    let wanted = container.map_or(&[][..], |container| &container.wanted_ports);
    let fixed =
        wanted.iter().filter(|port| port.container_port == published.container_port && port.host_port.is_some());
    let which = if fixed.count() > 1 { format!(" as {}", target.address()) } else { String::new() };
    let family = if which.is_empty() && target.host.contains(':') { " on IPv6" } else { "" };
    format!("{label}:{} (published){which}{family}", published.container_port)
}

fn check(stack: &Stack, id: String, connection: Connection) -> Check {
    let known = match &connection.readiness {
        Readiness::Ready => readiness(stack, &connection),
        known => known.clone(),
    };
    let readiness = match (known, unreadable(&connection.settings)) {
        (Readiness::Ready, Some(reason)) => Readiness::Cannot(reason.to_owned()),
        (readiness, _) => readiness,
    };
    Check {
        id,
        from: connection.from,
        target: connection.target,
        origins: vec![connection.origin],
        expect: connection.expect,
        wanted: connection.wanted,
        published: connection.published,
        leads: Leads::default(),
        readiness,
        settings: connection.settings,
        security: connection.security,
        credentials: connection.credentials,
    }
}

/// The same connection from another origin: the one that knows more gives protocol, path and credentials.
fn merge(check: &mut Check, connection: Connection) {
    if check.target.protocol == Protocol::Tcp && connection.target.protocol != Protocol::Tcp {
        check.target = connection.target;
    } else if check.target.path.is_none() && check.target.protocol == connection.target.protocol {
        check.target.path = connection.target.path;
    }
    let knows = |credentials: &Option<Credentials>| credentials.as_ref().is_some_and(|c| c.password.is_some());
    if !knows(&check.credentials) && connection.credentials.is_some() {
        check.credentials = connection.credentials;
    }
    for (name, value) in connection.settings {
        if check.setting(&name).is_none() {
            check.settings.push((name, value));
        }
    }
    // Whoever declares a connection says with its scheme that TLS is spoken, and nothing of what the client verifies.
    let declared = check.origins.iter().all(|origin| origin.kind == OriginKind::Declared);
    if check.security == Security::default() || (declared && check.security.tls == connection.security.tls) {
        check.security = connection.security;
    }
    check.wanted.add(connection.wanted);
    check.origins.push(connection.origin);
}

/// Whom a check leads to.
fn leads(stack: &Stack, check: &Check) -> Leads {
    let services = derive::services(stack, &check.from, &check.target, check.published.as_ref());
    let mut services: Vec<_> = services.into_iter().map(str::to_owned).collect();
    if let (Vantage::Container { service, .. }, true, true) =
        (&check.from, services.is_empty(), check.target.is_loopback())
    {
        services.push(service.clone());
    }
    let fixed = |published: &Published| {
        let wanted = stack.by_id(&published.container).map_or(&[][..], |container| &container.wanted_ports);
        let mut of_port = wanted.iter().filter(|port| port.container_port == published.container_port);
        of_port.any(|port| port.host_port == Some(check.target.port))
    };
    let promised = check.origins.iter().any(|origin| origin.kind == OriginKind::Published);
    Leads { services, port_chosen: promised && check.published.as_ref().is_some_and(|published| !fixed(published)) }
}

/// State is judged before any way in is tried.
fn readiness(stack: &Stack, connection: &Connection) -> Readiness {
    if let Vantage::Container { id, .. } = &connection.from {
        return stack.by_id(id).map_or(Readiness::Ready, |container| stands(stack, container));
    }
    let Some(published) = &connection.published else { return Readiness::Ready };
    if connection.target.port == 0 {
        return Readiness::Cannot("the engine chooses its port when it starts".into());
    }
    if connection.from == Vantage::Host {
        if let PublishedAt::Unknown(reason) = &stack.engine.published_at {
            return Readiness::Cannot(format!("published ports cannot be looked at from here: {reason}"));
        }
        if matches!(stack.engine.published_at, PublishedAt::Host(_)) && connection.target.is_loopback() {
            return Readiness::Cannot(
                "it is published on the loopback of the engine's machine, which is not this one".into(),
            );
        }
    }
    match stack.by_id(&published.container) {
        Some(container) if container.is_finished() => Readiness::Skip(format!("{} has finished", container.label())),
        Some(container) if container.state.status == Status::Paused => {
            Readiness::Skip(format!("{} is paused", container.label()))
        }
        _ => Readiness::Ready,
    }
}

fn stands(stack: &Stack, container: &Container) -> Readiness {
    let label = container.label();
    let code = container.state.exit_code;
    match container.state.status {
        Status::Running
            if container.joins().is_some_and(|id| stack.by_id(id).is_some_and(|owner| !owner.is_running())) =>
        {
            Readiness::Cannot(format!("{label} shares the network of a container that does not run"))
        }
        Status::Running => Readiness::Ready,
        Status::Paused => Readiness::Skip(format!("{label} is paused")),
        Status::Exited if container.is_finished() => Readiness::Skip(format!("{label} has finished (exit code 0)")),
        Status::Exited => {
            Readiness::Cannot(format!("{label} has ended (exit code {code}), so nobody can look from inside it"))
        }
        Status::Restarting => {
            Readiness::Cannot(format!("{label} is restarting (exit code {code}), so nobody can look from inside it"))
        }
        Status::Created if container.state.error.is_empty() => Readiness::Cannot(format!("{label} was never started")),
        Status::Created => {
            Readiness::Cannot(format!("{label} could not be started: {}", text::line(&container.state.error, 200)))
        }
        Status::Removing | Status::Dead => Readiness::Cannot(format!("{label} is being removed")),
    }
}

/// Credentials go only to a peer that is a container of this stack. On the host's own loopback that is who publishes the port,
/// or perhaps another container that is there too.
fn is_ours(stack: &Stack, check: &Check) -> bool {
    let asker = check.from.container().and_then(|id| stack.by_id(id));
    let on_host = |container: &Container| stack.namespace_owner(container).on_host_network();
    check.published.is_some()
        || match place(stack, asker, &check.target.host) {
            Place::Containers(_) => true,
            Place::Loopback => asker.is_some_and(|asker| {
                !on_host(asker) || stack.containers.iter().any(|other| other.id != asker.id && on_host(other))
            }),
            _ => false,
        }
}
