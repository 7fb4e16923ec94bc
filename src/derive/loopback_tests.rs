//! What `localhost` is in a network that several containers share.

use crate::derive::environment::derive;
use crate::derive::testing::{container, port, stack};
use crate::stack::{Container, Stack, State, Status};

/// `redis` and `app`, one of which joined the other's network.
fn shared(app_joins: bool) -> Stack {
    let (mut app, mut redis) = (container("app", "orders:1"), container("redis", "redis:7"));
    if app_joins {
        app.network_mode = "container:redis-id".into();
    } else {
        redis.network_mode = "container:app-id".into();
    }
    stack([app, redis])
}

/// What one variable of a service makes of a stack.
fn of(mut stack: Stack, service: &str, name: &str, value: &str) -> Vec<String> {
    let at = stack.containers.iter_mut().find(|container| container.service == service).unwrap();
    at.environment = vec![(name.into(), value.into())];
    derive(&stack).into_iter().map(|found| format!("{} -> {}", found.from, found.target)).collect()
}

#[test]
fn a_neighbour_in_the_same_network_is_reached_at_localhost() {
    for joins in [true, false] {
        for (name, value, target) in [
            ("REDIS_URL", "redis://localhost:6379", "redis://localhost:6379"),
            ("REDIS_HOST", "127.0.0.1", "redis://127.0.0.1:6379"),
            ("CART_ADDR", "localhost:6379", "redis://localhost:6379"),
        ] {
            assert_eq!(of(shared(joins), "app", name, value), [format!("app -> {target}")], "{name}={value}");
        }
    }
}

#[test]
fn a_server_in_a_shared_network_does_not_connect_to_itself() {
    for joins in [true, false] {
        for (service, name, value) in [
            ("redis", "REDIS_URL", "redis://localhost:6379"),
            ("redis", "PROBE_ADDR", "localhost:6379"),
            // Where it listens, and what nobody is known to serve.
            ("app", "LISTEN_ADDR", "localhost:6379"),
            ("app", "METRICS_ADDR", "localhost:9100"),
            ("app", "SELF", "http://localhost:8080"),
        ] {
            assert!(of(shared(joins), service, name, value).is_empty(), "{service} {name}={value}");
        }
    }
}

#[test]
fn of_two_of_a_kind_in_one_network_neither_is_the_others_client() {
    let (mut first, mut second) = (container("first", "first:1"), container("second", "second:1"));
    (first.exposed, second.exposed) = (vec![9000], vec![9000]);
    second.network_mode = "container:first-id".into();
    let both = stack([first, second]);
    for (name, value) in [("PROBE_ADDR", "localhost:9000"), ("PROBE_URL", "tcp://localhost:9000")] {
        assert!(of(both.clone(), "first", name, value).is_empty(), "{name}");
    }
}

#[test]
fn a_published_port_may_be_anybodys_who_joined() {
    let of_owner = |owner: &dyn Fn(&mut Container)| {
        let (mut app, mut tunnel) = (container("app", "orders:1"), container("tunnel", "tunnel:1"));
        app.network_mode = "container:tunnel-id".into();
        (tunnel.wanted_ports, tunnel.exposed) = (vec![port(8080, 8080, "0.0.0.0")], vec![8080]);
        owner(&mut tunnel);
        of(stack([app, tunnel]), "app", "BACKEND", "http://localhost:8080")
    };
    assert!(of_owner(&|_| ()).is_empty());
    assert_eq!(of_owner(&|tunnel| tunnel.wanted_ports.clear()), ["app -> http://localhost:8080"]);
    // A job that has done its work serves nothing.
    let finished = State { status: Status::Exited, ..State::default() };
    assert!(
        of_owner(&|tunnel| {
            tunnel.wanted_ports.clear();
            tunnel.state = finished.clone();
        })
        .is_empty()
    );
}

#[test]
fn a_name_that_is_mapped_to_the_loopback_is_looked_for_there() {
    for (name, value, expected) in [
        ("REDIS_URL", "redis://cache:16379", "redis://cache:16379 cache:6379"),
        ("API_BASE_URL", "http://cache:16379", "http://cache:16379 cache:6379"),
        ("REDIS_URL", "redis://store.local:16379", "redis://store.local:16379 cache:6379"),
        ("REDIS_URL", "redis://cache:7000", "redis://cache:7000"),
        // Its own name, which is the usual reason for such a line.
        ("SELF_URL", "http://app:8080", ""),
        ("SELF_URL", "http://app.local:8080", ""),
    ] {
        let (mut app, mut cache) = (container("app", "orders:1"), container("cache", "redis:7"));
        app.network_mode = "host".into();
        app.environment = vec![(name.into(), value.into())];
        let mapped = ["cache:127.0.0.1", "store.local:127.0.0.1", "app:127.0.0.1", "app.local:127.0.0.1"];
        app.extra_hosts = mapped.map(Into::into).to_vec();
        cache.ports = vec![port(6379, 16379, "127.0.0.1")];
        let found = derive(&stack([app, cache])).into_iter().map(|found| {
            let behind = found.published.map(|behind| format!(" {}:{}", behind.service, behind.container_port));
            format!("{}{}", found.target, behind.unwrap_or_default())
        });
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{name}={value}");
    }
}
