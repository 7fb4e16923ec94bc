//! Settings within the value of one variable: JSON or YAML, system properties of Java, lines of properties, PHP's constants.
//!
//! `SPRING_APPLICATION_JSON`, `JAVA_TOOL_OPTIONS`, `WORDPRESS_CONFIG_EXTRA` and their like hold what others spread over many
//! variables. What is found is asked like any other setting.

use super::files::hcl;
use crate::compose::yaml::{self, Node, Value};

/// Longer values hold more than settings.
const LONGEST: usize = 64 << 10;
/// The most settings that one value is asked for.
const MOST: usize = 512;

/// Names that say what a setting is, and not of whom.
const NAMELESS: &[&str] = &[
    "addr", "address", "database", "db", "dbname", "endpoint", "host", "hostname", "hosts", "password", "port",
    "server", "uri", "url", "user", "username",
];

/// A setting within the value of a variable.
#[derive(Debug)]
pub struct Embedded {
    /// Its name as it stands there.
    pub written: String,
    /// The name that says what it is about: with the variable's before it, where it says that alone.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The settings that the value of this variable consists of; empty where it is anything else.
#[must_use]
pub fn of_variable(variable: &str, value: &str) -> Vec<Embedded> {
    let one = |(written, value): (String, String)| {
        let nameless = NAMELESS.contains(&written.to_ascii_lowercase().as_str());
        let name = if nameless { format!("{variable}.{written}") } else { written.clone() };
        Embedded { written, name, value }
    };
    settings(value).into_iter().map(one).collect()
}

/// The settings that a value consists of, by name; empty where it is anything else.
#[must_use]
pub fn settings(value: &str) -> Vec<(String, String)> {
    if value.len() > LONGEST {
        return Vec::new();
    }
    let mut found = tree(value).or_else(|| properties(value)).unwrap_or_default();
    if found.is_empty() {
        found = system_properties(value);
        found.extend(constants(value));
    }
    if found.is_empty() {
        found = blocks(value);
    }
    found.truncate(MOST);
    found
}

/// A mapping in JSON or in several lines of YAML.
fn tree(value: &str) -> Option<Vec<(String, String)>> {
    let json = value.trim_start().starts_with('{');
    if !json && !value.trim().contains('\n') {
        return None;
    }
    let document = yaml::parse(value, 0).ok()?.into_iter().next()?;
    matches!(document.value, Value::Map(_)).then(|| {
        let mut found = Vec::new();
        flatten(&document, &mut String::new(), &mut found);
        found
    })
}

/// Every single value under the names that lead to it. The items of a list have the list's name.
fn flatten(node: &Node, path: &mut String, found: &mut Vec<(String, String)>) {
    match &node.value {
        Value::Text(text) if !path.is_empty() => found.push((path.clone(), text.clone())),
        Value::Text(_) | Value::Null => {}
        Value::List(items) => items.iter().for_each(|item| flatten(item, path, found)),
        Value::Map(entries) => {
            for entry in entries {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(&entry.key);
                flatten(&entry.node, path, found);
                path.truncate(length);
            }
        }
    }
}

/// Lines of `some.name=value`, nothing else; a single one counts where its name has a dot.
fn properties(value: &str) -> Option<Vec<(String, String)>> {
    let lines = value.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let name = name.trim();
        // What begins with a hyphen is an option, and what follows it on its line is another: `-Da.b=c -Dd.e=f`.
        let is_name = !name.starts_with('-') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        (is_name && name.contains('.')).then(|| (name.to_owned(), value.trim().to_owned()))
    };
    lines.map(pair).collect::<Option<Vec<_>>>().filter(|found| !found.is_empty())
}

/// `-Dname=value` among the options of a Java virtual machine.
fn system_properties(value: &str) -> Vec<(String, String)> {
    if !value.contains("-D") {
        return Vec::new();
    }
    let words = shlex::split(value).unwrap_or_else(|| value.split_whitespace().map(str::to_owned).collect());
    let pair = |word: String| {
        let (name, value) = word.strip_prefix("-D")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    words.into_iter().filter_map(pair).collect()
}

/// `define('NAME', 'value')` of PHP.
fn constants(value: &str) -> Vec<(String, String)> {
    let calls = value.split("define(").skip(1);
    let pair = |call: &str| {
        let (name, rest) = quoted(call)?;
        let rest = rest.trim_start().strip_prefix(',')?.trim_start();
        let value = match quoted(rest) {
            Some((value, _)) => value,
            None => rest.split(')').next()?.trim(),
        };
        Some((name.to_owned(), value.to_owned()))
    };
    calls.filter_map(pair).collect()
}

/// Blocks with names and values in quotes, as HOCON has them: `db { url = "jdbc:…" }`.
fn blocks(value: &str) -> Vec<(String, String)> {
    // A name and a bracket, and no directives of nginx or code, whose lines end so.
    let head = value.split_once('{').map_or("", |(head, _)| head.trim());
    let is_name = |name: &str| {
        let name = name.trim_end_matches(['=', ':']).trim_end();
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if !head.lines().last().is_some_and(is_name) || !value.contains('=') || value.contains(';') {
        return Vec::new();
    }
    let entries = hcl::entries(value).into_iter();
    entries.map(|entry| (entry.name().to_owned(), entry.value)).collect()
}

/// A text in quotes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Vec<String> {
        settings(value).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn settings_are_found_in_every_form() {
        for (value, expected) in [
            (
                r#"{"spring":{"kafka":{"bootstrap-servers":"kafka:9092"},"x":[1,null]}}"#,
                &["spring.kafka.bootstrap-servers=kafka:9092", "spring.x=1"][..],
            ),
            (r#"{"spring.data.redis.url": "redis://redis"}"#, &["spring.data.redis.url=redis://redis"]),
            ("kafka:\n  brokers:\n    - a:1\n    - b:2\n", &["kafka.brokers=a:1", "kafka.brokers=b:2"]),
            ("-Xmx1g -Dspring.data.redis.host=redis -Da='b c'", &["spring.data.redis.host=redis", "a=b c"]),
            (
                "-Dspring.kafka.bootstrap-servers=kafka:9092 -Dx.y=z",
                &["spring.kafka.bootstrap-servers=kafka:9092", "x.y=z"],
            ),
            ("-Da.b=c -Xmx1g", &["a.b=c"]),
            ("-Da.b=c\n-Dd.e=f", &["a.b=c", "d.e=f"]),
            ("db { url = \"jdbc:mysql://db/x\" }", &["db.url=jdbc:mysql://db/x"]),
            (
                "db {\n  url = \"jdbc:mysql://db/x\"\n  pool { host = \"a\" }\n}\n",
                &["db.url=jdbc:mysql://db/x", "db.pool.host=a"],
            ),
            ("bootstrap.servers=kafka:9092", &["bootstrap.servers=kafka:9092"]),
            ("# c\nbootstrap.servers = kafka:9092\nacks.all=1\n", &["bootstrap.servers=kafka:9092", "acks.all=1"]),
            (
                "define('WP_REDIS_HOST', 'redis');\n define( \"WP_REDIS_PORT\" , 6379 );",
                &["WP_REDIS_HOST=redis", "WP_REDIS_PORT=6379"],
            ),
        ] {
            assert_eq!(of(value), expected, "{value}");
        }
    }

    #[test]
    fn everything_else_holds_none() {
        for value in [
            "",
            "kafka:9092",
            "a: b",
            "host=db port=5432",
            "A=1\nB=2",
            "{not json",
            "[1, 2]",
            "-----BEGIN KEY-----\nabc\n-----END KEY-----",
            "define(",
            "-D",
            "--some.option=x",
            "-Xlog.file=x",
            "server {\n  set $x = \"a\";\n}",
            "if (a = \"b\") { x }",
            "db {",
            "server {\n  listen 80;\n}",
            "postgres://u:p@db/x?application.name=y",
        ] {
            assert_eq!(of(value), Vec::<String>::new(), "{value}");
        }
        assert!(of(&format!("{{\"a\": \"{}\"}}", "x".repeat(LONGEST))).is_empty());
    }
}
