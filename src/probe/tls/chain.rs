//! Whether a certificate leads to an authority that the client trusts, as its settings name them.

use std::time::Duration;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use super::details::{Details, Holds, read};

/// More authorities than these are not read; systems come with less than two hundred.
const MOST_AUTHORITIES: usize = 1000;

/// Whether a chain is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By one of these authorities.
    Yes,
    /// By none of them.
    No,
    /// That cannot be said here, for this reason.
    Unknown(String),
}

/// Holds the certificates that a peer showed, its own first, against the client's authorities (PEM), at a moment at
/// which its own holds.
pub fn trust(
    shown: &[CertificateDer<'_>],
    details: Option<&Details>,
    authorities: &str,
    now: i64,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Trust {
    let unknown = |reason: &str| Trust::Unknown(reason.to_owned());
    let Some((own, others)) = shown.split_first() else { return unknown("the peer showed no certificate") };
    let all: Vec<_> =
        CertificateDer::pem_slice_iter(authorities.as_bytes()).take(MOST_AUTHORITIES).filter_map(Result::ok).collect();
    if all.is_empty() {
        return unknown("the client's file of authorities holds no certificate that can be read");
    }
    let self_signed = details.is_some_and(|details| details.self_signed);
    if all.contains(own) {
        // Clients take the very certificate that they were given for an authority.
        let one_of_them = "it is one of the client's authorities without being one, which not every client takes";
        return if self_signed { Trust::Yes } else { unknown(one_of_them) };
    }
    let Ok(certificate) = EndEntityCert::try_from(own) else { return unknown("its certificate cannot be read here") };
    // Whether it has expired is another question.
    let at = details.map_or(now, |details| now.clamp(details.not_before, details.not_after.max(details.not_before)));
    let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or_default()));
    let verify = |authorities: &[&CertificateDer<'_>]| {
        let anchors: Vec<TrustAnchor<'_>> =
            authorities.iter().filter_map(|authority| anchor_from_trusted_cert(authority).ok()).collect();
        certificate
            .verify_for_usage(algorithms.all, &anchors, others, time, KeyUsage::server_auth(), None, None)
            .map(|_| ())
    };
    let holds = |authority: &&CertificateDer<'_>| {
        read(authority, algorithms).is_none_or(|details| !matches!(details.holds(now), Holds::No(_)))
    };
    let holding: Vec<_> = all.iter().filter(holds).collect();
    let every: Vec<_> = all.iter().collect();
    let readable = all.iter().all(|authority| anchor_from_trusted_cert(authority).is_ok());
    match (verify(&holding), verify(&every)) {
        (Ok(()), _) => Trust::Yes,
        (Err(_), Ok(())) => unknown("the authority that signed it has expired, which not every client takes amiss"),
        (Err(_), Err(_)) if !readable => unknown("one of the client's authorities cannot be read here"),
        (Err(Error::UnknownIssuer | Error::InvalidSignatureForPublicKey), Err(_)) => Trust::No,
        // Nobody else has signed it, and it is none of them.
        (Err(Error::CaUsedAsEndEntity), Err(_))
            if self_signed && !all.iter().any(|it| same_subject(it, &certificate)) =>
        {
            Trust::No
        }
        (Err(error), Err(_)) => Trust::Unknown(format!("the way to an authority cannot be judged here ({error})")),
    }
}

fn same_subject(authority: &CertificateDer<'_>, certificate: &EndEntityCert<'_>) -> bool {
    anchor_from_trusted_cert(authority).is_ok_and(|anchor| anchor.subject.as_ref() == certificate.subject())
}

#[cfg(test)]
mod tests;
