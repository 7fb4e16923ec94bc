use crate::observation::{Depth, FailureKind, Peer, PhaseName};
use crate::probe::trial::Step::{Dribble, Endless, Hear, Hold, Say};
use crate::probe::trial::{self, detail, failure, play, play_all};
use crate::target::Protocol;

/// What memcached 1.6.18 answers to `version` in binary.
const BINARY: &[u8] = b"\x81\x0b\0\0\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x001.6.18";

#[tokio::test]
async fn a_server_says_its_version() {
    for said in [Say(b"VERSION 1.6.18\r\nVERSION 1.6.18\r\n".to_vec()), Dribble(b"VERSION 1.6.18\r\n".to_vec())] {
        let (port, task) = play(vec![Hear(b"quit\r\n".to_vec()), said]).await;
        let seen = trial::look(Protocol::Memcached, port, None, None).await;
        task.await.unwrap();
        assert_eq!((seen.depth, failure(&seen), &seen.unlooked), (Depth::Answered, None, &None), "{seen:?}");
        assert_eq!(seen.peer.unwrap().summary(), "memcached 1.6.18");
    }
}

#[tokio::test]
async fn a_refusal_is_told_apart() {
    for (words, phase, kind) in [
        // As with `-Y` on 1.6.18.
        ("CLIENT_ERROR unauthenticated", PhaseName::Login, FailureKind::AuthenticationRequired),
        ("ERROR Too many open connections", PhaseName::Handshake, FailureKind::TooManyConnections),
        ("SERVER_ERROR out of memory", PhaseName::Handshake, FailureKind::ServerRefuses),
    ] {
        let (port, task) = play(vec![Say(format!("{words}\r\n").into_bytes()), Hold]).await;
        let seen = trial::look(Protocol::Memcached, port, None, None).await;
        task.await.unwrap();
        let failed = seen.failure.as_ref().map(|failure| (failure.phase, failure.kind));
        assert_eq!((failed, detail(&seen), seen.depth), (Some((phase, kind)), words, Depth::Answered));
        assert!(matches!(seen.peer, Some(Peer::Memcached(_))));
    }
}

#[tokio::test]
async fn a_server_that_speaks_binary_alone_is_not_judged() {
    // The server closes without a word, as with `-B binary` on 1.6.18, and answers a question that it understands.
    let (port, task) = play_all(vec![
        vec![Hear(b"quit\r\n".to_vec())],
        vec![Hear(b"\x80\x0b\0\0".to_vec()), Say(BINARY.to_vec()), Hold],
    ])
    .await;
    let seen = trial::look(Protocol::Memcached, port, None, None).await;
    task.await.unwrap();
    assert_eq!((failure(&seen), seen.depth), (None, Depth::Answered), "{seen:?}");
    assert!(seen.unlooked.is_some_and(|why| why.contains("binary")));
    // Who closes on both is nobody that is known.
    let (port, _task) = play_all(vec![vec![Hear(b"quit\r\n".to_vec())]; 3]).await;
    let seen = trial::look(Protocol::Memcached, port, None, None).await;
    assert_eq!((failure(&seen), seen.unlooked), (Some(FailureKind::Closed), None));
}

#[tokio::test]
async fn strangers_are_named() {
    for (said, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "an HTTP server answered"),
        (b"-ERR unknown command 'version'\r\n", "a Redis server answered"),
        (b"ERROR\r\n", "\"ERROR\""),
        (b"ERROR \r\n", "\"ERROR\""),
        (b"VERSION x\r\n", "\"VERSION x\""),
        (b"VERSION \r\n", "\"VERSION\""),
        (b"VERSION 1\x1b[31m\r\n", "VERSION 1"),
        (b"\r\n", "nothing but line ends"),
    ] {
        let (port, task) = play(vec![Say(said.to_vec()), Hold]).await;
        let seen = trial::look(Protocol::Memcached, port, None, None).await;
        task.await.unwrap();
        assert_eq!((failure(&seen), &seen.peer), (Some(FailureKind::WrongProtocol), &None), "{said:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
    let (port, _task) = play(vec![Endless(b"VERSION 1".repeat(1000))]).await;
    assert_eq!(failure(&trial::look(Protocol::Memcached, port, None, None).await), Some(FailureKind::WrongProtocol));
}
