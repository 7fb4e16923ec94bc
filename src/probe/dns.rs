//! Names to addresses, and who said so.
//!
//! Our own reading of `/etc/hosts` and `/etc/resolv.conf` follows glibc, so that the report can say which server
//! answered what. It differs from what a client may do in three ways that matter rarely: nsswitch.conf is not read, no
//! answer is kept for later, and `options` other than `ndots` are passed over.

pub(crate) mod client;
pub(crate) mod files;
mod system;
mod together;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use hickory_proto::rr::Name;
use tokio::time::Instant;

use self::client::Outcome;
use self::files::Config;
use super::Fault;
use crate::observation::FailureKind;
use crate::target::is_loopback;
use crate::text;

/// No more addresses of a name than these are kept.
const MOST_ADDRESSES: usize = 16;
/// How long before the caller's deadline the search ends, so that its own words about who was silent are heard.
const MARGIN: Duration = Duration::from_millis(10);

/// What a name resolved to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// At least one address, at most sixteen, in the order in which a client would try them: as the hosts file or the
    /// system gives them, and from DNS IPv6 first where there is a route to it, else IPv4 first (RFC 6724 in short).
    pub addresses: Vec<IpAddr>,
    /// Who gave them: `address` (it was one), `hosts file`, `DNS server 127.0.0.11`, `system resolver`, or
    /// `localhost by definition` (RFC 6761). Where a search domain was needed, the full name follows:
    /// `DNS server 10.0.0.1, as kafka.corp.example`.
    pub resolver: String,
}

/// Resolves a host, before `deadline`: by our own reading of the system's files, or as the system itself does it.
///
/// # Errors
/// `NameNotFound` when a resolver answered that there is none, `ResolverFailed` when none answered.
pub async fn resolve(host: &str, system: bool, deadline: Instant) -> Result<Resolved, Fault> {
    if let Ok(address) = host.parse() {
        return Ok(Resolved { addresses: vec![address], resolver: "address".into() });
    }
    let name = host.to_owned();
    let begin = || async move { if system { system::resolve(&name).await } else { by_files(&name, deadline).await } };
    let result = together::search(host, system, deadline, begin).await;
    // RFC 6761, section 6.3: these names mean this machine, whatever a server says.
    if result.is_err() && is_loopback(host) {
        let addresses = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(Resolved { addresses, resolver: "localhost by definition".into() });
    }
    let mut resolved = result?;
    resolved.addresses.truncate(MOST_ADDRESSES);
    Ok(resolved)
}

/// Resolves a name by this namespace's `/etc/hosts` and `/etc/resolv.conf`.
async fn by_files(host: &str, deadline: Instant) -> Result<Resolved, Fault> {
    let (hosts, unread) = match files::read(Path::new("/etc/hosts")) {
        Ok(text) => (text, None),
        Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), None),
        Err(error) => (String::new(), Some(format!("cannot read /etc/hosts: {}", text::io_error(&error)))),
    };
    let config = match files::read(Path::new("/etc/resolv.conf")) {
        Ok(text) => Config::parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => Config::default(),
        Err(error) => {
            let words = format!("cannot read /etc/resolv.conf: {}", text::io_error(&error));
            return Err(Fault::new(FailureKind::ResolverFailed, words));
        }
    };
    let until = deadline.checked_sub(MARGIN).unwrap_or(deadline);
    look_up(host, &hosts, &config, until).await.map_err(|fault| match unread {
        // The name may stand in the file that we may not read: nobody has denied it then.
        Some(unread) => Fault::new(FailureKind::ResolverFailed, format!("{unread}; {}", fault.detail)),
        None => fault,
    })
}

/// Resolves a name by the text of a hosts file and by DNS.
pub(crate) async fn look_up(host: &str, hosts: &str, config: &Config, until: Instant) -> Result<Resolved, Fault> {
    let addresses = files::hosts_addresses(hosts, host);
    if !addresses.is_empty() {
        return Ok(Resolved { addresses, resolver: "hosts file".into() });
    }
    if is_loopback(host) {
        return Err(Fault::new(FailureKind::NameNotFound, "not in the hosts file"));
    }
    let mut faults: Vec<Fault> = Vec::new();
    for candidate in config.candidates(host) {
        let Some(name) = dns_name(&candidate) else {
            faults.push(Fault::new(FailureKind::NameNotFound, format!("{candidate} cannot be a name in DNS")));
            continue;
        };
        faults.push(match client::ask(&config.servers, &name, until).await {
            Outcome::Found { server, v4, v6 } => {
                let as_what = if candidate == host.trim_end_matches('.') { "" } else { &format!(", as {candidate}") };
                return Ok(Resolved { addresses: in_order(v4, v6), resolver: format!("DNS server {server}{as_what}") });
            }
            Outcome::Denied(words) => Fault::new(FailureKind::NameNotFound, words),
            Outcome::Failed(words) => Fault::new(FailureKind::ResolverFailed, words),
        });
        if Instant::now() >= until {
            break;
        }
    }
    Err(verdict(faults, config.tries_itself_first(host)))
}

/// What the answers for the name and its forms in the search domains come to, none of them having an address. As in
/// glibc, the answer for the name itself counts where it was asked for first; else one failure is enough to not know.
fn verdict(faults: Vec<Fault>, itself_first: bool) -> Fault {
    let failed = faults.iter().any(|fault| fault.kind == FailureKind::ResolverFailed);
    let kind = match faults.first() {
        Some(first) if itself_first => first.kind,
        Some(_) if failed => FailureKind::ResolverFailed,
        _ => FailureKind::NameNotFound,
    };
    let mut details: Vec<String> = Vec::new();
    for fault in faults {
        if !details.contains(&fault.detail) {
            details.push(fault.detail);
        }
    }
    Fault::new(kind, details.join("; "))
}

/// A host as a name that DNS can ask for: labels of 1 to 63 bytes, underscores allowed; IDNA where it is not ASCII.
pub(crate) fn dns_name(host: &str) -> Option<Name> {
    if host.is_ascii() {
        Name::from_labels(host.split('.').map(str::as_bytes)).ok()
    } else {
        let mut name = Name::from_utf8(host).ok()?;
        name.set_fqdn(true);
        Some(name)
    }
}

/// IPv6 first where there is a route to it, else IPv4 first.
fn in_order(v4: Vec<IpAddr>, v6: Vec<IpAddr>) -> Vec<IpAddr> {
    let [first, second] = if v6.first().is_some_and(has_route) { [v6, v4] } else { [v4, v6] };
    first.into_iter().chain(second).take(MOST_ADDRESSES).collect()
}

/// Whether the system knows a way to an IPv6 address. Connecting a datagram socket asks the routing table and sends
/// nothing.
fn has_route(address: &IpAddr) -> bool {
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok_and(|socket| socket.connect((*address, 9)).is_ok())
}

#[cfg(test)]
mod tests;
