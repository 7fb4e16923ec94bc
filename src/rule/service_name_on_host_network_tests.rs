//! A service's name that `extra_hosts` gives to the host's loopback.

use crate::derive::testing::{container, port, stack};
use crate::observation::FailureKind as Kind;
use crate::rule::Facts;
use crate::rule::testing::{failing, told};

#[test]
fn a_name_that_is_mapped_to_the_hosts_loopback_has_the_hosts_ports_there() {
    let (mut app, mut cache) = (container("app", "app:1"), container("cache", "redis:7"));
    app.network_mode = "host".into();
    app.extra_hosts = vec!["cache:127.0.0.1".into()];
    cache.ports = vec![port(6379, 16379, "0.0.0.0")];
    let seen = failing(crate::derive::vantage(&app), "cache", 6379, &["127.0.0.1"], Kind::Refused);
    let mut facts = Facts { stack: stack([app, cache]), ..Facts::default() };
    let (rule, cause) = told(&facts, &seen);
    assert_eq!((rule, cause.subject.as_str()), ("service-name-on-host-network", "app -> cache:6379"));
    assert!(cause.message.contains("`extra_hosts` say that cache is 127.0.0.1"), "{}", cause.message);
    assert!(cause.help.contains("localhost:16379"), "{}", cause.help);
    // On the same network it is simply not there.
    facts.stack.containers[1].network_mode = "host".into();
    assert_eq!(told(&facts, &seen).0, "connection-refused");
}
