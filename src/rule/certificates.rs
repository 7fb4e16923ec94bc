//! Certificates that a client refuses, whatever host they are for.

use super::generic::{seen, server};
use super::{Cause, Facts, Failed, Rule};
use crate::observation::{Certificate, FailureKind as Kind};

/// It does not hold now.
pub const CERTIFICATE_EXPIRED: Rule = Rule::new("certificate-expired", |facts, failed| {
    seen(facts, failed, &[Kind::CertificateExpired], "shows a certificate that does not hold now", |facts, failed| {
        let issuer = shown(failed).and_then(|certificate| certificate.issuer.as_deref());
        let by = issuer.map(|issuer| format!(", which {issuer} has signed")).unwrap_or_default();
        format!(
            "have a certificate issued anew for {}{by}; if it was just made, compare the clocks of both sides",
            server(facts, failed)
        )
    })
});

/// It leads to nobody whom the client trusts.
pub const CERTIFICATE_NOT_TRUSTED: Rule = Rule::new("certificate-not-trusted", not_trusted);

fn not_trusted(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let cause =
        seen(facts, failed, &[Kind::CertificateUntrusted], "shows a certificate that its client does not trust", help)?;
    let from = failed.seen.check.from.identity();
    // Another client may well trust it.
    let service = failed.client(facts).map(|client| client.service.clone()).or(cause.service);
    Some(Cause { subject: format!("{from} -> {}", cause.subject), service, ..cause })
}

fn help(facts: &Facts, failed: &Failed) -> String {
    let from = failed.seen.check.from.identity();
    let file = failed.seen.check.setting("authorities").map(|file| format!(" ({file})")).unwrap_or_default();
    let signed = shown(failed).filter(|certificate| certificate.self_signed);
    let missing = match (signed, shown(failed).and_then(|certificate| certificate.issuer.as_deref())) {
        (Some(_), _) => format!("the certificate of {}, which signed itself,", server(facts, failed)),
        (None, Some(issuer)) => format!("the certificate of {issuer}"),
        (None, None) => "the authority that signed it".into(),
    };
    format!(
        "put {missing} into the file of authorities of {from}{file}, or have one of those in it sign the certificate of {}",
        server(facts, failed)
    )
}

fn shown<'a>(failed: &'a Failed) -> Option<&'a Certificate> {
    failed.observation()?.certificate.as_ref()
}
