use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play};
use crate::target::Protocol;

/// What `RabbitMQ` 3.10.8 says to the protocol header.
const START: &[u8] = include_bytes!("recorded/start");
/// What it proposes after a login.
const TUNE: &[u8] = b"\x01\0\0\0\0\0\x0c\0\x0a\0\x1e\x07\xff\0\x02\0\0\0\x3c\xce";
const OPEN_OK: &[u8] = b"\x01\0\0\0\0\0\x05\0\x0a\0\x29\0\xce";
const CLOSE_OK: &[u8] = b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce";
const HEARTBEAT: &[u8] = b"\x08\0\0\0\0\0\0\xce";
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
const PASSWORD: &str = "hunter2-gr\u{f6}\u{df}er";

/// `Connection.Close` with this code and text, as the broker sends it.
fn close(code: u16, text: &str) -> Step {
    let mut payload = vec![0, 10, 0, 50];
    payload.extend(code.to_be_bytes());
    payload.push(u8::try_from(text.len()).unwrap());
    payload.extend(text.as_bytes());
    payload.extend([0; 4]);
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    Say([&[1, 0, 0][..], &length, &payload, &[0xce]].concat())
}

fn heard(bytes: &[u8]) -> Step {
    Hear(bytes.to_vec())
}

fn say(bytes: &[u8]) -> Step {
    Say(bytes.to_vec())
}

/// The broker up to the login, and the login as the client must send it.
fn login() -> Vec<Step> {
    vec![heard(HEADER), say(START), heard(format!("\x05PLAIN\0\0\0\x15\0app\0{PASSWORD}\x05en_US").as_bytes())]
}

async fn look(account: Option<(&str, &str)>, host: Option<&str>, steps: Vec<Step>) -> Observation {
    let (port, task) = play(steps).await;
    let seen = trial::look(Protocol::Amqp, port, account, host).await;
    task.await.expect("the client kept to the script");
    seen
}

fn phases(seen: &Observation) -> Vec<(PhaseName, bool)> {
    seen.phases.iter().skip(2).map(|phase| (phase.name, phase.ok)).collect()
}

#[tokio::test]
async fn a_broker_says_who_it_is() {
    for (account, said) in [(None, Dribble(START.to_vec())), (Some(("", "x")), say(START))] {
        let seen = look(account, None, vec![heard(HEADER), said, Hold]).await;
        assert_eq!((seen.depth, failure(&seen), &seen.unlooked), (Depth::Answered, None, &None), "{seen:?}");
        let Some(Peer::Amqp(peer)) = &seen.peer else { panic!("{seen:?}") };
        assert_eq!((peer.product.as_deref(), peer.version.as_deref()), (Some("RabbitMQ"), Some("3.10.8")));
        assert!(peer.cluster.as_deref().is_some_and(|name| name.starts_with("rabbit@")), "{peer:?}");
        assert_eq!(peer.mechanisms, ["AMQPLAIN", "PLAIN"]);
    }
}

#[tokio::test]
async fn a_client_logs_in_opens_its_virtual_host_and_says_goodbye() {
    for (named, opened) in [(None, &b"\0\x0a\0\x28\x01/\0\0\xce"[..]), (Some("shop"), b"\0\x0a\0\x28\x04shop\0\0\xce")]
    {
        let rest = vec![
            say(&[HEARTBEAT, TUNE].concat()),
            // The frame size and the number of channels that the broker proposes, without heartbeats; then the host.
            heard(
                &[
                    &b"\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\0\xce\x01\0\0\0\0\0"[..],
                    &[u8::try_from(opened.len()).unwrap() - 1],
                    opened,
                ]
                .concat(),
            ),
            say(OPEN_OK),
            heard(b"\0\x0a\0\x32\0\xc8\x04done"),
            say(CLOSE_OK),
        ];
        let seen = look(Some(("app", PASSWORD)), named, [login(), rest].concat()).await;
        assert_eq!((seen.depth, failure(&seen), &seen.unlooked), (Depth::LoggedIn, None, &None), "{seen:?}");
        let done = [(PhaseName::Handshake, true), (PhaseName::Login, true), (PhaseName::Request, true)];
        assert_eq!(phases(&seen), done);
    }
}

#[tokio::test]
async fn a_refused_login_is_told_in_the_brokers_words() {
    let words =
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.";
    let goodbye = heard(b"\0\x0a\0\x33\xce");
    let seen = look(Some(("app", PASSWORD)), None, [login(), vec![close(403, words), goodbye]].concat()).await;
    assert_eq!((failure(&seen), seen.depth), (Some(FailureKind::AuthenticationFailed), Depth::Answered));
    assert_eq!(detail(&seen), words);
    assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Login, false)]);
}

#[tokio::test]
async fn what_a_virtual_host_is_refused_for_is_told_apart() {
    for (code, words, kind) in [
        (530, "NOT_ALLOWED - vhost nope not found", FailureKind::UnknownDatabase),
        (402, "INVALID_PATH", FailureKind::UnknownDatabase),
        (530, "NOT_ALLOWED - access to vhost 'nope' refused for user 'app'", FailureKind::PermissionDenied),
        (
            530,
            "NOT_ALLOWED - access to vhost 'nope' refused for user 'app': connection limit (1) is reached",
            FailureKind::TooManyConnections,
        ),
        (
            541,
            "INTERNAL_ERROR - access to vhost 'nope' refused for user 'app': vhost 'nope' is down",
            FailureKind::ServerRefuses,
        ),
        (320, "CONNECTION_FORCED - broker forced connection closure", FailureKind::ServerRefuses),
    ] {
        let rest = || vec![say(TUNE), heard(&[0, 10, 0, 40]), close(code, words), Hold];
        let seen = look(Some(("app", PASSWORD)), Some("nope"), [login(), rest()].concat()).await;
        assert_eq!((failure(&seen), seen.depth), (Some(kind), Depth::LoggedIn), "{words}");
        assert_eq!(detail(&seen), words);
        assert_eq!(phases(&seen)[2], (PhaseName::Request, false));
        // Whoever names none may have another one in a place that nobody can read.
        let guessed = matches!(kind, FailureKind::UnknownDatabase | FailureKind::PermissionDenied);
        let seen = look(Some(("app", PASSWORD)), None, [login(), rest()].concat()).await;
        assert_eq!((failure(&seen).is_none(), seen.notes.len()), (guessed, usize::from(guessed)), "{words}");
    }
}

#[tokio::test]
async fn a_password_that_the_broker_repeats_is_not_shown() {
    let words = format!("ACCESS_REFUSED - {PASSWORD} of user 'app'");
    let seen = look(Some(("app", PASSWORD)), None, [login(), vec![close(403, &words), Hold]].concat()).await;
    assert_eq!(detail(&seen), "ACCESS_REFUSED - *** of user 'app'");
}

#[tokio::test]
async fn a_broker_of_another_kind_is_not_judged() {
    // ActiveMQ answers so, and closes.
    for header in [&b"AMQP\0\x01\0\0"[..], b"AMQP\x03\x01\0\0", b"AMQP\x01\x01\x08\0"] {
        let seen = look(Some(("app", PASSWORD)), None, vec![heard(HEADER), say(header)]).await;
        assert_eq!((failure(&seen), seen.unlooked.is_some()), (None, true), "{seen:?}");
        assert_eq!(phases(&seen), [(PhaseName::Handshake, false)]);
    }
    // No way to log in that is spoken here.
    let external = START.windows(14).position(|it| it == b"AMQPLAIN PLAIN").unwrap();
    let mut start = START.to_vec();
    start[external..external + 14].copy_from_slice(b"EXTERNAL ABCDE");
    let seen = look(Some(("app", PASSWORD)), None, vec![heard(HEADER), Say(start), Hold]).await;
    assert!(seen.unlooked.as_deref().is_some_and(|why| why.contains("EXTERNAL")), "{seen:?}");
}

#[tokio::test]
async fn strangers_get_no_password() {
    for (said, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "an HTTP server answered"),
        (b"-ERR unknown command 'AMQP'\r\n", "a Redis server answered"),
        (b"K\0\0\0\n9.7.4-2\0\x09", "a MySQL or MariaDB server greeted"),
        (b"AMQP\x09\x09\x09\x09", "a header of no version"),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce", "something else than Connection.Start"),
        (b"\x01\0\0\0\0\0\x04\0\x0b\0\x0a\xce", "cannot be read"),
        (b"\x01\0\0\0\0\0\x04\0\x0a\0\x0a\0", "no end mark"),
    ] {
        let seen = look(Some(("app", PASSWORD)), None, vec![heard(HEADER), say(said), Hold]).await;
        assert_eq!((failure(&seen), &seen.peer), (Some(FailureKind::WrongProtocol), &None), "{said:?} {seen:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
}

#[tokio::test]
async fn an_end_says_how_it_came() {
    for (steps, kind) in [
        (vec![heard(HEADER), Reset], FailureKind::Reset),
        (vec![Hold], FailureKind::Silent),
        (vec![heard(HEADER), say(&START[..100]), Hold], FailureKind::Silent),
        ([login(), vec![]].concat(), FailureKind::Closed),
        ([login(), vec![say(HEARTBEAT), Endless(HEARTBEAT.repeat(1000))]].concat(), FailureKind::WrongProtocol),
        ([login(), vec![Endless(START.to_vec())]].concat(), FailureKind::WrongProtocol),
    ] {
        let seen = look(Some(("app", PASSWORD)), None, steps.clone()).await;
        assert_eq!(failure(&seen), Some(kind), "{steps:?}: {seen:?}");
    }
}
