//! What only MySQL needs when it is judged: it remembers passwords, and a look must not change what it remembers.

use crate::observation::{Depth, FailureKind, Observation, Peer};
use crate::plan::Check;
use crate::target::Protocol;

/// A client that may not ask for the server's key gets in only while the server remembers its password. Without that
/// password nobody can tell whether it does.
pub fn remembers(check: &Check, observation: &Observation) -> Option<String> {
    let Some(Peer::Mysql(peer)) = &observation.peer else { return None };
    let spared = observation.depth < Depth::LoggedIn && peer.plugin.as_deref() == Some("caching_sha2_password");
    (spared && check.login_would_hide()).then(|| {
        format!(
            "{} disables TLS without allowPublicKeyRetrieval=true: it gets in only while the server remembers its password, and crosscheck does not know that password",
            check.from
        )
    })
}

/// Whether all that is missing is a database that the client's driver makes by itself: the login before it succeeded.
pub fn makes_database(check: &Check, observation: &Observation) -> bool {
    let missing = observation.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::UnknownDatabase);
    let makes = check.setting("createDatabaseIfNotExist").is_some_and(|said| said.eq_ignore_ascii_case("true"));
    check.target.protocol == Protocol::Mysql && missing && makes
}
