//! Names to addresses, and who said so.

use std::net::IpAddr;

use super::Fault;

/// What a name resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// At least one address, in the order in which a client would try them.
    pub addresses: Vec<IpAddr>,
    /// Who gave them: `address` (it was one), `hosts file`, `DNS server 127.0.0.11`, `system resolver`.
    pub resolver: String,
}

/// Resolves a host.
///
/// # Errors
/// `NameNotFound` when a resolver answered that there is none, `ResolverFailed` when none answered.
pub async fn resolve(_host: &str, _system: bool) -> Result<Resolved, Fault> {
    unimplemented!()
}
