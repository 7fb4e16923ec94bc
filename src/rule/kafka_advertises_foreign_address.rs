//! The broker advertises an address that is written down as a number, and that is not, or no longer, its own.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, Rule, kafka_listeners};
use crate::observation::FailureKind as Kind;
use crate::plan::Vantage;
use crate::stack::{Container, PublishedAt};
use crate::target::host_and_port;

/// A redirect to an address that is nobody's here, another container's, or on a network that the client is not on.
pub const RULE: Rule = Rule::new("kafka-advertises-foreign-address", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    let address = redirect.host.parse::<IpAddr>().ok()?.to_canonical();
    if address.is_loopback() || address.is_unspecified() {
        return None;
    }
    let broker = failed.first_server(facts)?;
    let service = &broker.service;
    let why = why(facts, failed, broker, address)?;
    let settings = kafka_listeners::settings(broker);
    let on_host = failed.seen.check.from == Vantage::Host;
    let listener = settings.advertised.iter().find(|l| l.host == redirect.host && l.port == redirect.port);
    let name = listener.map_or("the listener", |listener| listener.name.as_str());
    let right = if on_host {
        host_and_port("localhost", failed.seen.check.target.port)
    } else {
        host_and_port(service, listener.map_or(redirect.port, |listener| listener.bound))
    };
    Some(Cause {
        subject: format!("{service} {}", redirect.address()),
        service: Some(service.clone()),
        message: format!("{service} sends its clients to {}, {why}", redirect.address()),
        evidence: vec![failed.evidence()],
        help: format!(
            "in {} of {service}, let {name} advertise {right}: a name stays when the address changes",
            settings.variable
        ),
    })
}

/// Why the address cannot be the right one; `None` where it may be, and something else is wrong.
fn why(facts: &Facts, failed: &Failed, broker: &Container, address: IpAddr) -> Option<String> {
    let stack = &facts.stack;
    if let Some(owner) = stack.at_address(address) {
        if stack.share_namespace(owner, broker) {
            let far = failed.is(&[Kind::TimedOut, Kind::Unreachable]);
            let near = failed.client(facts).is_some_and(|client| {
                let networks: Vec<_> = stack.namespace_owner(client).network_names().collect();
                let holds = |at: &&crate::stack::Attachment| at.addresses.contains(&address);
                let at = stack.namespace_owner(owner).attachments.iter().find(holds);
                at.is_some_and(|at| networks.contains(&at.network.as_str()))
            });
            return (far && !near).then(|| "its container's address on a network that they are not on".to_owned());
        }
        // Another broker of the same cluster may be what is meant.
        let named = failed.seen.observation.as_ref()?.redirects.len() > 1;
        return (!named).then(|| format!("which is the address of {}", owner.label()));
    }
    let within = |network: &&crate::stack::Network| {
        network.subnets.iter().any(|(base, length)| contains(*base, *length, address))
    };
    if let Some(network) = stack.networks.iter().find(within) {
        let gateway = stack.containers.iter().flat_map(|c| &c.attachments).any(|at| at.gateway == Some(address));
        let name = network.key.as_deref().unwrap_or(&network.name);
        return (!gateway).then(|| format!("an address of the network {name} that no container has any more"));
    }
    let host = facts.host_interfaces()?;
    let here = stack.engine.published_at == PublishedAt::Here;
    let of_host = host.iter().flat_map(|interface| &interface.addresses).any(|own| own.to_canonical() == address);
    (here && !of_host).then(|| "which is neither an address of this host nor of a container".to_owned())
}

/// Whether a subnet holds an address.
fn contains(base: IpAddr, length: u8, address: IpAddr) -> bool {
    let length = u32::from(length);
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
            u32::from(base) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length)).unwrap_or(0);
            u128::from(base) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_hold_what_is_in_them() {
        let holds =
            |base: &str, length, address: &str| contains(base.parse().unwrap(), length, address.parse().unwrap());
        assert!(holds("172.30.0.0", 16, "172.30.255.1"));
        assert!(!holds("172.30.0.0", 16, "172.31.0.1"));
        assert!(holds("0.0.0.0", 0, "8.8.8.8"));
        assert!(holds("10.1.2.3", 32, "10.1.2.3"));
        assert!(holds("fd00::", 64, "fd00::1"));
        assert!(!holds("fd00::", 64, "10.0.0.1"));
    }
}
