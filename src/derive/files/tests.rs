//! Tables: what a file of a technology says, and what only looks so.

use std::path::Path;

use wildmatch::WildMatch;

use super::{MountedFile, Naming, Source, derive};
use crate::catalog::{FileRule, catalog};
use crate::derive::testing::{self, container, pairs, stack};
use crate::stack::Stack;

/// A client `app` of an image, and the servers of a shop.
pub(super) fn shop(image: &str, variables: &[(&str, &str)]) -> Stack {
    let mut app = container("app", image);
    app.environment = pairs(variables);
    let servers = [
        ("db", "postgres:16"),
        ("mysql", "mysql:9"),
        ("redis", "redis:7"),
        ("kafka", "apache/kafka:4.1.0"),
        ("api", "shop/api"),
        ("web", "shop/web"),
        ("prometheus", "prom/prometheus"),
        ("blackbox", "prom/blackbox-exporter"),
        ("elasticsearch", "elasticsearch:8.13.0"),
        ("minio", "minio/minio"),
        ("loki", "grafana/loki"),
        ("influxdb", "influxdb:2"),
        ("mqtt", "eclipse-mosquitto:2"),
    ];
    stack([app].into_iter().chain(servers.map(|(service, image)| container(service, image))))
}

fn rule(image: &str, path: &str) -> &'static FileRule {
    let fits = |glob: &String| {
        let glob = if glob.starts_with('/') { glob.clone() } else { format!("*/{glob}") };
        WildMatch::new(&glob).matches(path)
    };
    let mut rules = catalog().files_of(image);
    rules.find(|rule| rule.paths.iter().any(fits)).unwrap_or_else(|| panic!("{image} has no rule for {path}"))
}

pub(super) fn file(image: &str, path: &str, text: &str) -> MountedFile {
    MountedFile {
        container: "app-id".into(),
        path: path.into(),
        text: text.into(),
        rule: rule(image, path),
        named_by: None,
        source: Source::Host(format!("/work{path}").into()),
    }
}

/// Holds the addresses in files, each with its line, to what is expected.
fn hold(cases: &[(&str, &str, &str, &[&str])]) {
    for (image, path, text, expected) in cases {
        let stack = shop(image, &[]);
        let found = derive(&stack, &[file(image, path, text)], Path::new("/work"));
        let connections: Vec<_> = testing::inside(&stack, found).collect();
        let place = |connection: &crate::derive::Connection| connection.origin.location.as_ref().unwrap().line;
        let found: Vec<_> =
            connections.iter().map(|found| format!("{} {}", found.target.address(), place(found))).collect();
        assert_eq!(&found[..], *expected, "{image} {path}");
    }
}

/// `from -> target LINE`, where an address stands in a file.
pub(super) fn told(stack: &Stack, files: &[MountedFile]) -> Vec<String> {
    let connections: Vec<_> = testing::inside(stack, derive(stack, files, Path::new("/work"))).collect();
    let one = |connection: &crate::derive::Connection| {
        let line = connection.origin.location.as_ref().map_or(0, |at| at.line);
        format!("{} -> {} {line}", connection.from, connection.target)
    };
    connections.iter().map(one).collect()
}

#[test]
fn prometheus_asks_its_targets_by_its_jobs() {
    let config = "scrape_configs:\n\
        - job_name: plain\n  static_configs: [{targets: ['api:8080', 'localhost:9090', 'web'], labels: {instance: 'db:5432'}}]\n\
        - scheme: https\n  static_configs: [{targets: ['api:8443']}]\n\
        - metrics_path: /probe\n  params: {module: [http_2xx]}\n  static_configs: [{targets: ['http://web:80/x', 'https://example.com']}]\n\
        \x20 relabel_configs:\n  - {source_labels: [__address__], target_label: __param_target}\n\
        \x20 - {target_label: __address__, replacement: 'blackbox:9115'}\n\
        - params: {module: [icmp]}\n  static_configs: [{targets: [api]}]\n\
        \x20 relabel_configs: [{target_label: __param_target}, {target_label: __address__, replacement: 'blackbox:9115'}]\n\
        - static_configs: [{targets: ['api:1']}]\n  relabel_configs: [{target_label: __address__, replacement: '$1:9100'}]\n\
        - dns_sd_configs: [{names: [api], type: A, port: 2112}, {names: [web]}]\n\
        - file_sd_configs: [{files: ['targets/*.json']}]\n\
        remote_write: [{url: 'http://influxdb:8086/api'}]\n\
        alerting: {alertmanagers: [{static_configs: [{targets: ['web:9093']}]}]}\n";
    let path = "/etc/prometheus/prometheus.yml";
    let main = file("prom/prometheus", path, config);
    let targets = MountedFile {
        path: "/etc/prometheus/targets/a.json".into(),
        text: "[{\"targets\": [\"redis:9121\"], \"labels\": {\"x\": \"db:5432\"}}]".into(),
        rule: &main.rule.also[0],
        named_by: Some(Naming { path: path.into(), key: "scrape_configs.6.file_sd_configs.0.files.0".into() }),
        ..main.clone()
    };
    let stack = shop("prom/prometheus", &[]);
    assert_eq!(
        told(&stack, &[main.clone(), targets.clone()]),
        [
            "app -> http://influxdb:8086/ping 19",
            "app -> http://api:8080 3",
            "app -> http://web:80 3",
            "app -> https://api:8443 5",
            "app -> http://blackbox:9115 11",
            "app -> http://blackbox:9115 14",
            "app -> http://api:2112 17",
            "app -> http://web:9093 20",
            "blackbox -> http://web:80 8",
            "app -> http://redis:9121 1",
        ]
    );
    let name = |found: &crate::derive::Connection| found.origin.name.clone();
    let names: Vec<_> = derive(&stack, std::slice::from_ref(&main), Path::new("")).iter().map(name).collect();
    assert!(
        names.contains(&"prometheus.yml scrape_configs.0.static_configs.0.targets.0 (job plain)".to_owned()),
        "{names:?}"
    );
    assert!(names.contains(&"prometheus.yml scrape_configs.1.static_configs.0.targets.0".to_owned()), "{names:?}");
    // What a job has probed, and not asked, stays so in the files that it names.
    let probing = config.replace("file_sd_configs", "params: {module: [tcp]}\n  relabel_configs: [{target_label: __param_target}, {target_label: __address__, replacement: 'blackbox:9115'}]\n  file_sd_configs");
    let found = told(&stack, &[file("prom/prometheus", path, &probing), targets]);
    assert!(
        found.contains(&"blackbox -> redis://redis:9121 1".to_owned())
            || found.contains(&"blackbox -> tcp://redis:9121 1".to_owned()),
        "{found:?}"
    );
    assert!(!found.iter().any(|line| line.starts_with("app -> http://redis:9121")), "{found:?}");
}

#[test]
fn origins_say_the_file_and_the_key_and_no_secret() {
    let image = "telegraf";
    let path = "/etc/telegraf/telegraf.conf";
    let mut file = file(image, path, "[[inputs.redis]]\n  servers = [\"tcp://:hunter2@${HOST}:6379\"]\n");
    let stack = shop(image, &[("HOST", "redis")]);
    let found = derive(&stack, std::slice::from_ref(&file), Path::new("/work/etc"));
    let origins: Vec<_> = found.iter().map(|connection| connection.origin.clone()).collect();
    assert_eq!(origins[0].name, "telegraf.conf inputs.redis.0.servers.0");
    assert_eq!(origins[0].value.as_deref(), Some("tcp://***@redis:6379"));
    let at = origins[0].location.as_ref().unwrap();
    assert_eq!((at.file.as_str(), at.line, at.column), ("telegraf/telegraf.conf", 2, 15));
    // The variable that gave the host says so, too.
    assert_eq!((origins[1].name.as_str(), origins[1].location.as_ref(), origins.len()), ("HOST", None, 2));
    file.source = Source::Container;
    let found = derive(&stack, &[file], Path::new("/"));
    assert_eq!(found[0].origin.name, "/etc/telegraf/telegraf.conf inputs.redis.0.servers.0");
    assert_eq!(found[0].origin.location, None);
}

#[test]
fn files_that_nobody_wrote_take_no_longer_than_others() {
    let targets = "'api:80',".repeat(60_000);
    let jobs = format!("scrape_configs: [{{static_configs: [{{targets: [{targets}]}}]}}]");
    let stack = shop("prom/prometheus", &[]);
    assert_eq!(told(&stack, &[file("prom/prometheus", "/etc/prometheus/prometheus.yml", &jobs)]).len(), 1024);
    let urls = format!("[[outputs.influxdb]]\nurls = [{}]\n", "'http://api',".repeat(60_000));
    assert_eq!(told(&shop("telegraf", &[]), &[file("telegraf", "/etc/telegraf/telegraf.conf", &urls)]).len(), 1024);
    let settings = (0..40_000).map(|n| format!("a{n}-url: 'http://api'")).collect::<Vec<_>>().join("\n");
    assert_eq!(told(&shop("shop/app", &[]), &[file("shop/app", "/app/application.yml", &settings)]).len(), 2048);
}

mod applications;
mod senders;
mod servers;
