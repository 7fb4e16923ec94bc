//! HTTP servers that mean no good.

use crosscheck::observation::{FailureKind as Kind, HttpPeer, Peer};
use crosscheck::rule::Verdict;
use crosscheck::target::Protocol;

use super::look::{Look, NASTY, PLENTY, TIME, look, look_at, target};
use super::peers::Act::{self, Drip, Endless, Hear, Hold, Say};
use super::peers::{play, play_tls};

/// The certificate of the probe's own tests, for `crosscheck.test` and 127.0.0.1.
const CERTIFICATE: &[u8] = include_bytes!("../../src/probe/tls/fixtures/names.der");

/// Looks at a server that says these bytes, then does this; over TLS it must come to the same.
async fn said(start: impl Into<Vec<u8>>, end: Act) -> Look {
    let acts = vec![Hear, Say(start.into()), end];
    let plain = look(Protocol::Http, play(acts.clone()).await).await;
    let over_tls = play_tls(acts, CERTIFICATE.to_vec()).await;
    let tls = look(Protocol::Https, over_tls).await;
    assert_eq!(tls.verdict, plain.verdict, "{tls:?} but {plain:?}");
    plain
}

fn peer(seen: &Look) -> &HttpPeer {
    match &seen.observation.peer {
        Some(Peer::Http(peer)) => peer,
        _ => panic!("{seen:?}"),
    }
}

#[tokio::test]
async fn what_a_server_says_is_made_printable() {
    for text in [NASTY.to_owned(), NASTY.repeat(100), format!("http://{}/", "://".repeat(60_000))] {
        let answer = format!("HTTP/1.1 500 {text}\r\nServer: {text}\r\nLocation: {text}\r\nX: {text}\r\n\r\n{text}");
        let seen = said(answer, Hold).await;
        assert_eq!(seen.verdict, Verdict::Fail, "{seen:?}");
        // What may not stand in a header is left out with it, or the answer cannot be read.
        let told = seen.observation.peer.is_some() || seen.kind == Some(Kind::WrongProtocol);
        assert!(told, "{seen:?}");
    }
    // What takes long to search for secrets, as long as a head may be.
    for start in ["://", "password={", "token=", "a@b://", "password='", " ", "&  "] {
        let location = start.repeat(200_000 / start.len());
        let seen = said(format!("HTTP/1.1 302 Found\r\nLocation: x?password={location}x\r\n\r\n"), Hold).await;
        assert_eq!(peer(&seen).status, 302, "{seen:?}");
    }
    // What may stand there: anything above ASCII.
    let text = "\u{9b}31m\u{202e}x\u{200b}";
    let answer = format!("HTTP/1.1 301 {text}\r\nServer: {text}\r\nLocation: {text}\r\n\r\n");
    let seen = said(answer, Hold).await;
    assert!(peer(&seen).server.as_ref().is_some_and(|it| it.contains("\\u{202e}")), "{seen:?}");
    let answer = format!("HTTP/1.1 503 no\r\nConnection: close\r\n\r\n{NASTY}");
    let seen = said(answer, Hold).await;
    assert!(peer(&seen).body.as_ref().is_some_and(|it| it.contains("\\u{202e}")), "{seen:?}");
}

#[tokio::test]
async fn heads_without_end_are_not_read() {
    for (start, endless) in [
        ("HTTP/1.1 200 OK\r\n", &b"X: y\r\n"[..]),
        ("HTTP/1.1 200 OK\r\n", b"X"),
        ("HTTP/1.1 200 OK\r\n", b" folded\r\n"),
        ("HTTP/1.1 200 ", b"O"),
        ("HTTP/1.1 200 OK\r\nX: ", b"\xff"),
        ("HTTP/1.1 200 OK\r\n", b"\xff\xfe\r\n"),
        ("HTTP/9", b"9"),
        ("", b"HTTP/1.1 200 OK\r\n"),
    ] {
        let seen = said(start, Endless(endless.repeat(4096))).await;
        assert_eq!((seen.kind, seen.verdict), (Some(Kind::WrongProtocol), Verdict::Fail), "{start}: {seen:?}");
    }
    let headers = "X-Y: z\r\n".repeat(5000);
    let seen = said(format!("HTTP/1.1 200 OK\r\n{headers}\r\n"), Hold).await;
    assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{seen:?}");
    // Answers that are none yet.
    let seen = said("", Endless(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(2048))).await;
    assert!(matches!(seen.kind, Some(Kind::WrongProtocol | Kind::Silent)), "{seen:?}");
}

#[tokio::test]
async fn bodies_without_end_are_not_read() {
    for status in ["200 OK", "500 No"] {
        let verdict = if status == "200 OK" { Verdict::Pass } else { Verdict::Fail };
        for (headers, start, endless) in [
            ("", "", &b"body "[..]),
            ("Transfer-Encoding: chunked", "", b"1\r\nx\r\n"),
            ("Transfer-Encoding: chunked", "ffffffffffffffff\r\n", b"x"),
            ("Transfer-Encoding: chunked", "fffffff\r\n", b"x"),
            ("Transfer-Encoding: chunked", "1;", b"extension"),
            ("Transfer-Encoding: chunked", "0\r\n", b"Trailer: x\r\n"),
            ("Content-Length: 18446744073709551615", "", b"x"),
            ("Content-Length: 9223372036854775807", "", b"x"),
        ] {
            let head =
                format!("HTTP/1.1 {status}\r\n{headers}{}\r\n{start}", if headers.is_empty() { "" } else { "\r\n" });
            let seen = said(head, Endless(endless.repeat(4096))).await;
            assert!(matches!(seen.kind, None | Some(Kind::WrongProtocol)), "{headers} {start}: {seen:?}");
            assert_eq!(
                seen.verdict,
                if seen.kind.is_none() { verdict } else { Verdict::Fail },
                "{headers} {start}: {seen:?}"
            );
        }
        let slowly = Drip(b"never done".repeat(100), super::look::TIME / 20);
        let seen = said(format!("HTTP/1.1 {status}\r\n\r\n"), slowly).await;
        assert_eq!((seen.kind, seen.verdict), (None, verdict), "{seen:?}");
    }
    for length in ["-1", "1, 2", "1e9", "0x10", "99999999999999999999999"] {
        let seen = said(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nx"), Hold).await;
        assert!(matches!(seen.kind, None | Some(Kind::WrongProtocol)), "{length}: {seen:?}");
    }
}

#[tokio::test]
async fn redirections_are_told_and_not_followed() {
    for location in ["/", "http://127.0.0.1/", "//", "http://user:pa55-w0rd-of-ours@else.where/", "file:///etc/passwd"]
    {
        let acts = vec![Hear, Say(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n").into_bytes()), Hold];
        let address = play(acts).await;
        let mut target = target(Protocol::Http, address);
        target.path = Some("/\u{202e}\u{1b}[2J x?y={}#z".into());
        let seen = look_at(target, None, PLENTY).await;
        assert_eq!(peer(&seen).status, 302, "{seen:?}");
    }
}

#[tokio::test]
async fn statuses_that_are_none_are_told() {
    for start in [
        "HTTP/1.1 000 x\r\n\r\n",
        "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 -1 x\r\n\r\n",
        "HTTP/1.1 2000 x\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
    ] {
        let seen = said(start, Hold).await;
        assert_eq!((seen.kind, seen.verdict), (Some(Kind::WrongProtocol), Verdict::Fail), "{start}: {seen:?}");
    }
    // A change of protocol that nobody asked for.
    let seen =
        said("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Endless(vec![0; 4096]))
            .await;
    assert!(seen.verdict != Verdict::Inconclusive, "{seen:?}");
}

/// An answer over a connection that is kept.
fn kept(kind: &str, body: &str) -> Act {
    Say(format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into())
}

#[tokio::test]
async fn applications_that_mean_no_good_are_heard_within_bounds() {
    let ready = || kept("text/plain", "Prometheus Server is Ready.\n");
    let version =
        |text: &str| kept("application/json", &serde_json::json!({ "data": { "version": text } }).to_string());
    let list = |of: &str, times| {
        kept("application/json", &format!("{{\"data\":{{\"activeTargets\":[{}{{}}]}}}}", of.repeat(times)))
    };
    let down = serde_json::json!({ "scrapeUrl": format!("http://{NASTY}@x/{NASTY}"), "scrapePool": NASTY, "lastError": NASTY, "health": "down" });
    let odd = serde_json::json!({ "scrapeUrl": "http://x:1/y?token=z", "scrapePool": NASTY, "lastError": NASTY, "health": "down" });
    for (name, acts) in [
        ("very many targets", vec![Hear, ready(), Hear, version("1"), Hear, list("{},", 170_000), Hold]),
        ("nested", vec![Hear, ready(), Hear, version("1"), Hear, list("{\"x\":[[[[[[", 50_000), Hold]),
        ("nasty", vec![Hear, ready(), Hear, version(NASTY), Hear, list(&format!("{down},{odd},"), 200), Hold]),
        (
            "without end",
            vec![
                Hear,
                ready(),
                Hear,
                version("1"),
                Hear,
                Say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".into()),
                Endless(vec![b'['; 64 << 10]),
            ],
        ),
        ("silent", vec![Hear, ready(), Hear, Hold]),
        ("everything at once", vec![ready(), version("1"), list("{},", 10), Hold]),
        ("gone", vec![Hear, ready(), Hear, Act::Reset]),
    ] {
        let mut target = target(Protocol::Http, play(acts).await);
        target.path = Some("/-/ready".into());
        let seen = look_at(target, None, TIME).await;
        assert_eq!(seen.verdict, Verdict::Pass, "{name}: {seen:?}");
        let application = peer(&seen).application.as_ref();
        assert_eq!(application.map(|it| it.name.as_str()), Some("Prometheus"), "{name}: {seen:?}");
    }
}
