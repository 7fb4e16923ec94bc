//! Every connection that a server, or an account, may have is in use.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::stack::Container;
use crate::target::Protocol;

/// MySQL's 1040, PostgreSQL's 53300, Redis' `max number of clients reached`, those of brokers, and limits for one account.
pub const RULE: Rule = Rule::new("too-many-connections", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::TooManyConnections]) {
        return None;
    }
    let server = failed.server(facts);
    let name = server.map_or_else(|| failed.host().to_owned(), Container::label);
    if let Some(limit) = of_account(&failed.failure.detail) {
        return Some(Cause {
            subject: format!("{name} {}", failed.seen.check.from.identity()),
            service: server.map(|server| server.service.clone()),
            message: format!("the account has no connection left at {name}: {}", failed.failure.detail),
            evidence: vec![failed.evidence()],
            help: format!(
                "add up the pools of all clients that use this account (see {}), and make them smaller or {limit} of the account larger",
                failed.origin()
            ),
        });
    }
    let limit = match failed.seen.check.target.protocol {
        Protocol::Redis => "maxclients",
        Protocol::Memcached => "the limit (-c)",
        Protocol::Amqp => "the connection limit",
        _ => "max_connections",
    };
    Some(Cause {
        subject: name.clone(),
        service: server.map(|server| server.service.clone()),
        message: format!("{name} has no connection left: {}", failed.failure.detail),
        evidence: vec![failed.evidence()],
        help: format!(
            "add up the pools of all clients and their replicas, and make them smaller or {limit} of {name} larger; connections that nobody closes show in its list of clients"
        ),
    })
}

/// The limit that is an account's own, by the server's words.
fn of_account(words: &str) -> Option<&'static str> {
    if words.contains("connections for role") {
        return Some("CONNECTION LIMIT");
    }
    // MySQL's 1203 and 1226.
    ["max_user_connections", "max_connections_per_hour"].into_iter().find(|limit| words.contains(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accounts_own_limit_is_told_from_the_servers() {
        for (words, limit) in [
            ("too many connections for role \"app\"", Some("CONNECTION LIMIT")),
            ("User app already has more than 'max_user_connections' active connections", Some("max_user_connections")),
            (
                "User 'app' has exceeded the 'max_user_connections' resource (current value: 1)",
                Some("max_user_connections"),
            ),
            (
                "User 'app' has exceeded the 'max_connections_per_hour' resource (current value: 5)",
                Some("max_connections_per_hour"),
            ),
            ("Too many connections", None),
            ("sorry, too many clients already", None),
        ] {
            assert_eq!(of_account(words), limit, "{words}");
        }
    }
}
