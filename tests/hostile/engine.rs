//! A stack whose names, images, settings and last words mean no good: whoever can start a container writes them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crosscheck::derive::{environment, published};
use crosscheck::judge;
use crosscheck::observation::{Depth, Failure, FailureKind, Observation, PhaseName};
use crosscheck::plan::Readiness;
use crosscheck::plan::build::{Narrow, build};
use crosscheck::report;
use crosscheck::rule::{Facts, Seen, Verdict};
use crosscheck::stack::{Attachment, Container, Health, Network, PublishedPort, Stack, State, Status, Stranger};
use crosscheck::text::is_unprintable;

use super::look::{NASTY, ONE, PASSWORD, rendered};

/// Fifty kilobytes of what takes long to search, with a secret within.
fn long(start: &str) -> String {
    format!("{start}{}:{PASSWORD}@{NASTY}", "password={://".repeat(4000))
}

/// Values in which an address may stand, and many in which none does.
fn environment(service: &str) -> Vec<(String, String)> {
    let plain = [
        ("KAFKA_BOOTSTRAP_SERVERS", "broker:9092".to_owned()),
        ("BROKER_URL", format!("mysql://app:{PASSWORD}@broker:3306/{NASTY}")),
        ("JDBC_URL", format!("jdbc:mysql://broker:3306/shop?user=app&password={PASSWORD}&x={NASTY}")),
        ("REDIS_URL", format!("redis://:{PASSWORD}\u{1b}[2J@broker:6379")),
        ("HTTP_URL", format!("http://broker:8080/{NASTY}?token={PASSWORD}")),
        ("LOCAL_URL", "http://localhost:7/".to_owned()),
        ("OTHER_URL", format!("http://{NASTY}:80")),
        ("LONG_URL", long("http://")),
        ("LONG_HOST", long("broker:1,")),
        ("KAFKA_ADVERTISED_LISTENERS", format!("A://{NASTY}:1,B://localhost:9092,{}", long("C://"))),
    ];
    let mut all: Vec<_> =
        plain.into_iter().map(|(name, value)| (format!("{service}_{name}").to_uppercase(), value)).collect();
    // A variable's name can be anything but an equals sign.
    all.extend([(NASTY.replace('=', ""), "broker:9092".into()), (format!("{NASTY}_URL"), "http://broker:81".into())]);
    all.extend((0..80).map(|at| (format!("X{at}_URL"), format!("http://broker:{}", 10_000 + at))));
    all
}

fn container(service: &str, image: &str, status: Status) -> Container {
    let port = PublishedPort { container_port: 9092, host_port: Some(29092), host_address: [0, 0, 0, 0].into() };
    Container {
        id: format!("{service}{NASTY}"),
        name: format!("{service}{NASTY}"),
        service: service.into(),
        number: 1,
        image: image.into(),
        hostname: NASTY.into(),
        environment: environment("app"),
        command: vec![NASTY.into(), "--password".into(), PASSWORD.into(), long("--url=http://")],
        state: State { status, exit_code: 137, error: long(NASTY), started: NASTY.into(), ..State::default() },
        health: Some(Health { status: NASTY.into(), failing: 7, output: long(NASTY) }),
        restarts: 9,
        restart_policy: NASTY.into(),
        network_mode: format!("{NASTY}_default"),
        attachments: vec![Attachment {
            fixed: false,
            network: format!("{NASTY}_default"),
            names: [service.to_owned(), NASTY.to_owned()].into(),
            addresses: vec![[172, 30, 0, 2].into()],
            gateway: Some([172, 30, 0, 1].into()),
        }],
        ports: vec![port.clone()],
        wanted_ports: vec![port],
        extra_hosts: vec![format!("{NASTY}:127.0.0.1")],
        ..Container::default()
    }
}

fn stack(status: Status) -> Stack {
    let network =
        Network { name: format!("{NASTY}_default"), id: NASTY.into(), key: Some(NASTY.into()), ..Network::default() };
    let port = PublishedPort { container_port: 1, host_port: Some(29092), host_address: [0, 0, 0, 0].into() };
    let stranger = Stranger { container: NASTY.into(), project: Some(NASTY.into()), port };
    let mut stack = Stack {
        project: NASTY.into(),
        files: vec![NASTY.into()],
        containers: vec![
            container("app", NASTY, Status::Running),
            container("broker", &format!("apache/kafka:{NASTY}"), status),
            container(NASTY, "redis:7", status),
        ],
        networks: vec![network],
        strangers: vec![stranger],
        ..Stack::default()
    };
    (stack.engine.version, stack.engine.os) = (NASTY.into(), NASTY.into());
    stack
}

#[test]
fn whatever_the_engine_tells_the_report_is_safe_and_soon_there() {
    let _one = ONE.blocking_lock();
    let started = Instant::now();
    for status in [Status::Running, Status::Exited, Status::Restarting] {
        let stack = stack(status);
        let connections = [environment::derive(&stack), published::derive(&stack, &[], &BTreeSet::new())].concat();
        assert!(connections.len() > 80, "{}", connections.len());
        let checks = build(&stack, connections, &Narrow::default());
        let kinds =
            [FailureKind::Refused, FailureKind::NameNotFound, FailureKind::WrongProtocol, FailureKind::TimedOut];
        let seen = checks.into_iter().zip(kinds.into_iter().cycle()).map(|(check, kind)| {
            let failure = Failure { phase: PhaseName::Connect, kind, detail: "no".into() };
            let looked = Observation { failure: Some(failure), depth: Depth::Resolved, ..Observation::default() };
            let observation = (check.readiness == Readiness::Ready).then_some(looked);
            Seen { via: Some("host".into()), observation, ..Seen::of(check) }
        });
        let mut facts = Facts { checks: seen.collect(), stack, ..Facts::default() };
        judge::verdicts(&mut facts);
        assert!(facts.checks.iter().all(|seen| seen.verdict != Verdict::Pass));
        let mut report = report::build::frame("check", &facts.stack);
        report.checks = facts.checks.iter().map(report::build::result).collect();
        report.findings = judge::findings(&facts).iter().map(report::build::finding).collect();
        assert!(!report.findings.is_empty());
        report.not_evaluated = report::build::not_evaluated(&facts);
        report.summary = report::build::summary(&report);
        for output in rendered(&report) {
            let raw = output.chars().find(|&it| it != '\n' && is_unprintable(it));
            assert_eq!(raw, None, "{}", output.chars().take(3000).collect::<String>());
            assert!(!output.contains(PASSWORD), "{:?}", line_with(&output, PASSWORD));
            let longest = output.lines().map(str::len).max().unwrap_or_default();
            assert!(longest < 100_000, "a line of {longest} bytes");
        }
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}

/// The line that has this in it, for a failure that can be read.
fn line_with<'a>(output: &'a str, word: &str) -> Option<&'a str> {
    output.lines().find(|line| line.contains(word)).map(|line| &line[..line.len().min(2000)])
}
