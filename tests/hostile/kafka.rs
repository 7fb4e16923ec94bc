//! Brokers that mean no good: their frames, their cluster, and the addresses that they hand out.

use std::net::SocketAddr;

use crosscheck::observation::{FailureKind as Kind, Peer};
use crosscheck::rule::Verdict;
use crosscheck::target::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::look::{Look, NASTY, look};
use super::peers::Act::{self, Endless, Hold, Say};
use super::peers::play;

const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const DESCRIBE_CONFIGS: i16 = 32;

/// What Kafka 4.1 answers to `ApiVersions`, from its length on.
fn api_versions() -> Vec<u8> {
    let hex = include_str!("../../src/probe/kafka/recorded/api-versions.hex").trim();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The frame as an answer to the question of this number.
fn numbered(mut frame: Vec<u8>, number: u8) -> Vec<u8> {
    frame[4..8].copy_from_slice(&[b'\r', b'\n', b'\r', b'\n' + number]);
    frame
}

/// The first two answers of an honest broker.
pub fn honest() -> Vec<u8> {
    let broker = [(1, "127.0.0.1".into(), 1)];
    [numbered(api_versions(), 0), numbered(metadata("id", &broker), 1)].concat()
}

/// An answer to Metadata of version 12.
pub fn metadata(cluster: &str, brokers: &[(i32, String, i32)]) -> Vec<u8> {
    let mut body = vec![0; 4 + 1 + 4]; // correlation id, no tags, throttle time
    varint(&mut body, brokers.len() + 1);
    for (id, host, port) in brokers {
        body.extend(id.to_be_bytes());
        string(&mut body, host);
        body.extend(port.to_be_bytes());
        body.extend([0, 0]); // no rack, no tags
    }
    string(&mut body, cluster);
    body.extend([0, 0, 0, 1, 1, 0]); // controller, no topics, no tags
    frame(&body)
}

/// An answer to `DescribeConfigs` of version 4 with an error and its words.
fn refused(error: i16, words: &str) -> Vec<u8> {
    let mut body = vec![0; 4 + 1 + 4];
    body.push(2); // one resource
    body.extend(error.to_be_bytes());
    string(&mut body, words);
    body.push(4); // a broker
    string(&mut body, "1");
    body.extend([1, 0, 0]); // no settings, no tags, of neither
    frame(&body)
}

fn string(body: &mut Vec<u8>, text: &str) {
    varint(body, text.len() + 1);
    body.extend(text.as_bytes());
}

fn varint(body: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        body.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    body.push(u8::try_from(value).unwrap());
}

fn frame(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

/// A broker that answers each API with a frame, made when it knows its own address; on any other question it closes.
async fn broker(answers: impl FnOnce(SocketAddr) -> Vec<(i16, Vec<u8>)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answers: std::sync::Arc<[_]> = answers(address).into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = std::sync::Arc::clone(&answers);
            tokio::spawn(async move { converse(stream, &answers).await });
        }
    });
    address
}

async fn converse(mut stream: TcpStream, answers: &[(i16, Vec<u8>)]) -> Option<()> {
    loop {
        let length = usize::try_from(stream.read_i32().await.ok()?).ok()?;
        let mut request = vec![0; length];
        stream.read_exact(&mut request).await.ok()?;
        let key = i16::from_be_bytes([request[0], request[1]]);
        let (_, answer) = answers.iter().find(|(of, _)| *of == key)?;
        stream.write_all(&[&answer[..4], &request[4..8], &answer[8..]].concat()).await.ok()?;
    }
}

/// Looks at a broker whose Metadata names these.
async fn with_brokers(brokers: impl FnOnce(SocketAddr) -> Vec<(i32, String, i32)>) -> Look {
    let answers = |here| {
        let metadata = metadata("cluster", &brokers(here));
        vec![(API_VERSIONS, api_versions()), (METADATA, metadata), (DESCRIBE_CONFIGS, refused(0, ""))]
    };
    look(Protocol::Kafka, broker(answers).await).await
}

#[tokio::test]
async fn an_honest_broker_passes() {
    let seen = with_brokers(|here| vec![(1, "127.0.0.1".into(), here.port().into())]).await;
    assert_eq!((seen.kind, seen.verdict), (None, Verdict::Pass), "{seen:?}");
}

#[tokio::test]
async fn a_thousand_addresses_are_tried_or_it_is_said_that_they_were_not() {
    // Nobody listens at port 1; a name that does not exist takes time, so that not all of them can be asked for.
    let far = |count: i32, host: &'static str| move |_| (0..count).map(|id| (id, host.to_owned(), 1)).collect();
    for seen in [
        with_brokers(far(1000, "127.0.0.1")).await,
        with_brokers(far(1000, "nobody.invalid")).await,
        with_brokers(far(1000, NASTY)).await,
        with_brokers(far(10_000, "127.0.0.1")).await,
    ] {
        assert_ne!(seen.verdict, Verdict::Pass, "{seen:?}");
        assert_eq!(seen.observation.redirects.len(), 1000);
    }
}

#[tokio::test]
async fn a_broker_that_names_itself_a_thousand_times_ends() {
    for host in ["127.0.0.1", "localhost"] {
        let seen = with_brokers(|here| (0..1000).map(|id| (id, host.to_owned(), here.port().into())).collect()).await;
        assert_eq!(seen.observation.redirects.len(), 1000, "{seen:?}");
    }
}

#[tokio::test]
async fn what_a_cluster_says_of_itself_is_made_printable() {
    let long = NASTY.repeat(100);
    for (host, cluster, words) in [(NASTY, NASTY, NASTY), (&long, &long, &long), ("127.0.0.1", NASTY, NASTY)] {
        for error in [0, 31, 42] {
            let words = format!("Unexpected broker id, expected 7{words}");
            let address = broker(|here| {
                let brokers = [(1, host.into(), here.port().into()), (2, "127.0.0.1".into(), here.port().into())];
                vec![
                    (API_VERSIONS, api_versions()),
                    (METADATA, metadata(cluster, &brokers)),
                    (DESCRIBE_CONFIGS, refused(error, &words)),
                ]
            })
            .await;
            let seen = look(Protocol::Kafka, address).await;
            let Some(Peer::Kafka(peer)) = &seen.observation.peer else { panic!("{seen:?}") };
            assert!(peer.cluster_id.as_ref().is_some_and(|id| id.contains("\\u{202e}")), "{seen:?}");
            // These words tell of another broker, whatever the code.
            let passes = host == "127.0.0.1" && error == 0;
            assert_eq!(seen.verdict == Verdict::Pass, passes, "{seen:?}");
        }
    }
}

/// A broker's start, then this.
async fn after_api_versions(acts: Vec<Act>) -> Look {
    let start = vec![Say(numbered(api_versions(), 0))];
    look(Protocol::Kafka, play([start, acts].concat()).await).await
}

#[tokio::test]
async fn frames_that_grow_are_not_kept() {
    // As long as a frame may be, and all of it comes.
    let mut body = vec![0; 256 << 10];
    body[..4].copy_from_slice(b"\r\n\r\x0b");
    let seen = after_api_versions(vec![Say(frame(&body)), Hold]).await;
    // Zeros are an answer: there are no brokers.
    assert_eq!((seen.kind, seen.verdict), (Some(Kind::ServerRefuses), Verdict::Fail), "{seen:?}");
    // Lengths that are believed only as far as bytes come.
    for length in [200_000, 256 << 10, (256 << 10) + 1, 1 << 30, u32::MAX] {
        let seen = after_api_versions(vec![Say(length.to_be_bytes().to_vec()), Endless(vec![0; 64 << 10])]).await;
        assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{length}: {seen:?}");
    }
}

#[tokio::test]
async fn brokers_that_all_send_without_end_take_little_memory() {
    let start = numbered(api_versions(), 0);
    let endless = play(vec![Say(start), Say(200_000_u32.to_be_bytes().to_vec()), Endless(vec![0; 64 << 10])]).await;
    let whole = play(vec![Endless((256_u32 << 10).to_be_bytes().repeat(16 << 10))]).await;
    for address in [endless, whole] {
        let seen = with_brokers(|_| (0..64).map(|id| (id, "127.0.0.1".into(), address.port().into())).collect()).await;
        assert_ne!(seen.verdict, Verdict::Pass);
        let passed = seen
            .observation
            .redirects
            .iter()
            .find(|it| it.observation.failure.is_none() && it.observation.unlooked.is_none());
        assert!(passed.is_none(), "{passed:?}");
    }
}

#[tokio::test]
async fn tags_and_elements_without_end_are_none() {
    let tail = |bytes: &[u8]| frame(&[b"\r\n\r\x0b", bytes].concat());
    for body in [
        // Tagged fields, four thousand million of them; as many brokers; a host of as many bytes.
        &b"\xff\xff\xff\xff\x0f"[..],
        b"\0\0\0\0\0\xff\xff\xff\xff\x0f\0\0\0\0",
        b"\0\0\0\0\0\x02\0\0\0\x01\xff\xff\xff\xff\x0f",
    ] {
        let seen = after_api_versions(vec![Say(tail(body)), Hold]).await;
        assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{body:?}: {seen:?}");
    }
}
