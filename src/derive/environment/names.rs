//! A table: what names say of who asks an address, and of what belongs to it.

use super::tests::{of, shop};

#[test]
fn names_say_who_follows_an_address_and_what_belongs_to_it() {
    for (variables, expected) in [
        // Links by a part of their names alone.
        (&[("EXTERNAL_API_URL", "http://api:4000")][..], &["http://api:4000"][..]),
        (&[("API_ROOT_URL", "http://api:4000")], &["http://api:4000"]),
        (&[("SITE_INTERNAL_URL", "http://api:4000")], &["http://api:4000"]),
        (&[("JWT_PUBLIC_KEY_URL", "http://api:4000/keys")], &["http://api:4000"]),
        (&[("ORDERS_BASE_URL", "http://api:4000")], &["http://api:4000"]),
        (&[("SLACK_WEBHOOK_URL", "http://api:4000")], &["http://api:4000"]),
        (&[("COMPOSITE_URL", "http://api:4000")], &["http://api:4000"]),
        (&[("PUBLIC_STORE", "x"), ("STATIC_STORE", "redis://redis:6379")], &["redis://redis:6379 credentials=none"]),
        (&[("CASSANDRA_CONTACT_POINTS", "api"), ("CASSANDRA_PORT", "9142")], &["tcp://api:9142"]),
        (&[("CASSANDRA_CONTACT_POINTS", "api,php")], &["tcp://api:9042", "tcp://php:9042"]),
        (&[("spring.cassandra.contact-points", "api"), ("spring.cassandra.port", "9142")], &["tcp://api:9142"]),
        (&[("MINIO_ENDPOINT", "api"), ("MINIO_PORT", "9100")], &["http://api:9100"]),
        (&[("MINIO_ENDPOINT", "http://api:9000")], &["http://api:9000/minio/health/live"]),
        (&[("MINIO_ENDPOINT", "api:9000")], &["http://api:9000/minio/health/live"]),
        // Grafana's, which are no other servers' only by their names.
        (&[("GF_SMTP_HOST", "api:1025")], &["tcp://api:1025"]),
        (&[("GF_RENDERING_SERVER_URL", "http://api:8081/render")], &["http://api:8081"]),
        (&[("GF_REMOTE_CACHE_CONNSTR", "addr=redis:6379,pool_size=100,db=0,ssl=false")], &["redis://redis:6379"]),
        (&[("GF_REMOTE_CACHE_CONNSTR", "redis:6379")], &["redis://redis:6379"]),
        // What stands in a variable is called by it.
        (&[("CACHE_CONFIG", r#"{"host":"redis","port":6379,"password":"p"}"#)], &["redis://redis:6379 :p"]),
        (&[("REDIS_CONFIG", r#"{"host":"redis","port":6379}"#)], &["redis://redis:6379"]),
        (&[("SETTINGS", r#"{"redis":{"host":"redis","port":6380}}"#)], &["redis://redis:6380"]),
        (&[("LISTEN_CONFIG", r#"{"host":"redis","port":6379}"#)], &[]),
        (&[("SERVER", r#"{"host":"0.0.0.0","port":8080}"#)], &[]),
        (&[("USER_CONFIG", r#"{"user":"redis","port":6379}"#)], &[]),
        (&[("HTTP_PROXY", "http://api:3128")], &["http://api:3128"]),
        (&[("https_proxy", "http://u:p@api:3128")], &["http://api:3128"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}
