//! MySQL has no account for anybody at an address.

use super::{Cause, Facts, Failed, Rule};
use crate::derive::served::technology;
use crate::observation::FailureKind as Kind;
use crate::target::Protocol;

/// Error 1130 in the place of a greeting.
pub const RULE: Rule = Rule::new("mysql-host-not-allowed", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::HostNotAllowed]) || failed.seen.check.target.protocol != Protocol::Mysql {
        return None;
    }
    let from = &failed.seen.check.from;
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    let root_host = match server.and_then(technology).map(|known| known.id.as_str()) {
        Some("mariadb") => " (MARIADB_ROOT_HOST: \"%\" does it for root when the volume is empty)",
        Some("mysql") => " (MYSQL_ROOT_HOST: \"%\" does it for root when the volume is empty)",
        _ => "",
    };
    Some(Cause {
        subject: format!("{} -> {name}", from.identity()),
        service: server.map(|server| server.service.clone()),
        message: format!("{name} has no account that may connect from the address of {from}"),
        evidence: vec![failed.evidence()],
        help: format!(
            "in {name}, make an account for clients on the network: CREATE USER 'app'@'%' IDENTIFIED BY '…'{root_host}"
        ),
    })
}
