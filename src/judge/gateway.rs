//! An answer that tells of another connection: what a proxy says whose own upstream fails, and an application that is asked how it
//! does and waits for what it stands on.

use crate::catalog::catalog;
use crate::observation::{FailureKind as Kind, HttpPeer, Peer};
use crate::rule::{Facts, Failed, Verdict};

/// How many proxies may stand behind each other.
const MOST: usize = 8;

/// The failure behind a gateway's error (502, 503, 504), or behind a question for its health that a server does not answer in
/// time: that of the one connection of the server that fails. Where none of them does, or several, nobody can say which is
/// meant, and the failure is its own.
pub fn behind<'a>(facts: &'a Facts, failed: &Failed<'a>) -> Failed<'a> {
    let mut last = *failed;
    for _ in 0..MOST {
        match upstream(facts, &last) {
            Some(upstream) => last = upstream,
            None => break,
        }
    }
    last
}

fn upstream<'a>(facts: &'a Facts, failed: &Failed<'a>) -> Option<Failed<'a>> {
    let status = matches!(failed.observation()?.peer, Some(Peer::Http(HttpPeer { status: 502..=504, .. })));
    let path = failed.seen.check.target.path.as_deref().unwrap_or_default();
    let waits = || failed.is(&[Kind::Silent]) && catalog().is_safe_path(path);
    let server = failed.server(facts).filter(|_| (status && failed.is(&[Kind::HttpStatus])) || waits())?;
    // What is open and must not be, or answers otherwise than a user wants, keeps no server from its work.
    let works = |seen: &crate::rule::Seen| {
        seen.failure.as_ref().is_some_and(|failure| matches!(failure.kind, Kind::Open | Kind::Unmet))
    };
    let from_it = |seen: &&crate::rule::Seen| {
        seen.verdict == Verdict::Fail && !works(seen) && seen.check.from.container() == Some(server.id.as_str())
    };
    let mut failing = facts.checks.iter().filter(from_it);
    let seen = failing.next().filter(|_| failing.next().is_none())?;
    Some(Failed { seen, redirect: None, failure: seen.failure.as_ref()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, stack};
    use crate::derive::vantage;
    use crate::judge::findings;
    use crate::observation::{Failure, Observation, PhaseName};
    use crate::plan::Vantage;
    use crate::rule::Seen;
    use crate::target::Protocol;

    fn failing(from: Vantage, (host, port): (&str, u16), kind: Kind, status: Option<u16>) -> Seen {
        let mut seen = Seen::of(testing::check(from, Protocol::Http, host, port));
        let failure = Failure { phase: PhaseName::Request, kind, detail: "it failed".into() };
        let peer = status.map(|status| Peer::Http(HttpPeer { status, ..HttpPeer::default() }));
        seen.observation = Some(Observation { peer, ..Observation::default() });
        (seen.failure, seen.verdict) = (Some(failure), Verdict::Fail);
        seen
    }

    #[test]
    fn a_question_for_its_health_waits_for_what_a_server_stands_on() {
        let stack = stack(["client", "app", "db"].map(|service| container(service, "any:1")));
        let at = |service: &str| vantage(stack.of_service(service).next().unwrap());
        for (path, expected) in [
            ("/actuator/health", &["connection-refused: client -> app:80, app -> db:3306"][..]),
            ("/", &["closed-without-answer: client -> app:80", "connection-refused: app -> db:3306"]),
        ] {
            let mut silent = failing(at("client"), ("app", 80), Kind::Silent, None);
            silent.check.target.path = Some(path.into());
            let refused = failing(at("app"), ("db", 3306), Kind::Refused, None);
            let facts = Facts { stack: stack.clone(), checks: vec![silent, refused], ..Facts::default() };
            let mut found: Vec<_> =
                findings(&facts).iter().map(|it| format!("{}: {}", it.rule, it.checks.join(", "))).collect();
            found.sort();
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn a_gateways_error_is_told_as_what_is_behind_it() {
        let all = || stack(["client", "edge", "web", "app"].map(|service| container(service, "any:1")));
        let at = |service: &str| vantage(all().of_service(service).next().unwrap());
        let bad = |from: &str, to: &str, status| failing(at(from), (to, 80), Kind::HttpStatus, Some(status));
        let refused = |from: &str, port| failing(at(from), ("app", port), Kind::Refused, None);
        for (name, checks, expected) in [
            (
                "one cause",
                vec![bad("client", "web", 502), refused("web", 81)],
                vec!["connection-refused: client -> web:80, web -> app:81"],
            ),
            (
                "two proxies",
                vec![bad("client", "edge", 502), bad("edge", "web", 504), refused("web", 81)],
                vec!["connection-refused: client -> edge:80, edge -> web:80, web -> app:81"],
            ),
            (
                "of two nobody knows which",
                vec![bad("client", "web", 502), refused("web", 81), refused("web", 82)],
                vec![
                    "connection-refused: web -> app:81",
                    "connection-refused: web -> app:82",
                    "http-status-unexpected: client -> web:80",
                ],
            ),
            (
                "its own error",
                vec![bad("client", "web", 500), refused("web", 81)],
                vec!["connection-refused: web -> app:81", "http-status-unexpected: client -> web:80"],
            ),
            (
                "what it reaches is only not as somebody wants it",
                vec![bad("client", "web", 503), failing(at("web"), ("app", 81), Kind::Unmet, None)],
                vec!["http-status-unexpected: client -> web:80", "expectation-unmet: web -> app:81"],
            ),
            (
                "nothing behind it fails",
                vec![bad("client", "web", 502)],
                vec!["http-status-unexpected: client -> web:80"],
            ),
            (
                "somebody else's fails",
                vec![bad("client", "web", 502), refused("edge", 81)],
                vec!["connection-refused: edge -> app:81", "http-status-unexpected: client -> web:80"],
            ),
        ] {
            let facts = Facts { stack: all(), checks, ..Facts::default() };
            let found = findings(&facts);
            let found: Vec<_> = found.iter().map(|it| format!("{}: {}", it.rule, it.checks.join(", "))).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
}
