//! Scripts of k6 (<https://grafana.com/docs/k6/>): the URLs that they request, as far as these are texts. Nothing is run.

mod tokens;
mod values;

use self::tokens::{Kind, Token};
use self::values::{Definitions, Value};
use super::entry::Entry;
use super::scan::add;

/// Functions of `k6/http` whose first argument is the URL.
const METHODS: &[&str] = &["get", "post", "put", "patch", "del", "head", "options"];

/// Functions of `k6/http` whose second argument is the URL.
const REQUESTS: &[&str] = &["request", "asyncRequest"];

/// How many tokens of one call or object are looked through.
const REACH: usize = 2000;

/// What is requested: `http.get`, `http.post`, `http.batch`, `ws.connect`, `connect` (gRPC's `host:port`), `WebSocket`,
/// `goto`, by the function; and under its own name what a script exports for others. Each place is told once.
///
/// `variable` gives the value of a variable of the container, for `__ENV.NAME`. A URL of which only the beginning is known is
/// told without its path, and not at all where its host or its port is not known. The place is that of the text, or of
/// `__ENV`, which the URL begins with.
#[must_use]
pub fn entries(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Entry> {
    let tokens = tokens::of(text);
    let mut definitions = Definitions::new(&tokens, variable);
    let mut found = Vec::new();
    let mut tell = |key: &str, value: &Value| {
        let Some(url) = value.url() else { return };
        if !found.iter().any(|known: &Entry| (known.line, known.column) == (value.at.line, value.at.column)) {
            add(&mut found, Some(key.to_owned()), &url, value.at);
        }
    };
    for at in 0..tokens.len() {
        let Some(word) = tokens[at].word() else { continue };
        if matches!(word, "const" | "let" | "var") {
            if let Some((name, value)) = definitions.define(at)
                && at > 0
                && tokens[at - 1].word() == Some("export")
            {
                tell(&name, &value);
            }
            continue;
        }
        definitions.reassigned(at);
        let method = (tokens.get(at + 1).is_some_and(|it| it.is('.'))).then(|| tokens.get(at + 2)?.word()).flatten();
        let opens = |at: usize| tokens.get(at).is_some_and(|it| it.is('('));
        match (word, method) {
            ("http", Some(method)) if opens(at + 3) => {
                if METHODS.contains(&method) {
                    tell(&format!("http.{method}"), &definitions.value(at + 4));
                } else if let (true, Some(second)) = (REQUESTS.contains(&method), second(&tokens, at + 4)) {
                    tell(&format!("http.{method}"), &definitions.value(second));
                } else if method == "batch" && definitions.spend() {
                    for at in inside(&tokens, at + 3).take_while(|_| definitions.spend()) {
                        let starts = [',', '[', ':'].iter().any(|&mark| tokens[at - 1].is(mark));
                        if starts {
                            tell("http.batch", &definitions.value(at));
                        }
                    }
                }
            }
            ("ws", Some("connect")) if opens(at + 3) => tell("ws.connect", &definitions.value(at + 4)),
            ("WebSocket", None) if opens(at + 1) => tell("WebSocket", &definitions.value(at + 2)),
            (_, Some(method @ ("connect" | "goto"))) if opens(at + 3) => tell(method, &definitions.value(at + 4)),
            _ => {}
        }
    }
    found
}

/// Where the second argument begins, of the call whose first begins here.
fn second(tokens: &[Token], first: usize) -> Option<usize> {
    let mut open = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(first).take(REACH) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => open += 1,
            Kind::Mark(')' | ']' | '}') => open = open.checked_sub(1)?,
            Kind::Mark(',') if open == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The tokens within the bracket that opens here.
fn inside(tokens: &[Token], opening: usize) -> impl Iterator<Item = usize> {
    let mut open = 0_usize;
    let end = tokens.iter().enumerate().skip(opening).take(REACH).find(|(_, token)| {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => open += 1,
            Kind::Mark(')' | ']' | '}') => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    });
    opening + 1..end.map_or((opening + REACH).min(tokens.len()), |(at, _)| at)
}

#[cfg(test)]
mod tests;
