//! The way through the container itself: the probe is put into it, started there, and taken out again before it looks.
//!
//! Two processes are started: one of the container's root, which does nothing but remove our folder when its stdin ends,
//! and then the probe, which is nobody. Once the probe runs, its files are not needed any more. Everything of ours ends
//! with its stdin, so that a crosscheck that is killed leaves neither a process nor a file.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::body_stream;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::HostConfig;
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, InspectContainerOptions, StatsOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::{OnceCell, RwLock, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::attached::{BUFFER, streams};
use super::engine_says;
use super::guest::{Luggage, PREFIX, READY};
use super::program::{Program, blocking};
use super::remote::{Remote, Streams, last_words};
use super::sidecar::{IMPORT, PATIENCE, REMOVAL, in_time};

/// How many containers are visited at once.
const AT_ONCE: usize = 8;

/// How much of the probe is given to the engine at once, in bytes.
const PIECE: usize = 256 << 10;

/// How long to wait before asking again whether our processes have ended.
const BREATH: Duration = Duration::from_millis(40);

/// The memory that a probe and what starts it may take of a container's own, in bytes.
const MEMORY: u64 = 48 << 20;

/// The processes and threads that they may take.
const PROCESSES: u64 = 48;

/// What a container's settings for its own programs must not do to ours.
const ENVIRONMENT: [&str; 4] = ["LD_PRELOAD=", "LD_LIBRARY_PATH=", "LD_AUDIT=", "GLIBC_TUNABLES="];

/// The visits of a run.
#[derive(Debug)]
pub struct Guests {
    docker: Docker,
    run: String,
    executable: PathBuf,
    architecture: String,
    luggage: OnceCell<Result<Arc<Luggage>, String>>,
    permits: Semaphore,
    /// One visit of a container at a time: its folder has the same name for all of them.
    rooms: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Held by whoever visits; whoever ends them all waits for it, so that none comes after.
    visiting: RwLock<()>,
    over: AtomicBool,
    /// Says that every stdin must end.
    ends: watch::Sender<bool>,
    /// The engine's ids of the processes that were started.
    started: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Luggage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Luggage")
    }
}

impl Guests {
    /// None yet. `run` names the run.
    pub fn new(docker: Docker, run: String, executable: PathBuf, architecture: String) -> Arc<Self> {
        Arc::new(Self {
            docker,
            run,
            executable,
            architecture,
            luggage: OnceCell::new(),
            permits: Semaphore::new(AT_ONCE),
            rooms: Mutex::default(),
            visiting: RwLock::new(()),
            over: AtomicBool::new(false),
            ends: watch::Sender::new(false),
            started: Mutex::default(),
        })
    }

    /// Starts a probe in this container and greets it. Then nothing of ours is left in its file system.
    ///
    /// # Errors
    /// Why it could not be started; what is left in the container, should that ever be.
    pub async fn open(self: &Arc<Self>, container: String) -> Result<Remote, String> {
        let this = Arc::clone(self);
        // A task of its own: when the caller gives up, the folder is removed all the same.
        let visit = tokio::spawn(async move {
            let luggage = this.luggage.get_or_init(|| this.pack()).await.clone()?;
            let room = {
                let mut rooms = this.rooms.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(rooms.entry(container.clone()).or_default())
            };
            let _alone = room.lock().await;
            let _permit = this.permits.acquire().await;
            let _visiting = this.visiting.read().await;
            this.visit(&container, &luggage).await
        });
        visit.await.unwrap_or_else(|error| Err(format!("cannot start the probe: {error}")))
    }

    async fn pack(&self) -> Result<Arc<Luggage>, String> {
        let (executable, architecture) = (self.executable.clone(), self.architecture.clone());
        let name = format!("{PREFIX}{}", self.run);
        let packed = blocking(move || Luggage::of(&Program::read(&executable, &architecture)?, &name));
        packed.await.map(Arc::new)
    }

    async fn visit(&self, container: &str, luggage: &Luggage) -> Result<Remote, String> {
        self.may_visit(container).await?;
        let folder = &luggage.folder;
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let upload = self.docker.upload_to_container(container, Some(options), body_stream(pieces(&luggage.archive)));
        let uploaded = timeout(IMPORT, upload).await.unwrap_or(Err(Error::RequestTimeoutError));
        let looked = match uploaded {
            Ok(()) => self.start(container, luggage).await,
            Err(error) => Err(engine_says("the engine cannot put the probe into it", &error)),
        };
        match (looked, self.is_gone(container, folder).await) {
            (Ok(remote), true) => Ok(remote),
            (Err(reason), true) => Err(reason),
            (looked, false) => {
                // Once more: the container may have been restarted while the first one waited.
                let again = self.remover(container, luggage).await;
                let reason = match (looked, again) {
                    (_, Err(reason)) | (Err(reason), Ok(_)) => reason,
                    (Ok(_), Ok(_)) => "the probe's files could not be removed".to_owned(),
                };
                if self.is_gone(container, folder).await {
                    return Err(reason);
                }
                Err(format!("{reason}; {folder} is left in the container, remove it"))
            }
        }
    }

    /// Whether a folder can be put into the container and be removed again, as far as the engine knows.
    async fn may_visit(&self, container: &str) -> Result<(), String> {
        let over = self.over.load(Ordering::Acquire);
        let inspect = self.docker.inspect_container(container, None::<InspectContainerOptions>);
        let found = in_time(inspect).await.map_err(|error| engine_says("the engine does not know it", &error))?;
        let state = found.state.unwrap_or_default();
        let limits = found.host_config.unwrap_or_default();
        let read_only = limits.readonly_rootfs.unwrap_or(false);
        Err(match () {
            () if over => "the run is over",
            () if state.paused == Some(true) => "it is paused, and nothing can be started in it",
            () if state.restarting == Some(true) || state.running != Some(true) => {
                "it does not run, and nothing can be started in it"
            }
            // Its volumes are the user's data, and the engine cannot write into a tmpfs of a container that runs.
            () if read_only => "its root file system is read-only, so the probe cannot be put into it",
            () if !self.has_room(container, &limits).await => {
                "its limits leave no room for a probe beside its own processes"
            }
            () => return Ok(()),
        }
        .into())
    }

    /// Whether a probe takes nothing that the container's own processes may need. What the engine does not say is no
    /// reason against it: where memory runs out after all, the kernel ends the probe first.
    async fn has_room(&self, container: &str, limits: &HostConfig) -> bool {
        let limited = |limit: Option<i64>| limit.and_then(|limit| u64::try_from(limit).ok()).filter(|limit| *limit > 0);
        let (memory, processes) = (limited(limits.memory), limited(limits.pids_limit));
        if memory.is_none() && processes.is_none() {
            return true;
        }
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let stats = timeout(PATIENCE, self.docker.stats(container, Some(options)).next()).await;
        let Ok(Some(Ok(stats))) = stats else { return true };
        let memory_used = stats.memory_stats.and_then(|memory| {
            // What is only cached goes when room is needed.
            let cached = memory.stats.and_then(|stats| {
                ["inactive_file", "total_inactive_file"].iter().find_map(|name| stats.get(*name).copied())
            });
            Some(memory.usage?.saturating_sub(cached.unwrap_or(0)))
        });
        let processes_used = stats.pids_stats.and_then(|processes| processes.current);
        let has = |limit: Option<u64>, used: Option<u64>, room: u64| match (limit, used) {
            (Some(limit), Some(used)) => limit.saturating_sub(used) >= room,
            _ => true,
        };
        has(memory, memory_used, MEMORY) && has(processes, processes_used, PROCESSES)
    }

    /// The remover first, then the probe; when that greets, the remover does its work.
    async fn start(&self, container: &str, luggage: &Luggage) -> Result<Remote, String> {
        let remover = self.remover(container, luggage).await?;
        let probe = self.exec(container, "65534:65534", luggage.command(&["probe"])).await;
        let remote = match probe {
            Ok(streams) => Remote::greet(self.until_over(streams), PATIENCE).await,
            Err(error) => Err(engine_says("the engine cannot start the probe in it", &error)),
        };
        remover.finish().await?;
        remote
    }

    async fn remover(&self, container: &str, luggage: &Luggage) -> Result<Remover, String> {
        let command = luggage.command(&["probe", "--remove", &luggage.folder]);
        let streams = self
            .exec(container, "0:0", command)
            .await
            .map_err(|error| engine_says("the engine cannot start anything in it", &error))?;
        Remover::wait_for(streams).await
    }

    async fn exec(&self, container: &str, user: &str, command: Vec<String>) -> Result<Streams, Error> {
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(ENVIRONMENT.map(str::to_owned).to_vec()),
            cmd: Some(command),
            user: Some(user.to_owned()),
            working_dir: Some("/".to_owned()),
            ..CreateExecOptions::default()
        };
        let id = in_time(self.docker.create_exec(container, options)).await?.id;
        self.started.lock().unwrap_or_else(PoisonError::into_inner).push(id.clone());
        match in_time(self.docker.start_exec(&id, None::<StartExecOptions>)).await? {
            StartExecResults::Attached { output, input } => Ok(streams(output, input)),
            StartExecResults::Detached => Err(Error::DockerStreamError { error: "there is no stream to it".into() }),
        }
    }

    /// Whether nothing is at that path in the container, by the engine's word; a container that is gone has none.
    async fn is_gone(&self, container: &str, folder: &str) -> bool {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(folder).build();
        match in_time(self.docker.get_container_archive_info(container, Some(options))).await {
            Err(Error::DockerResponseServerError { status_code, .. }) => status_code == 404,
            _ => false,
        }
    }

    /// The same streams; their stdin ends when the run does, also where a session still holds it.
    fn until_over(&self, streams: Streams) -> Streams {
        let (input, mut orders) = tokio::io::duplex(BUFFER);
        let mut stdin = streams.input;
        let mut over = self.ends.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy(&mut orders, &mut stdin) => {}
                () = async { drop(over.wait_for(|over| *over).await) } => {}
            }
            let _ = stdin.shutdown().await;
        });
        Streams { input: Box::new(input), ..streams }
    }

    /// Ends every probe and waits until none runs. Those whose sessions are over have `grace` to end by themselves.
    pub async fn close(&self, grace: Duration) {
        self.over.store(true, Ordering::Release);
        let _none_comes = timeout(REMOVAL, self.visiting.write()).await;
        let patient = Instant::now() + grace;
        let until = patient + REMOVAL;
        let mut left = std::mem::take(&mut *self.started.lock().unwrap_or_else(PoisonError::into_inner));
        loop {
            if Instant::now() >= patient {
                self.ends.send_replace(true);
            }
            let mut running = Vec::new();
            for id in left {
                let seen = in_time(self.docker.inspect_exec(&id)).await;
                if seen.is_ok_and(|seen| seen.running == Some(true)) {
                    running.push(id);
                }
            }
            left = running;
            if left.is_empty() || Instant::now() >= until {
                return;
            }
            sleep(BREATH).await;
        }
    }
}

/// An archive piece by piece: given whole, it would be copied for every container.
fn pieces(archive: &Bytes) -> impl Stream<Item = Bytes> + Send + use<> {
    let archive = archive.clone();
    let starts = (0..archive.len()).step_by(PIECE);
    stream::iter(starts.map(move |start| archive.slice(start..archive.len().min(start + PIECE))))
}

/// The process that removes our folder when it is told to, or when nobody holds its stdin any more.
struct Remover {
    streams: Streams,
}

impl Remover {
    /// Waits until it says that it is there.
    async fn wait_for(streams: Streams) -> Result<Self, String> {
        let mut output = BufReader::new(streams.output);
        let mut line = String::new();
        let mut start = (&mut output).take(512);
        let heard = timeout(PATIENCE, start.read_line(&mut line)).await;
        if line.trim() != READY || heard.is_err() {
            let words = timeout(Duration::from_secs(1), last_words(streams.errors)).await.unwrap_or_default();
            return Err(match [words.as_str(), line.trim()].into_iter().find(|said| !said.is_empty()) {
                Some(said) => format!("nothing can be started in it: {}", crate::text::line(said, 300)),
                None => "nothing can be started in it".to_owned(),
            });
        }
        Ok(Self { streams: Streams { output: Box::new(output), ..streams } })
    }

    /// Has it remove the folder, and waits for its end.
    async fn finish(mut self) -> Result<(), String> {
        let _ = self.streams.input.shutdown().await;
        drop(self.streams.input);
        let mut rest = Vec::new();
        let ended = timeout(REMOVAL, self.streams.output.take(1 << 10).read_to_end(&mut rest)).await;
        let words = timeout(Duration::from_secs(1), last_words(self.streams.errors)).await.unwrap_or_default();
        match ended {
            Ok(_) if words.is_empty() => Ok(()),
            Ok(_) => Err(format!("the probe's files could not be removed: {words}")),
            Err(_) => Err("the probe's files were not removed in time".into()),
        }
    }
}
