use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play};
use crate::target::Protocol;

/// What nats-server 2.9.10 says first.
const OPEN: &str = "INFO {\"server_id\":\"NBNSMZS34NJHIUSUB5WC76PXSNOTQHIQ6YIVAOUMKTLFNZC7KUV3UBDX\",\"server_name\":\"NBNSMZS34NJHIUSUB5WC76PXSNOTQHIQ6YIVAOUMKTLFNZC7KUV3UBDX\",\"version\":\"2.9.10\",\"proto\":1,\"go\":\"go1.19.8\",\"host\":\"0.0.0.0\",\"port\":4222,\"headers\":true,\"max_payload\":1048576,\"client_id\":4,\"client_ip\":\"172.17.0.1\"} \r\n";
/// The same with an account and `JetStream`.
const LOCKED: &str = "INFO {\"server_id\":\"NANYUBRUAI6KMUM6J7I7VRKHAQSH5DQ2ST6UQOADAEUPPPWZRM4TQETG\",\"server_name\":\"NANYUBRUAI6KMUM6J7I7VRKHAQSH5DQ2ST6UQOADAEUPPPWZRM4TQETG\",\"version\":\"2.9.10\",\"proto\":1,\"go\":\"go1.19.8\",\"host\":\"0.0.0.0\",\"port\":4223,\"headers\":true,\"auth_required\":true,\"max_payload\":1048576,\"jetstream\":true,\"client_id\":4,\"client_ip\":\"172.17.0.1\"} \r\n";
const PASSWORD: &str = "hunter2-größer";

fn say(words: &str) -> Step {
    Say(words.as_bytes().to_vec())
}

fn hear(words: &str) -> Step {
    Hear(words.as_bytes().to_vec())
}

async fn look(account: Option<(&str, &str)>, steps: Vec<Step>) -> Observation {
    let (port, task) = play(steps).await;
    let seen = trial::look(Protocol::Nats, port, account, None).await;
    task.await.expect("the client kept to the script");
    seen
}

fn phases(seen: &Observation) -> Vec<(PhaseName, bool)> {
    seen.phases.iter().skip(2).map(|phase| (phase.name, phase.ok)).collect()
}

#[tokio::test]
async fn an_open_server_is_pinged_and_gets_no_password() {
    for account in [None, Some(("app", PASSWORD))] {
        // Nothing follows the number of the protocol: no account.
        let asked = hear("\"protocol\":0}\r\nPING\r\n");
        let steps = vec![Dribble(OPEN.into()), asked, say("+OK\r\nPING\r\nINFO {}\r\nPONG\r\n"), Hold];
        let seen = look(account, steps).await;
        assert_eq!((seen.depth, failure(&seen), &seen.unlooked), (Depth::Answered, None, &None), "{seen:?}");
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Request, true)]);
        let Some(Peer::Nats(peer)) = &seen.peer else { panic!("{seen:?}") };
        assert_eq!((peer.version.as_deref(), peer.authentication, peer.jetstream), (Some("2.9.10"), false, false));
    }
}

#[tokio::test]
async fn a_client_logs_in_where_it_is_asked_to() {
    let said = format!("\"protocol\":0,\"user\":\"app\",\"pass\":\"{PASSWORD}\"}}\r\nPING\r\n");
    let token = "\"protocol\":0,\"auth_token\":\"word\"}\r\nPING\r\n";
    for (account, said) in [(("app", PASSWORD), said.as_str()), (("", "word"), token)] {
        let seen = look(Some(account), vec![say(LOCKED), hear(said), say("PONG\r\n"), Hold]).await;
        assert_eq!((seen.depth, failure(&seen)), (Depth::LoggedIn, None), "{seen:?}");
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Login, true)]);
        assert_eq!(seen.peer.as_ref().map(Peer::summary).as_deref(), Some("NATS 2.9.10, JetStream"));
    }
}

#[tokio::test]
async fn what_a_client_is_refused_for_is_told_apart() {
    for (words, kind) in [
        ("Authorization Violation", FailureKind::AuthenticationFailed),
        ("User Authentication Expired", FailureKind::AuthenticationFailed),
        ("maximum connections exceeded", FailureKind::TooManyConnections),
        ("maximum account active connections exceeded", FailureKind::TooManyConnections),
        ("Server Shutdown", FailureKind::ServerRefuses),
    ] {
        let rest = vec![say(LOCKED), hear("PING\r\n"), say(&format!("-ERR '{words}'\r\n"))];
        let seen = look(Some(("app", PASSWORD)), rest).await;
        assert_eq!((failure(&seen), detail(&seen)), (Some(kind), words));
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Login, false)]);
    }
    // A server that is full may say so at once.
    let seen = look(None, vec![say("-ERR 'maximum connections exceeded'\r\n")]).await;
    assert_eq!((failure(&seen), seen.depth), (Some(FailureKind::TooManyConnections), Depth::Answered));
    assert_eq!(phases(&seen), [(PhaseName::Handshake, false)]);
}

#[tokio::test]
async fn without_credentials_nothing_is_tried_where_some_are_wanted() {
    let seen = look(None, vec![say(LOCKED), Hold]).await;
    let failed = seen.failure.as_ref().map(|failure| (failure.phase, failure.kind));
    assert_eq!(failed, Some((PhaseName::Login, FailureKind::AuthenticationRequired)));
    assert_eq!(seen.depth, Depth::Answered);
}

#[tokio::test]
async fn a_server_that_goes_on_in_tls_has_answered() {
    let secure = OPEN.replace("\"port\"", "\"tls_required\":true,\"port\"");
    let seen = look(Some(("app", PASSWORD)), vec![say(&secure), Hold]).await;
    assert_eq!((seen.depth, failure(&seen), seen.notes.len()), (Depth::Answered, None, 1), "{seen:?}");
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    let words = format!("-ERR 'no {PASSWORD}'\r\n");
    let seen = look(Some(("app", PASSWORD)), vec![say(LOCKED), hear("PING\r\n"), say(&words)]).await;
    assert_eq!(detail(&seen), "no ***");
}

#[tokio::test]
async fn strangers_are_named() {
    for (said, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "an HTTP server answered"),
        (b"K\0\0\0\n9.7.4-2\0\x09", "a MySQL or MariaDB server greeted"),
        (b"-ERR max number of clients reached\r\n", "a Redis server answered"),
        (b"INFO {}\r\n", "INFO {}"),
        (b"INFO {\"server_id\":5}\r\n", "INFO"),
        (b"INFO {\"server_id\":\"\"}\r\n", "INFO"),
        (b"220 mail ESMTP\r\n", "a mail or FTP server"),
    ] {
        let seen = look(Some(("app", PASSWORD)), vec![Say(said.to_vec()), Hold]).await;
        assert_eq!((failure(&seen), &seen.peer), (Some(FailureKind::WrongProtocol), &None), "{said:?} {seen:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
}

#[tokio::test]
async fn an_end_says_how_it_came() {
    for (steps, kind) in [
        (vec![], FailureKind::Closed),
        (vec![Reset], FailureKind::Reset),
        (vec![Hold], FailureKind::Silent),
        (vec![say(&OPEN[..40])], FailureKind::Closed),
        (vec![say(OPEN), hear("PING\r\n")], FailureKind::Closed),
        (vec![say(OPEN), hear("PING\r\n"), say("PONK\r\n"), Hold], FailureKind::WrongProtocol),
        (vec![say(OPEN), hear("PING\r\n"), Endless(b"+OK\r\n".repeat(1000))], FailureKind::WrongProtocol),
        (vec![Endless(b"INFO {\"a\":\"".repeat(1000))], FailureKind::WrongProtocol),
    ] {
        let seen = look(None, steps.clone()).await;
        assert_eq!(failure(&seen), Some(kind), "{steps:?}: {seen:?}");
    }
}
