use crate::observation::{Depth, FailureKind, GrpcPeer, Peer};
use crate::probe::trial::Step::{Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play};
use crate::target::Protocol;

/// What gRPC's own server (C core, 1.76) says to the preface: five settings, a window, and that ours were read.
const GRPC: &[u8] = b"\0\0\x18\x04\0\0\0\0\0\0\x04\0\x40\0\0\0\x05\0\x40\0\0\0\x06\0\0\x40\0\xfe\x03\0\0\0\x01\0\0\x04\x08\0\0\0\0\0\0\x3f\0\x01\0\0\0\x04\x01\0\0\0\0";
/// What Go's says that has a limit of streams.
const LIMITED: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";

#[tokio::test]
async fn a_server_answers_the_preface() {
    for (said, streams) in [
        (Say(GRPC.to_vec()), None),
        (Dribble(GRPC[..33].to_vec()), None),
        (Say(LIMITED.to_vec()), Some(100)),
        (Say(b"\0\0\0\x04\0\0\0\0\0".to_vec()), None),
    ] {
        // The client's last words are a GOAWAY.
        let goodbye = Hear(b"\0\0\x08\x07\0\0\0\0\0".to_vec());
        let (port, task) = play(vec![Hear(b"SM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec()), said, goodbye]).await;
        let seen = trial::look(Protocol::Grpc, port, None, None).await;
        task.await.unwrap();
        assert_eq!((seen.depth, failure(&seen)), (Depth::Answered, None), "{seen:?}");
        assert_eq!(seen.peer, Some(Peer::Grpc(GrpcPeer { streams })));
    }
}

#[tokio::test]
async fn strangers_are_named_and_an_end_says_how_it_came() {
    for (step, kind, words) in [
        (Say(b"HTTP/1.1 400 Bad Request\r\n".to_vec()), FailureKind::WrongProtocol, "an HTTP server answered"),
        (Say(b"-ERR unknown command\r\n".to_vec()), FailureKind::WrongProtocol, "a Redis server answered"),
        // Settings that are acknowledged before any were sent, of a stream, of an odd length; another frame.
        (Say(b"\0\0\0\x04\x01\0\0\0\0".to_vec()), FailureKind::WrongProtocol, ""),
        (Say(b"\0\0\0\x04\0\0\0\0\x01".to_vec()), FailureKind::WrongProtocol, ""),
        (Say(b"\0\0\x05\x04\0\0\0\0\0".to_vec()), FailureKind::WrongProtocol, ""),
        (Say(b"\0\0\x08\x07\0\0\0\0\0".to_vec()), FailureKind::WrongProtocol, ""),
        (Endless(vec![0; 1000]), FailureKind::WrongProtocol, ""),
        (Say(GRPC[..20].to_vec()), FailureKind::Silent, ""),
        (Reset, FailureKind::Reset, ""),
    ] {
        let mut steps = vec![Hear(b"PRI * HTTP/2.0".to_vec()), step.clone()];
        steps.extend((!matches!(step, Reset)).then_some(Hold));
        let (port, task) = play(steps).await;
        let seen = trial::look(Protocol::Grpc, port, None, None).await;
        task.abort();
        assert_eq!((failure(&seen), &seen.peer), (Some(kind), &None), "{step:?}: {seen:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
}
