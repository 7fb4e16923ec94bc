//! One record through a broker with Kafka's real client, librdkafka: produced, read back, and nothing left behind.
//!
//! The topic is our own, created and deleted by us, so that no one's data and no one's groups are touched.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::read_back::await_record;
use super::under_way::{Ticket, UnderWay};
use crate::observation::{Depth, FailureKind, Phase, PhaseName};
use crate::probe::{Attempt, Fault, Options, Stop};
use crate::target::{Protocol, Target};
use crate::text;

/// The longest time that one question to the broker may take, so that a broker that does not answer leaves time to
/// say so.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// With less time than this, a round trip that ran out of time says nothing of the broker.
const ENOUGH: Duration = Duration::from_secs(10);

/// How long to wait between two looks at whether the topic is gone.
const PAUSE: Duration = Duration::from_millis(100);

/// What is said of a round trip that the end of the run cut short.
const INTERRUPTED: &str = "the run ended before the round trip";

/// Produces a record to a topic of our own, reads it back and deletes the topic.
///
/// A healthy broker takes less than a second for all of it; the caller should leave ten before the attempt's deadline.
/// With less, what is left is used: two thirds for the round trip, the rest for deleting the topic. The work goes on
/// to its end in a thread of its own, so that a caller that stops waiting leaves no topic behind either; [`super::finish`] waits for that.
///
/// Where the broker does not let us create a topic, or less than ten seconds were not enough, the observation is
/// `unlooked`. A topic that could not be deleted is named in its notes.
///
/// # Errors
/// [`Stop`] with a failure of the kind `RoundTrip`, in librdkafka's words.
pub async fn run(attempt: &mut Attempt, target: &Target) -> Result<(), Stop> {
    let Some(ticket) = UnderWay::here().enter() else {
        attempt.observation.unlooked = Some(INTERRUPTED.into());
        return Ok(());
    };
    let started = Instant::now();
    let left = attempt.deadline.saturating_duration_since(started);
    let work = RoundTrip {
        bootstrap: target.address(),
        topic: format!("crosscheck-{:016x}", random()),
        mark: format!("crosscheck {:016x}{:016x}", random(), random()),
        work_until: started + left * 2 / 3,
        delete_until: attempt.deadline,
        options: attempt.options,
        ticket,
    };
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || runtime.block_on(work.run())).await;
    let (result, late, note) =
        done.unwrap_or_else(|_| (Err(Trouble::Unlooked("the round trip ended unexpectedly".into())), false, None));
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    attempt.observation.phases.push(Phase { name: PhaseName::RoundTrip, micros, ok: result.is_ok() });
    attempt.observation.notes.extend(note);
    match result {
        Ok(()) => {
            attempt.reached(Depth::RoundTrip);
            Ok(())
        }
        Err(Trouble::Failed(words)) if late && left < ENOUGH => {
            attempt.observation.unlooked = Some(format!("the round trip had only {}: {words}", text::millis(left)));
            Ok(())
        }
        Err(Trouble::Failed(words)) => {
            Err(attempt.fail(PhaseName::RoundTrip, Fault::new(FailureKind::RoundTrip, words)))
        }
        Err(Trouble::Unlooked(why)) => {
            attempt.observation.unlooked = Some(why);
            Ok(())
        }
    }
}

/// Why there was no round trip.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// It was tried and failed, in these words.
    Failed(String),
    /// It could not be tried, for this reason.
    Unlooked(String),
}

/// One round trip.
#[derive(Debug)]
struct RoundTrip {
    bootstrap: String,
    topic: String,
    /// What the record holds, and nothing else does.
    mark: String,
    work_until: Instant,
    delete_until: Instant,
    options: Options,
    /// What the end of this process waits for.
    ticket: Ticket,
}

impl RoundTrip {
    /// The result, whether the time was over, and what the reader should know of what is left behind.
    async fn run(&self) -> (Result<(), Trouble>, bool, Option<String>) {
        let context = Quiet::default();
        let admin = match AdminClient::from_config_and_context(&self.config(), context) {
            Ok(admin) => admin,
            Err(error) => return (Err(Trouble::Unlooked(format!("no client could be made: {error}"))), false, None),
        };
        if self.ticket.until().is_some() {
            return (Err(Trouble::Unlooked(INTERRUPTED.into())), false, None);
        }
        let created = self.create(&admin).await;
        let result = match created {
            // Nothing was created for certain: nothing to delete.
            Err((trouble, false)) => return (Err(trouble), false, None),
            Err((trouble, true)) => Err(trouble),
            Ok(()) => tokio::select! {
                result = self.produce_and_read() => result,
                _ = self.ticket.told() => Err(Trouble::Unlooked(INTERRUPTED.into())),
            },
        };
        // librdkafka gives a record up a little before the time is over.
        let late = Instant::now() + ENOUGH / 10 >= self.work_until;
        let note = self
            .delete(&admin)
            .await
            .err()
            .map(|why| format!("the topic {}, made for the round trip, could not be deleted: {why}", self.topic));
        (result, late, note)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "crosscheck")
            .set("reconnect.backoff.max.ms", "500")
            // Nothing about our own client is sent to the cluster's operator.
            .set("enable.metrics.push", "false")
            .set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    fn options(until: Instant) -> AdminOptions {
        let left = Some(time_left(until));
        AdminOptions::new().request_timeout(left).operation_timeout(left)
    }

    /// Creates the topic; with an error comes whether it may exist nevertheless.
    ///
    /// Its settings are those that could keep one record on one broker from coming back as it was sent.
    async fn create(&self, admin: &AdminClient<Quiet>) -> Result<(), (Trouble, bool)> {
        let topic = NewTopic::new(&self.topic, 1, TopicReplication::Fixed(1))
            .set("min.insync.replicas", "1")
            .set("compression.type", "uncompressed");
        let options = Self::options(self.work_until);
        let failed = |words: String| Trouble::Failed(format!("creating a topic: {words}"));
        // A topic that is being created cannot be deleted yet, so the answer is waited for at the end too.
        let end = async {
            let until = self.ticket.told().await;
            sleep_until(Instant::now() + until.saturating_duration_since(Instant::now()) / 2).await;
        };
        let answer = tokio::select! {
            answer = timeout_at(self.work_until, admin.create_topics([&topic], &options)) => answer,
            () = end => return Err((Trouble::Unlooked(INTERRUPTED.into()), true)),
        };
        match answer {
            Err(_) => Err((failed("no answer in time".into()), true)),
            Ok(Err(error)) => Err((failed(words(&error)), true)),
            Ok(Ok(results)) => match results.into_iter().next() {
                Some(Ok(_)) => Ok(()),
                Some(Err((_, code))) if refuses(code) => {
                    let why = format!("a round trip needs a topic, and the broker does not let us create one: {code}");
                    Err((Trouble::Unlooked(why), false))
                }
                Some(Err((_, code))) => {
                    Err((failed(code.to_string()), matches!(code, RDKafkaErrorCode::RequestTimedOut)))
                }
                None => Err((failed("an empty answer".into()), true)),
            },
        }
    }

    /// The producer ends before this returns: as long as it knows the topic, its requests could create it again.
    async fn produce_and_read(&self) -> Result<(), Trouble> {
        let context = Quiet::default();
        let last_error = Arc::clone(&context.last_error);
        let failed = |what: &str, words: String| {
            let last = last_error.lock().unwrap_or_else(PoisonError::into_inner).take();
            let last = last.map(|reason| format!(" ({reason})")).unwrap_or_default();
            Trouble::Failed(format!("{what}: {words}{last}"))
        };
        let mut config = self.config();
        let left = time_left(self.work_until);
        // A little less than the time that is left, so that librdkafka says itself what kept the record.
        config.set("acks", "all").set("message.timeout.ms", (left.as_millis() * 9 / 10).max(1).to_string());
        let producer: FutureProducer<Quiet> = FutureProducer::from_config_and_context(&config, context)
            .map_err(|error| Trouble::Unlooked(format!("no producer could be made: {error}")))?;
        let record = FutureRecord::<(), _>::to(&self.topic).partition(0).payload(self.mark.as_bytes());
        match timeout_at(self.work_until, producer.send(record, left)).await {
            Err(_) => return Err(failed("producing a record", "not acknowledged in time".into())),
            Ok(Err((error, _))) => return Err(failed("producing a record", words(&error))),
            Ok(Ok(_)) => {}
        }
        let leader = self.leader(&producer).map_err(|words| failed("reading the record", words))?;
        drop(producer);
        let mut attempt = Attempt::new(self.work_until, self.options);
        let read = await_record(&mut attempt, &leader, &self.topic, self.mark.as_bytes()).await;
        read.map_err(|fault| failed("reading the record", fault.detail))
    }

    /// Where the partition's leader is, as the cluster advertises it.
    fn leader(&self, producer: &FutureProducer<Quiet>) -> Result<Target, String> {
        let found = producer.client().fetch_metadata(Some(&self.topic), time_left(self.work_until));
        let metadata = found.map_err(|error| words(&error))?;
        let leader = metadata.topics().iter().flat_map(MetadataTopic::partitions).map(MetadataPartition::leader).next();
        let broker = metadata.brokers().iter().find(|it| Some(it.id()) == leader);
        let broker = broker.ok_or("the partition has no leader")?;
        let port = u16::try_from(broker.port()).map_err(|_| "the leader has no port")?;
        Ok(Target::new(Protocol::Kafka, broker.host(), port))
    }

    /// Deletes the topic and waits until the cluster lists it no more.
    async fn delete(&self, admin: &AdminClient<Quiet>) -> Result<(), String> {
        let until = self.ticket.until().map_or(self.delete_until, |until| until.min(self.delete_until));
        let options = Self::options(until);
        let results = timeout_at(until, admin.delete_topics(&[&self.topic], &options)).await;
        match results.map_err(|_| "no answer in time")?.map_err(|error| words(&error))?.into_iter().next() {
            Some(Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition))) => {}
            Some(Err((_, code))) => return Err(code.to_string()),
            None => return Err("an empty answer".into()),
        }
        // All topics are asked for: asking for ours by name could create it again.
        loop {
            let found = admin.inner().fetch_metadata(None, time_left(until));
            match found {
                Ok(metadata) if metadata.topics().iter().all(|it| it.name() != self.topic) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(format!("it may be listed still: {}", words(&error))),
            }
            if Instant::now() + PAUSE >= until {
                return Err("it is listed still".into());
            }
            sleep_until(Instant::now() + PAUSE).await;
        }
    }
}

/// The errors that mean: not for us.
const fn refuses(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::PolicyViolation
    )
}

/// librdkafka's own words for an error, without those of its bindings.
fn words(error: &KafkaError) -> String {
    match error {
        KafkaError::AdminOp(code) => code.to_string(),
        _ => error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}

fn time_left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).clamp(Duration::from_millis(1), LONGEST_WAIT)
}

/// A number that no other run will choose: the seeds of std's hash maps are random.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Keeps librdkafka's logs from everyone's terminal, and remembers its last error for the report.
#[derive(Clone, Debug, Default)]
struct Quiet {
    last_error: Arc<Mutex<Option<String>>>,
}

impl ClientContext for Quiet {
    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, reason: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
    }
}
