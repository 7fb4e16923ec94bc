//! Tables: what a file of a technology says, and what only looks so.

use std::path::Path;

use wildmatch::WildMatch;

use super::{MountedFile, Naming, Source, derive};
use crate::catalog::{FileRule, catalog};
use crate::derive::testing::{container, pairs, stack};
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

/// `from -> target LINE`, where an address stands in a file.
pub(super) fn told(stack: &Stack, files: &[MountedFile]) -> Vec<String> {
    let connections = derive(stack, files, Path::new("/work"));
    let one = |connection: &crate::derive::Connection| {
        let line = connection.origin.location.as_ref().map_or(0, |at| at.line);
        format!("{} -> {} {line}", connection.from, connection.target)
    };
    connections.iter().map(one).collect()
}

#[test]
fn what_technologies_connect_to_stands_at_known_keys() {
    for (image, path, text, expected) in [
        // Grafana: what the browser asks is nobody's, and so is what is deleted.
        (
            "grafana/grafana",
            "/etc/grafana/provisioning/datasources/all.yaml",
            "deleteDatasources: [{url: 'http://loki:3100'}]\ndatasources:\n- {url: 'http://prometheus:9090'}\n\
             - {access: Browser, url: 'http://loki:3100'}\n- {access: proxy, url: 'loki:3100'}\n\
             - {url: 'http://localhost:9090'}\n- {url: 'https://prometheus.example.com'}\n\
             - {type: tempo, jsonData: {x: {url: 'http://api:80'}}}\n- {type: postgres, url: 'db:5432'}\n",
            &["prometheus:9090 3", "loki:3100 5", "localhost:9090 6", "db:5432 9"][..],
        ),
        (
            "grafana/grafana",
            "/etc/grafana/provisioning/datasources/x.yml",
            "apiVersion: 1\nproviders: [{url: 'http://api'}]\n",
            &[],
        ),
        // Loki and Tempo: S3 without TLS only where that is said, and rings are the server's own.
        (
            "grafana/loki:3",
            "/etc/loki/local-config.yaml",
            "common:\n  storage:\n    s3:\n      endpoint: minio:9000\n      insecure: true\n\
             \x20 ring: {instance_addr: 127.0.0.1}\nruler: {alertmanager_url: 'http://prometheus:9093'}\n",
            &["minio:9000 4", "prometheus:9093 7"],
        ),
        ("grafana/tempo", "/etc/tempo.yaml", "distributor: {receivers: {otlp: {endpoint: '0.0.0.0:4317'}}}", &[]),
        // Promtail: what it scrapes are labels.
        (
            "grafana/promtail:3",
            "/etc/promtail/config.yml",
            "clients: [{url: 'http://loki:3100/loki/api/v1/push'}]\nscrape_configs:\n\
             - static_configs: [{targets: [localhost, 'api:80']}]\n",
            &["loki:3100 1"],
        ),
        // The collector: what no pipeline names is never started; what listens is no client.
        (
            "otel/opentelemetry-collector-contrib",
            "/etc/otelcol/config.yaml",
            "receivers:\n  otlp: {protocols: {grpc: {endpoint: '0.0.0.0:4317'}}}\n  redis: {endpoint: 'redis:6379'}\n\
             \x20 prometheus: {config: {scrape_configs: [{static_configs: [{targets: ['api:80']}]}]}}\n\
             exporters:\n  otlphttp/loki: {endpoint: 'http://loki:3100/otlp'}\n\
             \x20 zipkin: {endpoint: 'http://web:9411'}\n  prometheus: {endpoint: 'web:8889'}\n\
             service:\n  pipelines:\n    metrics: {receivers: [otlp, redis, prometheus], exporters: [otlphttp/loki, prometheus]}\n",
            &["redis:6379 3", "loki:3100 6", "api:80 4"],
        ),
        // Beats: hosts in any form, ports and schemes that are not written, outputs that are switched off.
        (
            "docker.elastic.co/beats/filebeat:8.14.1",
            "/usr/share/filebeat/filebeat.yml",
            "output.elasticsearch:\n  hosts: [elasticsearch, 'https://elasticsearch:9200']\n\
             output.logstash: {enabled: false, hosts: ['web:5044']}\nsetup.kibana.host: web:5601\n\
             processors: [{add_docker_metadata: {host: 'unix:///var/run/docker.sock'}}]\n",
            &["elasticsearch:9200 2", "elasticsearch:9200 2", "web:5601 4"],
        ),
        ("docker.elastic.co/beats/filebeat:8", "/usr/share/filebeat/filebeat.yml", "output.logstash: {hosts: [", &[]),
        (
            "docker.elastic.co/kibana/kibana:8",
            "/usr/share/kibana/config/kibana.yml",
            "server.host: 0.0.0.0\nserver.publicBaseUrl: http://web:5601\nelasticsearch.hosts: ['http://elasticsearch:9200']\n",
            &["elasticsearch:9200 3"],
        ),
        // Telegraf: its own names and listeners, and what stands in a comment.
        (
            "telegraf:1.31",
            "/etc/telegraf/telegraf.conf",
            "[agent]\nhostname = \"redis\"\n[[outputs.influxdb_v2]]\nurls = [\"http://influxdb:8086\"]\n\
             [[inputs.mqtt_consumer]]\nservers = [\"tcp://mqtt:1883\"]\n[[inputs.redis]]\nservers = [\"tcp://:pw@redis:6379\"]\n\
             # urls = [\"http://api\"]\n[[inputs.statsd]]\nservice_address = \":8125\"\n\
             [[inputs.mysql]]\nservers = [\"u:p@tcp(mysql:3306)/?tls=false\"]\n",
            &["influxdb:8086 4", "mqtt:1883 6", "redis:6379 8", "mysql:3306 13"],
        ),
        (
            "timberio/vector:0.39",
            "/etc/vector/vector.toml",
            "[api]\naddress = \"web:8686\"\n[sinks.loki]\nendpoint = \"http://loki:3100\"\n[sinks.m]\naddress = \"web:9598\"\n\
             [transforms.x]\nsource = \"api:80\"\n",
            &["loki:3100 4"],
        ),
        (
            "prom/alertmanager",
            "/etc/alertmanager/alertmanager.yml",
            "receivers:\n- webhook_configs: [{url: 'http://api:8080/hook'}]\n- slack_configs: [{api_url: 'https://hooks.slack.com/x'}]\n",
            &["api:8080 2"],
        ),
        // Traefik's routes, in a file that is found by the name of another; its entry points listen.
        (
            "envoyproxy/envoy:v1.30-latest",
            "/etc/envoy/envoy.yaml",
            "admin: {address: {socket_address: {address: 0.0.0.0, port_value: 9901}}}\nstatic_resources:\n\
             \x20 listeners: [{address: {socket_address: {address: web, port_value: 8080}}}]\n\
             \x20 clusters:\n  - load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address:\n\
             \x20     {port_value: 50051, address: api}}}}]}]}\n",
            &["api:50051 6"],
        ),
        // Redis' sentinels name the master's set, its host and its port; a name of a set is none.
        (
            "redis:7",
            "/etc/sentinel.conf",
            "port 26379\nsentinel monitor web redis 6379 2\nsentinel auth-pass web secret\n# replicaof api 6379\n",
            &["redis:6379 2"],
        ),
        ("redis:7", "/usr/local/etc/redis/redis.conf", "bind 0.0.0.0\nreplicaof redis 6380\n", &["redis:6380 2"]),
        (
            "edoburu/pgbouncer",
            "/etc/pgbouncer/pgbouncer.ini",
            "[databases]\na = host=db port=5432 dbname=a\n;b = host=web port=1\n* = host=db port=5433\n[pgbouncer]\nlisten_addr = web\n",
            &["db:5432 2", "db:5433 4"],
        ),
        (
            "apache/kafka:4.1.0",
            "/mnt/shared/config/server.properties",
            "controller.quorum.voters=1@kafka:9093\nlisteners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://web:9092\n",
            &["kafka:9093 1"],
        ),
        (
            "hashicorp/consul:1.18",
            "/consul/config/agent.json",
            "{\"client_addr\": \"0.0.0.0\", \"retry_join\": [\"web\"],\n\"services\": [{\"address\": \"api\", \"check\": {\"http\": \"http://api:8080/health\"}}]}",
            &["web:8301 1", "api:8080 2"],
        ),
        (
            "fluent/fluent-bit:3.0",
            "/fluent-bit/etc/fluent-bit.conf",
            "[INPUT]\n  Name forward\n  Host web\n  Port 24224\n[OUTPUT]\n  Name loki\n  Host loki\n[OUTPUT]\n  Name es\n  Host elasticsearch\n  Port 9200\n",
            &["loki:3100 7", "elasticsearch:9200 10"],
        ),
        (
            "dpage/pgadmin4:8",
            "/pgadmin4/servers.json",
            "{\"Servers\": {\"1\": {\"Name\": \"web\", \"Host\": \"db\", \"Port\": 5433, \"Username\": \"api\"}}}",
            &["db:5433 1"],
        ),
        (
            "shop/gateway",
            "/app/ocelot.json",
            "{\"Routes\": [{\"DownstreamHostAndPorts\": [{\"Host\": \"api\", \"Port\": 8080}], \"Key\": \"web\"}],\n\"GlobalConfiguration\": {\"BaseUrl\": \"http://web\"}}",
            &["api:8080 1"],
        ),
        (
            "shop/rails",
            "/app/config/cable.yml",
            "development:\n  url: redis://redis:6379/1\nproduction:\n  url: redis://web:6379/1\n",
            &["redis:6379 2"],
        ),
        ("shop/rails", "/app/config/database.yml", "development: {adapter: sqlite3, database: db}\n", &[]),
    ] {
        let connections = derive(&shop(image, &[]), &[file(image, path, text)], Path::new("/work"));
        let place = |connection: &crate::derive::Connection| connection.origin.location.as_ref().unwrap().line;
        let found: Vec<_> =
            connections.iter().map(|found| format!("{} {}", found.target.address(), place(found))).collect();
        assert_eq!(found, expected, "{image} {path}");
    }
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
    assert_eq!((at.file.as_str(), at.line, at.column), ("telegraf/telegraf.conf", 2, 14));
    // The variable that gave the host says so, too.
    assert_eq!((origins[1].name.as_str(), origins[1].location.as_ref(), origins.len()), ("HOST", None, 2));
    file.source = Source::Container;
    let found = derive(&stack, &[file], Path::new("/"));
    assert_eq!(found[0].origin.name, "/etc/telegraf/telegraf.conf inputs.redis.0.servers.0");
    assert_eq!(found[0].origin.location, None);
}

mod applications;
