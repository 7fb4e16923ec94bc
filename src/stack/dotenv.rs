//! `.env` files, as Compose reads them.

use std::collections::BTreeMap;

use super::interpolate::interpolate;

/// A variable's value, and the line that gives it, from 1.
#[derive(Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The value.
    pub value: String,
    /// The line.
    pub line: usize,
}

/// The variables of a `.env` file. `outer` gives those that the file's values may refer to and that win over it.
///
/// # Errors
///
/// The line, from 1, and what is wrong there.
pub fn parse(
    text: &str,
    outer: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, String>, (usize, &'static str)> {
    Ok(read(text, outer)?.into_iter().map(|(name, assigned)| (name, assigned.value)).collect())
}

/// The variables of a file whose values mean themselves, as `docker run --env-file` reads it.
#[must_use]
pub fn raw(text: &str) -> BTreeMap<String, Assigned> {
    let lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|(line, number)| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim().to_owned(), Assigned { value: value.to_owned(), line: number }))
        })
        .collect()
}

/// The variables of a `.env` file, with the line of each.
///
/// # Errors
///
/// The line, from 1, and what is wrong there.
pub fn read(
    text: &str,
    outer: &dyn Fn(&str) -> Option<String>,
) -> Result<BTreeMap<String, Assigned>, (usize, &'static str)> {
    let mut variables = BTreeMap::<String, Assigned>::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    let line_of = |rest: &str| text[..text.len() - rest.len()].matches('\n').count() + 1;
    loop {
        rest = rest.trim_start();
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if rest.is_empty() {
            return Ok(variables);
        }
        if line.starts_with('#') {
            rest = after;
            continue;
        }
        let Some(at) = line.find(['=', ':']) else {
            // A name alone takes its value from the environment.
            let name = line.trim();
            if let Some(value) = outer(name) {
                variables.insert(name.to_owned(), Assigned { value, line: line_of(rest) });
            }
            rest = after;
            continue;
        };
        let number = line_of(rest);
        let name = line[..at].trim_end();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err((line_of(rest), "a variable's name must be one word"));
        }
        let value = rest[at + 1..].trim_start_matches([' ', '\t']);
        let scope =
            |wanted: &str| outer(wanted).or_else(|| variables.get(wanted).map(|assigned| assigned.value.clone()));
        let value = if let Some(quote @ ('"' | '\'')) = value.chars().next() {
            let body = &value[1..];
            let end = end_of_quote(body, quote).ok_or((line_of(value), "a quoted value has no end"))?;
            rest = body[end + 1..].split_once('\n').map_or("", |(_, next)| next);
            if quote == '\'' { body[..end].to_owned() } else { expand(&unescape(&body[..end]), &scope) }
        } else {
            let (value, next) = value.split_once('\n').unwrap_or((value, ""));
            rest = next;
            expand(without_comment(value), &scope)
        };
        variables.insert(name.to_owned(), Assigned { value, line: number });
    }
}

/// A value that is no valid template stays as it is written.
fn expand(value: &str, scope: &dyn Fn(&str) -> Option<String>) -> String {
    interpolate(value, scope).unwrap_or_else(|_| value.to_owned())
}

/// An unquoted value up to a `#` that follows a space.
fn without_comment(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let end = value.match_indices('#').find(|(at, _)| value[..*at].ends_with([' ', '\t'])).map(|(at, _)| at);
    value[..end.unwrap_or(value.len())].trim_end()
}

fn end_of_quote(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in body.char_indices() {
        match character {
            c if c == quote && !escaped => return Some(at),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// The escapes of a double-quoted value. `\$` becomes `$$`, which the interpolation that follows turns into `$`.
fn unescape(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut characters = body.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('$') => out.push_str("$$"),
            Some(plain @ ('"' | '\\' | '\'')) => out.push(plain),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_compose_reads_them() {
        // Each was given to `docker compose config` 2.26 as well.
        for (text, wanted) in [
            ("export V=a", "a"),
            ("V: b", "b"),
            ("V='c$H' # x", "c$H"),
            ("V=\"d$H\"", "dhome"),
            ("V=e#f", "e#f"),
            ("V=g #h", "g"),
            ("V = i", "i"),
            ("V=j k", "j k"),
            ("V=${Q:-l}", "l"),
            ("V=\"m\nn\"", "m\nn"),
            ("A=1\nV=p$A", "p1"),
            ("# note\n\nV=\r\n", ""),
            ("V=1\nV=2", "2"),
            ("V=\"a\\\"b\\$H\"", "a\"b$H"),
        ] {
            let variables = parse(text, &|name| (name == "H").then(|| "home".to_owned()));
            assert_eq!(variables.unwrap().get("V").map(String::as_str), Some(wanted), "{text}");
        }
        assert_eq!(parse("V\n", &|_| None), Ok(BTreeMap::new()));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        assert_eq!(parse("A=1\n\na b c=1", &|_| None), Err((3, "a variable's name must be one word")));
        assert_eq!(parse("A=1\nB='o", &|_| None), Err((2, "a quoted value has no end")));
        assert_eq!(parse("=x", &|_| None), Err((1, "a variable's name must be one word")));
    }
}
