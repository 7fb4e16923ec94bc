//! `depends_on`, the weakest of all origins: whoever waits for a database most likely uses it.
//!
//! It counts only where nothing else is known between the two, where they share a network, and where the image says what the
//! server speaks: often it orders the start and no more.

use std::collections::BTreeSet;

use super::served::{served, technology};
use super::{Connection, vantage};
use crate::plan::{Origin, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target};

/// The connections that only `depends_on` tells; `known` are those that something better does.
#[must_use]
pub fn derive(stack: &Stack, known: &[Connection]) -> Vec<Connection> {
    let pairs = known.iter().flat_map(|known| {
        let from = known.from.identity();
        known.leads_to(stack).into_iter().map(move |to| (from.clone(), to.to_owned()))
    });
    let pairs: BTreeSet<_> = pairs.collect();
    let clients = stack.containers.iter().filter(|client| !super::is_one_off(client));
    clients
        .flat_map(|client| {
            let waits = client.depends_on.iter().filter(|on| on.condition != "service_completed_successfully");
            let unknown = waits.filter(|on| !pairs.contains(&(client.service.clone(), on.service.clone())));
            unknown.filter_map(|on| connection(stack, client, &on.service)).collect::<Vec<_>>()
        })
        .collect()
}

fn connection(stack: &Stack, client: &Container, service: &str) -> Option<Connection> {
    let server = stack.of_service(service).next()?;
    let technology = technology(server)?;
    // A store uses nobody, and which of a broker's listeners a client means is known from its settings alone.
    let uses = !super::served::technology(client).is_some_and(|client| client.store);
    let port =
        technology.default_port.filter(|_| technology.store && uses && technology.protocol() != Protocol::Kafka)?;
    let shared = client.network_names().any(|network| server.network_names().any(|other| other == network));
    if !shared || stack.share_namespace(client, server) {
        return None;
    }
    let target = Target::new(served(server, port).protocol, service.to_owned(), port);
    let origin = Origin::new(OriginKind::DependsOn, "depends_on".into(), Some(service.to_owned()));
    Some(Connection::new(vantage(client), target, origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::environment;
    use crate::derive::testing::{container, pairs, stack};
    use crate::stack::Dependency;

    /// What follows for a client with these variables that waits for `db` of this image.
    fn of(image: &str, condition: &str, variables: &[(&str, &str)], network: &str) -> Vec<String> {
        let mut app = container("app", "orders:1");
        app.environment = pairs(variables);
        app.depends_on = vec![Dependency { service: "db".into(), condition: condition.into() }];
        let mut db = container("db", image);
        db.network_mode = network.into();
        let stack = stack([app, db]);
        let found = derive(&stack, &environment::derive(&stack));
        found.into_iter().map(|found| format!("{} -> {}", found.from, found.target)).collect()
    }

    #[test]
    fn whoever_waits_for_a_database_uses_it() {
        let expected = ["app -> postgres://db:5432"];
        assert_eq!(of("postgres:16", "service_started", &[], "shop_default"), expected);
        assert_eq!(of("postgres:16", "service_healthy", &[("X", "redis:6379")], "shop_default"), expected);
        for (image, condition, variables, network) in [
            ("postgres:16", "service_completed_successfully", &[][..], "shop_default"),
            ("postgres:16", "service_started", &[("DB_HOST", "db")], "shop_default"),
            ("postgres:16", "service_started", &[], "other"),
            ("apache/kafka:4.1.0", "service_started", &[], "shop_default"),
            ("grafana/grafana:11", "service_started", &[], "shop_default"),
            ("shop-api", "service_started", &[], "shop_default"),
        ] {
            assert_eq!(of(image, condition, variables, network), Vec::<String>::new(), "{image} {condition} {network}");
        }
    }
}
