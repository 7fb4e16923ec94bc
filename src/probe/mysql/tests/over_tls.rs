//! Accounts that are refused without TLS.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::plan::{Credentials, Needed, Security, Tls};
use crate::probe::{Options, Request};
use crate::target::Target;

const DEMANDED: &[u8] =
    b"\xff\x57\x0c#HY000Connections using insecure transport are prohibited while --require_secure_transport=ON.";
const UNKNOWN: &[u8] = b"\xff\x19\x04#42000Unknown database 'shop'";

/// Looks at a server that ends logins without TLS with these packets, and logins over TLS, if it lets them come that far,
/// with the other. How often somebody came is told as well.
async fn look(plain: Vec<Step>, encrypted: Option<&'static [u8]>, security: Security) -> (Observation, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        trial::perform(stream, [vec![say(0, MYSQL), hear("app\0")], plain, vec![Hold]].concat()).await;
        let Ok(Ok((mut stream, _))) = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await else {
            return 1;
        };
        let Some(answer) = encrypted else { return 2 };
        stream.write_all(&packet(0, MYSQL)).await.unwrap();
        stream.read_exact(&mut [0; 36]).await.unwrap();
        let mut stream = crate::probe::tls::tests::server().accept(stream).await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await.unwrap();
        stream.write_all(&packet(3, answer)).await.unwrap();
        // To every question the same.
        let Say(one) = row(&["1"]) else { return 2 };
        while stream.read(&mut [0; 1024]).await.is_ok_and(|count| count > 5) {
            stream.write_all(&one).await.unwrap();
        }
        2
    });
    let seen = crate::probe::look(&Request {
        target: Target { path: Some("shop".into()), ..Target::new(Protocol::Mysql, "127.0.0.1", port) },
        timeout: Duration::from_millis(1500),
        credentials: Some(Credentials { user: "app".into(), password: Some(PASSWORD.into()) }),
        security,
        needed: Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options: Options::default(),
    })
    .await;
    (seen, task.await.unwrap())
}

#[tokio::test]
async fn what_tls_alone_could_tell_is_tried_where_it_matters() {
    let unsaid = || Security::default();
    let java = || Security { tls_where_offered: true, ..Security::default() };
    let off = || Security { tls: Tls::Off, ..Security::default() };
    let denied = || vec![say(2, DENIED)];
    let wants_tls = || vec![say(2, DEMANDED)];
    let right = || vec![say(2, b"\x01\x03"), say(3, DENIED)];
    let (failed, expected) = (Some(FailureKind::AuthenticationFailed), Some(FailureKind::TlsExpected));
    for (plain, encrypted, security, kind, judged, times) in [
        (denied(), Some(DENIED), unsaid(), failed, true, 2),
        (denied(), Some(OK), unsaid(), None, false, 2),
        (denied(), Some(UNKNOWN), unsaid(), None, false, 2),
        (denied(), None, unsaid(), failed, true, 2),
        (right(), None, unsaid(), None, false, 2),
        (wants_tls(), None, unsaid(), None, false, 2),
        (wants_tls(), Some(OK), unsaid(), None, false, 2),
        (denied(), Some(OK), java(), None, true, 2),
        (wants_tls(), Some(OK), java(), None, true, 2),
        (wants_tls(), Some(DENIED), java(), failed, true, 2),
        (denied(), Some(UNKNOWN), java(), Some(FailureKind::UnknownDatabase), true, 2),
        // A client that speaks no TLS comes once, and so do we.
        (denied(), None, off(), failed, true, 1),
        (right(), None, off(), expected, true, 1),
        (wants_tls(), None, off(), expected, true, 1),
    ] {
        let case = format!("{plain:?} {encrypted:?} {security:?}");
        let (seen, count) = look(plain, encrypted, security).await;
        assert_eq!((failure(&seen), seen.unlooked.is_none(), count), (kind, judged, times), "{case}: {seen:?}");
        let depth = if kind.is_none() && judged { Depth::LoggedIn } else { Depth::Answered };
        assert_eq!(seen.depth, depth, "{case}: {seen:?}");
        assert_eq!(phases(&seen)[1], (PhaseName::Login, kind.is_none() && judged), "{case}");
    }
}
