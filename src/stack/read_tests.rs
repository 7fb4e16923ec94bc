use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::super::connect::connect_from;
use super::super::surroundings::Surroundings;

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

/// What listing says of an engine that gives these answers, one after another, the last one again and again.
async fn listed(answers: &'static [&'static str]) -> Result<usize, String> {
    const VERSION: &str = r#"{"Version":"4.3.1","ApiVersion":"1.41","MinAPIVersion":"1.24"}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let mut left = answers.iter().peekable();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or_default();
            let asked = String::from_utf8_lossy(&request[..length]).into_owned();
            let body = match left.peek().copied() {
                Some(answer) if asked.contains("/containers/json") => {
                    if left.len() > 1 {
                        left.next();
                    }
                    answer
                }
                _ => VERSION,
            };
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let surroundings = Surroundings {
        variables: [("DOCKER_HOST".to_owned(), format!("unix://{}", path.display()))].into(),
        home: None,
        directory: "/".into(),
    };
    let connection = connect_from(&surroundings).await.map_err(|error| error.to_string())?;
    let result = list(&connection).await.map(|all| all.len()).map_err(|error| error.to_string());
    server.abort();
    result
}

#[tokio::test]
async fn a_state_that_lasts_a_moment_does_not_spoil_the_list() {
    const PASSING: &str = r#"[{"Id":"a","State":"stopped"}]"#;
    assert_eq!(listed(&[PASSING, PASSING, r#"[{"Id":"a","State":"exited"}]"#]).await, Ok(1));
    let words = listed(&[PASSING]).await.unwrap_err();
    assert!(words.contains("would not list its containers"), "{words}");
}
