//! The database that a client names does not exist.

use super::{Cause, Facts, Failed, Rule, generic};
use crate::nearest::nearest;
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::target::Protocol;

/// MySQL's 1049, PostgreSQL's 3D000, and AMQP's 530 for a virtual host.
pub const RULE: Rule = Rule::new("unknown-database", explain);

/// The variables that make a database, or a virtual host, when a server's volume is empty.
pub const VARIABLES_READ: &[&str] = &["MYSQL_DATABASE", "MARIADB_DATABASE", "POSTGRES_DB", "RABBITMQ_DEFAULT_VHOST"];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    // A number of Redis' is no name that anybody has to create.
    if !failed.is(&[Kind::UnknownDatabase]) || failed.seen.check.target.protocol == Protocol::Redis {
        return None;
    }
    let from = failed.seen.check.from.identity();
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    let database = failed.seen.check.target.path.clone();
    let what = what(failed);
    let asked = database.as_ref().map_or_else(|| format!("the {what} that it asks for"), |it| format!("{what} {it}"));
    Some(Cause {
        subject: format!("{from} -> {name}{}", database.as_ref().map(|it| format!("/{it}")).unwrap_or_default()),
        service: Some(from.clone()),
        message: format!("{name} has no {asked}, which {from} needs"),
        evidence: vec![failed.evidence()],
        help: help(failed, &from, &name, database.as_deref(), server),
    })
}

fn help(failed: &Failed, from: &str, name: &str, database: Option<&str>, server: Option<&Container>) -> String {
    let variables = VARIABLES_READ.iter().filter_map(|&variable| Some((variable, server?.variable(variable)?)));
    let made: Vec<_> = variables.filter(|(_, value)| !value.is_empty()).collect();
    let wanted = database.unwrap_or_default();
    if let Some((variable, _)) = made.iter().find(|(_, value)| *value == wanted) {
        return format!(
            "{variable} of {name} makes it only when the volume is empty: create it by hand ({}), or start with an empty volume, which loses the data",
            by_hand(failed, wanted)
        );
    }
    let origin = failed.origin();
    match nearest(wanted, made.iter().map(|(_, value)| *value)) {
        Some(meant) => {
            format!("{name} makes the {} {meant}: is that the one meant in {origin} of {from}?", what(failed))
        }
        None => format!("correct the name in {origin} of {from}, or create the {} in {name}", what(failed)),
    }
}

/// What clients call it.
fn what(failed: &Failed) -> &'static str {
    if failed.seen.check.target.protocol == Protocol::Amqp { "virtual host" } else { "database" }
}

/// How it is created.
fn by_hand(failed: &Failed, wanted: &str) -> String {
    match failed.seen.check.target.protocol {
        Protocol::Amqp => format!("rabbitmqctl add_vhost {wanted}"),
        _ => format!("CREATE DATABASE {wanted}"),
    }
}

/// What helps where Redis does not let a client have the database whose number it asks for.
#[must_use]
pub fn help_of_redis(facts: &Facts, failed: &Failed) -> Option<String> {
    let target = &failed.seen.check.target;
    let number = target.path.as_deref().filter(|_| target.protocol == Protocol::Redis)?;
    let (server, origin) = (generic::server(facts, failed), failed.origin());
    match failed.failure.kind {
        Kind::UnknownDatabase if failed.failure.detail.contains("cluster") => {
            Some(format!("a cluster has database 0 alone: take the {number} out of {origin}"))
        }
        Kind::UnknownDatabase => Some(format!(
            "{server} counts its databases from 0 and has 16 of them, unless its setting `databases` says otherwise: \
             correct the {number} in {origin}, or raise `databases`"
        )),
        Kind::PermissionDenied => Some(format!(
            "let the account choose a database (ACL SETUSER … +select in {server}), or take the {number} out of {origin}"
        )),
        _ => None,
    }
}
