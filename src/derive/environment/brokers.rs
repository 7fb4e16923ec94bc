//! Tables: brokers and others of which a handshake is spoken.

use super::tests::{of, shop};

#[test]
fn brokers_have_accounts_and_virtual_hosts() {
    for (variables, expected) in [
        (&[("AMQP_URL", "amqp://shop:p@rabbitmq:5672/%2F")][..], &["amqp://rabbitmq:5672 shop:p"][..]),
        (&[("AMQP_URL", "amqp://shop:p@rabbitmq/orders")], &["amqp://rabbitmq:5672/orders shop:p"]),
        (&[("AMQP_URL", "amqp://shop:p@rabbitmq/%2Forders")], &["amqp://rabbitmq:5672/orders shop:p"]),
        (&[("AMQP_URL", "amqp://shop:p@rabbitmq//")], &["amqp://rabbitmq:5672 shop:p"]),
        // Who is given no account has the usual one, unless it may stand elsewhere.
        (&[("AMQP_URL", "amqp://rabbitmq")], &["amqp://rabbitmq:5672 guest:guest credentials=default"]),
        (&[("AMQP_URL", "amqp://rabbitmq"), ("RABBITMQ_PASS", "p")], &["amqp://rabbitmq:5672"]),
        (&[("AMQP_URL", "amqp://rabbitmq"), ("AMQP_PASSWORD_FILE", "/p")], &["amqp://rabbitmq:5672 credentials=file"]),
        (&[("AMQP_URL", "amqps://shop:p@rabbitmq/orders")], &["tcp://rabbitmq:5672 tls=true"]),
        (&[("CELERY_BROKER_URL", "pyamqp://shop:p@rabbitmq//")], &["amqp://rabbitmq:5672 shop:p"]),
        (
            &[
                ("SPRING_RABBITMQ_HOST", "rabbitmq"),
                ("SPRING_RABBITMQ_USERNAME", "shop"),
                ("SPRING_RABBITMQ_PASSWORD", "p"),
                ("SPRING_RABBITMQ_VIRTUAL_HOST", "/orders"),
            ],
            &["amqp://rabbitmq:5672/orders shop:p"],
        ),
        (
            &[
                ("RABBITMQ_HOST", "rabbitmq"),
                ("RABBITMQ_USER", "shop"),
                ("RABBITMQ_PASSWORD", "p"),
                ("RABBITMQ_VHOST", "/"),
            ],
            &["amqp://rabbitmq:5672 shop:p"],
        ),
        (&[("RABBITMQ_HOST", "rabbitmq")], &["amqp://rabbitmq:5672"]),
        (&[("RABBITMQ_HOST", "rabbitmq"), ("RABBITMQ_PORT", "5671")], &["tcp://rabbitmq:5671"]),
        // AMQP 1.0 has the same scheme.
        (&[("QUEUE_URL", "amqp://u:p@activemq:5672")], &["tcp://activemq:5672"]),
        (&[("QUEUE_URL", "amqp://u:p@redis:6379")], &["amqp://redis:6379 u:p"]),
        (&[("QUEUE_URL", "amqp://u:p@rabbitmq:15672")], &["amqp://rabbitmq:15672 u:p"]),
        (&[("NATS_URL", "nats://u:p@api:4222")], &["nats://api:4222 u:p"]),
        (&[("NATS_URL", "nats://word@api:4222")], &["nats://api:4222 word:-"]),
        (&[("NATS_URL", "nats://api")], &["nats://api:4222 credentials=none"]),
        (&[("NATS_URL", "nats://api"), ("NATS_CREDS", "/run/secrets/app.creds")], &["nats://api:4222"]),
        (&[("NATS_URL", "tls://api:4222")], &["tcp://api:4222 tls=true"]),
        (&[("MEMCACHED_SERVERS", "api:11211")], &["memcached://api:11211"]),
        (&[("MONGO_URL", "mongodb://u:p@api/shop?replicaSet=rs0")], &["mongodb://api:27017"]),
        (&[("MONGO_URL", "mongodb://u:p@api/shop?tls=true")], &["tcp://api:27017 tls=true"]),
    ] {
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}

#[test]
fn grpc_is_known_by_scheme_server_and_name() {
    for (variables, expected) in [
        (&[("CATALOG_GRPC_ADDR", "api:50051")][..], &["grpc://api:50051"][..]),
        (&[("GRPC_WEB_ADDR", "api:50051")], &["tcp://api:50051"]),
        (&[("WORKER_URL", "grpcs://api:50051")], &["tcp://api:50051 tls=true"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel-collector:4317")], &["tcp://otel-collector:4317"]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://api:4317")], &["grpc://api:4317"]),
        (&[("COLLECTOR_URL", "http://api:4317")], &["tcp://api:4317"]),
    ] {
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}
