//! `depends_on`, the weakest of all origins: whoever waits for a database most likely uses it.
//!
//! It counts only where nothing else is known between the two, where they share a network, and where the image says what the
//! server speaks: often it orders the start and no more.

use std::collections::BTreeSet;

use super::files::MountedFile;
use super::served::{listening, served, technology};
use super::{Connection, brokers, command, vantage};
use crate::catalog::{Format, Technology};
use crate::plan::{Origin, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target};

/// The connections that only `depends_on` tells; `known` are those that something better does, and `files` are mounted.
#[must_use]
pub fn derive(stack: &Stack, known: &[Connection], files: &[MountedFile]) -> Vec<Connection> {
    let pairs = known.iter().flat_map(|known| {
        let from = known.from.identity();
        known.leads_to(stack).into_iter().map(move |to| (from.clone(), to.to_owned()))
    });
    let pairs: BTreeSet<_> = pairs.collect();
    let clients = stack.containers.iter().filter(|client| !super::is_one_off(client));
    clients
        .flat_map(|client| {
            let waits = client.depends_on.iter().filter(|on| on.condition != "service_completed_successfully");
            let unknown = waits.filter(|on| !pairs.contains(&(client.service.clone(), on.service.clone())));
            unknown.filter_map(|on| connection(stack, client, &on.service, known, files)).collect::<Vec<_>>()
        })
        .collect()
}

fn connection(
    stack: &Stack,
    client: &Container,
    service: &str,
    known: &[Connection],
    files: &[MountedFile],
) -> Option<Connection> {
    let server = stack.of_service(service).next()?;
    let there = technology(server)?;
    let own = || known.iter().filter(|known| known.from.container() == Some(client.id.as_str()));
    // Who was told one server of the kind was told whom to ask.
    let is_job = || sets_up(client, there, files) && !own().any(|known| known.target.protocol == there.protocol());
    if !uses(client, there, || own().any(|known| known.origin.kind == OriginKind::File)) && !is_job() {
        return None;
    }
    let port = if there.protocol() == Protocol::Kafka {
        // Whoever names one broker is told of the others.
        if own().any(|known| known.target.protocol == Protocol::Kafka) {
            return None;
        }
        brokers::port(stack, server, there)?
    } else {
        listening(server, there)?
    };
    let shared = client.network_names().any(|network| server.network_names().any(|other| other == network));
    if !shared || stack.share_namespace(client, server) {
        return None;
    }
    let target = Target::new(served(server, port).protocol, service.to_owned(), port);
    let origin = Origin::new(OriginKind::DependsOn, "depends_on".into(), Some(service.to_owned()));
    Some(Connection::new(vantage(client), target, origin))
}

/// Words in the names of services that wait for others to be started in order, and ask them nothing.
const BYSTANDERS: &[&str] = &[
    "caddy",
    "envoy",
    "frontend",
    "grafana",
    "haproxy",
    "httpd",
    "nginx",
    "prometheus",
    "proxy",
    "traefik",
    "ui",
    "varnish",
];

fn is_bystander(client: &Container) -> bool {
    let image = client.image.rsplit('/').next().unwrap_or_default();
    let words =
        [image, client.service.as_str()].into_iter().flat_map(|name| name.split(|c: char| !c.is_ascii_alphanumeric()));
    words.map(str::to_ascii_lowercase).any(|word| BYSTANDERS.contains(&word.as_str()))
}

/// Whether who waits for a server of this technology surely uses it. `has_files` tells whether its files name anybody: they would
/// name this one, too.
fn uses(client: &Container, there: &Technology, has_files: impl Fn() -> bool) -> bool {
    let here = technology(client);
    if there.store {
        // A store uses nobody.
        return here.is_none_or(|here| !here.store);
    }
    match here {
        Some(here) => there.awaited_by.contains(&here.id) && !has_files(),
        None => !is_bystander(client) && there.awaited_by.iter().any(|anybody| anybody == "*"),
    }
}

/// Whether a container in the image of this technology's server is none, but runs its clients.
fn sets_up(client: &Container, there: &Technology, files: &[MountedFile]) -> bool {
    let scripts = files.iter().filter(|file| file.container == client.id && file.rule.format == Some(Format::Shell));
    let scripts: Vec<_> = scripts.map(|file| file.text.as_str()).collect();
    technology(client).is_some_and(|here| here.id == there.id) && command::runs_clients_of(client, there, &scripts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::environment;
    use crate::derive::testing::{container, pairs, stack};
    use crate::stack::Dependency;

    /// What follows for a client with these variables that waits for `db` of this image.
    fn of(image: &str, condition: &str, variables: &[(&str, &str)], network: &str) -> Vec<String> {
        let mut app = container("app", "orders:1");
        app.environment = pairs(variables);
        app.depends_on = vec![Dependency { service: "db".into(), condition: condition.into() }];
        let mut db = container("db", image);
        db.network_mode = network.into();
        let stack = stack([app, db]);
        let found = derive(&stack, &environment::derive(&stack), &[]);
        found.into_iter().map(|found| format!("{} -> {}", found.from, found.target)).collect()
    }

    #[test]
    fn whoever_waits_for_a_database_uses_it() {
        let expected = ["app -> postgres://db:5432"];
        assert_eq!(of("postgres:16", "service_started", &[], "shop_default"), expected);
        assert_eq!(of("postgres:16", "service_healthy", &[("X", "redis:6379")], "shop_default"), expected);
        for (image, condition, variables, network) in [
            ("postgres:16", "service_completed_successfully", &[][..], "shop_default"),
            ("postgres:16", "service_started", &[("DB_HOST", "db")], "shop_default"),
            ("postgres:16", "service_started", &[], "other"),
            ("redis:7", "service_completed_successfully", &[], "shop_default"),
            ("grafana/grafana:11", "service_started", &[], "shop_default"),
            ("shop-api", "service_started", &[], "shop_default"),
        ] {
            assert_eq!(of(image, condition, variables, network), Vec::<String>::new(), "{image} {condition} {network}");
        }
    }

    /// What follows for a client of this image that waits for a server of that one, with these variables.
    fn between(client: &str, server: &str, variables: &[(&str, &str)], command: &[&str]) -> Vec<String> {
        let mut app = container("app", client);
        app.depends_on = vec![Dependency { service: "there".into(), condition: "service_started".into() }];
        let mut there = container("there", server);
        there.environment = pairs(variables);
        there.command = command.iter().map(|&word| word.to_owned()).collect();
        let stack = stack([app, there]);
        derive(&stack, &[], &[]).into_iter().map(|found| found.target.to_string()).collect()
    }

    #[test]
    fn which_port_a_client_takes_must_be_sure() {
        let listeners = |value: &'static str| [("KAFKA_ADVERTISED_LISTENERS", value)];
        for (client, server, variables, command, expected) in [
            ("orders:1", "apache/kafka:4.1.0", &[][..], &[][..], Some("kafka://there:9092")),
            (
                "orders:1",
                "apache/kafka:4",
                &listeners("IN://there:29092,OUT://localhost:9092"),
                &[],
                Some("kafka://there:29092"),
            ),
            ("orders:1", "apache/kafka:4", &listeners("A://:19092"), &[], Some("kafka://there:19092")),
            ("logstash:8", "apache/kafka:4", &listeners("PLAINTEXT://there:9094"), &[], Some("kafka://there:9094")),
            (
                "orders:1",
                "bitnami/kafka:3",
                &[
                    ("KAFKA_CFG_LISTENERS", "PLAINTEXT://:9095,CONTROLLER://:9093"),
                    ("KAFKA_CFG_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
                ],
                &[],
                Some("kafka://there:9095"),
            ),
            (
                "orders:1",
                "redpandadata/redpanda",
                &[],
                &["redpanda", "start", "--advertise-kafka-addr=internal://there:9092,external://localhost:19092"],
                Some("kafka://there:9092"),
            ),
            ("orders:1", "postgres:17", &[], &["-p", "5433"], Some("postgres://there:5433")),
            ("orders:1", "minio/minio", &[], &[], Some("http://there:9000")),
            ("orders:1", "localstack/localstack", &[], &[], Some("http://there:4566")),
            ("orders:1", "temporalio/auto-setup", &[], &[], Some("grpc://there:7233")),
            ("grafana/grafana", "prom/prometheus", &[], &[], Some("http://there:9090")),
            ("grafana/grafana", "grafana/loki", &[], &[], Some("http://there:3100")),
            ("grafana/promtail", "grafana/loki", &[], &[], Some("http://there:3100")),
            (
                "orders:1",
                "wurstmeister/kafka",
                &[
                    ("KAFKA_ADVERTISED_LISTENERS", "OUTSIDE://:9094,INSIDE://:9092"),
                    ("KAFKA_INTER_BROKER_LISTENER_NAME", "INSIDE"),
                ],
                &[],
                Some("kafka://there:9092"),
            ),
            // Brokers may have a listener for themselves beside that of their clients.
            (
                "orders:1",
                "apache/kafka:4",
                &[
                    ("KAFKA_ADVERTISED_LISTENERS", "CLIENT://there:9092,INTERNAL://there:9093"),
                    ("KAFKA_INTER_BROKER_LISTENER_NAME", "INTERNAL"),
                ],
                &[],
                None,
            ),
            ("orders:1", "apache/kafka:4", &listeners("A://:9092,B://:29092"), &[], None),
            // Which of two listeners, or whether any, is for this network nobody knows.
            ("orders:1", "apache/kafka:4", &listeners("A://there:9092,B://there:29092"), &[], None),
            ("orders:1", "apache/kafka:4", &listeners("A://localhost:9092"), &[], None),
            // They wait to be started in order.
            ("orders:1", "grafana/loki", &[], &[], None),
            ("orders:1", "prom/prometheus", &[], &[], None),
            ("prom/prometheus", "apache/kafka:4", &[], &[], None),
            ("nginx", "minio/minio", &[], &[], None),
            ("acme/haproxy", "hashicorp/consul", &[], &[], None),
            ("grafana/promtail", "prom/prometheus", &[], &[], None),
            ("apache/kafka:4", "apache/kafka:4", &[], &[], None),
            ("zookeeper:3", "apache/kafka:4", &[], &[], None),
            ("orders:1", "confluentinc/cp-kafka-connect", &[], &[], None),
            ("orders:1", "clickhouse/clickhouse-server", &[], &[], None),
            ("orders:1", "keycloak/keycloak", &[], &[], None),
            ("orders:1", "acme/payments", &[], &[], None),
        ] {
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(between(client, server, variables, command), expected, "{client} {server} {variables:?}");
        }
    }

    #[test]
    fn a_job_in_the_image_of_its_server_is_a_client() {
        for (image, command, expected) in [
            ("postgres:17", &["sh", "-c", "until pg_isready; do sleep 1; done; psql -f /init.sql"][..], true),
            ("postgres:17", &["pg_dump", "-U", "shop", "shop"], true),
            ("redis:8", &["sh", "-c", "redis-cli -h $WHERE flushall"], true),
            ("mysql:9", &["bash", "-c", "while ! mysqladmin ping; do sleep 1; done"], true),
            ("apache/kafka:4.1.0", &["bash", "-c", "/opt/kafka/bin/kafka-topics.sh --create --topic orders"], true),
            // These are servers, or may be.
            ("postgres:17", &[], false),
            ("postgres:17", &["-c", "max_connections=500"], false),
            ("postgres:17", &["sh", "-c", "pg_basebackup -D /data; exec postgres"], false),
            ("postgres:17", &["sh", "-c", "psql -l; exec docker-entrypoint.sh postgres"], false),
            ("postgres:17", &["sh", "-c", "pg_ctl start && psql -l; wait"], false),
            ("postgres:17", &["sh", "-c", "psql -l; exec \"$@\""], false),
            ("postgres:17", &["sh", "-c", "sleep 5"], false),
            ("postgres:17", &["bash", "/somewhere.sh"], false),
            ("redis:8", &["sh", "-c", "redis-server --port 7000 & redis-cli ping; wait"], false),
            ("mongo:8", &["bash", "-c", "mongod --replSet rs0 & mongosh --eval 'rs.initiate()'; wait"], false),
            ("confluentinc/cp-kafka:8.0.0", &["bash", "-c", "/etc/confluent/docker/run & kafka-topics --list"], false),
        ] {
            let found = between(image, image, &[], &[]);
            assert!(found.is_empty(), "{image}");
            let mut app = container("app", image);
            app.command = command.iter().map(|&word| word.to_owned()).collect();
            app.depends_on = vec![Dependency { service: "there".into(), condition: "service_healthy".into() }];
            let stack = stack([app, container("there", image)]);
            assert_eq!(derive(&stack, &[], &[]).len(), usize::from(expected), "{image} {command:?}");
        }
    }
}
