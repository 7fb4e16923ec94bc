//! A database keeps the passwords of the day on which its volume was filled.

use std::path::Path;

use jiff::Timestamp;

use super::{Cause, Facts, Failed, Need, Rule};
use crate::derive::served::technology;
use crate::observation::{Fact, FailureKind as Kind};
use crate::plan::accounts::INITIAL;
use crate::stack::Container;

/// A server refuses the very credentials that its own variables set, and its volume is older than the container.
pub const RULE: Rule = Rule::new("stale-credentials-volume", explain).needing(&[Need::Volumes]);

/// How much older, in seconds. Compose makes the volume and then the container, in the same `up`.
const CLEARLY: i64 = 30;

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::AuthenticationFailed]) || failed.redirect.is_some() {
        return None;
    }
    let variable = failed.seen.check.setting(INITIAL)?;
    let server = failed.server(facts)?;
    let (volume, made) = volume(facts, server)?;
    let from = failed.seen.check.from.identity();
    let name = &server.service;
    Some(Cause {
        subject: name.clone(),
        service: Some(name.clone()),
        message: format!(
            "{name} refuses the password that its own {variable} sets: its data is older, and keeps the passwords that it was made with"
        ),
        evidence: vec![
            failed.evidence(),
            format!("{from} and {variable} of {name} have the same password"),
            format!("volume {volume} was made at {made}, the container at {}", server.created),
        ],
        help: format!(
            "{variable} counts only when the volume is empty: change the password in the database (ALTER USER), set {variable} back, or start with an empty volume (docker compose down -v, which loses the data)"
        ),
    })
}

/// The volume with the server's data, where it was made clearly before the container.
fn volume<'a>(facts: &'a Facts, server: &'a Container) -> Option<(&'a str, &'a str)> {
    let data = match technology(server)?.id.as_str() {
        "mysql" | "mariadb" => "/var/lib/mysql",
        // Up to 17 it is mounted at /var/lib/postgresql/data.
        "postgres" => "/var/lib/postgresql",
        _ => return None,
    };
    let holds = |path: &str| Path::new(path).starts_with(data);
    let mut mounts = server.mounts.iter().filter(|mount| holds(mount.destination.trim_end_matches('/')));
    let (mount, None) = (mounts.next()?, mounts.next()) else { return None };
    let Fact::Present(made) = facts.volumes.get(&mount.source).filter(|_| mount.kind == "volume")? else { return None };
    let (volume, container): (Timestamp, Timestamp) = (made.parse().ok()?, server.created.parse().ok()?);
    (container.as_second() - volume.as_second() > CLEARLY).then_some((mount.source.as_str(), made.as_str()))
}
