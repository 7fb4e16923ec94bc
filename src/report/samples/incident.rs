//! The incident that crosscheck was made for: a broker that sends its clients to localhost; and its mend.

use super::{answered, broker, check, connected, ended, finding, location, published, report, service};
use crate::observation::{
    Depth, FailureKind, HttpPeer, KafkaPeer, MysqlPeer, Observation, Peer, PhaseName, Redirect, RedisPeer,
};
use crate::report::{CheckResult, Fix, OriginInfo, Report, Severity};

/// The app reaches the broker, is sent to localhost and finds nobody there; everything else works.
pub fn broken() -> Report {
    let itself = ended(connected("127.0.0.1"), PhaseName::Connect, FailureKind::Refused, "connection refused");
    let itself = Observation { resolver: Some("hosts file".into()), ..itself };
    let kafka = kafka("172.20.0.4", "localhost", 9092, itself);
    let mut to_kafka =
        check("app", "kafka://kafka:9092", ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"), Some(kafka));
    to_kafka.origins[0] = OriginInfo {
        file: Some("compose.yaml".into()),
        line: Some(13),
        column: Some(39),
        ..to_kafka.origins[0].clone()
    };
    let mut cause = finding(
        "kafka-advertises-loopback",
        Severity::Error,
        "kafka",
        "kafka sends its clients to localhost:9092, which in another container is that container itself",
    );
    cause.evidence = vec![
        "broker 1 answers app at kafka:9092 and advertises localhost:9092".into(),
        "from app, localhost:9092 is 127.0.0.1: connection refused".into(),
        "KAFKA_ADVERTISED_LISTENERS of kafka is PLAINTEXT://localhost:9092".into(),
    ];
    cause.checks = vec!["app -> kafka:9092".into()];
    cause.locations = vec![location("primary", "compose.yaml", 47, 35), location("client", "compose.yaml", 13, 39)];
    cause.help = "Give the broker a listener for the network beside the one for the host, and point clients in \
                  containers at the former:\n\
                  \x20 kafka:\n\
                  \x20   KAFKA_LISTENERS: INTERNAL://:29092,EXTERNAL://:9092,CONTROLLER://:9093\n\
                  \x20   KAFKA_ADVERTISED_LISTENERS: INTERNAL://kafka:29092,EXTERNAL://localhost:9092\n\
                  \x20   KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
                  \x20   KAFKA_INTER_BROKER_LISTENER_NAME: INTERNAL\n\
                  \x20 app:\n\
                  \x20   SPRING_KAFKA_BOOTSTRAP_SERVERS: kafka:29092"
        .into();
    cause.fix = Some(Fix { description: "two listeners for kafka, and app at kafka:29092".into() });
    incident("incident-broken", to_kafka, vec![cause], 1)
}

/// The same stack with one listener for the network and one for the host.
pub fn mended() -> Report {
    let there = connected("172.20.0.4");
    let kafka = kafka("172.20.0.4", "kafka", 29092, there);
    let to_kafka = check("app", "kafka://kafka:29092", ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "kafka:29092"), Some(kafka));
    incident("incident-fixed", to_kafka, Vec::new(), 0)
}

fn incident(project: &str, to_kafka: CheckResult, findings: Vec<crate::report::Finding>, exit_code: u8) -> Report {
    let own = Observation { resolver: Some("hosts file".into()), ..connected("127.0.0.1") };
    let checks = vec![
        check(
            "app",
            "mysql://mysql:3306/shop",
            ("SPRING_DATASOURCE_URL", "jdbc:mysql://mysql:3306/shop"),
            Some(mysql("172.20.0.2", Depth::LoggedIn)),
        ),
        check("app", "redis://redis:6379", ("SPRING_DATA_REDIS_HOST", "redis"), Some(redis("172.20.0.3"))),
        to_kafka,
        check("prometheus", "http://app:8080/", ("--expect", ""), Some(http("172.20.0.5", 404, None))),
        check(
            "grafana",
            "http://prometheus:9090/",
            ("PROMETHEUS_URL", "http://prometheus:9090"),
            Some(http("172.20.0.6", 302, None)),
        ),
        published("http://127.0.0.1:28080/", "app:8080", http("127.0.0.1", 404, None)),
        published("mysql://127.0.0.1:23306", "mysql:3306", mysql("127.0.0.1", Depth::Answered)),
        published("redis://127.0.0.1:26379", "redis:6379", redis("127.0.0.1")),
        published("kafka://127.0.0.1:9092", "kafka:9092", kafka("127.0.0.1", "localhost", 9092, own)),
        published("http://127.0.0.1:29090/", "prometheus:9090", http("127.0.0.1", 302, Some("/graph"))),
    ];
    Report {
        services: ["app", "grafana", "kafka", "mysql", "prometheus", "redis"]
            .into_iter()
            .map(|name| service(name, &format!("{name}:1"), "running"))
            .collect(),
        networks: vec![format!("{project}_default")],
        ..report(project, checks, findings, exit_code)
    }
}

fn kafka(ip: &str, host: &str, port: u16, there: Observation) -> Observation {
    let peer = KafkaPeer {
        cluster_id: Some("5L6g3nShT-eMCtK--X86sw".into()),
        brokers: vec![(1, host.into(), port)],
        release: Some("4.0 or later".into()),
        controller: false,
        identified: None,
        ..KafkaPeer::default()
    };
    let redirects: Vec<Redirect> = vec![broker(1, host, port, there)];
    let steps = [(PhaseName::Handshake, 900), (PhaseName::Request, 1_400)];
    Observation { redirects, ..answered(ip, Depth::Answered, &steps, Peer::Kafka(peer)) }
}

fn mysql(ip: &str, depth: Depth) -> Observation {
    let login = depth == Depth::LoggedIn;
    let peer = MysqlPeer {
        product: "MySQL".into(),
        version: "9.4.0".into(),
        plugin: Some("caching_sha2_password".into()),
        tls: Some(true),
        connections: login.then_some((151, 12)),
    };
    let steps = [(PhaseName::Handshake, 1_900), (PhaseName::Login, 3_700)];
    answered(ip, depth, &steps[..if login { 2 } else { 1 }], Peer::Mysql(peer))
}

fn redis(ip: &str) -> Observation {
    let peer = RedisPeer { product: "Redis".into(), version: Some("7.2.4".into()), ..RedisPeer::default() };
    answered(ip, Depth::Answered, &[(PhaseName::Handshake, 210)], Peer::Redis(peer))
}

fn http(ip: &str, status: u16, location: Option<&str>) -> Observation {
    let peer = HttpPeer { status, location: location.map(Into::into), ..HttpPeer::default() };
    answered(ip, Depth::Answered, &[(PhaseName::Request, 8_200)], Peer::Http(peer))
}
