use super::*;
use crate::derive::testing::{container, stack};
use crate::derive::vantage;
use crate::rule::testing::{failing, told};
use crate::stack::Stack;

fn stack_of(image: &str) -> Stack {
    stack([container("grafana", image), container("prometheus", "prom/prometheus"), container("app", "orders:1")])
}

fn check(stack: &Stack, from: &str, host: &str, port: u16, kind: Kind) -> Seen {
    let addresses: &[&str] = match (host, kind) {
        (_, Kind::NameNotFound) => &[],
        ("localhost", _) => &["127.0.0.1"],
        _ => &["172.30.0.3"],
    };
    let mut seen = failing(vantage(stack.of_service(from).next().unwrap()), host, port, addresses, kind);
    seen.check.origins = vec![Origin::new(OriginKind::File, "sources.yaml datasources.0.url".into(), None)];
    seen.verdict = Verdict::Fail;
    seen
}

#[test]
fn it_claims_what_no_rule_before_it_explains() {
    let ours = "grafana-datasource-unreachable";
    for (host, port, kind, rule) in [
        ("prometheus", 9091, Kind::Refused, ours),
        ("prometheus", 9090, Kind::TimedOut, ours),
        ("prometheus", 9090, Kind::HttpStatus, ours),
        ("prometheus", 9090, Kind::TlsExpected, ours),
        ("metrics.example.com", 9090, Kind::NameNotFound, ours),
        // Those say why.
        ("localhost", 9090, Kind::Refused, "localhost-in-container"),
        ("prometheuss", 9090, Kind::NameNotFound, "unknown-host-name"),
    ] {
        let stack = stack_of("grafana/grafana:6.1.6");
        let seen = check(&stack, "grafana", host, port, kind);
        let facts = Facts { stack, checks: vec![seen.clone()], ..Facts::default() };
        let (found, cause) = told(&facts, &seen);
        assert_eq!(found, rule, "{host}:{port} {kind:?}");
        assert!(rule != ours || cause.evidence[0].contains("sources.yaml datasources.0.url"), "{cause:?}");
    }
}

#[test]
fn what_is_no_data_source_or_fails_others_too_is_told_of_the_server() {
    let stack = stack_of("grafana/grafana:6.1.6");
    let seen = check(&stack, "grafana", "prometheus", 9091, Kind::Refused);
    let mut facts = Facts { stack: stack.clone(), checks: vec![seen.clone()], ..Facts::default() };
    assert_eq!(told(&facts, &seen).0, RULE.id);
    // A setting of Grafana's that is no data source.
    let mut database = seen.clone();
    database.check.origins[0].name = "grafana.ini database.url".into();
    assert_eq!(told(&facts, &database).0, "connection-refused");
    // Somebody who is no Grafana has such a file.
    let other = Facts { stack: stack_of("shop-dashboards:1"), checks: vec![seen.clone()], ..Facts::default() };
    assert_eq!(told(&other, &seen).0, "connection-refused");
    // The application fails there too, and it is one cause.
    let mut app = check(&stack, "app", "prometheus", 9091, Kind::Refused);
    facts.checks.push(app.clone());
    assert_eq!(told(&facts, &seen).0, "connection-refused");
    app.verdict = Verdict::Pass;
    facts.checks[1] = app;
    assert_eq!(told(&facts, &seen).0, RULE.id);
}
