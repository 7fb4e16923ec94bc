//! Tables: what a healthcheck makes of a stack.

use super::*;
use crate::derive::testing::{container, stack};

fn of(healthcheck: &[&str]) -> Vec<String> {
    let mut app = container("app", "shop-app");
    app.exposed = vec![8080];
    app.healthcheck = healthcheck.iter().map(|&word| word.to_owned()).collect();
    app.extra_hosts = vec!["me:127.0.0.1".into()];
    let mut beside = container("beside", "redis:7");
    beside.network_mode = "container:app-id".into();
    let mut web = container("web", "shop-web");
    web.exposed = vec![8000];
    let stack = stack([app, beside, web, container("mysql", "mysql:9"), container("kafka", "apache/kafka:4.1.0")]);
    let found = derive(&stack);
    assert!(found.iter().all(|found| found.origin.kind == OriginKind::Healthcheck));
    found.iter().map(|found| format!("{}: {}", found.origin.name, found.target)).collect()
}

#[test]
fn a_healthcheck_that_asks_another_service_is_a_connection() {
    for (healthcheck, expected) in [
        (&["CMD", "curl", "-f", "http://web:8000/health"][..], &["curl: http://web:8000"][..]),
        (&["CMD-SHELL", "wget -qO- http://localhost:8080 && wget -q http://web:8000"], &["wget: http://web:8000"]),
        (&["CMD-SHELL", "mysqladmin ping -h mysql -psecret || exit 1"], &["mysqladmin -h: mysql://mysql:3306"]),
        (&["CMD", "sh", "-c", "nc -z kafka 9092"], &["nc: kafka://kafka:9092"]),
        (&["CMD", "app", "ping", "--broker=kafka:9092"], &["broker: kafka://kafka:9092"]),
        // Itself, by whatever name.
        (&["CMD", "curl", "-f", "http://localhost:8080/health"], &[]),
        (&["CMD", "curl", "-f", "http://127.0.0.1:8000"], &[]),
        (&["CMD", "curl", "-f", "http://app:8080/health"], &[]),
        (&["CMD", "curl", "-f", "http://me:8000"], &[]),
        (&["CMD-SHELL", "curl http://$HOSTNAME:8000"], &[]),
        (&["CMD-SHELL", "redis-cli -h localhost ping"], &[]),
        (&["CMD-SHELL", "kafka-topics --bootstrap-server localhost:9092 --list"], &[]),
        (&["CMD-SHELL", "pg_isready -U mysql -d kafka"], &[]),
        (&["CMD-SHELL", "echo http://web:8000 | grep web"], &[]),
        // No command at all.
        (&["NONE"], &[]),
        (&["CMD"], &[]),
        (&["CMD-SHELL"], &[]),
        (&["curl", "http://web:8000"], &[]),
        (&[], &[]),
    ] {
        assert_eq!(of(healthcheck), expected, "{healthcheck:?}");
    }
}
