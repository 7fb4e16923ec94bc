//! The checks that will run, as plain data: who looks at what, why, and whether it can be looked at at all.

pub mod accounts;
pub mod build;
pub mod wanted;

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::stack::{Engine, PublishedAt, Stack};
use crate::target::{Protocol, Target};

pub use self::wanted::Wanted;

/// A place to look from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vantage {
    /// Where crosscheck runs.
    Host,
    /// The engine's own network, which is another than the host's where the engine is another machine.
    Engine,
    /// Inside a container.
    Container {
        /// The Compose service.
        service: String,
        /// The number of the replica, where the service has several.
        replica: Option<u32>,
        /// The engine's id.
        id: String,
    },
    /// A fresh container on a network.
    Network {
        /// As the user named it.
        name: String,
        /// The engine's id.
        id: String,
    },
}

impl Vantage {
    /// The vantage's name without the replica: its part of a check's identity.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Host => "host".into(),
            Self::Engine => "engine".into(),
            Self::Container { service, .. } => service.clone(),
            Self::Network { name, .. } => format!("network:{name}"),
        }
    }

    /// The engine's id of the container that it looks from, if it is one.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::Container { id, .. } => Some(id),
            Self::Host | Self::Engine | Self::Network { .. } => None,
        }
    }

    /// Whether it is a machine, the host's or the engine's: containers' names mean nothing there, and published ports are
    /// on a loopback of that kind.
    #[must_use]
    pub const fn is_machine(&self) -> bool {
        matches!(self, Self::Host | Self::Engine)
    }

    /// Where published ports are looked at from: the host where they appear there, else the engine itself.
    #[must_use]
    pub const fn of_published(engine: &Engine) -> Self {
        if matches!(engine.published_at, PublishedAt::Here) { Self::Host } else { Self::Engine }
    }

    /// The vantage by its own name: the engine is the host where its network is no other.
    #[must_use]
    pub fn looked_from(self, engine: &Engine) -> Self {
        if self == Self::Engine && !engine.apart && engine.published_at == PublishedAt::Here {
            Self::Host
        } else {
            self
        }
    }

    /// Whether the ports that the engine publishes are on this vantage's own loopback.
    #[must_use]
    pub fn has_published(&self, engine: &Engine) -> bool {
        *self == Self::Engine || (*self == Self::Host && engine.published_at == PublishedAt::Here)
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { service, replica: Some(number), .. } => write!(f, "{service}#{number}"),
            _ => f.write_str(&self.identity()),
        }
    }
}

/// What says that a connection must work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Origin {
    /// What kind of place it is.
    pub kind: OriginKind,
    /// The variable's name, the published port, the option.
    pub name: String,
    /// What stands there, without secrets.
    pub value: Option<String>,
    /// Where it stands in the user's files, as far as these are at hand and still say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Origin {
    /// An origin of which no place in a file is known.
    #[must_use]
    pub const fn new(kind: OriginKind, name: String, value: Option<String>) -> Self {
        Self { kind, name, value, location: None }
    }

    /// Whether the command line of this very run says so.
    #[must_use]
    pub fn is_of_this_run(&self) -> bool {
        self.kind == OriginKind::Declared && self.location.is_none()
    }
}

/// A place in a file; lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Location {
    /// The file, as it is shown: from the working folder where it lies in it.
    pub file: String,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
    /// The line behind its end.
    pub end_line: u32,
    /// The column behind its end.
    pub end_column: u32,
}

/// Where a connection can come from, the best first: what a client is told itself says more than what others say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OriginKind {
    /// `--expect`, `try`, or the user's own file.
    Declared,
    /// An environment variable of the client.
    Environment,
    /// The client's command or entrypoint.
    Command,
    /// A file that is mounted into the client.
    File,
    /// The client's healthcheck.
    Healthcheck,
    /// A label, by which a proxy finds whom it serves.
    Label,
    /// A published port.
    Published,
    /// A connection that the client has open, or is trying to open.
    Socket,
    /// What the client's framework takes where nothing is said.
    Default,
    /// `depends_on`, where nothing else is known between the two.
    DependsOn,
}

impl OriginKind {
    /// Whether it is a setting of the client itself.
    #[must_use]
    pub const fn is_setting(self) -> bool {
        matches!(self, Self::Environment | Self::Command | Self::File)
    }

    /// Whether a client's login would stand where such an origin does; else nothing can be said of it.
    #[must_use]
    pub const fn says_login(self) -> bool {
        matches!(self, Self::Environment | Self::File | Self::Declared)
    }
}

/// What is expected of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The target answers as a client needs it.
    #[default]
    Answers,
    /// No connection can be made.
    Closed,
}

/// A published port that a check looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The engine's id of the container that publishes it.
    pub container: String,
    /// The service.
    pub service: String,
    /// The port in the container.
    pub container_port: u16,
}

/// Whom a check leads to, as far as the stack itself says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Leads {
    /// The services, by name; none where it leaves the stack. A container whose own loopback is meant leads to itself.
    pub services: Vec<String>,
    /// Whether it is to a published port whose number on the host nobody fixed: the engine chooses one at every start.
    pub port_chosen: bool,
}

/// A client's own credentials. Never written to any output, log or record.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Empty means the protocol's default user.
    pub user: String,
    /// The password, if the client has one.
    pub password: Option<SecretString>,
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        let password = |credentials: &Self| credentials.password.as_ref().map(|p| p.expose_secret().to_owned());
        self.user == other.user && password(self) == password(other)
    }
}

/// How a client secures its connections, as its own settings say. Holds no secret: certificates are public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and no state follows from another")]
pub struct Security {
    /// Whether it speaks TLS.
    pub tls: Tls,
    /// Whether, where nothing says so, its driver is known to speak it where the server offers it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls_where_offered: bool,
    /// Whether it makes sure that the certificate comes from an authority that it trusts; `None` where nothing says so.
    pub verifies_chain: Option<bool>,
    /// Whether it makes sure that the certificate is for the host that it asked; `None` where nothing says so.
    pub verifies_name: Option<bool>,
    /// The authorities that it trusts, certificates in PEM; `None` where they are not known.
    pub authorities: Option<String>,
    /// Whether it trusts others beside those, who are not known.
    pub more_authorities: bool,
    /// Why the authorities are not known, where there is more to say than that nothing names them.
    pub authorities_unknown: Option<String>,
    /// Whether its settings name a certificate of its own, which nobody but the client can present.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub presents_certificate: bool,
    /// Whether it surely verifies by a file that its settings name, so that it connects nowhere without.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub needs_authorities: bool,
    /// Its SASL mechanism in capitals: `PLAIN`, `SCRAM-SHA-256`. Empty where it surely uses SASL, and nothing says which.
    pub mechanism: Option<String>,
    /// Who is a container of this stack, by address, on any port or on this one: nobody else is told the client's
    /// password by a probe that follows redirects. Filled in when a check is looked at; empty means nobody.
    pub confidants: Vec<(IpAddr, Option<u16>)>,
}

impl Security {
    /// The name that Kafka has for this, where both TLS and SASL are known.
    #[must_use]
    pub const fn kafka_protocol(&self) -> Option<&'static str> {
        match (self.tls, self.mechanism.is_some()) {
            (Tls::Off, false) => Some("PLAINTEXT"),
            (Tls::Required, false) => Some("SSL"),
            (Tls::Off, true) => Some("SASL_PLAINTEXT"),
            (Tls::Required, true) => Some("SASL_SSL"),
            (Tls::Unsaid | Tls::Preferred, _) => None,
        }
    }
}

/// What a client of Kafka needs of the cluster beside an answer, as far as its settings surely name it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Needed {
    /// The topics that it reads or writes.
    pub topics: Vec<String>,
    /// The consumer group that it is a member of.
    pub group: Option<String>,
}

/// The setting that says what a client's driver does where nothing else says whether it speaks TLS: `off`.
pub const TLS_BY_DEFAULT: &str = "tls-by-default";

/// Whether a client speaks TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Nothing says so: what the protocol's clients do by themselves.
    #[default]
    Unsaid,
    /// Never.
    Off,
    /// Where the server offers it.
    Preferred,
    /// Always.
    Required,
}

/// Whether a check can be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// It can.
    #[default]
    Ready,
    /// There is nothing to look at, for this reason.
    Skip(String),
    /// It should be looked at and cannot be, for this reason.
    Cannot(String),
}

/// A connection, and what is expected of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// Known from run to run: service vantage, address as written, database, expectation.
    pub id: String,
    /// From where.
    pub from: Vantage,
    /// To where.
    pub target: Target,
    /// What says that it must work, best first; never empty.
    pub origins: Vec<Origin>,
    /// What is expected.
    #[serde(default)]
    pub expect: Expectation,
    /// What a user wants of the answer beyond that.
    #[serde(default, skip_serializing_if = "Wanted::is_empty")]
    pub wanted: Wanted,
    /// The published port behind the target, where it is one.
    #[serde(default)]
    pub published: Option<Published>,
    /// Whom it leads to.
    #[serde(default)]
    pub leads: Leads,
    /// Whether it can be looked at.
    #[serde(default)]
    pub readiness: Readiness,
    /// What the client's settings say of how it connects (`security-protocol: SASL_PLAINTEXT`, `useSSL: false`).
    #[serde(default)]
    pub settings: Vec<(String, String)>,
    /// How the client secures its connections, as far as its settings say.
    #[serde(default)]
    pub security: Security,
    /// The client's credentials for it.
    #[serde(skip)]
    pub credentials: Option<Credentials>,
}

impl Check {
    /// The target as it is shown: where Redis is spoken over TLS, its scheme says so.
    #[must_use]
    pub fn shown_target(&self) -> String {
        let target = self.target.to_string();
        match target.strip_prefix("redis://") {
            Some(rest) if self.security.tls == Tls::Required => format!("rediss://{rest}"),
            _ => target,
        }
    }

    /// Where it leads, whatever name it is called by: the container that is meant, else the host, and the port there.
    #[must_use]
    pub fn place(&self, stack: &Stack) -> (String, u16) {
        if let Some(published) = &self.published {
            return (published.container.clone(), published.container_port);
        }
        let (host, port) = (&self.target.host, self.target.port);
        let asker = self.from.container().and_then(|id| stack.by_id(id));
        let meant = match host.parse().ok() {
            _ if self.target.is_loopback() => asker.map(|container| stack.namespace_owner(container)),
            Some(address) => stack.at_address(address),
            None => stack.named(host).first().copied(),
        };
        match meant {
            Some(container) => (container.id.clone(), port),
            // Everybody has a loopback of their own.
            None if self.target.is_loopback() => (self.from.to_string(), port),
            None => (host.clone(), port),
        }
    }

    /// Whether a login of ours could do what the client itself cannot: a full login over plain text fills MySQL's cache,
    /// and hides that the client's own would have failed. A client that has the server's key in a file needs neither.
    #[must_use]
    pub fn login_would_hide(&self) -> bool {
        let says = |name: &str, value: &str| self.setting(name).is_some_and(|said| said.eq_ignore_ascii_case(value));
        let off = ["DISABLED", "disable", "None"].iter().any(|value| says("sslMode", value));
        let unsaid = self.setting("sslMode").is_none() && self.setting("useSSL").is_none();
        let plain = says("useSSL", "false") || off || (unsaid && says(TLS_BY_DEFAULT, "off"));
        self.target.protocol == Protocol::Mysql
            && plain
            && !says("allowPublicKeyRetrieval", "true")
            && self.setting("serverRSAPublicKeyFile").is_none()
    }

    /// What the client needs of a Kafka cluster, from its settings `topics` and `group`.
    #[must_use]
    pub fn needed(&self) -> Needed {
        let topics = self.setting("topics").unwrap_or_default().split(',').filter(|topic| !topic.is_empty());
        Needed { topics: topics.map(str::to_owned).collect(), group: self.setting("group").map(str::to_owned) }
    }

    /// A setting of the client, by name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
