//! A day on which little works, a run that only `--strict` fails, names that mean harm, and a plan.

use super::{
    address, answered, broker, check, connected, ended, finding, location, phases, published, report, service, verdict,
};
use crate::observation::{
    Depth, Failure, FailureKind, HttpPeer, KafkaPeer, MysqlPeer, Observation, Peer, Phase, PhaseName, RedisPeer,
};
use crate::plan::OriginKind;
use crate::report::{CheckResult, NotEvaluated, OriginInfo, Report, ServiceInfo, Severity, Verdict};

const LONG: &str = "orders-primary.database.internal.example.com";

/// Everything at once: several causes, checks that could not be looked at, IPv6, replicas, silence.
pub fn bad() -> Report {
    let mut findings = vec![
        finding(
            "kafka-broker-unreachable",
            Severity::Error,
            "kafka-2",
            "1 of 3 brokers cannot be reached from app: kafka-2 drops connections to the address that it advertises, \
             so what the app sends to partitions led by that broker waits until it times out",
        ),
        finding("unknown-host-name", Severity::Error, "worker", "no service, alias or container is called redsi"),
        finding("credentials-refused", Severity::Error, "worker", "mysql refuses the credentials that worker has"),
        finding("connection-headroom", Severity::Warning, "mysql", "148 of 151 connections are in use"),
        finding("image-tag-moves", Severity::Note, "web", "the image has the tag latest"),
        finding("published-port-without-listener", Severity::Error, "legacy", "nothing listens behind port 8081"),
    ];
    findings[0].evidence = vec!["broker 2 advertises [fd00:1::22]:9092: no answer within 2 s".into()];
    findings[0].checks = vec!["app -> kafka-1:9092".into()];
    findings[0].help = "See what kafka-2 says: docker compose logs kafka-2".into();
    findings[1].checks = vec!["worker -> redsi:6379".into()];
    findings[1].help = "The nearest name is redis. Did you mean REDIS_HOST: redis?".into();
    findings[1].locations = vec![location("primary", "compose.override.yaml", 7, 19)];
    findings[2].checks = vec![format!("worker -> {LONG}:3306/orders")];
    findings[5].checks = vec!["host -> legacy:8081".into()];
    findings[5].silenced = true;
    let all_but_mysql = vec![NotEvaluated {
        rule: "listens-on-loopback-only".into(),
        reason: "the sockets of 2 containers could not be read: the engine is another machine".into(),
    }];
    let mut services: Vec<_> = ["app", "app#2", "kafka-1", "kafka-2", "kafka-3", "worker", "web", "mysql"]
        .into_iter()
        .map(|name| service(name, "shop/image:latest", "running"))
        .collect();
    services.push(service("migrate", "shop/image:latest", "exited"));
    services[7].health = Some("unhealthy".into());
    Report {
        files: vec!["compose.yaml".into(), "compose.override.yaml".into()],
        services,
        networks: vec!["shop_back".into(), "shop_front".into()],
        not_evaluated: all_but_mysql,
        micros: 4_120_000,
        ..report("shop", bad_checks(), findings, 1)
    }
}

fn bad_checks() -> Vec<CheckResult> {
    let mut app = check("app", "kafka://kafka-1:9092", ("KAFKA_BROKERS", "kafka-1:9092"), Some(three_brokers()));
    app.origins.push(OriginInfo { name: "KAFKA_BROKERS_FALLBACK".into(), ..app.origins[0].clone() });
    app.origins.push(OriginInfo { kind: OriginKind::Declared, name: "--expect".into(), ..app.origins[0].clone() });
    let mut second = check("app#2", "kafka://kafka-1:9092", ("KAFKA_BROKERS", "kafka-1:9092"), Some(three_brokers()));
    second.via = Some("sidecar".into());
    let name = ended(connected("::1"), PhaseName::Resolve, FailureKind::NameNotFound, "NXDOMAIN from 127.0.0.11");
    let login = PhaseName::Login;
    let mysql = Peer::Mysql(MysqlPeer { product: "MySQL".into(), version: "9.4.0".into(), ..MysqlPeer::default() });
    let refused = answered("fd00:1::7", Depth::Answered, &[(PhaseName::Handshake, 2_000)], mysql);
    let denied = "Access denied for user 'orders'@'172.20.0.9' (using password: YES)";
    let refused = ended(refused, login, FailureKind::AuthenticationFailed, denied);
    let busy = HttpPeer {
        status: 503,
        server: Some("nginx/1.27.2".into()),
        location: None,
        body: Some("<html><body>no upstream is alive</body></html>".into()),
        ..HttpPeer::default()
    };
    let busy = answered("172.20.0.8", Depth::Answered, &[], Peer::Http(busy));
    let busy = ended(busy, PhaseName::Request, FailureKind::HttpStatus, "HTTP 503");
    let mut two = connected("fd00:1::5");
    two.addresses.push(address("172.20.0.5"));
    let two = ended(two, PhaseName::Connect, FailureKind::TimedOut, "no answer from 172.20.0.5 within 1 s");
    let local = ended(connected("127.0.0.1"), PhaseName::Connect, FailureKind::Refused, "connection refused");
    let open =
        Observation { depth: Depth::Connected, peer: Some(Peer::Tcp { banner: None }), ..connected("fd00:1::9") };
    let reset = ended(connected("127.0.0.1"), PhaseName::Request, FailureKind::Reset, "connection reset by peer");
    let hidden = ended(connected("fd00::2"), PhaseName::Connect, FailureKind::Unreachable, "no route to host");
    let unknown =
        Observation { unlooked: Some("the probe's container could not be made".into()), ..Observation::default() };
    let postgres = check("web", "tcp://postgres:5432", ("--expect", ""), Some(hidden));
    let redis = Peer::Redis(RedisPeer { product: "Redis".into(), ..RedisPeer::default() });
    let redis = answered("fd00:1::3", Depth::Answered, &[(PhaseName::Handshake, 300)], redis);
    let foreign =
        check("web", "redis://[fd00:1::3]:6379", ("SESSION_STORE", "redis://***@[fd00:1::3]:6379"), Some(redis));
    vec![
        app,
        check("app", "tcp://[fd00:1::9]:4222", ("NATS_URL", "nats://[fd00:1::9]:4222"), Some(open)),
        check("app", "http://web:8080/", ("WEB_URL", "http://web:8080"), Some(busy)),
        second,
        check("worker", "redis://redsi:6379", ("REDIS_HOST", "redsi"), Some(name)),
        check("worker", &format!("mysql://{LONG}:3306/orders"), ("DATABASE_URL", ""), Some(refused)),
        check("worker", "tcp://queue:5672", ("AMQP_URL", "amqp://***@queue:5672"), Some(two)),
        check("worker", "http://localhost:9200/", ("ELASTIC_URL", "http://localhost:9200"), Some(local)),
        verdict(
            check("worker", "tcp://migrate:9000", ("MIGRATE_URL", ""), None),
            Verdict::Skipped,
            "migrate has finished with exit code 0",
        ),
        verdict(
            check("worker", "kafka://kafka-1:9092", ("KAFKA_BROKERS", ""), Some(unknown)),
            Verdict::Inconclusive,
            "the probe's container could not be made: the engine refused the image, and no other way to look from \
             inside worker is available to this user",
        ),
        CheckResult { expect: "closed".into(), verdict: Some(Verdict::Pass), ..postgres },
        CheckResult { expect: "closed".into(), verdict: Some(Verdict::Fail), ..foreign },
        CheckResult { silenced: true, ..published("tcp://127.0.0.1:8081", "legacy:8081", reset) },
    ]
}

/// A broker that names three, of which one is reached, one drops connections and one could not be looked at.
fn three_brokers() -> Observation {
    let brokers = vec![(1, "kafka-1".into(), 9092), (2, "fd00:1::22".into(), 9092), (3, "kafka-3".into(), 9092)];
    let peer = KafkaPeer { cluster_id: Some("Mk3OEYBSD34fcwNTJENDM2Qk".into()), brokers, ..KafkaPeer::default() };
    let silent = FailureKind::TimedOut;
    let lost = ended(connected("fd00:1::22"), PhaseName::Connect, silent, "no answer within 2 s");
    let late = Observation::unlooked("no time was left to look");
    Observation {
        redirects: vec![
            broker(1, "kafka-1", 9092, connected("172.20.0.21")),
            broker(2, "fd00:1::22", 9092, lost),
            broker(3, "kafka-3", 9092, late),
        ],
        notes: vec!["the broker does not permit DescribeConfigs: brokers were told apart by cluster only".into()],
        ..answered("172.20.0.21", Depth::Answered, &[(PhaseName::Request, 1_800)], Peer::Kafka(peer))
    }
}

/// Everything answers, and a warning fails the run all the same.
pub fn strict() -> Report {
    let mut warning = finding(
        "depends-on-without-health",
        Severity::Warning,
        "app",
        "app starts when mysql has started, not when it is ready",
    );
    warning.help = "Wait for its healthcheck: condition: service_healthy".into();
    let web = Peer::Http(HttpPeer { status: 200, server: Some("nginx".into()), ..HttpPeer::default() });
    let web = answered("127.0.0.1", Depth::Answered, &[(PhaseName::Request, 1_000)], web);
    report("shop", vec![published("http://127.0.0.1:8080/", "web:80", web)], vec![warning], 1)
}

/// Names, banners and values that try to break the terminal, the XML, the JSON or the layout.
pub fn hostile() -> Report {
    let nasty =
        "\u{1b}[2J\u{7}<script>alert(1)</script> ]]> \u{202e}gpj.exe\r\nline two\0 & \"quoted\" \u{9b}31m \u{ffff}";
    let long = "x".repeat(300);
    let banner = Peer::Tcp { banner: Some(nasty.into()) };
    let mut seen = answered("127.0.0.1", Depth::Answered, &[(PhaseName::Handshake, 300)], banner);
    seen.resolver = Some(nasty.into());
    seen.notes = vec![nasty.into()];
    let fault = ended(connected("127.0.0.1"), PhaseName::Connect, FailureKind::Refused, nasty);
    seen.redirects = vec![crate::observation::Redirect {
        name: nasty.into(),
        id: None,
        host: format!("{long}\u{1b}]0;title\u{7}"),
        port: 1,
        observation: fault,
    }];
    let mut first = check("web", "tcp://evil:1", (nasty, nasty), Some(seen));
    first.from = format!("web{nasty}");
    first.target = format!("tcp://{long}.example:1/{nasty}");
    first.id = format!("web -> {nasty}");
    first.origins[0].file = Some(nasty.into());
    let mut second = verdict(check("web", "tcp://evil:2", ("A", ""), None), Verdict::Inconclusive, nasty);
    second.via = Some(nasty.into());
    let broken = Observation {
        phases: phases(&[(PhaseName::Resolve, 1)]).into_iter().map(|phase| Phase { ok: false, ..phase }).collect(),
        failure: Some(Failure { phase: PhaseName::Tls, kind: FailureKind::TlsFailed, detail: nasty.into() }),
        peer: Some(Peer::Http(HttpPeer { status: 500, body: Some(nasty.into()), ..HttpPeer::default() })),
        ..Observation::default()
    };
    let third = check("web", "https://evil:3/", ("B", ""), Some(broken));
    let mut cause = finding(nasty, Severity::Error, nasty, nasty);
    cause.evidence = vec![nasty.into(), long];
    cause.help = format!("one\n    {nasty}\nthree");
    cause.checks = vec![first.id.clone()];
    cause.locations = vec![location(nasty, nasty, 1, 1)];
    let mut second_cause = finding("peer-not-running", Severity::Error, "evil", nasty);
    second_cause.fingerprint = format!("peer-not-running {nasty}");
    Report {
        files: vec![nasty.into()],
        services: vec![ServiceInfo {
            name: nasty.into(),
            image: nasty.into(),
            state: nasty.into(),
            health: Some(nasty.into()),
        }],
        networks: vec![nasty.into()],
        not_evaluated: vec![NotEvaluated { rule: nasty.into(), reason: nasty.into() }],
        ..report(nasty, vec![first, second, third], vec![cause, second_cause], 1)
    }
}

/// What `crosscheck plan` has to show: nothing was looked at yet.
pub fn planned() -> Report {
    let mut kafka = check("app", "kafka://kafka:9092", ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"), None);
    kafka.origins[0].file = Some("compose.yaml".into());
    kafka.origins[0].line = Some(13);
    kafka.origins[0].column = Some(39);
    kafka.origins.push(OriginInfo { name: "KAFKA_URL".into(), line: None, column: None, ..kafka.origins[0].clone() });
    kafka.origins.push(OriginInfo {
        kind: OriginKind::Declared,
        name: "--expect".into(),
        value: None,
        file: None,
        line: None,
        column: None,
    });
    let closed = check("web", "mysql://mysql:3306", ("--expect", ""), None);
    let migrate = check("app", "tcp://migrate:9000", ("MIGRATE_URL", "tcp://migrate:9000"), None);
    let udp = check("host", "tcp://127.0.0.1:5353", ("dns:53", ""), None);
    let checks = vec![
        kafka,
        verdict(migrate, Verdict::Skipped, "migrate has finished with exit code 0"),
        CheckResult { expect: "closed".into(), ..closed },
        verdict(udp, Verdict::Inconclusive, "the engine is another machine, and its address is not known"),
    ];
    Report { command: "plan".into(), ..report("shop", checks, Vec::new(), 0) }
}
