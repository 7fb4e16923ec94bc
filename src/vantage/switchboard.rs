//! The agent's end of the line: starts a probe for each session, in the namespaces that it is told to enter.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

use super::enter::Enter;
use super::frames::{self, CHUNK, Frame, Kind};
use super::netns::enclosed;
use crate::probe::serve;
use crate::text;

/// Runs the agent until its stdin ends. The probes end with it: their stdin is ours, and they watch for their parent.
///
/// # Errors
/// When its threads or streams cannot be had, and those of its stdin.
pub fn run() -> io::Result<()> {
    serve::end_with_parent()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let executable = std::env::current_exe()?;
    runtime.block_on(async { switch(executable, serve::input()?, serve::output()?).await })
}

async fn switch(
    executable: PathBuf,
    mut stdin: impl AsyncRead + Unpin,
    stdout: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (replies, queue) = mpsc::channel(64);
    let sessions = tokio::task::LocalSet::new();
    let orders = sessions.run_until(async {
        let mut inputs = BTreeMap::new();
        while let Some(frame) = frames::read(&mut stdin).await? {
            match frame.kind {
                Kind::Open => {
                    let (input, orders) = mpsc::unbounded_channel();
                    inputs.insert(frame.session, input);
                    tokio::task::spawn_local(attend(executable.clone(), frame, orders, replies.clone()));
                }
                Kind::Input => {
                    if let Some(input) = inputs.get(&frame.session) {
                        // A probe that has ended takes no more; its end is on the way.
                        let _ = input.send(frame.bytes);
                    }
                }
                // Without its sender a probe's stdin ends.
                Kind::End => drop(inputs.remove(&frame.session)),
                Kind::Output | Kind::Errors | Kind::Ended => {}
            }
        }
        Ok(())
    });
    tokio::select! {
        ended = orders => ended,
        result = answer(stdout, queue) => result,
    }
}

async fn answer(mut stdout: impl AsyncWrite + Unpin, mut replies: mpsc::Receiver<Frame>) -> io::Result<()> {
    while let Some(frame) = replies.recv().await {
        frames::write(&mut stdout, &frame).await?;
    }
    Ok(())
}

/// One session, from its probe's start to its end.
async fn attend(
    executable: PathBuf,
    open: Frame,
    orders: mpsc::UnboundedReceiver<Vec<u8>>,
    replies: mpsc::Sender<Frame>,
) {
    let session = open.session;
    if let Err(reason) = probe(&executable, &open, orders, &replies).await {
        let _ = replies.send(Frame::new(session, Kind::Errors, reason.into_bytes())).await;
    }
    let _ = replies.send(Frame::new(session, Kind::Ended, Vec::new())).await;
}

async fn probe(
    executable: &Path,
    open: &Frame,
    orders: mpsc::UnboundedReceiver<Vec<u8>>,
    replies: &mpsc::Sender<Frame>,
) -> Result<(), String> {
    let enter: Enter =
        serde_json::from_slice(&open.bytes).map_err(|_| "the agent does not understand where to go".to_owned())?;
    let cannot = |error| format!("the agent cannot start a probe: {}", text::io_error(&error));
    let mut child = enclosed(executable, &enter).spawn().map_err(cannot)?;
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err("the probe has no pipes".into());
    };
    let feeding = tokio::task::spawn_local(feed(stdin, orders));
    tokio::join!(pass(stdout, open.session, Kind::Output, replies), pass(stderr, open.session, Kind::Errors, replies),);
    feeding.abort();
    let _ = child.wait().await;
    Ok(())
}

async fn feed(mut stdin: ChildStdin, mut orders: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = orders.recv().await {
        if stdin.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, session: u32, kind: Kind, replies: &mpsc::Sender<Frame>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if replies.send(Frame::new(session, kind, chunk[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_that_cannot_be_is_told_why_and_ended() {
        let (mut near, stdin) = tokio::io::duplex(1 << 12);
        let (stdout, mut answers) = tokio::io::duplex(1 << 12);
        let talk = async {
            for (session, bytes) in
                [(1, b"{}".to_vec()), (2, br#"{"pid":1,"container":"c","resolv_conf":"/r","hosts":"/h"}"#.to_vec())]
            {
                frames::write(&mut near, &Frame::new(session, Kind::Open, bytes)).await.unwrap();
                let said = frames::read(&mut answers).await.unwrap().unwrap();
                assert_eq!((said.session, said.kind), (session, Kind::Errors));
                let words = String::from_utf8(said.bytes).unwrap();
                let expected = ["does not understand where to go", "cannot start a probe"][session as usize - 1];
                assert!(words.contains(expected), "{words}");
                let ended = frames::read(&mut answers).await.unwrap().unwrap();
                assert_eq!((ended.session, ended.kind), (session, Kind::Ended));
            }
            drop(near);
        };
        let (ended, ()) = tokio::join!(switch("/nowhere/crosscheck".into(), stdin, stdout), talk);
        ended.unwrap();
    }
}
