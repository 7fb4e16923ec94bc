//! A TLS handshake over a connection that stands: TLS 1.2 and 1.3, RFC 5246 and RFC 8446.
//!
//! Trust is not judged: which authorities a client trusts is not known here. What is looked at is whether the peer
//! speaks TLS, whether it has the key of the certificate that it shows, and whether that certificate is for the host.

pub(crate) mod certificate;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::certificate::Cover;
use super::{Attempt, Fault, Stop};
use crate::observation::{FailureKind, PhaseName};
use crate::plan::Security;
use crate::text;

/// Why a step that needs TLS ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The peer is at fault, in this way.
    Fault(Fault),
    /// Another client might get further: what we cannot do, and how we learned it. No judgement of the peer.
    Limit(String),
}

/// Runs a step that our own limits can end. In that case the observation has no failure but says what could not be
/// looked at.
///
/// # Errors
/// [`Stop`] when the step failed, ran out of time or met one of our limits.
pub async fn step<T>(
    attempt: &mut Attempt,
    name: PhaseName,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Stop> {
    let mut limit = None;
    let work = async {
        work.await.map_err(|trouble| match trouble {
            Trouble::Fault(fault) => fault,
            Trouble::Limit(reason) => {
                limit = Some(text::line(&reason, 300));
                Fault::new(FailureKind::TlsFailed, reason)
            }
        })
    };
    let result = attempt.step(name, work).await;
    if limit.is_some() {
        attempt.observation.failure = None;
        attempt.observation.unlooked = limit;
    }
    result
}

/// Agrees on TLS with the peer of a connection, as its own step, as a client with these settings would. Where nothing
/// says whether the client verifies what it is shown, it does: a probe whose protocol's clients do not by themselves
/// (PostgreSQL, MySQL) says so in `security`.
///
/// # Errors
/// [`Stop`] with `TlsFailed` when the peer speaks something else or refuses, `CertificateName` when its certificate is
/// for other names, `Closed`, `Reset` or `Silent` when it does not answer.
pub async fn wrap(
    attempt: &mut Attempt,
    stream: TcpStream,
    host: &str,
    security: &Security,
) -> Result<TlsStream<TcpStream>, Stop> {
    let _ = security;
    let (stream, note) = step(attempt, PhaseName::Tls, Box::pin(handshake(stream, host))).await?;
    attempt.observation.notes.extend(note);
    Ok(stream)
}

/// The handshake and a look at the certificate; with it what is to be noted of the certificate.
async fn handshake(stream: TcpStream, host: &str) -> Result<(TlsStream<TcpStream>, Option<String>), Trouble> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Trouble::Limit(format!("{host} is no name that TLS can ask for")))?;
    let config = config().map_err(|error| Trouble::Limit(format!("TLS cannot be set up here: {error}")))?;
    let mut connecting = TlsConnector::from(Arc::new(config)).connect(name.clone(), stream);
    let mut said = [0; 64];
    let mut length = 0;
    let connected = poll_fn(|context| {
        // What comes is looked at before it is taken: a peer that speaks no TLS is told by its own words.
        if let (0, Some(stream)) = (length, connecting.get_ref()) {
            let mut buffer = ReadBuf::new(&mut said);
            match stream.poll_peek(context, &mut buffer) {
                Poll::Ready(Ok(_)) => length = buffer.filled().len(),
                // The system tells an error once: after this look nobody else would learn of a reset.
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        Pin::new(&mut connecting).poll(context)
    });
    let stream = connected.await.map_err(|error| trouble(&error, &said[..length]))?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let note = match shown.map(|shown| certificate::cover(shown, &name)) {
        Some(Cover::Host) => None,
        Some(Cover::CommonName(name)) => {
            Some(format!("the certificate names {name} only as its common name, which some clients do not accept"))
        }
        Some(Cover::Others(names)) => {
            let names = if names.is_empty() { "no host".into() } else { text::list(&names) };
            let words = format!("the certificate is for {names}, not for {host}");
            return Err(Trouble::Fault(Fault::new(FailureKind::CertificateName, words)));
        }
        Some(Cover::Unreadable) | None => Some("the names in the certificate could not be read".into()),
    };
    Ok((stream, note))
}

/// What ended a handshake or a conversation over TLS; `said` are the peer's first bytes where they are known.
#[must_use]
pub fn trouble(error: &io::Error, said: &[u8]) -> Trouble {
    // Only an alert or a handshake record starts a TLS peer's answer (RFC 8446, section 5.1).
    let plain = !said.is_empty() && !matches!(said, [0x15 | 0x16, 3, ..] | [0x15 | 0x16]);
    let kind = FailureKind::TlsFailed;
    let fault = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        _ if plain => {
            Fault::new(kind, format!("answered without TLS: {:?}", text::line(&String::from_utf8_lossy(said), 60)))
        }
        Some(Error::AlertReceived(alert)) => match limit(*alert) {
            Some(limit) => return Trouble::Limit(format!("the peer ended TLS with the alert {alert:?}: {limit}")),
            None => Fault::new(kind, format!("the peer ended TLS with the alert {alert:?}")),
        },
        Some(Error::PeerIncompatible(why)) => {
            return Trouble::Limit(format!("the peer wants a kind of TLS that is not spoken here: {why:?}"));
        }
        // As trust is not judged, what is left is a certificate that cannot be read, or a key of a kind that cannot be
        // used: too old or too short for us, not for every client.
        Some(Error::InvalidCertificate(why)) => {
            return Trouble::Limit(format!("the peer's certificate cannot be used here: {why}"));
        }
        Some(other) => Fault::new(kind, other.to_string()),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Fault::new(FailureKind::Closed, "the peer closed the connection instead of answering in TLS")
        }
        None => Fault::from_io(error),
    };
    Trouble::Fault(fault)
}

/// What an alert says about us rather than about the peer, if so.
const fn limit(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::ProtocolVersion => Some("only TLS 1.2 and 1.3 are spoken here"),
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            Some("it accepts no cipher that is spoken here, or wants a client certificate")
        }
        AlertDescription::NoApplicationProtocol => Some("it wants a protocol to be named in the handshake"),
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => Some("it wants a client certificate, and there is none here"),
        _ => None,
    }
}

/// A client that lets every certificate pass; ring is named, so that nothing depends on what the process set up.
fn config() -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let witness = Witness::new(&provider);
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(witness)).with_no_client_auth())
}

/// Lets every chain pass, yet sees to it that the peer has the key of the certificate that it shows.
#[derive(Debug)]
struct Witness(WebPkiSupportedAlgorithms);

impl Witness {
    fn new(provider: &CryptoProvider) -> Self {
        Self(provider.signature_verification_algorithms)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
pub(super) mod tests;
