//! Paths in variables, of which few are requested.

use super::tests::{of, shop};

#[test]
fn paths_are_requested_that_change_nothing_whoever_is_there() {
    for (name, value, expected) in [
        // Wherever it is.
        ("HEALTH_URL", "http://api:4000/shop/actuator/health?x=y", "http://api:4000/shop/actuator/health"),
        ("HEALTH_URL", "http://api:4000/actuator/shutdown", "http://api:4000"),
        ("HEALTH_URL", "http://api:4000/actuator/health/../shutdown", "http://api:4000"),
        ("HEALTH_URL", "http://apii:4000/actuator/health", "http://apii:4000/actuator/health"),
        // Of a server that nobody knows, by a variable that means one technology alone.
        ("PROMETHEUS_URL", "http://api:9090/", "http://api:9090/-/ready"),
        ("PROMETHEUS_URL", "http://api:4000", "http://api:4000"),
        ("SHOP_PROMETHEUS_URL", "http://api:9090", "http://api:9090"),
    ] {
        assert_eq!(of(&shop(&[(name, value)])), [expected], "{name}={value}");
    }
}
