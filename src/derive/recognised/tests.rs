use super::names::is_of_a_tool;
use super::*;
use crate::derive::testing::{container, pairs, port};
use crate::stack::Mount;

/// A container, and what of it is said beside its image.
#[derive(Default)]
struct Looks<'a> {
    command: &'a [&'a str],
    variables: &'a [(&'a str, &'a str)],
    data: Option<&'a str>,
    port: Option<u16>,
    healthcheck: &'a [&'a str],
}

fn of(service: &str, image: &str, looks: &Looks) -> Option<&'static str> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut server = container(service, image);
    server.command = words(looks.command);
    server.environment = pairs(looks.variables);
    server.healthcheck = words(looks.healthcheck);
    server.wanted_ports = looks.port.map(|number| port(number, number, "0.0.0.0")).into_iter().collect();
    let mount =
        |destination: &str| Mount { kind: "volume".into(), source: "data".into(), destination: destination.into() };
    server.mounts = looks.data.map(mount).into_iter().collect();
    technology(&server).map(|known| known.id.as_str())
}

#[test]
fn images_are_known_by_what_they_are_called() {
    for (image, expected) in [
        ("ghcr.io/acme/postgres:16-vector", Some("postgres")),
        ("registry.acme.example:5000/platform/postgres:15", Some("postgres")),
        ("acme/postgis:17-3.5", Some("postgres")),
        ("ghcr.io/acme/vchord-postgres:pg16", Some("postgres")),
        ("acme/cloudnative-vectorchord:18", Some("postgres")),
        ("acme/pgvecto-rs:pg16-v0.3", Some("postgres")),
        ("acme/postgres-pgvector", Some("postgres")),
        ("acme/example-postgres:3.0", Some("postgres")),
        ("acme/postgresql-16", Some("postgres")),
        ("my-mysql:dev", Some("mysql")),
        ("acme/mysql8-server", Some("mysql")),
        ("acme/alpine-mariadb", Some("mariadb")),
        ("acme/valkey:8", Some("redis")),
        ("quay.io/acme/kafka:4.1.0", Some("kafka")),
        ("acme/rabbitmq-management", Some("rabbitmq")),
        ("acme/mongodb", Some("mongodb")),
        // What has a server's name and is none.
        ("acme/postgres-exporter", None),
        ("acme/postgres_exporter:1", None),
        ("acme/postgres-backup-s3", None),
        ("acme/pgadmin4", None),
        ("acme/redis-commander", None),
        ("acme/redisinsight", None),
        ("acme/redis-cluster", None),
        ("acme/mysql-backup", None),
        ("acme/mysql-client:8", None),
        ("acme/phpmyadmin", None),
        ("acme/kafka-ui", None),
        ("acme/kafka-connect:3", None),
        ("acme/kafka-streams-app", None),
        ("acme/kafka-lag-exporter", None),
        ("acme/mongo-express", None),
        ("acme/mongo-seed", None),
        ("acme/rabbitmq-consumer", None),
        ("acme/elasticsearch-head", None),
        ("acme/nats-box", None),
        ("acme/clickhouse-keeper", None),
        ("acme/wait-for-postgres", None),
        // Whom an application uses may stand in its name.
        ("acme/flask-mysql", None),
        ("acme/spring-boot-postgres", None),
        ("acme/postgrest", None),
        ("acme/orders", None),
    ] {
        assert_eq!(of("thing", image, &Looks::default()), expected, "{image}");
    }
}

#[test]
fn two_things_of_a_server_are_enough() {
    let postgres = [("POSTGRES_USER", "shop"), ("POSTGRES_PASSWORD", "p")];
    let mysql = [("MYSQL_ROOT_PASSWORD", "p")];
    let both = [("POSTGRES_PASSWORD", "p"), ("MONGO_INITDB_ROOT_USERNAME", "root")];
    let broker = [("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"), ("KAFKA_BROKER_ID", "1")];
    let none = Looks::default;
    let variables = |variables| Looks { variables, ..none() };
    let data = |path| Looks { data: Some(path), ..none() };
    let at = |port| Looks { port: Some(port), ..none() };
    let command = |command| Looks { command, ..none() };
    for (service, image, looks, expected) in [
        ("db", "shop-db", variables(&postgres[..]), Some("postgres")),
        ("orders_db1", "acme/orders-data", variables(&postgres), Some("postgres")),
        ("db", "shop-db", Looks { port: Some(5432), ..none() }, Some("postgres")),
        ("database", "shop-database", variables(&mysql), Some("mysql")),
        ("db", "shop-db", data("/var/lib/postgresql/data"), Some("postgres")),
        ("db", "shop-db", data("/var/lib/mysql"), Some("mariadb")),
        ("store", "shop-store", Looks { variables: &mysql, data: Some("/var/lib/mysql"), ..none() }, Some("mysql")),
        ("mariadb", "shop-mariadb", variables(&mysql), Some("mariadb")),
        ("orders-mysql", "acme/orders-schema-8", variables(&mysql), None),
        ("orders-mysql", "acme/orders-data-8", variables(&mysql), Some("mysql")),
        ("redis", "shop-redis", at(6379), Some("redis")),
        ("redis", "shop-redis", none(), Some("redis")),
        ("redis", "shop_redis:latest", none(), Some("redis")),
        ("elasticsearch", "elk-elasticsearch", data("/usr/share/elasticsearch/data"), Some("elasticsearch")),
        ("broker1", "acme/events", Looks { variables: &broker, port: Some(9092), ..none() }, Some("kafka")),
        ("kafka", "acme/events", variables(&broker), Some("kafka")),
        // One thing alone may be anything.
        ("db", "shop-db", none(), None),
        ("app", "shop-app", variables(&postgres), None),
        ("app", "shop-app", at(5432), None),
        ("app", "acme/flask-mysql", variables(&mysql), None),
        ("tunnel", "shop-tunnel", at(3306), None),
        ("redis", "acme/sessions", none(), None),
        ("mysql", "acme/rs-mysql-db:2", none(), Some("mysql")),
        ("orders", "acme/rs-mysql-db:2", none(), None),
        ("mysql", "acme/rs-mysql-exporter", none(), None),
        // Variables of more than one server come out of a shared file.
        ("db", "shop-db", variables(&both), None),
        // It serves something else, or starts something else.
        ("redis", "shop-redis", at(8080), None),
        ("kafka", "shop-kafka", command(&["python", "consume.py"]), None),
        ("db", "shop-db", Looks { variables: &postgres, port: Some(8080), ..none() }, None),
        ("db", "alpine:3", Looks { variables: &mysql, data: Some("/var/lib/mysql"), ..none() }, None),
        // An application that has the settings of its database, and says so.
        (
            "app",
            "shop-app",
            Looks { variables: &postgres, command: &["run", "--port", "8000"], port: Some(8000), ..none() },
            None,
        ),
        ("app", "shop-app", Looks { variables: &postgres, port: Some(5432), ..none() }, Some("postgres")),
        ("db", "shop-db", variables(&[postgres[1], ("DATABASE_URL", "postgresql://u:p@pg:5432/x")]), None),
        ("db", "shop-db", variables(&[postgres[1], ("DATABASE_URL", "postgresql://u:p@db:5432/x")]), Some("postgres")),
        ("db", "shop-db", variables(&[mysql[0], ("DB_HOST", "mysql")]), None),
        // Tools with all that their server has.
        ("db-backup", "shop-db-backup", Looks { variables: &mysql, data: Some("/var/lib/mysql"), ..none() }, None),
        ("db-migrate", "shop-db-migrate", variables(&postgres), None),
        ("postgres-exporter", "shop-postgres-exporter", variables(&postgres), None),
        ("mongo-init", "shop-mongo-init", variables(&both[1..]), None),
        ("kafka-ui", "shop-kafka-ui", variables(&broker), None),
        ("copy", "acme/backup", Looks { variables: &mysql, data: Some("/var/lib/mysql"), ..none() }, None),
    ] {
        assert_eq!(of(service, image, &looks), expected, "{service} {image}");
    }
}

#[test]
fn a_command_says_which_server_it_starts() {
    for (image, command, expected) in [
        ("shop-x", &["redis-server", "--appendonly", "yes"][..], Some("redis")),
        ("shop-x", &["docker-entrypoint.sh", "postgres", "-c", "max_connections=200"], Some("postgres")),
        ("shop-x", &["sh", "-c", "chown -R mysql /var/lib/mysql && exec gosu mysql mysqld"], Some("mariadb")),
        ("mysql:9", &["mysqld", "--local-infile"], Some("mysql")),
        (
            "apache/kafka:3.7",
            &["sh", "-c", "bin/zookeeper-server-start.sh config/zookeeper.properties"],
            Some("zookeeper"),
        ),
        ("acme/kafka:3.7", &["bin/kafka-server-start.sh", "config/server.properties"], Some("kafka")),
        ("acme/kafka:3.7", &["bin/connect-distributed.sh", "config/connect.properties"], Some("kafka-connect")),
        ("redis:7", &["redis-sentinel", "/etc/sentinel.conf"], Some("redis-sentinel")),
        // The word is a user, a host or an argument.
        ("shop-x", &["gosu", "postgres", "pg_dump", "-h", "db"], None),
        ("shop-x", &["sudo", "-u", "postgres", "psql"], None),
        ("shop-x", &["./wait-for.sh", "postgres", "--", "npm", "start"], None),
        ("shop-x", &["psql", "-U", "postgres"], None),
        ("shop-x", &["sh", "-c", "until pg_isready -h db -U postgres; do sleep 1; done; ./app"], None),
        ("shop-x", &["celery", "--broker", "redis-server:6379"], None),
    ] {
        assert_eq!(of("thing", image, &Looks { command, ..Looks::default() }), expected, "{image} {command:?}");
    }
}

#[test]
fn a_healthcheck_that_asks_here_says_who_is_here() {
    for (healthcheck, variables, expected) in [
        (&["CMD-SHELL", "pg_isready -U shop -d shop"][..], &[][..], Some("postgres")),
        (&["CMD", "pg_isready", "-h", "localhost"], &[], Some("postgres")),
        (&["CMD", "pg_isready", "-h", "thing"], &[], Some("postgres")),
        (&["CMD", "mysqladmin", "ping", "-h", "127.0.0.1", "-proot"], &[], Some("mysql")),
        (&["CMD", "redis-cli", "--raw", "incr", "ping"], &[], Some("redis")),
        (&["CMD-SHELL", "redis-cli ping | grep PONG"], &[], Some("redis")),
        (&["CMD-SHELL", "mongosh --quiet --eval 'db.adminCommand(\"ping\")'"], &[], Some("mongodb")),
        (&["CMD", "rabbitmq-diagnostics", "-q", "ping"], &[], Some("rabbitmq")),
        // It asks another, or somebody who is not known.
        (&["CMD-SHELL", "pg_isready -h db -U shop"], &[], None),
        (&["CMD", "pg_isready"], &[("PGHOST", "db")], None),
        (&["CMD-SHELL", "redis-cli -h redis ping"], &[], None),
        (&["CMD-SHELL", "redis-cli -u $CACHE_URL ping"], &[], None),
        (&["CMD-SHELL", "mongosh $MONGO_URL --eval 1"], &[], None),
        (&["CMD-SHELL", "mysqladmin ping -h$DB_HOST"], &[], None),
        (&["CMD-SHELL", "curl -f http://localhost:8080/health"], &[], None),
        (&["NONE"], &[], None),
    ] {
        let looks = Looks { variables, healthcheck, ..Looks::default() };
        assert_eq!(of("thing", "shop-thing", &looks), expected, "{healthcheck:?}");
    }
}

#[test]
fn words_of_tools_are_known_wherever_they_stand() {
    for (name, expected) in [
        ("backup-mysql", true),
        ("kafka-topics-ui", true),
        ("mongo_seed2", true),
        ("orders-postgres", false),
        ("rabbitmq-primary", false),
    ] {
        assert_eq!(is_of_a_tool(name), expected, "{name}");
    }
}
