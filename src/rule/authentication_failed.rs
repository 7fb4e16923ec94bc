//! The server refuses the client's credentials.

use super::{Cause, Facts, Failed, Rule};
use crate::observation::FailureKind as Kind;
use crate::target::Protocol;

/// A login with the client's own credentials was refused, or the client has none where some are wanted.
pub const RULE: Rule = Rule::new("authentication-failed", explain);

fn explain(facts: &Facts, failed: &Failed) -> Option<Cause> {
    if !failed.is(&[Kind::AuthenticationFailed, Kind::AuthenticationRequired]) {
        return None;
    }
    let from = failed.seen.check.from.identity();
    let server = failed.server(facts).map_or_else(|| failed.host().to_owned(), |server| server.service.clone());
    let required = failed.failure.kind == Kind::AuthenticationRequired;
    let message = if required {
        format!("{server} wants a password, and {from} has none")
    } else {
        format!("{server} refuses the credentials of {from}")
    };
    let help = if required {
        format!("give {from} the password of {server} (see {})", failed.origin())
    } else if failed.seen.check.setting("credentials") == Some("default") {
        format!("{from} is given no account and logs in as guest: give it one of {server} (see {})", failed.origin())
    } else if let Some(remedy) = remedy(&failed.failure.detail) {
        format!("{remedy}; its name stands in {} of {from}", failed.origin())
    } else {
        let place = failed.seen.check.setting("login-variable").map_or_else(|| failed.origin(), str::to_owned);
        let kept = match failed.seen.check.target.protocol {
            Protocol::Mysql | Protocol::Postgres | Protocol::Amqp => {
                "; a data volume keeps those it was first made with, whatever its variables say now"
            }
            _ => "",
        };
        format!("compare the user and password of {from} (see {place}) with those of {server}{kept}")
    };
    Some(Cause {
        subject: format!("{from} -> {server}"),
        service: Some(from),
        message,
        evidence: vec![failed.evidence()],
        help,
    })
}

/// What to do where it is not the password that the account is refused for, by the server's words.
fn remedy(words: &str) -> Option<&'static str> {
    let words = words.to_ascii_lowercase();
    let says = |any: &[&str]| any.iter().any(|known| words.contains(known));
    if says(&["not permitted to log in"]) {
        return Some("allow the role to log in (ALTER ROLE … LOGIN), or use another one");
    }
    if says(&["account is locked", "account is blocked"]) {
        return Some("unlock the account on the server (ALTER USER … ACCOUNT UNLOCK), or use another one");
    }
    says(&["password has expired", "must reset your password"]).then_some(
        "give the account a new password on the server (ALTER USER), and the client too: the old one has expired",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, pairs, stack};
    use crate::observation::{Failure, PhaseName};
    use crate::plan::{Check, Origin, OriginKind};
    use crate::rule::Seen;

    #[test]
    fn an_account_may_be_refused_for_more_than_its_password() {
        for (words, remedied) in [
            ("role \"app\" is not permitted to log in", Some("LOGIN")),
            ("Access denied for user 'app'@'%'. Account is locked.", Some("UNLOCK")),
            ("Access denied for user 'app'@'%'. Account is blocked for 1 day(s)", Some("UNLOCK")),
            ("Your password has expired. To log in you must change it", Some("expired")),
            (
                "You must reset your password using ALTER USER statement before executing this statement.",
                Some("expired"),
            ),
            ("Access denied for user 'app'@'%' (using password: YES)", None),
            ("password authentication failed for user \"app\"", None),
        ] {
            let told = remedy(words);
            assert_eq!(told.is_some(), remedied.is_some(), "{words}");
            assert!(told.unwrap_or_default().contains(remedied.unwrap_or_default()), "{words}");
        }
    }

    #[test]
    fn an_account_that_nobody_named_is_told() {
        let facts =
            Facts { stack: stack([container("app", "app:1"), container("queue", "rabbitmq:4")]), ..Facts::default() };
        let from = crate::derive::vantage(&facts.stack.containers[0]);
        for (settings, told) in [(&[("credentials", "default")][..], true), (&[], false)] {
            let seen = Seen::of(Check {
                settings: pairs(settings),
                ..testing::check(from.clone(), Protocol::Amqp, "queue", 5672)
            });
            let kind = Kind::AuthenticationFailed;
            let failure = Failure { phase: PhaseName::Login, kind, detail: String::new() };
            let help = explain(&facts, &Failed { seen: &seen, redirect: None, failure: &failure }).unwrap().help;
            assert_eq!(help.contains("logs in as guest"), told, "{help}");
        }
    }

    #[test]
    fn the_variable_with_the_password_is_named_where_it_is_known() {
        let facts =
            Facts { stack: stack([container("app", "app:1"), container("kafka", "any:1")]), ..Facts::default() };
        let help = |settings: &[(&str, &str)]| {
            let seen = Seen::of(Check {
                origins: vec![Origin::new(OriginKind::Environment, "KAFKA_BROKERS".into(), None)],
                settings: pairs(settings),
                ..testing::check(crate::derive::vantage(&facts.stack.containers[0]), Protocol::Kafka, "kafka", 9092)
            });
            let kind = Kind::AuthenticationFailed;
            let failure = Failure { phase: PhaseName::Login, kind, detail: String::new() };
            explain(&facts, &Failed { seen: &seen, redirect: None, failure: &failure }).unwrap().help
        };
        let said = help(&[("login-variable", "KAFKA_SASL_JAAS_CONFIG")]);
        assert!(said.contains("(see KAFKA_SASL_JAAS_CONFIG)"), "{said}");
        assert!(help(&[]).contains("(see KAFKA_BROKERS)"));
    }
}
