//! The probe's own process: orders on stdin, replies on stdout, and its end when stdin ends.

use std::io;
use std::os::fd::AsFd;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, LocalSet};

use super::wire::{LONGEST_LINE, Line, Order, Reply, VERSION, read_line};
use super::{interfaces, kafka, sockets};
use crate::observation::{Fact, Observation, Sockets, Survey};

/// What is said of a look that panicked.
const BUG: &str = "the probe itself failed here: this is a bug of crosscheck";

/// Runs the probe, in the namespaces that this process is in, until its stdin ends.
///
/// # Errors
/// When its threads or streams cannot be had, and those of [`serve`].
pub fn run() -> io::Result<()> {
    keep_to_ourselves();
    end_with_parent()?;
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let result = serve(input()?, output()?).await;
        kafka::finish().await;
        result
    });
    // Looks that are still under way may block in a library of theirs: nobody waits for them any more.
    runtime.shutdown_background();
    result
}

/// One thread is enough for waiting on many sockets, and keeps what a sidecar needs small. Calls into the system's resolver
/// block one thread each; the limit stays below a sidecar's limit of processes.
pub(crate) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(24).build()
}

/// Where memory runs out it is ours that goes, not that of whoever we look from; and nobody else reads it, where a
/// client's password may be. What the system does not permit is left as it is.
pub(crate) fn keep_to_ourselves() {
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    #[cfg(target_os = "linux")]
    let _ = (nix::sys::prctl::set_dumpable(false), nix::sys::prctl::set_no_new_privs());
}

/// Ends the process when its stdin has no writer left or its parent is gone, whatever the runtime is doing: the
/// runtime notices too, but a look that blocks it must not keep the process alive. Only round trips that have made a
/// topic get a short time to delete it.
pub(crate) fn end_with_parent() -> io::Result<()> {
    let parent = nix::unistd::getppid();
    let watch = move || {
        let stdin = io::stdin();
        loop {
            let mut hangup = [PollFd::new(stdin.as_fd(), PollFlags::empty())];
            let polled = nix::poll::poll(&mut hangup, PollTimeout::from(1000_u16));
            let ended = matches!(polled, Ok(1..)) && hangup[0].any() == Some(true);
            if ended || nix::unistd::getppid() != parent {
                kafka::finish_blocking();
                std::process::exit(0);
            }
            if polled.is_err() {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    };
    std::thread::Builder::new().name("stdin".into()).stack_size(64 << 10).spawn(watch)?;
    Ok(())
}

/// Stdin without a thread of its own where it is a pipe, as it is under crosscheck.
pub(crate) fn input() -> io::Result<Box<dyn AsyncRead + Unpin>> {
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(match pipe::Receiver::from_owned_fd(stdin) {
        Ok(pipe) => Box::new(pipe),
        Err(_) => Box::new(tokio::io::stdin()),
    })
}

/// Stdout, likewise.
pub(crate) fn output() -> io::Result<Box<dyn AsyncWrite + Unpin>> {
    let stdout = io::stdout().as_fd().try_clone_to_owned()?;
    Ok(match pipe::Sender::from_owned_fd(stdout) {
        Ok(pipe) => Box::new(pipe),
        Err(_) => Box::new(tokio::io::stdout()),
    })
}

/// Answers orders, all looks at once, until `stdin` ends; looks that are under way then are dropped.
///
/// # Errors
/// When the other side speaks another version, and those of the streams.
pub async fn serve(stdin: impl AsyncRead + Unpin, stdout: impl AsyncWrite + Unpin) -> io::Result<()> {
    let (replies, queue) = mpsc::channel(64);
    let mut writing = std::pin::pin!(write(stdout, queue));
    // All looks share this thread, as they wait for sockets nearly all of the time.
    let here = LocalSet::new();
    let ended = tokio::select! {
        ended = here.run_until(read(BufReader::new(stdin), replies)) => ended,
        // Nobody reads the replies any more.
        result = &mut writing => return result,
    };
    if ended.is_err() {
        // The refusal is under way to the other side, which must be able to say why.
        let _ = tokio::time::timeout(Duration::from_secs(1), writing).await;
    }
    ended
}

/// Takes orders until there are no more.
async fn read(mut stdin: BufReader<impl AsyncRead + Unpin>, replies: mpsc::Sender<Reply>) -> io::Result<()> {
    let mut looks = JoinSet::new();
    let mut line = Vec::new();
    let mut greeted = false;
    loop {
        let order = match read_line(&mut stdin, &mut line).await? {
            Line::End => return Ok(()),
            Line::TooLong => Err(None),
            Line::Whole => serde_json::from_slice(&line).map_err(|_| id_in(&line)),
        };
        let reply = match order {
            Ok(Order::Hello { version: VERSION }) => {
                greeted = true;
                Some(Reply::Hello { version: VERSION })
            }
            Ok(Order::Hello { version }) => {
                let _ = replies.send(Reply::Hello { version: VERSION }).await;
                let text = format!("this probe speaks version {VERSION} of the wire, not version {version}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            Ok(Order::Look { id, .. } | Order::Survey { id } | Order::Sockets { id }) if !greeted => {
                Some(Reply::Unknown { id: Some(id) })
            }
            Ok(Order::Look { id, request }) => {
                let replies = replies.clone();
                looks.spawn_local(async move {
                    let observation = Box::new(look(&(*request).into()).await);
                    let _ = replies.send(Reply::Seen { id, observation }).await;
                });
                None
            }
            Ok(Order::Survey { id }) => {
                let replies = replies.clone();
                looks.spawn_local(async move {
                    let survey = survey().await;
                    let _ = replies.send(Reply::Surveyed { id, survey }).await;
                });
                None
            }
            Ok(Order::Sockets { id }) => {
                let replies = replies.clone();
                looks.spawn_local(async move {
                    let sockets = sockets().await;
                    let _ = replies.send(Reply::Sockets { id, sockets }).await;
                });
                None
            }
            Err(id) => Some(Reply::Unknown { id }),
        };
        if let Some(reply) = reply {
            let _ = replies.send(reply).await;
        }
        while looks.try_join_next().is_some() {}
    }
}

/// Looks at a target; a fault of the probe's own is a look that could not be made, never an end of the others.
pub(crate) async fn look(request: &super::Request) -> Observation {
    let seen = AssertUnwindSafe(super::look(request)).catch_unwind().await;
    seen.unwrap_or_else(|_| Observation::unlooked(BUG))
}

/// What listens in this namespace.
pub(crate) async fn survey() -> Survey {
    // The kernel writes the list of sockets while it is read, which takes long where there are many connections.
    let look = || Survey { listeners: sockets::listeners(), interfaces: interfaces::interfaces() };
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|_| Survey::not_looked(BUG))
}

/// What listens in this namespace, and what it has opened.
pub(crate) async fn sockets() -> Fact<Sockets> {
    tokio::task::spawn_blocking(sockets::sockets).await.unwrap_or_else(|_| Fact::NotLooked(BUG.into()))
}

/// The id of an order of a kind that this version does not know.
fn id_in(line: &[u8]) -> Option<u32> {
    let order: serde_json::Value = serde_json::from_slice(line).ok()?;
    let id = order.as_object()?.values().next()?.get("id")?.as_u64()?;
    u32::try_from(id).ok()
}

/// A reply that is longer than the other side reads would end the session, and with it every other look of this vantage: a
/// hostile peer must not be able to make one. Only its own check is lost.
fn curtailed(reply: Reply) -> Reply {
    const REASON: &str = "what was seen is more than can be told";
    match reply {
        Reply::Seen { id, .. } => Reply::Seen { id, observation: Box::new(Observation::unlooked(REASON)) },
        Reply::Surveyed { id, .. } => Reply::Surveyed { id, survey: Survey::not_looked(REASON) },
        Reply::Sockets { id, .. } => Reply::Sockets { id, sockets: Fact::NotLooked(REASON.into()) },
        short @ (Reply::Hello { .. } | Reply::Unknown { .. }) => short,
    }
}

/// Writes replies, a whole line each.
async fn write(mut stdout: impl AsyncWrite + Unpin, mut replies: mpsc::Receiver<Reply>) -> io::Result<()> {
    while let Some(reply) = replies.recv().await {
        let mut line = serde_json::to_vec(&reply)?;
        if line.len() > LONGEST_LINE {
            line = serde_json::to_vec(&curtailed(reply))?;
        }
        line.push(b'\n');
        stdout.write_all(&line).await?;
        stdout.flush().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
}
