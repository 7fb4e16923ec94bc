use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play_all};
use crate::target::Protocol;

/// From `ZooKeeper` 3.8.0.
const SRVR: &str = "Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC\nLatency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n";
/// Its answer to a member of an ensemble that has no majority.
const ALONE: &str = "This ZooKeeper instance is not currently serving requests\n";
const FORBIDDEN: &str = "srvr is not executed because it is not in the whitelist.\n";
/// Its answer to a new session.
const SESSION: &[u8] = b"\0\0\0\x25\0\0\0\0\0\0\x0f\xa0\x01\0\x02\x5e\x4b\x09\0\0\0\0\0\x10\x1d\xd6\x2e\x03\xe6\x69\xa0\xc4\xc3\x86\x7a\x93\x9f\xdb\xa4\xcb\0";
/// And to its end.
const CLOSED: &[u8] = b"\0\0\0\x10\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0";

fn say(words: &str) -> Step {
    Say(words.as_bytes().to_vec())
}

fn word() -> Step {
    Hear(b"srvr".to_vec())
}

/// A new session, of 45 bytes, with four seconds to live.
fn opened() -> Step {
    Hear(b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x0f\xa0\0\0\0\0\0\0\0\0\0\0\0\x10".to_vec())
}

fn closed() -> Step {
    Hear(b"\0\0\0\x08\0\0\0\x01\xff\xff\xff\xf5".to_vec())
}

async fn look(scripts: Vec<Vec<Step>>) -> Observation {
    let (port, task) = play_all(scripts).await;
    let seen = trial::look(Protocol::Zookeeper, port, None, None).await;
    task.abort();
    if let Err(error) = task.await {
        assert!(error.is_cancelled(), "the client did not keep to the script: {error}");
    }
    seen
}

#[tokio::test]
async fn a_server_says_version_and_role() {
    for said in [say(SRVR), Dribble(SRVR.into())] {
        let seen = look(vec![vec![word(), said]]).await;
        assert_eq!((seen.depth, failure(&seen)), (Depth::Answered, None), "{seen:?}");
        assert_eq!(seen.peer.as_ref().map(Peer::summary).as_deref(), Some("ZooKeeper 3.8.0, standalone"));
    }
    // Words of its own that mean nothing are left out.
    let odd = SRVR.replace("3.8.0", "\u{1b}[31m").replace("standalone", "\u{1b}[31m");
    let seen = look(vec![vec![word(), say(&odd)]]).await;
    assert_eq!(seen.peer.as_ref().map(Peer::summary).as_deref(), Some("ZooKeeper"));
}

#[tokio::test]
async fn a_server_without_its_ensemble_refuses_to_work() {
    let seen = look(vec![vec![word(), say(ALONE)]]).await;
    assert_eq!((failure(&seen), seen.depth), (Some(FailureKind::ServerRefuses), Depth::Answered));
    assert_eq!(format!("{}\n", detail(&seen)), ALONE);
}

#[tokio::test]
async fn a_session_is_opened_and_closed_where_the_word_is_not_answered() {
    let session = vec![opened(), Say(SESSION.to_vec()), closed(), Say(CLOSED.to_vec())];
    for first in [vec![word(), say(FORBIDDEN)], vec![word()]] {
        let seen = look(vec![first, session.clone()]).await;
        assert_eq!((seen.depth, failure(&seen)), (Depth::Answered, None), "{seen:?}");
        assert_eq!(seen.phases.last().map(|phase| (phase.name, phase.ok)), Some((PhaseName::Request, true)));
        assert!(matches!(seen.peer, Some(Peer::Zookeeper(_))));
    }
    // Servers before 3.4 do not say whether they can be written to.
    let old = [&b"\0\0\0\x24"[..], &SESSION[4..40]].concat();
    let seen = look(vec![vec![word(), say(FORBIDDEN)], vec![opened(), Say(old), closed()]]).await;
    assert_eq!(failure(&seen), None, "{seen:?}");
}

#[tokio::test]
async fn a_session_that_is_not_given_is_a_failure() {
    let mut none = SESSION.to_vec();
    none[8..20].fill(0);
    for (second, kind) in [
        (vec![opened()], FailureKind::Closed),
        (vec![opened(), Say(none)], FailureKind::ServerRefuses),
        (vec![opened(), Say(b"\0\0\0\x25\0\0\0\x01".to_vec()), Hold], FailureKind::WrongProtocol),
        (vec![opened(), Hold], FailureKind::Silent),
    ] {
        let seen = look(vec![vec![word(), say(FORBIDDEN)], second]).await;
        assert_eq!((failure(&seen), seen.depth), (Some(kind), Depth::Answered), "{seen:?}");
    }
}

#[tokio::test]
async fn strangers_are_named_and_an_end_says_how_it_came() {
    for (steps, kind, words) in [
        (vec![word(), say("HTTP/1.1 400 Bad Request\r\n")], FailureKind::WrongProtocol, "an HTTP server answered"),
        (vec![word(), say("-ERR unknown command\r\n")], FailureKind::WrongProtocol, "a Redis server answered"),
        (vec![word(), say("srvr\n"), Hold], FailureKind::WrongProtocol, "srvr"),
        (vec![word(), say("Zookeeper\n"), Hold], FailureKind::WrongProtocol, "Zookeeper"),
        (vec![word(), Endless(b"Zookeeper version: ".repeat(100))], FailureKind::WrongProtocol, "no line"),
        (vec![word(), Reset], FailureKind::Reset, ""),
        (vec![word()], FailureKind::Closed, "without an answer"),
        (vec![Hold], FailureKind::Silent, ""),
    ] {
        let seen = look(vec![steps.clone()]).await;
        assert_eq!((failure(&seen), &seen.peer), (Some(kind), &None), "{steps:?}: {seen:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
}
