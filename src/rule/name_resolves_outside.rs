//! The name of a service leads out of the stack.

use super::{Cause, Facts, Failed, Rule};
use crate::judge::outside;
use crate::text;

/// A server of DNS outside gave an address for the name of a service of the stack.
pub const RULE: Rule = Rule::new("name-resolves-outside", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let (client, host) = (failed.client(facts)?, failed.host());
    let observation = failed.observation()?;
    let addresses = outside::resolved(&facts.stack, client, host, observation)?;
    let server = facts.stack.named(host).first().copied()?;
    let resolver = observation.resolver.as_deref().unwrap_or_default();
    let (near, far) = (facts.stack.namespace_owner(client), facts.stack.namespace_owner(server));
    let shared = near.network_names().any(|name| far.network_names().any(|other| other == name));
    let addresses = text::list(&addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
    let other = observation.addresses.iter().find_map(|address| outside::neighbour(&facts.stack, *address));
    let help = if let Some(other) = other {
        format!(
            "{} has the same name on a network that both projects share: put {} and {} on a network of this project's own, or give {} an alias that nobody else has",
            outside::whose(other),
            client.service,
            server.service,
            server.service
        )
    } else if shared {
        format!(
            "a search domain gets the name first: give {} `dns_search: [\".\"]` and no `ndots` above 0, or write the name with its network's",
            client.service
        )
    } else {
        format!(
            "put {} and {} on one network: there its engine answers for {host}, and nobody else is asked",
            client.service, server.service
        )
    };
    Some(Cause {
        subject: format!("{} -> {host}", client.service),
        service: Some(client.service.clone()),
        message: format!(
            "for {}, {host} is {addresses}, which is not of this stack, and not {}",
            client.service,
            server.label()
        ),
        evidence: vec![format!("{resolver} gave {addresses}"), failed.evidence()],
        help,
    })
}
