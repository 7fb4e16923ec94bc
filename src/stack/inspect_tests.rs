use serde_json::{Value, json};

use super::*;

fn read(inspected: Value) -> Container {
    container(serde_json::from_value(inspected).unwrap())
}

const ID: &str = "4766cfb5e28c8bca2d06b2264ac390decb3e409be5c21da9545f77360092d501";

#[test]
fn nothing_said_is_nothing_known() {
    let empty = read(json!({}));
    assert_eq!(
        empty,
        Container {
            number: 1,
            state: State { status: Status::Exited, ..State::default() },
            restart_policy: "no".to_owned(),
            ..Container::default()
        }
    );
}

#[test]
fn names_follow_the_engine_where_it_lists_them() {
    let endpoint = |dns_names: Value| {
        read(json!({
            "Id": ID, "Name": "/shop-cache-2",
            "NetworkSettings": {"Networks": {
                "shop_back": {"Aliases": ["cache", "kv"], "DNSNames": dns_names, "IPAddress": "172.21.0.2",
                    "GlobalIPv6Address": "fd00::2", "Gateway": "", "IPv6Gateway": "fd00::1"},
                "none": {"IPAddress": ""}, "bridge": {"Aliases": ["x"], "IPAddress": "172.17.0.2", "Gateway": "172.17.0.1"},
            }},
        }))
        .attachments
    };
    let names = |attachment: &Attachment| attachment.names.iter().cloned().collect::<Vec<_>>().join(" ");
    // API 1.41 to 1.43, and containers that were never started.
    for absent in [Value::Null, json!([])] {
        let old = endpoint(absent);
        assert_eq!(old.iter().map(|at| at.network.as_str()).collect::<Vec<_>>(), ["bridge", "shop_back"]);
        assert_eq!(names(&old[1]), "4766cfb5e28c cache kv shop-cache-2");
        assert_eq!(old[1].addresses, ["172.21.0.2", "fd00::2"].map(|address| address.parse::<IpAddr>().unwrap()));
        assert_eq!(old[1].gateway, "fd00::1".parse().ok());
        assert_eq!((names(&old[0]).as_str(), old[0].gateway), ("", "172.17.0.1".parse().ok()));
    }
    assert_eq!(names(&endpoint(json!(["cache", "myhost"]))[1]), "cache myhost");
}

#[test]
fn who_joined_another_has_no_networks_and_ports_of_its_own() {
    // As Podman 4.3 says it.
    let joined = |mode: &str| {
        read(json!({
            "Id": ID,
            "HostConfig": {"NetworkMode": mode, "PortBindings": {}},
            "NetworkSettings": {"Ports": {"6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": "6379"}]},
                "Networks": {"shop_back": {"Aliases": ["cache"], "IPAddress": "172.21.0.2"}}},
        }))
    };
    let other = joined(&format!("container:{ID}"));
    assert!(other.attachments.is_empty() && other.ports.is_empty() && other.joins() == Some(ID));
    let own = joined("shop_back");
    assert_eq!((own.attachments.len(), own.ports.len()), (1, 1));
}

#[test]
fn ports_are_tcp_and_by_address() {
    let published = |container_port, host_port, host: &str| PublishedPort {
        container_port,
        host_port,
        host_address: host.parse().unwrap(),
    };
    let found = read(json!({
        "Config": {"ExposedPorts": {"6379/tcp": {}, "53/udp": {}, "7000-7002": {}, "x": {}, "0/tcp": {}}},
        "NetworkSettings": {"Ports": {
            "0/tcp": null, "53/udp": [{"HostIp": "", "HostPort": "53"}],
            "6379/tcp": [{"HostIp": "::", "HostPort": "32768"}, {"HostIp": "0.0.0.0", "HostPort": "32768"}],
        }},
        "HostConfig": {"PortBindings": {
            "6379/tcp": [{"HostIp": "", "HostPort": ""}, {"HostIp": "127.0.0.1", "HostPort": "6379"}],
            "6380/tcp": [{"HostPort": "46400-46410"}], "6381/tcp": [{"HostPort": "0"}],
        }},
    }));
    assert_eq!(found.exposed, [6379, 7000, 7001, 7002]);
    assert_eq!(found.ports, [published(6379, Some(32768), "0.0.0.0"), published(6379, Some(32768), "::")]);
    assert_eq!(
        found.wanted_ports,
        [
            published(6379, None, "0.0.0.0"),
            published(6379, Some(6379), "127.0.0.1"),
            published(6380, None, "0.0.0.0"),
            published(6381, None, "0.0.0.0"),
        ]
    );
}

#[test]
fn states_keep_their_meaning() {
    for (state, wanted) in [
        (json!({"Status": "created"}), Status::Created),
        (json!({"Status": "running"}), Status::Running),
        (json!({"Status": "paused"}), Status::Paused),
        (json!({"Status": "restarting"}), Status::Restarting),
        (json!({"Status": "removing"}), Status::Removing),
        (json!({"Status": "exited"}), Status::Exited),
        (json!({"Status": "dead"}), Status::Dead),
        (json!({"Running": true}), Status::Running),
        (json!({"Running": true, "Paused": true}), Status::Paused),
        (json!({"Running": true, "Restarting": true}), Status::Restarting),
    ] {
        assert_eq!(read(json!({"State": state})).state.status, wanted, "{state}");
    }
    let killed = read(json!({
        "RestartCount": 3,
        "State": {"Status": "exited", "ExitCode": 137, "OOMKilled": true, "Error": "e", "StartedAt": "0001-01-01T00:00:00Z"},
        "HostConfig": {"RestartPolicy": {"Name": "on-failure"}, "Memory": 64, "CpuQuota": 50_000},
    }));
    let wanted = State {
        status: Status::Exited,
        exit_code: 137,
        error: "e".to_owned(),
        out_of_memory: true,
        started: String::new(),
    };
    assert_eq!((killed.state, killed.restarts, killed.restart_policy.as_str()), (wanted, 3, "on-failure"));
    assert_eq!(killed.limits, Limits { memory: 64, nano_cpus: 500_000_000 });
}

#[test]
fn health_output_is_the_last_one_and_safe() {
    let state = json!({"State": {"Health": {"Status": "unhealthy", "FailingStreak": 2, "Log": [
        {"Output": "first"}, {"Output": format!("\u{1b}[31mred\n{}", "x".repeat(10_000))},
    ]}}});
    let health = read(state).health.unwrap();
    assert_eq!((health.status.as_str(), health.failing), ("unhealthy", 2));
    assert!(health.output.starts_with("\\u{1b}[31mred xxx"), "{}", health.output);
    assert!(health.output.chars().count() <= OUTPUT + 10);
    assert_eq!(read(json!({"State": {"Health": {"Status": "none"}}})).health, None);
    assert_eq!(read(json!({"State": {"Health": {}}})).health, None);
}

#[test]
fn variables_and_commands() {
    let found = read(json!({
        "Path": "tini", "Args": ["a"],
        "Config": {"Env": ["A=1=2", "B=", "C"], "Entrypoint": ["run.sh"], "Cmd": ["x", "y z"]},
    }));
    assert_eq!(found.environment, [("A".to_owned(), "1=2".to_owned()), ("B".to_owned(), String::new())]);
    assert_eq!(found.command, ["run.sh", "x", "y z"]);
    assert_eq!(read(json!({"Path": "tini", "Args": ["a"], "Config": {}})).command, ["tini", "a"]);
}
