//! A container's address, which is another one the next time, is written down.

use std::net::IpAddr;

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::plan::Check;
use crate::stack::{Container, Network};

/// A client's setting has an address that the engine gave a container, or that no container has any more.
pub const RULE: Rule = Rule::new("container-address-hard-coded", explain).inspecting(inspect);

/// The address is of a network of the client, and nobody has it.
fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is(&[Kind::TimedOut, Kind::Unreachable]) {
        return None;
    }
    let client = failed.client(facts)?;
    let address: IpAddr = failed.host().parse().ok()?;
    let attachments = || facts.stack.containers.iter().flat_map(|container| &container.attachments);
    if attachments().any(|at| at.gateway == Some(address)) || facts.stack.at_address(address).is_some() {
        return None;
    }
    let near = facts.stack.namespace_owner(client);
    // Somebody outside of the project may be on a network that is not the project's own.
    let own =
        |name: &str| facts.stack.network(name).filter(|network| network.key.is_some() && network.contains(address));
    let network: &Network = near.network_names().find_map(own)?;
    Some(Cause {
        subject: format!("{} -> {address}", client.service),
        service: Some(client.service.clone()),
        message: format!(
            "{} uses {address}, an address of the network {}, which no container of this stack has now",
            client.service,
            network.key.as_deref().unwrap_or(&network.name)
        ),
        evidence: vec![failed.evidence()],
        help: format!(
            "in {}, write the service's name instead ({}): its address is another one each time it is made",
            client.service,
            failed.origin()
        ),
    })
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.checks.iter().filter_map(|seen| written_down(facts, &seen.check)).collect()
}

fn written_down(facts: &Facts, check: &Check) -> Option<Cause> {
    let origin = check.origins.iter().find(|origin| origin.kind.is_setting())?;
    let client = facts.stack.by_id(check.from.container()?)?;
    let address: IpAddr = check.target.host.parse().ok()?;
    let server: &Container = facts.stack.at_address(address)?;
    let fixed = server.attachments.iter().any(|at| at.addresses.contains(&address) && at.fixed);
    if fixed || facts.stack.share_namespace(client, server) {
        return None;
    }
    Some(Cause {
        subject: format!("{} -> {}", client.service, server.service),
        service: Some(client.service.clone()),
        message: format!(
            "{} uses {address}, the address of {} until that is made anew",
            client.service,
            server.label()
        ),
        evidence: vec![format!(
            "{} in {}; the engine chose the address of {}",
            origin.name,
            client.label(),
            server.label()
        )],
        help: format!(
            "in {}, set {} to {}:{}, or give {} a fixed `ipv4_address`",
            client.service, origin.name, server.service, check.target.port, server.service
        ),
    })
}
