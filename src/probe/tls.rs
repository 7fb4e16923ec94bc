//! A TLS handshake over a connection that stands: TLS 1.2 and 1.3, RFC 5246 and RFC 8446.
//!
//! What is looked at is whether the peer speaks TLS, whether it has the key of the certificate that it shows, whether that
//! certificate holds now and is for the host, and, where it is known whom the client trusts, whether it leads there.

pub(crate) mod certificate;
mod chain;
mod details;

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
use self::chain::Trust;
use self::details::Holds;
use super::{Attempt, Fault, Stop};
use crate::observation::{Certificate, Depth, FailureKind, Observation, PhaseName};
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
/// (PostgreSQL, MySQL) says so in `security`. What a client does not verify is noted and fails nothing.
///
/// # Errors
/// [`Stop`] with `TlsFailed` when the peer speaks something else or refuses, `CertificateExpired` when its certificate
/// does not hold now, `CertificateUntrusted` when it leads to none of the client's authorities, `CertificateName` when it
/// is for other names, `Closed`, `Reset` or `Silent` when it does not answer.
pub async fn wrap(
    attempt: &mut Attempt,
    stream: TcpStream,
    host: &str,
    security: &Security,
) -> Result<TlsStream<TcpStream>, Stop> {
    let mut shown = Shown::default();
    let result = step(attempt, PhaseName::Tls, Box::pin(handshake(stream, host, security, &mut shown))).await;
    attempt.observation.certificate = shown.certificate;
    attempt.observation.notes.extend(shown.notes);
    result
}

/// What a handshake showed, however it ended.
#[derive(Debug, Default)]
struct Shown {
    certificate: Option<Certificate>,
    notes: Vec<String>,
}

/// The handshake and a look at the certificate.
async fn handshake(
    stream: TcpStream,
    host: &str,
    security: &Security,
    shown: &mut Shown,
) -> Result<TlsStream<TcpStream>, Trouble> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Trouble::Limit(format!("{host} is no name that TLS can ask for")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let config = config(provider).map_err(|error| Trouble::Limit(format!("TLS cannot be set up here: {error}")))?;
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
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    match examine(chain, &name, security, &algorithms, shown) {
        Some(fault) => Err(Trouble::Fault(fault)),
        None => Ok(stream),
    }
}

/// Looks at the certificates that a peer showed, its own first; gives what a client with these settings refuses it for.
fn examine(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    security: &Security,
    algorithms: &WebPkiSupportedAlgorithms,
    shown: &mut Shown,
) -> Option<Fault> {
    let Some(own) = chain.first() else {
        shown.notes.push("the peer showed no certificate".into());
        return None;
    };
    let mut faults = Vec::new();
    let mut object = |verified: Option<bool>, kind, words: String| match verified {
        Some(false) => shown.notes.push(format!("{words}; this client does not mind")),
        _ => faults.push(Fault::new(kind, words)),
    };
    let now = details::now();
    let details = details::read(own, algorithms);
    let mut remarks = Vec::new();
    match details.as_ref().map(|details| details.holds(now)) {
        Some(Holds::Yes) => {}
        Some(Holds::NotForLong(words)) => remarks.push(words),
        Some(Holds::No(words)) => object(security.verifies_chain, FailureKind::CertificateExpired, words),
        None => remarks.push("until when the certificate holds could not be read".into()),
    }
    let mut trusted = None;
    if let Some(authorities) = &security.authorities {
        match chain::trust(chain, details.as_ref(), authorities, now, algorithms) {
            Trust::Yes => trusted = Some(true),
            Trust::No if security.more_authorities => {
                remarks.push("the certificate leads to none of the authorities that the client is given on top".into());
            }
            Trust::No => {
                trusted = Some(false);
                let by = details.as_ref().and_then(|details| details.issuer.as_deref()).unwrap_or("nobody known");
                let words =
                    format!("the certificate is signed by {by}, and the client's authorities have not signed that");
                object(security.verifies_chain, FailureKind::CertificateUntrusted, words);
            }
            Trust::Unknown(why) => remarks.push(format!("whether the certificate is trusted is not known: {why}")),
        }
    } else if security.verifies_chain != Some(false) {
        let why = security
            .authorities_unknown
            .as_deref()
            .unwrap_or("no setting that can be read says whom the client trusts");
        remarks.push(format!("whether the certificate is trusted is not known: {why}"));
    }
    let names = match certificate::cover(own, name) {
        (Cover::Host, names) => names,
        (Cover::CommonName(name), names) => {
            remarks.push(format!(
                "the certificate names {name} only as its common name, which some clients do not accept"
            ));
            names
        }
        (Cover::Others, names) => {
            let listed = if names.is_empty() { "no host".into() } else { text::list(&names) };
            let words = format!("the certificate is for {listed}, not for {}", name.to_str());
            object(security.verifies_name, FailureKind::CertificateName, words);
            names
        }
        (Cover::Unreadable, names) => {
            remarks.push("the names in the certificate could not be read".into());
            names
        }
    };
    let (issuer, self_signed) = details.as_ref().map_or((None, false), |it| (it.issuer.clone(), it.self_signed));
    shown.certificate = Some(Certificate {
        names,
        issuer,
        not_before: details.as_ref().and_then(|details| details::rfc3339(details.not_before)),
        not_after: details.as_ref().and_then(|details| details::rfc3339(details.not_after)),
        self_signed,
        trusted,
    });
    shown.notes.extend(remarks);
    faults.into_iter().next()
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

/// In TLS 1.3 a server refuses a client without a certificate only after the handshake: what failed then says nothing of
/// a client that has one.
pub fn excuse_missing_certificate(observation: &mut Observation) {
    let refused = observation
        .failure
        .as_ref()
        .filter(|failure| observation.depth <= Depth::Connected && failure.detail.contains("CertificateRequired"));
    if let Some(failure) = refused {
        let reason = format!("the server wants a client certificate, and there is none here: {}", failure.detail);
        (observation.failure, observation.unlooked) = (None, Some(text::line(&reason, 300)));
    }
}

/// Whether somebody at the other end of a connection speaks TLS, whatever certificate it shows. Nothing but a handshake
/// that came to its end, or an alert, is taken for it.
pub async fn is_spoken(stream: TcpStream, host: &str) -> bool {
    let Ok(name) = ServerName::try_from(host.to_owned()) else { return false };
    let Ok(config) = config(Arc::new(rustls::crypto::ring::default_provider())) else { return false };
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(_) => true,
        Err(error) => matches!(
            error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()),
            Some(Error::AlertReceived(_) | Error::PeerIncompatible(_) | Error::InvalidCertificate(_))
        ),
    }
}

/// A client that lets every certificate pass.
fn config(provider: Arc<CryptoProvider>) -> Result<ClientConfig, Error> {
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
