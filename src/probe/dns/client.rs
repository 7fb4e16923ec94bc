//! Asks DNS servers for a name's addresses: RFC 1035 over UDP, over TCP where the answer does not fit.
//!
//! One question each for A and AAAA, at once. A reply counts when it comes from the server that was asked, bears the
//! random number of the question and repeats it; anything else is passed over, so that a forged or broken datagram
//! costs nothing but the wait for the true one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::text;

/// A server that is silent this long is no longer waited for alone: the next one is asked too.
const PATIENCE: Duration = Duration::from_secs(1);
/// A datagram can be lost; after this time the question is sent a second time, and no more.
const RESEND: Duration = Duration::from_millis(500);
/// With the A records at hand, AAAA records are waited for no longer than this, and the other way round.
const GRACE: Duration = Duration::from_millis(250);
/// Without EDNS a datagram holds 512 bytes; some servers send more all the same.
const DATAGRAM: usize = 4096;
/// A chain of aliases longer than this is a loop or a joke.
const MOST_ALIASES: usize = 16;

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The name has addresses.
    Found {
        /// Who says so.
        server: IpAddr,
        /// Its A records.
        v4: Vec<IpAddr>,
        /// Its AAAA records.
        v6: Vec<IpAddr>,
    },
    /// A server answered that there is no such name or no address of it: its words.
    Denied(String),
    /// No server gave an answer: what each did instead.
    Failed(String),
}

/// Asks the servers in turn until one knows. A failure moves on to the next server at once, silence after a second
/// without giving up on the silent one.
pub async fn ask(servers: &[SocketAddr], name: &Name, until: Instant) -> Outcome {
    let started = Instant::now();
    // What each server that was asked did, in the order of the servers: the same facts give the same words.
    let mut fates: Vec<Option<String>> = Vec::new();
    let mut asked = FuturesUnordered::new();
    let mut next = started;
    while fates.len() < servers.len() || !asked.is_empty() {
        // Timers first: a server that never stops sending must not keep them from being looked at.
        tokio::select! {
            biased;
            () = sleep_until(until) => break,
            () = sleep_until(next), if fates.len() < servers.len() => {
                let index = fates.len();
                fates.push(None);
                asked.push(async move { (index, ask_one(servers[index], name).await) });
                next = Instant::now() + PATIENCE;
            }
            Some((index, answer)) = asked.next() => match answer {
                Ok(outcome) => return outcome,
                Err(words) => {
                    fates[index] = Some(words);
                    next = Instant::now();
                }
            },
        }
    }
    let silent = format!("did not answer within {}", text::millis(started.elapsed()));
    let words = servers.iter().zip(fates);
    let words = words.map(|(server, fate)| format!("DNS server {} {}", server.ip(), fate.as_ref().unwrap_or(&silent)));
    Outcome::Failed(words.collect::<Vec<_>>().join("; "))
}

/// One question to a server, and its reply once it is there.
pub(crate) struct Question {
    kind: RecordType,
    message: Message,
    pub(crate) bytes: Vec<u8>,
    reply: Option<Reply>,
}

/// What a server replied to one question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The addresses; none where the name has none of this kind.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// The server cannot or will not say.
    Failure(String),
    /// The answer does not fit into a datagram.
    Truncated,
}

impl Reply {
    /// Whether the other question's reply is not needed to know enough: there is an address, or no such name.
    fn settles(&self) -> bool {
        matches!(self, Self::NoName) || matches!(self, Self::Addresses(addresses) if !addresses.is_empty())
    }
}

impl Question {
    pub(crate) fn new(name: &Name, kind: RecordType) -> Result<Self, String> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(name.clone(), kind));
        let bytes = message.to_vec().map_err(|error| format!("cannot be asked: {error}"))?;
        Ok(Self { kind, message, bytes, reply: None })
    }

    /// The reply in these bytes; `None` where they do not answer this question.
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<Reply> {
        let message = Message::from_vec(bytes).ok()?;
        let head = &message.metadata;
        let [question] = message.queries.as_slice() else { return None };
        let same = head.id == self.message.metadata.id
            && head.message_type == MessageType::Response
            && self.message.queries.first() == Some(question);
        if !same {
            return None;
        }
        Some(match head.response_code {
            _ if head.truncation => Reply::Truncated,
            ResponseCode::NoError => Reply::Addresses(addresses(&message, question.name(), self.kind)),
            ResponseCode::NXDomain => Reply::NoName,
            code => Reply::Failure(format!("answered {}", code_name(code))),
        })
    }
}

/// The addresses of a name in a message, behind its aliases.
fn addresses(message: &Message, name: &Name, kind: RecordType) -> Vec<IpAddr> {
    let mut owner = name;
    for _ in 0..MOST_ALIASES {
        let alias = message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name.eq_ignore_root(owner) => Some(&target.0),
            _ => None,
        });
        match alias {
            Some(alias) => owner = alias,
            None => break,
        }
    }
    let records = message.answers.iter().filter(|record| record.name.eq_ignore_root(owner));
    let mut addresses: Vec<IpAddr> = Vec::new();
    for record in records {
        let address = match (&record.data, kind) {
            (RData::A(a), RecordType::A) => a.0.into(),
            (RData::AAAA(aaaa), RecordType::AAAA) => aaaa.0.into(),
            _ => continue,
        };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

/// A response code as people know it.
fn code_name(code: ResponseCode) -> String {
    match code {
        ResponseCode::FormErr => "FORMERR".into(),
        ResponseCode::ServFail => "SERVFAIL".into(),
        ResponseCode::NotImp => "NOTIMP".into(),
        ResponseCode::Refused => "REFUSED".into(),
        other => format!("with code {}", u16::from(other)),
    }
}

/// Asks one server for as long as it is waited for.
///
/// # Errors
/// What the server did instead of answering, as words that follow its name.
async fn ask_one(server: SocketAddr, name: &Name) -> Result<Outcome, String> {
    let mut questions = [Question::new(name, RecordType::A)?, Question::new(name, RecordType::AAAA)?];
    let failed = |error: std::io::Error| format!("cannot be asked: {}", text::io_error(&error));
    let local: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0)).await.map_err(failed)?;
    // From here on the kernel lets nothing in but what this server sends.
    socket.connect(server).await.map_err(failed)?;
    for question in &questions {
        socket.send(&question.bytes).await.map_err(failed)?;
    }
    let resend = Instant::now() + RESEND;
    let (mut sent_twice, mut grace) = (false, None);
    let mut datagram = vec![0; DATAGRAM];
    while questions.iter().any(|question| question.reply.is_none()) {
        tokio::select! {
            biased;
            () = sleep_until(grace.unwrap_or(resend)), if grace.is_some() => break,
            () = sleep_until(resend), if !sent_twice => {
                sent_twice = true;
                for question in questions.iter().filter(|question| question.reply.is_none()) {
                    socket.send(&question.bytes).await.map_err(failed)?;
                }
            }
            received = socket.recv(&mut datagram) => {
                let bytes = &datagram[..received.map_err(failed)?];
                let open = questions.iter_mut().filter(|question| question.reply.is_none());
                let mut read = open.filter_map(|question| question.read(bytes).map(|reply| (question, reply)));
                let Some((question, mut reply)) = read.next() else { continue };
                if reply == Reply::Truncated {
                    reply = over_tcp(server, question).await;
                }
                if reply.settles() {
                    grace.get_or_insert(Instant::now() + GRACE);
                }
                question.reply = Some(reply);
            }
        }
    }
    conclude(server.ip(), name, questions.map(|question| question.reply))
}

/// What the two replies come to. A question that was not waited for says nothing.
fn conclude(server: IpAddr, name: &Name, replies: [Option<Reply>; 2]) -> Result<Outcome, String> {
    let [mut v4, mut v6] = [Vec::new(), Vec::new()];
    let (mut no_name, mut failure) = (false, None);
    for (reply, found) in replies.into_iter().zip([&mut v4, &mut v6]) {
        match reply {
            Some(Reply::Addresses(addresses)) => *found = addresses,
            Some(Reply::NoName) => no_name = true,
            Some(Reply::Failure(words)) => failure = Some(words),
            Some(Reply::Truncated) => failure = Some("answered with less than the whole answer".into()),
            None => {}
        }
    }
    let name = name.to_ascii();
    let name = name.trim_end_matches('.');
    match failure {
        _ if !v4.is_empty() || !v6.is_empty() => Ok(Outcome::Found { server, v4, v6 }),
        _ if no_name => Ok(Outcome::Denied(format!("DNS server {server} answered NXDOMAIN for {name}"))),
        Some(words) => Err(words),
        None => Ok(Outcome::Denied(format!("DNS server {server} has no address for {name}"))),
    }
}

/// Asks again over TCP (RFC 7766): two bytes of length, then the message.
async fn over_tcp(server: SocketAddr, question: &Question) -> Reply {
    let work = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(question.bytes.len()).map_err(std::io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes()[..], &question.bytes].concat()).await?;
        let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    let words = match timeout_at(Instant::now() + PATIENCE, work).await {
        Ok(Ok(bytes)) => match question.read(&bytes) {
            Some(reply) => return reply,
            None => "something else came".into(),
        },
        Ok(Err(error)) => text::io_error(&error),
        Err(_) => "no answer".into(),
    };
    Reply::Failure(format!("answered that its answer needs TCP, and over TCP: {words}"))
}
