//! TLS and SASL as the client's settings have them, on every connection to a broker; and where a listener speaks something
//! else, what it does speak, seen on the same port.

use std::net::SocketAddr;

use kafka_protocol::messages::ApiKey;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::codec::{self, Question};
use super::link::{Link, ended};
use super::peer;
use super::sasl;
use super::session::Session;
use crate::observation::{FailureKind, KafkaPeer, Peer, PhaseName};
use crate::plan::{Credentials, Security, Tls};
use crate::probe::Stream;
use crate::probe::{Attempt, Fault, Stop, tls};
use crate::target::Target;
use crate::text;

/// How the client connects that is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Whether it speaks TLS and SASL.
    pub security: &'a Security,
    /// Its login, where it may be used.
    pub credentials: Option<&'a Credentials>,
}

impl Client<'_> {
    /// Whether it speaks TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.security.tls == Tls::Required
    }

    /// Its SASL mechanism, where it surely logs in: settings for a login that nobody switches on are none.
    #[must_use]
    pub fn mechanism(&self) -> Option<&str> {
        self.security.mechanism.as_deref().filter(|_| self.security.kafka_protocol().is_some())
    }
}

/// Where the connection of an attempt leads; `None` where it was not made by connecting.
pub fn address(attempt: &Attempt, target: &Target) -> Option<SocketAddr> {
    Some(SocketAddr::new(attempt.observation.connected?, target.port))
}

/// Agrees on TLS where the client speaks it. A peer that does not is asked over a second connection whether it speaks
/// Kafka's protocol without.
///
/// # Errors
/// As [`tls::wrap`] has them.
pub async fn wrap(
    attempt: &mut Attempt,
    stream: TcpStream,
    target: &Target,
    client: Client<'_>,
) -> Result<Box<dyn Stream>, Stop> {
    if !client.speaks_tls() {
        return Ok(Box::new(stream));
    }
    let wrapped = tls::wrap(attempt, stream, &target.host, client.security).await;
    let kind = attempt.observation.failure.as_ref().map(|failure| failure.kind);
    if let Some(FailureKind::TlsFailed | FailureKind::Closed | FailureKind::Reset) = kind
        && answers_plainly(address(attempt, target), attempt.deadline).await
    {
        let peer = KafkaPeer { tls: Some(false), ..KafkaPeer::default() };
        attempt.observation.peer = Some(Peer::Kafka(peer));
        let fault = Fault::new(FailureKind::TlsFailed, "the listener speaks Kafka's protocol without TLS");
        return Err(attempt.fail(PhaseName::Tls, fault));
    }
    let stream = wrapped?;
    Ok(Box::new(stream))
}

/// What is said where the second connection does not tell why the first one ended.
pub const NOT_SEEN: &str = "the connection was ended, and why was not seen in time";

/// What the end of a connection that was spoken to without TLS means: over a second one a handshake is tried. `None` where
/// there was none.
pub async fn why_refused(attempt: &Attempt, target: &Target, fault: Fault) -> Option<Fault> {
    if !ended(fault.kind) {
        return Some(fault);
    }
    let Some(address) = address(attempt, target) else { return Some(fault) };
    let asked = async {
        let stream = TcpStream::connect(address).await.ok()?;
        Some(tls::is_spoken(stream, &target.host).await)
    };
    if timeout_at(attempt.deadline, asked).await.ok()?? {
        return Some(Fault::new(FailureKind::TlsExpected, "the listener speaks TLS, and was spoken to without"));
    }
    Some(fault)
}

/// Why a listener ended the connection on a question that is no `ApiVersions`: one that wants SASL does so. Over another
/// connection the list of its mechanisms proves it; a listener that wants none says so too. `None` where it could not be
/// asked, or said nothing in time.
pub async fn why_ended(
    attempt: &mut Attempt,
    session: &Session,
    target: &Target,
    client: Client<'_>,
    fault: Fault,
) -> Option<Fault> {
    let Some(version) = session.apis.version(ApiKey::SaslHandshake, 0..=1) else { return Some(fault) };
    if address(attempt, target).is_none() {
        return Some(fault);
    }
    let deadline = attempt.deadline;
    let stream = again(attempt, target, client).await?;
    let asked = async { Link::new(stream, deadline).ask(&Question::sasl_handshake(version, NO_MECHANISM)).await };
    let reply = match timeout_at(deadline, asked).await.ok()? {
        Ok(reply) => reply,
        Err(other) if matches!(other.kind, FailureKind::Silent | FailureKind::TimedOut) => return None,
        // Ended once more, or strange: it does not say that it wants SASL.
        Err(_) => return Some(fault),
    };
    let Some((sasl::UNSUPPORTED_MECHANISM, mechanisms)) = codec::sasl_handshake(&reply) else { return Some(fault) };
    let words = format!("the listener wants SASL authentication ({})", sasl::listed(&mechanisms));
    if let Some(peer) = peer(attempt) {
        peer.mechanisms = Some(mechanisms);
    }
    Some(Fault::new(FailureKind::AuthenticationRequired, words))
}

/// A mechanism that no one has, so that the answer says which there are.
pub const NO_MECHANISM: &str = "CROSSCHECK-NONE";

/// A second connection like the first, which leaves no trace in the observation.
async fn again(attempt: &Attempt, target: &Target, client: Client<'_>) -> Option<Box<dyn Stream>> {
    let mut second = Attempt::new(attempt.deadline, attempt.options);
    let connecting = TcpStream::connect(address(attempt, target)?);
    let stream = timeout_at(attempt.deadline, connecting).await.ok()?.ok()?;
    if !client.speaks_tls() {
        return Some(Box::new(stream));
    }
    let stream = tls::wrap(&mut second, stream, &target.host, client.security).await.ok()?;
    Some(Box::new(stream))
}

/// Whether a broker answers there without TLS.
async fn answers_plainly(address: Option<SocketAddr>, deadline: Instant) -> bool {
    let asked = async {
        let stream = TcpStream::connect(address?).await.ok()?;
        Session::open(stream, deadline).await.ok()
    };
    matches!(timeout_at(deadline, asked).await, Ok(Some(_)))
}

/// A fault that TLS itself ended a conversation with, after the handshake had come to its end: it is about a certificate
/// of the client's, which we do not have.
pub fn limit(fault: &Fault) -> Option<String> {
    (fault.kind == FailureKind::TlsFailed).then(|| text::line(&fault.detail, 300))
}
