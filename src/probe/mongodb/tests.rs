use crate::observation::{Depth, FailureKind, MongodbPeer, Observation, Peer};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play};
use crate::target::Protocol;

/// What `FerretDB` 1.24 answers to `hello`.
const HELLO: &[u8] = include_bytes!("recorded/hello");

/// `hello` as it is asked: a message of 52 bytes, our number 1, `OP_MSG`, no flags, and the document.
const QUESTION: &[u8] =
    b"\x34\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0";

/// A field of a document.
enum Field<'a> {
    Text(&'a str),
    Truth(bool),
    Int(i32),
    Double(f64),
    Texts(&'a [&'a str]),
    /// A kind and bytes that mean nothing here.
    Other(u8, &'a [u8]),
}
use Field::{Double, Int, Other, Text, Texts, Truth};

fn document(fields: &[(&str, Field)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, field) in fields {
        let text =
            |text: &str| [&(i32::try_from(text.len()).unwrap() + 1).to_le_bytes()[..], text.as_bytes(), &[0]].concat();
        let (kind, value) = match field {
            Text(it) => (0x02, text(it)),
            Truth(it) => (0x08, vec![(*it).into()]),
            Int(it) => (0x10, it.to_le_bytes().to_vec()),
            Double(it) => (0x01, it.to_le_bytes().to_vec()),
            Texts(items) => {
                let names: Vec<_> = (0..items.len()).map(|index| index.to_string()).collect();
                let items: Vec<_> = names.iter().map(String::as_str).zip(items.iter().map(|it| Text(it))).collect();
                (0x04, document(&items))
            }
            Other(kind, bytes) => (*kind, bytes.to_vec()),
        };
        body.push(kind);
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(value);
    }
    [&i32::try_from(body.len() + 5).unwrap().to_le_bytes()[..], &body, &[0]].concat()
}

/// An answer to the question with this number.
fn answer(number: u8, fields: &[(&str, Field)]) -> Vec<u8> {
    let document = document(fields);
    let length = u32::try_from(21 + document.len()).unwrap().to_le_bytes();
    [&length[..], &[7, 0, 0, 0, number, 0, 0, 0, 0xdd, 0x07, 0, 0, 0, 0, 0, 0, 0], &document].concat()
}

async fn look(steps: Vec<Step>) -> Observation {
    let (port, task) = play(steps).await;
    let seen = trial::look(Protocol::Mongodb, port, None, None).await;
    task.await.expect("the client kept to the script");
    seen
}

async fn told(fields: &[(&str, Field<'_>)]) -> MongodbPeer {
    let seen = look(vec![Hear(QUESTION.to_vec()), Say(answer(1, fields)), Hold]).await;
    assert_eq!((failure(&seen), seen.depth), (None, Depth::Answered), "{seen:?}");
    let Some(Peer::Mongodb(peer)) = seen.peer else { panic!("no peer") };
    peer
}

#[tokio::test]
async fn a_server_says_what_it_is() {
    for said in [Say(HELLO.to_vec()), Dribble(HELLO.to_vec())] {
        let seen = look(vec![Hear(QUESTION.to_vec()), said, Hold]).await;
        assert_eq!((seen.depth, failure(&seen), &seen.unlooked), (Depth::Answered, None, &None), "{seen:?}");
        let expected = MongodbPeer { release: Some("7.0".into()), writable: Some(true), ..MongodbPeer::default() };
        assert_eq!(seen.peer, Some(Peer::Mongodb(expected)));
    }
}

#[tokio::test]
async fn a_member_names_its_set() {
    // The fields of <https://www.mongodb.com/docs/manual/reference/command/hello/#replica-sets>.
    let hosts = ["mongo1:27017", "mongo2:27017", "mongo3:27017"];
    let peer = told(&[
        ("topologyVersion", Other(0x03, &document(&[("counter", Int(6))]))),
        ("hosts", Texts(&hosts)),
        ("setName", Text("rs0")),
        ("setVersion", Int(1)),
        ("isWritablePrimary", Truth(false)),
        ("secondary", Truth(true)),
        ("primary", Text("mongo1:27017")),
        ("me", Text("mongo2:27017")),
        ("lastWriteDate", Other(0x09, &[0; 8])),
        ("maxWireVersion", Int(25)),
        ("ok", Double(1.0)),
    ])
    .await;
    assert_eq!((peer.replica_set.as_deref(), peer.primary.as_deref()), (Some("rs0"), Some("mongo1:27017")));
    assert_eq!((peer.members.as_slice(), peer.role.as_deref()), (&hosts.map(String::from)[..], Some("secondary")));
    assert_eq!((peer.release.as_deref(), peer.writable), (Some("8.0"), Some(false)));
    for (field, role) in [
        (("isWritablePrimary", Truth(true)), Some("primary")),
        (("arbiterOnly", Truth(true)), Some("arbiter")),
        (("msg", Text("isdbgrid")), Some("router")),
        (("hidden", Truth(true)), None),
    ] {
        assert_eq!(told(&[("setName", Text("rs0")), field, ("ok", Int(1))]).await.role.as_deref(), role);
    }
}

#[tokio::test]
async fn a_set_that_was_not_initiated_is_noted() {
    let fields = [("isWritablePrimary", Truth(false)), ("isreplicaset", Truth(true)), ("ok", Double(1.0))];
    let seen = look(vec![Say(answer(1, &fields)), Hold]).await;
    assert_eq!((failure(&seen), seen.notes.len()), (None, 1), "{seen:?}");
}

#[tokio::test]
async fn an_older_server_is_asked_in_its_own_words() {
    let unknown = [("ok", Double(0.0)), ("errmsg", Text("no such command: 'hello'")), ("code", Int(59))];
    let fields = [("ismaster", Truth(true)), ("maxWireVersion", Int(7)), ("ok", Double(1.0))];
    let steps = vec![
        Hear(QUESTION.to_vec()),
        Say(answer(1, &unknown)),
        Hear(b"\x10isMaster\0".to_vec()),
        Say(answer(2, &fields)),
        Hold,
    ];
    let seen = look(steps).await;
    assert_eq!(seen.peer.as_ref().map(Peer::summary).as_deref(), Some("MongoDB 4.0"), "{seen:?}");
    let steps = vec![Say(answer(1, &unknown)), Hear(b"isMaster".to_vec()), Say(answer(2, &unknown)), Hold];
    assert_eq!(failure(&look(steps).await), Some(FailureKind::WrongProtocol));
}

#[tokio::test]
async fn a_refusal_is_told() {
    for (code, words, kind) in [
        (13, "command hello requires authentication", FailureKind::AuthenticationRequired),
        (91, "The server is in quiesce mode and will shut down", FailureKind::ServerRefuses),
    ] {
        let fields = [("ok", Double(0.0)), ("errmsg", Text(words)), ("code", Int(code))];
        let seen = look(vec![Say(answer(1, &fields)), Hold]).await;
        assert_eq!((failure(&seen), detail(&seen), seen.depth), (Some(kind), words, Depth::Answered));
    }
}

#[tokio::test]
async fn strangers_are_named_and_an_end_says_how_it_came() {
    let cut = |at: usize| HELLO[..at].to_vec();
    let changed = |at: usize, byte: u8| {
        let mut bytes = HELLO.to_vec();
        bytes[at] = byte;
        bytes
    };
    for (steps, kind, words) in [
        (vec![Say(b"HTTP/1.1 400 Bad Request\r\n".to_vec()), Hold], FailureKind::WrongProtocol, "an HTTP server"),
        (vec![Say(b"-ERR unknown command\r\n".to_vec()), Hold], FailureKind::WrongProtocol, "a Redis server"),
        // Somebody else's number, another operation, a document in another section, a length that does not hold.
        (vec![Say(changed(8, 9)), Hold], FailureKind::WrongProtocol, "it said"),
        (vec![Say(changed(12, 1)), Hold], FailureKind::WrongProtocol, "it said"),
        (vec![Say(changed(20, 1)), Hold], FailureKind::WrongProtocol, "cannot be read"),
        (vec![Say(changed(21, 0xff)), Hold], FailureKind::WrongProtocol, "cannot be read"),
        (vec![Say(changed(25, 0x77)), Hold], FailureKind::WrongProtocol, "cannot be read"),
        (vec![Say(answer(1, &[("setName", Text("x"))])), Hold], FailureKind::WrongProtocol, "whether it worked"),
        (vec![Endless(answer(1, &[("ok", Double(0.0)), ("code", Int(59))]))], FailureKind::WrongProtocol, ""),
        (vec![Hear(QUESTION.to_vec()), Say(cut(100))], FailureKind::Closed, "in the middle"),
        (vec![Say(cut(100)), Hold], FailureKind::Silent, ""),
        (vec![Hear(QUESTION.to_vec()), Reset], FailureKind::Reset, ""),
    ] {
        let seen = look(steps.clone()).await;
        assert_eq!(failure(&seen), Some(kind), "{steps:?}: {seen:?}");
        assert!(detail(&seen).contains(words), "{}", detail(&seen));
    }
}
