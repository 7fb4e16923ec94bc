//! Names as the system resolves them: getaddrinfo(3).

use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use tokio::sync::oneshot;

use super::Resolved;
use crate::observation::FailureKind;
use crate::probe::Fault;
use crate::text;

/// What getaddrinfo says when a name does not exist or has no address, in glibc, musl and macOS. Its error numbers do
/// not reach us; nothing here calls `setlocale`, so its words are always the English ones.
const UNKNOWN: [&str; 5] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "Name has no usable address",
    "nodename nor servname provided, or not known",
];

/// Resolves a host by getaddrinfo.
///
/// It runs in a thread of its own that nobody waits for: getaddrinfo cannot be interrupted, and a pool that is waited
/// for at the end of the program would hold it up long after the deadline.
///
/// # Errors
/// `NameNotFound` when the system says that there is none, `ResolverFailed` when it cannot say.
pub async fn resolve(host: &str) -> Result<Resolved, Fault> {
    let (sender, receiver) = oneshot::channel();
    let name = host.to_owned();
    let look = move || {
        let addresses = (name.as_str(), 0).to_socket_addrs();
        // Nobody may be waiting any more.
        let _ = sender.send(addresses.map(|found| found.map(|address| address.ip()).collect()));
    };
    let started = std::thread::Builder::new().name("getaddrinfo".into()).spawn(look);
    let found = match started {
        Ok(_) => receiver.await.unwrap_or_else(|_| Err(io::Error::other("no answer"))),
        Err(error) => Err(error),
    };
    conclude(found)
}

/// What the system's answer means.
fn conclude(found: io::Result<Vec<IpAddr>>) -> Result<Resolved, Fault> {
    match found {
        Ok(addresses) if !addresses.is_empty() => {
            let mut unique: Vec<IpAddr> = Vec::with_capacity(addresses.len());
            for address in addresses {
                if !unique.contains(&address) {
                    unique.push(address);
                }
            }
            Ok(Resolved { addresses: unique, resolver: "system resolver".into() })
        }
        Ok(_) => Err(Fault::new(FailureKind::NameNotFound, "system resolver: no address")),
        Err(error) => {
            let words = error.to_string();
            let unknown = error.kind() == io::ErrorKind::InvalidInput || UNKNOWN.iter().any(|of| words.contains(of));
            let kind = if unknown { FailureKind::NameNotFound } else { FailureKind::ResolverFailed };
            let words = words.strip_prefix("failed to lookup address information: ").unwrap_or(&words);
            let words = text::io_error(&io::Error::other(words));
            Err(Fault::new(kind, format!("system resolver: {words}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_and_a_failing_resolver_are_told_apart() {
        for (words, kind) in [
            ("failed to lookup address information: Name or service not known", FailureKind::NameNotFound),
            ("failed to lookup address information: No address associated with hostname", FailureKind::NameNotFound),
            ("failed to lookup address information: Name does not resolve", FailureKind::NameNotFound),
            ("failed to lookup address information: Temporary failure in name resolution", FailureKind::ResolverFailed),
            (
                "failed to lookup address information: Non-recoverable failure in name resolution",
                FailureKind::ResolverFailed,
            ),
            ("failed to lookup address information: Try again", FailureKind::ResolverFailed),
            ("Too many open files (os error 24)", FailureKind::ResolverFailed),
        ] {
            let fault = conclude(Err(io::Error::other(words))).unwrap_err();
            assert_eq!(fault.kind, kind, "{words}");
            assert!(fault.detail.starts_with("system resolver: "), "{}", fault.detail);
            assert!(!fault.detail.contains("lookup") && !fault.detail.contains(": N"), "{}", fault.detail);
        }
    }

    #[test]
    fn addresses_are_given_once_and_in_order() {
        let addresses: Vec<IpAddr> = ["::1", "127.0.0.1", "::1"].map(|text| text.parse().unwrap()).into();
        let resolved = conclude(Ok(addresses.clone())).unwrap();
        assert_eq!(resolved.addresses, addresses[..2]);
        assert!(conclude(Ok(Vec::new())).is_err());
    }

    #[tokio::test]
    async fn localhost_is_known_to_every_system() {
        let resolved = resolve("localhost").await.unwrap();
        assert!(resolved.addresses.iter().all(IpAddr::is_loopback), "{resolved:?}");
        assert_eq!(resolved.resolver, "system resolver");
    }
}
