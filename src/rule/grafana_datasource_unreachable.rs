//! A data source that Grafana cannot reach from its own container.

use super::{Cause, Facts, Failed, Rule, Seen, Verdict, generic_help};
use crate::derive::served;
use crate::observation::FailureKind as Kind;
use crate::plan::{Origin, OriginKind};

/// A data source that Grafana's container cannot reach, for a reason that no rule before this one knows.
///
/// Rules that say *why* stand before it: that `localhost` is Grafana itself, that a name is nobody's, that the port is the
/// host's. It stands before the generic ones, which would tell of the server and not of the dashboards.
pub const RULE: Rule = Rule::new("grafana-datasource-unreachable", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    let origin = data_source(facts, failed.seen)?;
    if failed.redirect.is_some() || others_fail(facts, failed) {
        return None;
    }
    let grafana = failed.client(facts)?;
    let (service, target) = (&grafana.service, &failed.seen.check.target);
    Some(Cause {
        subject: format!("{service} -> {}", target.address()),
        service: Some(service.clone()),
        message: format!("{service} cannot reach its data source {}: {}", target.address(), failed.failure.detail),
        evidence: vec![
            format!("{} names it; with `access: proxy` {service} asks it from its own container", origin.name),
            failed.evidence(),
        ],
        help: help(facts, failed),
    })
}

/// What says that a check is of one of Grafana's data sources.
fn data_source<'a>(facts: &Facts, seen: &'a Seen) -> Option<&'a Origin> {
    let client = facts.stack.by_id(seen.check.from.container()?)?;
    let names_one = |origin: &&Origin| {
        let key = origin.name.rsplit(' ').next().unwrap_or_default();
        origin.kind == OriginKind::File && key.starts_with("datasources.")
    };
    (served::technology(client)?.id == "grafana").then(|| seen.check.origins.iter().find(names_one)).flatten()
}

/// Whether somebody else who is no Grafana fails at the same place: then it is the server's fault, and told once.
fn others_fail(facts: &Facts, failed: &Failed) -> bool {
    let place = failed.seen.check.place(&facts.stack);
    facts.checks.iter().any(|seen| {
        seen.verdict == Verdict::Fail && seen.check.place(&facts.stack) == place && data_source(facts, seen).is_none()
    })
}

fn help(facts: &Facts, failed: &Failed) -> String {
    let (origin, address) = (failed.origin(), failed.address());
    match failed.failure.kind {
        Kind::Refused => generic_help::refused_help(facts, failed),
        Kind::NameNotFound | Kind::ResolverFailed => generic_help::unresolved_help(facts, failed),
        Kind::Closed | Kind::Silent => generic_help::closed_help(facts, failed),
        Kind::TlsFailed => generic_help::tls_help(facts, failed),
        Kind::TlsExpected => format!("it wants TLS: write https:// in {origin}"),
        Kind::HttpStatus => format!("it answers with an error: its own log says why; else correct {origin}"),
        _ => {
            format!("set {origin} to the name and port of the service in Grafana's network, in the place of {address}")
        }
    }
}

#[cfg(test)]
#[path = "grafana_datasource_unreachable_tests.rs"]
mod tests;
