use super::*;

fn destination() -> Destination {
    Destination { user: Some("me".into()), host: "build.example".into(), port: Some(2222), socket: None }
}

#[test]
fn what_ssh_and_the_other_side_say_becomes_a_sentence() {
    let changed = "@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nHost key verification failed.\r\n";
    let daemon = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
    let dial = |why: &str| format!("failed to open the raw stream connection: dial unix /x.sock: connect: {why}\n");
    let (nobody, nothing) = (dial("permission denied"), dial("no such file or directory"));
    for (status, said, reason, help) in [
        (255, "Host key verification failed.\r\n", "its host key is not known here", "ssh -p 2222 me@build.example`"),
        (255, changed, "its host key is not the one that is known here", "ssh-keygen -R '[build.example]:2222'"),
        (255, "me@build.example: Permission denied (publickey).\r\n", "it refuses our key", "ssh-add"),
        (
            255,
            "ssh: Could not resolve hostname x: Name or service not known\r\n",
            "no host of that name",
            "~/.ssh/config",
        ),
        (127, "bash: line 1: docker: command not found\n", "there is no `docker` on the other side", "docker version"),
        (127, "sh: 1: docker: not found\n", "there is no `docker` on the other side", "install Docker's client there"),
        (1, nobody.as_str(), "its user may not use the engine there", "group docker"),
        (1, nothing.as_str(), "no engine runs on the other side", "start"),
        (1, daemon, "its user may not use the engine there", "group docker"),
        (
            1,
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
            "no engine runs",
            "start",
        ),
        (1, "docker: 'dial-stdio' is not a docker command.", "too old", "18.09"),
        (255, "ssh: connect to host h port 22: Connection refused\r\n", "Connection refused", "docker version"),
        (255, "", "`ssh` ended with status 255 and said nothing", "docker version"),
        (255, "\x1b[31mred\n", "\\u{1b}[31mred", "docker version"),
    ] {
        let (found, what_to_do) = Failed::new(Some(status), said).explain(&destination());
        assert!(found.contains(reason), "{said}: {found}");
        assert!(what_to_do.contains(help), "{said}: {what_to_do}");
    }
}

#[test]
fn settings_say_where_an_alias_leads() {
    let read = |settings: &str| Resolved::read(settings, "alias");
    let resolved = |host: &str, through_another| Resolved { host: host.into(), through_another };
    assert_eq!(read("user me\nhostname 192.0.2.7\nport 22\n"), resolved("192.0.2.7", false));
    assert_eq!(read("hostname h\nproxycommand none\nproxyjump none\n"), resolved("h", false));
    assert_eq!(read("hostname h\nproxyjump gate.example\n"), resolved("h", true));
    assert_eq!(read("hostname h\nproxycommand nc %h %p\n"), resolved("h", true));
    assert_eq!(read(""), resolved("alias", false));
}

#[test]
fn the_socket_of_the_other_side_may_be_named() {
    assert_eq!(destination().dial(), "docker system dial-stdio");
    let other = Destination { socket: Some("/run/user/7/docker.sock".into()), ..destination() };
    assert_eq!(other.dial(), "docker --host unix:///run/user/7/docker.sock system dial-stdio");
}

#[test]
fn nobody_can_guess_where_a_trunk_listens() {
    let (one, other) = (socket_path().unwrap(), socket_path().unwrap());
    assert_ne!(one, other);
    assert_eq!(one.file_name().unwrap().len(), "crosscheck-".len() + 16);
}

#[tokio::test]
async fn whoever_waits_for_a_login_that_fails_fails_with_it() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let logins = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&logins);
    std::thread::spawn(move || {
        while let Ok(stream) = server.accept() {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            drop(stream);
        }
    });
    let destination = Destination { user: None, host: "127.0.0.1".into(), port: Some(port), socket: None };
    let tunnel = Tunnel::new(destination);
    let said = |opened: io::Result<Line>| opened.err().unwrap().to_string();
    let (one, other) = tokio::join!(tunnel.open(), tunnel.open());
    assert_eq!(said(one), said(other));
    let at_once = logins.load(std::sync::atomic::Ordering::SeqCst);
    assert!(at_once <= 1, "{at_once} logins");
    // Who comes later tries again.
    said(tunnel.open().await);
    assert_eq!(logins.load(std::sync::atomic::Ordering::SeqCst), 2 * at_once);
}
