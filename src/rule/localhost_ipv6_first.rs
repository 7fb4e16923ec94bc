//! `localhost` is `::1` for this client, and the server listens on IPv4 alone.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, Need, Rule};
use crate::observation::{FailureKind as Kind, Listener};
use crate::plan::Vantage;

/// Only `::1` was tried, it refused, and `127.0.0.1` listens. A client that goes on to `127.0.0.1` does not fail.
pub const RULE: Rule = Rule::new("localhost-ipv6-first", explain).needing(&[Need::Listeners]);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let addresses = failed.addresses();
    let v6 = |address: &IpAddr| address.is_ipv6() && address.is_loopback();
    if !failed.is(&[Kind::Refused]) || addresses.is_empty() || !addresses.iter().all(v6) {
        return None;
    }
    let port = failed.port();
    let from = failed.seen.check.from.identity();
    let listeners: &[Listener] = match &failed.seen.check.from {
        Vantage::Host => facts.host.as_ref()?.listeners.present()?,
        Vantage::Container { .. } => facts.listening(failed.client(facts)?)?,
        Vantage::Engine | Vantage::Network { .. } => return None,
    };
    let here = listeners.iter().filter(|listener| listener.port == port);
    let found = here.map(|listener| listener.address).find(|address| {
        let address = address.to_canonical();
        address.is_ipv4() && (address.is_loopback() || address.is_unspecified())
    })?;
    let what = if failed.host().parse::<IpAddr>().is_ok() { "" } else { ", which is ::1 there and nothing else" };
    Some(Cause {
        subject: format!("{from} -> {}", failed.address()),
        service: failed.client(facts).map(|client| client.service.clone()),
        message: format!("{from} looks for {}{what}, and port {port} is open on IPv4 only", failed.address()),
        evidence: vec![format!("where {from} is, port {port} is bound to {found}"), failed.evidence()],
        help: format!("in {from}, set {}; or let the server listen on ::1 too", failed.correction("127.0.0.1", port)),
    })
}
