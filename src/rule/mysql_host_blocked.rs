//! MySQL has had enough of an address.

use super::{Cause, Facts, Failed, Rule};
use crate::derive::served::technology;
use crate::observation::FailureKind as Kind;

/// Error 1129 in the place of a greeting.
pub const RULE: Rule = Rule::new("mysql-host-blocked", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::HostBlocked]) {
        return None;
    }
    let from = &failed.seen.check.from;
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    let mariadb = server.and_then(technology).is_some_and(|known| known.id == "mariadb");
    let unblock = if mariadb { "FLUSH HOSTS" } else { "TRUNCATE TABLE performance_schema.host_cache" };
    Some(Cause {
        subject: format!("{} -> {name}", from.identity()),
        service: server.map(|server| server.service.clone()),
        message: format!(
            "{name} has blocked the address of {from}: too many connections from there broke off before a login"
        ),
        evidence: vec![failed.evidence()],
        help: format!(
            "unblock it in {name} ({unblock}, or a restart), and find what connects there without logging in: a healthcheck or monitor that only opens the port; max_connect_errors raises the limit"
        ),
    })
}
