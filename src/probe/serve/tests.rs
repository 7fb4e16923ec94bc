//! A probe from its owner's side.

use std::time::Instant;

use tokio::io::{AsyncBufReadExt, DuplexStream, Lines};
use tokio::net::TcpListener;

use super::super::wire::WireRequest;
use super::super::{Options, Request};
use super::*;
use crate::observation::Depth;
use crate::target::{Protocol, Target};

/// A probe under test, from its owner's side.
struct Probe {
    stdin: DuplexStream,
    stdout: Lines<BufReader<DuplexStream>>,
    ended: tokio::task::JoinHandle<io::Result<()>>,
}

impl Probe {
    fn start() -> Self {
        let (stdin, its_stdin) = tokio::io::duplex(1 << 16);
        let (its_stdout, stdout) = tokio::io::duplex(1 << 16);
        // A process of its own has a thread of its own.
        let ended = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(serve(its_stdin, its_stdout))
        });
        Self { stdin, stdout: BufReader::new(stdout).lines(), ended }
    }

    async fn greeted() -> Self {
        let mut probe = Self::start();
        probe.say("{\"hello\":{\"version\":1}}\n").await;
        assert!(matches!(probe.hear().await, Reply::Hello { version: VERSION }));
        probe
    }

    async fn say(&mut self, text: &str) {
        self.stdin.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Reply {
        let line = tokio::time::timeout(Duration::from_secs(10), self.stdout.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }
}

fn look_at(id: u32, port: u16, connect_only: bool) -> String {
    let request = Request {
        target: Target::new(Protocol::Tcp, "127.0.0.1", port),
        timeout: Duration::from_secs(5),
        credentials: None,
        security: crate::plan::Security::default(),
        needed: crate::plan::Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options: Options { connect_only, ..Options::default() },
    };
    serde_json::to_string(&Order::Look { id, request: Box::new(WireRequest::from(&request)) }).unwrap() + "\n"
}

#[tokio::test]
async fn looks_are_answered_by_their_ids() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut probe = Probe::greeted().await;
    for id in 0..50 {
        probe.say(&look_at(id, server.local_addr().unwrap().port(), true)).await;
    }
    let mut ids = Vec::new();
    for _ in 0..50 {
        let Reply::Seen { id, observation } = probe.hear().await else { panic!() };
        assert_eq!(observation.depth, Depth::Connected, "{observation:?}");
        ids.push(id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_survey_lists_a_socket_that_listens() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut probe = Probe::greeted().await;
    probe.say("{\"survey\":{\"id\":4}}\n").await;
    let Reply::Surveyed { id: 4, survey } = probe.hear().await else { panic!() };
    let Fact::Present(listeners) = survey.listeners else { panic!() };
    assert!(listeners.iter().any(|one| one.port == server.local_addr().unwrap().port()), "{listeners:?}");
}

#[tokio::test]
async fn sockets_are_told_without_an_interface_or_a_look() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut probe = Probe::greeted().await;
    probe.say("{\"sockets\":{\"id\":5}}\n").await;
    let Reply::Sockets { id: 5, sockets: Fact::Present(sockets) } = probe.hear().await else { panic!() };
    let port = server.local_addr().unwrap().port();
    assert!(sockets.listeners.iter().any(|one| one.port == port), "{sockets:?}");
}

#[tokio::test]
async fn what_is_not_understood_is_said_so_and_harms_nothing() {
    let mut probe = Probe::greeted().await;
    for (order, known) in [
        ("{\"ping\":{\"id\":7}}", Some(7)),
        (
            "{\"look\":{\"id\":8,\"request\":{\"target\":{\"protocol\":\"gopher\",\"host\":\"a\",\"port\":70}}}}",
            Some(8),
        ),
        ("{\"look\":{\"id\":-1}}", None),
        ("{\"look\":{\"id\":4294967296}}", None),
        ("[]", None),
        ("", None),
        ("null", None),
        ("{", None),
        ("\u{0}\u{1b}[31m", None),
    ] {
        probe.say(order).await;
        probe.say("\n").await;
        let Reply::Unknown { id } = probe.hear().await else { panic!("{order}") };
        assert_eq!(id, known, "{order}");
    }
    probe.stdin.write_all(b"\xff\xfe\n").await.unwrap();
    assert!(matches!(probe.hear().await, Reply::Unknown { id: None }));
    let depths = "[".repeat(100_000) + "\n";
    probe.say(&depths).await;
    assert!(matches!(probe.hear().await, Reply::Unknown { id: None }));
    probe.say("{\"survey\":{\"id\":9}}\n").await;
    assert!(matches!(probe.hear().await, Reply::Surveyed { id: 9, .. }));
}

#[tokio::test]
async fn a_giant_line_is_thrown_away_and_the_next_is_read() {
    let mut probe = Probe::greeted().await;
    let chunk = "x".repeat(1 << 16);
    for _ in 0..=LONGEST_LINE >> 16 {
        probe.say(&chunk).await;
    }
    probe.say("\n{\"survey\":{\"id\":1}}\n").await;
    assert!(matches!(probe.hear().await, Reply::Unknown { id: None }));
    assert!(matches!(probe.hear().await, Reply::Surveyed { id: 1, .. }));
}

#[tokio::test]
async fn nothing_is_looked_at_before_the_greeting() {
    let mut probe = Probe::start();
    probe.say(&look_at(3, 1, true)).await;
    assert!(matches!(probe.hear().await, Reply::Unknown { id: Some(3) }));
}

#[tokio::test]
async fn another_version_is_told_ours_and_refused() {
    let mut probe = Probe::start();
    probe.say("{\"hello\":{\"version\":2}}\n").await;
    assert!(matches!(probe.hear().await, Reply::Hello { version: VERSION }));
    let refused = probe.ended.await.unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "this probe speaks version 1 of the wire, not version 2");
}

#[tokio::test]
async fn it_ends_at_once_with_its_stdin_whatever_is_under_way() {
    // A server that accepts and then says nothing keeps a look waiting for its whole time.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut probe = Probe::greeted().await;
    for id in 0..20 {
        probe.say(&look_at(id, silent.local_addr().unwrap().port(), false)).await;
    }
    let (mut peer, _) = silent.accept().await.unwrap();
    let started = Instant::now();
    drop(probe.stdin);
    probe.ended.await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    // The connection of the dropped look is closed too.
    let mut buffer = [0; 16];
    let closed = tokio::io::AsyncReadExt::read(&mut peer, &mut buffer);
    let _ = tokio::time::timeout(Duration::from_secs(1), closed).await.unwrap();
}

#[tokio::test]
async fn a_reply_that_is_too_long_costs_its_own_check_alone() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let (replies, queue) = mpsc::channel(4);
    let note = "\u{7}".repeat(LONGEST_LINE / 6 + 1);
    for (id, notes) in [(1, vec![note]), (2, vec!["short".into()])] {
        let observation = Box::new(Observation { notes, ..Observation::default() });
        replies.send(Reply::Seen { id, observation }).await.unwrap();
    }
    drop(replies);
    tokio::spawn(write(theirs, queue));
    let mut lines = BufReader::new(ours).lines();
    for (wanted, told) in [(1, false), (2, true)] {
        let line = lines.next_line().await.unwrap().unwrap();
        let Reply::Seen { id, observation } = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert_eq!((id, observation.unlooked.is_none(), observation.notes.len() == 1), (wanted, told, told));
    }
}

#[tokio::test]
async fn a_line_without_its_newline_is_no_order() {
    let mut probe = Probe::greeted().await;
    probe.say("{\"survey\":{\"id\":1}}").await;
    drop(probe.stdin);
    probe.ended.await.unwrap().unwrap();
    assert_eq!(probe.stdout.next_line().await.unwrap(), None);
}
