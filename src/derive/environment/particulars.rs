//! Variables of which the catalogue knows more than what they hold.

use super::derive;
use super::tests::{of, shop};
use crate::derive::testing::{container, pairs, stack};

const BROKERS: &str = "SPRING_CLOUD_STREAM_KAFKA_BINDER_BROKERS";
const ISSUER: &str = "SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_ISSUER_URI";
const KEYS: &str = "SPRING_SECURITY_OAUTH2_RESOURCESERVER_JWT_JWK_SET_URI";

#[test]
fn a_binders_brokers_have_their_port_in_a_variable_of_its_own() {
    let port = "SPRING_CLOUD_STREAM_KAFKA_BINDER_DEFAULTBROKERPORT";
    for (variables, expected) in [
        (&[(BROKERS, "kafka")][..], &["kafka://kafka:9092"][..]),
        (&[(BROKERS, "kafka"), (port, "29092")], &["kafka://kafka:29092"]),
        (&[(BROKERS, "kafka:19092"), (port, "29092")], &["kafka://kafka:19092"]),
        // Nobody knows which port that is.
        (&[(BROKERS, "kafka"), (port, "${PORT}")], &[]),
        (&[(BROKERS, "")], &[]),
        (&[(port, "29092")], &[]),
        // Of a broker's name alone nobody knows which of its listeners is meant.
        (&[("KAFKA_HOST", "kafka")], &[]),
    ] {
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}

#[test]
fn an_issuer_is_asked_for_its_keys_unless_these_are_elsewhere() {
    let (inside, local) = ("http://keycloak:8080/realms/shop", "http://localhost:8180/realms/shop");
    for (variables, expected) in [
        (&[(ISSUER, inside)][..], &["http://keycloak:8080"][..]),
        // The fault of many a stack: the browser's address of it.
        (&[(ISSUER, local)], &["http://localhost:8180"]),
        (&[("spring.security.oauth2.resourceserver.jwt.issuer-uri", local)], &["http://localhost:8180"]),
        // Then it is only compared with what stands in the token.
        (&[(ISSUER, local), (KEYS, "http://keycloak:8080/certs")], &["http://keycloak:8080"]),
        (&[(ISSUER, "https://id.example.com/realms/shop")], &[]),
        // What others call so may be for browsers.
        (&[("JWT_ISSUER", local)], &[]),
        (&[("OIDC_ISSUER_URI", local)], &[]),
    ] {
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}

#[test]
fn who_starts_a_shell_in_a_servers_image_is_a_client() {
    let shell = &["/bin/bash", "-c", "setup"][..];
    for (image, command, variable, expected) in [
        ("quay.io/keycloak/keycloak", shell, ("KC_URL", "http://keycloak:8080"), &["http://keycloak:8080"][..]),
        ("quay.io/keycloak/keycloak", &["start"], ("KC_URL", "http://keycloak:8080"), &[]),
        ("postgres:17", shell, ("DB_HOST", "db"), &["postgres://db:5432"]),
        ("postgres:17", &[], ("DB_HOST", "db"), &[]),
        ("postgres:17", shell, ("API_URL", "http://keycloak:8080"), &[]),
        ("quay.io/keycloak/keycloak", shell, ("KC_HOSTNAME_URL", "http://setup:8080"), &[]),
    ] {
        let mut setup = container("setup", image);
        setup.command = command.iter().map(|&word| word.to_owned()).collect();
        setup.environment = pairs(&[variable]);
        let servers = [container("keycloak", "quay.io/keycloak/keycloak:26.0"), container("db", "postgres:17")];
        let stack = stack(servers.into_iter().chain([setup]));
        let found: Vec<_> = derive(&stack).iter().map(|found| found.target.to_string()).collect();
        assert_eq!(found, expected, "{image} {command:?} {variable:?}");
    }
}
