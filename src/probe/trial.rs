//! Peers for tests: real sockets on this machine that play a script.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::{Options, Request};
use crate::observation::{FailureKind, Observation};
use crate::plan::Credentials;
use crate::target::{Protocol, Target};

/// What a peer does next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Sends this.
    Say(Vec<u8>),
    /// Sends this one byte at a time.
    Dribble(Vec<u8>),
    /// Reads until it has heard this since it last spoke.
    Hear(Vec<u8>),
    /// Sends this over and over, until the client leaves.
    Endless(Vec<u8>),
    /// Says nothing more, until the client leaves.
    Hold,
    /// Ends the connection with a reset.
    Reset,
}

/// Plays a script to one client, then closes. The task panics when the client does not say what it should.
pub(super) async fn play(steps: Vec<Step>) -> (u16, JoinHandle<()>) {
    play_all(vec![steps]).await
}

/// Plays a script to each connection, one after the other, and takes no more.
pub(super) async fn play_all(scripts: Vec<Vec<Step>>) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        for steps in scripts {
            let (stream, _) = listener.accept().await.expect("a client");
            perform(stream, steps).await;
        }
    });
    (port, task)
}

/// Plays a script over a connection.
pub(super) async fn perform(mut stream: TcpStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Say(bytes) => stream.write_all(&bytes).await.expect("the client listens"),
            Step::Dribble(bytes) => {
                stream.set_nodelay(true).expect("a socket");
                for byte in bytes {
                    stream.write_all(&[byte]).await.expect("the client listens");
                    // The client reads this byte before the next one comes.
                    tokio::task::yield_now().await;
                }
            }
            Step::Hear(needle) => {
                // Room for a whole message: what is left unread turns the close into a reset.
                let mut heard = Vec::with_capacity(4096);
                while !heard.windows(needle.len()).any(|window| window == needle) {
                    let count = stream.read_buf(&mut heard).await.expect("the client speaks");
                    assert!(count > 0, "waited for {}, heard {}", needle.escape_ascii(), heard.escape_ascii());
                }
            }
            Step::Endless(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Step::Hold => {
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            Step::Reset => {
                stream.set_zero_linger().expect("a socket");
                return;
            }
        }
    }
}

/// Looks at a port of this machine.
pub(super) async fn look(
    protocol: Protocol,
    port: u16,
    account: Option<(&str, &str)>,
    path: Option<&str>,
) -> Observation {
    let target = Target { path: path.map(Into::into), ..Target::new(protocol, "127.0.0.1", port) };
    let credentials =
        account.map(|(user, password)| Credentials { user: user.into(), password: Some(password.into()) });
    let timeout = Duration::from_millis(1500);
    super::look(&Request {
        target,
        timeout,
        credentials,
        security: crate::plan::Security::default(),
        needed: crate::plan::Needed::default(),
        questions: Vec::new(),
        acquaintances: Vec::new(),
        options: Options::default(),
    })
    .await
}

/// In which way it failed.
pub(super) fn failure(seen: &Observation) -> Option<FailureKind> {
    seen.failure.as_ref().map(|failure| failure.kind)
}

/// What the report would say of the failure.
pub(super) fn detail(seen: &Observation) -> &str {
    seen.failure.as_ref().map_or("", |failure| failure.detail.as_str())
}
