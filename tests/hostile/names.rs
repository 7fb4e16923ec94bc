//! Names in certificates, and DNS servers that mean no good.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crosscheck::fuzzing::dns_ask;
use crosscheck::observation::FailureKind as Kind;
use crosscheck::rule::Verdict;
use crosscheck::target::Protocol;
use crosscheck::text::is_unprintable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::look::{PLENTY, TIME, look_at, target};
use super::peers::Act::{Hear, Say};
use super::peers::play_tls;

/// Certificates of the probe's own tests; what they are made to say does not fit their signatures, which nobody judges.
const NAMES: &[u8] = include_bytes!("../../src/probe/tls/fixtures/names.der");
const COMMON_NAME: &[u8] = include_bytes!("../../src/probe/tls/fixtures/common-name.der");

/// The certificate with other bytes in place of a name, wherever it stands.
fn renamed(certificate: &[u8], old: &[u8], name: &[u8]) -> Vec<u8> {
    let name = &name[..old.len()];
    let (mut out, mut count) = (certificate.to_vec(), 0);
    for at in 0..out.len() - name.len() {
        if &out[at..at + name.len()] == old {
            out[at..at + name.len()].copy_from_slice(name);
            count += 1;
        }
    }
    assert!(count > 0, "the certificate has another name");
    out
}

#[tokio::test]
async fn the_names_in_a_certificate_are_made_printable() {
    let names = [
        *b"\x1b[2J\x1b]0;tt\x07\xe2\x80\xae\x9b",
        *b"\xe2\x80\xaeevil\xe2\x80\x8b\xc2\x9b31m",
        *b"a\0b.test\r\nX: y\xff",
        *b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2\xf1",
    ];
    for (certificate, old) in [(NAMES, &b"crosscheck.test"[..]), (COMMON_NAME, b"legacy.test")] {
        for name in &names {
            let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
            let address = play_tls(vec![Hear, Say(ok)], renamed(certificate, old, name)).await;
            let mut target = target(Protocol::Https, address);
            target.host = "localhost".into();
            let seen = look_at(target, None, PLENTY).await;
            let unreadable = seen.observation.notes.iter().any(|note| note.contains("could not be read"));
            assert!(seen.kind == Some(Kind::CertificateName) || unreadable, "{seen:?}");
            assert_eq!(seen.verdict == Verdict::Fail, seen.kind.is_some(), "{seen:?}");
        }
    }
}

/// Makes the bytes of an answer from those of the question.
type Answer = fn(&[u8]) -> Vec<u8>;

/// A DNS server that answers every question with what is made of it, and over TCP likewise.
async fn server(answer: Answer, times: usize) -> SocketAddr {
    let (socket, listener) = loop {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        // Somebody else may have that port of TCP.
        if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()).await {
            break (socket, listener);
        }
    };
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut question = vec![0; usize::from(stream.read_u16().await?)];
                stream.read_exact(&mut question).await?;
                while stream.write_all(&answer(&question)).await.is_ok() {}
                Ok::<_, std::io::Error>(())
            });
        }
    });
    tokio::spawn(async move {
        let mut question = [0; 1024];
        while let Ok((length, peer)) = socket.recv_from(&mut question).await {
            for _ in 0..times {
                let _ = socket.send_to(&answer(&question[..length]), peer).await;
            }
        }
    });
    address
}

/// The question as the start of an answer: these flags, and so many records in each section.
fn head(question: &[u8], flags: u16, counts: [u16; 3]) -> Vec<u8> {
    let mut out = question.to_vec();
    out[2..4].copy_from_slice(&flags.to_be_bytes());
    for (at, count) in counts.into_iter().enumerate() {
        out[6 + at * 2..8 + at * 2].copy_from_slice(&count.to_be_bytes());
    }
    out
}

#[tokio::test]
async fn no_dns_server_is_believed_or_waited_for_beyond_its_time() {
    let answers: [(&str, Answer, Kind); 9] = [
        ("nothing", |_| Vec::new(), Kind::ResolverFailed),
        ("garbage", |_| vec![0xff; 4096], Kind::ResolverFailed),
        ("the question", <[u8]>::to_vec, Kind::ResolverFailed),
        ("another number", |it| [&[it[0] ^ 1], &head(it, 0x8180, [0; 3])[1..]].concat(), Kind::ResolverFailed),
        ("more than there is", |it| head(it, 0x8180, [u16::MAX; 3]), Kind::ResolverFailed),
        ("cut, and over TCP garbage without end", |it| head(it, 0x8380, [0; 3]), Kind::ResolverFailed),
        // A name that points to itself.
        (
            "a loop of labels",
            |it| [head(it, 0x8180, [1, 0, 0]), b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c".to_vec()].concat(),
            Kind::NameNotFound,
        ),
        (
            "a loop of pointers",
            |it| {
                let at = u8::try_from(it.len()).unwrap();
                [head(it, 0x8180, [1, 0, 0]), vec![0xc0, at, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, at]].concat()
            },
            Kind::ResolverFailed,
        ),
        ("an odd code", |it| head(it, 0x818f, [0; 3]), Kind::ResolverFailed),
    ];
    for (name, answer, kind) in answers {
        for times in [1, 500] {
            let address = server(answer, times).await;
            let started = Instant::now();
            let found = dns_ask(vec![address; 3], "kafka.shop.test", TIME).await;
            let took = started.elapsed();
            assert!(took < TIME + Duration::from_millis(700), "{name}: {took:?}");
            let (found, words) = found.unwrap_err();
            assert_eq!(found, kind, "{name}: {words}");
            assert!(!words.contains(is_unprintable) && words.len() < 1000, "{name}: {words}");
        }
    }
}

#[tokio::test]
async fn more_addresses_than_anybody_needs_are_cut() {
    let many: Answer = |it| {
        let mut out = head(it, 0x8180, [200, 0, 0]);
        for last in 0..200 {
            out.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0");
            out.push(last);
        }
        out
    };
    let found = dns_ask(vec![server(many, 1).await], "kafka.shop.test", TIME).await.unwrap();
    assert_eq!(found.len(), 16);
}
