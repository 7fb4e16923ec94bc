//! What generic rules tell: of a broker that starts, of wrong ports, of ways that lead nowhere.

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::derive::testing::{self, container, port, stack};
use crate::observation::{Depth, Fact, Failure, Listener, Observation, PhaseName, Survey};
use crate::plan::{Check, Published, Tls, Vantage};
use crate::rule::Seen;
use crate::rule::testing::{failing, survey};
use crate::target::Protocol;

/// Rule, subject and help for a client that is refused, and for a closed published port, while these ports are open.
fn told(open: &[u16]) -> [(&'static str, Cause); 2] {
    let mut broker = container("kafka", "apache/kafka:4.1.0");
    broker.environment = vec![("KAFKA_LISTENERS".into(), "PLAINTEXT://:9092,CONTROLLER://:9093".into())];
    broker.ports = vec![port(9092, 39092, "0.0.0.0")];
    let published = Published { container: broker.id.clone(), service: "kafka".into(), container_port: 9092 };
    let listener = |&port: &u16| Listener { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port };
    let listeners = Fact::Present(open.iter().map(listener).collect());
    let survey = Survey { listeners, ..Survey::not_looked("not here") };
    let surveys = [(broker.id.clone(), survey)].into();
    let stack = stack([container("app", "app:1"), broker]);
    let app = crate::derive::vantage(&stack.containers[0]);
    let facts = Facts { stack, surveys, ..Facts::default() };
    [(app, "kafka", 9092, None, Kind::Refused), (Vantage::Host, "localhost", 39092, Some(published), Kind::Closed)].map(
        |(from, host, port, published, kind)| {
            let seen = Seen::of(Check { published, ..testing::check(from, Protocol::Kafka, host, port) });
            let failure = Failure { phase: PhaseName::Connect, kind, detail: "it failed".into() };
            let failed = Failed { seen: &seen, redirect: None, failure: &failure };
            let mut rules = crate::rule::RULES.iter();
            rules.find_map(|rule| Some((rule.id, (rule.explain)(&facts, &failed)?))).unwrap()
        },
    )
}

#[test]
fn a_broker_whose_controller_listens_already_is_still_starting() {
    for (rule, cause) in told(&[9093]) {
        assert_eq!((rule, cause.subject.as_str()), ("connection-refused", "kafka:9092"));
        let said = "KAFKA_LISTENERS names 9092, which is not open yet: kafka is still starting; look again";
        assert!(cause.help.starts_with(said), "{}", cause.help);
    }
}

#[test]
fn where_nothing_of_it_listens_it_is_not_said_to_start() {
    for open in [&[][..], &[8080]] {
        let [refused, closed] = told(open);
        assert_eq!((refused.0, closed.0), ("connection-refused", "closed-without-answer"));
        assert!(!refused.1.help.contains("still starting"), "{}", refused.1.help);
    }
}

/// The rule and the subject of a client that is refused at a wrong port, and of the port of the host that leads there.
fn wrong_port(open: &[(&str, u16)]) -> Vec<(&'static str, String)> {
    let (app, mut web) = (container("app", "app:1"), container("web", "web:1"));
    web.ports = vec![port(80, 8080, "0.0.0.0")];
    let inside = failing(crate::derive::vantage(&app), "web", 80, &["172.30.0.3"], Kind::Refused);
    let mut outside = failing(Vantage::Host, "127.0.0.1", 8080, &["127.0.0.1"], Kind::Closed);
    outside.check.published = Some(Published { container: web.id.clone(), service: "web".into(), container_port: 80 });
    let surveys = [(web.id.clone(), survey(open, &[]))].into();
    let facts = Facts { stack: stack([app, web]), surveys, checks: vec![inside, outside], ..Facts::default() };
    let told = |seen| {
        let (rule, cause) = crate::rule::testing::told(&facts, seen);
        (rule, cause.subject)
    };
    facts.checks.iter().map(told).collect()
}

#[test]
fn a_port_that_nobody_listens_on_is_one_cause_inside_and_published() {
    let same = ("connection-refused", "web:80".to_owned());
    assert_eq!(wrong_port(&[("0.0.0.0", 3000)]), [same.clone(), same.clone()]);
    // Open by now, so that nobody knows what closed the connection.
    assert_eq!(wrong_port(&[("0.0.0.0", 80)])[1].0, "closed-without-answer");
}

#[test]
fn who_has_no_way_to_an_address_is_to_be_changed() {
    let of = |detail: &str, address: &str, change: &dyn Fn(&mut Facts)| {
        let (app, web) = (container("app", "app:1"), container("web", "web:1"));
        let mut seen = failing(crate::derive::vantage(&app), "web", 80, &[address], Kind::Unreachable);
        seen.failure.as_mut().unwrap().detail = detail.into();
        let mut facts = Facts { stack: stack([app, web]), ..Facts::default() };
        change(&mut facts);
        let (rule, cause) = crate::rule::testing::told(&facts, &seen);
        assert_eq!(rule, "network-unreachable");
        (cause.subject, cause.service.unwrap(), cause.help)
    };
    let no_way = "network is unreachable";
    for (address, help) in [("fd00::3", "enable_ipv6"), ("192.0.2.1", "is on no network that app has")] {
        let (subject, service, said) = of(no_way, address, &|_| ());
        assert_eq!((subject.as_str(), service.as_str()), ("app -> web:80", "app"));
        assert!(said.contains(help), "{said}");
    }
    let (_, _, said) = of(no_way, "192.0.2.1", &|facts| facts.stack.networks[0].internal = true);
    assert!(said.contains("`internal` networks alone"), "{said}");
    let (_, _, said) = of(no_way, "192.0.2.1", &|facts| facts.stack.containers[0].network_mode = "none".into());
    assert!(said.contains("`network_mode: none`"), "{said}");
    // Its network is there, and nobody at that address.
    let (subject, service, _) = of("no route to host", "172.30.0.3", &|_| ());
    assert_eq!((subject.as_str(), service.as_str()), ("web:80", "web"));
}

#[test]
fn whoever_asks_for_a_database_of_redis_that_is_not_to_be_had_is_told_what_to_change() {
    let stack = stack([container("app", "app:1"), container("cache", "redis:7")]);
    let from = crate::derive::vantage(&stack.containers[0]);
    let facts = Facts { stack, ..Facts::default() };
    for (kind, detail, path, said) in [
        (Kind::UnknownDatabase, "ERR DB index is out of range", Some("16"), "correct the 16 in REDIS_URL"),
        (Kind::UnknownDatabase, "ERR SELECT is not allowed in cluster mode", Some("3"), "database 0 alone: take the 3"),
        (Kind::PermissionDenied, "NOPERM this user has no permissions", Some("3"), "+select in cache"),
        (Kind::PermissionDenied, "NOPERM this user has no permissions", None, "cache said: NOPERM"),
    ] {
        let mut check = testing::check(from.clone(), Protocol::Redis, "cache", 6379);
        (check.target.path, check.origins[0].name) = (path.map(Into::into), "REDIS_URL".into());
        let seen = Seen::of(check);
        let failure = Failure { phase: PhaseName::Request, kind, detail: detail.into() };
        let failed = Failed { seen: &seen, redirect: None, failure: &failure };
        let mut rules = crate::rule::RULES.iter();
        let (rule, cause) = rules.find_map(|rule| Some((rule.id, (rule.explain)(&facts, &failed)?))).unwrap();
        assert_eq!(rule, "expectation-unmet");
        assert!(cause.help.contains(said), "{}", cause.help);
    }
}

#[test]
fn who_speaks_tls_to_a_port_without_it_is_told_who_gets_an_answer_there() {
    let told = |other_port: u16, tls: Tls| {
        let stack = stack([container("app", "app:1"), container("cache", "redis:7")]);
        let app = || crate::derive::vantage(&stack.containers[0]);
        let mut silent = failing(app(), "cache", 6379, &["172.30.0.3"], Kind::Silent);
        silent.failure.as_mut().unwrap().phase = PhaseName::Tls;
        let mut other = Seen::of(testing::check(app(), Protocol::Redis, "cache", other_port));
        (other.check.id, other.check.security.tls) = ("web -> cache".into(), tls);
        other.observation = Some(Observation { depth: Depth::Answered, ..Observation::default() });
        let facts = Facts { stack, checks: vec![silent, other], ..Facts::default() };
        crate::rule::testing::told(&facts, &facts.checks[0]).1.help
    };
    let said = told(6379, Tls::Unsaid);
    assert!(said.starts_with("cache speaks without TLS on that port, as web -> cache shows"), "{said}");
    for said in [told(6380, Tls::Unsaid), told(6379, Tls::Required)] {
        assert!(said.starts_with("look whether cache is still starting"), "{said}");
    }
}

#[test]
fn who_speaks_to_another_port_of_a_server_is_told_where_it_speaks_so() {
    let told = |others: &[(&str, u16, Protocol, Depth)]| {
        let stack = stack([container("app", "app:1"), container("search", "search:1"), container("web", "web:1")]);
        let app = || crate::derive::vantage(&stack.containers[0]);
        let mut wrong = failing(app(), "search", 9300, &["172.30.0.3"], Kind::WrongProtocol);
        wrong.check.target.protocol = Protocol::Http;
        let answers = |&(host, port, protocol, depth): &(&str, u16, Protocol, Depth)| {
            let mut seen = Seen::of(testing::check(app(), protocol, host, port));
            seen.check.id = format!("shop -> {host}:{port}");
            seen.observation = Some(Observation { depth, ..Observation::default() });
            seen
        };
        let checks = [wrong].into_iter().chain(others.iter().map(answers)).collect();
        let facts = Facts { stack, checks, ..Facts::default() };
        let (rule, cause) = crate::rule::testing::told(&facts, &facts.checks[0]);
        assert_eq!(rule, "wrong-protocol");
        cause.help
    };
    let right = ("search", 9200, Protocol::Http, Depth::Answered);
    let said = told(&[right, right]);
    assert!(said.starts_with("search speaks http on port 9200, as shop -> search:9200 shows: in app, set "), "{said}");
    assert!(said.ends_with("search:9200"), "{said}");
    for others in [
        &[][..],
        &[("web", 9200, Protocol::Http, Depth::Answered)],
        &[("search", 9200, Protocol::Kafka, Depth::Answered)],
        &[("search", 9200, Protocol::Http, Depth::Connected)],
        &[("search", 9300, Protocol::Http, Depth::Answered)],
        // Which of the two is meant, nobody knows.
        &[right, ("search", 9600, Protocol::Http, Depth::Answered)],
    ] {
        let said = told(others);
        assert!(said.starts_with("something else answered at search:9300"), "{said}");
    }
}
