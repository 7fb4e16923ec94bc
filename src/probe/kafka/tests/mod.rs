//! The probe against sockets that replay what real brokers sent, and against peers that mean no good.

mod hostile;

mod redirects;
mod replies;
mod secure;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::observation::{Failure, FailureKind, KafkaPeer, Observation, Peer, PhaseName};
use crate::plan::{Credentials, Security};
use crate::probe::{Attempt, Options};
use crate::target::{Protocol, Target};

/// A whole frame as Kafka 4.1.0 sent it, by the name of its file.
macro_rules! recorded {
    ($name:literal) => {
        $crate::probe::kafka::tests::bytes(include_str!(concat!("../recorded/", $name, ".hex")))
    };
}
use recorded;

/// The bytes that hexadecimal digits stand for.
fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A server that answers each API by key and version, and closes the connection on any other.
#[derive(Clone, Default)]
struct Broker {
    replies: BTreeMap<(i16, i16), Vec<u8>>,
    connections: Arc<AtomicUsize>,
}

const FETCH: i16 = 1;
const METADATA: i16 = 3;
const SASL_HANDSHAKE: i16 = 17;
const API_VERSIONS: i16 = 18;
const SASL_AUTHENTICATE: i16 = 36;
const DESCRIBE_CONFIGS: i16 = 32;

impl Broker {
    /// A broker of 4.1 that is the one that is asked for.
    fn new() -> Self {
        Self::default().with(API_VERSIONS, 3, recorded!("api-versions")).with(
            DESCRIBE_CONFIGS,
            4,
            recorded!("describe-broker"),
        )
    }

    fn with(mut self, key: i16, version: i16, reply: Vec<u8>) -> Self {
        self.replies.insert((key, version), reply);
        self
    }

    async fn serve(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            self.connections.fetch_add(1, Ordering::Relaxed);
            let broker = self.clone();
            tokio::spawn(async move { broker.converse(stream).await });
        }
    }

    async fn converse(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let length = usize::try_from(stream.read_i32().await.ok()?).ok()?;
            // A real one reads no more than 100 MiB, and takes the start of TLS for a length.
            if length > 100 << 20 {
                return None;
            }
            let mut request = vec![0; length];
            stream.read_exact(&mut request).await.ok()?;
            let key = i16::from_be_bytes([request[0], request[1]]);
            let version = i16::from_be_bytes([request[2], request[3]]);
            let mut reply = self.replies.get(&(key, version))?.clone();
            // What was recorded answers another conversation.
            reply[4..8].copy_from_slice(&request[4..8]);
            stream.write_all(&reply).await.ok()?;
        }
    }

    /// Starts it; its address.
    async fn start(self) -> SocketAddr {
        let (listener, address) = listen().await;
        tokio::spawn(self.serve(listener));
        address
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An answer to Metadata of version 12.
fn metadata(cluster: &str, brokers: &[(i32, &str, i32)]) -> Vec<u8> {
    let mut body = vec![0; 4 + 4 + 1 + 4]; // length, correlation id, no tags, throttle time
    varint(&mut body, brokers.len() + 1);
    for (id, host, port) in brokers {
        body.extend(id.to_be_bytes());
        varint(&mut body, host.len() + 1);
        body.extend(host.as_bytes());
        body.extend(port.to_be_bytes());
        body.extend([0, 0]); // no rack, no tags
    }
    varint(&mut body, cluster.len() + 1);
    body.extend(cluster.as_bytes());
    body.extend([0, 0, 0, 1, 1, 0]); // controller, no topics, no tags
    frame(body)
}

fn varint(body: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        body.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    body.push(u8::try_from(value).unwrap());
}

/// Fills in the length, for which the first four bytes are.
fn frame(mut body: Vec<u8>) -> Vec<u8> {
    let length = i32::try_from(body.len() - 4).unwrap();
    body[..4].copy_from_slice(&length.to_be_bytes());
    body
}

/// What the probe sees at an address.
async fn look(address: SocketAddr, time: Duration) -> Observation {
    look_as(address, time, &Security::default(), None).await
}

/// What the probe sees as a client with these settings sees it.
async fn look_as(
    address: SocketAddr,
    time: Duration,
    security: &Security,
    credentials: Option<&Credentials>,
) -> Observation {
    let mut attempt = Attempt::new(Instant::now() + time, Options::default());
    let target = Target::new(Protocol::Kafka, address.ip().to_string(), address.port());
    let client = super::Client { security, credentials };
    let _ = super::look(&mut attempt, &target, client).await;
    attempt.observation
}

const SECOND: Duration = Duration::from_secs(1);

/// The failure of an observation, in short.
fn failure(observation: &Observation) -> Option<(PhaseName, FailureKind, &str)> {
    observation.failure.as_ref().map(|Failure { phase, kind, detail }| (*phase, *kind, detail.as_str()))
}

fn peer(observation: &Observation) -> &KafkaPeer {
    match &observation.peer {
        Some(Peer::Kafka(peer)) => peer,
        other => panic!("{other:?}"),
    }
}
