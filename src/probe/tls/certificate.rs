//! Whom a certificate is for: RFC 9525, with the common name where there is nothing else, as several clients do it.

use rustls::pki_types::{CertificateDer, ServerName};
use webpki::{EndEntityCert, Error};

use crate::text;

/// No more names than these are listed.
const MOST_NAMES: usize = 5;
/// The object identifier of the common name (2.5.4.3) with its tag and length, as DER writes it.
const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];

/// How a certificate and a host fit.
#[derive(Debug, PartialEq, Eq)]
pub enum Cover {
    /// It is for this host.
    Host,
    /// It has no alternative names, and this common name fits the host.
    CommonName(String),
    /// It is for others.
    Others,
    /// It cannot be read.
    Unreadable,
}

/// Whether a certificate is for a host, and the names that it has, safe to print.
pub fn cover(certificate: &CertificateDer<'_>, host: &ServerName<'_>) -> (Cover, Vec<String>) {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return (Cover::Unreadable, Vec::new()) };
    let mut names = alternative_names(&certificate);
    let cover = match certificate.verify_is_valid_for_subject_name(host) {
        Ok(()) => Cover::Host,
        Err(Error::CertNotValidForName(_)) if names.is_empty() => {
            let common = common_name(certificate.subject());
            names.extend(common.clone());
            match common.filter(|common| fits(common, &host.to_str())) {
                Some(common) => Cover::CommonName(common),
                None => Cover::Others,
            }
        }
        Err(Error::CertNotValidForName(_)) => Cover::Others,
        Err(_) => Cover::Unreadable,
    };
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    (cover, names)
}

/// The hosts among the alternative names, which the library gives only with the error that none of them fits: nobody's
/// name can be this one.
fn alternative_names(certificate: &EndEntityCert<'_>) -> Vec<String> {
    let Ok(nobody) = ServerName::try_from("crosscheck.invalid") else { return Vec::new() };
    match certificate.verify_is_valid_for_subject_name(&nobody) {
        Err(Error::CertNotValidForName(context)) => {
            context.presented.iter().filter_map(|name| alternative_name(name)).collect()
        }
        _ => Vec::new(),
    }
}

/// The library names what it found as `DnsName("kafka")` and `IpAddress(10.0.0.1)`; other kinds name no host.
fn alternative_name(shown: &str) -> Option<String> {
    let inner = shown.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")"));
    let inner = inner.or_else(|| shown.strip_prefix("IpAddress(").and_then(|rest| rest.strip_suffix(')')));
    inner.map(|name| text::line(name, 100))
}

/// The common name in a DER-encoded subject, the last one where there are several.
fn common_name(subject: &[u8]) -> Option<String> {
    let at = subject.windows(COMMON_NAME.len()).rposition(|window| window == COMMON_NAME)?;
    match subject.get(at + COMMON_NAME.len()..)? {
        // UTF8String, PrintableString, TeletexString, IA5String; a common name has at most 64 characters.
        [0x0c | 0x13 | 0x14 | 0x16, length @ 0..=0x7f, rest @ ..] => {
            Some(text::line(&String::from_utf8_lossy(rest.get(..usize::from(*length))?), 100))
        }
        _ => None,
    }
}

/// Whether a common name means a host: the same name, or a `*` for its first label.
fn fits(common: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.');
    let wild = common.strip_prefix("*.").zip(host.split_once('.'));
    common.eq_ignore_ascii_case(host) || wild.is_some_and(|(common, (_, rest))| common.eq_ignore_ascii_case(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_found_in_a_subject() {
        let subject = |name: &[u8]| [&b"\x31\x13\x30\x11"[..], &COMMON_NAME, name].concat();
        assert_eq!(common_name(&subject(b"\x0c\x05kafka")).as_deref(), Some("kafka"));
        assert_eq!(common_name(&subject(b"\x13\x05ka\x1bka")).as_deref(), Some("ka\\u{1b}ka"));
        for broken in [&b""[..], b"\x0c", b"\x0c\x06kafka", b"\x0c\x81\x05kafka", b"\x1e\x02\x00k"] {
            assert_eq!(common_name(&subject(broken)), None, "{broken:?}");
        }
        assert_eq!(common_name(b""), None);
    }

    #[test]
    fn a_common_name_fits_as_clients_see_it() {
        for (common, host, expected) in [
            ("Kafka", "kafka", true),
            ("*.shop", "app.shop", true),
            ("*.shop", "shop", false),
            ("*.shop", "a.app.shop", false),
            ("kafka", "kafka.shop", false),
            ("*", "kafka", false),
        ] {
            assert_eq!(fits(common, host), expected, "{common} {host}");
        }
    }
}
