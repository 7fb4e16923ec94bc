//! A container that was made from another declaration than the files have now.

use std::collections::BTreeMap;

use super::{Cause, Declared, Facts, Failed, Need, Rule};
use crate::stack::Container;
use crate::text;

/// A file was changed after a container was made, and Compose would make another one now, or none at all.
pub const RULE: Rule = Rule::new("container-outdated", explain).inspecting(inspect).needing(&[Need::Declared]);

/// An old container may work as well as a new one: no failure is explained by its age.
fn explain(_: &Facts, _: &Failed) -> Option<Cause> {
    None
}

fn inspect(facts: &Facts) -> Vec<Cause> {
    let Some(declared) = facts.declared.as_ref().and_then(|declared| declared.present()) else { return Vec::new() };
    let mut causes = BTreeMap::new();
    for container in facts.stack.containers.iter().filter(|container| declared.older.contains(&container.id)) {
        if let Some(cause) = outdated(declared, container) {
            causes.entry(container.service.clone()).or_insert(cause);
        }
    }
    causes.into_values().collect()
}

fn outdated(declared: &Declared, container: &Container) -> Option<Cause> {
    let (service, changed) = (&container.service, text::list(&declared.changed));
    let (message, evidence, help) = match declared.services.get(service) {
        None => (
            format!("{service} still runs, and is no service of the files any more"),
            format!("{changed} changed after it was made, and does not declare it"),
            format!("remove it: docker compose up -d --remove-orphans (or docker rm -f {})", container.name),
        ),
        // Another version of Compose may hash the same declaration otherwise.
        Some(now)
            if same_release(&container.compose_version, &declared.version) && !container.config_hash.is_empty() =>
        {
            if now.hashes.contains(&container.config_hash) {
                return None;
            }
            let what = match now.differs.as_slice() {
                [] => String::new(),
                differs => format!("; what differs: {}", text::list(differs)),
            };
            (
                format!("{service} is not what its files declare now: docker compose up would make it anew"),
                format!("{changed} changed after it was made, and Compose has another hash of it now{what}"),
                format!("docker compose up -d {service}"),
            )
        }
        Some(_) => return None,
    };
    Some(Cause { subject: service.clone(), service: Some(service.clone()), message, evidence: vec![evidence], help })
}

/// Whether two versions are of one release; what packagers add to it (`2.26.1-4`, `2.26.1+ds1`) is not said everywhere.
fn same_release(one: &str, other: &str) -> bool {
    let release = |version: &str| {
        let version = version.trim_start_matches('v');
        version.split(['-', '+', '~']).next().unwrap_or_default().to_owned()
    };
    !one.is_empty() && release(one) == release(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, stack};
    use crate::observation::Fact;
    use crate::rule::DeclaredService;

    fn of(hash: &str, version: &str, service: &str, older: bool) -> Vec<String> {
        let mut app = container("app", "app:1");
        (app.config_hash, app.compose_version) = (hash.into(), version.into());
        let declared = Declared {
            services: [(
                service.to_owned(),
                DeclaredService { hashes: ["plain".into(), "whole".into()].into(), differs: Vec::new() },
            )]
            .into(),
            version: "2.26.1-4".into(),
            older: older.then(|| app.id.clone()).into_iter().collect(),
            changed: vec!["compose.yaml".into()],
        };
        let facts = Facts { stack: stack([app]), declared: Some(Fact::Present(declared)), ..Facts::default() };
        inspect(&facts).into_iter().map(|cause| cause.message).collect()
    }

    #[test]
    fn only_what_compose_itself_would_make_anew_is_outdated() {
        assert_eq!(
            of("old", "2.26.1", "app", true),
            ["app is not what its files declare now: docker compose up would make it anew"]
        );
        assert_eq!(of("any", "", "other", true), ["app still runs, and is no service of the files any more"]);
        for (hash, version, older) in [
            ("plain", "2.26.1", true),
            ("whole", "2.26.1", true),
            ("old", "2.27.0", true),
            ("old", "", true),
            ("", "2.26.1", true),
            ("old", "2.26.1", false),
        ] {
            assert!(of(hash, version, "app", older).is_empty(), "{hash} {version} {older}");
        }
        assert!(of("any", "", "other", false).is_empty());
        let unseen = Facts { declared: Some(Fact::NotLooked("no compose".into())), ..Facts::default() };
        assert!(inspect(&unseen).is_empty());
    }
}
