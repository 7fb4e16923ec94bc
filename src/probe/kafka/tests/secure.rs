//! TLS and SASL on one side, on both, and on the other.

use std::net::IpAddr;

use super::*;
use crate::observation::Depth;
use crate::observation::PhaseName::{Connect, Handshake, Login, Request, Resolve};
use crate::plan::Tls;

fn client(tls: Tls, mechanism: Option<&str>) -> Security {
    Security {
        tls,
        mechanism: mechanism.map(str::to_owned),
        confidants: vec![(IpAddr::from([127, 0, 0, 1]), None)],
        ..Security::default()
    }
}

fn login() -> Credentials {
    Credentials { user: "app".into(), password: Some("s3cret".to_owned().into()) }
}

/// An answer to `SaslHandshake`.
fn mechanisms(error: i16, names: &[&str]) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend(error.to_be_bytes());
    body.extend(i32::try_from(names.len()).unwrap().to_be_bytes());
    for name in names {
        body.extend(i16::try_from(name.len()).unwrap().to_be_bytes());
        body.extend(name.as_bytes());
    }
    frame(body)
}

/// An answer to `SaslAuthenticate` of version 1.
fn outcome(error: i16, words: &str, message: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 8];
    body.extend(error.to_be_bytes());
    body.extend(i16::try_from(words.len()).unwrap().to_be_bytes());
    body.extend(words.as_bytes());
    body.extend(i32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend(message);
    body.extend([0; 8]); // session lifetime
    frame(body)
}

/// What a client with SASL sees of a broker that gives these two answers, and is alone in its cluster.
async fn seen(mechanism: &str, handshake: Vec<u8>, authenticate: Option<Vec<u8>>) -> Observation {
    seen_as(&client(Tls::Off, Some(mechanism)), Some(&login()), handshake, authenticate).await
}

async fn seen_as(
    security: &Security,
    credentials: Option<&Credentials>,
    handshake: Vec<u8>,
    authenticate: Option<Vec<u8>>,
) -> Observation {
    let (listener, address) = listen().await;
    let listed = metadata("c", &[(1, "127.0.0.1", i32::from(address.port()))]);
    let mut broker = Broker::new().with(METADATA, 12, listed).with(SASL_HANDSHAKE, 1, handshake);
    if let Some(reply) = authenticate {
        broker = broker.with(SASL_AUTHENTICATE, 1, reply);
    }
    tokio::spawn(broker.serve(listener));
    look_as(address, SECOND, security, credentials).await
}

#[tokio::test]
async fn a_login_comes_before_metadata() {
    let seen = seen("PLAIN", mechanisms(0, &["PLAIN"]), Some(outcome(0, "", b""))).await;
    assert_eq!((failure(&seen), seen.unlooked.as_deref(), seen.depth), (None, None, Depth::LoggedIn));
    let phases: Vec<_> = seen.phases.iter().map(|phase| phase.name).collect();
    assert_eq!(phases, [Resolve, Connect, Handshake, Handshake, Login, Request]);
    assert_eq!(peer(&seen).mechanisms.as_deref(), Some(&["PLAIN".to_owned()][..]));
}

#[tokio::test]
async fn a_refused_login_is_told_in_the_brokers_words() {
    let words = "Authentication failed: Invalid username or password";
    let seen = seen("PLAIN", mechanisms(0, &["PLAIN"]), Some(outcome(58, words, b""))).await;
    assert_eq!(failure(&seen), Some((PhaseName::Login, FailureKind::AuthenticationFailed, words)));
    assert_eq!(seen.depth, Depth::Answered);
}

#[tokio::test]
async fn what_a_listener_has_is_compared_with_what_the_client_uses() {
    let seen_none = seen("PLAIN", mechanisms(34, &[]), None).await;
    let words = "the listener does no SASL";
    assert_eq!(failure(&seen_none), Some((PhaseName::Login, FailureKind::AuthenticationUnsupported, words)));
    assert_eq!(peer(&seen_none).mechanisms.as_deref(), Some(&[][..]));

    let seen_other = seen("SCRAM-SHA-512", mechanisms(33, &["PLAIN", "SCRAM-SHA-256"]), None).await;
    let words = "the listener has no SCRAM-SHA-512, but PLAIN and SCRAM-SHA-256";
    assert_eq!(failure(&seen_other), Some((PhaseName::Login, FailureKind::AuthenticationUnsupported, words)));
}

#[tokio::test]
async fn what_cannot_be_tried_is_no_failure() {
    let plain = || mechanisms(0, &["PLAIN"]);
    let sasl = client(Tls::Off, Some("PLAIN"));
    let elsewhere = Security { confidants: vec![(IpAddr::from([10, 0, 0, 1]), None)], ..sasl.clone() };
    let other_port = Security { confidants: vec![(IpAddr::from([127, 0, 0, 1]), Some(1))], ..sasl.clone() };
    let login = login();
    for (security, credentials, handshake, words) in [
        (client(Tls::Off, Some("GSSAPI")), Some(&login), mechanisms(0, &["GSSAPI"]), "which crosscheck does not speak"),
        (client(Tls::Off, Some("OAUTHBEARER")), None, mechanisms(0, &["OAUTHBEARER"]), "OAUTHBEARER, which crosscheck"),
        (client(Tls::Off, Some("")), Some(&login), mechanisms(33, &["PLAIN"]), "nothing that can be read says how"),
        (sasl, None, plain(), "no password of the client's is known"),
        (elsewhere, Some(&login), plain(), "only towards containers of this project"),
        (other_port, Some(&login), plain(), "only towards containers of this project"),
    ] {
        // The broker would end the connection on a login.
        let seen = seen_as(&security, credentials, handshake, None).await;
        assert_eq!(failure(&seen), None, "{security:?}");
        assert!(seen.unlooked.as_deref().unwrap().contains(words), "{:?}", seen.unlooked);
    }
}

#[tokio::test]
async fn a_mechanism_that_nobody_switches_on_is_not_used() {
    // A login would be refused, and the question alone be a reason to fail.
    let unsaid = client(Tls::Unsaid, Some("PLAIN"));
    let seen = seen_as(&unsaid, Some(&login()), mechanisms(34, &[]), None).await;
    assert_eq!((failure(&seen), seen.unlooked.as_deref(), seen.depth), (None, None, Depth::Answered));
    assert_eq!(peer(&seen).mechanisms, None);
}

#[tokio::test]
async fn a_broker_that_does_not_know_the_password_itself_is_not_believed() {
    // It has no nonce of ours, so it cannot go on.
    let first = outcome(0, "", b"r=elsewhere,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    let seen = seen("SCRAM-SHA-256", mechanisms(0, &["SCRAM-SHA-256"]), Some(first)).await;
    let words = "its SCRAM is none: its nonce does not continue ours";
    assert_eq!(failure(&seen), Some((PhaseName::Login, FailureKind::WrongProtocol, words)));
}

#[tokio::test]
async fn tls_on_one_side_only_is_told_by_the_very_port() {
    let address = Broker::new().start().await;
    let seen = look_as(address, SECOND, &client(Tls::Required, None), None).await;
    let words = "the listener speaks Kafka's protocol without TLS";
    assert_eq!(failure(&seen), Some((PhaseName::Tls, FailureKind::TlsFailed, words)));
    assert_eq!(peer(&seen).tls, Some(false));

    let address = crate::probe::tls::tests::https(false).await;
    let seen = look_as(address, SECOND, &client(Tls::Off, None), None).await;
    assert_eq!(
        failure(&seen).map(|(phase, kind, _)| (phase, kind)),
        Some((PhaseName::Handshake, FailureKind::TlsExpected))
    );
}

#[tokio::test]
async fn over_tls_whoever_answers_is_looked_at_as_without() {
    let required = client(Tls::Required, None);
    let address = crate::probe::tls::tests::https(false).await;
    let seen = look_as(address, SECOND * 5, &required, None).await;
    let (phase, kind, words) = failure(&seen).unwrap();
    assert_eq!((phase, kind), (PhaseName::Handshake, FailureKind::WrongProtocol));
    assert!(words.contains("an HTTP server answered"), "{words}");
    assert!(seen.certificate.unwrap().names.contains(&"crosscheck.test".to_owned()));

    // One that wants a certificate of the client's, which is not to be had here.
    let address = crate::probe::tls::tests::https(true).await;
    let seen = look_as(address, SECOND * 5, &required, None).await;
    assert_eq!(failure(&seen), None);
    assert!(seen.unlooked.as_deref().unwrap().contains("client certificate"), "{:?}", seen.unlooked);
}

#[tokio::test]
async fn a_redirect_to_a_stranger_is_not_told_the_password() {
    let stranger = TcpListener::bind("127.0.0.2:0").await.unwrap();
    let away = i32::from(stranger.local_addr().unwrap().port());
    let (listener, address) = listen().await;
    let listed = metadata("c", &[(1, "127.0.0.1", i32::from(address.port())), (2, "127.0.0.2", away)]);
    let broker = Broker::new().with(METADATA, 12, listed).with(SASL_HANDSHAKE, 1, mechanisms(0, &["PLAIN"])).with(
        SASL_AUTHENTICATE,
        1,
        outcome(0, "", b""),
    );
    tokio::spawn(broker.clone().serve(listener));
    tokio::spawn(broker.serve(stranger));
    let seen = look_as(address, SECOND, &client(Tls::Off, Some("PLAIN")), Some(&login())).await;
    let [own, other] = &seen.redirects[..] else { panic!("{seen:?}") };
    assert_eq!((own.observation.depth, own.observation.unlooked.as_deref()), (Depth::LoggedIn, None));
    let words = "the client's password is used only towards containers of this project";
    assert_eq!((other.observation.depth, other.observation.unlooked.as_deref()), (Depth::Answered, Some(words)));
    assert_eq!(failure(&other.observation), None);
}

#[tokio::test]
async fn why_a_connection_ended_is_not_guessed_where_nobody_answers_again() {
    // It ends the first connection on Metadata, and then accepts none, or says nothing any more.
    for goes_on in [false, true] {
        let (listener, address) = listen().await;
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let kept = goes_on.then_some(listener);
            Broker::new().converse(stream).await;
            let second = match &kept {
                Some(listener) => Some(listener.accept().await.unwrap()),
                None => None,
            };
            tokio::time::sleep(SECOND * 20).await;
            drop((kept, second));
        });
        let seen = look(address, SECOND).await;
        serving.abort();
        assert_eq!((failure(&seen), seen.unlooked.as_deref()), (None, Some(crate::probe::kafka::secure::NOT_SEEN)));
    }
}

#[tokio::test]
async fn a_peer_that_ends_a_connection_and_says_nothing_on_the_next_may_speak_tls() {
    let (listener, address) = listen().await;
    let serving = tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        let second = listener.accept().await.unwrap();
        tokio::time::sleep(SECOND * 20).await;
        drop(second);
    });
    let seen = look(address, SECOND).await;
    serving.abort();
    assert_eq!((failure(&seen), seen.unlooked.as_deref()), (None, Some(crate::probe::kafka::secure::NOT_SEEN)));
}
