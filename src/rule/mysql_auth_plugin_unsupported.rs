//! The plugin that proves an account's password is missing, in the server or in the client.

use super::{Cause, Facts, Failed, Need, Rule, Seen, service_restarting};
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::target::Protocol;

/// The server has not loaded the account's plugin; or a client that is down says that it has none such.
pub const RULE: Rule = Rule::new("mysql-auth-plugin-unsupported", explain).inspecting(inspect).needing(&[Need::Logs]);

/// What drivers say that are older than the server's plugin: MariaDB's libraries, libmysqlclient, mysqlnd, Connector/J 5.1,
/// Connector/Python, `MySqlConnector`, node's mysql.
const WORDS: &[&str] = &[
    "Plugin caching_sha2_password could not be loaded",
    "Plugin mysql_native_password could not be loaded",
    "Plugin client_ed25519 could not be loaded",
    "Authentication plugin 'caching_sha2_password' cannot be loaded",
    "Authentication plugin 'mysql_native_password' cannot be loaded",
    "Authentication plugin 'sha256_password' cannot be loaded",
    "The server requested authentication method unknown to the client",
    "Unable to load authentication plugin '",
    "Authentication plugin 'caching_sha2_password' is not supported",
    "Authentication method 'caching_sha2_password' not supported",
    "Client does not support authentication protocol requested by server",
];

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::AuthenticationUnsupported]) || failed.seen.check.target.protocol != Protocol::Mysql {
        return None;
    }
    let from = failed.seen.check.from.identity();
    let server = failed.server(facts).map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    Some(Cause {
        subject: format!("{from} -> {server}"),
        service: Some(server.clone()),
        message: format!("{server} has no plugin for the account of {from}: {}", failed.failure.detail),
        evidence: vec![failed.evidence()],
        help: format!(
            "in {server}, give the account a plugin that the server has: ALTER USER … IDENTIFIED WITH caching_sha2_password BY '…' (mysql_native_password is gone from MySQL 9)"
        ),
    })
}

/// A client that is down cannot be looked from: its own words are all there is.
fn inspect(facts: &Facts) -> Vec<Cause> {
    facts.stack.containers.iter().filter_map(|client| told(facts, client)).collect()
}

fn told(facts: &Facts, client: &Container) -> Option<Cause> {
    if !service_restarting::crashes(client) {
        return None;
    }
    let line = facts.logged(client, WORDS)?;
    let theirs = |seen: &&Seen| {
        seen.check.from.container() == Some(client.id.as_str()) && seen.check.target.protocol == Protocol::Mysql
    };
    let server = facts.checks.iter().find(theirs).map(|seen| {
        let place = seen.check.place(&facts.stack).0;
        facts.stack.by_id(&place).map_or(place, |server| server.service.clone())
    });
    let from = client.service.clone();
    let named = server.clone().unwrap_or_else(|| "its MySQL server".into());
    Some(Cause {
        subject: format!("{from} -> {named}"),
        service: Some(from.clone()),
        message: format!("the driver of {from} does not have the plugin that {named} asks for"),
        evidence: vec![format!("the log of {}: {line}", client.label())],
        help: format!(
            "use a newer driver in {from}; a server before MySQL 9 can still give the account the old plugin (ALTER USER … IDENTIFIED WITH mysql_native_password BY '…')"
        ),
    })
}
