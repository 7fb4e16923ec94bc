//! Servers that end a connection without a word: one that speaks TLS on the port does so, or sends an alert.

use tokio::net::TcpStream;
use tokio::time::timeout_at;

use super::{Attempt, Fault, tls};
use crate::observation::{Depth, FailureKind, PhaseName};
use crate::plan::{Security, Tls};
use crate::target::Target;

/// A peer that ended the connection before any answer may have waited for TLS: over a second connection a handshake is
/// tried. A client of whom nothing is said may speak TLS by a setting that nobody knows.
pub(super) async fn explain(attempt: &mut Attempt, target: &Target, security: &Security) {
    let ended = |kind| matches!(kind, FailureKind::Reset | FailureKind::Closed | FailureKind::TlsExpected);
    let Some(failure) = attempt.observation.failure.as_ref().filter(|failure| ended(failure.kind)) else { return };
    if attempt.observation.depth > Depth::Connected {
        return;
    }
    let told = failure.kind == FailureKind::TlsExpected;
    if !told {
        let Some(stream) = again(attempt, target).await else { return };
        if timeout_at(attempt.deadline, tls::is_spoken(stream, &target.host)).await != Ok(true) {
            return;
        }
    }
    let words = "the port speaks TLS, and was spoken to without";
    if security.tls == Tls::Off {
        attempt.fail(PhaseName::Handshake, Fault::new(FailureKind::TlsExpected, words));
    } else {
        attempt.observation.failure = None;
        attempt.observation.unlooked = Some(format!("{words}: no setting says whether the client speaks TLS"));
    }
}

/// A second connection to where the first one led.
pub(super) async fn again(attempt: &Attempt, target: &Target) -> Option<TcpStream> {
    let address = attempt.observation.connected?;
    timeout_at(attempt.deadline, TcpStream::connect((address, target.port))).await.ok()?.ok()
}
