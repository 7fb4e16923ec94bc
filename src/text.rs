//! Text that comes from elsewhere, made safe to show: bounded, without control characters, without secrets.

use std::time::Duration;

/// One printable line of at most `limit` characters: control characters, among them those that steer a terminal or
/// turn the direction of text around, become visible stand-ins.
#[must_use]
pub fn line(raw: &str, limit: usize) -> String {
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
        "JAAS",
    ]
    .iter()
    .any(|word| name.contains(word))
        || name.split(['_', '.', '-']).any(|word| matches!(word, "PASS" | "PWD" | "KEY" | "SALT" | "AUTH"))
}

/// A value as it may be shown: the user-info of URLs and the values of secret parameters replaced by `***`.
#[must_use]
pub fn redact(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        // The authority ends at the first of these; a password may hold any of the others, `@` included.
        let end = tail.find(['/', '?', '#', ' ', '"', '\'', ',']).unwrap_or(tail.len());
        let (authority, after) = tail.split_at(end);
        // A `/` in a password is wrong in a URL, yet people write it: hide up to the last `@` before a space.
        let whole = tail.split([' ', '"', '\'']).next().unwrap_or_default();
        match (authority.rfind('@'), whole.rfind('@')) {
            (None, Some(at)) if whole[..at].contains(':') && !whole[..at].contains(['?', ',']) => {
                out.push_str("***@");
                rest = &tail[at + 1..];
            }
            (Some(at), _) => {
                out.push_str("***@");
                out.push_str(&authority[at + 1..]);
                rest = after;
            }
            (None, _) => {
                out.push_str(authority);
                rest = after;
            }
        }
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

/// Replaces the values of secret parameters: `password=x`, `;Password=x`, `token: x`.
fn redact_parameters(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('=') {
        let (head, tail) = rest.split_at(at + 1);
        out.push_str(head);
        let name = head[..at].rsplit(['?', '&', ';', ' ', ',', '"']).next().unwrap_or_default();
        rest = tail;
        if is_secret_name(name) {
            let end = if let Some(quoted) = tail.strip_prefix('"') {
                quoted.find('"').map_or(tail.len(), |at| at + 2)
            } else {
                tail.find(['&', ';', ' ', ',', '"']).unwrap_or(tail.len())
            };
            out.push_str("***");
            rest = &tail[end..];
        }
    }
    out.push_str(rest);
    out
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
            ("jdbc:mysql://db/x?user=a&password=b&useSSL=false", "jdbc:mysql://db/x?user=a&password=***&useSSL=false"),
            (
                "jdbc:sqlserver://s:1433;user=sa;Password=x;encrypt=false",
                "jdbc:sqlserver://s:1433;user=sa;Password=***;encrypt=false",
            ),
            ("http://app:8080/?to=a@b", "http://app:8080/?to=a@b"),
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
