//! The Kafka probe against a real broker, which the test starts and removes. Only where `CROSSCHECK_LIVE=1` says so.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crosscheck::observation::{Depth, Observation, Peer};
use crosscheck::plan::{Needed, Security};
use crosscheck::probe::{Options, Request, look};
use crosscheck::target::{Protocol, Target};

/// A broker that advertises itself under `localhost` and a port of the host.
struct Broker {
    name: String,
    port: u16,
}

impl Broker {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let broker = Self { name: format!("crosscheck-test-kafka-{}", std::process::id()), port };
        let registry = std::env::var("FIXTURE_REGISTRY").unwrap_or_else(|_| "crosscheck.test".into());
        let mut command = Command::new("docker");
        command.args(["run", "-d", "--name", &broker.name, "--label", "dev.crosscheck.test"]);
        command.args(["-p", &format!("127.0.0.1:{port}:9092")]);
        for setting in [
            "KAFKA_NODE_ID=7",
            "KAFKA_PROCESS_ROLES=broker,controller",
            "KAFKA_CONTROLLER_QUORUM_VOTERS=7@localhost:9093",
            "KAFKA_CONTROLLER_LISTENER_NAMES=CONTROLLER",
            "KAFKA_LISTENERS=PLAINTEXT://:9092,CONTROLLER://:9093",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_LOG_DIRS=/tmp/kafka-logs",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR=1",
            // Both would keep a careless round trip from coming back.
            "KAFKA_MIN_INSYNC_REPLICAS=2",
            "KAFKA_COMPRESSION_TYPE=gzip",
        ] {
            command.args(["-e", setting]);
        }
        command.args(["-e", &format!("KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://localhost:{port}")]);
        let started = command.arg(format!("{registry}/apache/kafka:4.1.0")).output().expect("docker runs");
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        broker
    }

    async fn look(&self, options: Options) -> Observation {
        let target = Target::new(Protocol::Kafka, "localhost", self.port);
        look(&Request {
            target,
            timeout: Duration::from_secs(15),
            credentials: None,
            security: Security::default(),
            needed: Needed { topics: vec!["orders".into()], group: Some("billing".into()) },
            questions: Vec::new(),
            acquaintances: Vec::new(),
            options,
        })
        .await
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-fv", &self.name]).output();
    }
}

#[tokio::test]
async fn a_real_broker_is_identified_and_gives_a_record_back() {
    if std::env::var("CROSSCHECK_LIVE").as_deref() != Ok("1") {
        println!("skipped: it starts a container; set CROSSCHECK_LIVE=1");
        return;
    }
    let options = Options { system_resolver: true, ..Options::default() };
    let broker = Broker::start();
    let started = Instant::now();
    let seen = loop {
        let seen = broker.look(options).await;
        if seen.failure.is_none() {
            break seen;
        }
        assert!(started.elapsed() < Duration::from_secs(90), "{seen:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    let Some(Peer::Kafka(peer)) = &seen.peer else { panic!("{seen:?}") };
    assert_eq!(peer.release.as_deref(), Some("4.1"));
    assert_eq!(peer.brokers, [(7, "localhost".into(), broker.port)]);
    let Some(Peer::Kafka(redirect)) = &seen.redirects[0].observation.peer else { panic!("{seen:?}") };
    assert_eq!(redirect.identified, Some(true));
    // What a client needs is asked for, and asking makes nothing: see below.
    assert_eq!(redirect.topics, [("__consumer_offsets".into(), false), ("orders".into(), false)].into());
    assert_eq!(redirect.settings.get("offsets.topic.replication.factor").map(String::as_str), Some("1"));
    assert_eq!(redirect.settings.get("auto.create.topics.enable").map(String::as_str), Some("true"));
    assert_eq!(peer.coordinator, None);

    let seen = broker.look(Options { round_trip: true, ..options }).await;
    assert_eq!((seen.depth, seen.failure, seen.unlooked, seen.notes), (Depth::RoundTrip, None, None, Vec::new()));

    // Neither is our topic left, nor one of the broker's own that our looking would have made. A deleted partition's
    // folder stays for a minute under another name.
    let folders = Command::new("docker").args(["exec", &broker.name, "ls", "/tmp/kafka-logs"]).output().unwrap();
    let folders = String::from_utf8(folders.stdout).unwrap();
    let partitions: Vec<_> =
        folders.lines().filter(|it| it.ends_with(|last: char| last.is_ascii_digit()) && it.contains('-')).collect();
    assert_eq!(partitions, ["__cluster_metadata-0"], "{folders}");
}
