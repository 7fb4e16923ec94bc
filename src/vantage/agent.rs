//! The way through one container of ours that enters the namespaces of all the others, as this machine's root would.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::Docker;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::{OnceCell, mpsc};

use super::attached::BUFFER;
use super::container::Purpose;
use super::engine_says;
use super::enter::Enter;
use super::frames::{self, CHUNK, Frame, Kind};
use super::remote::{Remote, Streams, last_words};
use super::sidecar::{PATIENCE, Sidecars, in_time};
use crate::stack::Stack;

/// The agent of a run, which is made when the first vantage needs it.
#[derive(Debug)]
pub struct Agent {
    docker: Docker,
    sidecars: Arc<Sidecars>,
    folders: Vec<String>,
    targets: usize,
    line: OnceCell<Result<Line, String>>,
}

impl Agent {
    /// None yet.
    pub fn new(docker: Docker, sidecars: Arc<Sidecars>, stack: &Stack) -> Self {
        // `resolv.conf` and `hosts` of a container are in a folder of its own, and those folders are in one.
        let files = stack.containers.iter().flat_map(|container| [&container.resolv_conf, &container.hosts]);
        let folders: BTreeSet<_> = files
            .filter_map(|file| Path::new(file).parent()?.parent()?.to_str())
            .filter(|folder| folder.len() > 1)
            .map(str::to_owned)
            .collect();
        let folders = folders.into_iter().collect();
        Self { docker, sidecars, folders, targets: stack.containers.len(), line: OnceCell::new() }
    }

    /// Enters a container and greets the probe there.
    ///
    /// # Errors
    /// Why there is no agent, or what stopped it from entering.
    pub async fn open(&self, enter: &Enter) -> Result<Remote, String> {
        let line = self.line.get_or_init(|| self.start()).await.as_ref().map_err(Clone::clone)?;
        Remote::greet(line.open(enter)?, PATIENCE).await
    }

    async fn start(&self) -> Result<Line, String> {
        let info = in_time(self.docker.info()).await;
        let info = info.map_err(|error| engine_says("the engine does not say what an agent needs", &error))?;
        let purpose = Purpose::Agent {
            folders: self.folders.clone(),
            security: security(&info.security_options.unwrap_or_default()),
            targets: self.targets,
        };
        Ok(Line::over(self.sidecars.start(purpose).await?))
    }
}

/// What an agent's container must be spared of the engine's security modules: they deny mounts and foreign namespaces to
/// every container, whatever its capabilities.
fn security(options: &[String]) -> Vec<String> {
    let has =
        |module: &str| options.iter().any(|option| option.split(',').any(|part| part == format!("name={module}")));
    let spared = [("apparmor", "apparmor=unconfined"), ("selinux", "label=disable")];
    spared.iter().filter(|(module, _)| has(module)).map(|(_, option)| (*option).to_owned()).collect()
}

/// The line to an agent: many sessions over one pair of streams.
#[derive(Debug)]
struct Line {
    frames: mpsc::UnboundedSender<Frame>,
    sessions: Arc<Sessions>,
    next: AtomicU32,
}

#[derive(Debug, Default)]
struct Sessions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    open: BTreeMap<u32, mpsc::UnboundedSender<Frame>>,
    /// Why there is no agent any more.
    ended: Option<String>,
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each of the few statements that hold the lock, also after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn over(streams: Streams) -> Self {
        let (frames, queue) = mpsc::unbounded_channel();
        let sessions = Arc::new(Sessions::default());
        tokio::spawn(send(streams.input, queue));
        tokio::spawn(hear(streams.output, streams.errors, Arc::clone(&sessions)));
        Self { frames, sessions, next: AtomicU32::new(1) }
    }

    /// The streams of a probe that is started in that container.
    fn open(&self, enter: &Enter) -> Result<Streams, String> {
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
        let (input, orders) = tokio::io::duplex(BUFFER);
        let (out, output) = tokio::io::duplex(BUFFER);
        let (err, errors) = tokio::io::duplex(BUFFER);
        // What is sent to an agent that has ended is answered by its end, which every session is told.
        let _ = self.frames.send(Frame::new(session, Kind::Open, enter));
        tokio::spawn(say(session, orders, self.frames.clone()));
        tokio::spawn(hand_on(parts, out, err));
        Ok(Streams { input: Box::new(input), output: Box::new(output), errors: Box::new(errors) })
    }
}

/// Sends frames until the run is over, then shuts the agent's stdin.
async fn send(mut input: Box<dyn AsyncWrite + Send + Unpin>, mut frames: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = frames.recv().await {
        if frames::write(&mut input, &frame).await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

/// Passes what a session says on to the agent.
async fn say(session: u32, mut orders: DuplexStream, frames: mpsc::UnboundedSender<Frame>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = orders.read(&mut chunk).await {
        if frames.send(Frame::new(session, Kind::Input, chunk[..length].to_vec())).is_err() {
            return;
        }
    }
    let _ = frames.send(Frame::new(session, Kind::End, Vec::new()));
}

/// Sorts what the agent says by session until it ends, then tells them all why.
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
        "" if stranger => "what was started as the agent is no crosscheck of this version".to_owned(),
        _ => words,
    };
    let mut state = sessions.state();
    for (session, heard) in std::mem::take(&mut state.open) {
        let _ = heard.send(Frame::new(session, Kind::Errors, words.clone().into_bytes()));
    }
    state.ended = Some(if words.is_empty() { "the agent ended".to_owned() } else { words });
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
    use super::*;

    #[test]
    fn only_modules_that_the_engine_has_are_told_to_stand_aside() {
        let options = |all: &[&str]| all.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
        assert!(security(&options(&["name=seccomp,profile=builtin", "name=cgroupns"])).is_empty());
        assert_eq!(security(&options(&["name=apparmor", "name=seccomp,profile=default"])), ["apparmor=unconfined"]);
        assert_eq!(security(&options(&["name=selinux"])), ["label=disable"]);
    }

    #[tokio::test]
    async fn an_agent_that_cannot_run_tells_every_session_why() {
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
