//! The far end of the line, in a child of crosscheck's or in the agent's container: a thread for each session, in the
//! namespaces that it is told to enter.

use std::collections::BTreeMap;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::enter::Enter;
use super::frames::{self, CHUNK, Frame, Kind};
use crate::probe::{kafka, serve};
use crate::text;

/// Runs until stdin ends, and every session with it. This thread enters nothing and keeps its privileges, which the next
/// session needs; it speaks to crosscheck alone.
///
/// # Errors
/// When its threads or streams cannot be had, and those of its stdin.
pub fn run() -> io::Result<()> {
    serve::keep_to_ourselves();
    serve::end_with_parent()?;
    let runtime = serve::runtime()?;
    runtime.block_on(async {
        let result = switch(serve::input()?, serve::output()?).await;
        kafka::finish().await;
        result
    })
}

async fn switch(mut stdin: impl AsyncRead + Unpin, stdout: impl AsyncWrite + Unpin) -> io::Result<()> {
    let (replies, queue) = mpsc::channel(64);
    let sessions = tokio::task::LocalSet::new();
    let orders = sessions.run_until(async {
        let mut inputs = BTreeMap::new();
        while let Some(frame) = frames::read(&mut stdin).await? {
            match frame.kind {
                Kind::Open => {
                    let (input, orders) = mpsc::unbounded_channel();
                    inputs.insert(frame.session, input);
                    tokio::task::spawn_local(attend(frame, orders, replies.clone()));
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
async fn attend(open: Frame, orders: mpsc::UnboundedReceiver<Vec<u8>>, replies: mpsc::Sender<Frame>) {
    let session = open.session;
    if let Err(reason) = probe(&open, orders, &replies).await {
        let _ = replies.send(Frame::new(session, Kind::Errors, reason.into_bytes())).await;
    }
    let _ = replies.send(Frame::new(session, Kind::Ended, Vec::new())).await;
}

/// Looks from a container, in a thread that enters it.
async fn probe(
    open: &Frame,
    orders: mpsc::UnboundedReceiver<Vec<u8>>,
    replies: &mpsc::Sender<Frame>,
) -> Result<(), String> {
    let enter: Enter =
        serde_json::from_slice(&open.bytes).map_err(|_| "the agent does not understand where to go".to_owned())?;
    let (near, far) = tokio::io::duplex(CHUNK);
    let (output, input) = tokio::io::split(near);
    let (ended, end) = oneshot::channel();
    // Threads are told apart by the first fifteen bytes of their names.
    let name = enter.container.chars().take(12).collect();
    std::thread::Builder::new()
        .name(name)
        .spawn(move || drop(ended.send(inside(&enter, far))))
        .map_err(|error| format!("no thread can be started: {}", text::io_error(&error)))?;
    let feeding = tokio::task::spawn_local(feed(input, orders));
    pass(output, open.session, replies).await;
    feeding.abort();
    end.await.unwrap_or_else(|_| Err("the probe itself failed: this is a bug of crosscheck".into()))
}

/// Enters, and serves what is asked from there until its input ends.
fn inside(enter: &Enter, line: DuplexStream) -> Result<(), String> {
    enter.enter().map_err(|reason| reason.to_string())?;
    let said = |error| text::io_error(&error);
    let runtime = serve::runtime().map_err(said)?;
    let (input, output) = tokio::io::split(line);
    let result = runtime.block_on(async {
        let result = serve::serve(input, output).await;
        // A round trip needs this runtime until its topic is gone.
        kafka::settle().await;
        result
    });
    let result = result.map_err(said);
    // Looks that are still under way may block in a library of theirs: nobody waits for them any more.
    runtime.shutdown_background();
    result
}

async fn feed(mut input: WriteHalf<DuplexStream>, mut orders: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = orders.recv().await {
        if input.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

async fn pass(mut output: ReadHalf<DuplexStream>, session: u32, replies: &mpsc::Sender<Frame>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        if replies.send(Frame::new(session, Kind::Output, chunk[..length].to_vec())).await.is_err() {
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
            for (session, bytes) in [
                (1, b"{}".to_vec()),
                (2, br#"{"pid":4294967295,"container":"c","resolv_conf":"/r","hosts":"/h"}"#.to_vec()),
            ] {
                frames::write(&mut near, &Frame::new(session, Kind::Open, bytes)).await.unwrap();
                let said = frames::read(&mut answers).await.unwrap().unwrap();
                assert_eq!((said.session, said.kind), (session, Kind::Errors));
                let words = String::from_utf8(said.bytes).unwrap();
                let expected = ["does not understand where to go", "cannot look at process"][session as usize - 1];
                assert!(words.contains(expected), "{words}");
                let ended = frames::read(&mut answers).await.unwrap().unwrap();
                assert_eq!((ended.session, ended.kind), (session, Kind::Ended));
            }
            drop(near);
        };
        let (ended, ()) = tokio::join!(switch(stdin, stdout), talk);
        ended.unwrap();
    }
}
