//! Connections that users declare: `app -> kafka://kafka:29092`, `app -/-> mysql://mysql:3306`.

mod error;

pub use self::error::DeclaredError;
use super::address::{self, Form};
use super::hosts::{self, Place};
use super::served::served;
use super::variable::Environment;
use super::{Connection, credentials, kafka_client, security, vantage};
use crate::catalog::catalog;
use crate::compose::Project;
use crate::nearest::nearest;
use crate::plan::{Credentials, Expectation, Origin, OriginKind, Published, Security, Tls, Vantage, Wanted};
use crate::stack::{Network, Stack};
use crate::target::{Protocol, Target};
use crate::text;

/// The name of the origin of declared connections.
const OPTION: &str = "--expect";

/// A connection that a user declares.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The place to look from, as it was written.
    pub from: String,
    /// The target, as it was written. May hold credentials.
    pub to: String,
    /// Whether it must answer.
    pub expect: Expectation,
    /// What is wanted of the answer.
    pub wanted: Wanted,
    /// What says so; its value is filled in.
    pub origin: Origin,
}

impl Declared {
    /// What `--expect` was given.
    ///
    /// # Errors
    ///
    /// Says what to write instead.
    pub fn option(text: &str) -> Result<Self, DeclaredError> {
        Self::arrow(text, Origin::new(OriginKind::Declared, OPTION.into(), None))
    }

    /// An expectation in one line: `app -> kafka://kafka:29092`, `app -/-> db:3306`.
    ///
    /// # Errors
    ///
    /// Says what to write instead.
    pub fn arrow(text: &str, origin: Origin) -> Result<Self, DeclaredError> {
        let (from, to, expect) = arrow(text)?;
        Ok(Self { from: from.into(), to: to.into(), expect, wanted: Wanted::default(), origin })
    }

    /// The connections that it means: a service with several containers gives one for each.
    ///
    /// # Errors
    ///
    /// Says what cannot be understood, and what to write instead.
    pub fn derive(&self, stack: &Stack) -> Result<Vec<Connection>, DeclaredError> {
        let to = self.to.as_str();
        let (target, credentials) = target_and_credentials(stack, to)?;
        let sign = if self.expect == Expectation::Closed { "-/->" } else { "->" };
        let shown = format!("{} {sign} {}", self.from.trim(), address::shown(to, &address::parse(to)));
        let origin = Origin { value: Some(text::line(&shown, 256)), ..self.origin.clone() };
        let of_vantage = |vantage: Vantage| {
            let (security, settings) = secured(stack, &vantage, &target, to);
            Connection {
                published: published(stack, &vantage, &target),
                expect: self.expect,
                wanted: self.wanted.clone(),
                security,
                settings,
                credentials: credentials.clone(),
                ..Connection::new(vantage, target.clone(), origin.clone())
            }
        };
        Ok(vantages(stack, &self.from)?.into_iter().map(of_vantage).collect())
    }
}

/// The connections that `--expect` declares, in their order. `project` is what the files say.
///
/// # Errors
///
/// Says which expectation cannot be understood, and what to write instead.
pub fn derive(
    stack: &Stack,
    expectations: &[String],
    project: Option<&Project>,
) -> Result<Vec<Connection>, DeclaredError> {
    let each = expectations.iter().map(|text| {
        let found = Declared::option(text)?.derive(stack)?;
        found.iter().try_for_each(|connection| spelt(connection, stack, project))?;
        Ok(found)
    });
    Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
}

/// Whether a target's host is what it seems to be: a name that nobody has and that is nearly a service's is a slip. Other names
/// that nobody has are what such a check finds. Where more may answer than the stack knows, as on the host and on networks of
/// others, nothing is said; nor of a name that is not to exist.
///
/// # Errors
///
/// Names the service that was probably meant.
pub fn spelt(connection: &Connection, stack: &Stack, project: Option<&Project>) -> Result<(), DeclaredError> {
    let host = connection.target.host.as_str();
    let asker = match &connection.from {
        Vantage::Host | Vantage::Engine => return Ok(()),
        from => from.container().and_then(|id| stack.by_id(id)),
    };
    let others = project.map(Project::names).unwrap_or_default();
    let attached = asker.map(|asker| stack.namespace_owner(asker)).into_iter().flat_map(|asker| &asker.attachments);
    let network = match &connection.from {
        Vantage::Network { name, .. } => Some(name.as_str()),
        _ => None,
    };
    let mut networks = attached.map(|at| at.network.as_str()).chain(network);
    let external = |network: &Network| {
        let key = network.key.as_ref();
        key.is_none_or(|key| project.and_then(|it| it.networks.get(key)).is_some_and(|declared| declared.external))
    };
    let knows_others = asker.is_some_and(|asker| stack.namespace_owner(asker).on_host_network())
        || networks.any(|name| stack.network(name).is_none_or(external));
    let must_not_exist = connection.target.protocol == Protocol::Dns && connection.expect == Expectation::Closed;
    let nobody = matches!(hosts::place(stack, asker, host), Place::Nobody) && !others.contains(&host);
    if !nobody || knows_others || must_not_exist {
        return Ok(());
    }
    let services = stack.services();
    // `redis2` beside `redis` is another one, and no mistake.
    let letters = |name: &str| name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    match nearest(host, services.iter().copied().chain(others.iter().copied())) {
        Some(near) if letters(near) == letters(host) => Ok(()),
        Some(near) => Err(DeclaredError::UnknownService { name: name_told(host), near: near.to_owned() }),
        None => Ok(()),
    }
}

/// How whoever looks from there secures a connection that says TLS, or SASL, by its scheme.
fn secured(stack: &Stack, from: &Vantage, target: &Target, written: &str) -> (Security, Vec<(String, String)>) {
    let scheme = written.trim().split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    let (tls, sasl) = match target.protocol {
        Protocol::Https => (Tls::Required, None),
        Protocol::Redis if catalog().of_scheme(&scheme).is_some_and(|(_, tls)| tls) => (Tls::Required, None),
        Protocol::Kafka => kafka_client::of_protocol(&scheme),
        _ => (Tls::Unsaid, None),
    };
    // A mechanism that nobody names is the one that is found there.
    let mechanism = (sasl == Some(true)).then(String::new);
    if tls != Tls::Required {
        return (Security { tls, mechanism, ..Security::default() }, Vec::new());
    }
    // As a variable with such an address says it.
    let said = (target.protocol == Protocol::Redis).then(|| ("tls".to_owned(), "true".to_owned()));
    let variables = from.container().and_then(|id| stack.by_id(id)).map(|container| &container.environment);
    let (more_authorities, file) =
        variables.map(|variables| security::of_container(&Environment::new(variables))).unwrap_or_default();
    let settings = said.into_iter().chain(file.map(|file| (security::AUTHORITIES.to_owned(), file))).collect();
    (Security { tls, more_authorities, mechanism, ..Security::default() }, settings)
}

fn arrow(text: &str) -> Result<(&str, &str, Expectation), DeclaredError> {
    let (from, to, expect) = match (text.split_once("-/->"), text.split_once("->")) {
        (Some((from, to)), _) => (from, to, Expectation::Closed),
        (None, Some((from, to))) => (from, to, Expectation::Answers),
        (None, None) => return Err(DeclaredError::Arrow(told(text))),
    };
    match (from.trim(), to.trim()) {
        ("", _) | (_, "") => Err(DeclaredError::Arrow(told(text))),
        (from, _) if from.rsplit(' ').next().is_some_and(is_arrow) => Err(DeclaredError::Arrow(told(text))),
        (from, to) => Ok((from, to, expect)),
    }
}

/// What a user wrote, as an error may repeat it: nothing of it where a secret may be in it.
fn told(text: &str) -> String {
    let word = |word: &str| {
        let (scheme, rest) = word.split_once("://").map_or((None, word), |(scheme, rest)| (Some(scheme), rest));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_port = |part: &str| {
            let port = part.rsplit_once(':').map_or("", |(_, port)| port);
            port.bytes().all(|byte| byte.is_ascii_digit())
        };
        let plain = !word.contains(['@', '?', '#', '=', '&', ';', '%']) && authority.split(',').all(is_port);
        let shown = if plain { authority } else { "***" };
        let path = if plain && !path.is_empty() { "/…" } else { "" };
        scheme.map_or_else(|| format!("{shown}{path}"), |scheme| format!("{scheme}://{shown}{path}"))
    };
    // A password may have blanks in it, so that what stands beside a secret is none of it hidden alone.
    if text.contains('@') && text.contains(char::is_whitespace) && !text.contains("->") {
        return "***".into();
    }
    text::line(
        &text
            .split(' ')
            .map(|part| if is_arrow(part) { part.to_owned() } else { word(part) })
            .collect::<Vec<_>>()
            .join(" "),
        120,
    )
}

/// Whether a word is an arrow, or was meant as one: `=>`, `-->`.
fn is_arrow(word: &str) -> bool {
    (1..=4).contains(&word.len()) && word.chars().all(|c| matches!(c, '-' | '=' | '/' | '>' | '<' | '~' | '→'))
}

/// A name that a user wrote, as an error may repeat it: what no service and no network can be called may be a secret.
fn name_told(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '#' | ':');
    if name.len() <= 64 && name.chars().all(fits) { name.to_owned() } else { "***".into() }
}

/// A target as a user writes it: a URL, or `host:port` where the stack says what is spoken there.
///
/// # Errors
///
/// Says what is missing or not understood.
pub fn target(stack: &Stack, text: &str) -> Result<Target, DeclaredError> {
    target_and_credentials(stack, text).map(|(target, _)| target)
}

/// As [`target`], with the credentials that stand in the URL.
///
/// # Errors
///
/// Says what is missing or not understood.
pub fn target_and_credentials(stack: &Stack, text: &str) -> Result<(Target, Option<Credentials>), DeclaredError> {
    let text = text.trim();
    let unusable = || {
        let wrong = if has_no_port_number(text) { DeclaredError::PortNumber } else { DeclaredError::Target };
        wrong(told(text))
    };
    let mut addresses = address::parse(text).into_iter();
    let (Some(address), None) = (addresses.next(), addresses.next()) else { return Err(unusable()) };
    let protocol = match (&address.form, address.scheme.as_deref()) {
        (Form::Url, Some(scheme)) => Some(scheme),
        (Form::HostPort, _) => None,
        (Form::Host, _) => return Err(DeclaredError::Port(told(text))),
        _ => return Err(unusable()),
    };
    let (protocol, default_port) = match protocol {
        Some(scheme) => spoken(scheme)?,
        None => (address.port.map_or(Protocol::Tcp, |port| spoken_at(stack, &address.host, port)), None),
    };
    // Of a name alone, a port says nothing.
    let written = address.port.filter(|_| protocol != Protocol::Dns);
    let port = written.or(default_port).ok_or_else(|| DeclaredError::Port(told(text)))?;
    let mut target = Target::new(protocol, address.host.clone(), port);
    target.path = match protocol {
        Protocol::Http | Protocol::Https => path(text),
        Protocol::Mysql | Protocol::Postgres | Protocol::Amqp => address.database.clone(),
        Protocol::Redis => credentials::redis_database(address.database.as_deref()),
        Protocol::Tcp
        | Protocol::Kafka
        | Protocol::Memcached
        | Protocol::Nats
        | Protocol::Zookeeper
        | Protocol::Mongodb
        | Protocol::Grpc
        | Protocol::Dns => None,
    };
    Ok((target, address.credentials))
}

/// Whether what is written as the port of one address is a number, and none of a port.
fn has_no_port_number(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.contains(',')).map_or("", |(_, port)| port);
    let number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    number && port.parse::<u16>().ok().is_none_or(|port| port == 0)
}

/// The protocol of a scheme and its own port.
fn spoken(scheme: &str) -> Result<(Protocol, Option<u16>), DeclaredError> {
    if let Some(protocol) = Protocol::ALL.iter().find(|protocol| protocol.scheme() == scheme) {
        return Ok((*protocol, protocol.default_port()));
    }
    // In variables `ssl://` may be anything's; whoever declares a connection has Kafka's four security protocols.
    if scheme == "ssl" {
        return Ok((Protocol::Kafka, catalog().of_scheme("kafka").and_then(|(kafka, _)| kafka.default_port)));
    }
    if let Some((technology, tls)) = catalog().of_scheme(scheme) {
        // What is spoken over TLS, and by which probe.
        let secured = tls && technology.protocol() != Protocol::Redis;
        return Ok((if secured { Protocol::Tcp } else { technology.protocol() }, technology.default_port));
    }
    let known = catalog().technologies().iter().flat_map(|technology| &technology.schemes).map(String::as_str);
    let known = known.chain(Protocol::ALL.iter().map(|protocol| protocol.scheme()));
    Err(DeclaredError::Scheme { scheme: scheme.to_owned(), hint: hint(nearest(scheme, known)) })
}

/// What is spoken at `host:port`, by the image of the container that is meant.
fn spoken_at(stack: &Stack, host: &str, port: u16) -> Protocol {
    let behind = match hosts::place(stack, None, host) {
        Place::Containers(containers) => containers.first().map(|container| (*container, port)),
        Place::Loopback | Place::Gateway => hosts::publisher(stack, port),
        Place::Network | Place::Nobody | Place::Outside => None,
    };
    behind.map_or(Protocol::Tcp, |(container, port)| served(container, port).protocol)
}

/// Path and query of a URL, as the user wrote them; the fragment never leaves a client.
fn path(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let rest = rest.split('#').next()?;
    let path = &rest[rest.find(['/', '?'])?..];
    match path {
        "/" => None,
        path if path.starts_with('?') => Some(format!("/{path}")),
        path => Some(path.to_owned()),
    }
}

/// The published port behind a target that the host looks at. With a path of the user's own it is another question than
/// whether the port is served, and stays apart.
fn published(stack: &Stack, from: &Vantage, target: &Target) -> Option<Published> {
    let asker = from.container().and_then(|id| stack.by_id(id));
    if !from.is_machine() && !asker.is_some_and(crate::stack::Container::on_host_network) {
        return None;
    }
    if matches!(target.protocol, Protocol::Http | Protocol::Https) && target.path.is_some() {
        return None;
    }
    let Place::Loopback = hosts::place(stack, None, &target.host) else { return None };
    let (container, container_port) = hosts::publisher(stack, target.port)?;
    Some(Published { container: container.id.clone(), service: container.service.clone(), container_port })
}

/// The places that `host`, `engine`, `app`, `app#2` or `network:backend` mean; a service with several containers means
/// each. A service that is called `engine` is meant before the engine itself.
///
/// # Errors
///
/// Names what exists, and what was probably meant.
pub fn vantages(stack: &Stack, text: &str) -> Result<Vec<Vantage>, DeclaredError> {
    let text = text.trim();
    if text == "host" {
        return Ok(vec![Vantage::Host]);
    }
    if let Some(name) = text.strip_prefix("network:") {
        return network(stack, name.trim()).map(|found| vec![found]);
    }
    let (service, replica) = match text.split_once('#') {
        Some((service, number)) => (service, Some(number)),
        None => (text, None),
    };
    let containers: Vec<_> = stack.of_service(service).collect();
    if containers.is_empty() {
        if text == "engine" {
            return Ok(vec![Vantage::Engine]);
        }
        let services = stack.services();
        let mut known = vec!["host", "engine"];
        known.extend(&services);
        return Err(DeclaredError::UnknownVantage {
            name: name_told(text),
            hint: hint(nearest(service, known.iter().copied())),
            known: text::list(&known),
        });
    }
    let Some(number) = replica else { return Ok(containers.into_iter().map(vantage).collect()) };
    match containers.iter().find(|container| number.parse() == Ok(container.number)) {
        Some(container) => Ok(vec![vantage(container)]),
        None => Err(DeclaredError::UnknownReplica {
            service: service.to_owned(),
            number: text::line(number, 20),
            known: text::list(&containers.iter().map(|container| container.number.to_string()).collect::<Vec<_>>()),
        }),
    }
}

fn network(stack: &Stack, name: &str) -> Result<Vantage, DeclaredError> {
    if let Some(network) = stack.network(name) {
        return Ok(Vantage::Network { name: name.to_owned(), id: network.id.clone() });
    }
    let known: Vec<_> = stack.networks.iter().map(|network| network.key.as_deref().unwrap_or(&network.name)).collect();
    Err(DeclaredError::UnknownNetwork {
        name: name_told(name),
        hint: hint(nearest(name, known.iter().copied())),
        known: if known.is_empty() { "none".into() } else { text::list(&known) },
    })
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
