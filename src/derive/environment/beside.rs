//! Tables: what the variables beside one make of it.

use super::tests::{of, shop};
use crate::derive::testing::pairs;

#[test]
fn variables_beside_it_say_port_and_password() {
    for (variables, expected) in [
        (&[("REDIS_URL", "redis://redis:6379"), ("DB_PASSWORD", "x")][..], &["redis://redis:6379"][..]),
        (&[("CACHE_URL", "redis://redis:6379"), ("MY_REDIS_PASS", "x")], &["redis://redis:6379"]),
        (&[("APP_REDIS_URL", "redis://redis:6379"), ("PASSWORD", "x")], &["redis://redis:6379"]),
        (
            &[("APP_REDIS_URL", "redis://redis:6379"), ("SECRET_KEY", "x"), ("JWT_SECRET", "x"), ("APP_SECRET", "x")],
            &["redis://redis:6379 credentials=none"],
        ),
        // Nextcloud appends to the whole name; others call the published port so.
        (
            &[("REDIS_HOST", "redis"), ("REDIS_HOST_PORT", "6380"), ("REDIS_HOST_PASSWORD", "p")],
            &["redis://redis:6380 :p"],
        ),
        (&[("DB_HOST", "mysql"), ("DB_PORT", "3306"), ("DB_HOST_PORT", "3307")], &["mysql://mysql:3306"]),
        (&[("DB_HOST", "mysql"), ("DB_HOST_NAME", "mysql")], &["mysql://mysql:3306"]),
        (&[("UPSTREAM_HOST", "web"), ("UPSTREAM_HOST_PORT", "3000")], &["http://web:80"]),
        (&[("REDIS_URL", "redis://redis:6379?password=p")], &["redis://redis:6379 :p"]),
        (&[("REDIS_URL", "redis://redis:6379?username=u&password=p%21")], &["redis://redis:6379 u:p!"]),
        // Laravel's words for no password
        (&[("REDIS_HOST", "redis"), ("REDIS_PASSWORD", "null")], &["redis://redis:6379"]),
        (&[("REDIS_HOST", "redis"), ("REDIS_PASSWORD", "(empty)")], &["redis://redis:6379"]),
        (
            &[("REDIS_URL", "redis://redis:6379"), ("REDIS_PASSWORD", "(NULL)")],
            &["redis://redis:6379 credentials=none"],
        ),
        (&[("DB_HOST", "mysql"), ("DB_USER", "u"), ("DB_PASSWORD", "empty")], &["mysql://mysql:3306"]),
        // Names and forms
        (
            &[("PAPERLESS_DBHOST", "mysql"), ("PAPERLESS_DBUSER", "u"), ("PAPERLESS_DBPASS", "p")],
            &["mysql://mysql:3306 u:p"],
        ),
        (
            &[("PGHOST", "postgres"), ("PGUSER", "u"), ("PGPASSWORD", "p"), ("PGDATABASE", "shop")],
            &["postgres://postgres:5432/shop u:p"],
        ),
        (
            &[("POSTGRES_HOST", "postgres"), ("POSTGRES_USER", "u"), ("POSTGRES_PASSWORD", "p"), ("POSTGRES_DB", "d")],
            &["postgres://postgres:5432/d u:p"],
        ),
        // libpq takes the password from a variable of its own: which one counts cannot be told here.
        (&[("DATABASE_URL", "postgresql://u@postgres/shop"), ("PGPASSWORD", "p")], &["postgres://postgres:5432/shop"]),
        (&[("PAPERLESS_DBHOST", "postgres"), ("PAPERLESS_DBPORT", "5433")], &["tcp://postgres:5433"]),
        (&[("RESULT_BACKEND", "db+mysql+pymysql://u:p@mysql/shop")], &["mysql://mysql:3306/shop u:p"]),
        (&[("DATA_SOURCE_NAME", "u:p@(mysql:3306)/")], &["mysql://mysql:3306 u:p"]),
        (&[("REGISTRY", "api:4000")], &["tcp://api:4000"]),
        (&[("REGISTRY_ADDR", "redis:5000")], &["tcp://redis:5000"]),
    ] {
        let expected: Vec<_> = expected.iter().map(|&line| line.to_owned()).collect();
        assert_eq!(of(&shop(variables)), expected, "{variables:?}");
    }
}

#[test]
fn root_without_a_password_is_tried_where_the_server_says_so_too() {
    let open = ("MYSQL_ALLOW_EMPTY_PASSWORD", "yes");
    for (server, variables, expected) in [
        (
            &[open][..],
            &[("DB_HOST", "mysql"), ("DB_USER", "root"), ("DB_PASSWORD", "")][..],
            "mysql://mysql:3306 root:",
        ),
        (&[open], &[("DB_HOST", "mysql"), ("DB_USER", "app"), ("DB_PASSWORD", "")], "mysql://mysql:3306"),
        (&[open], &[("DB_HOST", "mysql"), ("DB_USER", "root")], "mysql://mysql:3306"),
        (&[open], &[("DB_HOST", "mysql"), ("DB_USER", "root"), ("DB_PASSWORD", "p")], "mysql://mysql:3306 root:p"),
        (
            &[open, ("MYSQL_ROOT_PASSWORD", "p")],
            &[("DB_HOST", "mysql"), ("DB_USER", "root"), ("DB_PASSWORD", "")],
            "mysql://mysql:3306",
        ),
        (&[], &[("DB_HOST", "mysql"), ("DB_USER", "root"), ("DB_PASSWORD", "")], "mysql://mysql:3306"),
    ] {
        let mut stack = shop(variables);
        let mysql = stack.containers.iter_mut().find(|container| container.service == "mysql").unwrap();
        mysql.environment = pairs(server);
        assert_eq!(of(&stack), [expected], "{server:?} {variables:?}");
    }
}

#[test]
fn a_value_with_blanks_around_it_is_left_out() {
    for (name, value) in
        [("DB_HOST", "mysql "), ("REDIS_URL", " redis://redis:6379"), ("KAFKA_BROKERS", "kafka:9092\n")]
    {
        assert!(of(&shop(&[(name, value)])).is_empty(), "{name}={value:?}");
        assert_eq!(of(&shop(&[(name, value.trim())])).len(), 1, "{name}={value:?}");
    }
}
