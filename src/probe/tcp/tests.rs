use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::probe::{Options, Request};
use crate::target::{Protocol, Target};

/// A server that does this with each connection.
async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

async fn look_with(address: SocketAddr, timeout: Duration, options: Options) -> Observation {
    let target = Target::new(Protocol::Tcp, address.ip().to_string(), address.port());
    crate::probe::look(&Request {
        target,
        timeout,
        credentials: None,
        security: crate::plan::Security::default(),
        needed: crate::plan::Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options,
    })
    .await
}

const NONE: Options = Options {
    proxied: false,
    round_trip: false,
    system_resolver: false,
    spare_cache: false,
    keyless: false,
    connect_only: false,
};
const PROXIED: Options = Options { proxied: true, ..NONE };
const CONNECT_ONLY: Options = Options { connect_only: true, ..NONE };
const PLENTY: Duration = Duration::from_secs(20);

/// The failure's step, kind and words, or the depth and the greeting.
fn shown(seen: &Observation) -> String {
    match (&seen.failure, &seen.peer) {
        (Some(failure), _) => format!("{:?} {:?}: {}", failure.phase, failure.kind, failure.detail),
        (None, Some(Peer::Tcp { banner })) => format!("{:?} {}", seen.depth, banner.as_deref().unwrap_or_default()),
        (None, other) => format!("{:?} {other:?}", seen.depth),
    }
}

#[tokio::test]
async fn an_open_port_is_what_it_is() {
    let mute = server(|stream| async move {
        sleep(PLENTY).await;
        drop(stream);
    })
    .await;
    for options in [Options::default(), PROXIED] {
        let seen = look_with(mute, PLENTY, options).await;
        assert_eq!((seen.depth, &seen.failure, &seen.peer), (Depth::Connected, &None, &None));
        assert_eq!(seen.notes, ["the port is open; nothing was asked, as its protocol is not known"]);
        let names: Vec<_> = seen.phases.iter().map(|phase| (phase.name, phase.ok)).collect();
        assert_eq!(names, [(PhaseName::Resolve, true), (PhaseName::Connect, true), (PhaseName::Handshake, true)]);
    }
    let seen = look_with(mute, PLENTY, CONNECT_ONLY).await;
    assert_eq!((seen.depth, seen.failure, seen.notes.len(), seen.phases.len()), (Depth::Connected, None, 0, 2));
    // A deadline that comes before the glance is over makes no silence of it.
    let seen = look_with(mute, Duration::from_millis(100), PROXIED).await;
    assert_eq!((seen.depth, seen.failure), (Depth::Connected, None));
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let seen = look_with(address, PLENTY, Options::default()).await;
    assert_eq!(shown(&seen), "Connect Refused: connection refused");
    assert_eq!((seen.depth, seen.connected), (Depth::Resolved, None));
}

#[tokio::test]
async fn a_full_backlog_times_out() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody accepts: the queue fills, and what comes after it is not answered.
    let mut queued = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        queued.push(stream);
    }
    let started = Instant::now();
    let seen = look_with(address, Duration::from_millis(300), Options::default()).await;
    let failure = seen.failure.unwrap();
    assert_eq!((failure.phase, failure.kind), (PhaseName::Connect, FailureKind::TimedOut), "{}", failure.detail);
    assert!(started.elapsed() < PLENTY);
    assert_eq!(seen.depth, Depth::Resolved);
}

#[tokio::test]
async fn an_end_at_once_is_a_failure() {
    let closes = server(|stream| async move { drop(stream) }).await;
    let resets = server(|stream| async move {
        stream.set_zero_linger().unwrap();
        drop(stream);
    })
    .await;
    // A proxy that tries its server for a while before it gives up.
    let late = server(|stream| async move {
        sleep(Duration::from_millis(60)).await;
        drop(stream);
    })
    .await;
    for (address, options, expected) in [
        (
            closes,
            Options::default(),
            "Handshake Closed: the connection was accepted and closed at once, without a word",
        ),
        (resets, Options::default(), "Handshake Reset: the connection was accepted and reset at once, without a word"),
        (
            closes,
            PROXIED,
            "Handshake Closed: the connection was accepted and closed at once, without a word: a proxy can do \
             that for a server that is not there",
        ),
        (
            late,
            PROXIED,
            "Handshake Closed: the connection was accepted and closed at once, without a word: a proxy can do \
             that for a server that is not there",
        ),
        (closes, CONNECT_ONLY, "Connected None"),
        (resets, CONNECT_ONLY, "Connected None"),
    ] {
        // A busy machine can be slower than the glance, so that nothing is seen yet: then look again.
        let mut seen = String::new();
        for _ in 0..5 {
            seen = shown(&look_with(address, PLENTY, options).await);
            if seen == expected {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn a_greeting_is_kept_in_bounds_and_made_printable() {
    let smtp = server(|mut stream| async move {
        stream.write_all(b"220 mail ESMTP\r\n").await.unwrap();
        sleep(PLENTY).await;
    })
    .await;
    let ssh = server(|mut stream| async move { stream.write_all(b"SSH-2.0-x").await.unwrap() }).await;
    let hostile = server(|mut stream| async move {
        stream.write_all(b"\x1b[2J\x00\xff\xe2\x80\xaered\n").await.unwrap();
        sleep(PLENTY).await;
    })
    .await;
    let flood = server(|mut stream| async move { while stream.write_all(&vec![b'x'; 65536]).await.is_ok() {} }).await;
    let dribble = server(|mut stream| async move {
        while stream.write_all(b"y").await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    for options in [Options::default(), PROXIED] {
        assert_eq!(shown(&look_with(smtp, PLENTY, options).await), "Answered 220 mail ESMTP");
        assert_eq!(shown(&look_with(ssh, PLENTY, options).await), "Answered SSH-2.0-x");
        let seen = shown(&look_with(hostile, PLENTY, options).await);
        assert_eq!(seen, "Answered \\u{1b}[2J\\u{0}\u{fffd}\\u{202e}red");
        let started = Instant::now();
        assert_eq!(shown(&look_with(flood, PLENTY, options).await), format!("Answered {}", "x".repeat(256)));
        let seen = shown(&look_with(dribble, PLENTY, options).await);
        assert!(seen.starts_with("Answered y") && seen.len() < 100, "{seen}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
