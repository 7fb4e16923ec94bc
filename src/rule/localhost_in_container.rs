//! Inside a container, localhost is the container itself.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::plan::OriginKind;
use crate::stack::Container;

/// A client's address is localhost while another service is meant.
pub const RULE: Rule = Rule::new("localhost-in-container", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is_loopback() {
        return None;
    }
    if !failed.is(&[
        Kind::Refused,
        Kind::TimedOut,
        Kind::WrongProtocol,
        Kind::Closed,
        Kind::Reset,
        Kind::Silent,
        Kind::Unreachable,
    ]) {
        return None;
    }
    let client = failed.client(facts)?;
    let port = failed.port();
    let meant = meant(facts, client, port);
    let from_settings = failed.seen.check.origins.iter().any(|origin| origin.kind == OriginKind::Environment);
    if client.on_host_network() || (meant.is_none() && !from_settings) {
        return None;
    }
    let (service, address) = (&client.service, failed.address());
    let help = match meant {
        Some((server, inner)) => format!("in {service}, set {}", failed.correction(&server.service, inner)),
        None => format!("in {service}, set {} to the name of the service that is meant", failed.origin()),
    };
    let whom = meant.map(|(server, _)| format!(", not {}", server.service)).unwrap_or_default();
    Some(Cause {
        subject: format!("{service} -> {address}"),
        service: Some(service.clone()),
        message: format!("{service} looks for {address}, and inside a container that is {service} itself{whom}"),
        evidence: vec![failed.evidence()],
        help,
    })
}

/// The service that has this port, in its container or on the host, and its port in the network.
fn meant<'a>(facts: &'a Facts, client: &Container, port: u16) -> Option<(&'a Container, u16)> {
    let others = || facts.stack.containers.iter().filter(|other| !facts.stack.share_namespace(other, client));
    let published = others().find_map(|other| {
        let bound = other.ports.iter().chain(&other.wanted_ports).find(|bound| bound.host_port == Some(port))?;
        Some((other, bound.container_port))
    });
    let exposed = || {
        others()
            .find(|other| {
                other.exposed.contains(&port) || other.wanted_ports.iter().any(|bound| bound.container_port == port)
            })
            .map(|other| (other, port))
    };
    published.or_else(exposed)
}
