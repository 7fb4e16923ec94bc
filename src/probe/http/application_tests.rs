//! Servers that are known by their answers, on real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::tests::{PLENTY, http, look_knowing, says, server, shown};
use crate::catalog::catalog;
use crate::observation::Observation;
use crate::target::{Protocol, Target};

/// A server on one connection that is kept: what it says to each path, `None` where it says nothing more.
async fn keeps(answer: impl Fn(&str) -> Option<String> + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut request).await {
                    let request = String::from_utf8_lossy(&request[..length]).into_owned();
                    match answer(request.split(' ').nth(1).unwrap_or_default()) {
                        Some(body) => {
                            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
                            stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
                        }
                        None => sleep(PLENTY).await,
                    }
                }
            });
        }
    });
    address
}

async fn look_as_planned(address: SocketAddr, path: &str, timeout: Duration) -> Observation {
    let target = Target::new(Protocol::Http, address.ip().to_string(), address.port());
    look_knowing(Target { path: Some(path.into()), ..target }, timeout, catalog().told_at(path)).await
}

#[tokio::test]
async fn a_server_that_is_known_is_asked_more() {
    let targets = r#"{"data":{"activeTargets":[{"scrapePool":"app","scrapeUrl":"http://app:8080/metrics","lastError":"no","health":"down"}]}}"#;
    let prometheus = |path: &str| match path {
        "/-/ready" => Some("Prometheus Server is Ready.\n".to_owned()),
        "/api/v1/status/buildinfo" => Some(r#"{"data":{"version":"2.42.0"}}"#.into()),
        "/api/v1/targets?state=active" => Some(targets.into()),
        other => panic!("{other}"),
    };
    let seen = look_as_planned(keeps(prometheus).await, "/-/ready", PLENTY).await;
    assert_eq!(shown(&seen), "Answered Prometheus 2.42.0, 0 of 1 targets up, HTTP 200");
    let scrapes = http(&seen).application.clone().unwrap().scrapes.unwrap();
    assert_eq!(
        (scrapes.down[0].host.as_str(), scrapes.down[0].port, scrapes.down[0].error.as_str()),
        ("app", 8080, "no")
    );

    // One that goes silent is known and told, and what it did not say fails nothing.
    let silent =
        keeps(move |path: &str| (path == "/-/ready").then(|| "Prometheus Server is Ready.\n".to_owned())).await;
    let seen = look_as_planned(silent, "/-/ready", Duration::from_millis(300)).await;
    assert_eq!(shown(&seen), "Answered Prometheus, HTTP 200");
    assert_eq!(seen.notes, ["Prometheus gave no answer to GET /api/v1/status/buildinfo in time"]);
    assert!(seen.phases.last().unwrap().micros < 200_000, "what is asked beside does not count");

    // Somebody else is an HTTP server like any other, and asked nothing more.
    let other = keeps(|path: &str| if path == "/-/ready" { Some("<html>".into()) } else { panic!("{path}") }).await;
    assert_eq!(shown(&look_as_planned(other, "/-/ready", PLENTY).await), "Answered HTTP 200");
    let closes = says(b"HTTP/1.1 200 OK\r\n\r\nPrometheus Server is Ready.\n").await;
    assert_eq!(shown(&look_as_planned(closes, "/-/ready", PLENTY).await), "Answered HTTP 200");
    let login = says(b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n").await;
    assert_eq!(shown(&look_as_planned(login, "/", PLENTY).await), "Answered HTTP 401, asks for a login (Basic)");
}

#[tokio::test]
async fn hostile_applications_are_bounded() {
    // A list of targets that is longer than any, and an answer at the first path that never ends.
    let long = keeps(|path: &str| match path {
        "/-/ready" => Some("Prometheus Server is Ready.\n".into()),
        "/api/v1/status/buildinfo" => Some("{}".into()),
        _ => Some(format!(
            "{}{}",
            r#"{"data":{"activeTargets":["#,
            r#"{"scrapeUrl":"http://a:1/","health":"down"},"#.repeat(50_000)
        )),
    })
    .await;
    let seen = look_as_planned(long, "/-/ready", PLENTY).await;
    assert_eq!(shown(&seen), "Answered Prometheus, HTTP 200");
    assert_eq!(seen.notes, ["the list of Prometheus's targets cannot be read"]);
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{",
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nPrometheus",
    ] {
        let drips = server(move |mut stream, _| async move {
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b" ").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let started = Instant::now();
        assert_eq!(shown(&look_as_planned(drips, "/-/ready", PLENTY).await), "Answered HTTP 200");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
