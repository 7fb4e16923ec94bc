use std::net::SocketAddr;
use std::time::Duration;

use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::observation::Observation;
use crate::probe::Options;

/// A key made for these tests, and certificates over it that hold until 2125: one with alternative names, one with a
/// common name alone, one in X.509's first version.
const KEY: &[u8] = include_bytes!("fixtures/key.der");
const NAMES: &[u8] = include_bytes!("fixtures/names.der");
const COMMON_NAME: &[u8] = include_bytes!("fixtures/common-name.der");
/// Over the same key, by the authority in `authority.pem`: one that holds, one until 2021, one from 2120 on.
const SIGNED: &[u8] = include_bytes!("fixtures/signed.der");
const EXPIRED: &[u8] = include_bytes!("fixtures/expired.der");
const EARLY: &[u8] = include_bytes!("fixtures/early.der");
const VERSION_1: &[u8] = include_bytes!("fixtures/version-1.der");

const PLENTY: Duration = Duration::from_secs(20);

/// A server's side of TLS with this certificate.
fn acceptor(shown: &'static [u8], versions: &[&'static SupportedProtocolVersion], asks_client: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(KEY.to_vec().try_into().unwrap()).unwrap();
    let own = CertifiedKey::new(vec![CertificateDer::from(shown)], key);
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let builder = if asks_client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(NAMES)).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    TlsAcceptor::from(Arc::new(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)))))
}

/// The side of a server whose certificate is for `crosscheck.test` and 127.0.0.1.
pub fn server() -> TlsAcceptor {
    acceptor(NAMES, &[&TLS13], false)
}

/// An HTTPS server for `crosscheck.test`, `*.shop.test` and 127.0.0.1 that answers everything with 204; if it asks
/// for a client certificate, it refuses those who have none.
pub async fn https(asks_client: bool) -> SocketAddr {
    serve(acceptor(NAMES, &[&TLS13], asks_client)).await
}

async fn serve(acceptor: TlsAcceptor) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Clients that give up are part of the tests.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 1024];
            if stream.read(&mut request).await.is_ok() {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    address
}

/// A server that says this, whatever it hears, and then closes.
async fn says(words: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(words).await;
        }
    });
    address
}

async fn look(address: SocketAddr, host: &str, timeout: Duration) -> Observation {
    look_as(address, host, timeout, &Security::default()).await
}

/// What is seen as a client with these settings sees it.
async fn look_as(address: SocketAddr, host: &str, timeout: Duration, security: &Security) -> Observation {
    let mut attempt = Attempt::new(Instant::now() + timeout, Options::default());
    let stream = TcpStream::connect(address).await.unwrap();
    let result = wrap(&mut attempt, stream, host, security).await;
    let seen = attempt.observation;
    assert_eq!(result.is_err(), seen.failure.is_some() || seen.unlooked.is_some(), "{seen:?}");
    assert_eq!(seen.phases.len(), 1);
    assert_eq!((seen.phases[0].name, seen.phases[0].ok), (PhaseName::Tls, result.is_ok()));
    seen
}

/// What was seen, in a line.
fn shown(seen: &Observation) -> String {
    match (&seen.failure, &seen.unlooked) {
        (Some(failure), None) => format!("{:?}: {}", failure.kind, failure.detail),
        (None, Some(reason)) => format!("unlooked: {reason}"),
        (None, None) => {
            let unknown = |note: &&str| !note.ends_with("no setting that can be read says whom the client trusts");
            let notes = seen.notes.iter().map(String::as_str).filter(unknown);
            ["agreed"].into_iter().chain(notes).collect::<Vec<_>>().join("; ")
        }
        both => panic!("{both:?}"),
    }
}

#[tokio::test]
async fn the_certificate_is_compared_with_the_host() {
    let servers = [
        serve(acceptor(NAMES, &[&TLS13], false)).await,
        serve(acceptor(NAMES, &[&TLS12], false)).await,
        serve(acceptor(COMMON_NAME, &[&TLS13], false)).await,
    ];
    let others = "CertificateName: the certificate is for crosscheck.test, *.shop.test and 127.0.0.1, not for";
    let legacy = "agreed; the certificate names legacy.test only as its common name, which some clients do not accept";
    for (server, host, expected) in [
        (0, "crosscheck.test", "agreed"),
        (1, "CROSSCHECK.test", "agreed"),
        (0, "app.shop.test", "agreed"),
        (0, "127.0.0.1", "agreed"),
        (0, "kafka", &format!("{others} kafka")),
        (1, "my_service", &format!("{others} my_service")),
        (0, "127.0.0.2", &format!("{others} 127.0.0.2")),
        (0, "ignored.test", &format!("{others} ignored.test")),
        (2, "legacy.test", legacy),
        (2, "kafka", "CertificateName: the certificate is for legacy.test, not for kafka"),
    ] {
        assert_eq!(shown(&look(servers[server], host, PLENTY).await), expected, "{host}");
    }
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_by_its_words() {
    for (words, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "TlsFailed: answered without TLS: \"HTTP/1.1 400 Bad Request\""),
        (
            b"-ERR unknown command \x1b[31m\r\n",
            "TlsFailed: answered without TLS: \"-ERR unknown command \\\\u{1b}[31m\"",
        ),
        (b"", "Closed: the peer closed the connection instead of answering in TLS"),
        // A fatal alert: unrecognized_name, then internal_error, then handshake_failure, protocol_version.
        (b"\x15\x03\x03\x00\x02\x02\x70", "TlsFailed: the peer ended TLS with the alert UnrecognisedName"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "TlsFailed: the peer ended TLS with the alert InternalError"),
        (
            b"\x15\x03\x03\x00\x02\x02\x28",
            "unlooked: the peer ended TLS with the alert HandshakeFailure: it accepts no cipher that is spoken here, or \
             wants a client certificate",
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            "unlooked: the peer ended TLS with the alert ProtocolVersion: only TLS 1.2 and 1.3 are spoken here",
        ),
    ] {
        assert_eq!(shown(&look(says(words).await, "kafka", PLENTY).await), expected);
    }
    // A record that announces a handshake and holds none.
    let seen = look(says(b"\x16\x03\x03\x00\x05hello").await, "kafka", PLENTY).await;
    assert_eq!(seen.failure.unwrap().kind, FailureKind::TlsFailed);
}

#[tokio::test]
async fn our_own_limits_are_no_fault_of_the_peer() {
    let ancient = serve(acceptor(VERSION_1, &[&TLS13], false)).await;
    let seen = shown(&look(ancient, "ancient.test", PLENTY).await);
    assert!(seen.starts_with("unlooked: the peer's certificate cannot be used here: "), "{seen}");

    let asks = serve(acceptor(NAMES, &[&TLS12], true)).await;
    let seen = shown(&look(asks, "crosscheck.test", PLENTY).await);
    assert!(seen.starts_with("unlooked: the peer ended TLS with the alert "), "{seen}");

    let seen = shown(&look(asks, "not a name", PLENTY).await);
    assert_eq!(seen, "unlooked: not a name is no name that TLS can ask for");
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_a_reset_is_told() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let started = Instant::now();
    let seen = look(mute.local_addr().unwrap(), "kafka", Duration::from_millis(200)).await;
    assert!(shown(&seen).starts_with("Silent: connected, then no answer within "), "{}", shown(&seen));
    assert!(started.elapsed() < PLENTY);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_zero_linger().unwrap();
        sleep(Duration::from_millis(50)).await;
    });
    assert_eq!(look(address, "kafka", PLENTY).await.failure.unwrap().kind, FailureKind::Reset);
}

#[tokio::test]
async fn a_certificate_that_does_not_hold_is_refused_by_whom_verifies() {
    let lenient = Security { verifies_chain: Some(false), ..Security::default() };
    for (certificate, words) in [
        (EXPIRED, "the certificate expired on 2021-01-01T00:00:00Z"),
        (EARLY, "the certificate does not hold before 2120-01-01T00:00:00Z"),
    ] {
        let server = serve(acceptor(certificate, &[&TLS13], false)).await;
        let seen = look(server, "crosscheck.test", PLENTY).await;
        assert_eq!(shown(&seen), format!("CertificateExpired: {words}"));
        let certificate = seen.certificate.unwrap();
        assert_eq!(certificate.names, ["crosscheck.test"]);
        assert_eq!(certificate.issuer.as_deref(), Some("Crosscheck Test Authority"));
        assert!(!certificate.self_signed && certificate.trusted.is_none());
        let seen = look_as(server, "crosscheck.test", PLENTY, &lenient).await;
        assert_eq!(shown(&seen), format!("agreed; {words}; this client does not mind"));
    }
}

#[tokio::test]
async fn a_certificate_of_nobody_known_is_refused_by_whom_knows_others() {
    let server = serve(acceptor(SIGNED, &[&TLS13], false)).await;
    let knows = |pem: &str| Security { authorities: Some(pem.into()), ..Security::default() };
    let ours = knows(include_str!("fixtures/authority.pem"));
    let other = knows(include_str!("fixtures/other-authority.pem"));
    let seen = look_as(server, "crosscheck.test", PLENTY, &ours).await;
    assert_eq!((shown(&seen).as_str(), seen.certificate.unwrap().trusted), ("agreed", Some(true)));
    let seen = look_as(server, "crosscheck.test", PLENTY, &other).await;
    let words = "CertificateUntrusted: the certificate is signed by Crosscheck Test Authority, and the client's \
                 authorities have not signed that";
    assert_eq!((shown(&seen).as_str(), seen.certificate.unwrap().trusted), (words, Some(false)));
    // What it trusts beside those is not known.
    let more = Security { more_authorities: true, ..other.clone() };
    let seen = look_as(server, "crosscheck.test", PLENTY, &more).await;
    assert_eq!((seen.failure, seen.certificate.unwrap().trusted), (None, None));
    let careless = Security { verifies_chain: Some(false), verifies_name: Some(false), ..other };
    let seen = look_as(server, "elsewhere.test", PLENTY, &careless).await;
    assert_eq!((seen.failure, seen.notes.len()), (None, 2));
}

#[tokio::test]
async fn whether_tls_is_spoken_is_told_by_a_handshake_alone() {
    for (address, expected) in [
        (serve(acceptor(EXPIRED, &[&TLS13], false)).await, true),
        (serve(acceptor(NAMES, &[&TLS12], true)).await, true),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n").await, false),
        (says(b"").await, false),
    ] {
        assert_eq!(is_spoken(TcpStream::connect(address).await.unwrap(), "kafka").await, expected);
    }
}
