//! Text that comes from elsewhere, made safe to show: bounded, without control characters, without secrets.

use std::time::Duration;

/// One printable line of at most `limit` characters: control characters, among them those that steer a terminal or
/// turn the direction of text around, become visible stand-ins.
#[must_use]
pub fn line(raw: &str, limit: usize) -> String {
    // Nearly everything is short and plain.
    if raw.len() <= limit && raw.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return raw.trim().to_owned();
    }
    let mut out = String::with_capacity(raw.len().min(limit * 4));
    for (count, character) in raw.trim().chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        match character {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_unprintable(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character can steer a terminal, turn the direction of text around, take no room, or be no character at all:
/// controls, bidirectional and zero-width marks, annotations, tags, BOM and the noncharacters that XML forbids.
#[must_use]
pub const fn is_unprintable(character: char) -> bool {
    matches!(
        character,
        '\u{00}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// What a system error says, without Rust's `(os error N)`.
#[must_use]
pub fn io_error(error: &std::io::Error) -> String {
    let text = error.to_string();
    // The standard library's words for a file that was read as text; other invalid data has words of its own.
    if text == "stream did not contain valid UTF-8" {
        return "it is no text in UTF-8".into();
    }
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => text.to_owned(),
    }
}

/// A duration as people write it: `0.4 ms`, `12 ms`, `2 s`, `1.5 s`.
#[must_use]
pub fn millis(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        _ if micros % 1_000_000 < 50_000 => format!("{} s", micros / 1_000_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

/// `1 check`, `2 checks`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [only] => only.as_ref().to_owned(),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", rest.join(", "), last.as_ref())
        }
    }
}

/// Whether a variable's name says that its value is a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "REQUIREPASS",
        "MASTERAUTH",
        "SECRET",
        "TOKEN",
        "CREDENTIAL",
        "PRIVATE",
        "APIKEY",
        "API_KEY",
        "ACCESS_KEY",
        "ACCESSKEY",
        "SIGNATURE",
        "JAAS",
    ]
    .iter()
    .any(|word| name.contains(word))
        || name
            .split(['_', '.', '-'])
            .any(|word| matches!(word, "PASS" | "PWD" | "PW" | "KEY" | "SALT" | "AUTH" | "JWT" | "SIG"))
}

/// A value as it may be shown: the user-info of URLs and the values of secret parameters replaced by `***`.
#[must_use]
pub fn redact(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        // People do not encode passwords, so that any character may stand in one: up to the last `@` of this URL.
        let next = tail.find("://").unwrap_or(tail.len());
        let end = tail[..next].find(char::is_whitespace).unwrap_or(next);
        rest = match tail[..end].rfind('@') {
            Some(at) => {
                out.push_str("***@");
                &tail[at + 1..]
            }
            None => tail,
        };
    }
    out.push_str(rest);
    redact_parameters(&out)
}

/// Arguments of a command as they may be shown: as [`redact`], and what follows a flag with the name of a secret.
#[must_use]
pub fn redact_arguments(arguments: &[String]) -> Vec<String> {
    let mut after_secret = false;
    let shown = |argument: &String| {
        let hidden = std::mem::replace(
            &mut after_secret,
            argument.starts_with('-') && is_secret_name(argument) && !argument.contains('='),
        );
        if hidden && !argument.starts_with("--") { "***".into() } else { redact(argument) }
    };
    arguments.iter().map(shown).collect()
}

/// Replaces the values of secret parameters: `password=x`, `;Password=x`, `&sig=x`.
fn redact_parameters(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('=') {
        let (head, tail) = rest.split_at(at + 1);
        out.push_str(head);
        let name = head[..at].rsplit(['?', '&', ';', ' ', ',', '"', '{']).next().unwrap_or_default();
        rest = tail;
        if is_secret_name(name) || is_secret_parameter(name) {
            out.push_str("***");
            rest = &tail[secret_end(tail)..];
        }
    }
    out.push_str(rest);
    out
}

/// Names that mean a secret in URLs, and too much else to mean one in a variable's name.
fn is_secret_parameter(name: &str) -> bool {
    let words = ["code", "jwt", "pw", "sid", "sig", "state", "ticket", "user", "uid"];
    words.iter().any(|word| name.eq_ignore_ascii_case(word)) || name.to_ascii_lowercase().contains("signature")
}

/// Where a secret ends: before the next `;name=`, behind the quotes or braces around it, else not before the line does.
/// A separator alone does not end it, since passwords hold those too.
fn secret_end(text: &str) -> usize {
    let closing = text.chars().next().and_then(|open| match open {
        '"' | '\'' => Some(open),
        '{' => Some('}'),
        _ => None,
    });
    let quoted = closing.and_then(|mark| text.get(1..)?.find(mark)).map_or(0, |at| at + 2);
    if text[..quoted].contains(['\n', '\r']) {
        return quoted;
    }
    // Behind a run of blanks stands one name, which is looked at once: such runs may be long.
    let mut tried = 0;
    let ends = |(at, mark): &(usize, &str)| {
        if matches!(*mark, "\n" | "\r") {
            return true;
        }
        if *at < tried {
            return false;
        }
        let after = text[at + 1..].trim_start_matches(' ');
        tried = text.len() - after.len();
        let name = after.split(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).next().unwrap_or_default();
        !name.is_empty() && after[name.len()..].starts_with('=')
    };
    let marks = text[quoted..].match_indices(['&', ';', ' ', ',', '\n', '\r']);
    marks.map(|(at, mark)| (at + quoted, mark)).find(ends).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal() {
        assert_eq!(line("a\u{1b}[31mred\u{7}\nb\u{202e}", 80), "a\\u{1b}[31mred\\u{7} b\\u{202e}");
        assert_eq!(line("abcdef", 3), "abc…");
        for character in ['\u{7f}', '\u{9b}', '\u{ad}', '\u{61c}', '\u{2028}', '\u{feff}', '\u{fffe}', '\u{e0041}'] {
            assert!(is_unprintable(character), "{character:?}");
        }
        assert_eq!(line("é → 名 😀", 80), "é → 名 😀");
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_is_kept() {
        for (raw, shown) in [
            ("redis://:pa:ss@redis:6379/0", "redis://***@redis:6379/0"),
            ("mysql://u:p@a,b/x", "mysql://***@a,b/x"),
            ("postgres://u:p/q@db/x", "postgres://***@db/x"),
            (
                "jdbc:mysql://db/x?user=a&password=b&useSSL=false",
                "jdbc:mysql://db/x?user=***&password=***&useSSL=false",
            ),
            (
                "jdbc:sqlserver://s:1433;user=sa;Password=x;encrypt=false",
                "jdbc:sqlserver://s:1433;user=***;Password=***;encrypt=false",
            ),
            // When in doubt, more is hidden.
            ("http://app:8080/?to=a@b", "http://***@b"),
            ("http://app:8080/?to=a", "http://app:8080/?to=a"),
            ("redis://:A,b@redis/4,redis://c:\"d@e", "redis://***@redis/4,redis://***@e"),
            ("http://a:77/b@db:1/x", "http://***@db:1/x"),
            ("Server=db;Password=a,b;Database=c", "Server=db;Password=***;Database=c"),
            ("host=db password=a,b dbname=c", "host=db password=*** dbname=c"),
            ("Server=db;Pwd=A&b;Database=c", "Server=db;Pwd=***;Database=c"),
            ("Server=db;Pwd=A b c;Database=d", "Server=db;Pwd=***;Database=d"),
            ("jdbc:sqlserver://s;password={A;b=c};encrypt=false", "jdbc:sqlserver://s;password=***;encrypt=false"),
            ("redis:6379,password=\"A\"b,abortConnect=false", "redis:6379,password=***,abortConnect=false"),
            ("redis://redis:6379/5?password=A,b", "redis://redis:6379/5?password=***"),
            (
                "http://a/?sig=b&X-Amz-Signature=c&code=d&jwt=e&pw=f&AWSAccessKeyId=g&x=1",
                "http://a/?sig=***&X-Amz-Signature=***&code=***&jwt=***&pw=***&AWSAccessKeyId=***&x=1",
            ),
            ("password=a\nnext line", "password=***\nnext line"),
            ("password=\"a", "password=***"),
            ("kafka:9092,kafka2:9092", "kafka:9092,kafka2:9092"),
        ] {
            assert_eq!(redact(raw), shown);
        }
    }

    #[test]
    fn secrets_of_commands_are_hidden() {
        let shown = |line: &str| redact_arguments(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).join(" ");
        assert_eq!(shown("redis-server --requirepass x --port 1"), "redis-server --requirepass *** --port 1");
        assert_eq!(shown("app --db-password=x --token y z"), "app --db-password=*** --token *** z");
        assert_eq!(shown("a --password --verbose"), "a --password --verbose");
    }

    #[test]
    fn names_of_secrets_are_known() {
        for name in
            ["MYSQL_PASSWORD", "DB_PASS", "API_KEY", "GITHUB_TOKEN", "secret_key_base", "password", "NEO4J_AUTH"]
        {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["KEYCLOAK_URL", "PASSENGER_HOST", "MONKEY", "COMPASS_HOST"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(millis(Duration::from_micros(430)), "0.4 ms");
        assert_eq!(millis(Duration::from_millis(12)), "12 ms");
        assert_eq!(millis(Duration::from_secs(2)), "2 s");
        assert_eq!(millis(Duration::from_millis(1500)), "1.5 s");
    }
}
