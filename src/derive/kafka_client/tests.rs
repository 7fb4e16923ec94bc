use secrecy::ExposeSecret;

use super::*;

const JAAS: &str =
    "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"app\" password=\"s3cret\";";
const SCRAM: &str =
    "org.apache.kafka.common.security.scram.ScramLoginModule required\n username='app'  password='p;w' ;";

/// `PROTOCOL MECHANISM user:password file`, what there is of it.
fn of(variable: &str, variables: &[(&str, &str)]) -> String {
    let variables: Vec<_> = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let found = find(&Variable::new(variable), &Environment::new(&variables), None);
    let mut parts: Vec<String> = found.security.kafka_protocol().map(str::to_owned).into_iter().collect();
    parts.extend(found.security.mechanism.clone().map(|name| if name.is_empty() { "?".into() } else { name }));
    parts.extend(found.credentials.map(|login| {
        format!("{}:{}", login.user, login.password.as_ref().map_or("-", |password| password.expose_secret()))
    }));
    parts.extend(found.authorities);
    parts.extend(found.security.authorities.map(|_| "inline".into()));
    parts.extend(found.security.authorities_unknown);
    parts.extend(found.security.verifies_name.map(|names| format!("names={names}")));
    parts.extend(found.security.verifies_chain.map(|chain| format!("chain={chain}")));
    parts.join(" ")
}

#[test]
fn clients_write_the_same_in_many_ways() {
    for (variable, variables, expected) in [
        ("KAFKA_BOOTSTRAP_SERVERS", &[][..], ""),
        ("KAFKA_BOOTSTRAP_SERVERS", &[("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")], "PLAINTEXT"),
        ("SPRING_KAFKA_BOOTSTRAP_SERVERS", &[("SPRING_KAFKA_SECURITY_PROTOCOL", "SSL")], "SSL"),
        (
            "SPRING_KAFKA_BOOTSTRAP_SERVERS",
            &[
                ("SPRING_KAFKA_PROPERTIES_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                ("SPRING_KAFKA_PROPERTIES_SASL_MECHANISM", "PLAIN"),
                ("SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG", JAAS),
            ],
            "SASL_PLAINTEXT PLAIN app:s3cret",
        ),
        (
            "spring.kafka.bootstrap-servers",
            &[
                ("spring.kafka.security.protocol", "sasl_ssl"),
                ("spring.kafka.properties.sasl.mechanism", "SCRAM-SHA-512"),
                ("spring.kafka.properties.sasl.jaas.config", SCRAM),
                ("SPRING_KAFKA_SSL_TRUST_STORE_LOCATION", "file:/certs/ca.pem"),
                ("SPRING_KAFKA_SSL_TRUST_STORE_TYPE", "PEM"),
            ],
            "SASL_SSL SCRAM-SHA-512 app:p;w /certs/ca.pem",
        ),
        (
            "CONNECT_BOOTSTRAP_SERVERS",
            &[
                ("CONNECT_SECURITY_PROTOCOL", "SASL_SSL"),
                ("CONNECT_SASL_MECHANISM", "GSSAPI"),
                ("CONNECT_PRODUCER_SECURITY_PROTOCOL", "PLAINTEXT"),
                ("CONNECT_SSL_TRUSTSTORE_LOCATION", "/certs/trust.jks"),
            ],
            "SASL_SSL GSSAPI the client's truststore is of the type JKS, which is not read here",
        ),
        ("CONNECT_BOOTSTRAP_SERVERS", &[("CONNECT_PRODUCER_SECURITY_PROTOCOL", "SSL")], ""),
        (
            "SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS",
            &[
                ("SCHEMA_REGISTRY_KAFKASTORE_SECURITY_PROTOCOL", "SSL"),
                ("SCHEMA_REGISTRY_KAFKASTORE_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM", ""),
            ],
            "SSL names=false",
        ),
        ("KSQL_BOOTSTRAP_SERVERS", &[("KSQL_SECURITY_PROTOCOL", "SASL_PLAINTEXT")], "SASL_PLAINTEXT ?"),
        (
            "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS",
            &[
                ("KAFKA_CLUSTERS_0_PROPERTIES_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                ("KAFKA_CLUSTERS_0_PROPERTIES_SASL_MECHANISM", "SCRAM-SHA-256"),
                ("KAFKA_CLUSTERS_0_PROPERTIES_SASL_JAAS_CONFIG", SCRAM),
                ("KAFKA_CLUSTERS_1_PROPERTIES_SECURITY_PROTOCOL", "SSL"),
            ],
            "SASL_PLAINTEXT SCRAM-SHA-256 app:p;w",
        ),
        (
            "KAFKA_BROKERS",
            &[
                ("KAFKA_SECURITY_PROTOCOL", "SASL_SSL"),
                ("KAFKA_SASL_MECHANISMS", "PLAIN"),
                ("KAFKA_SASL_USERNAME", "app"),
                ("KAFKA_SASL_PASSWORD", "p"),
                ("KAFKA_SSL_CA_LOCATION", "/certs/ca.pem"),
                ("KAFKA_ENABLE_SSL_CERTIFICATE_VERIFICATION", "false"),
            ],
            "SASL_SSL PLAIN app:p /certs/ca.pem names=false chain=false",
        ),
        (
            "KAFKA_BROKERS",
            &[
                ("KAFKA_SECURITY_PROTOCOL", "SSL"),
                ("KAFKA_SSL_TRUSTSTORE_CERTIFICATES", "-----BEGIN CERTIFICATE-----\\nAA==\\n-----END CERTIFICATE-----"),
            ],
            "SSL inline",
        ),
        // The only one there is.
        ("BOOTSTRAP_SERVERS", &[("KAFKA_SECURITY_PROTOCOL", "SSL")], "SSL"),
        ("ORDERS_KAFKA_BROKERS", &[("MY_SECURITY_PROTOCOL", "PLAINTEXT")], "PLAINTEXT"),
        // What two clusters share.
        (
            "KAFKA_SOURCE_BROKERS",
            &[("KAFKA_SINK_BROKERS", "b:9092"), ("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")],
            "PLAINTEXT",
        ),
    ] {
        assert_eq!(of(variable, variables), expected, "{variable} {variables:?}");
    }
}

#[test]
fn what_does_not_surely_belong_together_is_not_paired() {
    for (variable, variables, expected) in [
        ("BOOTSTRAP_SERVERS", &[("A_SECURITY_PROTOCOL", "SSL"), ("B_SECURITY_PROTOCOL", "PLAINTEXT")][..], ""),
        ("KAFKA_BROKERS", &[("CONNECT_SECURITY_PROTOCOL", "SSL")], ""),
        // Two clusters, one of which is secured.
        (
            "KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS",
            &[
                ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS", "a:9092"),
                ("KAFKA_CLUSTERS_1_BOOTSTRAPSERVERS", "b:9092"),
                ("KAFKA_CLUSTERS_1_PROPERTIES_SECURITY_PROTOCOL", "SASL_SSL"),
            ],
            "",
        ),
        ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS", &[("KAFKA_CLUSTERS_1_PROPERTIES_SECURITY_PROTOCOL", "SSL")], ""),
        ("FROM_BROKERS", &[("SINK_BOOTSTRAP_SERVERS", "b:9092"), ("SINK_SECURITY_PROTOCOL", "SSL")], ""),
        ("FROM_BROKERS", &[("SINK_KAFKA_BROKERS", "b:9092"), ("SINK_SECURITY_PROTOCOL", "SSL")], ""),
        ("FROM_BROKERS", &[("KAFKA_URL", "b:9092"), ("KAFKA_SECURITY_PROTOCOL", "SSL")], ""),
        ("KAFKA_BROKERS", &[("KAFKA_SECURITY_INTER_BROKER_PROTOCOL", "SSL")], ""),
        // A mechanism alone does not say whether there is TLS.
        ("KAFKA_BROKERS", &[("KAFKA_SASL_MECHANISM", "plain")], "PLAIN"),
        // Two logins, and nobody knows which one is taken.
        (
            "KAFKA_BROKERS",
            &[
                ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                ("KAFKA_SASL_MECHANISM", "PLAIN"),
                ("KAFKA_SASL_JAAS_CONFIG", JAAS),
                ("KAFKA_SASL_USERNAME", "other"),
                ("KAFKA_SASL_PASSWORD", "s3cret"),
            ],
            "SASL_PLAINTEXT PLAIN",
        ),
        // The module of another mechanism.
        (
            "KAFKA_BROKERS",
            &[
                ("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
                ("KAFKA_SASL_MECHANISM", "SCRAM-SHA-256"),
                ("KAFKA_SASL_JAAS_CONFIG", JAAS),
            ],
            "SASL_PLAINTEXT SCRAM-SHA-256",
        ),
        ("KAFKA_BROKERS", &[("KAFKA_SECURITY_PROTOCOL", "${PROTOCOL}")], ""),
        ("KAFKA_BROKERS", &[("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"), ("KAFKA_SASL_MECHANISM", "PLAIN")], "PLAINTEXT"),
    ] {
        assert_eq!(of(variable, variables), expected, "{variable} {variables:?}");
    }
}

#[test]
fn jaas_entries_are_read_as_a_whole() {
    let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
    for (options, expected) in [
        ("required username=\"a\" password=\"b c\";", Some("a b c")),
        ("required password=b username=a;", Some("a b")),
        ("required username = \"a\" password = \"b=;\" user_admin=\"x\";", Some("a b=;")),
        ("required username=\"a\" password=\"${file:/x:y}\";", None),
        ("required username=\"a\" password=\"b\\\"c\";", None),
        ("required username=\"a\" username=\"b\" password=\"c\";", None),
        ("required username=\"a\" password=\"b", None),
        ("required username=\"a\";", None),
        ("required", None),
    ] {
        let found = jaas(&format!("{module} {options}"), "PLAIN");
        let shown = found.map(|login| format!("{} {}", login.user, login.password.unwrap().expose_secret()));
        assert_eq!(shown.as_deref(), expected, "{options}");
    }
    assert!(
        jaas("", "PLAIN").is_none() && jaas("com.example.Other required username=a password=b;", "PLAIN").is_none()
    );
}

#[test]
fn the_variable_with_the_password_is_named() {
    for (variables, expected) in [
        (&[("KAFKA_SASL_JAAS_CONFIG", JAAS)][..], Some("KAFKA_SASL_JAAS_CONFIG")),
        (&[("KAFKA_SASL_USERNAME", "app"), ("KAFKA_SASL_PASSWORD", "p")], Some("KAFKA_SASL_PASSWORD")),
        (&[("KAFKA_SASL_USERNAME", "app")], None),
    ] {
        let protocol = [("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"), ("KAFKA_SASL_MECHANISM", "PLAIN")];
        let variables = variables.iter().chain(&protocol);
        let variables: Vec<_> = variables.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let found = find(&Variable::new("KAFKA_BROKERS"), &Environment::new(&variables), None);
        assert_eq!(found.login_variable.as_deref(), expected);
    }
}
