use serde_json::{Value, json};

use super::*;

fn summaries(values: Value) -> Vec<ContainerSummary> {
    serde_json::from_value(values).unwrap()
}

#[test]
fn a_recorded_stack_survives_the_round_trip() {
    let recorded = include_str!("recorded_stack.json");
    let stack: Stack = serde_json::from_str(recorded).unwrap();
    // Recorded before containers told of their mounts: what is added later may be absent.
    let again: Stack = serde_json::from_value(serde_json::to_value(&stack).unwrap()).unwrap();
    assert_eq!(again, stack);
    assert_eq!(stack.services(), ["app", "redis"]);
    let app = stack.of_service("app").next().unwrap();
    assert_eq!(app.variable("SPRING_KAFKA_BOOTSTRAP_SERVERS"), Some("kafka:9092"));
    assert_eq!(stack.at_address("192.168.32.3".parse().unwrap()).unwrap().service, "redis");
    assert_eq!(stack.network("default").unwrap().name, "shop_default");
}

#[test]
fn shared_networks_name_the_whole_id() {
    let a = "ab".repeat(32);
    let b = format!("abab{}", "c".repeat(60));
    let all = summaries(json!([{"Id": a, "Names": ["/one"]}, {"Id": b, "Names": ["/abab"]}]));
    for (mode, wanted) in [
        ("host".to_owned(), "host".to_owned()),
        ("container:one".to_owned(), format!("container:{a}")),
        (format!("container:{a}"), format!("container:{a}")),
        ("container:ababc".to_owned(), format!("container:{b}")),
        ("container:abab".to_owned(), format!("container:{b}")),
        ("container:aba".to_owned(), "container:aba".to_owned()),
        ("container:gone".to_owned(), "container:gone".to_owned()),
        ("container:".to_owned(), "container:".to_owned()),
    ] {
        assert_eq!(with_full_id(&mode, &all), wanted);
    }
}

#[test]
fn strangers_are_everyone_else_who_publishes_tcp() {
    let all = summaries(json!([
        {"Id": "1", "Names": ["/shop-app-1"], "Labels": {LABEL_PROJECT: "shop"},
         "Ports": [{"PrivatePort": 80, "PublicPort": 80, "Type": "tcp"}]},
        {"Id": "2", "Names": ["/link/alias", "/lab-db-1"], "Labels": {LABEL_PROJECT: "lab"}, "Ports": [
            {"IP": "::", "PrivatePort": 80, "PublicPort": 81, "Type": "tcp"},
            {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 81, "Type": "tcp"},
            {"PrivatePort": 82, "Type": "tcp"}, {"PrivatePort": 53, "PublicPort": 53, "Type": "udp"}]},
        {"Id": "3"},
    ]));
    let found = strangers(&all, &BTreeSet::from(["1".to_owned()]));
    let shown: Vec<_> = found
        .iter()
        .map(|s| format!("{} {:?} {} {:?}", s.container, s.project.as_deref(), s.port.host_address, s.port.host_port))
        .collect();
    assert_eq!(shown, [r#"lab-db-1 Some("lab") 127.0.0.1 Some(81)"#, r#"lab-db-1 Some("lab") :: Some(81)"#]);
}

#[test]
fn one_off_containers_are_no_service() {
    let all = summaries(json!([
        {"Labels": {LABEL_PROJECT: "shop", LABEL_ONE_OFF: "False"}},
        {"Labels": {LABEL_PROJECT: "shop", LABEL_ONE_OFF: "True"}},
        {"Labels": {LABEL_PROJECT: "lab"}}, {},
    ]));
    assert_eq!(all.iter().map(|summary| is_of(summary, "shop")).collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn every_file_is_named_once() {
    let inspected: Vec<ContainerInspectResponse> = serde_json::from_value(json!([
        {"Config": {"Labels": {LABEL_FILES: "/a.yaml,/b.yaml"}}},
        {"Config": {"Labels": {LABEL_FILES: "/a.yaml"}}}, {}, {"Config": {}},
    ]))
    .unwrap();
    assert_eq!(config_files(&inspected), ["/a.yaml", "/b.yaml"]);
}
