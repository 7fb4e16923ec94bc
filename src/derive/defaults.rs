//! What a client connects to because a setting is missing: said only where its settings leave no doubt what it is.

use wildmatch::WildMatch;

use super::served::technology;
use super::variable::Variable;
use super::{Connection, vantage};
use crate::catalog::{MissingSetting, Technology, catalog, variable_name};
use crate::plan::{Origin, OriginKind};
use crate::stack::{Container, Stack};
use crate::target::{Protocol, Target};

/// Adds the connections that follow from missing settings, and takes away those of settings that such a client does not read.
pub fn add(stack: &Stack, connections: &mut Vec<Connection>) {
    for container in stack.containers.iter().filter(|container| !super::is_one_off(container)) {
        let from = vantage(container);
        for missing in missing(container) {
            let unread = |connection: &Connection| {
                let name = Variable::new(&connection.origin.name).name;
                connection.from == from
                    && connection.origin.kind == OriginKind::Environment
                    && missing.instead_of.iter().any(|pattern| WildMatch::new(pattern).matches(&name))
            };
            connections.retain(|connection| !unread(connection));
            let Some(target) = target(&missing.target) else { continue };
            let origin = Origin::new(OriginKind::Default, missing.variable.clone(), None);
            connections.push(Connection::new(from.clone(), target, origin));
        }
    }
}

/// `redis://localhost:6379`, as the catalogue writes it.
fn target(text: &str) -> Option<Target> {
    let (scheme, address) = text.split_once("://")?;
    let (host, port) = address.split_once(':')?;
    let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.scheme() == scheme)?;
    Some(Target::new(protocol, host.to_owned(), port.parse().ok()?))
}

/// The settings that a container's client surely misses.
fn missing(container: &Container) -> Vec<&'static MissingSetting> {
    let all =
        catalog().technologies().iter().flat_map(|known| known.defaults.iter().map(move |missing| (known, missing)));
    all.filter(|(known, missing)| is_missing(container, known, missing)).map(|(_, missing)| missing).collect()
}

fn is_missing(container: &Container, known: &Technology, missing: &MissingSetting) -> bool {
    if missing.image && technology(container).is_none_or(|here| here.id != known.id) {
        return false;
    }
    let set = |pattern: &str, value: &str| {
        let mut variables =
            container.environment.iter().filter(|(name, _)| WildMatch::new(pattern).matches(&variable_name(name)));
        variables.any(|(_, given)| !given.is_empty() && (value == "*" || given.eq_ignore_ascii_case(value)))
    };
    missing.r#where.iter().all(|(pattern, value)| set(pattern, value))
        && !set(&missing.variable, "*")
        && !missing.unless.iter().any(|pattern| set(pattern, "*"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::environment;
    use crate::derive::testing::{container, pairs, stack};

    fn of(image: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let mut app = container("app", image);
        app.environment = pairs(variables);
        let stack = stack([app, container("redis", "redis:7"), container("postgres", "postgres:16")]);
        let mut found = environment::derive(&stack);
        add(&stack, &mut found);
        found.into_iter().map(|found| format!("{} {}", found.target, found.origin.name)).collect()
    }

    #[test]
    fn every_target_can_be_read() {
        let all = catalog().technologies().iter().flat_map(|known| &known.defaults);
        assert!(all.clone().count() > 0);
        for missing in all {
            assert!(target(&missing.target).is_some(), "{}", missing.target);
        }
    }

    #[test]
    fn what_is_missing_is_said_only_where_the_client_is_certain() {
        let boot = ("SPRING_DATA_REDIS_TIMEOUT", "2s");
        let old = ("SPRING_REDIS_HOST", "redis");
        assert_eq!(of("cart:1", &[old, boot]), ["redis://localhost:6379 SPRING_DATA_REDIS_HOST"]);
        assert_eq!(of("cart:1", &[old]), ["redis://redis:6379 SPRING_REDIS_HOST"]);
        assert_eq!(of("cart:1", &[boot]), Vec::<String>::new());
        let both = of("cart:1", &[old, ("SPRING_DATA_REDIS_HOST", "redis")]);
        assert_eq!(both, ["redis://redis:6379 SPRING_REDIS_HOST", "redis://redis:6379 SPRING_DATA_REDIS_HOST"]);
        let keycloak = "quay.io/keycloak/keycloak:24.0";
        assert_eq!(of(keycloak, &[("KC_DB", "postgres")]), ["postgres://localhost:5432 KC_DB_URL_HOST"]);
        assert!(of("cart:1", &[("KC_DB", "postgres")]).is_empty());
        assert!(of(keycloak, &[("KC_DB", "dev-file")]).is_empty());
        assert_eq!(
            of(keycloak, &[("KC_DB", "postgres"), ("KC_DB_URL_HOST", "postgres")]),
            ["postgres://postgres:5432 KC_DB_URL_HOST"]
        );
    }
}
