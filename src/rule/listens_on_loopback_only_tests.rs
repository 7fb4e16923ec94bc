//! A server on the host that containers cannot reach.

use super::*;
use crate::derive::testing::{container, port, stack};
use crate::rule::testing::{failing, survey, told};

/// `app` looks for port 8080 of the host, and the host listens there.
fn facts(listening: &[(&str, u16)], change: impl Fn(&mut Facts)) -> (&'static str, Cause) {
    let app = container("app", "app:1");
    let seen = failing(crate::derive::vantage(&app), "host.docker.internal", 8080, &["172.17.0.1"], Kind::Refused);
    let host = Some(survey(listening, &["172.17.0.1", "192.0.2.1"]));
    let mut facts = Facts { stack: stack([app, container("web", "web:1")]), host, ..Facts::default() };
    change(&mut facts);
    told(&facts, &seen)
}

#[test]
fn what_listens_on_the_hosts_own_loopback_is_told() {
    let (rule, cause) = facts(&[("127.0.0.1", 8080), ("0.0.0.0", 22)], |_| ());
    assert_eq!((rule, cause.subject.as_str(), cause.service), ("listens-on-loopback-only", "host:8080", None));
    assert_eq!(cause.evidence[0], "on the host, port 8080 is bound to 127.0.0.1");
    assert!(cause.help.contains("172.17.0.1"), "{}", cause.help);
    let (rule, _) = facts(&[("127.0.0.1", 8080), ("::1", 8080)], |_| ());
    assert_eq!(rule, "listens-on-loopback-only");
}

#[test]
fn it_is_claimed_only_where_the_hosts_sockets_are_surely_those_that_were_asked() {
    let loopback: &[(&str, u16)] = &[("127.0.0.1", 8080)];
    let refused = |listening: &[(&str, u16)], change: &dyn Fn(&mut Facts)| facts(listening, change).0;
    for listening in [&[][..], &[("0.0.0.0", 8080)], &[("127.0.0.1", 8080), ("192.0.2.1", 8080)], &[("127.0.0.1", 80)]]
    {
        assert_eq!(refused(listening, &|_| ()), "connection-refused", "{listening:?}");
    }
    assert_eq!(refused(loopback, &|facts| facts.stack.engine.apart = true), "connection-refused");
    assert_eq!(refused(loopback, &|facts| facts.stack.engine.os = "Docker Desktop".into()), "connection-refused");
    let elsewhere = PublishedAt::Host("far.example".into());
    assert_eq!(refused(loopback, &|facts| facts.stack.engine.published_at = elsewhere.clone()), "connection-refused");
    assert_eq!(refused(loopback, &|facts| facts.host = None), "connection-refused");
    // The name leads to another machine.
    assert_eq!(refused(loopback, &|facts| facts.host = Some(survey(loopback, &["192.0.2.1"]))), "connection-refused");
    // A container publishes the port there.
    let published = |facts: &mut Facts| facts.stack.containers[1].ports = vec![port(80, 8080, "127.0.0.1")];
    assert_eq!(refused(loopback, &published), "port-published-on-loopback-only");
}
