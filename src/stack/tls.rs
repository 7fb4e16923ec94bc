//! TLS towards engines: which certificates are believed and which one is ours.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::endpoint::{Endpoint, TlsFiles};
use super::error::StackError;
use crate::text;

/// What the TLS of this endpoint is made of.
///
/// # Errors
///
/// A file that is missing, cannot be read, or is not what its name says.
pub fn client(endpoint: &Endpoint, files: &TlsFiles) -> Result<ClientConfig, StackError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let bad = |file: &str, reason: String, help| StackError::TlsFile {
        path: files.folder.join(file).display().to_string(),
        endpoint: endpoint.to_string(),
        origin: endpoint.origin.to_string(),
        reason,
        help,
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| bad("", error.to_string(), "use an engine that speaks TLS 1.2 or 1.3"))?;
    let builder = if files.verify {
        let roots = authorities(files).map_err(|reason| {
            bad(
                "ca.pem",
                reason,
                "put the certificate of the authority that signed the engine's there, or set DOCKER_CERT_PATH",
            )
        })?;
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    };
    let there = |file| !files.folder.as_os_str().is_empty() && files.folder.join(file).exists();
    match (there("cert.pem"), there("key.pem")) {
        (false, false) => Ok(builder.with_no_client_auth()),
        (true, false) => {
            Err(bad("key.pem", "no such file".into(), "cert.pem is of no use without the key that belongs to it"))
        }
        (false, true) => Err(bad(
            "cert.pem",
            "no such file".into(),
            "key.pem is of no use without the certificate that belongs to it",
        )),
        (true, true) => {
            let own = certificates(&files.folder.join("cert.pem"))
                .map_err(|reason| bad("cert.pem", reason, "it must be the client's certificate in PEM"))?;
            let key = key(&files.folder.join("key.pem")).map_err(|reason| {
                bad("key.pem", reason, "it must be the client's key in PEM, readable by you and not encrypted")
            })?;
            builder
                .with_client_auth_cert(own, key)
                .map_err(|error| bad("key.pem", text::line(&error.to_string(), 200), "it must be the key of cert.pem"))
        }
    }
}

/// `ca.pem` alone where it is there, as Docker does it, else the system's authorities.
fn authorities(files: &TlsFiles) -> Result<RootCertStore, String> {
    let path = files.folder.join("ca.pem");
    let mut roots = RootCertStore::empty();
    if files.needs_authority || (!files.folder.as_os_str().is_empty() && path.exists()) {
        for certificate in certificates(&path)? {
            roots.add(certificate).map_err(|error| text::line(&error.to_string(), 200))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("no such file, and the system has no authorities either".to_owned());
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let content = std::fs::read(path).map_err(|error| text::io_error(&error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("holds no certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(_) => Err("is no PEM file".to_owned()),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let content = std::fs::read(path).map_err(|error| text::io_error(&error))?;
    PrivateKeyDer::from_pem_slice(&content).map_err(|_| "holds no key".to_owned())
}

/// Believes every certificate: what `DOCKER_TLS` without `DOCKER_TLS_VERIFY`, and a context made with
/// `skip-tls-verify`, ask for.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
