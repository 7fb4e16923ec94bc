//! The settings that stand in the words of a simple command, whatever program it runs: `--name=value`, `--name value`,
//! `-Dname=value`, `-e NAME=value`, `NAME=value program`.

use super::shell::{assignment, is_name};
use crate::catalog::catalog;
use crate::derive::address;

/// The longest name of an option.
const LONGEST_NAME: usize = 128;

/// A setting in a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its name, without dashes.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether the value is a URL that needs no name: those of databases and brokers are for programs that connect.
    pub plain: bool,
}

impl Given {
    fn new(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), plain: false }
    }
}

/// The settings in the words that are not marked as read already, in their order. `program` is where the program's own name
/// stands.
#[must_use]
pub fn settings(words: &[String], read: &[bool], program: usize) -> Vec<Given> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let word = words[at].as_str();
        let is_read = read.get(at).copied().unwrap_or_default();
        let next = words.get(at + 1).filter(|_| !read.get(at + 1).copied().unwrap_or_default());
        at += 1;
        if is_read {
            continue;
        }
        if let Some(option) = word.strip_prefix('-') {
            let long = option.strip_prefix('-').unwrap_or(option);
            // In a list of words, `--seeds kafka:33145` may be one of them.
            let (option, value) = match long.split_once('=').filter(|(name, _)| !name.contains(' ')) {
                Some((name, value)) => (name, Some(value)),
                None => match long.split_once(' ') {
                    Some((name, value)) => (name, Some(value.trim())),
                    None => (long, None),
                },
            };
            if let Some(value) = value {
                found.extend(named(of_java(option, word), value));
            } else if let Some(next) = next.filter(|next| !next.starts_with('-')) {
                let given = named(option, next);
                at += usize::from(given.is_some());
                found.extend(given);
            }
        } else if let (Some((name, value)), true) = (assignment(word), at <= program) {
            found.push(Given::new(name, value));
        } else if is_server(word) {
            let name = words.get(program).map_or("command", |word| crate::catalog::program_name(word));
            found.push(Given { plain: true, ..Given::new(name, word) });
        }
    }
    found
}

/// The name in `-Dspring.redis.host` and Elasticsearch's `-Ediscovery.seed_hosts`.
fn of_java<'a>(option: &'a str, word: &str) -> &'a str {
    let name =
        option.strip_prefix(['D', 'E']).filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    name.filter(|_| !word.starts_with("--")).unwrap_or(option)
}

/// The setting of an option with a value; `None` where the option has none that could be an address.
fn named(option: &str, value: &str) -> Option<Given> {
    let letters = |name: &str| {
        name.len() <= LONGEST_NAME
            && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    // `-e BASE_URL=…`, `--override zookeeper.connect=…` name a setting of their own; `--out influxdb=http://…` does not.
    let inner = value.split_once('=').filter(|(name, _)| letters(name));
    let is_setting = |name: &str| {
        name.contains('.') || (is_name(name) && !name.contains(|c: char| c.is_ascii_lowercase()) && name.len() > 1)
    };
    if let Some((name, value)) = inner
        && (is_setting(name) || matches!(option, "e" | "env" | "c" | "X" | "set" | "override"))
    {
        return Some(Given::new(name, value));
    }
    if !letters(option) || (option.len() < 2 && !is_server(value)) {
        return None;
    }
    // A flag before an operand looks the same: only what can be an address, or goes with one, is its value.
    Some(Given { plain: is_server(value), ..Given::new(option, value) })
}

/// Whether a word is the URL of a server that is no web server, by the schemes that the catalogue knows.
fn is_server(word: &str) -> bool {
    let scheme = word.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let known = |scheme: &str| {
        let base = scheme.split('+').next().unwrap_or_default();
        catalog().of_scheme(scheme).or_else(|| catalog().of_scheme(base)).is_some()
    };
    scheme.is_some_and(|scheme| scheme == "tcp" || known(&scheme)) && !address::parse(word).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_settings_by_their_names() {
        for (line, expected) in [
            ("app --spring.kafka.bootstrap-servers=kafka:9092", "spring.kafka.bootstrap-servers=kafka:9092"),
            ("app --brokers kafka:9092 --verbose", "brokers=kafka:9092"),
            ("java -Dspring.redis.host=redis -Xmx1g -jar app.jar", "spring.redis.host=redis jar=app.jar"),
            ("java -XX:MaxRAMPercentage=75 -agentlib:jdwp=address=db:5005 X", ""),
            ("k6 run -e BASE_URL=http://app:8080 x.js", "BASE_URL=http://app:8080"),
            ("k6 run --out influxdb=http://influxdb:8086/db x.js", "out=influxdb=http://influxdb:8086/db"),
            ("k6 run --env=HOST=app x.js", "HOST=app"),
            (
                "kafka --override advertised.listeners=PLAINTEXT://kafka:9092",
                "advertised.listeners=PLAINTEXT://kafka:9092",
            ),
            ("DB_HOST=db PORT=1 app", "DB_HOST=db PORT=1"),
            ("app DB_HOST=db", ""),
            ("rq worker --url redis://redis:6379/0 high", "url=redis://redis:6379/0"),
            ("celery -b redis://redis:6379/0 worker", "b=redis://redis:6379/0"),
            ("celery -b redis worker", ""),
            ("pump amqp://rabbitmq http://web", "pump=amqp://rabbitmq"),
            ("es -Ediscovery.seed_hosts=es2 -EX=1", "discovery.seed_hosts=es2 EX=1"),
            ("app --a --b --c", ""),
            ("-addr=:50051 -mongo=mongodb://mongo", "addr=:50051 mongo=mongodb://mongo"),
        ] {
            let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
            let program = words.iter().position(|word| assignment(word).is_none()).unwrap_or(words.len());
            let found = settings(&words, &[], program);
            let found: Vec<_> = found.iter().map(|given| format!("{}={}", given.name, given.value)).collect();
            assert_eq!(found.join(" "), expected, "{line}");
        }
        let words = ["--seeds redpanda-0:33145".to_owned(), "--smp 1".to_owned()];
        assert_eq!(settings(&words, &[], 2), [Given::new("seeds", "redpanda-0:33145"), Given::new("smp", "1")]);
    }
}
