//! Engines behind `ssh://`: the user's own `ssh` carries the connections, as it does for `docker`.
//!
//! A connection is `docker system dial-stdio` on the other side. The first one of ours is the trunk that the next ones
//! share, so that one login serves many; servers allow ten on one trunk, then there is another.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::text;

/// How long logging in may take. The server may look our name up first.
pub const LOGIN: Duration = Duration::from_secs(15);
/// How many connections share a trunk: fewer than the ten that OpenSSH's server allows unless told otherwise.
const ON_A_TRUNK: usize = 8;
/// How long to wait before looking again whether the trunk is open.
const BREATH: Duration = Duration::from_millis(10);
/// How long `ssh` may take to end once it has closed its side.
const FAREWELL: Duration = Duration::from_secs(2);
/// How much of what `ssh` and the other side say is kept, in bytes.
const LAST_WORDS: u64 = 8 << 10;

/// Where `ssh` goes, and what it asks for there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The user; else `ssh` decides.
    pub user: Option<String>,
    /// A name, an address, or an alias of the user's `ssh` settings.
    pub host: String,
    /// The port; else `ssh` decides.
    pub port: Option<u16>,
    /// The engine's socket on the other side; else its `docker` decides.
    pub socket: Option<String>,
}

impl Destination {
    /// What `ssh` takes to go there, for messages: `-p 2222 me@build.example`.
    pub fn login(&self) -> String {
        let port = self.port.map(|port| format!("-p {port} ")).unwrap_or_default();
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{port}{user}{}", self.host)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("ssh");
        // Nobody is there to answer questions; nothing but the one channel is wanted; and silence has an end.
        command.args(["-T", "-a", "-x"]);
        for option in [
            "BatchMode=yes",
            "ClearAllForwardings=yes",
            "ConnectTimeout=10",
            "ControlPersist=no",
            "LogLevel=ERROR",
            "PermitLocalCommand=no",
            "RemoteCommand=none",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=3",
        ] {
            command.args(["-o", option]);
        }
        command.args(self.user.iter().flat_map(|user| ["-l", user.as_str()]));
        command.args(self.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]));
        command.env("LC_ALL", "C");
        // Ctrl-C on a terminal is for crosscheck alone, which still needs the engine to put things away.
        command.process_group(0);
        command
    }

    /// What the user's settings make of the host.
    ///
    /// # Errors
    /// When `ssh` is not there or does not say.
    pub async fn resolved(&self) -> io::Result<Resolved> {
        let mut command = self.command();
        command.args(["-G", "--", &self.host]).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(LOGIN, command.output()).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(Resolved::read(&String::from_utf8_lossy(&output.stdout), &self.host))
    }

    fn dial(&self) -> String {
        match &self.socket {
            Some(path) => format!("docker --host unix://{path} system dial-stdio"),
            None => "docker system dial-stdio".to_owned(),
        }
    }
}

/// Where `ssh` really goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The host's name or address.
    pub host: String,
    /// Whether it is reached through another machine or a command, so that nothing else need reach it.
    pub through_another: bool,
}

impl Resolved {
    fn read(settings: &str, host: &str) -> Self {
        let value = |key: &str| {
            let of =
                |line: &str| line.split_once(' ').filter(|(name, _)| *name == key).map(|(_, value)| value.to_owned());
            settings.lines().find_map(of).filter(|value| !value.is_empty() && value != "none")
        };
        let through_another = value("proxyjump").or_else(|| value("proxycommand")).is_some();
        Self { host: value("hostname").unwrap_or_else(|| host.to_owned()), through_another }
    }
}

/// The way to an engine behind SSH.
#[derive(Debug)]
pub struct Tunnel {
    destination: Destination,
    trunks: Mutex<Trunks>,
}

/// The logins there are.
#[derive(Debug, Default)]
struct Trunks {
    open: Vec<Trunk>,
    /// The last login that failed, and when.
    failed: Option<(Instant, Failed)>,
}

/// A login that connections share.
#[derive(Debug)]
struct Trunk {
    /// Where it listens; `ssh` removes this when the trunk ends.
    path: PathBuf,
    places: Arc<Semaphore>,
}

impl Tunnel {
    /// Nothing is opened yet.
    pub fn new(destination: Destination) -> Self {
        Self { destination, trunks: Mutex::default() }
    }

    /// Opens a connection to the engine. What goes wrong on the other side is told by its first read.
    ///
    /// # Errors
    /// When `ssh` cannot be started, or does not log in; a [`Failed`] is inside then.
    pub async fn open(&self) -> io::Result<Line> {
        let asked = Instant::now();
        // Held while a trunk opens: servers turn away many that log in at once.
        let mut trunks = self.trunks.lock().await;
        // Whoever waited for a login that failed would only fail again, as much later.
        if let Some((_, failed)) = trunks.failed.as_ref().filter(|(when, _)| *when >= asked) {
            return Err(failed.clone().into());
        }
        trunks.open.retain(|trunk| trunk.path.exists());
        let place = trunks
            .open
            .iter()
            .find_map(|trunk| Some((trunk.path.clone(), Arc::clone(&trunk.places).try_acquire_owned().ok()?)));
        if let Some((path, place)) = place {
            return self.start(&path, "no", place);
        }
        match self.log_in().await {
            Ok((trunk, line)) => {
                trunks.open.push(trunk);
                Ok(line)
            }
            Err(error) => {
                let failed = error.get_ref().and_then(|inner| inner.downcast_ref::<Failed>()).cloned();
                trunks.failed = failed.map(|failed| (Instant::now(), failed));
                Err(error)
            }
        }
    }

    /// Opens a trunk, and its first connection.
    async fn log_in(&self) -> io::Result<(Trunk, Line)> {
        let (path, places) = (socket_path()?, Arc::new(Semaphore::new(ON_A_TRUNK)));
        let place = Arc::clone(&places).try_acquire_owned().map_err(io::Error::other)?;
        let mut line = self.start(&path, "yes", place)?;
        let opened = async {
            while !path.exists() {
                if line.ended.as_ref().is_some_and(JoinHandle::is_finished) {
                    return Err(line.failure().await);
                }
                sleep(BREATH).await;
            }
            Ok(())
        };
        timeout(LOGIN, opened)
            .await
            .unwrap_or_else(|_| Err(Failed::new(None, &format!("no login in {} s", LOGIN.as_secs())).into()))?;
        Ok((Trunk { path, places }, line))
    }

    fn start(&self, path: &Path, master: &str, place: OwnedSemaphorePermit) -> io::Result<Line> {
        let mut command = self.destination.command();
        command
            .args(["-o", &format!("ControlMaster={master}"), "-o", &format!("ControlPath={}", path.display())])
            .args(["--", &self.destination.host, &self.destination.dial()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failed::new(None, NO_SSH).into(),
            _ => error,
        })?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("ssh has no pipes"));
        };
        // Not killed with the line: a trunk carries others. It ends with its stdin, and when the others have ended.
        let ended = tokio::spawn(last_words(child));
        Ok(Line { input: Some(input), output, ended: Some(ended), answered: false, failure: None, _place: place })
    }
}

/// What is said where there is no `ssh` on this machine.
const NO_SSH: &str = "ssh: no such command on this machine";

/// A name that nobody can guess, since whoever made it first could pose as the engine. Short, as those of sockets must be.
fn socket_path() -> io::Result<PathBuf> {
    let mut random = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(std::env::temp_dir().join(format!("crosscheck-{:016x}", u64::from_ne_bytes(random))))
}

/// Waits for the end of an `ssh`, and keeps what it said.
async fn last_words(mut child: Child) -> Failed {
    let mut said = Vec::new();
    if let Some(mut errors) = child.stderr.take() {
        let _ = (&mut errors).take(LAST_WORDS).read_to_end(&mut said).await;
        // The rest is read so that nobody waits for it to be.
        let _ = tokio::io::copy(&mut errors, &mut tokio::io::sink()).await;
    }
    let status = child.wait().await.ok().and_then(|status| status.code());
    Failed::new(status, &String::from_utf8_lossy(&said))
}

/// A connection that ended before the engine said anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The exit code: 255 is of `ssh` itself, others are of the other side.
    pub status: Option<i32>,
    /// What was said on stderr, raw.
    pub said: String,
}

impl Failed {
    fn new(status: Option<i32>, said: &str) -> Self {
        Self { status, said: said.to_owned() }
    }

    /// What happened and what to do about it, for a destination.
    pub fn explain(&self, destination: &Destination) -> (String, String) {
        let login = text::line(&destination.login(), 120);
        let host = text::line(&destination.host, 80);
        // As the file of known hosts has it.
        let known = destination.port.map_or_else(|| host.clone(), |port| format!("'[{host}]:{port}'"));
        let has = |words: &str| self.said.contains(words);
        let (reason, help) = if has(NO_SSH) {
            ("there is no `ssh` on this machine".to_owned(), "install OpenSSH's client".to_owned())
        } else if has("IDENTIFICATION HAS CHANGED") {
            (
                "its host key is not the one that is known here".to_owned(),
                format!(
                    "if the machine was set up anew, forget the old key with `ssh-keygen -R {known}`; else somebody may be posing as it"
                ),
            )
        } else if has("Host key verification failed") {
            (
                "its host key is not known here".to_owned(),
                format!("log in once with `ssh {login}` and compare the key's fingerprint"),
            )
        } else if self.status == Some(255) && has("Permission denied") {
            (
                "it refuses our key".to_owned(),
                format!(
                    "see that `ssh -o BatchMode=yes {login} true` works: load the key with `ssh-add`, or have it allowed there; passwords are not asked for"
                ),
            )
        } else if has("Could not resolve hostname") {
            ("there is no host of that name".to_owned(), "check the name, and the aliases in ~/.ssh/config".to_owned())
        } else if self.status == Some(127) || has("command not found") || has("docker: not found") {
            (
                "there is no `docker` on the other side".to_owned(),
                format!("install Docker's client there, and see that `ssh {login} docker version` finds it"),
            )
        } else if self.status != Some(255) && has("permission denied") {
            (
                "its user may not use the engine there".to_owned(),
                "add that user to the group docker there, or log in as another".to_owned(),
            )
        } else if has("Cannot connect to the Docker daemon")
            || (has("raw stream connection") && (has("no such file") || has("connection refused")))
        {
            ("no engine runs on the other side".to_owned(), "start Docker there".to_owned())
        } else if has("is not a docker command") || has("unknown command") {
            ("the `docker` on the other side is too old for this".to_owned(), "upgrade it to 18.09 or later".to_owned())
        } else {
            let last = self.said.lines().map(str::trim).rfind(|line| !line.is_empty());
            let reason = match (last, self.status) {
                (Some(last), _) => text::line(last, 200),
                (None, Some(status)) => format!("`ssh` ended with status {status} and said nothing"),
                (None, None) => "`ssh` was ended".to_owned(),
            };
            (reason, format!("see that `ssh -o BatchMode=yes {login} docker version` works"))
        };
        (reason, help)
    }
}

impl Display for Failed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let last = self.said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
        write!(f, "ssh ended: {}", text::line(last, 200))
    }
}

impl std::error::Error for Failed {}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        Self::other(failed)
    }
}

/// An open connection.
pub struct Line {
    /// Taken when this side has nothing more to say: that is how the other side learns of it.
    input: Option<ChildStdin>,
    output: ChildStdout,
    ended: Option<JoinHandle<Failed>>,
    answered: bool,
    failure: Option<Pin<Box<dyn Future<Output = io::Error> + Send>>>,
    _place: OwnedSemaphorePermit,
}

impl Line {
    /// Why the connection ended, which `ssh` says when it ends.
    fn failure(&mut self) -> Pin<Box<dyn Future<Output = io::Error> + Send>> {
        let ended = self.ended.take();
        Box::pin(async move {
            let Some(ended) = ended else { return io::ErrorKind::UnexpectedEof.into() };
            match timeout(FAREWELL, ended).await {
                Ok(Ok(failed)) => failed.into(),
                _ => io::ErrorKind::UnexpectedEof.into(),
            }
        })
    }

    fn poll_failure(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.failure.is_none() {
            self.failure = Some(self.failure());
        }
        match &mut self.failure {
            Some(failure) => failure.as_mut().poll(cx),
            None => Poll::Ready(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.failure.is_none() {
            ready!(Pin::new(&mut self.output).poll_read(cx, buffer))?;
            if buffer.filled().len() > before {
                self.answered = true;
                return Poll::Ready(Ok(()));
            }
            if self.answered {
                return Poll::Ready(Ok(()));
            }
        }
        // An end before the first word has a reason.
        Poll::Ready(Err(ready!(self.poll_failure(cx))))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(input) = &mut self.input else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        match ready!(Pin::new(input).poll_write(cx, bytes)) {
            // The other end is gone already: why is what matters, not that a pipe broke.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && !self.answered => {
                Poll::Ready(Err(ready!(self.poll_failure(cx))))
            }
            other => Poll::Ready(other),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.as_mut().map_or(Poll::Ready(Ok(())), |input| Pin::new(input).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
#[path = "ssh_tests.rs"]
mod tests;
