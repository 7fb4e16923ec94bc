//! What any peer may do to any probe. A protocol of its own is one line in [`SPOKEN`].

use std::time::Duration;

use crosscheck::observation::FailureKind as Kind;
use crosscheck::rule::Verdict;
use crosscheck::target::Protocol;

use super::kafka;
use super::look::{Look, PASSWORD, PLENTY, TIME, look_at, target};
use super::peers::Act::{self, Drip, Endless, Hear, Hold, Reset, Say};
use super::peers::play;

/// Makes bytes that a server sends.
type Honest = fn() -> Vec<u8>;

/// What an honest server says from its first byte on, whatever it is asked: at least as much as a look waits for.
pub const SPOKEN: [(Protocol, Honest); 13] = [
    (Protocol::Tcp, || b"220 mail.shop.test ESMTP\r\n".to_vec()),
    (Protocol::Http, || b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: x\r\n\r\nok".to_vec()),
    // A record that announces a whole ServerHello.
    (Protocol::Https, || [&b"\x16\x03\x03\x01\x00\x02\0\0\xfc\x03\x03"[..], &[7; 60]].concat()),
    (Protocol::Kafka, kafka::honest),
    (Protocol::Mysql, super::servers::mysql_greeting),
    // A server that wants a password by SCRAM.
    (Protocol::Postgres, || b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0".to_vec()),
    (Protocol::Redis, || b"+PONG\r\n$22\r\nredis_version:7.0.15\r\n\r\n".to_vec()),
    (Protocol::Amqp, || include_bytes!("../../src/probe/amqp/recorded/start").to_vec()),
    (Protocol::Memcached, || b"VERSION 1.6.18\r\n".to_vec()),
    // A server that wants credentials.
    (Protocol::Nats, || b"INFO {\"server_id\":\"N\",\"version\":\"2.9.10\",\"auth_required\":true} \r\n".to_vec()),
    (Protocol::Zookeeper, || b"Zookeeper version: 3.8.0-5a02, built on 2022-02-25\nMode: standalone\n".to_vec()),
    (Protocol::Mongodb, || include_bytes!("../../src/probe/mongodb/recorded/hello").to_vec()),
    (Protocol::Grpc, || b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".to_vec()),
];

/// Plays a script to a probe. What must hold of every look was held; `kinds` are the failures that are right, none of
/// them means that it must pass.
async fn expect(protocol: Protocol, name: &str, acts: Vec<Act>, kinds: &[Kind]) -> Look {
    let address = play(acts).await;
    // Where silence is an answer it is waited for.
    let time = if kinds.contains(&Kind::Silent) { TIME } else { PLENTY };
    let seen = look_at(target(protocol, address), Some(("app", PASSWORD)), time).await;
    let told = format!("{protocol:?}, {name}: {:?} {:?} {:?}", seen.kind, seen.detail, seen.observation.unlooked);
    match seen.kind {
        Some(kind) => assert!(kinds.contains(&kind), "{told}"),
        None => assert!(kinds.is_empty() || seen.observation.unlooked.is_some(), "{told}"),
    }
    assert_eq!(seen.verdict == Verdict::Pass, kinds.is_empty(), "{told}");
    seen
}

/// As [`expect`], where the right failure of a connection alone is none: anybody who keeps it open will do.
async fn expect_of_all(name: &str, acts: impl Fn(Vec<u8>) -> Vec<Act>, kinds: &[Kind], of_tcp: &[Kind]) {
    for (protocol, honest) in SPOKEN {
        let kinds = if protocol == Protocol::Tcp { of_tcp } else { kinds };
        expect(protocol, name, acts(honest()), kinds).await;
    }
}

#[test]
fn every_protocol_has_its_line() {
    // Of a name alone nobody is asked but a resolver.
    let mut all = Protocol::ALL.iter().filter(|protocol| **protocol != Protocol::Dns);
    assert!(all.all(|protocol| SPOKEN.iter().any(|(spoken, _)| spoken == protocol)));
}

#[tokio::test]
async fn an_end_is_an_end_wherever_it_comes() {
    let ended = &[Kind::Closed, Kind::Reset];
    expect_of_all("closes at once", |_| vec![], ended, ended).await;
    expect_of_all("resets at once", |_| vec![Reset], ended, ended).await;
    // A client of MySQL waits for the server's first word.
    let ended = &[Kind::Closed, Kind::Reset, Kind::Silent];
    expect_of_all("hears, then closes", |_| vec![Hear], ended, &[]).await;
    expect_of_all("hears, then resets", |_| vec![Hear, Reset], ended, &[]).await;
    let half = |honest: Vec<u8>| Say(honest[..honest.len() / 2].to_vec());
    // Where half of it was an answer already, the end comes in the next one.
    expect_of_all("half, then the end", |honest| vec![Hear, half(honest)], ended, &[]).await;
    expect_of_all(
        "half, then a reset",
        |honest| vec![Hear, half(honest), Hear, Reset],
        &[Kind::Reset, Kind::Closed, Kind::Silent],
        &[],
    )
    .await;
}

#[tokio::test]
async fn silence_is_waited_for_no_longer_than_the_deadline() {
    expect_of_all("holds", |_| vec![Hold], &[Kind::Silent], &[]).await;
    let half = |honest: Vec<u8>| Say(honest[..honest.len() / 2].to_vec());
    expect_of_all("half, then holds", |honest| vec![half(honest), Hold], &[Kind::Silent], &[]).await;
    let slowly = |honest| vec![Drip(honest, TIME / 6), Hold];
    expect_of_all("a byte at a time", slowly, &[Kind::Silent], &[]).await;
    let forever = |_| vec![Drip(vec![b'H'; 1000], Duration::from_millis(10))];
    expect_of_all("a letter at a time", forever, &[Kind::WrongProtocol, Kind::TlsFailed, Kind::Silent], &[]).await;
}

#[tokio::test]
async fn what_never_ends_is_not_read_to_its_end() {
    let wrong = &[Kind::WrongProtocol, Kind::TlsFailed];
    for (name, bytes) in [
        ("zeros", vec![0; 64 << 10]),
        ("ones", vec![0xff; 64 << 10]),
        ("letters", vec![b'A'; 64 << 10]),
        ("line ends", b"\r\n".repeat(32 << 10)),
        ("line feeds", vec![b'\n'; 64 << 10]),
        ("escapes", "\u{1b}[2J\u{202e}".repeat(8 << 10).into_bytes()),
        ("greetings", b"220 hello\r\n".repeat(6 << 10)),
        ("noise", (0_u32..16 << 10).flat_map(|it| it.wrapping_mul(2_654_435_761).to_be_bytes()).collect()),
    ] {
        let endless = |_| vec![Endless(bytes.clone())];
        expect_of_all(name, endless, wrong, &[]).await;
    }
}

#[tokio::test]
async fn lengths_are_not_believed() {
    // Whatever the first bytes mean, they are as large, as small or as negative as can be.
    for start in [
        &b"\x7f\xff\xff\xff"[..],
        b"\x80\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"\xff\xff\xff\0\x0a",
        b"$9223372036854775807\r\n",
        b"$-9223372036854775808\r\n",
        b"*2147483647\r\n",
        b"\0\x3f\xff\xff\r\n\r\n",
        b"\x16\x03\x03\x40\0\x02\xff\xff\xff",
    ] {
        let announced = |_| vec![Say(start.to_vec()), Endless(vec![0; 64 << 10])];
        expect_of_all(
            &format!("{start:?}"),
            announced,
            &[Kind::WrongProtocol, Kind::TlsFailed, Kind::TlsExpected],
            &[],
        )
        .await;
        let then_silent = |_| vec![Say(start.to_vec()), Hold];
        let kinds = &[Kind::WrongProtocol, Kind::TlsFailed, Kind::TlsExpected, Kind::Silent];
        expect_of_all(&format!("{start:?}, then nothing"), then_silent, kinds, &[]).await;
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_passes_for_none() {
    for (other, honest) in SPOKEN {
        for (protocol, _) in SPOKEN {
            if protocol != other {
                let wrong = [Kind::WrongProtocol, Kind::TlsFailed, Kind::TlsExpected, Kind::Silent, Kind::Closed];
                let kinds = if protocol == Protocol::Tcp { &[][..] } else { &wrong };
                expect(protocol, &format!("{other:?}"), vec![Say(honest()), Hold], kinds).await;
            }
        }
    }
}

#[tokio::test]
async fn tls_where_none_is_spoken_is_told() {
    // The alert that servers send to who speaks no TLS: unexpected message, or an internal error.
    for alert in [&b"\x15\x03\x03\0\x02\x02\x0a"[..], b"\x15\x03\x01\0\x02\x02\x50"] {
        for (protocol, _) in SPOKEN.into_iter().filter(|(it, _)| !matches!(it, Protocol::Tcp)) {
            let kind = if protocol == Protocol::Https { Kind::TlsFailed } else { Kind::TlsExpected };
            expect(protocol, "an alert", vec![Hear, Say(alert.to_vec())], &[kind, Kind::Silent]).await;
        }
    }
}
