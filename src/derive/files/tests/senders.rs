//! Tables: what collects, ships and shows metrics, logs and traces.

use super::{file, hold, shop, told};

#[test]
fn a_data_source_speaks_what_its_type_does() {
    let image = "grafana/grafana";
    for (source, expected) in [
        ("type: postgres, url: 'db:5432'", "app -> postgres://db:5432 1"),
        ("type: grafana-postgresql-datasource, url: db", "app -> postgres://db:5432 1"),
        ("type: mysql, url: 'mysql:3306'", "app -> mysql://mysql:3306 1"),
        ("type: mssql, url: 'api:1433'", "app -> tcp://api:1433 1"),
        ("type: influxdb, url: 'influxdb:8086'", "app -> http://influxdb:8086/ping 1"),
        ("type: elasticsearch, access: proxy, url: 'http://elasticsearch:9200'", "app -> http://elasticsearch:9200 1"),
        ("type: redis-datasource, url: 'redis://redis:6379'", "app -> redis://redis:6379 1"),
        ("url: 'prometheus:9090'", "app -> http://prometheus:9090/-/ready 1"),
    ] {
        let text = format!("datasources: [{{{source}}}]");
        let file = file(image, "/etc/grafana/provisioning/datasources/x.yaml", &text);
        assert_eq!(told(&shop(image, &[]), &[file]), [expected], "{source}");
    }
}

#[test]
fn grpc_is_what_the_collector_speaks_by_it_whatever_the_scheme_of_the_url() {
    let image = "otel/opentelemetry-collector-contrib";
    for (exporter, expected) in [
        ("otlp: {endpoint: 'http://api:4317'}", &["app -> grpc://api:4317 1"][..]),
        ("otlp: {endpoint: 'api:4317', tls: {insecure: true}}", &["app -> grpc://api:4317 1"]),
        ("otlphttp: {endpoint: 'http://api:4318'}", &["app -> http://api:4318 1"]),
        ("otlp: {endpoint: 'http://0.0.0.0:4317'}", &[]),
    ] {
        let name = exporter.split(':').next().unwrap();
        let text = format!("exporters: {{{exporter}}}\nservice: {{pipelines: {{traces: {{exporters: [{name}]}}}}}}\n");
        let file = file(image, "/etc/otelcol/config.yaml", &text);
        assert_eq!(told(&shop(image, &[]), &[file]), expected, "{exporter}");
    }
}

#[test]
fn of_a_file_that_several_programs_share_each_reads_its_own() {
    let text = "storage: {trace: {s3: {endpoint: 'minio:9000', insecure: true}}}\n\
        metrics_generator: {storage: {remote_write: [{url: 'http://prometheus:9090'}]}}\n\
        querier: {frontend_worker: {frontend_address: 'api:9095'}}\n";
    let (minio, prometheus, api) = ("app -> minio:9000 1", "app -> prometheus:9090 2", "app -> api:9095 3");
    for (command, top, expected) in [
        ("", "", &[minio, prometheus][..]),
        ("-target=all", "", &[minio, prometheus]),
        ("--target querier -config.file=/etc/tempo.yaml", "", &[minio, api]),
        ("-target=metrics-generator", "", &[prometheus]),
        ("-target=metrics-generator,querier", "", &[minio, prometheus, api]),
        ("-target=distributor", "", &[]),
        ("-config.file=/etc/tempo.yaml", "target: distributor\n", &[]),
        ("-target=compactor", "target: distributor\n", &[minio]),
        ("-targets=distributor", "", &[minio, prometheus]),
    ] {
        let mut stack = shop("grafana/tempo", &[]);
        stack.containers[0].command = command.split_whitespace().map(str::to_owned).collect();
        let file = file("grafana/tempo", "/etc/tempo.yaml", &format!("{text}{top}"));
        let connections =
            crate::derive::testing::inside(&stack, super::derive(&stack, &[file], std::path::Path::new("/work")));
        let line = |found: &crate::derive::Connection| found.origin.location.as_ref().map_or(0, |at| at.line);
        let found: Vec<_> =
            connections.map(|found| format!("{} -> {} {}", found.from, found.target.address(), line(&found))).collect();
        assert_eq!(found, expected, "{command} {top}");
    }
}

#[test]
fn whom_they_ask_and_whom_they_send_to_stands_at_known_keys() {
    hold(&[
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
            "server.host: 0.0.0.0\nserver.publicBaseUrl: http://web:5601\nelasticsearch.hosts: ['http://elasticsearch:9200']\n\
             elastic.apm: {active: true, serverUrl: 'http://api:8200'}\n",
            &["elasticsearch:9200 3", "api:8200 4"],
        ),
        (
            "docker.elastic.co/kibana/kibana:8",
            "/usr/share/kibana/config/kibana.yml",
            "elastic.apm: {active: false, serverUrl: 'http://api:8200'}\n",
            &[],
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
    ]);
}
