//! Doors to the readers of what peers send, for the fuzz targets in `fuzz/` and the tests of hostile peers. They are no part
//! of the product: nothing in it comes through here, and nothing promises that they stay.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::catalog::{Acquaintance, catalog};
use crate::derive::{self, Connection};
use crate::observation::{FailureKind, Listener, Observation};
use crate::plan::Credentials;
use crate::plan::wanted::Question as Wanted;
use crate::probe::dns::client::{Question, Reply};
use crate::probe::dns::files::{Config, hosts_addresses};
use crate::probe::tls::certificate::{Cover, cover};
use crate::probe::{
    Attempt, Options, Request, Stream, amqp, dns, grpc, http, kafka, memcached, mongodb, mysql, nats, postgres, redis,
    sockets, zookeeper,
};
use crate::stack::{Container, Stack};
use crate::target::Protocol;

/// A peer that has said everything that it will say, listens to all, and closes.
#[derive(Debug)]
struct Tape(io::Cursor<Vec<u8>>);

impl AsyncRead for Tape {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, out)
    }
}

impl AsyncWrite for Tape {
    fn poll_write(self: Pin<&mut Self>, _context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What a conversation with a peer that says this shows. Nothing else is connected to, and no address that the peer hands
/// out is tried. Needs a runtime of tokio's with its timers.
pub async fn converse(request: &Request, said: &[u8]) -> Observation {
    let (target, credentials) = (&request.target, request.credentials.as_ref());
    let mut attempt = Attempt::new(Instant::now() + request.timeout, request.options);
    attempt.questions.clone_from(&request.questions);
    attempt.acquaintances.clone_from(&request.acquaintances);
    let tape = Tape(io::Cursor::new(said.to_vec()));
    // A stop is recorded in the observation already.
    let _ = match target.protocol {
        Protocol::Mysql => mysql::converse(&mut attempt, tape, target, credentials).await,
        Protocol::Redis => redis::converse(&mut attempt, tape, target, credentials).await,
        Protocol::Postgres => {
            let channel = (Box::new(tape) as Box<dyn Stream>, Vec::new());
            postgres::converse(&mut attempt, channel, target, credentials, &request.security).await
        }
        Protocol::Kafka => {
            let client = kafka::Client { security: &request.security, credentials };
            kafka::ask_over(&mut attempt, tape, target, client).await.map(drop)
        }
        Protocol::Amqp => amqp::converse(&mut attempt, tape, target, credentials).await,
        Protocol::Memcached => memcached::converse(&mut attempt, tape).await,
        Protocol::Nats => nats::converse(&mut attempt, tape, credentials).await,
        // A frame begins with its length, a word with letters.
        Protocol::Zookeeper if said.starts_with(&[0]) => zookeeper::open(&mut attempt, tape).await,
        Protocol::Zookeeper => zookeeper::ask(&mut attempt, tape).await.map(drop),
        Protocol::Mongodb => mongodb::converse(&mut attempt, tape).await,
        Protocol::Grpc => grpc::converse(&mut attempt, tape).await,
        Protocol::Tcp | Protocol::Http | Protocol::Https | Protocol::Dns => {
            http::exchange(&mut attempt, tape, target).await
        }
    };
    attempt.observation
}

/// Reads a broker's answer, without its header, to the API with this key in this version; what was understood of it, in text.
#[must_use]
pub fn kafka_answer(key: i16, version: i16, reply: &[u8]) -> Option<String> {
    use kafka::{codec, coordinator, describe};
    Some(match key {
        1 => codec::fetch(reply).map(|(error, records)| format!("{error} {}", records.len()))?,
        3 if codec::METADATA_VERSIONS.contains(&version) => codec::metadata(reply, version).map(|it| {
            assert!(it.brokers.len() <= codec::MOST_BROKERS.min(it.listed), "{} brokers", it.brokers.len());
            assert!(it.brokers.iter().all(|broker| broker.host.chars().count() <= codec::LONGEST_HOST));
            format!("{it:?}")
        })?,
        17 => format!("{:?}", codec::sasl_handshake(reply)?),
        18 => format!("{:?}", codec::api_versions(reply, version)?),
        10 if coordinator::VERSIONS.contains(&version) => format!("{:?}", coordinator::answer(reply, version)?),
        32 if describe::VERSIONS.contains(&version) => {
            format!("{:?}", describe::answer(reply, version, &["orders".to_owned()])?)
        }
        36 => format!("{:?}", codec::sasl_authenticate(reply)?),
        _ => return None,
    })
}

/// The addresses of a name in a datagram that answers our question for them, whatever random number it bears; `None` where
/// it does not answer it.
#[must_use]
pub fn dns_reply(name: &str, v6: bool, datagram: &[u8]) -> Option<Vec<IpAddr>> {
    let kind = if v6 { RecordType::AAAA } else { RecordType::A };
    let question = Question::new(&dns::dns_name(name)?, kind).ok()?;
    let mut datagram = datagram.to_vec();
    datagram.get_mut(..2)?.copy_from_slice(&question.bytes[..2]);
    match question.read(&datagram)? {
        Reply::Addresses(addresses) => Some(addresses),
        Reply::NoName | Reply::Failure(_) | Reply::Truncated => Some(Vec::new()),
    }
}

/// Asks these servers for a name: its addresses, or how that failed and in which words.
///
/// # Errors
/// As [`dns::resolve`].
pub async fn dns_ask(
    servers: Vec<SocketAddr>,
    name: &str,
    time: Duration,
) -> Result<Vec<IpAddr>, (FailureKind, String)> {
    let config = Config { servers, ..Config::default() };
    let found = dns::look_up(name, "", &config, Instant::now() + time).await;
    found.map(|found| found.addresses).map_err(|fault| (fault.kind, fault.detail))
}

/// Reads a hosts file and a `resolv.conf`: the addresses of a name, the servers, and the names to ask for.
#[must_use]
pub fn system_files(hosts: &str, resolv_conf: &str, name: &str) -> (Vec<IpAddr>, Vec<SocketAddr>, Vec<String>) {
    let config = Config::parse(resolv_conf);
    let candidates = config.candidates(name);
    for candidate in &candidates {
        let _ = dns::dns_name(candidate);
    }
    (hosts_addresses(hosts, name), config.servers, candidates)
}

/// Reads a file as `/proc/net/tcp` is one; why not, where it cannot be read whole.
///
/// # Errors
/// In words.
pub fn proc_net_tcp(rows: &[u8]) -> Result<Vec<Listener>, String> {
    let mut table = sockets::Table::default();
    sockets::read(rows, &mut table)?;
    let _ = table.openings();
    Ok(table.listeners())
}

/// What would be told of a certificate in DER that is shown for a host: names that it is for, where these are others.
#[must_use]
pub fn certificate(der: &[u8], host: &str) -> Option<Vec<String>> {
    let host = ServerName::try_from(host.to_owned()).ok()?;
    match cover(&CertificateDer::from(der), &host) {
        (Cover::Unreadable, _) => None,
        (Cover::Host | Cover::CommonName(_) | Cover::Others, names) => Some(names),
    }
}

/// What is derived from a container `app` with this entrypoint, command and healthcheck, beside one named `db`.
#[must_use]
pub fn command(words: &[String]) -> Vec<Connection> {
    let container = |service: &str, image: &str, command: &[String]| Container {
        id: service.into(),
        service: service.into(),
        image: image.into(),
        command: command.to_vec(),
        healthcheck: command.to_vec(),
        environment: vec![("DB_HOST".into(), "db".into())],
        ..Container::default()
    };
    let containers = vec![container("app", "app", words), container("db", "mysql:9", &[])];
    let stack = Stack { containers, ..Stack::default() };
    let mut found = derive::command::derive(&stack);
    found.extend(derive::healthcheck::derive(&stack));
    found
}

/// Everybody whom an HTTP answer may tell, by the answer to any path.
fn acquaintances() -> Vec<Acquaintance> {
    let paths = ["/", "/-/ready", "/api/health", "/ping", "/actuator/health"];
    let mut known: Vec<_> = paths.into_iter().flat_map(|path| catalog().told_at(path)).collect();
    let answers = known.iter_mut().flat_map(|it| &mut it.answers);
    answers.filter(|answer| answer.known_by.is_some()).for_each(|answer| answer.path = None);
    known
}

/// A request that costs nothing: no name to resolve, a second's time, no options.
#[must_use]
pub fn request(protocol: Protocol, credentials: Option<Credentials>) -> Request {
    let target = crate::target::Target::new(protocol, "127.0.0.1", 1);
    let questions = vec![
        Wanted::Header { name: "content-type".into(), value: "application/json".into() },
        Wanted::Body("UP".into()),
        Wanted::Json { pointer: "/status".into(), value: "UP".into() },
    ];
    Request {
        target,
        timeout: Duration::from_secs(1),
        credentials,
        security: crate::plan::Security::default(),
        needed: crate::plan::Needed::default(),
        questions,
        acquaintances: acquaintances(),
        options: Options::default(),
    }
}
