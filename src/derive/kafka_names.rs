//! The topics and the consumer group that a Kafka client's variables name. Only names that can mean nothing else count.

use std::collections::BTreeSet;

use super::served::technology;
use super::variable::{Environment, Variable};
use crate::stack::Container;

/// At most as many topics of one client are asked for.
const MOST_TOPICS: usize = 16;

/// The longest name of a topic that Kafka allows.
const LONGEST_NAME: usize = 249;

/// Words that may stand between `KAFKA` and `TOPIC`. Of any other nobody can say whether the client uses that topic at all.
const ROLES: &[&str] = &["CONSUMER", "DESTINATION", "IN", "INPUT", "OUT", "OUTPUT", "PRODUCER", "SINK", "SOURCE"];

/// Words of topics that clients make when they first need them.
const LATER: &[&str] = &["DEAD", "DLQ", "DLT", "ERROR", "ERRORS", "RETRY"];

/// Variables that name a consumer group, beside those that end in `_KAFKA_GROUP_ID`, `_KAFKA_CONSUMER_GROUP` and the like.
const GROUPS: &[&str] = &[
    "KAFKA_GROUP_ID",
    "KAFKA_GROUP",
    "KAFKA_CONSUMER_GROUP",
    "KAFKA_CONSUMER_GROUP_ID",
    "SPRING_KAFKA_CONSUMER_GROUP_ID",
];

/// What a client names beside its brokers, as the settings `topics` and `group`.
///
/// Nothing for servers that the catalogue knows, such as Kafka Connect, which make their topics themselves; nothing where
/// several variables name brokers, since nobody can say at which of them a topic is meant to be.
pub fn settings(container: &Container, environment: &Environment, addresses: usize) -> Vec<(String, String)> {
    if technology(container).is_some() || addresses != 1 {
        return Vec::new();
    }
    let mut topics = BTreeSet::new();
    let mut groups = BTreeSet::new();
    for (name, value) in environment.iter() {
        let value = value.trim();
        if environment.is_switched_off(&Variable::new(name)) {
            continue;
        }
        if names_topics(name) {
            topics.extend(value.split(',').map(str::trim).filter(|topic| is_name(topic)).map(str::to_owned));
        } else if names_group(name) && !value.is_empty() && value.len() <= LONGEST_NAME && is_printable(value) {
            groups.insert(value.to_owned());
        }
    }
    let mut found = Vec::new();
    if !topics.is_empty() && topics.len() <= MOST_TOPICS {
        found.push(("topics".to_owned(), topics.into_iter().collect::<Vec<_>>().join(",")));
    }
    // Two groups are two consumers, and each needs its own.
    if groups.len() == 1 {
        found.extend(groups.into_iter().map(|group| ("group".to_owned(), group)));
    }
    found
}

/// `KAFKA_TOPIC`, `KAFKA_TOPICS`, `ORDERS_KAFKA_TOPIC`, `KAFKA_INPUT_TOPIC`.
fn names_topics(name: &str) -> bool {
    let words: Vec<_> = name.split('_').collect();
    let [before @ .., "TOPIC" | "TOPICS"] = words.as_slice() else { return false };
    let known = match before {
        [.., "KAFKA"] => true,
        [.., "KAFKA", role] => ROLES.contains(role),
        _ => false,
    };
    known && !before.iter().any(|word| LATER.contains(word))
}

fn names_group(name: &str) -> bool {
    GROUPS.iter().any(|known| name == *known || name.strip_suffix(known).is_some_and(|rest| rest.ends_with('_')))
}

/// Whether this is the name of a topic as Kafka takes it, and no placeholder for one.
fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let named = text.bytes().any(|byte| byte.is_ascii_alphanumeric());
    named && text.len() <= LONGEST_NAME && text.bytes().all(legal) && !text.starts_with("__")
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(crate::text::is_unprintable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::pairs;

    fn named(image: &str, addresses: usize, variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let variables = pairs(variables);
        let container = Container { image: image.into(), ..Container::default() };
        settings(&container, &Environment::new(&variables), addresses)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn names_that_can_mean_nothing_else_count() {
        let variables = [
            ("KAFKA_TOPIC", "orders"),
            ("BILLING_KAFKA_TOPICS", "paid, sent"),
            ("KAFKA_INPUT_TOPIC", "stock"),
            ("KAFKA_GROUP_ID", "billing"),
        ];
        assert_eq!(named("app:1", 1, &variables), [pair("topics", "orders,paid,sent,stock"), pair("group", "billing")]);
    }

    #[test]
    fn what_may_mean_something_else_does_not() {
        for (name, value) in [
            ("TOPIC", "orders"),
            ("SNS_TOPIC", "orders"),
            ("KAFKA_TOPIC_PREFIX", "shop"),
            ("DLQ_KAFKA_TOPIC", "dead"),
            ("KAFKA_AUDIT_TOPIC", "audit"),
            ("KAFKA_TOPIC", "orders.*"),
            ("KAFKA_TOPIC", "${TOPIC}"),
            ("KAFKA_TOPIC", ""),
            ("KAFKA_TOPIC", "__consumer_offsets"),
            ("GROUP_ID", "1000"),
            ("KAFKA_GROUP_ID", ""),
        ] {
            assert_eq!(named("app:1", 1, &[(name, value)]), [], "{name}={value}");
        }
        let topic = [("KAFKA_TOPIC", "orders")];
        assert_eq!(named("confluentinc/cp-kafka-connect:7.9.0", 1, &topic), []);
        assert_eq!(named("app:1", 2, &topic), []);
        assert_eq!(named("app:1", 1, &[("AUDIT_KAFKA_TOPIC", "audit"), ("AUDIT_ENABLED", "false")]), []);
        assert_eq!(named("app:1", 1, &[("A_KAFKA_GROUP_ID", "a"), ("B_KAFKA_GROUP_ID", "b")]), []);
    }
}
