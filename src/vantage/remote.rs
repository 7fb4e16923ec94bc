//! The other end of a probe's stdin and stdout: many looks at once over one pair of streams.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::observation::{Fact, Observation, Sockets, Survey};
use crate::probe::Request;
use crate::probe::wire::{Line, Order, Reply, VERSION, read_line};
use crate::text;

/// How long a probe may take for an answer beyond the look's own time, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of what a probe says on stderr is kept, in bytes.
const LAST_WORDS: usize = 2048;

/// A probe that greeted.
#[derive(Debug)]
pub struct Remote {
    orders: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<Waiting>,
    next: AtomicU32,
}

/// A probe's three streams, from this side.
pub struct Streams {
    /// Its stdin; the probe ends when this is shut down.
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its stdout.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// Its stderr.
    pub errors: Box<dyn AsyncRead + Send + Unpin>,
}

/// Who waits for an answer of the probe.
#[derive(Debug, Default)]
struct Waiting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The greeting is waited for under id 0, which no order has.
    answers: BTreeMap<u32, oneshot::Sender<Result<Reply, String>>>,
    /// Why there will be no more answers.
    ended: Option<String>,
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole after each of the few statements that hold the lock, also after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place where the answer to this order will be, or why there will be none.
    fn expect(&self, id: u32) -> oneshot::Receiver<Result<Reply, String>> {
        let (answer, place) = oneshot::channel();
        let mut state = self.state();
        match &state.ended {
            Some(reason) => drop(answer.send(Err(reason.clone()))),
            None => drop(state.answers.insert(id, answer)),
        }
        place
    }

    fn forget(&self, id: u32) {
        self.state().answers.remove(&id);
    }

    fn answer(&self, reply: Reply) {
        let id = match reply {
            Reply::Hello { .. } => Some(0),
            Reply::Seen { id, .. } | Reply::Surveyed { id, .. } | Reply::Sockets { id, .. } => Some(id),
            Reply::Unknown { id } => id,
        };
        if let Some(waits) = id.and_then(|id| self.state().answers.remove(&id)) {
            let _ = waits.send(Ok(reply));
        }
    }

    fn end(&self, reason: String) {
        let mut state = self.state();
        for (_, waits) in std::mem::take(&mut state.answers) {
            let _ = waits.send(Err(reason.clone()));
        }
        state.ended = Some(reason);
    }
}

impl Remote {
    /// Greets a probe that was just started, and waits for its answer.
    ///
    /// # Errors
    /// Why it is of no use: its last words where it ended, its version where that is another.
    pub async fn greet(streams: Streams, patience: Duration) -> Result<Self, String> {
        let (orders, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let place = waiting.expect(0);
        tokio::spawn(write(streams.input, queue));
        tokio::spawn(read(streams.output, streams.errors, Arc::clone(&waiting)));
        let remote = Self { orders, waiting, next: AtomicU32::new(1) };
        remote.send(&Order::Hello { version: VERSION });
        match timeout(patience, place).await {
            Ok(Ok(Ok(Reply::Hello { version: VERSION }))) => Ok(remote),
            Ok(Ok(Ok(Reply::Hello { version }))) => Err(format!(
                "the probe speaks version {version} of the wire, and this crosscheck version {VERSION}: use the same crosscheck at both ends"
            )),
            Ok(Ok(Err(reason))) => Err(reason),
            Ok(_) => Err("the probe did not answer the greeting".into()),
            Err(_) => Err(format!("the probe did not answer the greeting within {}", text::millis(patience))),
        }
    }

    /// Has the probe look at a target.
    pub async fn look(&self, request: &Request) -> Observation {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let order = Order::Look { id, request: Box::new(request.into()) };
        match self.ask(id, &order, request.timeout.saturating_add(PATIENCE)).await {
            Ok(Reply::Seen { observation, .. }) => *observation,
            Ok(_) => Observation::unlooked("the probe does not know this kind of check"),
            Err(reason) => Observation::unlooked(reason),
        }
    }

    /// Has the probe say what its network namespace looks like.
    pub async fn survey(&self) -> Survey {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        match self.ask(id, &Order::Survey { id }, PATIENCE).await {
            Ok(Reply::Surveyed { survey, .. }) => survey,
            Ok(_) => Survey::not_looked("the probe does not know how to survey"),
            Err(reason) => Survey::not_looked(&reason),
        }
    }

    /// Has the probe say what listens in its network namespace, and what was opened from there.
    pub async fn sockets(&self) -> Fact<Sockets> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        match self.ask(id, &Order::Sockets { id }, PATIENCE).await {
            Ok(Reply::Sockets { sockets, .. }) => sockets,
            Ok(_) => Fact::NotLooked("the probe does not know how to list connections".into()),
            Err(reason) => Fact::NotLooked(reason),
        }
    }

    async fn ask(&self, id: u32, order: &Order, patience: Duration) -> Result<Reply, String> {
        let place = self.waiting.expect(id);
        // Also when the one who asks stops waiting, nothing stays behind.
        let _forget = Forget { waiting: &self.waiting, id };
        self.send(order);
        match timeout(patience, place).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("the probe gave no answer".into()),
            Err(_) => Err(format!("the probe gave no answer within {}", text::millis(patience))),
        }
    }

    fn send(&self, order: &Order) {
        // Orders are plain data, which always has a form in JSON; without its line the order is never answered, and
        // that is what its sender is told.
        if let Ok(mut line) = serde_json::to_vec(order) {
            line.push(b'\n');
            // A probe that takes no more orders has ended, and whoever waits is told so by the reader.
            let _ = self.orders.send(line);
        }
    }
}

/// Takes a place back.
struct Forget<'a> {
    waiting: &'a Waiting,
    id: u32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.waiting.forget(self.id);
    }
}

/// Writes orders until the session is over, then shuts the probe's stdin.
async fn write(mut input: Box<dyn AsyncWrite + Send + Unpin>, mut orders: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = orders.recv().await {
        if input.write_all(&line).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

/// Hands answers to those who wait for them until the probe ends, then tells the others why.
async fn read(
    output: Box<dyn AsyncRead + Send + Unpin>,
    errors: Box<dyn AsyncRead + Send + Unpin>,
    waiting: Arc<Waiting>,
) {
    let words = tokio::spawn(last_words(errors));
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let reason = loop {
        match read_line(&mut output, &mut line).await {
            Ok(Line::Whole) => match serde_json::from_slice(&line) {
                Ok(reply) => waiting.answer(reply),
                Err(_) => break "the probe said something that is no answer".to_owned(),
            },
            Ok(Line::TooLong) => break "the probe's answer was too long".to_owned(),
            Ok(Line::End) => break "the probe ended before it answered".to_owned(),
            Err(error) => break format!("the probe can no longer be heard: {}", text::io_error(&error)),
        }
    };
    // Its stderr ends with it; where that stays open, whoever waits is not kept waiting for it.
    let words = timeout(Duration::from_secs(1), words).await.ok().and_then(Result::ok).unwrap_or_default();
    waiting.end(if words.is_empty() { reason } else { words });
}

/// Reads a probe's stderr to its end, so that it never blocks, and gives the end of it.
pub async fn last_words(mut errors: Box<dyn AsyncRead + Send + Unpin>) -> String {
    let mut tail = Vec::new();
    let mut chunk = [0; LAST_WORDS];
    while let Ok(length @ 1..) = errors.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..length]);
        tail.drain(..tail.len().saturating_sub(LAST_WORDS));
    }
    text::line(&String::from_utf8_lossy(&tail), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{Protocol, Target};

    /// A remote whose probe is this test: what it reads, and where it answers.
    async fn remote() -> (Remote, BufReader<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (input, orders) = tokio::io::duplex(1 << 16);
        let (mut answers, output) = tokio::io::duplex(1 << 16);
        answers.write_all(b"{\"hello\":{\"version\":1}}\n").await.unwrap();
        let streams =
            Streams { input: Box::new(input), output: Box::new(output), errors: Box::new(tokio::io::empty()) };
        let remote = Remote::greet(streams, Duration::from_secs(5)).await.unwrap();
        let mut orders = BufReader::new(orders);
        assert_eq!(read_line(&mut orders, &mut Vec::new()).await.unwrap(), Line::Whole);
        (remote, orders, answers)
    }

    fn request(port: u16) -> Request {
        Request {
            target: Target::new(Protocol::Tcp, "127.0.0.1", port),
            timeout: Duration::from_secs(1),
            credentials: None,
            security: crate::plan::Security::default(),
            needed: crate::plan::Needed::default(),
            questions: Vec::new(),
            acquaintances: Vec::new(),
            options: crate::probe::Options::default(),
        }
    }

    async fn greeted(answer: &'static str, errors: &'static str) -> Result<Remote, String> {
        let streams = Streams {
            input: Box::new(tokio::io::sink()),
            output: Box::new(answer.as_bytes()),
            errors: Box::new(errors.as_bytes()),
        };
        Remote::greet(streams, Duration::from_millis(200)).await
    }

    #[tokio::test]
    async fn a_probe_that_is_of_no_use_is_refused_with_its_reason() {
        for (answer, errors, reason) in [
            (
                "{\"hello\":{\"version\":7}}\n",
                "",
                "the probe speaks version 7 of the wire, and this crosscheck version 1: use the same crosscheck at both ends",
            ),
            ("", "cannot enter\u{1b}[2J\n", "cannot enter\\u{1b}[2J"),
            ("", "", "the probe ended before it answered"),
            ("Segmentation fault\n", "", "the probe said something that is no answer"),
        ] {
            assert_eq!(greeted(answer, errors).await.err().as_deref(), Some(reason));
        }
    }

    #[tokio::test]
    async fn answers_find_those_who_asked_in_any_order() {
        let (remote, mut orders, mut answers) = remote().await;
        let probe = async {
            let mut line = Vec::new();
            for _ in 0..2 {
                read_line(&mut orders, &mut line).await.unwrap();
            }
            for (id, detail) in [(2, "second"), (1, "first")] {
                let observation = Box::new(Observation::unlooked(detail));
                let mut line = serde_json::to_vec(&Reply::Seen { id, observation }).unwrap();
                line.push(b'\n');
                answers.write_all(&line).await.unwrap();
            }
        };
        let (request_1, request_2) = (request(1), request(2));
        let (first, second, ()) = tokio::join!(remote.look(&request_1), remote.look(&request_2), probe);
        assert_eq!((first.unlooked.as_deref(), second.unlooked.as_deref()), (Some("first"), Some("second")));
    }

    #[tokio::test]
    async fn a_probe_that_dies_leaves_nobody_waiting() {
        let (remote, orders, answers) = remote().await;
        let pending = request(1);
        let dies = async {
            tokio::task::yield_now().await;
            drop((orders, answers));
        };
        let started = std::time::Instant::now();
        let (seen, ()) = tokio::join!(remote.look(&pending), dies);
        assert_eq!(seen.unlooked.as_deref(), Some("the probe ended before it answered"));
        let later = remote.look(&pending).await;
        assert_eq!(later.unlooked.as_deref(), Some("the probe ended before it answered"));
        assert_eq!(remote.survey().await, Survey::not_looked("the probe ended before it answered"));
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn an_order_that_the_probe_does_not_know_is_not_looked_at() {
        let (remote, _orders, mut answers) = remote().await;
        answers.write_all(b"{\"unknown\":{\"id\":1}}\n{\"unknown\":{\"id\":null}}\n").await.unwrap();
        // The answer may come before the question here: then it is nobody's, and must disturb nobody.
        tokio::task::yield_now().await;
        let asked = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            answers.write_all(b"{\"unknown\":{\"id\":1}}\n").await.unwrap();
        };
        let target = request(1);
        let (seen, ()) = tokio::join!(remote.look(&target), asked);
        assert_eq!(seen.unlooked.as_deref(), Some("the probe does not know this kind of check"));
    }

    #[tokio::test]
    async fn a_session_that_is_over_shuts_the_stdin_of_its_probe() {
        let (remote, mut orders, _answers) = remote().await;
        drop(remote);
        assert_eq!(read_line(&mut orders, &mut Vec::new()).await.unwrap(), Line::End);
    }
}
