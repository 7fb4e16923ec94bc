//! The near end of a line to a switchboard, in a child of ours or in the agent's container.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

use super::enter::Enter;
use super::frames::{self, CHUNK, Frame, Kind};
use super::remote::{Streams, last_words};

/// How long the other end's last words may take once it has ended.
const PATIENCE: Duration = Duration::from_secs(5);

/// The line to a switchboard: many sessions over one pair of streams.
#[derive(Debug)]
pub struct Line {
    frames: mpsc::UnboundedSender<Frame>,
    sessions: Arc<Sessions>,
    next: AtomicU32,
}

#[derive(Debug, Default)]
struct Sessions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u32, mpsc::UnboundedSender<Frame>>,
    /// Why nobody is at the other end any more.
    ended: Option<String>,
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each of the few statements that hold the lock, also after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Begins to listen.
    pub fn over(streams: Streams) -> Self {
        let (frames, queue) = mpsc::unbounded_channel();
        let sessions = Arc::new(Sessions::default());
        tokio::spawn(send(streams.input, queue));
        tokio::spawn(hear(streams.output, streams.errors, Arc::clone(&sessions)));
        Self { frames, sessions, next: AtomicU32::new(1) }
    }

    /// The streams of a probe that is started in that container.
    ///
    /// # Errors
    /// Why nobody listens at the other end.
    pub fn open(&self, enter: &Enter) -> Result<Streams, String> {
        let session = self.next.fetch_add(1, Ordering::Relaxed);
        let enter = serde_json::to_vec(enter).map_err(|_| "a path of the engine is no text".to_owned())?;
        let (heard, parts) = mpsc::unbounded_channel();
        {
            let mut state = self.sessions.state();
            if let Some(reason) = &state.ended {
                return Err(reason.clone());
            }
            state.open.insert(session, heard);
        }
        let (input, orders) = tokio::io::duplex(CHUNK);
        let (out, output) = tokio::io::duplex(CHUNK);
        let (err, errors) = tokio::io::duplex(CHUNK);
        // What is sent to a switchboard that has ended is answered by its end, which every session is told.
        let _ = self.frames.send(Frame::new(session, Kind::Open, enter));
        tokio::spawn(say(session, orders, self.frames.clone()));
        tokio::spawn(hand_on(parts, out, err));
        Ok(Streams { input: Box::new(input), output: Box::new(output), errors: Box::new(errors) })
    }
}

/// Sends frames until the run is over, then shuts the switchboard's stdin.
async fn send(mut input: Box<dyn AsyncWrite + Send + Unpin>, mut frames: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        if frames::write(&mut input, &frame).await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

/// Passes what a session says on to the switchboard.
async fn say(session: u32, mut orders: DuplexStream, frames: mpsc::UnboundedSender<Frame>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = orders.read(&mut chunk).await {
        if frames.send(Frame::new(session, Kind::Input, chunk[..length].to_vec())).is_err() {
            return;
        }
    }
    let _ = frames.send(Frame::new(session, Kind::End, Vec::new()));
}

/// Sorts what the switchboard says by session until it ends, then tells them all why.
async fn hear(
    mut output: Box<dyn AsyncRead + Send + Unpin>,
    errors: Box<dyn AsyncRead + Send + Unpin>,
    sessions: Arc<Sessions>,
) {
    let words = tokio::spawn(last_words(errors));
    let stranger = loop {
        let frame = match frames::read(&mut output).await {
            Ok(Some(frame)) => frame,
            Err(error) => break error.kind() == io::ErrorKind::InvalidData,
            Ok(None) => break false,
        };
        let mut state = sessions.state();
        if frame.kind == Kind::Ended {
            state.open.remove(&frame.session);
        } else if let Some(session) = state.open.get(&frame.session) {
            let _ = session.send(frame);
        }
    };
    drop(output);
    let words = tokio::time::timeout(PATIENCE, words).await.ok().and_then(Result::ok).unwrap_or_default();
    let words = match words.as_str() {
        "" if stranger => "what was started to enter namespaces is no crosscheck of this version".to_owned(),
        _ => words,
    };
    let mut state = sessions.state();
    for (session, heard) in std::mem::take(&mut state.open) {
        let _ = heard.send(Frame::new(session, Kind::Errors, words.clone().into_bytes()));
    }
    state.ended = Some(if words.is_empty() { "the probe ended before it answered".to_owned() } else { words });
}

/// Hands what a probe says on to its reader, until it has ended or nobody reads.
async fn hand_on(mut parts: mpsc::UnboundedReceiver<Frame>, mut out: DuplexStream, mut err: DuplexStream) {
    while let Some(frame) = parts.recv().await {
        let written = match frame.kind {
            Kind::Output => out.write_all(&frame.bytes).await,
            Kind::Errors => err.write_all(&frame.bytes).await,
            Kind::Open | Kind::Input | Kind::End | Kind::Ended => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::remote::Remote;
    use super::*;

    #[tokio::test]
    async fn a_switchboard_that_cannot_run_tells_every_session_why() {
        let streams = Streams {
            input: Box::new(tokio::io::sink()),
            output: Box::new(tokio::io::empty()),
            errors: Box::new(&b"exec format error\n"[..]),
        };
        let line = Line::over(streams);
        let enter = Enter { pid: 1, container: "c".into(), resolv_conf: "/r".into(), hosts: "/h".into() };
        let refused = match line.open(&enter) {
            Ok(streams) => Remote::greet(streams, PATIENCE).await.err(),
            Err(reason) => Some(reason),
        };
        assert_eq!(refused.as_deref(), Some("exec format error"));
        assert_eq!(line.open(&enter).err().as_deref(), Some("exec format error"));
    }
}
