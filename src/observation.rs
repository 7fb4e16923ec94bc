//! What a probe saw. Facts only: nothing here says whether they are good or bad.

mod peer;
mod survey;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use self::peer::{
    AmqpPeer, Application, Coordinator, GrpcPeer, HttpPeer, KafkaPeer, MemcachedPeer, MongodbPeer, MysqlPeer, NatsPeer,
    Peer, PostgresPeer, RedisPeer, ScrapeTarget, Scrapes, Told, ZookeeperPeer,
};
pub use self::survey::{Interface, Listener, Opening, Sockets, Survey};
use crate::target::host_and_port;

/// Everything that one attempt at a target showed, from one vantage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Observation {
    /// What was done, in order, with its time.
    pub phases: Vec<Phase>,
    /// The addresses that the host resolved to, in the order in which they were tried.
    pub addresses: Vec<IpAddr>,
    /// Who resolved them: `address`, `hosts file`, `DNS server 127.0.0.11`, `system resolver`.
    pub resolver: Option<String>,
    /// The address of the connection that was made.
    pub connected: Option<IpAddr>,
    /// The addresses that were tried before that one and could not be connected to, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// How far the attempt came.
    pub depth: Depth,
    /// What the peer said about itself.
    pub peer: Option<Peer>,
    /// The certificate that the peer showed, where TLS was spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// The addresses that the peer handed out, each tried from the same vantage.
    pub redirects: Vec<Redirect>,
    /// How it failed, where it failed.
    pub failure: Option<Failure>,
    /// Why more should have been looked at and could not be: the verdict is inconclusive.
    pub unlooked: Option<String>,
    /// What the reader should know of how far was looked ("no permission to read broker settings"). Never a failure.
    pub notes: Vec<String>,
}

impl Observation {
    /// The time of all phases, in microseconds.
    #[must_use]
    pub fn micros(&self) -> u64 {
        self.phases.iter().map(|phase| phase.micros).sum()
    }

    /// An observation that could not be made.
    #[must_use]
    pub fn unlooked(reason: impl Into<String>) -> Self {
        Self { unlooked: Some(reason.into()), ..Self::default() }
    }
}

/// An address that could not be connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tried {
    /// The address.
    pub address: IpAddr,
    /// In which way.
    pub kind: FailureKind,
    /// The system's words.
    pub detail: String,
}

/// A certificate as the peer showed it. Strings are bounded and safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Certificate {
    /// Whom it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: Option<String>,
    /// From when it holds, RFC 3339.
    pub not_before: Option<String>,
    /// Until when it holds, RFC 3339.
    pub not_after: Option<String>,
    /// Whether its own key signed it.
    pub self_signed: bool,
    /// Whether it leads to an authority that the client trusts; `None` where it is not known whom the client trusts.
    pub trusted: Option<bool>,
}

/// One step of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Phase {
    /// Which step.
    pub name: PhaseName,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Whether it did what it was for.
    pub ok: bool,
}

/// The steps of an attempt, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// From the host's name to addresses.
    Resolve,
    /// TCP's handshake.
    Connect,
    /// TLS's handshake.
    Tls,
    /// The protocol's greeting.
    Handshake,
    /// Credentials.
    Login,
    /// The first question that a client asks.
    Request,
    /// A record of our own, there and back.
    RoundTrip,
}

/// How far an attempt came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Not even a name was resolved.
    #[default]
    Nothing,
    /// The name has addresses.
    Resolved,
    /// A TCP connection was made.
    Connected,
    /// The peer spoke the protocol.
    Answered,
    /// The client's credentials were accepted.
    LoggedIn,
    /// A record was produced and consumed, or the like.
    RoundTrip,
}

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The step that failed.
    pub phase: PhaseName,
    /// In which way.
    pub kind: FailureKind,
    /// The peer's or the system's own words, one line, safe to print.
    pub detail: String,
}

/// The ways to fail that rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A resolver answered that the name does not exist, or has no address.
    NameNotFound,
    /// No resolver gave an answer.
    ResolverFailed,
    /// Nothing listens there.
    Refused,
    /// No answer to the connection request in time.
    TimedOut,
    /// No route to the address.
    Unreachable,
    /// The connection was made, then reset.
    Reset,
    /// The connection was made, then closed without an answer.
    Closed,
    /// The connection was made, and nothing was said until the deadline.
    Silent,
    /// Something else answered.
    WrongProtocol,
    /// The peer wants TLS where none was spoken.
    TlsExpected,
    /// TLS could not be agreed on.
    TlsFailed,
    /// The certificate is for other names.
    CertificateName,
    /// The peer wants credentials and the client has none.
    AuthenticationRequired,
    /// The peer refused the client's credentials.
    AuthenticationFailed,
    /// Redis' protected mode.
    ProtectedMode,
    /// All connections of the server are in use.
    TooManyConnections,
    /// The named database does not exist.
    UnknownDatabase,
    /// The server accepts no one from this address.
    HostNotAllowed,
    /// The server has blocked this address.
    HostBlocked,
    /// The server cannot do its work: loading, read-only, out of memory.
    ServerRefuses,
    /// An HTTP status that means failure.
    HttpStatus,
    /// Something of the same protocol answered, but not the one that was meant.
    WrongIdentity,
    /// A produced record did not come back.
    RoundTrip,
    /// A connection could be made that must not be.
    Open,
    /// The certificate does not hold now: it has expired, or does not hold yet.
    CertificateExpired,
    /// The certificate leads to no authority that the client trusts.
    CertificateUntrusted,
    /// The account's authentication plugin or mechanism is not to be had, on one side or the other.
    AuthenticationUnsupported,
    /// MySQL takes the password under its own key alone, and the client may not ask for that.
    KeyRetrieval,
    /// The account is let in, and may not use the database or ask what every client asks.
    PermissionDenied,
    /// The answer is not as the user's own file wants it.
    Unmet,
}

/// An address that a peer handed out, and what was seen there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Redirect {
    /// Who is meant to be there: `broker 1`.
    pub name: String,
    /// The broker's id, where it has one.
    pub id: Option<i32>,
    /// Host as advertised.
    pub host: String,
    /// Port as advertised.
    pub port: u16,
    /// What was seen there.
    pub observation: Observation,
}

impl Redirect {
    /// `host:port` as advertised.
    #[must_use]
    pub fn address(&self) -> String {
        host_and_port(&self.host, self.port)
    }
}

/// A fact that may not have been looked at. A missing fact is never read as absence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact<T> {
    /// It was looked at, and this is it.
    Present(T),
    /// It was looked at, and there is none.
    Absent,
    /// It was not looked at, for this reason.
    NotLooked(String),
}

impl<T> Fact<T> {
    /// The fact, where it was looked at and is there.
    #[must_use]
    pub const fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::NotLooked(_) => None,
        }
    }

    /// Why it was not looked at, where it was not.
    #[must_use]
    pub fn unseen(&self) -> Option<&str> {
        match self {
            Self::NotLooked(reason) => Some(reason),
            Self::Present(_) | Self::Absent => None,
        }
    }
}
