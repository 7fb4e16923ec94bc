use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::*;
use crate::catalog::Acquaintance;
use crate::observation::Observation;
use crate::probe::Options;

pub(super) const PLENTY: Duration = Duration::from_secs(20);

/// A server that reads the request and then does this.
pub(super) async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(TcpStream, String) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            tokio::spawn(serve(stream, String::from_utf8_lossy(&request[..length]).into_owned()));
        }
    });
    address
}

/// A server that reads the request, says this and closes.
pub(super) async fn says(words: &'static [u8]) -> SocketAddr {
    server(move |mut stream, _| async move {
        let _ = stream.write_all(words).await;
    })
    .await
}

async fn look_at(target: Target, timeout: Duration) -> Observation {
    look_knowing(target, timeout, Vec::new()).await
}

pub(super) async fn look_knowing(target: Target, timeout: Duration, acquaintances: Vec<Acquaintance>) -> Observation {
    let options = Options::default();
    crate::probe::look(&crate::probe::Request {
        target,
        timeout,
        credentials: None,
        security: crate::plan::Security::default(),
        needed: crate::plan::Needed::default(),
        questions: Vec::new(),
        acquaintances,
        options,
    })
    .await
}

async fn look(address: SocketAddr, path: Option<&str>) -> Observation {
    let target = Target::new(Protocol::Http, address.ip().to_string(), address.port());
    look_at(Target { path: path.map(str::to_owned), ..target }, PLENTY).await
}

/// The failure's step, kind and words, or the depth and what the peer said.
pub(super) fn shown(seen: &Observation) -> String {
    match (&seen.failure, &seen.peer, &seen.unlooked) {
        (None, None, Some(reason)) => format!("unlooked: {reason}"),
        (Some(failure), _, None) => format!("{:?} {:?}: {}", failure.phase, failure.kind, failure.detail),
        (None, Some(peer), None) => format!("{:?} {}", seen.depth, peer.summary()),
        other => panic!("{other:?}"),
    }
}

pub(super) fn http(seen: &Observation) -> &HttpPeer {
    match &seen.peer {
        Some(Peer::Http(http)) => http,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_request_is_a_plain_get() {
    let echo = server(|mut stream, request| async move {
        let head = format!("HTTP/1.1 500 Echo\r\nContent-Length: {}\r\n\r\n", request.len());
        stream.write_all((head + &request).as_bytes()).await.unwrap();
    })
    .await;
    let rest =
        format!("Host: {echo} User-Agent: crosscheck/{} Accept: */* Connection: close", env!("CARGO_PKG_VERSION"));
    for (path, line) in [
        (None, "GET /"),
        (Some("/"), "GET /"),
        (Some("health?a=b&c=%20"), "GET /health?a=b&c=%20"),
        (Some("/a b\r\nX: y\"ü#part"), "GET /a%20b%0D%0AX:%20y%22%C3%BC"),
        (Some("?q"), "GET /?q"),
    ] {
        let seen = look(echo, path).await;
        let body = http(&seen).body.clone().unwrap().replace("  ", " ").to_lowercase();
        assert_eq!(body, format!("{line} HTTP/1.1 {rest}").to_lowercase(), "{path:?}");
        let names: Vec<_> = seen.phases.iter().map(|phase| (phase.name, phase.ok)).collect();
        assert_eq!(names, [(PhaseName::Resolve, true), (PhaseName::Connect, true), (PhaseName::Request, true)]);
    }
    let host = |target: Target| request(&target, false).unwrap().headers()[HOST].to_str().unwrap().to_owned();
    assert_eq!(host(Target::new(Protocol::Http, "app", 80)), "app");
    assert_eq!(host(Target::new(Protocol::Http, "app", 443)), "app:443");
    assert_eq!(host(Target::new(Protocol::Https, "::1", 443)), "[::1]");
    assert_eq!(host(Target::new(Protocol::Https, "::1", 8443)), "[::1]:8443");
}

#[tokio::test]
async fn a_status_is_an_answer() {
    for (words, expected) in [
        (&b"HTTP/1.1 200 OK\r\nServer: nginx/1.27\r\n\r\nhello"[..], "Answered HTTP 200, nginx/1.27"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "Answered HTTP 404"),
        (b"HTTP/1.1 503 \r\nServer:\x1b[31mred\xff\r\n\r\n", "Answered HTTP 503"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Gone\r\n\r\n", "Answered HTTP 204"),
        // What strict readers refuse and most clients let pass.
        (b"HTTP/1.1 200 OK\r\nBad Header: x\r\nServer : y\r\nFolded: a\r\n b\r\n\r\n", "Answered HTTP 200, y"),
        // The body fails, the answer stands.
        (b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\nzz", "Answered HTTP 500"),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nshort", "Answered HTTP 500"),
    ] {
        assert_eq!(shown(&look(says(words).await, None).await), expected);
    }
}

#[tokio::test]
async fn what_is_kept_is_bounded_printable_and_without_secrets() {
    let moved = says(b"HTTP/1.1 302 Found\r\nLocation: http://admin:hunter2@app/login?token=abc\r\n\r\nbody").await;
    let seen = look(moved, None).await;
    assert_eq!(http(&seen).location.as_deref(), Some("http://***@app/login?token=***"));
    assert_eq!(http(&seen).body, None);

    let failing = says(b"HTTP/1.1 500 Oops\r\n\r\n\x1b]0;x\x07 redis://:hunter2@redis \xff").await;
    assert_eq!(http(&look(failing, None).await).body.as_deref(), Some("\\u{1b}]0;x\\u{7} redis://***@redis \u{fffd}"));

    let endless = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\n\r\n").await;
        while stream.write_all(&vec![b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let started = Instant::now();
    let seen = look(endless, None).await;
    assert_eq!(http(&seen).body.as_ref().unwrap().chars().count(), MOST_SHOWN + 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    for (words, expected) in [
        (&b""[..], "Request Closed: closed the connection without an answer"),
        (b"HTT", "Request Closed: closed the connection in the middle of its HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nServer: x", "Request Closed: closed the connection in the middle of its HTTP answer"),
        (b"+PONG\r\n", "Request WrongProtocol: no HTTP: the peer said \"+PONG\""),
        (b"J\x00\x00\x00\x0a8.4.0\x00", "Request WrongProtocol: no HTTP: the peer said \"J\\\\u{0}\\\\u{0}\\\\u{0} 8.4.0\\\\u{0}\""),
        (b"\x15\x03\x01\x00\x02\x02\x46", "Request TlsExpected: answered in TLS"),
        (
            b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>",
            "Request TlsExpected: answered that this port wants HTTPS",
        ),
        (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
            "Request TlsExpected: answered that this port wants HTTPS",
        ),
        (
            b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00",
            "unlooked: the peer speaks HTTP/2 only, and only HTTP/1.1 is spoken here",
        ),
    ] {
        assert_eq!(shown(&look(says(words).await, None).await), expected);
    }
    let seen = look(says(b"HTTP/1.1 999999 No\r\n\r\n").await, None).await;
    assert!(shown(&seen).starts_with("Request WrongProtocol: its HTTP answer cannot be read"), "{}", shown(&seen));
}

#[tokio::test]
async fn a_peer_that_speaks_or_leaves_first_is_told_too() {
    // Before the request is read: a greeting, an end, a reset.
    for (act, expected) in
        [(0, "Request WrongProtocol: no HTTP: the peer said \"220 mail\""), (1, "Request Closed"), (2, "Request Reset")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let thread = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            match act {
                0 => {
                    stream.write_all(b"220 mail\r\n").await.unwrap();
                    sleep(PLENTY).await;
                }
                1 => stream.shutdown().await.unwrap(),
                _ => stream.set_zero_linger().unwrap(),
            }
            // Whether the end is seen before or after the request was written, it is the same to the reader.
            sleep(Duration::from_millis(50)).await;
        });
        let seen = shown(&look(address, None).await);
        assert!(seen.starts_with(expected), "{seen}");
        thread.abort();
    }
}

#[tokio::test]
async fn hostile_answers_are_bounded() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let giant = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ").await;
        while stream.write_all(&vec![b'x'; 65536]).await.is_ok() {
            SENT.fetch_add(65536, Ordering::Relaxed);
        }
    })
    .await;
    let many = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(&b"a: b\r\n".repeat(1000)).await.is_ok() {}
    })
    .await;
    let garbage = server(|mut stream, _| async move { while stream.write_all(&vec![0; 65536]).await.is_ok() {} }).await;
    for (address, expected) in [
        (giant, "Request WrongProtocol: the head of its HTTP answer is larger than 256 KiB"),
        (many, "Request WrongProtocol: the head of its HTTP answer is larger than 256 KiB"),
        (garbage, "Request WrongProtocol: no HTTP: the peer said"),
    ] {
        let started = Instant::now();
        let seen = shown(&look(address, None).await);
        assert!(seen.starts_with(expected), "{seen}");
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
    // What was sent and not read lies in the system's buffers, a few megabytes.
    let sent = SENT.load(Ordering::Relaxed);
    assert!(sent < 32 << 20, "{sent} bytes");
}

#[tokio::test]
async fn the_deadline_holds_against_slow_peers() {
    let mute = server(|stream, _| async move {
        sleep(PLENTY).await;
        drop(stream);
    })
    .await;
    let dribble = server(|mut stream, _| async move {
        for byte in b"HTTP/1.1 200 OK\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let continues = server(|mut stream, _| async move {
        while stream.write_all(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)).await.is_ok() {}
    })
    .await;
    let slow_body = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\nstarting").await;
        sleep(PLENTY).await;
    })
    .await;
    let start = "Request Silent: only the start of an HTTP answer came within ";
    for (address, expected) in [
        (mute, ["Request Silent: connected and asked, then no answer within "; 2]),
        (dribble, [start; 2]),
        // Which bound comes first is a matter of how quick the machine is.
        (continues, [start, "Request WrongProtocol: more than 768 KiB came without a whole answer"]),
        (slow_body, ["Answered HTTP 503"; 2]),
    ] {
        let started = Instant::now();
        let target = Target::new(Protocol::Http, address.ip().to_string(), address.port());
        let seen = look_at(target, Duration::from_millis(400)).await;
        assert!(expected.iter().any(|words| shown(&seen).starts_with(words)), "{}", shown(&seen));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn over_tls_it_is_the_same() {
    let https = crate::probe::tls::tests::https(false).await;
    let seen = look_at(Target::new(Protocol::Https, "127.0.0.1", https.port()), PLENTY).await;
    assert_eq!(shown(&seen), "Answered HTTP 204");
    let names: Vec<_> = seen.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(names, [PhaseName::Resolve, PhaseName::Connect, PhaseName::Tls, PhaseName::Request]);

    let seen = look_at(Target::new(Protocol::Https, "localhost", https.port()), PLENTY).await;
    assert!(
        shown(&seen).starts_with("Tls CertificateName: the certificate is for crosscheck.test"),
        "{}",
        shown(&seen)
    );

    let seen = look_at(Target::new(Protocol::Http, "127.0.0.1", https.port()), PLENTY).await;
    assert_eq!(shown(&seen), "Request TlsExpected: answered in TLS");

    let plain = says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let seen = look_at(Target::new(Protocol::Https, "127.0.0.1", plain.port()), PLENTY).await;
    assert_eq!(shown(&seen), "Tls TlsFailed: answered without TLS: \"HTTP/1.1 400 Bad Request\"");

    // In TLS 1.3 the server misses the client's certificate only after the client's handshake is over.
    let asks = crate::probe::tls::tests::https(true).await;
    let seen = look_at(Target::new(Protocol::Https, "127.0.0.1", asks.port()), PLENTY).await;
    assert_eq!(
        shown(&seen),
        "unlooked: the peer ended TLS with the alert CertificateRequired: it wants a client certificate, and there is \
         none here"
    );
}

#[tokio::test]
async fn a_name_with_an_underscore_is_asked_for_with_hyphens_too_where_it_is_refused() {
    // 127.0.0.1 by its name in this namespace; only the `Host` header differs.
    async fn status(words: &'static [u8], host: &str, unwanted: &'static str) -> HttpPeer {
        let server = server(move |mut stream, request| async move {
            let refused = request.to_lowercase().contains(unwanted);
            let _ = stream.write_all(if refused { b"HTTP/1.1 400 \r\n\r\n" } else { words }).await;
        })
        .await;
        let stream = TcpStream::connect(server).await.unwrap();
        let mut attempt = Attempt::new(Instant::now() + PLENTY, Options::default());
        attempt.observation.connected = Some(server.ip());
        let target = Target::new(Protocol::Http, host, server.port());
        exchange(&mut attempt, stream, &target).await.unwrap();
        http(&attempt.observation).clone()
    }
    let found = &b"HTTP/1.1 404 \r\n\r\n"[..];
    let seen = status(found, "order_api", "host: order_api").await;
    assert_eq!((seen.status, seen.without_underscore), (400, Some(404)));
    // Whatever is asked for is refused.
    let seen = status(found, "order_api", "host: ").await;
    assert_eq!((seen.status, seen.without_underscore), (400, Some(400)));
    // Nothing is asked a second time where the name is no suspect, or where it was not refused.
    let seen = status(found, "order-api", "host: ").await;
    assert_eq!((seen.status, seen.without_underscore), (400, None));
    let seen = status(found, "order_api", "nothing of it").await;
    assert_eq!((seen.status, seen.without_underscore), (404, None));
}
