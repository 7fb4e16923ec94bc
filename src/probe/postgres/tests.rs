use super::NOBODY;
use crate::observation::{Depth, FailureKind, Observation, Peer, PhaseName};
use crate::plan::{Credentials, Security, Tls};
use crate::probe::trial::Step::{self, Dribble, Endless, Hear, Hold, Reset, Say};
use crate::probe::trial::{detail, failure, play, play_all};
use crate::probe::{Options, Request};
use crate::target::{Protocol, Target};

/// A password that stands nowhere by chance.
const PASSWORD: &str = "correct-horse";
const APP: Option<(&str, &str)> = Some(("app", PASSWORD));
const CLEARTEXT: &[u8] = b"R\0\0\0\x08\0\0\0\x03";
const ACCEPTED: &[u8] = b"R\0\0\0\x08\0\0\0\0";
const READY: &[u8] = b"Z\0\0\0\x05I";

fn error(code: &str, text: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    message(b'E', fields.as_bytes())
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short body").to_be_bytes();
    [&[tag], &length[..], body].concat()
}

fn hear(words: impl AsRef<[u8]>) -> Step {
    Hear(words.as_ref().to_vec())
}

async fn look_at(port: u16, account: Option<(&str, &str)>, database: Option<&str>, tls: Tls) -> Observation {
    let target = Target { path: database.map(Into::into), ..Target::new(Protocol::Postgres, "127.0.0.1", port) };
    let credentials =
        account.map(|(user, password)| Credentials { user: user.into(), password: Some(password.into()) });
    let (timeout, options) = (std::time::Duration::from_millis(1500), Options::default());
    let security = Security { tls, ..Security::default() };
    crate::probe::look(&Request {
        target,
        timeout,
        credentials,
        security,
        needed: crate::plan::Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options,
    })
    .await
}

/// Plays a script, looks at it, and holds the client to it.
async fn look(account: Option<(&str, &str)>, database: Option<&str>, steps: Vec<Step>) -> Observation {
    let (port, task) = play(steps).await;
    let seen = look_at(port, account, database, Tls::Unsaid).await;
    task.await.expect("the client kept to the script");
    seen
}

fn phases(seen: &Observation) -> Vec<(PhaseName, bool)> {
    seen.phases.iter().skip(2).map(|phase| (phase.name, phase.ok)).collect()
}

fn settings(pairs: &[(&str, &str)]) -> Vec<u8> {
    pairs.iter().flat_map(|(name, value)| message(b'S', format!("{name}\0{value}\0").as_bytes())).collect()
}

#[tokio::test]
async fn a_login_goes_to_its_end() {
    let row = [
        message(b'T', b"\0\x03"),
        message(b'D', b"\0\x03\0\0\0\x011\0\0\0\x03100\0\0\0\x017"),
        message(b'C', b"SELECT 1\0"),
        READY.to_vec(),
    ];
    let told = settings(&[("server_version", "15.13 (Debian 15.13-1)"), ("in_hot_standby", "on"), ("x", "y")]);
    let seen = look(
        APP,
        Some("shop"),
        vec![
            hear("user\0app\0database\0shop\0\0"),
            Dribble(CLEARTEXT.to_vec()),
            hear(format!("{PASSWORD}\0")),
            Say([ACCEPTED, &told, b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x02", READY].concat()),
            hear("SELECT 1, current_setting('max_connections')"),
            Say(row.concat()),
            hear(b"X\0\0\0\x04"),
        ],
    )
    .await;
    assert_eq!((seen.depth, &seen.failure, &seen.notes), (Depth::LoggedIn, &None, &Vec::new()));
    let Some(Peer::Postgres(peer)) = &seen.peer else { panic!("{seen:?}") };
    assert_eq!((peer.version.as_deref(), peer.connections), (Some("15.13"), Some((100, 7))));
    assert_eq!((peer.in_recovery, peer.read_only), (Some(true), None));
    assert_eq!(peer.authentication.as_deref(), Some("cleartext"));
    let done = [(PhaseName::Handshake, true), (PhaseName::Login, true), (PhaseName::Request, true)];
    assert_eq!(phases(&seen), done);
}

#[tokio::test]
async fn an_account_that_wants_a_certificate_is_not_judged_by_its_password() {
    let of = |code: &str, text: &str, routine: &str| {
        message(b'E', format!("SFATAL\0VFATAL\0C{code}\0M{text}\0Fauth.c\0L409\0R{routine}\0\0").as_bytes())
    };
    for (answer, wanted) in [
        (of("28000", "connection requires a valid client certificate", "ClientAuthentication"), true),
        (of("28000", "Verbindung erfordert ein gültiges Client-Zertifikat", "ClientAuthentication"), true),
        (error("28000", "connection requires a valid client certificate"), true),
        (of("28000", "pg_hba.conf rejects connection for host \"10.0.0.1\"", "ClientAuthentication"), false),
        (of("28P01", "password authentication failed for user \"app\"", "auth_failed"), false),
        (of("28000", "role \"app\" is not permitted to log in", "InitializeSessionUserId"), false),
    ] {
        let (port, task) = play(vec![hear("app\0"), Say(answer)]).await;
        let seen = look_at(port, APP, None, Tls::Off).await;
        task.abort();
        let told = seen.unlooked.as_deref().is_some_and(|why| why.contains("client certificate"));
        assert_eq!((told, seen.failure.is_none()), (wanted, wanted), "{seen:?}");
    }
}

#[tokio::test]
async fn a_pooler_that_knows_no_settings_is_asked_the_plain_question() {
    let row = [message(b'D', b"\0\x01\0\0\0\x011"), READY.to_vec()].concat();
    let steps = vec![
        hear("app\0"),
        Say([ACCEPTED, READY].concat()),
        hear("current_setting"),
        Say([error("42883", "unknown"), READY.to_vec()].concat()),
        hear("SELECT 1\0"),
        Say(row),
        hear(b"X\0\0\0\x04"),
    ];
    let seen = look(APP, None, steps).await;
    assert_eq!((seen.depth, failure(&seen), seen.notes.len()), (Depth::LoggedIn, None, 1), "{seen:?}");
}

#[tokio::test]
async fn without_credentials_only_what_is_true_of_everybody_counts() {
    let answers = [
        (message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0"), None),
        (CLEARTEXT.to_vec(), None),
        (error("28000", "role \"crosscheck-without-credentials\" does not exist"), None),
        ([ACCEPTED.to_vec(), error("3D000", "database \"postgres\" does not exist")].concat(), None),
        ([ACCEPTED.to_vec(), error("53300", "too many")].concat(), Some(FailureKind::TooManyConnections)),
        (error("53300", "sorry, too many clients already"), Some(FailureKind::TooManyConnections)),
        (error("57P03", "the database system is starting up"), Some(FailureKind::ServerRefuses)),
    ];
    for (answer, kind) in answers {
        let seen = look(None, None, vec![hear(format!("user\0{NOBODY}\0database\0postgres\0\0")), Say(answer)]).await;
        assert_eq!((failure(&seen), seen.depth), (kind, Depth::Answered), "{seen:?}");
        assert!(matches!(seen.peer, Some(Peer::Postgres(_))));
    }
}

#[tokio::test]
async fn what_a_login_is_refused_for_is_told_apart() {
    for (code, text, kind) in [
        ("28P01", "password authentication failed for user \"app\"", FailureKind::AuthenticationFailed),
        ("28000", "role \"app\" is not permitted to log in", FailureKind::AuthenticationFailed),
        ("3D000", "database \"shop\" does not exist", FailureKind::UnknownDatabase),
        ("42501", "permission denied for database \"shop\"", FailureKind::PermissionDenied),
        ("53300", "too many connections for role \"app\"", FailureKind::TooManyConnections),
        ("57P03", "the database system is shutting down", FailureKind::ServerRefuses),
        ("08P01", "no such database: shop", FailureKind::UnknownDatabase),
        ("08P01", "SASL authentication failed", FailureKind::AuthenticationFailed),
        ("08P01", "no more connections allowed (max_client_conn)", FailureKind::TooManyConnections),
        ("08P01", "pgbouncer cannot connect to server", FailureKind::ServerRefuses),
    ] {
        let steps = vec![hear("shop\0"), Say(CLEARTEXT.to_vec()), hear(PASSWORD), Say(error(code, text))];
        let seen = look(APP, Some("shop"), steps).await;
        assert_eq!((failure(&seen), detail(&seen)), (Some(kind), text), "{code}");
        assert_eq!(phases(&seen), [(PhaseName::Handshake, true), (PhaseName::Login, false)]);
    }
}

#[tokio::test]
async fn a_database_that_nobody_named_fails_nothing() {
    let missing = || error("3D000", "database \"app\" does not exist");
    let late = vec![hear("app\0\0"), Say(CLEARTEXT.to_vec()), hear(PASSWORD), Say(missing())];
    let early = vec![hear("app\0\0"), Say(error("08P01", "no such database: app"))];
    for (steps, depth) in [(late, Depth::LoggedIn), (early, Depth::Answered)] {
        let seen = look(APP, None, steps).await;
        assert_eq!((failure(&seen), seen.depth, seen.notes.len()), (None, depth, 1), "{seen:?}");
    }
}

#[tokio::test]
async fn what_tls_alone_could_tell_is_not_judged() {
    let words = "no pg_hba.conf entry for host \"172.18.0.3\", user \"app\", database \"shop\", no encryption";
    for (answer, tls, judged) in [(b'S', Tls::Unsaid, false), (b'N', Tls::Unsaid, true), (b'N', Tls::Preferred, true)] {
        let refusal = vec![hear("app\0"), Say(error("28000", words))];
        let asked = vec![hear(b"\x04\xd2\x16\x2f"), Say(vec![answer])];
        let scripts = match tls {
            Tls::Unsaid => vec![refusal, asked],
            _ => vec![[asked, refusal].concat()],
        };
        let (port, task) = play_all(scripts).await;
        let seen = look_at(port, APP, None, tls).await;
        task.await.expect("the client kept to the script");
        assert_eq!(failure(&seen), judged.then_some(FailureKind::HostNotAllowed), "{seen:?}");
        assert_eq!(seen.unlooked.is_none(), judged);
    }
    let (port, task) = play(vec![hear(b"\x04\xd2\x16\x2f"), Say(b"N".to_vec())]).await;
    let seen = look_at(port, APP, None, Tls::Required).await;
    task.await.expect("the client asks for TLS");
    assert_eq!(failure(&seen), Some(FailureKind::TlsFailed), "{seen:?}");
}

#[tokio::test]
async fn a_way_to_log_in_that_is_not_spoken_is_no_failure() {
    for body in [&b"\0\0\0\x07"[..], b"\0\0\0\x0aOAUTHBEARER\0\0"] {
        let seen = look(APP, None, vec![hear("app\0"), Say(message(b'R', body)), Hold]).await;
        assert_eq!((failure(&seen), seen.unlooked.is_some()), (None, true), "{seen:?}");
    }
    let seen = look(Some(("app", "")), None, vec![hear("app\0"), Say(CLEARTEXT.to_vec()), Hold]).await;
    assert_eq!(failure(&seen), Some(FailureKind::AuthenticationRequired));
}

#[tokio::test]
async fn strangers_are_not_taken_for_a_server() {
    // A greeting of MySQL whose length happens to be a letter of ours.
    let mysql = b"R\0\0\0\x0a9.7.4-";
    for (said, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "an HTTP server answered: HTTP/1.1 400 Bad Request"),
        (b"J\0\0\0\x0a9.7.4-2\0\x09", "greeted: version 9.7.4-2"),
        (mysql, "it wants something unknown"),
        (b"-ERR unknown command 'x'\r\n", "a Redis server"),
        (b"Error: no\r\n", "it said"),
        (b"E\0\0\0\x03", "it said"),
        (b"\0\0\0\0\0", "it said"),
        (b"R\xff\xff\xff\xff", "it said"),
    ] {
        for step in [Say(said.to_vec()), Dribble(said.to_vec())] {
            let seen = look(None, None, vec![hear(NOBODY), step, Hold]).await;
            assert_eq!(failure(&seen), Some(FailureKind::WrongProtocol), "{seen:?}");
            assert!(detail(&seen).contains(words), "{}", detail(&seen));
        }
    }
    let seen = look(None, None, vec![hear(NOBODY), Say(b"Ecould not fork new process: no memory\n\0".to_vec())]).await;
    assert_eq!(
        (failure(&seen), detail(&seen)),
        (Some(FailureKind::ServerRefuses), "could not fork new process: no memory")
    );
}

#[tokio::test]
async fn an_end_says_how_it_came_and_a_hostile_server_is_left_in_time() {
    for (steps, kind) in [
        (vec![hear(NOBODY)], FailureKind::Closed),
        (vec![hear(NOBODY), Reset], FailureKind::Reset),
        (vec![hear(NOBODY), Hold], FailureKind::Silent),
        (vec![hear(NOBODY), Say(b"R\0\0\0\x08\0".to_vec())], FailureKind::Closed),
        (vec![Endless(message(b'N', b"\0"))], FailureKind::WrongProtocol),
        (vec![Endless(b"no end".to_vec())], FailureKind::WrongProtocol),
    ] {
        let seen = look(None, None, steps.clone()).await;
        assert_eq!(failure(&seen), Some(kind), "{steps:?} {seen:?}");
    }
    let scram = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    for answer in [
        message(b'R', b"\0\0\0\x0br=x,s=,i=4096"),
        message(b'R', b"\0\0\0\x0b"),
        message(b'R', b"\0\0\0\x0cv=x"),
        message(b'Z', b"I"),
        message(b'S', b""),
    ] {
        let seen = look(APP, None, vec![hear("app\0"), Say(scram.clone()), hear("n,,n=,r="), Say(answer), Hold]).await;
        assert_eq!(failure(&seen), Some(FailureKind::WrongProtocol), "{seen:?}");
    }
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    for text in [format!("no {PASSWORD}"), format!("{PASSWORD}{PASSWORD}")] {
        let steps = vec![hear("app\0"), Say(CLEARTEXT.to_vec()), hear(PASSWORD), Say(error("28P01", &text))];
        let seen = look(APP, None, steps).await;
        assert!(!format!("{seen:?}").contains(PASSWORD), "{seen:?}");
        assert_eq!(failure(&seen), Some(FailureKind::AuthenticationFailed));
    }
    // A common password is not given away by what stands there in its place.
    let said = "password authentication failed for user \"postgres\"";
    for password in ["postgres", "password", "user"] {
        let steps = vec![hear("postgres\0"), Say(CLEARTEXT.to_vec()), hear(password), Say(error("28P01", said))];
        assert_eq!(detail(&look(Some(("postgres", password)), None, steps).await), said);
    }
}

const UNLISTED: &str = "no pg_hba.conf entry for host \"172.17.0.1\", user \"app\", database \"shop\"";

/// A server of two connections, each with TLS or without, that answers the start so.
async fn twice(answers: [(bool, Vec<u8>); 2], tls: Tls) -> Observation {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        for (encrypted, answer) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = [0; 1024];
            if encrypted {
                stream.read_exact(&mut heard[..8]).await.unwrap();
                stream.write_all(b"S").await.unwrap();
                let mut stream = crate::probe::tls::tests::server().accept(stream).await.unwrap();
                let _ = stream.read(&mut heard).await.unwrap();
                stream.write_all(&answer).await.unwrap();
                stream.flush().await.unwrap();
                let _ = stream.read(&mut heard).await;
            } else {
                let _ = stream.read(&mut heard).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        }
    });
    let seen = look_at(port, APP, Some("shop"), tls).await;
    task.abort();
    seen
}

#[tokio::test]
async fn an_account_for_tls_alone_or_without_it_alone_is_told() {
    let unlisted = || error("28000", UNLISTED);
    let other = || error("28P01", "password authentication failed for user \"app\"");
    for (answers, tls, kind) in [
        ([(false, unlisted()), (true, CLEARTEXT.to_vec())], Tls::Off, FailureKind::TlsExpected),
        ([(false, unlisted()), (true, unlisted())], Tls::Off, FailureKind::HostNotAllowed),
        // What the second connection is told counts.
        ([(true, unlisted()), (false, other())], Tls::Preferred, FailureKind::AuthenticationFailed),
    ] {
        let seen = twice(answers, tls).await;
        assert_eq!((failure(&seen), &seen.unlooked), (Some(kind), &None), "{tls:?}: {seen:?}");
    }
    let seen = twice([(true, unlisted()), (false, unlisted())], Tls::Required).await;
    assert_eq!(failure(&seen), Some(FailureKind::HostNotAllowed), "{seen:?}");
}
