//! Why a broker does not come up, by the last lines of its log: what the rules about it share.

use super::{Cause, Facts, Failed, kafka_listeners, service_restarting, waiting};
use crate::observation::{Fact, FailureKind as Kind};
use crate::stack::Container;
use crate::target::is_loopback;

/// What keeps a broker from coming up, a rule each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A listener has no security protocol.
    Protocol,
    /// A wildcard is advertised.
    Wildcard,
    /// The listener between brokers is none that is advertised.
    InterBroker,
    /// The quorum's voters do not fit.
    Voters,
    /// The data is another cluster's or another node's.
    Volume,
    /// Two of its own listeners have one port or one name.
    Duplicate,
}

/// Kafka's words for what ends it, in its releases from 2.8 to 4.1.
const WORDS: &[(&str, Reason)] = &[
    ("No security protocol defined for listener ", Reason::Protocol),
    ("not found in listener.security.protocol.map", Reason::Protocol),
    ("cannot use the nonroutable meta-address", Reason::Wildcard),
    ("inter.broker.listener.name must be a listener name defined in advertised.listeners", Reason::InterBroker),
    ("Only one of inter.broker.listener.name and security.inter.broker.protocol should be set", Reason::InterBroker),
    ("must be included in the set of voters", Reason::Voters),
    ("must not be included in the set of voters", Reason::Voters),
    ("must contain a parseable set of controllers", Reason::Voters),
    ("Each listener must have a different port", Reason::Duplicate),
    ("Each listener must have a different name", Reason::Duplicate),
    ("InconsistentClusterIdException", Reason::Volume),
    ("Invalid cluster.id in", Reason::Volume),
    ("doesn't match stored clusterId", Reason::Volume),
    ("doesn't match previous node id", Reason::Volume),
    ("doesn't match stored brokerId", Reason::Volume),
];

/// What a node says that finds no leader of its quorum; it says so for a moment in every start, too.
const LEADERLESS: &[&str] = &[
    "Error connecting to node",
    "could not be established",
    "unable to register with the controller quorum",
    "waiting for the controller to acknowledge",
];

/// A reason, and the line of the log that tells it; none where the log could not be read.
pub type Told<'a> = (Reason, Option<&'a str>);

/// Why a container that has ended, or ends again and again, does so, where its log tells one of these reasons.
#[must_use]
pub fn reason<'a>(facts: &'a Facts, container: &Container) -> Option<Told<'a>> {
    if service_restarting::crashes(container) { of_log(facts, container) } else { None }
}

/// The same of the container that a failed check leads to, which may also run without ever coming up.
fn reason_of_failure<'a>(facts: &'a Facts, container: &Container, failed: &Failed) -> Option<Told<'a>> {
    if service_restarting::crashes(container) || service_restarting::is_between(facts, container, failed) {
        return of_log(facts, container);
    }
    let unheard = failed.is(&[Kind::Refused, Kind::Closed, Kind::Reset, Kind::Silent]);
    if container.is_running() && unheard { without_leader(facts, container) } else { None }
}

/// The latest line that tells a reason: a container keeps its log from start to start.
fn of_log<'a>(facts: &'a Facts, container: &Container) -> Option<Told<'a>> {
    let Some(log) = facts.log(container) else {
        // The settings alone prove this one, once the broker has ended.
        let unread = matches!(facts.logs.get(&container.id), Some(Fact::NotLooked(_)));
        return (unread && !unmapped(container).is_empty()).then_some((Reason::Protocol, None));
    };
    let told = log.iter().rev().find_map(|line| {
        let (_, reason) = WORDS.iter().find(|(words, _)| line.contains(words))?;
        Some((*reason, Some(line.as_str())))
    });
    told.or_else(|| without_leader(facts, container))
}

/// A node that waits for a leader that its settings keep from ever being: half of the voters, or more, are nobody.
fn without_leader<'a>(facts: &'a Facts, container: &Container) -> Option<Told<'a>> {
    let (all, missing) = (voters(container).len(), missing_voters(facts, container).len());
    if all == 0 || missing * 2 < all {
        return None;
    }
    Some((Reason::Voters, Some(facts.logged(container, LEADERLESS)?)))
}

/// The voters that a node's settings name: id, host, and the whole as written.
#[must_use]
pub fn voters(container: &Container) -> Vec<(String, String, String)> {
    let written = kafka_listeners::setting(container, "CONTROLLER_QUORUM_VOTERS").unwrap_or_default();
    let one = |voter: &str| {
        let (id, address) = voter.split_once('@')?;
        let (host, _) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((id.to_owned(), host.to_owned(), voter.to_owned()))
    };
    written.split(',').map(str::trim).filter_map(one).collect()
}

/// Those of them that surely are nobody, for this container: a name that no container has, or the container itself where
/// it is no controller of that id.
#[must_use]
pub fn missing_voters(facts: &Facts, container: &Container) -> Vec<String> {
    let id = kafka_listeners::setting(container, "NODE_ID");
    let is_missing = |voter: &str, host: &str| {
        if is_loopback(host) {
            return kafka_listeners::is_controller(container) == Some(false) || id.is_some_and(|id| id != voter);
        }
        let mapped = container
            .extra_hosts
            .iter()
            .any(|entry| entry.split([':', '=']).next().is_some_and(|name| name.eq_ignore_ascii_case(host)));
        // A name with dots may be anybody's outside, and an address too.
        !mapped
            && !host.contains(['.', ':'])
            && facts.stack.named(host).is_empty()
            && !facts.stack.containers.iter().any(|other| other.hostname.eq_ignore_ascii_case(host))
    };
    let missing = voters(container).into_iter().filter(|(id, host, _)| is_missing(id, host));
    missing.map(|(_, _, written)| written).collect()
}

/// The names of listeners that the map of security protocols lacks; empty where no map is set, since the rules for that
/// differ from release to release.
#[must_use]
pub fn unmapped(container: &Container) -> Vec<String> {
    let Some(map) = kafka_listeners::setting(container, "LISTENER_SECURITY_PROTOCOL_MAP") else { return Vec::new() };
    let mapped: Vec<_> = map.split(',').filter_map(|entry| Some(entry.trim().split_once(':')?.0)).collect();
    let lacks = |name: &String| !mapped.iter().any(|known| known.eq_ignore_ascii_case(name));
    kafka_listeners::names(container).into_iter().filter(lacks).collect()
}

/// What a rule about one reason makes of a container: message and help.
pub type Words = fn(&Facts, &Container, Option<&str>) -> (String, String);

/// Claims a failed check whose server does not come up for this reason.
#[must_use]
pub fn explain(facts: &Facts, failed: &Failed, reason: Reason, words: Words) -> Option<Cause> {
    let server = failed.server(facts)?;
    if failed.client(facts).is_some_and(|client| client.id == server.id) {
        return None;
    }
    // Perhaps the broker is why its client's server was never started.
    let container = waiting::culprit(facts, server);
    let found = if container.id == server.id {
        reason_of_failure(facts, container, failed)
    } else {
        self::reason(facts, container)
    };
    let (told, line) = found?;
    let mut cause = (told == reason).then(|| cause(facts, container, line, words))?;
    cause.evidence.push(failed.evidence());
    Some(cause)
}

/// Tells every container that has ended for this reason, used or not.
#[must_use]
pub fn inspect(facts: &Facts, wanted: Reason, words: Words) -> Vec<Cause> {
    let one = |container: &Container| {
        let (told, line) = reason(facts, container)?;
        (told == wanted).then(|| cause(facts, container, line, words))
    };
    facts.stack.containers.iter().filter_map(one).collect()
}

fn cause(facts: &Facts, container: &Container, line: Option<&str>, words: Words) -> Cause {
    let label = container.label();
    let (message, help) = words(facts, container, line);
    let message = format!("{message}{}", waiting::so(facts, container));
    let unread = facts.logs.get(&container.id).and_then(Fact::unseen);
    let evidence = match (line, unread) {
        (Some(line), _) => format!("{label}'s log: {line}"),
        (None, Some(reason)) => format!("{label} has ended with exit code {} ({reason})", container.state.exit_code),
        (None, None) => format!("{label} has ended with exit code {}", container.state.exit_code),
    };
    Cause { subject: label, service: Some(container.service.clone()), message, evidence: vec![evidence], help }
}

/// What stands behind some words in a line, up to the end of the word.
#[must_use]
pub fn word_after<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(words)?;
    let word = rest.trim_start().split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).next()?;
    let word = word.trim_end_matches(['.', ':']);
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, pairs, stack};
    use crate::observation::{Failure, PhaseName};
    use crate::rule::Seen;
    use crate::stack::Status;
    use crate::target::Protocol;

    fn facts(status: Status, environment: &[(&str, &str)], log: Fact<Vec<String>>) -> Facts {
        let mut broker = container("kafka", "apache/kafka:4.1.0");
        broker.state.status = status;
        broker.state.exit_code = 1;
        broker.environment = pairs(environment);
        let stack = stack([container("app", "app:1"), broker, container("other", "apache/kafka:4.1.0")]);
        Facts { stack, logs: [("kafka-id".to_owned(), log)].into(), ..Facts::default() }
    }

    fn lines(lines: &[&str]) -> Fact<Vec<String>> {
        Fact::Present(lines.iter().map(|&line| line.to_owned()).collect())
    }

    fn told(facts: &Facts) -> Option<Reason> {
        reason(facts, facts.stack.of_service("kafka").next().unwrap()).map(|(reason, _)| reason)
    }

    const UNMAPPED: &str = "IllegalArgumentException: No security protocol defined for listener INTERNAL";
    const STALE: &str = "Stored node id 1 doesn't match previous node id 2 in /data/meta.properties. If you moved";

    #[test]
    fn the_latest_line_of_a_crashed_broker_counts() {
        let log = || lines(&[UNMAPPED, "at kafka.Kafka", STALE, "bye"]);
        assert_eq!(told(&facts(Status::Exited, &[], log())), Some(Reason::Volume));
        assert_eq!(told(&facts(Status::Restarting, &[], log())), Some(Reason::Volume));
        // What it said before it came up says nothing any more.
        assert_eq!(told(&facts(Status::Running, &[], log())), None);
        assert_eq!(told(&facts(Status::Exited, &[], lines(&["killed"]))), None);
        let twice =
            "IllegalArgumentException: requirement failed: Each listener must have a different port, listeners: A";
        let twice = facts(Status::Exited, &[], lines(&[twice]));
        assert_eq!(told(&twice), Some(Reason::Duplicate));
        let rules = crate::rule::RULES.iter();
        let found: Vec<_> = rules.filter_map(|rule| Some((rule.id, rule.inspect?(&twice).pop()?))).collect();
        let [(id, cause)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(*id, "kafka-duplicate-advertised-address");
        assert!(cause.message.ends_with("two of its listeners have the same port"), "{}", cause.message);
        assert_eq!(word_after(STALE, "Stored node id"), Some("1"));
        assert_eq!(word_after(UNMAPPED, "defined for listener"), Some("INTERNAL"));
    }

    #[test]
    fn without_a_log_the_variables_prove_what_ended_it() {
        let names = ("KAFKA_LISTENERS", "INTERNAL://:29092,CONTROLLER://:9093");
        let unread = || Fact::NotLooked("its driver keeps none".into());
        let map = |map| [names, ("KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", map)];
        assert_eq!(told(&facts(Status::Exited, &map("CONTROLLER:PLAINTEXT"), unread())), Some(Reason::Protocol));
        assert_eq!(told(&facts(Status::Exited, &map("internal:PLAINTEXT, CONTROLLER:SSL"), unread())), None);
        // It may have ended for another reason, where the log tells none.
        assert_eq!(told(&facts(Status::Exited, &map("CONTROLLER:PLAINTEXT"), lines(&["bye"]))), None);
        assert_eq!(told(&facts(Status::Running, &map("CONTROLLER:PLAINTEXT"), unread())), None);
        assert_eq!(told(&facts(Status::Exited, &[names], unread())), None);
    }

    /// What is told of a check of `app` that a broker with these voters refuses, while it runs.
    fn waits(voters: &str, extra_hosts: &[&str]) -> bool {
        let environment = [("KAFKA_NODE_ID", "1"), ("KAFKA_CONTROLLER_QUORUM_VOTERS", voters)];
        let log = lines(&["WARN [RaftManager id=1] Error connecting to node nobody:9093 (id: 2 rack: null)"]);
        let mut facts = facts(Status::Running, &environment, log);
        let broker = facts.stack.containers.iter_mut().find(|container| container.service == "kafka").unwrap();
        broker.extra_hosts = extra_hosts.iter().map(|&host| host.to_owned()).collect();
        let seen = Seen::of(testing::check(
            crate::derive::vantage(&facts.stack.containers[0]),
            Protocol::Kafka,
            "kafka",
            9092,
        ));
        let failure = Failure { phase: PhaseName::Connect, kind: Kind::Refused, detail: String::new() };
        let failed = Failed { seen: &seen, redirect: None, failure: &failure };
        explain(&facts, &failed, Reason::Voters, |_, _, _| Default::default()).is_some()
    }

    #[test]
    fn a_quorum_without_a_majority_never_has_a_leader() {
        assert!(waits("1@kafka:9093,2@nobody:9093", &[]));
        assert!(waits("2@localhost:9093", &[]));
        for (voters, extra_hosts) in [
            ("1@localhost:9093", vec![]),
            ("1@kafka:9093", vec![]),
            ("1@kafka:9093,2@other:9093,3@nobody:9093", vec![]),
            ("1@kafka:9093,2@nobody:9093", vec!["nobody:10.0.0.1"]),
            ("1@kafka:9093,2@kafka.example.com:9093", vec![]),
            ("", vec![]),
        ] {
            assert!(!waits(voters, &extra_hosts), "{voters}");
        }
    }

    #[test]
    fn who_waits_for_a_broker_that_does_not_start_is_told_of_the_broker() {
        let mut facts = facts(Status::Exited, &[], lines(&[UNMAPPED]));
        let mut setup = container("setup", "setup:1");
        setup.state.status = Status::Created;
        setup.depends_on =
            vec![crate::stack::Dependency { service: "kafka".into(), condition: "service_healthy".into() }];
        facts.stack.containers.push(setup);
        let app = crate::derive::vantage(&facts.stack.containers[0]);
        let seen = crate::rule::testing::failing(app, "setup", 80, &[], Kind::NameNotFound);
        let (rule, cause) = crate::rule::testing::told(&facts, &seen);
        assert_eq!((rule, cause.subject.as_str()), ("kafka-listener-protocol-missing", "kafka"));
        assert!(cause.message.ends_with(", so setup, which waits for it, was never started"), "{}", cause.message);
        // The same words where nobody looks for it.
        let found = crate::rule::RULES.iter().find(|known| known.id == rule).unwrap().inspect.unwrap()(&facts);
        assert_eq!(found[0].message, cause.message);
    }
}
