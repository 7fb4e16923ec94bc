//! Tables: what a variable makes of a stack, and above all what it does not.

use secrecy::ExposeSecret;

use super::*;
use crate::derive::testing::{self, container, pairs, port, stack};
use crate::target::Protocol;

/// A stack of many servers, and a container `app` of an image that nobody knows with these variables.
pub(super) fn shop(variables: &[(&str, &str)]) -> Stack {
    let mut app = container("app", "orders:1");
    app.exposed = vec![8080];
    let mut api = container("api", "shop-api");
    api.exposed = vec![4000];
    let mut web = container("web", "nginx:1.27");
    web.ports = vec![port(80, 3000, "0.0.0.0")];
    let mut mysql = container("mysql", "mysql:9");
    mysql.exposed = vec![3306];
    let mut kafka = container("kafka", "apache/kafka:4.1.0");
    kafka.ports = vec![port(9092, 9092, "127.0.0.1")];
    let servers = [
        ("redis", "redis:7"),
        ("postgres", "postgres:17"),
        ("influxdb", "influxdb:1.8"),
        ("zookeeper", "zookeeper:3.9"),
        ("otel-collector", "otel/opentelemetry-collector:0.120.0"),
        ("rabbitmq", "rabbitmq:4-management"),
        ("node", "node:22"),
        ("php", "shop-php"),
        ("elasticsearch", "elasticsearch:8.15.0"),
        ("activemq", "apache/activemq-classic:6.1.4"),
        ("keycloak", "quay.io/keycloak/keycloak:26.0"),
    ];
    let mut all = vec![app, api, web, mysql, kafka];
    all.extend(servers.map(|(service, image)| container(service, image)));
    with(stack(all), "app", variables)
}

fn with(mut stack: Stack, service: &str, variables: &[(&str, &str)]) -> Stack {
    for container in stack.containers.iter_mut().filter(|container| container.service == service) {
        container.environment = pairs(variables);
    }
    stack
}

/// `target user:password setting=value …`, one a connection.
pub(super) fn of(stack: &Stack) -> Vec<String> {
    let shown = |found: Connection| {
        let mut parts = vec![found.target.to_string()];
        parts.extend(found.credentials.map(|credentials| {
            let password = credentials.password.as_ref().map_or("-", |secret| secret.expose_secret());
            format!("{}:{password}", credentials.user)
        }));
        let shown = found.settings.into_iter().filter(|(name, _)| !name.ends_with("-variable"));
        parts.extend(shown.map(|(name, value)| format!("{name}={value}")));
        if found.target.protocol == Protocol::Kafka {
            parts.extend(found.security.kafka_protocol().map(|protocol| format!("security={protocol}")));
        }
        parts.join(" ")
    };
    testing::inside(stack, derive(stack)).map(shown).collect()
}

#[test]
fn variables_become_connections() {
    for (variables, expected) in [
        // Kafka
        (&[("SPRING_KAFKA_BOOTSTRAP_SERVERS", "kafka:29092")][..], &["kafka://kafka:29092"][..]),
        (&[("spring.kafka.bootstrap-servers", "kafka:29092")], &["kafka://kafka:29092"]),
        (&[("KAFKA_BROKERS", "kafka:9092,PLAINTEXT://kafkaa:29092")], &[]),
        (&[("KAFKA_BROKERS", "kafka:9092,kafkaa:29092")], &["kafka://kafka:9092", "kafka://kafkaa:29092"]),
        (&[("KAFKA_URL", "kafka://kafka")], &["kafka://kafka:9092"]),
        (&[("SOME_LISTENER_URL_FOR", "PLAINTEXT://kafka:29092")], &[]),
        (&[("QUEUE", "PLAINTEXT://kafka:29092")], &["kafka://kafka:29092 security=PLAINTEXT"]),
        (&[("KAFKA_HOST", "kafka"), ("KAFKA_PORT", "29092")], &["kafka://kafka:29092"]),
        (
            &[("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092"), ("KAFKA_SECURITY_PROTOCOL", "sasl_ssl")],
            &["kafka://kafka:9092 security=SASL_SSL"],
        ),
        (&[("KAFKA_BROKERS", "SSL://kafka:9093")], &["kafka://kafka:9093 security=SSL"]),
        (&[("QUEUE", "SASL_SSL://kafka:9093")], &["kafka://kafka:9093 security=SASL_SSL"]),
        (
            &[
                ("KAFKA_BROKERS", "kafka:9092"),
                ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                ("KAFKA_SASL_MECHANISM", "PLAIN"),
                ("KAFKA_SASL_USERNAME", "u"),
                ("KAFKA_SASL_PASSWORD", "p"),
            ],
            &["kafka://kafka:9092 u:p security=SASL_PLAINTEXT"],
        ),
        (&[("SPRING_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")], &["kafka://localhost:9092"]),
        (&[("ZOOKEEPER_CONNECT", "zookeeper:2181/kafka")], &["zookeeper://zookeeper:2181"]),
        // MySQL
        (
            &[
                ("SPRING_DATASOURCE_URL", "jdbc:mysql://mysql:3306/shop?useSSL=false"),
                ("SPRING_DATASOURCE_USERNAME", "orders"),
                ("SPRING_DATASOURCE_PASSWORD", "p"),
            ],
            &["mysql://mysql:3306/shop orders:p driver=jdbc useSSL=false"],
        ),
        (
            &[("SPRING_DATASOURCE_URL", "jdbc:mariadb://mysql/shop")],
            &["mysql://mysql:3306/shop driver=jdbc tls-by-default=off"],
        ),
        (
            &[("SPRING_DATASOURCE_URL", "jdbc:mysql://localhost:3306/shop")],
            &["mysql://localhost:3306/shop driver=jdbc"],
        ),
        (
            &[("DB_HOST", "mysql"), ("DB_PORT", "3306"), ("DB_USER", "u"), ("DB_PASSWORD", "p"), ("DB_NAME", "shop")],
            &["mysql://mysql:3306/shop u:p"],
        ),
        (
            &[("DB_HOST", "mysql"), ("DB_USER", "u"), ("DB_PASSWORD_FILE", "/run/secrets/db")],
            &["mysql://mysql:3306 credentials=file"],
        ),
        (&[("WORDPRESS_DB_HOST", "mysql:3306")], &["mysql://mysql:3306"]),
        (&[("DATABASE_URL", "mysql+pymysql://root@mysql/shop")], &["mysql://mysql:3306/shop root:-"]),
        (&[("DSN", "u:p@tcp(mysql:3306)/shop")], &["mysql://mysql:3306/shop u:p"]),
        (&[("ConnectionStrings__Default", "Server=mysql;Database=shop;Uid=u;Pwd=p")], &["mysql://mysql:3306/shop u:p"]),
        // The client's user is in doubt, so nobody logs in.
        (&[("DATABASE_URL", "mysql://u:p@mysql/shop"), ("DATABASE_USER", "v")], &["mysql://mysql:3306/shop"]),
        // Redis
        (&[("SPRING_DATA_REDIS_HOST", "redis")], &["redis://redis:6379"]),
        (&[("SPRING_DATA_REDIS_HOST", "redis"), ("SPRING_DATA_REDIS_PORT", "6380")], &["redis://redis:6380"]),
        (&[("REDIS_HOST", "redis"), ("REDIS_PASSWORD", "p"), ("REDIS_DB", "2")], &["redis://redis:6379/2 :p"]),
        (&[("REDIS_URL", "redis://redis:6379/0")], &["redis://redis:6379 credentials=none"]),
        (&[("REDIS_URL", "redis://:p@redis:6379/1")], &["redis://redis:6379/1 :p"]),
        (&[("REDIS_URL", "redis://redis:6379"), ("REDIS_SECRET", "x")], &["redis://redis:6379"]),
        (&[("REDIS_URL", "rediss://redis:6379")], &["redis://redis:6379 credentials=none tls=true"]),
        (&[("CACHE", "redis://localhost:6379")], &["redis://localhost:6379 credentials=none"]),
        (&[("REDIS_HOST", "localhost")], &["redis://localhost:6379"]),
        (&[("REDIS_HOST", "rediss")], &["redis://rediss:6379"]),
        (&[("ConnectionStrings__Redis", "redis:6379,password=p")], &["redis://redis:6379 :p"]),
        (&[("CELERY_BROKER_URL", "redis://redis/1")], &["redis://redis:6379/1 credentials=none"]),
        // PostgreSQL
        (&[("DATABASE_URL", "postgresql://u:p@postgres/shop")], &["postgres://postgres:5432/shop u:p"]),
        (&[("PGHOST", "postgres"), ("PGPORT", "5433")], &["postgres://postgres:5433"]),
        // Others by TCP
        (&[("RABBITMQ_HOST", "rabbitmq"), ("RABBITMQ_PORT", "15672")], &["http://rabbitmq:15672"]),
        (&[("CART_ADDR", "api:7070")], &["tcp://api:7070"]),
        (&[("UPSTREAM", "api:80")], &["tcp://api:80"]),
        (&[("MAIL_HOST", "api"), ("MAIL_PORT", "1025")], &["tcp://api:1025"]),
        (&[("STORE", "172.30.0.5:3306")], &["mysql://172.30.0.5:3306"]),
        (&[("WORKER_URL", "grpc://api:50051")], &["grpc://api:50051"]),
        // HTTP: never a path out of a variable
        (&[("BASE_URL", "http://api:4000/orders?delete=all")], &["http://api:4000"]),
        (&[("API", "http://api")], &["http://api:80"]),
        (&[("SOCKET", "wss://api:4000/socket")], &["https://api:4000"]),
        (&[("K6_OUT", "influxdb=http://influxdb:8086/k6")], &["http://influxdb:8086/ping"]),
        (&[("K6_INFLUXDB_ADDR", "http://localhost:8086")], &["http://localhost:8086"]),
        (&[("ELASTICSEARCH_HOSTS", "[\"http://elasticsearch:9200\"]")], &["http://elasticsearch:9200"]),
        (&[("API_HOST", "http://apii:4000")], &["http://apii:4000"]),
        (&[("API_HOST", "http://apii")], &["http://apii:80"]),
        (&[("ORDERS_API", "http://localhost:4000")], &["http://localhost:4000"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector:4317")], &["grpc://otel-collector:4317"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector:4318")], &["http://otel-collector:4318"]),
        (&[("API", "http://host.docker.internal:3000")], &["http://host.docker.internal:3000"]),
        (&[("KAFKA_BROKERS", "host.docker.internal:9092")], &["kafka://host.docker.internal:9092"]),
        // Of a list, clients need one that works.
        (&[("KAFKA_BROKERS", "kafka:9092,localhost:19092")], &["kafka://kafka:9092"]),
        // The image brings a URL, and the user names the server apart.
        (
            &[("ME_CONFIG_MONGODB_URL", "mongodb://mongo:27017"), ("ME_CONFIG_MONGODB_SERVER", "api")],
            &["mongodb://api:27017"],
        ),
        // One server in two variables is two connections here; the plan merges them.
        (&[("REDIS_HOST", "redis"), ("CACHE_REDIS_HOST", "redis")], &["redis://redis:6379", "redis://redis:6379"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}

#[test]
fn these_are_no_connections() {
    let table = include_str!("no_connections.env");
    let lines: Vec<_> = table.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).collect();
    assert!(lines.len() > 100, "{}", lines.len());
    for line in lines {
        let (name, value) = line.split_once('=').unwrap();
        assert_eq!(of(&shop(&[(name, value)])), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_feature_that_is_switched_off_connects_to_nothing() {
    for switch in [("REDIS_ENABLED", "false"), ("USE_REDIS", "0"), ("REDIS_DISABLED", "true")] {
        assert!(of(&shop(&[("REDIS_HOST", "rediss"), switch])).is_empty(), "{switch:?}");
    }
    assert_eq!(of(&shop(&[("REDIS_HOST", "redis"), ("REDIS_ENABLED", "true")])).len(), 1);
}

#[test]
fn a_server_does_not_connect_to_itself() {
    for (service, variables, expected) in [
        (
            "kafka",
            &[
                ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093,2@kafka:9093,3@api:9093"),
                ("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"),
                ("KAFKA_BROKERS", "api:9092"),
                ("KAFKA_INTER_BROKER", "redis:9092"),
                ("KAFKA_ZOOKEEPER_CONNECT", "zookeeper:2181"),
            ][..],
            &["tcp://api:9093", "zookeeper://zookeeper:2181"][..],
        ),
        ("mysql", &[("MYSQL_HOST", "redis"), ("MYSQL_DATABASE", "redis"), ("MYSQL_ROOT_HOST", "%")], &[]),
        ("redis", &[("REDIS_URL", "redis://localhost:6379"), ("REDIS_MASTER_HOST", "mysql")], &["tcp://mysql:6379"]),
        // What a database's settings share with its clients' is theirs.
        ("postgres", &[("REDIS_HOST", "redis"), ("API_URL", "http://api:4000")], &[]),
        ("rabbitmq", &[("RABBITMQ_NODENAME", "rabbit@rabbitmq"), ("PROBE", "amqp://localhost")], &[]),
        ("influxdb", &[("INFLUXDB_HTTP_BIND_ADDRESS", "redis:8086")], &[]),
        // A static file server hands its variables to browsers.
        ("web", &[("API_ENDPOINT", "http://localhost:4000")], &[]),
    ] {
        assert_eq!(of(&with(shop(&[]), service, variables)), expected, "{service}");
    }
}

#[test]
fn localhost_is_another_service_only_where_nobody_here_serves_the_port() {
    let url = [("SEARCH", "http://localhost:4000")];
    assert_eq!(of(&shop(&url)).len(), 1);
    let changed = |change: &dyn Fn(&mut Stack)| {
        let mut stack = shop(&url);
        change(&mut stack);
        of(&stack)
    };
    assert!(changed(&|stack| stack.containers[0].exposed.push(4000)).is_empty());
    assert!(changed(&|stack| stack.containers[0].environment.push(("PORT".into(), "4000".into()))).is_empty());
    assert!(changed(&|stack| stack.containers[0].command = vec!["serve".into(), "--port=4000".into()]).is_empty());
    assert!(changed(&|stack| stack.containers[0].service = "shop-frontend".into()).is_empty());
    assert!(changed(&|stack| stack.containers[0].environment.push(("VITE_TITLE".into(), "Shop".into()))).is_empty());
    // A sidecar in the namespace of the server reaches it at localhost.
    assert_eq!(changed(&|stack| stack.containers[0].network_mode = "container:api-id".into()).len(), 1);
    // A load generator follows no links: what it names it loads.
    let mut k6 = shop(&[("BASE_URL", "http://localhost:4000")]);
    k6.containers[0].image = "crosscheck.test/grafana/k6:1.3.0".into();
    assert_eq!(of(&k6), ["http://localhost:4000"]);
}

#[test]
fn replicas_and_one_off_containers_are_told_apart() {
    let mut scaled = shop(&[("REDIS_HOST", "redis")]);
    scaled.containers[0].scaled = true;
    scaled.containers[0].state = crate::stack::State::default();
    let found = derive(&scaled);
    assert_eq!(found[0].from.to_string(), "app#1");
    scaled.containers[0].name = "shop-app-run-1f2e3d4c5b6a".into();
    assert!(derive(&scaled).is_empty());
}

#[test]
fn of_an_address_with_the_name_of_a_secret_only_whom_it_leads_to_is_shown() {
    let secret = "hunter2";
    for (name, value, shown) in [
        ("ConnectionStrings__auth-db", "Host=postgres;Port=5432;Username=app;Password=hunter2", "postgres"),
        ("ConnectionStrings__auth-db", "Password=hunter2;Host=postgres;Username=hunter2", "postgres"),
        ("ConnectionStrings__auth-db", "Server=postgres;hunter2=1;Password='hunter2;Host=x'", "postgres"),
        ("AUTH_DB_URL", "postgres://app:hunter2@postgres:5432/shop", "postgres://postgres:5432"),
        ("AUTH_DB_URL", "postgres://hunter2@postgres/hunter2?password=hunter2#hunter2", "postgres://postgres"),
        (
            "AUTH_DB_URL",
            "jdbc:postgresql://postgres:5432/hunter2?user=a&password=hunter2",
            "jdbc:postgresql://postgres:5432",
        ),
        ("private_url", "http://redis:8001/hunter2/x?key=hunter2", "http://redis:8001"),
        ("TOKEN_URI", "http://hunter2:hunter2@redis:8001/hunter2", "http://redis:8001"),
        ("SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_JWK_SET_URI", "http://redis:8001/certs", "http://redis:8001"),
        ("SESSION_SECRET_URL", "redis://:hunter2@redis:6379/1", "redis://redis:6379"),
        // Where the name says nothing of an address, or it could be anything, nothing is.
        ("REDIS_AUTH", "redis://redis:6379/hunter2", "***"),
        ("API_TOKEN", "http://redis:8001/hunter2", "***"),
        ("REDIS_PASSWORD_HOST", "redis", "***"),
        ("SECRET_ADDRESS", "redis:6379", "***"),
        ("AUTH_URL", "redis://:hunter2@redis:6379,redis://:hunter2@redis:6380", "***"),
    ] {
        let stack = shop(&[(name, value)]);
        for found in derive(&stack) {
            let told = format!("{} {:?} {:?}", found.target, found.origin, found.settings);
            assert!(!found.target.to_string().contains(secret) || value.contains("/hunter2"), "{name} {value}: {told}");
            assert_eq!(found.origin.value.as_deref(), Some(shown), "{name}={value}");
            assert!(!found.origin.value.as_deref().unwrap_or_default().contains(secret), "{told}");
        }
    }
}

#[test]
fn the_origin_says_where_it_stands_and_no_secret() {
    for (name, value, shown) in [
        ("REDIS_URL", "redis://:hunt3r@redis:6379", "redis://***@redis:6379"),
        ("REDIS_URL", "redis://:hunt,3r@redis:6379", "redis://***@redis:6379"),
        ("REDIS_AUTH_URL", "redis://:hunt3r@redis:6379", "redis://redis:6379"),
        ("REDIS_AUTH", "redis://:hunt3r@redis:6379", "***"),
        ("DSN", "u:hunt3r@tcp(mysql:3306)/shop", "***@tcp(mysql:3306)/shop"),
        ("DB_URL", "jdbc:mysql://mysql/shop?user=u&password=hunt3r", "jdbc:mysql://mysql/shop?user=***&password=***"),
        ("API", "http://api:4000/\u{1b}", "http://api:4000/\u{1b}"),
    ] {
        for found in derive(&shop(&[(name, value)])) {
            assert_eq!((found.origin.name.as_str(), found.origin.value.as_deref()), (name, Some(shown)));
            assert!(!format!("{found:?}").contains("3r"), "{found:?}");
        }
    }
    assert!(derive(&shop(&[("API", "http://api:4000/\u{1b}")])).is_empty());
}

#[test]
fn a_port_of_the_host_is_tied_to_the_container_behind_it() {
    let found = derive(&shop(&[("KAFKA_BROKERS", "host.docker.internal:9092")])).remove(0);
    let published = found.published.unwrap();
    assert_eq!((published.service.as_str(), published.container_port), ("kafka", 9092));
}

/// A reproducible stream of numbers (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

#[test]
fn no_value_makes_it_panic() {
    let pieces = [
        "jdbc:",
        "mysql",
        "r2dbc:",
        "://",
        ":",
        "/",
        "//",
        "@",
        ",",
        ";",
        "=",
        "?",
        "&",
        "#",
        "[",
        "]",
        "(",
        ")",
        "address=",
        "host=",
        "port=",
        "redis",
        "kafka",
        "localhost",
        "127.0.0.1",
        "::1",
        "6379",
        "0",
        "65536",
        "99999999999999999999",
        "%",
        "%ff",
        "%00",
        "é",
        "日本",
        "\u{202e}",
        "\u{0}",
        "\u{1b}",
        " ",
        "\t",
        "\n",
        "\"",
        "'",
        "\\",
        "{",
        "}",
        "${",
        "oracle:thin:",
        "sqlserver",
        "tcp",
        "@tcp(",
        "+srv",
        "http",
        "user:pass",
        "..",
        ".",
        "-",
        "_",
        "*",
        "<",
        ">",
        "",
        "|",
        "->",
        "-/->",
        "network:",
        "app#",
    ];
    let names = [
        "REDIS_URL",
        "DB_HOST",
        "KAFKA_BROKERS",
        "SPRING_DATASOURCE_URL",
        "X",
        "",
        "__",
        "_HOST",
        "é_URL",
        "K6_OUT",
        "HOST",
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..5_000 {
        let count = numbers.below(9);
        let value: String = (0..count).map(|_| pieces[numbers.below(pieces.len())]).collect();
        let name = names[numbers.below(names.len())];
        let mut app = container("app", &value);
        app.environment = vec![(name.into(), value.clone()), (value.clone(), "redis:6379".into())];
        app.extra_hosts = vec![value.clone()];
        let stack = stack([app, container("redis", "redis:7")]);
        for found in derive(&stack) {
            assert!(found.target.port != 0 && !found.target.host.is_empty(), "{name}={value}");
        }
        // Whatever a user types is answered, not survived by luck.
        let _ = crate::derive::declared::derive(&stack, std::slice::from_ref(&value), None);
        let _ = crate::derive::declared::target(&stack, &value);
    }
}
