//! What the client itself said of a failure, in its own log: the line that names the very address.

use std::net::IpAddr;

use crate::observation::FailureKind as Kind;
use crate::rule::{Facts, Failed};
use crate::target::Protocol;
use crate::text;

/// The most that is shown of one line, in characters.
const LONGEST: usize = 300;

/// The most that is quoted for one finding.
pub const MOST: usize = 2;

/// What stands between the client's name and its words.
const HEADING: &str = "'s log: ";

/// Words of failed connections, in lower case, as clients of all kinds log them.
const WORDS: &[&str] = &[
    "refused",
    "timed out",
    "timeout",
    "unknownhost",
    "unknown host",
    "could not be established",
    "enotfound",
    "etimedout",
    "econnreset",
    "ehostunreach",
    "no resolvable",
    "no route to host",
    "name or service not known",
    "no such host",
    "name resolution",
    "failed to resolve",
    "dns resolution failed",
    "disconnected",
    "connection reset",
    "broken pipe",
    "unable to connect",
    "failed to connect",
    "cannot connect",
    "can't connect",
    "could not connect",
    "error connecting",
    "connection error",
    "unreachable",
];

/// Words of refused logins, which name no address, each with whose it is.
const LOGINS: &[(&str, Protocol)] = &[
    ("access denied for user", Protocol::Mysql),
    ("public key retrieval", Protocol::Mysql),
    ("wrongpass", Protocol::Redis),
    ("noauth", Protocol::Redis),
];

/// The last line of the client's log that tells this failure, with whose log it is.
#[must_use]
pub fn line(facts: &Facts, failed: &Failed) -> Option<String> {
    let client = failed.client(facts)?;
    let log = facts.log(client)?;
    let login = failed.is(&[Kind::AuthenticationFailed, Kind::AuthenticationRequired]) && is_only(facts, failed);
    let tells = |line: &&String| {
        let line = line.to_lowercase();
        let word = WORDS.iter().any(|word| line.contains(word));
        let of_login =
            || LOGINS.iter().any(|(word, of)| *of == failed.seen.check.target.protocol && line.contains(word));
        (word && names(&line, failed)) || (login && of_login())
    };
    let line = log.iter().rev().find(tells)?;
    Some(format!("{}{HEADING}{}", client.label(), text::line(line, LONGEST)))
}

/// Whether a line of evidence is one of these.
#[must_use]
pub fn is_quote(evidence: &str) -> bool {
    evidence.contains(HEADING)
}

/// Whether this check is the only one of its client in its protocol: a refused login names no server.
fn is_only(facts: &Facts, failed: &Failed) -> bool {
    let check = &failed.seen.check;
    let same = |seen: &&crate::rule::Seen| {
        seen.check.from == check.from && seen.check.target.protocol == check.target.protocol
    };
    facts.checks.iter().filter(same).count() == 1
}

/// Whether a line in lower case names what failed: its host, or an address of it, and no other port than its own.
fn names(line: &str, failed: &Failed) -> bool {
    let host = failed.host().to_lowercase();
    let addresses: Vec<_> = failed.addresses().iter().map(IpAddr::to_string).collect();
    std::iter::once(&host).chain(&addresses).any(|name| {
        line.match_indices(name.as_str()).any(|(at, _)| {
            let (before, after) = (&line[..at], &line[at + name.len()..]);
            let starts = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
            starts && goes_on(after, failed.port())
        })
    })
}

/// Whether a name ends here, and the port that follows, if any, is this one: `kafka:9092`, `localhost/127.0.0.1:9092`,
/// `redis/<unresolved>:6379`.
fn goes_on(after: &str, port: u16) -> bool {
    if after.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return false;
    }
    // A dot within a longer name, not one that ends a sentence.
    if after.starts_with('.') && after[1..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return false;
    }
    let word = after.split(|c: char| c.is_whitespace() || matches!(c, ')' | ',' | '\'' | '"' | ';')).next();
    let word = word.unwrap_or_default().trim_start_matches(']');
    // Kafka's own form: the name, the address, the port.
    let written = match word.strip_prefix('/') {
        Some(rest) => rest.rsplit_once(':').map(|(_, port)| port),
        None => word.strip_prefix(':'),
    };
    let digits = written.map(|text| text.chars().take_while(char::is_ascii_digit).collect::<String>());
    digits.is_none_or(|digits| digits.is_empty() || digits.parse() == Ok(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, stack};
    use crate::observation::{Fact, Failure, Observation, PhaseName, Redirect};
    use crate::rule::Seen;

    fn seen(protocol: Protocol, host: &str, port: u16) -> Seen {
        let stack = stack([container("app", "app:1")]);
        Seen::of(testing::check(crate::derive::vantage(&stack.containers[0]), protocol, host, port))
    }

    fn told(seen: Seen, redirect: Option<(&str, u16)>, kind: Kind, log: &[&str]) -> Option<String> {
        let failure = Failure { phase: PhaseName::Connect, kind, detail: String::new() };
        let redirect = redirect.map(|(host, port)| Redirect {
            name: "broker 1".into(),
            id: Some(1),
            host: host.into(),
            port,
            observation: Observation { addresses: vec!["127.0.0.1".parse().unwrap()], ..Observation::default() },
        });
        let log = Fact::Present(log.iter().map(|&line| line.to_owned()).collect());
        let facts = Facts {
            stack: stack([container("app", "app:1")]),
            checks: vec![seen],
            logs: [("app-id".to_owned(), log)].into(),
            ..Facts::default()
        };
        line(&facts, &Failed { seen: &facts.checks[0], redirect: redirect.as_ref(), failure: &failure })
    }

    #[test]
    fn the_line_that_names_the_address_is_found() {
        let kafka = || seen(Protocol::Kafka, "kafka", 9092);
        let java = "WARN [Producer] Connection to node 1 (localhost/127.0.0.1:9092) could not be established.";
        for (redirect, line) in [
            (Some(("localhost", 9092)), java),
            (
                Some(("localhost", 9092)),
                "%3|FAIL| localhost:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
            ),
            (Some(("localhost", 9092)), "Error: connect ECONNREFUSED 127.0.0.1:9092"),
            (None, "kafka.errors: DNS lookup failed for kafka:9092, Name or service not known"),
            (None, "java.net.UnknownHostException: kafka"),
            (None, "getaddrinfo ENOTFOUND kafka"),
        ] {
            let log = ["it was refused", line, "Started in 2 s"];
            assert_eq!(told(kafka(), redirect, Kind::Refused, &log), Some(format!("app's log: {line}")), "{line}");
        }
    }

    #[test]
    fn a_line_about_somebody_else_is_not() {
        for line in [
            "Connection to node 1 (localhost/127.0.0.1:9093) could not be established.",
            "kafka:9093 refused",
            "kafka-ui:9092 refused",
            "my.kafka:9092 refused",
            "kafka.example:9092 refused",
            "kafkaesque: timed out",
            "connected to kafka:9092",
            "refused",
        ] {
            assert_eq!(told(seen(Protocol::Kafka, "kafka", 9092), None, Kind::Refused, &[line]), None, "{line}");
        }
    }

    #[test]
    fn a_refused_login_names_no_server() {
        let line = "Access denied for user 'orders'@'172.30.0.2' (using password: YES)";
        let mysql = || seen(Protocol::Mysql, "db", 3306);
        assert!(told(mysql(), None, Kind::AuthenticationFailed, &[line]).is_some());
        assert_eq!(told(mysql(), None, Kind::Refused, &[line]), None);
        assert_eq!(told(seen(Protocol::Redis, "db", 6379), None, Kind::AuthenticationFailed, &[line]), None);
    }

    #[test]
    fn a_line_is_bounded() {
        let long = format!("kafka:9092 refused {}", "x".repeat(500));
        let told = told(seen(Protocol::Kafka, "kafka", 9092), None, Kind::Refused, &[&long]).unwrap();
        assert_eq!(told.chars().count(), "app's log: ".len() + LONGEST + 1);
    }
}
