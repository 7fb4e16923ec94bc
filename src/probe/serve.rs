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
mod tests;
