use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};

use super::*;

fn surroundings(host: &str, more: &[(&str, &str)]) -> Surroundings {
    let variables = std::iter::once(("DOCKER_HOST", host)).chain(more.iter().copied());
    Surroundings {
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        home: None,
        directory: "/".into(),
    }
}

/// What connecting says when this answers every request on a socket.
async fn answered(answer: &str) -> (Result<Connection, String>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = answer.to_owned();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let endpoint = format!("unix://{}", path.display());
    let result = connect_from(&surroundings(&endpoint, &[])).await.map_err(|error| error.to_string());
    server.abort();
    (result, endpoint)
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn what_answers_and_is_no_engine() {
    for (answer, reason) in [
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "it does not speak HTTP"),
        (
            String::new(),
            "it closed the connection without an answer, as a port does that speaks TLS only or has nothing behind it",
        ),
        (http("200 OK", "<html>hello</html>"), "its answer to /version is not what an engine answers"),
        (http("200 OK", "{}"), "it names no version of the API"),
        (http("404 Not Found", "nothing here"), "it answered /version with status 404"),
        (
            http("403 Forbidden", "<h1>403</h1>"),
            "it forbids /version (403): a proxy before the engine must allow VERSION, INFO, CONTAINERS and NETWORKS",
        ),
    ] {
        let (result, endpoint) = answered(&answer).await;
        let wanted = format!(
            "{endpoint} (from DOCKER_HOST) answers, but not as a Docker engine: {reason}; check the address and the port"
        );
        assert_eq!(result.unwrap_err(), wanted);
    }
}

#[tokio::test]
async fn versions_are_agreed_on() {
    let version = |newest: &str, oldest: &str| {
        http("200 OK", &format!(r#"{{"Version":"1.2.3","ApiVersion":"{newest}","MinAPIVersion":"{oldest}"}}"#))
    };
    for (newest, oldest, spoken) in
        [("1.41", "1.12", "1.41"), ("1.45", "1.24", "1.45"), ("1.52", "1.44", "1.52"), ("1.99", "1.44", "1.53")]
    {
        let (result, _) = answered(&version(newest, oldest)).await;
        assert_eq!(result.unwrap().docker.client_version().to_string(), spoken);
    }
    let (result, endpoint) = answered(&version("1.40", "1.12")).await;
    assert_eq!(
        result.unwrap_err(),
        format!(
            "the engine at {endpoint} is Docker 1.2.3, which speaks API 1.12 to 1.40; crosscheck speaks 1.41 to 1.53: \
             upgrade to Docker Engine 20.10 or later"
        )
    );
    let (result, _) = answered(&version("2.0", "1.60")).await;
    assert!(result.unwrap_err().ends_with("crosscheck speaks 1.41 to 1.53: upgrade crosscheck"));
}

#[tokio::test]
async fn a_tls_port_asked_without_tls() {
    let answer = http("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n");
    let (result, endpoint) = answered(&answer).await;
    assert_eq!(
        result.unwrap_err(),
        format!(
            "TLS with the engine at {endpoint} (from DOCKER_HOST) failed: it speaks TLS only; set DOCKER_TLS_VERIFY=1 \
             and DOCKER_CERT_PATH, or use a context that has certificates"
        )
    );
}

#[tokio::test]
async fn nobody_there() {
    let error = async |host: &str| connect_from(&surroundings(host, &[])).await.unwrap_err().to_string();
    let help = "; start Docker, or point DOCKER_HOST or `docker context use` at the engine that runs";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.sock");
    let socket = format!("unix://{}", path.display());
    assert_eq!(
        error(&socket).await,
        format!("no Docker engine answers at {socket} (from DOCKER_HOST): there is no such socket{help}")
    );
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(
        error(&socket).await,
        format!("no Docker engine answers at {socket} (from DOCKER_HOST): nothing listens on the socket{help}")
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(
        error(&tcp).await,
        format!("no Docker engine answers at {tcp} (from DOCKER_HOST): connection refused{help}")
    );
}

#[test]
fn a_socket_that_belongs_to_others() {
    let endpoint = endpoint::find(&surroundings("unix:///var/run/docker.sock", &[])).unwrap();
    let error = io_failed(&endpoint, &io::Error::from(io::ErrorKind::PermissionDenied)).to_string();
    assert_eq!(
        error,
        "permission denied on unix:///var/run/docker.sock (from DOCKER_HOST); add yourself to its group (`sudo usermod \
         -aG docker \"$USER\"`, then log in again), run crosscheck with sudo, or use rootless Docker"
    );
}

#[tokio::test]
async fn certificates_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let error = async |name| {
        let variables = [(name, "1"), ("DOCKER_CERT_PATH", path)];
        connect_from(&surroundings("tcp://127.0.0.1:9", &variables)).await.unwrap_err().to_string()
    };
    assert_eq!(
        error("DOCKER_TLS_VERIFY").await,
        format!(
            "{path}/ca.pem for the TLS connection to tcp://127.0.0.1:9 (from DOCKER_HOST): no such file or directory; \
             put the certificate of the authority that signed the engine's there, or set DOCKER_CERT_PATH"
        )
    );
    std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    assert!(error("DOCKER_TLS_VERIFY").await.contains("ca.pem for the TLS connection"));
    assert!(error("DOCKER_TLS_VERIFY").await.contains("holds no certificate"));
    std::fs::write(folder.path().join("cert.pem"), "").unwrap();
    assert!(error("DOCKER_TLS").await.contains("key.pem for the TLS connection"));
    std::fs::write(folder.path().join("key.pem"), "").unwrap();
    assert!(error("DOCKER_TLS").await.contains("holds no certificate"));
}

#[tokio::test]
async fn tls_asked_of_a_port_without_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let folder = tempfile::tempdir().unwrap();
    let variables = [("DOCKER_TLS", "1"), ("DOCKER_CERT_PATH", folder.path().to_str().unwrap())];
    let error = connect_from(&surroundings(&host, &variables)).await.unwrap_err().to_string();
    server.abort();
    assert!(error.contains("failed: it does not speak TLS; unset DOCKER_TLS"), "{error}");
}

#[test]
fn loopback_is_this_machine() {
    for (host, wanted) in [
        ("localhost", true),
        ("LOCALHOST.", true),
        ("127.0.0.5", true),
        ("::1", true),
        ("docker", false),
        ("10.0.0.1", false),
    ] {
        assert_eq!(is_loopback(host), wanted, "{host}");
    }
}
