//! The way through a container of our own that shares the network of the one it looks from; and containers of ours at
//! large: made, attached to, started, and removed whatever happens.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerSummary, ContainerSummaryStateEnum};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use futures_util::future::join_all;
use tokio::sync::{OnceCell, RwLock, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::attached::streams;
use super::container::{Purpose, body};
use super::image::{self, Image, Source};
use super::remote::{Remote, Streams};
use super::{LABEL, engine_says};

/// How many sidecars are made at once.
const AT_ONCE: usize = 16;

/// How long the engine may take for one step of making a sidecar.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long the engine may take to import the image, which may go over a slow line.
pub(super) const IMPORT: Duration = Duration::from_secs(300);

/// How long the removal of everything may take.
pub(super) const REMOVAL: Duration = Duration::from_secs(15);

/// How long to wait before asking again whether sidecars have ended.
const BREATH: Duration = Duration::from_millis(40);

/// The sidecars of a run.
#[derive(Debug)]
pub struct Sidecars {
    docker: Docker,
    run: String,
    source: Source,
    lasting: Duration,
    image: OnceCell<Result<Image, String>>,
    permits: Semaphore,
    number: AtomicU32,
    over: AtomicBool,
    /// Held by whoever is making a sidecar; whoever removes them all waits for it, so that none comes after.
    making: RwLock<()>,
}

impl Sidecars {
    /// None yet. `run` names the run in labels; `lasting` is how long the run may last.
    pub fn new(docker: Docker, run: String, source: Source, lasting: Duration) -> Arc<Self> {
        Arc::new(Self {
            docker,
            run,
            source,
            lasting,
            image: OnceCell::new(),
            permits: Semaphore::new(AT_ONCE),
            number: AtomicU32::new(1),
            over: AtomicBool::new(false),
            making: RwLock::new(()),
        })
    }

    /// Starts a probe in this network (`container:ID`, `host`, or a network's id) and greets it.
    ///
    /// # Errors
    /// Why it could not be made or is of no use.
    pub async fn open(self: &Arc<Self>, network: String) -> Result<Remote, String> {
        Remote::greet(self.start(Purpose::Beside(network)).await?, PATIENCE).await
    }

    /// Makes and starts a container of ours, and gives its streams.
    ///
    /// # Errors
    /// Why it could not be made.
    pub async fn start(self: &Arc<Self>, purpose: Purpose) -> Result<Streams, String> {
        let this = Arc::clone(self);
        // A task of its own: when the caller gives up, the container that is being made is still known.
        let making = tokio::spawn(async move {
            let image = this.image.get_or_init(|| this.ensure_image()).await.clone()?;
            let _permit = this.permits.acquire().await;
            let _making = this.making.read().await;
            this.make(&image, &purpose).await
        });
        making.await.unwrap_or_else(|error| Err(format!("cannot make a sidecar: {error}")))
    }

    async fn ensure_image(&self) -> Result<Image, String> {
        let ensured = image::ensure(&self.docker, &self.source);
        timeout(IMPORT, ensured).await.unwrap_or_else(|_| Err("the engine did not take the probe image in time".into()))
    }

    async fn make(&self, image: &Image, purpose: &Purpose) -> Result<Streams, String> {
        let what = if matches!(purpose, Purpose::Beside(_)) { "a sidecar" } else { "an agent" };
        let id = match self.create(image, purpose).await {
            // Someone cleaned up between the look at it and now.
            Err(Error::DockerResponseServerError { status_code: 404, message }) if message.contains("image") => {
                self.ensure_image().await?;
                self.create(image, purpose).await
            }
            other => other,
        }
        .map_err(|error| engine_says(&format!("the engine refuses {what}"), &error))?;
        let started =
            self.attach_and_start(&id).await.map_err(|error| engine_says(&format!("{what} does not start"), &error));
        if started.is_err() {
            self.remove(&id).await;
        }
        started
    }

    async fn create(&self, image: &Image, purpose: &Purpose) -> Result<String, Error> {
        self.go_on()?;
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let options = CreateContainerOptionsBuilder::new().name(&format!("crosscheck-{}-{number}", self.run)).build();
        let body = body(image, purpose, &self.run, unix_time() + self.lasting.as_secs());
        Ok(in_time(self.docker.create_container(Some(options), body)).await?.id)
    }

    /// Attaches before the start, so that nothing that is said is missed.
    async fn attach_and_start(&self, id: &str) -> Result<Streams, Error> {
        let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
        let attached = in_time(self.docker.attach_container(id, Some(options))).await?;
        self.go_on()?;
        in_time(self.docker.start_container(id, None)).await?;
        Ok(streams(attached.output, attached.input))
    }

    fn go_on(&self) -> Result<(), Error> {
        let over = || Error::DockerStreamError { error: "the run is over".into() };
        if self.over.load(Ordering::Acquire) { Err(over()) } else { Ok(()) }
    }

    /// Removes a container, and says whether that was done: one that is on its way already is not.
    async fn remove(&self, id: &str) -> bool {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        in_time(self.docker.remove_container(id, Some(options))).await.is_ok()
    }

    /// Removes every container of this run, and looks until the engine knows none. Those that run have `grace` to end
    /// by themselves.
    pub async fn close(&self, grace: Duration) {
        self.over.store(true, Ordering::Release);
        let _none_is_made = timeout(REMOVAL, self.making.write()).await;
        if self.number.load(Ordering::Acquire) == 1 {
            return;
        }
        let patient = Instant::now() + grace;
        let until = patient + REMOVAL;
        let filters = HashMap::from([("label", vec![format!("{LABEL}={}", self.run)])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        while Instant::now() < until {
            match in_time(self.docker.list_containers(Some(options.clone()))).await {
                Ok(left) if left.is_empty() => return,
                Ok(left) if Instant::now() < patient && left.iter().any(runs) => sleep(BREATH).await,
                Ok(left) => {
                    let removed = join_all(left.iter().filter_map(|one| one.id.as_deref()).map(|id| self.remove(id)));
                    if removed.await.into_iter().all(|gone| gone) {
                        continue;
                    }
                }
                Err(_) => {}
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Gives a request to the engine a limit of its own, shorter than the client's.
pub(super) async fn in_time<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, request).await.unwrap_or(Err(Error::RequestTimeoutError))
}

fn runs(container: &ContainerSummary) -> bool {
    container.state == Some(ContainerSummaryStateEnum::RUNNING)
}

/// Seconds since 1970.
pub(super) fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
