use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::plan::{Needed, Security, Tls};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{self, detail, failure, play};
use crate::probe::{Options, Request};
use crate::target::{Protocol, Target};

/// A password that stands nowhere by chance, with bytes outside of ASCII.
const PASSWORD: &str = "hunter2-größer";
/// From Redis 7.0.15, shortened.
const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n# Clients\r\nconnected_clients:1\r\nmaxclients:10000\r\n\r\n# Memory\r\nused_memory:1016976\r\nmaxmemory:0\r\n\r\n# Replication\r\nrole:master\r\n";
const NOAUTH: &str = "-NOAUTH Authentication required.\r\n";
const PONG: &str = "+PONG\r\n";

fn say(words: impl AsRef<[u8]>) -> Step {
    Say(words.as_ref().to_vec())
}

/// Waits for a command with these arguments.
fn hear(arguments: &[&str]) -> Step {
    let lines = arguments.iter().map(|argument| format!("${}\r\n{argument}\r\n", argument.len()));
    let command = [format!("*{}\r\n", arguments.len())].into_iter().chain(lines).collect::<String>();
    Hear(command.into_bytes())
}

fn info() -> Step {
    Dribble(format!("${}\r\n{INFO}\r\n", INFO.len()).into_bytes())
}

/// Plays a script, looks at it, and holds the client to it.
async fn look(account: Option<(&str, &str)>, database: Option<&str>, steps: Vec<Step>) -> Observation {
    let (port, task) = play(steps).await;
    let seen = trial::look(Protocol::Redis, port, account, database).await;
    task.await.expect("the client kept to the script");
    seen
}

fn phases(seen: &Observation) -> Vec<(PhaseName, bool)> {
    seen.phases.iter().skip(2).map(|phase| (phase.name, phase.ok)).collect()
}

#[tokio::test]
async fn an_open_server_is_asked_for_its_facts() {
    // Database 0 is where every connection starts: no client selects it.
    let steps = vec![hear(&["PING"]), Dribble(PONG.into()), hear(&["INFO"]), info(), Hold];
    let seen = look(None, Some("0"), steps).await;
    assert_eq!((seen.depth, &seen.failure, &seen.unlooked), (Depth::Answered, &None, &None));
    assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Request, true)]);
    let Some(Peer::Redis(peer)) = &seen.peer else { panic!("{seen:?}") };
    assert_eq!((peer.version.as_deref(), peer.role.as_deref()), (Some("7.0.15"), Some("master")));
    assert_eq!((peer.clients, peer.memory), (Some((1, 10_000)), Some((1_016_976, 0))));
}

#[tokio::test]
async fn a_login_has_the_form_that_the_client_uses() {
    for (user, auth) in [("", vec!["AUTH", PASSWORD]), ("app", vec!["AUTH", "app", PASSWORD])] {
        let seen = look(
            Some((user, PASSWORD)),
            Some("3"),
            vec![
                hear(&["PING"]),
                say(NOAUTH),
                hear(&auth),
                say("+OK\r\n"),
                hear(&["PING"]),
                say(PONG),
                hear(&["SELECT", "3"]),
                say("+OK\r\n"),
                hear(&["INFO"]),
                info(),
                Hold,
            ],
        )
        .await;
        assert_eq!((seen.depth, &seen.failure), (Depth::LoggedIn, &None), "{seen:?}");
        let done = [(PhaseName::Handshake, true), (PhaseName::Login, true), (PhaseName::Request, true)];
        assert_eq!(phases(&seen), done);
    }
}

#[tokio::test]
async fn a_refusal_of_the_first_command_is_told_apart() {
    for (words, phase, kind) in [
        (NOAUTH, PhaseName::Login, FailureKind::AuthenticationRequired),
        ("-ERR operation not permitted\r\n", PhaseName::Login, FailureKind::AuthenticationRequired),
        ("-DENIED Redis is running in protected mode\r\n", PhaseName::Handshake, FailureKind::ProtectedMode),
        ("-ERR max number of clients reached\r\n", PhaseName::Handshake, FailureKind::TooManyConnections),
        ("-LOADING Redis is loading\r\n", PhaseName::Handshake, FailureKind::ServerRefuses),
        ("-MISCONF Redis is configured\r\n", PhaseName::Handshake, FailureKind::ServerRefuses),
    ] {
        // An empty password is none.
        for account in [None, Some(("", ""))] {
            let seen = look(account, None, vec![hear(&["PING"]), say(words), Hold]).await;
            let failed = seen.failure.as_ref().map(|failure| (failure.phase, failure.kind));
            assert_eq!((failed, seen.depth), (Some((phase, kind)), Depth::Answered));
            assert!(matches!(&seen.peer, Some(Peer::Redis(_))), "{seen:?}");
            assert_eq!(format!("-{}\r\n", detail(&seen)), words);
        }
    }
}

#[tokio::test]
async fn words_before_the_close_are_heard() {
    // Protected mode and the limit of clients answer the connection itself, then close.
    let seen = look(None, None, vec![say("-DENIED Redis is running in protected mode\r\n")]).await;
    assert_eq!(failure(&seen), Some(FailureKind::ProtectedMode));
}

/// What Redis says since 6.0 to a password where the default user needs none.
const NEEDLESS: &str = "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n";

#[tokio::test]
async fn a_password_alone_is_refused_where_the_default_user_is_off() {
    // As Redis 7.0.15 answers with `user default off nopass` and with `user default off >password`.
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    for (words, says) in [(NEEDLESS, "wants a user's name"), (wrong, "user is disabled")] {
        let steps = vec![hear(&["PING"]), say(NOAUTH), hear(&["AUTH", PASSWORD]), say(words), Hold];
        let seen = look(Some(("", PASSWORD)), None, steps).await;
        assert_eq!((failure(&seen), &seen.unlooked), (Some(FailureKind::AuthenticationFailed), &None));
        assert!(detail(&seen).contains(says), "{}", detail(&seen));
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Login, false)]);
    }
}

#[tokio::test]
async fn a_login_without_need_is_not_judged() {
    let steps =
        vec![hear(&["PING"]), say(PONG), hear(&["AUTH", PASSWORD]), say(NEEDLESS), hear(&["INFO"]), info(), Hold];
    let seen = look(Some(("", PASSWORD)), None, steps).await;
    assert_eq!((seen.depth, failure(&seen)), (Depth::Answered, None));
    assert!(seen.unlooked.as_deref().is_some_and(|why| why.contains("the server has none")), "{seen:?}");
    // Nobody logged in.
    assert_eq!(phases(&seen)[1], (PhaseName::Login, false));
}

#[tokio::test]
async fn what_a_login_or_a_database_is_refused_for_is_told_apart() {
    let begin = || vec![hear(&["PING"]), say(PONG), hear(&["AUTH", "app", PASSWORD])];
    for (words, kind) in [
        ("-WRONGPASS invalid username-password pair or user is disabled.\r\n", FailureKind::AuthenticationFailed),
        ("-ERR invalid password\r\n", FailureKind::AuthenticationFailed),
        ("-ERR wrong number of arguments for 'auth' command\r\n", FailureKind::AuthenticationFailed),
        ("-LOADING Redis is loading\r\n", FailureKind::ServerRefuses),
    ] {
        let seen = look(Some(("app", PASSWORD)), None, [begin(), vec![say(words), Hold]].concat()).await;
        assert_eq!((failure(&seen), seen.depth), (Some(kind), Depth::Answered), "{words}");
    }
    for (words, kind) in [
        ("-ERR DB index is out of range\r\n", FailureKind::UnknownDatabase),
        ("-ERR SELECT is not allowed in cluster mode\r\n", FailureKind::UnknownDatabase),
        ("-NOPERM this user has no permissions to run the 'select' command\r\n", FailureKind::PermissionDenied),
    ] {
        let rest = vec![say("+OK\r\n"), hear(&["SELECT", "16"]), say(words), Hold];
        let seen = look(Some(("app", PASSWORD)), Some("16"), [begin(), rest].concat()).await;
        assert_eq!((failure(&seen), seen.depth), (Some(kind), Depth::LoggedIn), "{words}");
    }
}

#[tokio::test]
async fn a_named_user_without_a_password_is_judged_where_all_clients_agree() {
    let begin = |greeting: &str| vec![hear(&["PING"]), say(greeting), hear(&["AUTH", "app", ""])];
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    let seen = look(Some(("app", "")), None, [begin(NOAUTH), vec![say(wrong), Hold]].concat()).await;
    assert_eq!((failure(&seen), &seen.unlooked), (Some(FailureKind::AuthenticationFailed), &None));
    let rest = vec![say("+OK\r\n"), hear(&["INFO"]), info(), Hold];
    let seen = look(Some(("app", "")), None, [begin(PONG), rest].concat()).await;
    assert_eq!((failure(&seen), seen.depth, &seen.unlooked), (None, Depth::LoggedIn, &None));
    for (greeting, answer) in [(NOAUTH, "+OK\r\n"), (PONG, wrong)] {
        let seen = look(Some(("app", "")), None, [begin(greeting), vec![say(answer), Hold]].concat()).await;
        assert_eq!((failure(&seen), seen.unlooked.is_some()), (None, true), "{answer}: {seen:?}");
    }
    // Nobody sends an empty password by itself.
    let seen = look(Some(("", "")), None, vec![hear(&["PING"]), say(NOAUTH), Hold]).await;
    assert_eq!(failure(&seen), Some(FailureKind::AuthenticationRequired));
}

#[tokio::test]
async fn what_may_not_be_asked_is_a_note() {
    let refuse = || say("-NOPERM this user has no permissions to run the command\r\n");
    let seen = look(None, None, vec![hear(&["PING"]), refuse(), hear(&["INFO"]), refuse(), Hold]).await;
    assert_eq!((seen.depth, failure(&seen), seen.notes.len()), (Depth::Answered, None, 1), "{seen:?}");
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    for echo in [
        format!("-ERR unknown command 'AUTH', with args beginning with: '{PASSWORD}'\r\n"),
        // Cut by the server.
        format!("-ERR unknown command 'AUTH', with args beginning with: '{}\r\n", &PASSWORD[..9]),
        format!("-WRONGPASS no: {PASSWORD}{PASSWORD}\r\n"),
        format!("-{PASSWORD}\r\n"),
        format!("{PASSWORD}\r\n"),
        format!("-{PASSWORD}\0\r\n"),
        format!("*1\r\n+{PASSWORD}\r\n"),
        format!("${PASSWORD}\r\n"),
    ] {
        let steps = vec![hear(&["PING"]), say(PONG), hear(&["AUTH", "app", PASSWORD]), say(&echo), Hold];
        let seen = look(Some(("app", PASSWORD)), None, steps).await;
        assert!(seen.failure.is_some(), "{echo}: {seen:?}");
        assert!(!format!("{seen:?}").contains(&PASSWORD[..9]), "{echo}: {seen:?}");
    }
}

#[tokio::test]
async fn a_port_that_speaks_tls_and_says_nothing_is_asked_in_tls() {
    let address = crate::probe::tls::tests::https(false).await;
    for (tls, kind, judged) in [(Tls::Off, Some(FailureKind::TlsExpected), true), (Tls::Unsaid, None, false)] {
        // Closes without a word, as Redis does, and passes the next ones on.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            drop(listener.accept().await.unwrap());
            let (mut from, _) = listener.accept().await.unwrap();
            let mut to = tokio::net::TcpStream::connect(address).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
        let seen = crate::probe::look(&Request {
            target: Target::new(Protocol::Redis, "127.0.0.1", port),
            timeout: std::time::Duration::from_millis(1500),
            credentials: None,
            security: Security { tls, ..Security::default() },
            needed: Needed::default(),
            questions: Vec::new(),
            acquaintances: Vec::new(),
            options: Options::default(),
        })
        .await;
        assert_eq!((failure(&seen), seen.unlooked.is_none()), (kind, judged), "{seen:?}");
        server.abort();
    }
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_is_not_judged() {
    let address = crate::probe::tls::tests::https(true).await;
    let seen = crate::probe::look(&Request {
        target: Target::new(Protocol::Redis, "127.0.0.1", address.port()),
        timeout: std::time::Duration::from_millis(1500),
        credentials: None,
        security: Security { tls: Tls::Required, ..Security::default() },
        needed: Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options: Options::default(),
    })
    .await;
    let told = seen.unlooked.as_deref().is_some_and(|why| why.contains("client certificate"));
    assert!(seen.failure.is_none() && told, "{seen:?}");
}

#[tokio::test]
async fn strangers_get_no_password() {
    for (said, words) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
            "an HTTP server answered: HTTP/1.1 400 Bad Request",
        ),
        (b"K\0\0\0\n9.7.4-2\0\x09", "a MySQL or MariaDB server greeted: version 9.7.4-2"),
        // The same with a length that looks like the start of a reply.
        (b"-\0\0\0\n9.7.4-2\0\x09", "a MySQL or MariaDB server greeted: version 9.7.4-2"),
        (b"ERROR\r\n", "\"ERROR\""),
        (b"+OK POP3 ready\r\n", "+OK POP3 ready"),
        (b"+OK\r\n", "OK"),
        (b"$4\r\nPING\r\n", "PING"),
        (b"*1\r\n$4\r\nPING\r\n", "*1"),
        (b"-no such thing\r\n", "no such thing"),
        (b"+P\xff\r\n", "it said"),
        (b"$99999999999999999999\r\n", "$9999"),
        (b"$524288\r\n", "$524288"),
        (b"$-2\r\n", "$-2"),
        (b"+PONG\n", "+PONG"),
    ] {
        for step in [say(said), Dribble(said.to_vec())] {
            let seen = look(Some(("", PASSWORD)), None, vec![step, Hold]).await;
            assert_eq!((failure(&seen), &seen.peer), (Some(FailureKind::WrongProtocol), &None), "{said:?} {seen:?}");
            assert!(detail(&seen).contains(words.trim_start_matches('+')), "{}", detail(&seen));
            assert_eq!(phases(&seen), [(PhaseName::Handshake, false)]);
        }
    }
    // A client of whom nothing is said may speak TLS.
    let seen = look(None, None, vec![hear(&["PING"]), say(b"\x15\x03\x03\0\x02\x02\x46"), Hold]).await;
    assert!(seen.failure.is_none() && seen.unlooked.is_some(), "{seen:?}");
}

#[tokio::test]
async fn an_end_says_how_it_came() {
    for (steps, kind) in [
        (vec![hear(&["PING"])], FailureKind::Closed),
        (vec![hear(&["PING"]), Reset], FailureKind::Reset),
        (vec![Hold], FailureKind::Silent),
        (vec![hear(&["PING"]), say("+PO")], FailureKind::Closed),
        (vec![hear(&["PING"]), say("+PO"), Hold], FailureKind::Silent),
        (vec![hear(&["PING"]), say(PONG), hear(&["INFO"]), say("$100\r\nabc")], FailureKind::Closed),
    ] {
        let seen = look(None, None, steps.clone()).await;
        assert_eq!(failure(&seen), Some(kind), "{steps:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_hostile_server_is_left_in_time() {
    let asked = |rest: Step| vec![hear(&["PING"]), say(PONG), hear(&["INFO"]), rest];
    for steps in [
        vec![Endless(b"+endless ".repeat(1000))],
        vec![Endless(b"*1000000000\r\n".repeat(1000))],
        asked(Endless(b"$".repeat(10_000))),
        asked(Endless(b"*1\r\n".repeat(10_000))),
        asked(say("%9223372036854775807\r\n")),
        asked(say(":1\r\n")),
        asked(say("+what\r\n")),
        // More in all than a peer may say.
        vec![hear(&["PING"]), say([PONG.as_bytes(), b"$524287\r\n"].concat()), Endless(b"filling ".repeat(10_000))],
    ] {
        let seen = look(None, None, steps).await;
        assert_eq!(failure(&seen), Some(FailureKind::WrongProtocol), "{seen:?}");
    }
}
