use super::*;

const AUTHORITY: &str = include_str!("../fixtures/authority.pem");
/// The same name, another key.
const OTHER: &str = include_str!("../fixtures/other-authority.pem");
/// The same key, until 2020.
const EXPIRED: &str = include_str!("../fixtures/expired-authority.pem");
const SIGNED: &[u8] = include_bytes!("../fixtures/signed.der");
const SELF_SIGNED: &[u8] = include_bytes!("../fixtures/names.der");

fn judged(shown: &[u8], authorities: &str) -> Trust {
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let shown = [CertificateDer::from(shown)];
    let details = read(&shown[0], &algorithms);
    trust(&shown, details.as_ref(), authorities, 1_800_000_000, &algorithms)
}

/// A certificate as PEM writes it.
fn pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

#[test]
fn only_the_authority_that_signed_is_a_way() {
    assert_eq!(judged(SIGNED, AUTHORITY), Trust::Yes);
    assert_eq!(judged(SIGNED, &format!("# our own\n{OTHER}{AUTHORITY}")), Trust::Yes);
    assert_eq!(judged(SIGNED, OTHER), Trust::No);
    assert_eq!(judged(SIGNED, &pem(SELF_SIGNED)), Trust::No);
    let expired = include_bytes!("../fixtures/expired.der");
    assert_eq!(judged(expired, AUTHORITY), Trust::Yes, "that it has expired is another question");
}

#[test]
fn a_certificate_that_signed_itself_is_trusted_by_whom_has_it() {
    assert_eq!(judged(SELF_SIGNED, &pem(SELF_SIGNED)), Trust::Yes);
    assert_eq!(judged(SELF_SIGNED, AUTHORITY), Trust::No);
    assert!(matches!(judged(SIGNED, &pem(SIGNED)), Trust::Unknown(_)));
}

#[test]
fn what_clients_differ_in_is_not_decided() {
    assert!(matches!(judged(SIGNED, EXPIRED), Trust::Unknown(_)), "{:?}", judged(SIGNED, EXPIRED));
    for nothing in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(judged(SIGNED, nothing), Trust::Unknown(_)), "{nothing}");
    }
}
