//! Connections that settings ask for, wherever they stand: a variable, an option of a command, a key of a file.
//!
//! A setting is asked, in this order: is it about something else? is it a setting of this very server? is it switched off?
//! Then its value must be an address as a whole ([`super::address`]), its host must be somebody whom the stack means
//! ([`super::hosts`]), and its port must be known. Whatever fails one of these yields nothing.

use std::collections::BTreeSet;

use super::address::{self, Address, Form};
use super::asked::Asked;
use super::credentials;
use super::hosts::{self, Place};
use super::kafka_names;
use super::meaning::Meaning;
use super::served::{beside, served, serves, technology};
use super::variable::{Environment, Variable};
use super::{Connection, command, daemons, kafka_client, misspelt, outside, security, shared, unencoded, vantage};
use crate::catalog::{Known, Particular, Role, catalog};
use crate::plan::{Location, Origin, OriginKind, Published, TLS_BY_DEFAULT};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target, is_loopback};
use crate::text;

/// A setting of a client.
#[derive(Clone)]
pub struct Setting<'a> {
    /// Its name, in any spelling: `spring.kafka.bootstrap-servers`.
    pub name: &'a str,
    /// Its value.
    pub value: &'a str,
    /// Where it stands, where that is known already.
    pub location: Option<Location>,
}

/// A setting of which more is known than its name says: of a file, or among others within a variable.
pub struct Stated<'a> {
    /// Its name, by which what belongs to it is looked for beside it, its value and its place.
    pub setting: Setting<'a>,
    /// What its origin is called.
    pub title: &'a str,
    /// Whether its value is an address by what is known of the file, whatever its name says.
    pub certain: bool,
    /// The variable that it means the same as, by the catalogue's spelling.
    pub read_as: Option<&'a str>,
    /// The container's variables that gave parts of its value.
    pub given_by: &'a [String],
}

/// JDBC parameters that decide how MySQL's driver logs in.
const MYSQL_PARAMETERS: &[&str] =
    &["useSSL", "sslMode", "allowPublicKeyRetrieval", "serverRSAPublicKeyFile", "createDatabaseIfNotExist"];

/// Kafka's security protocols, as schemes.
const SECURITY_PROTOCOLS: &[&str] = &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];

/// UDP ports that people write like any other: statsd, syslog, Jaeger's agent, GELF, NTP, SNMP.
const UDP_PORTS: &[u16] = &[123, 161, 514, 5775, 6831, 6832, 8125, 12201];

/// Whether a scheme names UDP, of which no look can say whether it arrives.
fn is_datagram(scheme: &str) -> bool {
    scheme.split(['+', '.', '-']).any(|word| matches!(word, "udp" | "udp4" | "udp6" | "statsd" | "gelf"))
}

/// Every connection that settings of a container ask for, in their order. `beside` is what else is set for the same client,
/// where ports, passwords and switches are looked for.
#[must_use]
pub fn derive(
    stack: &Stack,
    container: &Container,
    settings: &[Setting],
    beside: &Environment,
    kind: OriginKind,
) -> Vec<Connection> {
    let stated: Vec<_> = settings.iter().map(Stated::by_name).collect();
    self::stated(stack, container, &stated, beside, kind)
}

/// As [`derive()`], of settings of which more is known.
#[must_use]
pub fn stated(
    stack: &Stack,
    container: &Container,
    settings: &[Stated],
    beside: &Environment,
    kind: OriginKind,
) -> Vec<Connection> {
    let mut found = Vec::new();
    for stated in settings {
        let setting = &stated.setting;
        let variable = Variable::new(setting.name);
        let name = stated.read_as.unwrap_or(&variable.name);
        let known = catalog().of_variable(name);
        let particular = known.and_then(|known| known.particular(name));
        if particular.is_some_and(|particular| is_void(particular, beside)) {
            continue;
        }
        let certain = stated.certain || particular.is_some_and(|particular| particular.certain);
        let listed = known.is_some_and(|known| known.exact);
        let is_tool = || is_of_a_tool(stack, container, setting.value, listed);
        let elsewhere = variable.is_for_browsers()
            || (is_about_something_else((stack, container), &variable, setting.value, known) && !is_tool());
        let of_others = (!stated.certain && shared::is_of_others(stack, container, setting, known))
            || (certain && daemons::is_of_another(container, &variable.name));
        if (elsewhere && !certain) || of_others || beside.is_switched_off(&variable) {
            continue;
        }
        let asked = Asked { stack, container, environment: beside, variable: &variable, known, certain };
        let labelled = particular.filter(|it| it.labelled).map(|_| address::without_labels(setting.value));
        let setting = &Setting { value: labelled.as_deref().unwrap_or(setting.value), ..setting.clone() };
        let of_this = of_setting(&asked, setting, stated.title, kind);
        let given = stated.given_by.iter().flat_map(|name| given(container, name, &of_this));
        let given: Vec<_> = given.collect();
        found.extend(of_this.into_iter().chain(given));
    }
    name_topics(&mut found, container, beside);
    found
}

/// Whether other variables say that a client does not use this one.
fn is_void(particular: &Particular, beside: &Environment) -> bool {
    particular.unless.iter().any(|other| beside.get(other).is_some())
        || particular.only.iter().any(|(other, glob)| beside.get(other).is_some_and(|value| !glob.matches(value)))
}

/// The connections of a setting that surely is a client's, whatever the container is: an option of a program that connects.
/// What it leads to is `known`, and `variable` is the name by which what belongs to it is found in `beside`.
#[must_use]
pub fn of_client(
    (stack, container): (&Stack, &Container),
    setting: &Setting,
    (variable, known): (&Variable, Option<Known>),
    beside: &Environment,
    kind: OriginKind,
) -> Vec<Connection> {
    let asked = Asked { stack, container, environment: beside, variable, known, certain: false };
    of_setting(&asked, setting, setting.name, kind)
}

impl<'a> Stated<'a> {
    /// A setting of which nothing but its name is known.
    fn by_name(setting: &'a Setting<'a>) -> Self {
        let Setting { name, value, location } = setting;
        let setting = Setting { name, value, location: location.clone() };
        Self { setting, title: name, certain: false, read_as: None, given_by: &[] }
    }
}

/// `title` is what the origin is called.
fn of_setting(asked: &Asked, setting: &Setting, title: &str, kind: OriginKind) -> Vec<Connection> {
    let Setting { name, value, location } = setting;
    // Some clients trim such a value and others look for a host with a blank in its name: nobody can say which.
    // A descriptor ends with its bracket.
    if value.trim() != *value && !value.trim_end().ends_with(')') {
        return Vec::new();
    }
    let mut addresses = address::parse(value);
    if let Some(mut unsure) = unencoded::connection(asked.stack, asked.container, (title, value), !addresses.is_empty())
    {
        (unsure.origin.kind, unsure.origin.location) = (kind, location.clone());
        return vec![unsure];
    }
    let passed_on = kind == OriginKind::File && PASSED_ON.contains(name);
    let shown = if passed_on { address::shown(value, &addresses) } else { shown(name, value, &addresses) };
    addresses.retain(|address| !address.scheme.as_deref().is_some_and(is_datagram));
    // Of a list, clients need one address that works: `localhost` beside others is spare.
    if addresses.iter().any(|address| !is_loopback(&address.host)) {
        addresses.retain(|address| !is_loopback(&address.host));
    }
    let origin = Origin { kind, name: text::line(title, 128), value: Some(shown), location: location.clone() };
    addresses.iter().filter_map(|address| connection(asked, address, &origin)).collect()
}

/// A setting's value as it may be shown: nothing of it where its name is a secret's, unless the name says as well that it is an
/// address, and it is one. Of that one nothing is shown then but whom it leads to.
fn shown(name: &str, value: &str, addresses: &[Address]) -> String {
    if !text::is_secret_name(name) {
        return address::shown(value, addresses);
    }
    let place = match addresses {
        [only] if Variable::new(name).is_of_an_address() => only.place_alone(),
        _ => None,
    };
    place.map_or_else(|| "***".to_owned(), |place| text::line(&place, 256))
}

/// What nginx calls those to whom it passes requests on: no password, whatever it sounds like.
const PASSED_ON: [&str; 6] = ["proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass"];

/// The connections whose host a variable gave, with that variable as what says so.
fn given(container: &Container, name: &str, found: &[Connection]) -> Vec<Connection> {
    let Some(value) = container.variable(name) else { return Vec::new() };
    let shown = shown(name, value, &address::parse(value));
    let origin = Origin::new(OriginKind::Environment, text::line(name, 128), Some(shown));
    let hosts = found.iter().filter(|connection| value.contains(&connection.target.host));
    hosts.map(|connection| Connection { origin: origin.clone(), ..connection.clone() }).collect()
}

/// Adds to a client's connections to brokers what else its variables name.
fn name_topics(found: &mut [Connection], container: &Container, environment: &Environment) {
    let to_brokers = |connection: &&mut Connection| connection.target.protocol == Protocol::Kafka;
    let variables: BTreeSet<_> =
        found.iter_mut().filter(to_brokers).map(|connection| connection.origin.name.clone()).collect();
    let named = kafka_names::settings(container, environment, variables.len());
    for connection in found.iter_mut().filter(to_brokers) {
        connection.settings.extend(named.iter().cloned());
    }
}

/// Whether a variable is no address, or a setting of the server that runs in this container.
fn is_about_something_else(
    (stack, container): (&Stack, &Container),
    variable: &Variable,
    value: &str,
    known: Option<Known>,
) -> bool {
    if daemons::is_of_another(container, &variable.name) {
        return true;
    }
    let listed = known.is_some_and(|known| known.exact);
    // Of proxies outside of the stack nobody knows whether anything goes there: builds have them, too.
    let in_stack = |address: &Address| {
        matches!(hosts::place(stack, Some(container), &address.host), Place::Containers(_)) && address.port.is_some()
    };
    let is_proxy = || variable.is_proxy() && address::parse(value).iter().all(in_stack);
    if variable.says_elsewhere() && !listed && !is_proxy() {
        return true;
    }
    let Some(here) = technology(container) else { return false };
    let peer = known.is_some_and(|known| known.role == Role::Peer);
    let other = known.is_some_and(|known| known.exact && known.technology.id != here.id);
    // A store shares its file of settings with its clients: what is theirs is not its own.
    let own = here.owns(&variable.name);
    if own { !(peer || other) } else { here.store && !peer }
}

/// Whether an address leads to another server of the same kind as the image of this container: tools come in the image of
/// their server, as `vault` does with `VAULT_ADDR`, which is `listed`. A store may share its settings with its clients, and is
/// none; but whoever starts a shell instead of the server asks by any name whatever it names alone.
fn is_of_a_tool(stack: &Stack, container: &Container, value: &str, listed: bool) -> bool {
    let Some(here) = technology(container) else { return false };
    let addresses = address::parse(value);
    let is_shell = || addresses.len() == 1 && command::begins_with_a_shell(container);
    if (!listed || here.store) && !is_shell() {
        return false;
    }
    let same = |other: &&Container| {
        other.service != container.service && technology(other).is_some_and(|there| there.id == here.id)
    };
    addresses.iter().any(|address| match hosts::place(stack, Some(container), &address.host) {
        Place::Containers(all) => all.iter().any(same),
        _ => false,
    })
}

fn connection(asked: &Asked, address: &Address, origin: &Origin) -> Option<Connection> {
    let place = hosts::place(asked.stack, Some(asked.container), &address.host);
    let bare = matches!(address.form, Form::HostPort | Form::Host);
    // A queue or a database that is called like a service is none; a server with its port is one, whatever it is called.
    let is_served = || matches!((&place, address.port), (Place::Containers(all), Some(port)) if all.iter().any(|it| serves(it, port)));
    if bare && !asked.certain && asked.known.is_none() && asked.variable.says_no_address() && !is_served() {
        return None;
    }
    let server = match &place {
        Place::Containers(containers) => containers.first().copied(),
        _ => None,
    };
    let meaning = Meaning::of(asked, address, server)?;
    let port = meaning.port;
    let server = match &place {
        Place::Loopback => beside(asked.stack, asked.container, port).first().copied(),
        _ => server,
    };
    let counts = match &place {
        // A service that names itself says who it is, not where it connects to.
        Place::Containers(all) => {
            !all.iter().any(|other| other.service == asked.container.service)
                && (!bare || asked.means_port_of(all, address, port))
                && !((meaning.http || bare) && asked.is_link())
        }
        Place::Loopback => asked.loopback_counts(address, port, meaning.http),
        Place::Gateway => {
            let followed = || asked.variable.is_followed(asked.known.is_some_and(|known| known.exact));
            // Hardly a browser knows the engine's name for its host.
            let peoples = || asked.is_link() || asked.variable.is_peoples();
            let browsed = || if hosts::is_name_of_engine_host(&address.host) { peoples() } else { followed() };
            asked.certain || !(meaning.http && browsed())
        }
        Place::Network => true,
        Place::Nobody => misspelt::is_probable(asked, address, &meaning),
        // Told apart afterwards.
        Place::Outside => outside::counts(asked, address, &meaning),
    };
    if !counts || (bare && UDP_PORTS.contains(&port)) {
        return None;
    }
    // On the host's network, localhost is the host.
    let at_host = asked.stack.namespace_owner(asked.container).on_host_network();
    let on_host = matches!(place, Place::Gateway) || (matches!(place, Place::Loopback) && at_host);
    let published = on_host.then(|| hosts::publisher(asked.stack, port)).flatten();
    let protocol =
        meaning.protocol(server.or(published.map(|(container, _)| container)), published.map(|(_, port)| port));
    let mut login = credentials::find(address, asked.variable, asked.environment, protocol);
    let empty = || credentials::without_password(asked.variable, asked.environment, protocol, server);
    login.credentials = login.credentials.or_else(empty);
    let mut settings = settings(address, &meaning, protocol, login.absent);
    let security = if protocol == Protocol::Kafka {
        let client = kafka_client::find(asked.variable, asked.environment, security_protocol(address));
        settings.extend(client.authorities.map(|file| (security::AUTHORITIES.into(), file)));
        settings.extend(client.protocol_variable.map(|name| ("security-variable".into(), name)));
        settings.extend(client.mechanism_variable.map(|name| ("mechanism-variable".into(), name)));
        settings.extend(client.login_variable.map(|name| ("login-variable".into(), name)));
        login.credentials = client.credentials;
        client.security
    } else {
        let tls = meaning.tls || protocol == Protocol::Https;
        let mut address = address.clone();
        let tls = tls | security::add_siblings(&mut address, asked.variable, asked.environment, protocol);
        let (security, file) = security::find(&address, asked.environment, tls);
        settings.extend(file.map(|file| (security::AUTHORITIES.into(), file)));
        security
    };
    let mut target = Target::new(protocol, address.host.trim_end_matches('.').to_owned(), port);
    target.path = match (protocol, server) {
        // Never a path out of the variable, unless the catalogue knows it: nobody knows what a request there would do.
        (Protocol::Http | Protocol::Https, server) => {
            address.safe_path.clone().or_else(|| safe_path(asked.known, server?, port))
        }
        _ => credentials::database(address, asked.variable, asked.environment, protocol),
    };
    Some(Connection {
        published: published.map(|(container, container_port)| Published {
            container: container.id.clone(),
            service: container.service.clone(),
            container_port,
        }),
        security,
        settings,
        credentials: login.credentials,
        ..Connection::new(vantage(asked.container), target, origin.clone())
    })
}

/// The path that is safe to request of a server: by its image, or where that is nobody's (people build their own on others) by
/// the variable that means one technology alone.
fn safe_path(known: Option<Known>, server: &Container, port: u16) -> Option<String> {
    match (technology(server), known) {
        (None, Some(known)) if known.exact => known.technology.ports.get(&port)?.path.clone(),
        _ => served(server, port).path,
    }
}

fn settings(
    address: &Address,
    meaning: &Meaning,
    protocol: Protocol,
    no_credentials: Option<&str>,
) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, value: &str| settings.push((name.to_owned(), value.to_owned()));
    let http = matches!(protocol, Protocol::Http | Protocol::Https);
    // Of a protocol that nobody knows nobody can say whether it has logins.
    let has_logins = meaning.scheme.is_some() || address.scheme.is_none();
    if let Some(absent) = no_credentials.filter(|_| has_logins && !http && protocol != Protocol::Kafka) {
        say("credentials", absent);
    }
    if meaning.tls && protocol != Protocol::Kafka {
        say("tls", "true");
    }
    if address.form == Form::Jdbc {
        say("driver", "jdbc");
    }
    if protocol == Protocol::Mysql {
        for name in MYSQL_PARAMETERS {
            if let Some(value) = address.parameter(name) {
                say(name, value);
            }
        }
        // ADO.NET's drivers know `SslMode` by this name, too; to drivers that take a URL it is another parameter.
        let ado = address.form == Form::Keywords && address.scheme.is_none();
        if let Some(mode) = address.parameter("ssl-mode").filter(|_| ado && address.parameter("sslMode").is_none()) {
            say("sslMode", mode);
        }
        if address.is_jdbc() && address.scheme.as_deref() == Some("mariadb") {
            say(TLS_BY_DEFAULT, "off");
        }
    }
    settings
}

/// The security protocol of a Kafka client that stands in its address as the scheme.
fn security_protocol(address: &Address) -> Option<&str> {
    let scheme = address.scheme.as_deref()?;
    SECURITY_PROTOCOLS.contains(&scheme).then_some(scheme)
}
