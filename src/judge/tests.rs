//! Verdicts that are easily wrong, each beside its near-miss.

use std::net::IpAddr;

use super::*;
use crate::derive::testing::{self, container, pairs, port, stack};
use crate::observation::{KafkaPeer, MysqlPeer, Redirect};
use crate::plan::{Origin, OriginKind, Published, Security, Tls, Vantage, build::Narrow, build::build};
use crate::target::Protocol;

/// The addresses that [`stack`] gives: app 2, web 3, db 4.
fn address(last: u8) -> IpAddr {
    IpAddr::from([172, 30, 0, last])
}

fn shop() -> Stack {
    stack(["app", "web", "db"].map(|service| container(service, "any:1")))
}

fn from(stack: &Stack, service: &str) -> Vantage {
    crate::derive::vantage(stack.of_service(service).next().unwrap())
}

fn check(from: Vantage, protocol: Protocol, host: &str, port: u16, expect: Expectation) -> Seen {
    Seen::of(Check { expect, ..testing::check(from, protocol, host, port) })
}

fn connected(mut seen: Seen, to: IpAddr) -> Seen {
    let depth = Depth::Connected;
    seen.observation = Some(Observation { connected: Some(to), addresses: vec![to], depth, ..Observation::default() });
    seen
}

fn failed(mut seen: Seen, kind: Kind) -> Seen {
    let failure = Failure { phase: PhaseName::Connect, kind, detail: "it failed".into() };
    seen.observation = Some(Observation { failure: Some(failure), ..Observation::default() });
    seen
}

fn judged(stack: Stack, checks: Vec<Seen>) -> Vec<Verdict> {
    let mut facts = Facts { stack, checks, ..Facts::default() };
    verdicts(&mut facts);
    facts.checks.iter().map(|seen| seen.verdict).collect()
}

const TCP: Protocol = Protocol::Tcp;
const YES: Expectation = Expectation::Answers;
const NO: Expectation = Expectation::Closed;

#[test]
fn closed_is_proven_only_by_another_who_reaches_it() {
    let stack = shop();
    let [app, web] = ["app", "web"].map(|service| from(&stack, service));
    let shut = || failed(check(web.clone(), TCP, "db", 1, NO), Kind::TimedOut);
    assert_eq!(judged(stack.clone(), vec![shut()]), [Verdict::Inconclusive]);
    let open = connected(check(app.clone(), TCP, "db", 1, YES), address(4));
    assert_eq!(judged(stack.clone(), vec![shut(), open.clone()])[0], Verdict::Pass);
    let by_address = connected(check(app.clone(), TCP, "172.30.0.4", 1, YES), address(4));
    assert_eq!(judged(stack.clone(), vec![shut(), by_address])[0], Verdict::Pass);
    let other_port = connected(check(app, TCP, "db", 2, YES), address(4));
    assert_eq!(judged(stack.clone(), vec![shut(), other_port])[0], Verdict::Inconclusive);
    let myself = connected(check(web.clone(), TCP, "172.30.0.4", 1, YES), address(4));
    assert_eq!(judged(stack.clone(), vec![shut(), myself])[0], Verdict::Fail);
    let made = connected(check(web, TCP, "db", 1, NO), address(4));
    assert_eq!(judged(stack.clone(), vec![made, open])[0], Verdict::Fail);
}

#[test]
fn everybody_has_a_localhost_of_their_own() {
    let stack = shop();
    let [app, web] = ["app", "web"].map(|service| from(&stack, service));
    let shut = failed(check(web, TCP, "localhost", 1, NO), Kind::Refused);
    let open = connected(check(app, TCP, "localhost", 1, YES), IpAddr::from([127, 0, 0, 1]));
    assert_eq!(judged(stack, vec![shut, open])[0], Verdict::Inconclusive);
}

#[test]
fn a_container_name_means_nothing_on_the_host() {
    let stack = shop();
    let open = connected(check(from(&stack, "app"), TCP, "db", 1, YES), address(4));
    let unnamed = failed(check(Vantage::Host, TCP, "db", 1, NO), Kind::NameNotFound);
    assert_eq!(judged(stack, vec![unnamed, open])[0], Verdict::Inconclusive);
}

#[test]
fn the_kernel_answers_for_a_paused_server() {
    let mut stack = shop();
    let open = connected(check(from(&stack, "app"), TCP, "db", 1, YES), address(4));
    assert_eq!(judged(stack.clone(), vec![open.clone()]), [Verdict::Pass]);
    stack.containers.iter_mut().find(|c| c.service == "db").unwrap().state.status = Status::Paused;
    assert_eq!(judged(stack, vec![open]), [Verdict::Fail]);
}

#[test]
fn nobody_is_accused_for_what_changed_while_we_looked() {
    let mut stack = shop();
    let refused = failed(check(from(&stack, "app"), TCP, "db", 1, YES), Kind::Refused);
    assert_eq!(judged(stack.clone(), vec![refused.clone()]), [Verdict::Fail]);
    let mut later = stack.clone();
    later.containers.iter_mut().find(|c| c.service == "db").unwrap().state.started = "later".into();
    let changed = stack.changed_until(&later);
    assert_eq!(changed.len(), 1);
    let mut facts = Facts { stack, checks: vec![refused], changed, ..Facts::default() };
    verdicts(&mut facts);
    assert_eq!(facts.checks[0].verdict, Verdict::Inconclusive);
    assert!(findings(&facts).is_empty());
}

#[test]
fn who_crashed_while_we_looked_is_told() {
    let mut stack = shop();
    let refused = failed(check(from(&stack, "app"), TCP, "db", 1, YES), Kind::Refused);
    let mut later = stack.clone();
    let db = later.containers.iter_mut().find(|c| c.service == "db").unwrap();
    (db.state.started, db.restarts) = ("later".into(), 3);
    assert!(stack.changed_until(&later).is_empty());
    let mut facts = Facts { stack, checks: vec![refused], ..Facts::default() };
    verdicts(&mut facts);
    assert_eq!(facts.checks[0].verdict, Verdict::Fail);
    assert_eq!(findings(&facts)[0].rule, "service-restarting");
}

/// A broker that was asked at one address and hands out another, at which somebody answers.
fn kafka(seen: Seen, asked: IpAddr, host: &str, port: u16, at: IpAddr) -> Seen {
    let answer = Observation { connected: Some(at), depth: Depth::Answered, ..Observation::default() };
    let redirect = Redirect { name: "broker 1".into(), id: Some(1), host: host.into(), port, observation: answer };
    let mut seen = connected(seen, asked);
    let observation = seen.observation.as_mut().unwrap();
    observation.redirects = vec![redirect];
    observation.peer = Some(Peer::Kafka(KafkaPeer::default()));
    seen
}

#[test]
fn a_broker_alone_may_only_send_to_itself() {
    // `web` and `db` are brokers, or one of them is a proxy before the other.
    let judged = |web: &str, db: &str, host: &str, at: u8| {
        let stack = stack([container("app", "any:1"), container("web", web), container("db", db)]);
        let ask = check(from(&stack, "app"), Protocol::Kafka, "db", 9092, YES);
        judged(stack, vec![kafka(ask, address(4), host, 9092, address(at))])[0]
    };
    let (broker, proxy) = ("apache/kafka:4.1.0", "library/haproxy:3");
    assert_eq!(judged(broker, broker, "db", 4), Verdict::Pass);
    assert_eq!(judged(broker, broker, "web", 3), Verdict::Fail);
    assert_eq!(judged(broker, proxy, "web", 3), Verdict::Pass);
    assert_eq!(judged(proxy, broker, "web", 3), Verdict::Pass);
}

#[test]
fn the_host_is_sent_only_to_ports_that_the_stack_publishes() {
    let mut stack = shop();
    let db = stack.containers.iter_mut().find(|c| c.service == "db").unwrap();
    db.ports = vec![port(9092, 19092, "127.0.0.1")];
    let id = db.id.clone();
    let ask = || {
        let mut seen = check(Vantage::Host, Protocol::Kafka, "127.0.0.1", 19092, YES);
        seen.check.published = Some(Published { container: id.clone(), service: "db".into(), container_port: 9092 });
        seen
    };
    let here = IpAddr::from([127, 0, 0, 1]);
    assert_eq!(judged(stack.clone(), vec![kafka(ask(), here, "localhost", 19092, here)]), [Verdict::Pass]);
    assert_eq!(judged(stack.clone(), vec![kafka(ask(), here, "localhost", 9092, here)]), [Verdict::Fail]);
}

#[test]
fn a_login_that_would_change_the_answer_is_not_tried_and_proves_nothing() {
    let stack = shop();
    let ask = |plugin: &str, settings: &[(&str, &str)]| {
        let mut seen = check(from(&stack, "app"), Protocol::Mysql, "db", 3306, YES);
        seen.check.settings = pairs(settings);
        let mut seen = connected(seen, address(4));
        let observation = seen.observation.as_mut().unwrap();
        observation.depth = Depth::Answered;
        observation.peer = Some(Peer::Mysql(MysqlPeer { plugin: Some(plugin.into()), ..MysqlPeer::default() }));
        judged(stack.clone(), vec![seen])[0]
    };
    let plain = ("useSSL", "false");
    assert_eq!(ask("caching_sha2_password", &[plain]), Verdict::Inconclusive);
    assert_eq!(ask("caching_sha2_password", &[plain, ("allowPublicKeyRetrieval", "true")]), Verdict::Pass);
    assert_eq!(ask("mysql_native_password", &[plain]), Verdict::Pass);
    assert_eq!(ask("caching_sha2_password", &[]), Verdict::Pass);
}

#[test]
fn who_only_waits_for_a_server_says_nothing_of_a_login() {
    let stack = shop();
    let app = from(&stack, "app");
    for (kinds, verdict) in [
        (&[OriginKind::DependsOn][..], Verdict::Pass),
        (&[OriginKind::Command], Verdict::Pass),
        (&[OriginKind::Healthcheck, OriginKind::DependsOn], Verdict::Pass),
        (&[OriginKind::Environment], Verdict::Inconclusive),
        (&[OriginKind::File, OriginKind::Command], Verdict::Inconclusive),
    ] {
        let mut seen = check(app.clone(), Protocol::Postgres, "db", 5432, YES);
        seen.check.origins = kinds.iter().map(|&kind| Origin::new(kind, "x".into(), None)).collect();
        assert_eq!(judged(stack.clone(), vec![failed(seen, Kind::AuthenticationRequired)]), [verdict], "{kinds:?}");
    }
}

#[test]
fn a_listener_that_wants_a_login_fails_only_who_surely_has_none() {
    let stack = shop();
    let app = from(&stack, "app");
    let verdict = |from: &Vantage, tls: Tls, kind: Kind| {
        let mut seen = check(from.clone(), Protocol::Kafka, "db", 9092, YES);
        seen.check.security.tls = tls;
        judged(stack.clone(), vec![failed(seen, kind)])[0]
    };
    assert_eq!(verdict(&app, Tls::Off, Kind::AuthenticationRequired), Verdict::Fail);
    assert_eq!(verdict(&app, Tls::Unsaid, Kind::AuthenticationRequired), Verdict::Inconclusive);
    // Nobody knows where such a listener sends clients.
    assert_eq!(verdict(&Vantage::Host, Tls::Unsaid, Kind::AuthenticationRequired), Verdict::Inconclusive);
    assert_eq!(verdict(&app, Tls::Off, Kind::TlsExpected), Verdict::Fail);
    assert_eq!(verdict(&app, Tls::Unsaid, Kind::TlsExpected), Verdict::Inconclusive);
    assert_eq!(verdict(&Vantage::Host, Tls::Unsaid, Kind::TlsExpected), Verdict::Inconclusive);
    assert_eq!(verdict(&app, Tls::Required, Kind::TlsFailed), Verdict::Fail);
}

#[test]
fn clients_that_connect_in_different_ways_are_planned_apart() {
    let mut stack = shop();
    let mut ids = |variables: &[(&str, &str)]| {
        let environment = pairs(variables);
        stack.containers.iter_mut().find(|c| c.service == "app").unwrap().environment = environment;
        let connections = crate::derive::environment::derive(&stack);
        build(&stack, connections, &Narrow::default()).into_iter().map(|check| check.id).collect::<Vec<_>>()
    };
    let both = [("A_KAFKA_BROKERS", "db:9092"), ("B_KAFKA_BROKERS", "db:9092")];
    let plain = ("A_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT");
    assert_eq!(ids(&[both[0], both[1]]), ["app -> db:9092"]);
    let apart = ids(&[both[0], both[1], plain, ("B_KAFKA_SECURITY_PROTOCOL", "SSL")]);
    assert_eq!(apart, ["app -> db:9092", "app -> db:9092 by B_KAFKA_BROKERS"]);
}

#[test]
fn a_url_that_clients_read_in_different_ways_is_not_left_out_without_a_word() {
    for (variables, expected) in [
        (&[("DB_URL", "postgresql://app:pa#ss@db:5432/shop")][..], &["app -> db:5432 cannot"][..]),
        (&[("DB_URL", "postgresql://app:pa/ss@db/shop")], &["app -> db:5432 cannot"]),
        (&[("DB_URL", "postgresql://app:pa%23ss@db/shop")], &["app -> db:5432/shop ready"]),
        (&[("DB_URL", "postgresql://app:pa#ss@elsewhere.example/shop")], &[]),
        // Each stays beside the other.
        (
            &[("CACHE", "tcp://db:5432"), ("DB_URL", "postgresql://app:pa#ss@db/shop")],
            &["app -> db:5432 ready", "app -> db:5432 by DB_URL cannot"],
        ),
    ] {
        let mut app = container("app", "any:1");
        app.environment = pairs(variables);
        let stack = stack([app, container("db", "postgres:17")]);
        let checks = build(&stack, crate::derive::environment::derive(&stack), &Narrow::default());
        let told = |check: &Check| match &check.readiness {
            Readiness::Cannot(reason) if reason.contains("DB_URL") && !format!("{check:?}").contains("ss@") => "cannot",
            Readiness::Ready => "ready",
            other => panic!("{other:?}"),
        };
        let told: Vec<_> = checks.iter().map(|check| format!("{} {}", check.id, told(check))).collect();
        assert_eq!(told, expected, "{variables:?}");
    }
}

#[test]
fn what_differs_is_planned_apart() {
    let mut stack = shop();
    let mut ids = |variables: &[(&str, &str)]| {
        stack.containers.iter_mut().find(|c| c.service == "app").unwrap().environment = pairs(variables);
        let connections = crate::derive::environment::derive(&stack);
        build(&stack, connections, &Narrow::default()).into_iter().map(|check| check.id).collect::<Vec<_>>()
    };
    let one = ids(&[("A_DB_URL", "mysql://u:p@db:3306/x"), ("B_DB_URL", "mysql://u:p@db/x")]);
    assert_eq!(one, ["app -> db:3306/x"]);
    let two = ids(&[("A_DB_URL", "mysql://u:p@db:3306/x"), ("B_DB_URL", "mysql://u:other@db/x")]);
    assert_eq!(two, ["app -> db:3306/x", "app -> db:3306/x by B_DB_URL"]);
    let protocols = ids(&[("A_URL", "http://db:7000"), ("B_URL", "redis://db:7000")]);
    assert_eq!(protocols, ["app -> db:7000", "app -> redis://db:7000"]);
}

#[test]
fn a_command_that_says_less_is_no_check_of_its_own() {
    let mut stack = shop();
    let mut plan = |variables: &[(&str, &str)], command: &str| {
        let app = stack.containers.iter_mut().find(|c| c.service == "app").unwrap();
        app.environment = pairs(variables);
        app.command = ["sh", "-c", command].map(str::to_owned).into();
        let connections = crate::derive::all(&stack, None, &[], std::path::Path::new("/"));
        let checks = build(&stack, connections, &Narrow::default());
        let of_app = checks.into_iter().filter(|check| check.from.identity() == "app");
        of_app.map(|check| format!("{} {}", check.id, check.origins.len())).collect::<Vec<_>>()
    };
    let url = ("DB_URL", "mysql://u:p@db:3306/x");
    assert_eq!(plan(&[url], "mysqladmin ping -h db"), ["app -> db:3306/x 2"]);
    assert_eq!(plan(&[url], "mysqladmin ping -h db -P 3307"), ["app -> db:3306/x 1", "app -> db:3307 1"]);
    assert_eq!(plan(&[], "mysqladmin ping -h db"), ["app -> db:3306 1"]);
}

#[test]
fn a_page_that_a_user_asks_for_proves_nothing_of_a_client_that_names_none() {
    let mut stack = shop();
    let app = stack.containers.iter_mut().find(|c| c.service == "app").unwrap();
    app.command = ["sh", "-c", "curl http://db:8080"].map(str::to_owned).into();
    let plan = |expected: &str| {
        let mut connections = crate::derive::declared::derive(&stack, &[expected.to_owned()], None).unwrap();
        connections.extend(crate::derive::all(&stack, None, &[], std::path::Path::new("/")));
        let checks = build(&stack, connections, &Narrow::default());
        let of_app = checks.into_iter().filter(|check| check.from.identity() == "app");
        of_app.map(|check| format!("{} {}", check.id, check.origins.len())).collect::<Vec<_>>()
    };
    assert_eq!(plan("app -> http://db:8080/health"), ["app -> db:8080 1", "app -> db:8080/health 1"]);
    assert_eq!(plan("app -> http://db:8080"), ["app -> db:8080 2"]);
}

#[test]
fn a_listener_that_wants_a_login_passes_from_the_host_where_its_settings_say_that_it_sends_back() {
    let case = |advertised: &str, tls: Tls| {
        let mut stack = shop();
        let broker = stack.containers.iter_mut().find(|container| container.service == "db").unwrap();
        broker.ports = vec![port(9092, 39092, "0.0.0.0")];
        let variables = [("KAFKA_LISTENERS", "IN://:29092,OUT://:9092"), ("KAFKA_ADVERTISED_LISTENERS", advertised)];
        broker.environment = pairs(&variables);
        let mut seen = check(Vantage::Host, Protocol::Kafka, "localhost", 39092, YES);
        seen.check.security.tls = tls;
        seen.check.published =
            Some(Published { container: broker.id.clone(), service: "db".into(), container_port: 9092 });
        judged(stack, vec![failed(seen, Kind::AuthenticationRequired)])[0]
    };
    assert_eq!(case("IN://db:29092,OUT://localhost:39092", Tls::Unsaid), Verdict::Pass);
    assert_eq!(case("IN://db:29092,OUT://127.0.0.1:39092", Tls::Required), Verdict::Pass);
    for advertised in ["IN://db:29092,OUT://db:9092", "IN://db:29092,OUT://localhost:9092", "IN://localhost:39092", ""]
    {
        assert_eq!(case(advertised, Tls::Unsaid), Verdict::Inconclusive, "{advertised}");
    }
}

#[test]
fn a_server_that_is_slow_after_the_login_is_not_accused() {
    let stack = shop();
    let verdict = |depth: Depth, phase: PhaseName, kind: Kind| {
        let mut seen = failed(check(from(&stack, "app"), Protocol::Postgres, "db", 5432, YES), kind);
        let observation = seen.observation.as_mut().unwrap();
        observation.depth = depth;
        observation.failure.as_mut().unwrap().phase = phase;
        judged(stack.clone(), vec![seen])[0]
    };
    assert_eq!(verdict(Depth::LoggedIn, PhaseName::Request, Kind::Silent), Verdict::Inconclusive);
    assert_eq!(verdict(Depth::LoggedIn, PhaseName::Request, Kind::TimedOut), Verdict::Inconclusive);
    assert_eq!(verdict(Depth::LoggedIn, PhaseName::Request, Kind::Closed), Verdict::Fail);
    assert_eq!(verdict(Depth::Answered, PhaseName::Login, Kind::Silent), Verdict::Fail);
    assert_eq!(verdict(Depth::Connected, PhaseName::Handshake, Kind::Silent), Verdict::Fail);
}

#[test]
fn a_database_that_the_driver_makes_is_not_missed() {
    let stack = shop();
    let verdict = |said: Option<&str>, kind: Kind| {
        let mut seen = failed(check(from(&stack, "app"), Protocol::Mysql, "db", 3306, YES), kind);
        seen.check.settings.extend(said.map(|said| ("createDatabaseIfNotExist".into(), said.into())));
        judged(stack.clone(), vec![seen])[0]
    };
    assert_eq!(verdict(Some("true"), Kind::UnknownDatabase), Verdict::Pass);
    assert_eq!(verdict(Some("false"), Kind::UnknownDatabase), Verdict::Fail);
    assert_eq!(verdict(None, Kind::UnknownDatabase), Verdict::Fail);
    assert_eq!(verdict(Some("true"), Kind::AuthenticationFailed), Verdict::Fail);
}

#[test]
fn a_client_that_verifies_by_a_file_that_nobody_could_read_does_not_pass() {
    let shop = shop();
    let missing = "/ca.pem of app cannot be read: there is none";
    for (needs, known, shown, verdict) in [
        (true, None, true, Verdict::Inconclusive),
        (true, Some("a certificate"), true, Verdict::Pass),
        (false, None, true, Verdict::Pass),
        // A server without TLS shows none: whoever asks for it has failed before.
        (true, None, false, Verdict::Pass),
    ] {
        let mut seen = connected(check(from(&shop, "app"), Protocol::Postgres, "db", 5432, YES), address(4));
        seen.check.security = Security {
            needs_authorities: needs,
            authorities: known.map(Into::into),
            authorities_unknown: known.is_none().then(|| missing.into()),
            ..Security::default()
        };
        seen.observation.as_mut().unwrap().certificate = shown.then(crate::observation::Certificate::default);
        super::verdict(&shop, &mut seen);
        let told = seen.reason.as_deref().is_some_and(|reason| reason.contains(missing));
        assert_eq!((seen.verdict, told), (verdict, verdict == Verdict::Inconclusive), "{seen:?}");
    }
}

#[test]
fn no_password_goes_to_a_process_on_the_host_that_may_be_anybodys() {
    let on_host = |service: &str, url: Option<&str>| {
        let mut container = container(service, "any:1");
        container.network_mode = "host".into();
        container.environment = url.map(|url| ("REDIS_URL".into(), url.into())).into_iter().collect();
        container
    };
    let app = || on_host("app", Some("redis://:secret@localhost:6379"));
    let withheld = |stack: &Stack| {
        let checks = build(stack, crate::derive::environment::derive(stack), &Narrow::default());
        let [check] = &checks[..] else { panic!("{checks:?}") };
        assert_eq!(check.credentials.is_none(), check.setting("credentials") == Some("withheld"));
        check.credentials.is_none()
    };
    assert!(withheld(&stack([app()])));
    // The stack's own: another container there, or who publishes the port.
    assert!(!withheld(&stack([app(), on_host("cache", None)])));
    let mut cache = container("cache", "redis:7");
    cache.ports = vec![port(6379, 6379, "0.0.0.0")];
    let published = stack([app(), cache]);
    let checks = build(&published, crate::derive::environment::derive(&published), &Narrow::default());
    assert!(checks.iter().all(|check| check.credentials.is_some()), "{checks:?}");
}
