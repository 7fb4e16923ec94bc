//! Tries a connection and says what it saw. Knows nothing of Docker or of rules, and judges nothing.
//!
//! One attempt, the caller's deadline, time by phase, every read bounded. One file per protocol;
//! each has one function, `look`, that fills the [`Attempt`] it is given.

pub mod amqp;
mod channel;
pub mod dns;
mod ended;
mod exchange;
pub mod grpc;
mod hide;
pub mod http;
mod interfaces;
pub mod kafka;
pub mod memcached;
pub mod mongodb;
pub mod mysql;
pub mod nats;
pub mod postgres;
pub mod redis;
pub mod serve;
pub mod sockets;
mod stranger;
pub mod tcp;
pub mod tls;
#[cfg(test)]
mod trial;
pub mod wire;
pub mod zookeeper;

use std::fmt::Debug;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::catalog::Acquaintance;
use crate::observation::{Depth, Failure, FailureKind, Observation, Phase, PhaseName, Tried};
use crate::plan::wanted::Question;
use crate::plan::{Credentials, Needed, Security};
use crate::target::{Protocol, Target};
use crate::text;

/// What to look at, and how far.
#[derive(Clone, Debug)]
pub struct Request {
    /// To where.
    pub target: Target,
    /// The time for everything, redirects included.
    pub timeout: Duration,
    /// The client's credentials, where they may be used towards this target.
    pub credentials: Option<Credentials>,
    /// How the client secures its connections.
    pub security: Security,
    /// Kafka: what the client needs of the cluster.
    pub needed: Needed,
    /// HTTP: what a user wants to know of the answer.
    pub questions: Vec<Question>,
    /// HTTP: who may be told by the answer, and what is asked then.
    pub acquaintances: Vec<Acquaintance>,
    /// How far to go.
    pub options: Options,
}

/// How far a probe goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "switches that do not depend on each other")]
pub struct Options {
    /// Whether a proxy may have accepted the connection for the server, so that TCP alone proves nothing.
    pub proxied: bool,
    /// Kafka: produce and consume one record in a topic of our own.
    pub round_trip: bool,
    /// Resolve names as the system does, not by our own reading of `/etc/hosts` and `/etc/resolv.conf`.
    pub system_resolver: bool,
    /// MySQL: do not log in where a full login would make the server remember the password.
    pub spare_cache: bool,
    /// MySQL: the client may not ask for the server's key.
    pub keyless: bool,
    /// Stop at the TCP connection, whatever the protocol: the question is only whether it can be made.
    pub connect_only: bool,
}

/// A connection that stands, whatever carries its bytes: a socket, or what a fuzz target makes up.
pub trait Stream: AsyncRead + AsyncWrite + Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Debug + Send + Unpin> Stream for S {}

/// An attempt under way: the observation so far, and the time that is left.
#[derive(Debug)]
pub struct Attempt {
    /// What was seen so far.
    pub observation: Observation,
    /// When it must be over.
    pub deadline: Instant,
    /// How far to go.
    pub options: Options,
    /// Kafka: what the client needs of the cluster.
    pub needed: Needed,
    /// HTTP: what a user wants to know of the answer.
    pub questions: Vec<Question>,
    /// HTTP: who may be told by the answer.
    pub acquaintances: Vec<Acquaintance>,
}

/// An attempt is over early; its observation holds the failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// What went wrong in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which way.
    pub kind: FailureKind,
    /// In the peer's or the system's words; made printable and bounded when it is recorded.
    pub detail: String,
}

impl Fault {
    /// A fault of this kind, with the peer's or the system's words.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// What a system error on a connection that already stands means.
    #[must_use]
    pub fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::ConnectionRefused => FailureKind::Refused,
            Io::TimedOut => FailureKind::TimedOut,
            Io::HostUnreachable | Io::NetworkUnreachable | Io::NetworkDown | Io::AddrNotAvailable => {
                FailureKind::Unreachable
            }
            Io::UnexpectedEof => FailureKind::Closed,
            Io::InvalidData => FailureKind::WrongProtocol,
            // A connection that fails in any other way while it stands was ended by the other side.
            _ => FailureKind::Reset,
        };
        Self::new(kind, text::io_error(error))
    }
}

impl Attempt {
    /// An attempt that must be over at `deadline`.
    #[must_use]
    pub fn new(deadline: Instant, options: Options) -> Self {
        Self {
            observation: Observation::default(),
            deadline,
            options,
            needed: Needed::default(),
            questions: Vec::new(),
            acquaintances: Vec::new(),
        }
    }

    /// Runs one step, times it, and records how it ended; the deadline ends it too.
    ///
    /// # Errors
    /// [`Stop`] when the step failed or ran out of time: the failure is in the observation.
    pub async fn step<T>(&mut self, name: PhaseName, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Stop> {
        let started = Instant::now();
        let result = timeout_at(self.deadline, work).await.unwrap_or_else(|_| {
            let (kind, what) = match name {
                PhaseName::Resolve => (FailureKind::ResolverFailed, "no resolver answered"),
                PhaseName::Connect => (FailureKind::TimedOut, "no answer"),
                _ => (FailureKind::Silent, "connected, then no answer"),
            };
            Err(Fault::new(kind, format!("{what} within {}", text::millis(started.elapsed()))))
        });
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.observation.phases.push(Phase { name, micros, ok: result.is_ok() });
        result.map_err(|fault| self.fail(name, fault))
    }

    /// Records a failure that a step did not end with.
    #[expect(clippy::needless_pass_by_value, reason = "a fault is made to be recorded, and then it is over")]
    pub fn fail(&mut self, phase: PhaseName, fault: Fault) -> Stop {
        self.observation.failure = Some(Failure { phase, kind: fault.kind, detail: text::line(&fault.detail, 300) });
        Stop
    }

    /// Notes how deep the attempt came.
    pub fn reached(&mut self, depth: Depth) {
        self.observation.depth = self.observation.depth.max(depth);
    }

    /// Resolves the host.
    ///
    /// # Errors
    /// [`Stop`] when the name has no address.
    pub async fn resolve(&mut self, target: &Target) -> Result<Vec<IpAddr>, Stop> {
        let system = self.options.system_resolver;
        let found = self.step(PhaseName::Resolve, dns::resolve(&target.host, system, self.deadline)).await?;
        self.observation.addresses.clone_from(&found.addresses);
        self.observation.resolver = Some(found.resolver);
        self.reached(Depth::Resolved);
        Ok(found.addresses)
    }

    /// Resolves the host and connects to the first of its addresses that answers.
    ///
    /// # Errors
    /// [`Stop`] when the name has no address or none of them answers.
    pub async fn connect(&mut self, target: &Target) -> Result<TcpStream, Stop> {
        let addresses = self.resolve(target).await?;
        let deadline = self.deadline;
        let mut tried = Vec::new();
        let connecting = connect_any(&addresses, target.port, deadline, &mut tried);
        let connected = self.step(PhaseName::Connect, connecting).await;
        self.observation.tried = tried;
        let (stream, address) = connected?;
        self.observation.connected = Some(address);
        self.reached(Depth::Connected);
        Ok(stream)
    }
}

/// Tries the addresses in order; each gets an equal share of the time that is left, so that one black hole does not
/// hide an address that works. Where none answers, the failure that tells most about the target is given: that the
/// system has no IPv6 must not hide that the port is closed on IPv4.
async fn connect_any(
    addresses: &[IpAddr],
    port: u16,
    deadline: Instant,
    tried: &mut Vec<Tried>,
) -> Result<(TcpStream, IpAddr), Fault> {
    let mut told = Fault::new(FailureKind::NameNotFound, "no address");
    for (index, &address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(1);
        let fault = match tokio::time::timeout(share, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => {
                // A probe writes little and waits for the answer: never wait to fill a packet.
                let _ = stream.set_nodelay(true);
                return Ok((stream, address));
            }
            Ok(Err(error)) => Fault::from_io(&error),
            Err(_) => {
                let words = format!("no answer from {address} within {}", text::millis(share));
                Fault::new(FailureKind::TimedOut, words)
            }
        };
        tried.push(Tried { address, kind: fault.kind, detail: text::line(&fault.detail, 200) });
        if index == 0 || tells(&fault) > tells(&told) {
            told = fault;
        }
    }
    Err(told)
}

/// How much a failure to connect tells about the target: an answer more than silence, silence more than no route.
fn tells(fault: &Fault) -> u8 {
    match fault.kind {
        FailureKind::NameNotFound | FailureKind::Unreachable => 0,
        FailureKind::TimedOut => 1,
        _ => 2,
    }
}

/// Looks at a target once.
pub async fn look(request: &Request) -> Observation {
    let mut attempt = Attempt::new(Instant::now() + request.timeout, request.options);
    attempt.needed.clone_from(&request.needed);
    attempt.questions.clone_from(&request.questions);
    attempt.acquaintances.clone_from(&request.acquaintances);
    let target = &request.target;
    // A stop is recorded in the observation already.
    let _ = match target.protocol {
        Protocol::Dns => attempt.resolve(target).await.map(drop),
        _ if request.options.connect_only => tcp::look(&mut attempt, target).await,
        Protocol::Tcp => tcp::look(&mut attempt, target).await,
        Protocol::Http | Protocol::Https => http::look(&mut attempt, target, &request.security).await,
        Protocol::Kafka => {
            let client = kafka::Client { security: &request.security, credentials: request.credentials.as_ref() };
            kafka::look(&mut attempt, target, client).await
        }
        Protocol::Mysql => mysql::look(&mut attempt, target, request.credentials.as_ref(), &request.security).await,
        Protocol::Postgres => {
            postgres::look(&mut attempt, target, request.credentials.as_ref(), &request.security).await
        }
        Protocol::Redis => redis::look(&mut attempt, target, request.credentials.as_ref(), &request.security).await,
        Protocol::Amqp => amqp::look(&mut attempt, target, request.credentials.as_ref(), &request.security).await,
        Protocol::Memcached => memcached::look(&mut attempt, target, &request.security).await,
        Protocol::Nats => nats::look(&mut attempt, target, request.credentials.as_ref()).await,
        Protocol::Zookeeper => zookeeper::look(&mut attempt, target, &request.security).await,
        Protocol::Mongodb => mongodb::look(&mut attempt, target, &request.security).await,
        Protocol::Grpc => grpc::look(&mut attempt, target, &request.security).await,
    };
    attempt.observation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_without_a_route_hides_neither_a_server_nor_its_absence() {
        // No route leads to the first one, not even to another machine: 240.0.0.0/4 is reserved.
        let [nowhere, here] = ["240.0.0.1", "127.0.0.1"].map(|address| address.parse().unwrap());
        let listener = tokio::net::TcpListener::bind((here, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let deadline = || Instant::now() + Duration::from_secs(2);
        let mut tried = Vec::new();
        let (_, address) = connect_any(&[nowhere, here], port, deadline(), &mut tried).await.unwrap();
        assert_eq!(address, here);
        assert_eq!(tried.iter().map(|tried| tried.address).collect::<Vec<_>>(), [nowhere]);
        drop(listener);
        for addresses in [[nowhere, here], [here, nowhere]] {
            let fault = connect_any(&addresses, port, deadline(), &mut tried).await.unwrap_err();
            assert_eq!(fault, Fault::new(FailureKind::Refused, "connection refused"));
        }
    }
}
