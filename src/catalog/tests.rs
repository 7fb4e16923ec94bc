use std::collections::BTreeSet;

use super::*;
use crate::target::Protocol;

#[test]
fn every_file_is_read_and_nothing_is_claimed_twice() {
    let all: Vec<_> = embedded().collect::<Result<_, _>>().unwrap();
    assert!(all.len() > 50, "{}", all.len());
    let mut claims = BTreeSet::new();
    for technology in &all {
        let clients = technology.clients.by_role().into_iter().flat_map(|(names, _)| names);
        for claim in technology.images.iter().chain(&technology.schemes).chain(&technology.tls_schemes).chain(clients) {
            assert!(claims.insert(claim.clone()), "{}: {claim} is claimed twice", technology.id);
        }
        for program in &technology.programs {
            for claim in program.names.iter().chain(&program.images) {
                assert!(claims.insert(format!("program {claim}")), "{}: {claim} is claimed twice", technology.id);
            }
        }
    }
}

/// The schema of a technology's file, from its types and their doc comments.
fn schema() -> serde_json::Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Technology>();
    schema.insert("title".into(), "crosscheck technology".into());
    serde_json::to_value(schema).unwrap()
}

#[test]
fn the_schema_is_that_of_the_types_and_every_file_follows_it() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/technology.schema.json");
    let wanted = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "schema/technology.schema.json is not that of the types: UPDATE_GENERATED=1 cargo test");
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let value = |text: &str| serde_saphyr::from_str::<serde_json::Value>(text).unwrap();
    for file in TECHNOLOGIES.files().filter(|file| file.path().extension().is_some_and(|it| it == "yaml")) {
        let value = value(file.contents_utf8().unwrap());
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{}", file.path().display());
        assert!(value["name"].is_string() && value.get("replace").is_none(), "{}", file.path().display());
    }
    for wrong in [
        "colour: red",
        "name: 7",
        "ports: {80: smoke}",
        "ports: {80: tcp /x}",
        "ports: {web: http}",
        "clients: {host: [A]}",
        "files: [{format: cobol}]",
        "programs: [{operands: url}]",
        "store: maybe",
    ] {
        assert!(!validator.is_valid(&value(wrong)), "{wrong}");
    }
}

#[test]
fn images_are_known_by_their_repository_wherever_it_is_mirrored() {
    for (image, id) in [
        ("redis", "redis"),
        ("redis:7-alpine", "redis"),
        ("docker.io/library/redis:7@sha256:00", "redis"),
        ("ghcr.io/x/library/redis:7", "redis"),
        ("crosscheck.test/library/mysql:9", "mysql"),
        ("localhost:5000/mysql", "mysql"),
        ("crosscheck.test/apache/kafka:4.1.0", "kafka"),
        ("mirror.example/hub/confluentinc/cp-kafka:7.6.0", "kafka"),
        ("bitnamilegacy/kafka", "kafka"),
        ("quay.io/prometheus/prometheus:v3.0.0", "prometheus"),
        ("docker.elastic.co/elasticsearch/elasticsearch:8.15.0", "elasticsearch"),
        ("mariadb:10.11", "mariadb"),
    ] {
        assert_eq!(catalog().of_image(image).map(|found| found.id.as_str()), Some(id), "{image}");
    }
    for image in ["", "orders:1", "shop-app", "acme/redis:7", "sha256:abc", ":::", "@", "/"] {
        assert_eq!(catalog().of_image(image).map(|found| found.id.as_str()), None, "{image}");
    }
}

#[test]
fn variables_are_known_by_name_and_by_pattern() {
    for (name, id, role, exact) in [
        ("spring.data.redis.host", "redis", Role::Host, true),
        ("SPRING_KAFKA_BOOTSTRAP_SERVERS", "kafka", Role::Address, true),
        ("ORDERS_KAFKA_BOOTSTRAP_SERVERS", "kafka", Role::Address, false),
        ("KAFKA_ZOOKEEPER_CONNECT", "zookeeper", Role::Address, true),
        ("KAFKA_CONTROLLER_QUORUM_VOTERS", "kafka", Role::Peer, true),
        ("SESSION_REDIS_URL", "redis", Role::Address, false),
    ] {
        let found = catalog().of_variable(&variable_name(name)).unwrap();
        assert_eq!((found.technology.id.as_str(), found.role, found.exact), (id, role, exact), "{name}");
    }
    assert!(catalog().of_variable("REDIS_IMAGE").is_none());
}

#[test]
fn schemes_lead_to_protocols_and_ports() {
    let of = |scheme| {
        let (technology, tls) = catalog().of_scheme(scheme).unwrap();
        (technology.protocol(), technology.default_port, tls)
    };
    assert_eq!(of("postgresql"), (Protocol::Postgres, Some(5432), false));
    assert_eq!(of("redis"), (Protocol::Redis, Some(6379), false));
    assert_eq!(of("rediss"), (Protocol::Redis, Some(6379), true));
    assert_eq!(of("amqp"), (Protocol::Amqp, Some(5672), false));
    assert_eq!(of("kafka"), (Protocol::Kafka, Some(9092), false));
    assert!(catalog().of_scheme("s3").is_none());
}

#[test]
fn a_safe_path_is_one_that_many_servers_have() {
    for path in ["/actuator/health", "/shop/api/actuator/health", "/actuator/health/readiness"] {
        assert!(catalog().is_safe_path(path), "{path}");
    }
    let deep = format!("{}/actuator/health", "/a".repeat(20));
    for path in [
        "/",
        "",
        "/ping",
        "/-/ready",
        "/actuator",
        "/actuator/shutdown",
        "/actuator/health/db",
        "/x/../actuator/health",
        "/%2e%2e/actuator/health",
        "/c2VjcmV0LXRva2VuLW9mLXNvbWVib2R5/actuator/health",
        "/orders;delete=1/actuator/health",
        &deep,
    ] {
        assert!(!catalog().is_safe_path(path), "{path}");
    }
}

#[test]
fn ports_say_who_listens_there() {
    let ids: Vec<_> = catalog().of_port(6379).map(|technology| technology.id.as_str()).collect();
    assert_eq!(ids, ["redis"]);
}
