//! The default bridge gives containers addresses, and no names.

use super::{Cause, Facts, Failed, Rule};
use crate::stack::Container;

/// A name is not known because its user or its owner is on the default bridge alone.
pub const RULE: Rule = Rule::new("default-bridge-without-names", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if failed.redirect.is_some() || !failed.is_unnamed() {
        return None;
    }
    let (client, host) = (failed.client(facts)?, failed.host());
    let server = facts.stack.named(host).first().copied()?;
    let (near, far) = (facts.stack.namespace_owner(client), facts.stack.namespace_owner(server));
    let there = match (is_nameless(near), is_nameless(far)) {
        (true, true) if near.id != far.id => format!("{} and {} are", client.service, server.service),
        (true, false) => format!("{} is", client.service),
        (false, true) => format!("{} is", server.service),
        _ => return None,
    };
    let at = if is_nameless(near) { near } else { far };
    let both = is_nameless(near) && is_nameless(far);
    let off = if both { format!("{} and {}", client.service, server.service) } else { at.service.clone() };
    Some(Cause {
        subject: format!("{} -> {host}", client.service),
        service: Some(at.service.clone()),
        message: format!(
            "{there} on the engine's default bridge, which has no names: {host} means nothing to {}",
            client.service
        ),
        evidence: vec![failed.evidence()],
        help: format!("remove `network_mode: bridge` from {off}: on a network of the project, services have names"),
    })
}

/// Whether the engine's default bridge is the only network of a container.
fn is_nameless(container: &Container) -> bool {
    !container.attachments.is_empty() && container.network_names().all(|name| name == "bridge")
}
