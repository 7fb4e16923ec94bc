//! Who signed a certificate and when it holds: RFC 5280.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{Decode, Encode};

use crate::text;

/// Less time than this is said before it is over, in seconds.
const SOON: i64 = 14 * DAY;
/// A day in seconds.
const DAY: i64 = 24 * 60 * 60;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Who signed it, safe to print.
    pub issuer: Option<String>,
    /// From when it holds, in seconds since 1970.
    pub not_before: i64,
    /// Until when it holds, in seconds since 1970.
    pub not_after: i64,
    /// Whether its own key signed it.
    pub self_signed: bool,
}

/// How a moment and the time for which a certificate holds fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It holds.
    Yes,
    /// It holds, and not for long; in words.
    NotForLong(String),
    /// It does not; in words.
    No(String),
}

/// Reads a certificate; `None` where it cannot be read.
pub fn read(der: &CertificateDer<'_>, algorithms: &WebPkiSupportedAlgorithms) -> Option<Details> {
    // The raw profile takes serial numbers that the standard forbids and that authorities give all the same.
    let certificate = CertificateInner::<Raw>::from_der(der).ok()?;
    let content = certificate.tbs_certificate();
    let issuer = content.issuer();
    let common = issuer.common_name().ok().flatten().map(|name| name.value().into_owned());
    let shown = common.unwrap_or_else(|| issuer.to_string());
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
    let validity = content.validity();
    Some(Details {
        issuer: Some(text::line(&shown, 100)).filter(|issuer| !issuer.is_empty()),
        not_before: seconds(validity.not_before)?,
        not_after: seconds(validity.not_after)?,
        self_signed: issuer == content.subject() && signed_itself(der, &certificate, algorithms).unwrap_or(false),
    })
}

/// Whether the key in a certificate made the signature under it.
fn signed_itself(
    der: &CertificateDer<'_>,
    certificate: &CertificateInner<Raw>,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Option<bool> {
    let content = certificate.tbs_certificate().to_der().ok()?;
    let algorithm = certificate.signature_algorithm().to_der().ok()?;
    // Behind tag and length, which the libraries leave away.
    let algorithm = algorithm.get(2..)?;
    let signature = certificate.signature().as_bytes()?;
    let own = EndEntityCert::try_from(der).ok()?;
    let fits = algorithms.all.iter().filter(|known| known.signature_alg_id().as_ref() == algorithm);
    Some(fits.into_iter().any(|known| own.verify_signature(*known, &content, signature).is_ok()))
}

impl Details {
    /// Whether it holds at this moment.
    pub fn holds(&self, now: i64) -> Holds {
        let when = |seconds| rfc3339(seconds).unwrap_or_default();
        if now > self.not_after {
            return Holds::No(format!("the certificate expired on {}", when(self.not_after)));
        }
        if now < self.not_before {
            return Holds::No(format!("the certificate does not hold before {}", when(self.not_before)));
        }
        let left = self.not_after - now;
        if left < SOON {
            let days = match left / DAY {
                0 => "less than a day".to_owned(),
                days => text::count(usize::try_from(days).unwrap_or_default(), "day"),
            };
            return Holds::NotForLong(format!("the certificate expires in {days}, on {}", when(self.not_after)));
        }
        Holds::Yes
    }
}

/// A moment as RFC 3339 writes it, where it is in a year that can be written.
pub fn rfc3339(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|time| i64::try_from(time.as_secs()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with_ring(der: &[u8]) -> Option<Details> {
        let provider = rustls::crypto::ring::default_provider();
        read(&CertificateDer::from(der), &provider.signature_verification_algorithms)
    }

    #[test]
    fn a_certificate_is_read() {
        let read = read_with_ring(include_bytes!("fixtures/names.der")).unwrap();
        assert!(read.self_signed, "{read:?}");
        assert!(rfc3339(read.not_after).unwrap().starts_with("2126-"), "{read:?}");
        assert!(read.not_before < read.not_after);
    }

    #[test]
    fn a_changed_certificate_was_not_signed_by_itself() {
        let mut changed = include_bytes!("fixtures/names.der").to_vec();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        assert!(!read_with_ring(&changed).unwrap().self_signed);
    }

    #[test]
    fn what_is_no_certificate_is_not_read() {
        let whole = include_bytes!("fixtures/names.der");
        for length in 0..whole.len() {
            assert_eq!(read_with_ring(&whole[..length]), None, "{length}");
        }
        // Whatever stands there, it is read or not, and nothing else happens.
        for at in 0..whole.len() {
            let mut broken = whole.to_vec();
            broken[at] = !broken[at];
            let _ = read_with_ring(&broken);
        }
    }

    #[test]
    fn the_time_is_told() {
        let details = Details { issuer: None, not_before: 1000 * DAY, not_after: 2000 * DAY, self_signed: false };
        for (now, expected) in [
            (1000 * DAY, Holds::Yes),
            (1000 * DAY - 1, Holds::No("the certificate does not hold before 1972-09-27T00:00:00Z".into())),
            (1986 * DAY, Holds::Yes),
            (1986 * DAY + 1, Holds::NotForLong("the certificate expires in 13 days, on 1975-06-24T00:00:00Z".into())),
            (
                2000 * DAY - 1,
                Holds::NotForLong("the certificate expires in less than a day, on 1975-06-24T00:00:00Z".into()),
            ),
            (2000 * DAY + 1, Holds::No("the certificate expired on 1975-06-24T00:00:00Z".into())),
        ] {
            assert_eq!(details.holds(now), expected, "{now}");
        }
    }
}
