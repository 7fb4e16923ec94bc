//! `${NAME:default}` and its kin, as configuration files have them filled in when they are read.

use std::cell::Cell;

/// How many placeholders are filled in for one value: those that are within others could go on without an end.
const MOST: u32 = 64;

/// A value with its placeholders filled in: `${NAME}`, `${NAME:default}`, `${NAME:-default}`, `${env:NAME}`, `$NAME`. What
/// nobody gives stays as it is written.
#[must_use]
pub fn fill(text: &str, look: &dyn Fn(&str) -> Option<String>) -> String {
    filled(text, look, &Cell::new(MOST))
}

fn filled(text: &str, look: &dyn Fn(&str) -> Option<String>, left: &Cell<u32>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (written, value) = match after.strip_prefix('{') {
            Some(inner) => match closing(inner) {
                Some(end) => (end + 3, of_braces(&inner[..end], look, left)),
                None => (rest.len() - at, None),
            },
            // `$${` stands for itself.
            None if after.starts_with('$') => (2, None),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                (end + 1, Some(&after[..end]).filter(|name| !name.is_empty()).and_then(look))
            }
        };
        let written = &rest[at..at + written];
        out.push_str(value.as_deref().unwrap_or(written));
        rest = &rest[at + written.len()..];
    }
    out.push_str(rest);
    out
}

fn of_braces(inner: &str, look: &dyn Fn(&str) -> Option<String>, left: &Cell<u32>) -> Option<String> {
    left.set(left.get().checked_sub(1)?);
    let inner = inner.strip_prefix("env:").or_else(|| inner.strip_prefix("env.")).unwrap_or(inner);
    let (name, default) = match inner.split_once(':') {
        Some((name, default)) => (name, Some(default.strip_prefix('-').unwrap_or(default))),
        None => (inner, None),
    };
    let value = look(name.trim()).or_else(|| default.map(str::to_owned))?;
    Some(filled(&value, look, left))
}

/// Where the brace ends that was opened before.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0;
    for (at, character) in text.char_indices() {
        match character {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in() {
        let look = |name: &str| match name {
            "HOST" => Some("db".to_owned()),
            "OTHER" => Some("${HOST}-2".into()),
            "LOOP" => Some("${LOOP}".into()),
            _ => None,
        };
        for (text, expected) in [
            ("plain", "plain"),
            ("${HOST}:1", "db:1"),
            ("${HOST:localhost}:${PORT:5432}", "db:5432"),
            ("${PORT:-5432}", "5432"),
            ("${env:HOST}", "db"),
            ("${env:PORT:-1}", "1"),
            ("$HOST/$PORT", "db/$PORT"),
            ("${NO}", "${NO}"),
            ("${NO:}", ""),
            ("${NO:${HOST}}", "db"),
            ("${NO:http://${HOST}:80}/x", "http://db:80/x"),
            ("${OTHER}", "db-2"),
            ("${LOOP}", "${LOOP}"),
            ("$${HOST}", "$${HOST}"),
            ("p$", "p$"),
            ("${HOST", "${HOST"),
            ("ü${HOST}ü", "üdbü"),
        ] {
            assert_eq!(fill(text, &look), expected, "{text}");
        }
    }

    #[test]
    fn those_within_others_come_to_an_end() {
        let look = |_: &str| Some("${A}${A}${A}".repeat(10));
        assert!(fill("${A}", &look).len() < 10_000);
    }
}
