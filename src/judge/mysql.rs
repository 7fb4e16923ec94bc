//! What only MySQL needs when it is judged: it remembers passwords, and a look must not change what it remembers.

use crate::observation::{Depth, Observation, Peer};
use crate::plan::Check;

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
