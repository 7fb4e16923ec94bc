//! What was seen, in words.

use super::paint::safe;
use crate::observation::{Certificate, Depth, Failure, FailureKind, Peer};
use crate::report::{CheckResult, Verdict};
use crate::text::{line, list};

/// What the peer said about itself, bounded.
pub(super) fn summary(peer: &Peer) -> String {
    line(&peer.summary(), 200)
}

/// How far an attempt came, as people say it.
pub(super) const fn depth(depth: Depth) -> &'static str {
    match depth {
        Depth::Nothing => "nothing reached",
        Depth::Resolved => "resolved",
        Depth::Connected => "open",
        Depth::Answered => "answers",
        Depth::LoggedIn => "logged in",
        Depth::RoundTrip => "round trip",
    }
}

/// How an attempt failed: the way, and the peer's or the system's own words where they add something.
pub(super) fn words(failure: &Failure) -> String {
    let kind = match failure.kind {
        FailureKind::NameNotFound => "no such name",
        FailureKind::ResolverFailed => "no resolver answered",
        FailureKind::Refused => "connection refused",
        FailureKind::TimedOut => "no answer",
        FailureKind::Unreachable => "unreachable",
        FailureKind::Reset => "connection reset",
        FailureKind::Closed => "closed without an answer",
        FailureKind::Silent => "connected, then no answer",
        FailureKind::WrongProtocol => "something else answered",
        FailureKind::TlsExpected => "the server wants TLS",
        FailureKind::TlsFailed => "TLS could not be agreed on",
        FailureKind::CertificateName => "the certificate is for other names",
        FailureKind::AuthenticationRequired => "credentials are required",
        FailureKind::AuthenticationFailed => "the credentials were refused",
        FailureKind::ProtectedMode => "protected mode",
        FailureKind::TooManyConnections => "too many connections",
        FailureKind::UnknownDatabase => "unknown database",
        FailureKind::HostNotAllowed => "this address is not allowed",
        FailureKind::HostBlocked => "this address is blocked",
        FailureKind::ServerRefuses => "the server refuses",
        FailureKind::HttpStatus => "a status that means failure",
        FailureKind::WrongIdentity => "not the server that was meant",
        FailureKind::RoundTrip => "the record did not come back",
        FailureKind::Open => "open",
        FailureKind::CertificateExpired => "the certificate does not hold now",
        FailureKind::CertificateUntrusted => "the certificate comes from nobody whom the client trusts",
        FailureKind::AuthenticationUnsupported => "no way to log in that both sides have",
        FailureKind::KeyRetrieval => "the client may not ask for the server's key",
        FailureKind::PermissionDenied => "no permission",
        FailureKind::Unmet => "not as it is expected",
    };
    let detail = line(&failure.detail, 400);
    if detail.is_empty() {
        kind.into()
    } else if matches!(failure.kind, FailureKind::HttpStatus | FailureKind::Unmet)
        || detail.to_lowercase().contains(&kind.to_lowercase())
    {
        detail
    } else {
        format!("{kind}: {detail}")
    }
}

/// What made a check fail, in few words: its own failure, else that of the first address that its peer handed out.
pub(in crate::report) fn why(check: &CheckResult) -> Option<String> {
    let seen = check.observation.as_ref();
    let redirect = || {
        let redirects = seen.map_or(&[][..], |seen| &seen.redirects);
        let failed = redirects.iter().find_map(|redirect| Some((redirect, redirect.observation.failure.as_ref()?)));
        failed.map(|(redirect, failure)| {
            format!("{}, advertised as {}: {}", line(&redirect.name, 60), safe(&redirect.address()), words(failure))
        })
    };
    let reason = check.reason.as_deref().map(safe).or_else(|| reached(check).map(Into::into));
    reason.or_else(|| seen?.failure.as_ref().map(words)).or_else(redirect)
}

/// What a check failed by where no connection is wanted.
pub(super) fn reached(check: &CheckResult) -> Option<&'static str> {
    let failed = check.verdict == Some(Verdict::Fail) && check.expect == "closed";
    failed.then_some("it must not be reachable, and it is")
}

/// A certificate in one line: for whom, by whom, until when.
pub(super) fn certificate(shown: &Certificate) -> String {
    let names = if shown.names.is_empty() { "nobody".into() } else { list(&shown.names) };
    let mut parts = vec![format!("certificate for {names}")];
    match &shown.issuer {
        _ if shown.self_signed => parts.push("signed by itself".into()),
        Some(issuer) => parts.push(format!("by {issuer}")),
        None => {}
    }
    parts.extend(shown.not_after.as_deref().map(|until| format!("until {}", until.split('T').next().unwrap_or(until))));
    match shown.trusted {
        Some(true) => parts.push("trusted".into()),
        Some(false) => parts.push("not trusted".into()),
        None => {}
    }
    safe(&parts.join(", "))
}
