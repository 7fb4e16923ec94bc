//! The broker sends clients in other containers to localhost.

use super::{Cause, Facts, Failed, Rule, kafka_listeners};
use crate::observation::PhaseName;

/// A redirect to localhost, seen from another container than the broker's.
pub const RULE: Rule = Rule::new("kafka-advertises-loopback", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let redirect = failed.broker()?;
    if !failed.is_loopback() {
        return None;
    }
    let check = &failed.seen.check;
    // From the host, localhost is where published ports are: then something else is wrong.
    if check.from.is_machine() {
        return None;
    }
    let broker = failed.first_server(facts);
    if let (Some(broker), Some(client)) = (broker, failed.client(facts))
        && facts.stack.share_namespace(broker, client)
    {
        return None;
    }
    let (client, address) = (check.from.identity(), redirect.address());
    let service = broker.map_or_else(|| check.target.host.clone(), |broker| broker.service.clone());
    let mut evidence = Vec::new();
    let mut help = format!("let {service} advertise an address that its clients can reach");
    if let Some(broker) = broker {
        let settings = kafka_listeners::settings(broker);
        let said: Vec<_> = settings.advertised.iter().map(|l| format!("{}://{}", l.name, l.address())).collect();
        evidence.push(match said.as_slice() {
            [] => format!("{service} sets no {}: it runs on its image's default", settings.variable),
            _ => format!("{service} sets {}: {}", settings.variable, said.join(",")),
        });
        help = format!(
            "{}\nand in {client}, set {} to {}",
            kafka_listeners::mend(broker),
            failed.origin(),
            kafka_listeners::mended_address(broker)
        );
    }
    let end = match failed.failure.phase {
        PhaseName::Resolve | PhaseName::Connect => failed.failure.detail.clone(),
        _ => format!("something else answers there ({})", failed.failure.detail),
    };
    evidence.push(format!(
        "{client} asked {} ({}), was told \"{} is at {address}\", and {address} in {client} is {client} itself: {end}",
        check.target.address(),
        check.origins.first().map(|origin| origin.name.as_str()).unwrap_or_default(),
        redirect.name
    ));
    Some(Cause {
        subject: format!("{service} {address}"),
        service: Some(service.clone()),
        message: format!(
            "{service} sends its clients to {address}, and inside another container that is the client itself"
        ),
        evidence,
        help,
    })
}
