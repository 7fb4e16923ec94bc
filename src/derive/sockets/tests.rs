//! What sockets say of a small stack: tables of what was seen, and what follows.

use super::*;
use crate::derive::testing::{container, pairs, port, stack};
use crate::observation::Listener;
use crate::plan::build::{Narrow, build};

/// `app` 172.30.0.2, `db` 172.30.0.3, `api` 172.30.0.4, `beside` in the namespace of `api`, `cache` 172.30.0.6 published
/// as 26379, `worker` 172.30.0.7.
fn shop(variables: &[(&str, &str)]) -> Stack {
    let mut app = container("app", "shop-app");
    app.environment = pairs(variables);
    app.extra_hosts = vec!["host.docker.internal:host-gateway".into()];
    let mut beside = container("beside", "shop-proxy");
    beside.network_mode = "container:api-id".into();
    let mut cache = container("cache", "redis:7");
    cache.ports = vec![port(6379, 26379, "0.0.0.0"), port(6380, 26380, "127.0.0.1")];
    stack([
        app,
        container("db", "postgres:16"),
        container("api", "shop-api"),
        beside,
        cache,
        container("worker", "shop"),
    ])
}

/// What was seen of a namespace: what listens, and `172.30.0.3:5432`, with a `?` behind it where nobody answered.
fn sockets(listening: &[u16], openings: &[&str]) -> Sockets {
    let listeners = listening.iter().map(|&port| Listener { address: "0.0.0.0".parse().unwrap(), port }).collect();
    let opening = |text: &&str| {
        let (address, port) = text.trim_end_matches('?').rsplit_once(':').unwrap();
        let (address, port) = (address.parse().unwrap(), port.parse().unwrap());
        Opening { address, port, established: !text.ends_with('?') }
    };
    Sockets { listeners, openings: openings.iter().map(opening).collect() }
}

fn seen(of: &[(&str, Sockets)]) -> Seen {
    of.iter().map(|(service, sockets)| (format!("{service}-id"), sockets.clone())).collect()
}

fn shown(found: &[Connection]) -> Vec<String> {
    found.iter().map(|it| format!("{} -> {} {}", it.from, it.target, it.origin.name)).collect()
}

fn of(stack: &Stack, seen: &Seen, external: bool) -> Vec<String> {
    let (mut known, outside) = crate::derive::with_outside(stack, None, &[], std::path::Path::new("/"));
    known.extend(outside);
    shown(&derive(stack, &known, seen, external))
}

#[test]
fn a_socket_is_a_connection_only_where_it_is_certain_whose_it_is() {
    let stack = shop(&[]);
    for (openings, expected) in [
        (&["172.30.0.3:5432"][..], &["app -> postgres://db:5432 open connection"][..]),
        (&["172.30.0.3:5432?"], &["app -> postgres://db:5432 unanswered connection"]),
        (&["172.30.0.4:8080"], &["app -> tcp://api:8080 open connection"]),
        // In the stack, and nobody listens: whoever waits for an answer asked, whoever has one was asked perhaps.
        (&["172.30.0.4:8081"], &[]),
        (&["172.30.0.4:8081?"], &["app -> tcp://api:8081 unanswered connection"]),
        (&["172.30.0.4:45000"], &[]),
        (&["172.30.0.4:45000?"], &[]),
        (&["172.30.0.4:50051"], &["app -> tcp://api:50051 open connection"]),
        // Not surveyed: a server by what is known of it, or by a port that is given to nobody who connects.
        (&["172.30.0.7:7000"], &["app -> tcp://worker:7000 open connection"]),
        (&["172.30.0.7:45000"], &[]),
        // Itself, nobody, an address of the network that nobody has.
        (&["172.30.0.2:8080"], &[]),
        (&["127.0.0.1:8080"], &[]),
        (&["224.0.0.1:8080"], &[]),
        // By the host.
        (&["172.30.0.1:26379"], &["app -> redis://host.docker.internal:26379 open connection"]),
        (&["172.17.0.1:26379"], &["app -> redis://host.docker.internal:26379 open connection"]),
        (&["172.30.0.1:26380"], &[]),
        (&["172.30.0.1:9999"], &[]),
        // Outside.
        (&["203.0.113.9:443", "203.0.113.9:443?"], &[]),
    ] {
        let seen = seen(&[("app", sockets(&[], openings)), ("api", sockets(&[8080, 50051], &[]))]);
        assert_eq!(of(&stack, &seen, false), expected, "{openings:?}");
    }
}

#[test]
fn what_others_say_is_not_said_twice() {
    for (variables, opening, expected) in [
        (&[("DATABASE_URL", "postgres://u:p@db:5432/shop")][..], "172.30.0.3:5432", 1),
        (&[("DATABASE_URL", "postgres://u:p@shop-db-1:5432/shop")], "172.30.0.3:5432", 1),
        (&[("DATABASE_URL", "postgres://u:p@172.30.0.3:5432/shop")], "172.30.0.3:5432", 1),
        (&[("DATABASE_URL", "postgres://u:p@db.shop_default:5432/shop")], "172.30.0.3:5432", 1),
        (&[("API_URL", "http://api:8080/v1")], "172.30.0.4:8080", 1),
        (&[("REDIS_URL", "redis://host.docker.internal:26379")], "172.30.0.1:26379", 1),
        // Another port, another way.
        (&[("DATABASE_URL", "postgres://u:p@db:5432/shop")], "172.30.0.4:8080", 2),
        (&[("REDIS_URL", "redis://cache:6379")], "172.30.0.1:26379", 2),
    ] {
        let stack = shop(variables);
        let seen = seen(&[("app", sockets(&[], &[opening])), ("api", sockets(&[8080], &[]))]);
        let mut known = crate::derive::all(&stack, None, &[], std::path::Path::new("/"));
        let found = derive(&stack, &known, &seen, false);
        assert_eq!(found.len(), 1, "{variables:?}");
        known.extend(found);
        let checks = build(&stack, known, &Narrow::default());
        let ours: Vec<_> = checks.iter().filter(|check| check.from.container() == Some("app-id")).collect();
        assert_eq!(ours.len(), expected, "{variables:?} {ours:?}");
        let named = ours.iter().filter(|check| check.origins.iter().any(|origin| origin.kind == OriginKind::Socket));
        assert_eq!(named.count(), 1, "{variables:?}");
        if let [both] = ours[..] {
            assert_eq!(both.origins.len(), 2, "{variables:?}");
            assert_eq!(both.origins[0].kind, OriginKind::Environment);
        }
    }
}

#[test]
fn what_must_not_be_is_not_asked_for_as_well() {
    let stack = shop(&[]);
    let known = crate::derive::declared::derive(&stack, &["app -/-> postgres://db:5432".into()], None).unwrap();
    let seen = seen(&[("app", sockets(&[], &["172.30.0.3:5432", "172.30.0.4:8080?"]))]);
    assert_eq!(shown(&derive(&stack, &known, &seen, false)), ["app -> tcp://api:8080 unanswered connection"]);
}

#[test]
fn of_several_in_a_namespace_nobody_can_say_whose_it_is_unless_one_says_so() {
    let mut stack = shop(&[]);
    let open = seen(&[("api", sockets(&[8080], &["172.30.0.3:5432", "172.30.0.6:6379"]))]);
    assert!(of(&stack, &open, false).is_empty());
    stack.containers[3].environment = pairs(&[("DB_HOST", "db")]);
    assert_eq!(of(&stack, &open, false), ["beside -> postgres://db:5432 open connection"]);
    // Whom they serve is no matter.
    let open = seen(&[("app", sockets(&[], &["172.30.0.4:9000"])), ("api", sockets(&[9000], &[]))]);
    assert_eq!(of(&stack, &open, false), ["app -> tcp://api:9000 open connection"]);
    // Who only serves connects to nobody.
    stack.containers[5].image = "apache/kafka:4.1.0".into();
    // Who it is was found out already; a copy finds it out anew.
    let stack = stack.clone();
    assert!(of(&stack, &seen(&[("worker", sockets(&[9092], &["172.30.0.6:6379"]))]), false).is_empty());
    assert!(of(&stack, &seen(&[("db", sockets(&[5432], &["172.30.0.6:6379"]))]), false).is_empty());
}

#[test]
fn others_who_speak_http_there_say_what_is_spoken() {
    let mut stack = shop(&[]);
    stack.containers[5].environment = pairs(&[("API_URL", "http://api:8080")]);
    let open = seen(&[("app", sockets(&[], &["172.30.0.4:8080"]))]);
    assert_eq!(of(&stack, &open, false), ["app -> http://api:8080 open connection"]);
}

#[test]
fn connections_that_leave_the_stack_count_on_demand_where_no_name_is_known_for_them() {
    use crate::stack::Neighbour;
    let mut stack = shop(&[("PAY_API_URL", "https://pay.example.com")]);
    let address = "172.30.0.50".parse().unwrap();
    stack.neighbours = vec![Neighbour { container: "shared-db".into(), project: None, address }];
    let all = ["203.0.113.9:443", "203.0.113.9:5432", "172.30.0.50:3306", "172.30.0.1:9999", "203.0.113.9:50000"];
    let open = seen(&[("app", sockets(&[], &all))]);
    assert!(of(&stack, &open, false).is_empty());
    assert_eq!(
        of(&stack, &open, true),
        [
            "app -> tcp://203.0.113.9:5432 open connection",
            "app -> tcp://shared-db:3306 open connection",
            "app -> tcp://host.docker.internal:9999 open connection",
        ]
    );
}

#[test]
fn an_address_that_two_have_is_nobodys() {
    let mut stack = shop(&[]);
    let open = seen(&[("app", sockets(&[], &["172.30.0.3:5432"]))]);
    stack.containers[2].attachments[0].addresses = vec!["172.30.0.3".parse().unwrap()];
    assert!(of(&stack, &open, false).is_empty());
}

#[test]
fn a_network_without_names_is_used_by_addresses() {
    let mut stack = shop(&[]);
    stack.containers[1].attachments[0].names.clear();
    let open = seen(&[("app", sockets(&[], &["172.30.0.3:5432"]))]);
    assert_eq!(of(&stack, &open, false), ["app -> postgres://172.30.0.3:5432 open connection"]);
}
