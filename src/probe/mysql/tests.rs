mod over_tls;

use super::NOBODY;
use super::greeting::tests::{MARIADB, MYSQL};
use super::key::tests::PEM;
use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play};
use crate::target::Protocol;

/// A password that stands nowhere by chance.
const PASSWORD: &str = "correct-horse";
const APP: Option<(&str, &str)> = Some(("app", PASSWORD));
const OK: &[u8] = b"\0\0\0\x02\0\0\0";
const END: &[u8] = b"\xfe\0\0\x02\0";
const DENIED: &[u8] = b"\xff\x15\x04#28000Access denied for user 'app'@'172.17.0.1' (using password: YES)";

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_le_bytes();
    [&length[..3], &[sequence], payload].concat()
}

fn say(sequence: u8, payload: &[u8]) -> Step {
    Say(packet(sequence, payload))
}

fn hear(words: impl AsRef<[u8]>) -> Step {
    Hear(words.as_ref().to_vec())
}

/// A result of one row; the definitions of its columns are not looked into.
fn row(cells: &[&str]) -> Step {
    let columns = u8::try_from(cells.len()).expect("few cells");
    let row = cells.iter().flat_map(|cell| [&[u8::try_from(cell.len()).expect("short")], cell.as_bytes()].concat());
    let mut payloads = vec![vec![columns]];
    payloads.extend(cells.iter().map(|_| b"\x03def".to_vec()));
    payloads.extend([END.to_vec(), row.collect(), END.to_vec()]);
    Say((1..).zip(payloads).flat_map(|(sequence, payload)| packet(sequence, &payload)).collect())
}

/// Plays a script, looks at it, and holds the client to it.
async fn look(account: Option<(&str, &str)>, database: Option<&str>, steps: Vec<Step>) -> Observation {
    let (port, task) = play(steps).await;
    let seen = trial::look(Protocol::Mysql, port, account, database).await;
    task.await.expect("the client kept to the script");
    seen
}

fn phases(seen: &Observation) -> Vec<(PhaseName, bool)> {
    seen.phases.iter().skip(2).map(|phase| (phase.name, phase.ok)).collect()
}

#[tokio::test]
async fn a_login_goes_to_its_end() {
    let seen = look(
        APP,
        Some("shop"),
        vec![
            say(0, MARIADB),
            hear("shop\0mysql_native_password\0"),
            say(2, OK),
            hear("\x03SELECT 1"),
            row(&["1"]),
            hear("max_connections"),
            row(&["151"]),
            hear("Threads_connected"),
            row(&["Threads_connected", "12"]),
            // Goodbye.
            hear(b"\x01\0\0\0\x01"),
        ],
    )
    .await;
    assert_eq!((seen.depth, &seen.failure, &seen.notes), (Depth::LoggedIn, &None, &Vec::new()));
    let Some(Peer::Mysql(peer)) = &seen.peer else { panic!("{seen:?}") };
    assert_eq!((peer.product.as_str(), peer.connections), ("MariaDB", Some((151, 12))));
    let done = [(PhaseName::Handshake, true), (PhaseName::Login, true), (PhaseName::Request, true)];
    assert_eq!(phases(&seen), done);
}

#[tokio::test]
async fn without_credentials_the_handshake_is_finished() {
    let nobody =
        b"\xff\x15\x04#28000Access denied for user 'crosscheck-without-credentials'@'172.17.0.1' (using password: NO)";
    for switch in [false, true] {
        let mut steps = vec![Dribble(packet(0, MYSQL)), hear(format!("{NOBODY}\0\0caching_sha2_password\0"))];
        if switch {
            steps.extend([say(2, b"\xfemysql_native_password\x0012345678901234567890\0"), hear(b"\0\0\0\x03")]);
        }
        // The client must wait for the answer: `say` fails the task if it is gone.
        steps.extend([say(if switch { 4 } else { 2 }, nobody), Hold]);
        let seen = look(None, Some("shop"), steps).await;
        assert_eq!((seen.depth, &seen.failure, &seen.notes), (Depth::Answered, &None, &Vec::new()));
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true)]);
    }
}

#[tokio::test]
async fn a_refusal_in_the_place_of_a_greeting_is_told_apart() {
    for (payload, kind) in [
        (&b"\xffi\x04Host '172.17.0.1' is blocked because of many connection errors"[..], FailureKind::HostBlocked),
        (b"\xffj\x04Host '172.17.0.1' is not allowed to connect to this MySQL server", FailureKind::HostNotAllowed),
        (b"\xff\x10\x04#08004Too many connections", FailureKind::TooManyConnections),
        (b"\xff\x1d\x04#08S01Server shutdown in progress", FailureKind::ServerRefuses),
    ] {
        let seen = look(APP, None, vec![say(0, payload), Hold]).await;
        assert_eq!((failure(&seen), seen.depth), (Some(kind), Depth::Answered));
        assert_eq!(phases(&seen), [(PhaseName::Handshake, false)]);
        assert!(payload.ends_with(detail(&seen).as_bytes()), "{}", detail(&seen));
    }
}

#[tokio::test]
async fn what_a_login_is_refused_for_is_told_apart() {
    for (payload, kind) in [
        (DENIED, FailureKind::AuthenticationFailed),
        (b"\xff\x14\x04#42000Access denied for user 'app'@'%' to database 'shop'", FailureKind::PermissionDenied),
        (b"\xff\x19\x04#42000Unknown database 'shop'", FailureKind::UnknownDatabase),
        (b"\xff\x10\x04#08004Too many connections", FailureKind::TooManyConnections),
        (b"\xff\xf4\x05#HY000Plugin 'mysql_native_password' is not loaded", FailureKind::AuthenticationUnsupported),
    ] {
        let seen = look(APP, Some("shop"), vec![say(0, MYSQL), hear("shop\0"), say(2, payload), Hold]).await;
        assert_eq!(failure(&seen), Some(kind));
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Login, false)]);
        // A refusal that TLS could have changed is not told as certain.
        assert_eq!(seen.notes.is_empty(), payload != DENIED, "{:?}", seen.notes);
    }
}

#[tokio::test]
async fn an_unknown_plugin_is_no_failure_and_the_server_ends_the_handshake() {
    let switch = b"\xfeclient_ed25519\x0012345678901234567890123456789012";
    // An empty answer, not a closed connection.
    let steps = vec![say(0, MARIADB), hear("app\0"), say(2, switch), hear(b"\0\0\0\x03"), say(4, DENIED), Hold];
    let seen = look(APP, None, steps).await;
    assert!(seen.unlooked.as_deref().is_some_and(|why| why.contains("client_ed25519")), "{seen:?}");
    assert_eq!((seen.depth, failure(&seen)), (Depth::Answered, None));
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    let key = [b"\x01", PEM].concat();
    let echo = format!("\u{1}{PASSWORD}\0{PASSWORD}");
    for refusal in [
        [b"\xff\x15\x04#28000no ", echo.as_bytes()].concat(),
        [b"\xff\x57\x0c#HY000no ", echo.as_bytes()].concat(),
        [b"\xff\x01\x01", PASSWORD.as_bytes()].concat(),
        [b"\xfe", PASSWORD.as_bytes(), b"\0"].concat(),
        PASSWORD.as_bytes().to_vec(),
    ] {
        let steps = vec![
            say(0, MYSQL),
            hear("app\0"),
            say(2, b"\x01\x04"),
            hear(b"\x01\0\0\x03\x02"),
            say(4, &key),
            // 256 bytes under the key.
            hear(b"\0\x01\0\x05"),
            say(6, &refusal),
            say(8, DENIED),
            Hold,
        ];
        let seen = look(APP, None, steps).await;
        assert!(seen.failure.is_some() || seen.unlooked.is_some(), "{seen:?}");
        assert!(!format!("{seen:?}").contains(PASSWORD), "{seen:?}");
    }
}

#[tokio::test]
async fn strangers_are_not_taken_for_a_server() {
    for (said, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "an HTTP server answered: HTTP/1.1 400 Bad Request"),
        (b"-DENIED Redis is running in protected mode\r\n", "-DENIED Redis is running in protected mode"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an SSH server"),
        (b"hi\n", "\"hi\""),
        (b"\x05\0\0\0\x0b\x08\x05\x1a\0", "X protocol"),
        (b"\x01\0\0\0\x09", "it said"),
        (b"\0\0\0\0", "it said"),
        (b"\xff\xff\xff\xff", "it said"),
        (b"\x01\0\0\0\x0a", "its greeting cannot be read"),
    ] {
        for step in [Say(said.to_vec()), Dribble(said.to_vec())] {
            let seen = look(None, None, vec![step, Hold]).await;
            assert_eq!((failure(&seen), &seen.peer), (Some(FailureKind::WrongProtocol), &None), "{seen:?}");
            assert!(detail(&seen).contains(words), "{}", detail(&seen));
        }
    }
    let seen = look(None, None, vec![Say(b"\x15\x03\x03\0\x02\x02\x46".to_vec()), Hold]).await;
    assert_eq!(failure(&seen), Some(FailureKind::TlsExpected));
    let seen = look(None, None, vec![Endless(b"no end ".repeat(1000))]).await;
    assert_eq!(failure(&seen), Some(FailureKind::WrongProtocol));
}

#[tokio::test]
async fn an_end_says_how_it_came() {
    let half = packet(0, MYSQL)[..40].to_vec();
    for (steps, kind, words) in [
        (vec![], FailureKind::Closed, "closed the connection before its greeting"),
        (vec![Reset], FailureKind::Reset, "reset"),
        (vec![Hold], FailureKind::Silent, "a MySQL server speaks first"),
        (vec![Say(half.clone())], FailureKind::Closed, "in the middle of an answer"),
        (vec![Say(half), Hold], FailureKind::Silent, "begun and not finished"),
        (vec![say(0, MYSQL), hear("app\0"), Hold], FailureKind::Silent, "no answer"),
        (vec![say(0, MYSQL), hear("app\0")], FailureKind::Closed, "in the middle"),
    ] {
        let seen = look(APP, None, steps.clone()).await;
        assert_eq!(failure(&seen), Some(kind), "{steps:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
}

#[tokio::test]
async fn a_hostile_server_is_left_in_time() {
    let greeted = |rest: Vec<Step>| [vec![say(0, MYSQL), hear("app\0")], rest].concat();
    let asked = |rest: Vec<Step>| greeted([vec![say(2, OK), hear("SELECT 1")], rest].concat());
    let switch = b"\xfecaching_sha2_password\x0012345678901234567890\0";
    for steps in [
        greeted(vec![Say(b"\xff\xff\xff\x02".to_vec()), Hold]),
        greeted(vec![say(2, b""), Hold]),
        greeted(vec![say(2, b"\xff"), Hold]),
        greeted(vec![
            say(2, b"\x01\x04"),
            say(4, b"\x01-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n"),
            Hold,
        ]),
        greeted(vec![say(2, b"\x01-----BEGIN"), Hold]),
        greeted(vec![Endless(packet(2, switch))]),
        greeted(vec![Endless(packet(2, b"\x01\x03"))]),
        asked(vec![Endless(packet(1, b"\x01"))]),
        asked(vec![say(1, b"\x01"), say(2, END), Endless(packet(3, b"\x011"))]),
        asked(vec![say(1, b"\xfb/etc/passwd"), Hold]),
        asked(vec![row(&["2"]), Hold]),
        asked(vec![say(1, b"\x01"), say(2, END), say(3, b"\xfc"), Hold]),
    ] {
        let seen = look(APP, None, steps.clone()).await;
        assert_eq!(failure(&seen), Some(FailureKind::WrongProtocol), "{steps:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_greeting_counts_even_if_its_end_is_not_answered() {
    for end in [Hold, Reset] {
        let seen = look(None, None, vec![say(0, MYSQL), hear(NOBODY), end]).await;
        assert_eq!((seen.depth, failure(&seen), seen.notes.len()), (Depth::Answered, None, 1), "{seen:?}");
    }
}
