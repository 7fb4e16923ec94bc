//! A plan as Markdown: who uses which address, the table that teams keep by hand.
//!
//! A row is a server's port, with the addresses that lead to it from the host and from containers, who uses them, and where
//! that is written. What comes from elsewhere stands in code, and can neither end it, nor a cell, nor a comment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::wiring::{End, Line, lines};
use super::{OriginInfo, Report};
use crate::plan::OriginKind;
use crate::text::line;

/// The longest name that is shown, in characters.
const LONGEST: usize = 200;

/// What a row is about: a server, and a port of it.
type Subject<'a> = (End<'a>, Option<u16>);

/// The table, then what must not be reachable, then what will not be looked at.
#[must_use]
pub fn render(report: &Report) -> String {
    let lines = lines(report);
    let mut rows = BTreeMap::<Subject, Vec<&Line>>::new();
    for line in lines.iter().filter(|line| !line.is_closed()) {
        rows.entry((line.to, line.inner)).or_default().push(line);
    }
    let mut out = String::new();
    if rows.is_empty() {
        out.push_str("No connection is known.\n");
    } else {
        out.push_str("| Server | Speaks | From the host | From containers | Used by |\n");
        out.push_str("| --- | --- | --- | --- | --- |\n");
    }
    for ((server, inner), lines) in &rows {
        let cells = [server_name(*server, lines), speaks(lines), from_host(*inner, lines), inside(lines), users(lines)];
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    let closed = |line: &&Line| line.is_closed();
    section(&mut out, "Must not be reachable:", lines.iter().filter(closed).map(in_words));
    let unlooked = lines.iter().filter_map(|line| Some(format!("{}: {}", in_words(line), plain(line.unlooked()?))));
    section(&mut out, "Will not be looked at:", unlooked);
    out
}

fn section(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: BTreeSet<_> = items.collect();
    if !items.is_empty() {
        let items: Vec<_> = items.iter().map(|item| format!("- {item}\n")).collect();
        let _ = write!(out, "\n{title}\n\n{}", items.concat());
    }
}

fn in_words(line: &Line) -> String {
    let target = format!("{}://{}", line.protocol, line.address().unwrap_or_else(|| line.host.to_owned()));
    format!("{} → {}", end(line.from), code(&target))
}

fn end(end: End) -> String {
    match end {
        End::Host => "the host".into(),
        End::Service(name) | End::Vantage(name) | End::Elsewhere(name) => code(name),
    }
}

fn server_name(server: End, lines: &[&Line]) -> String {
    let local = lines.iter().any(|line| line.is_local());
    match server {
        End::Elsewhere(_) if local => "its own machine".into(),
        End::Elsewhere(_) => format!("{} (outside)", end(server)),
        _ => end(server),
    }
}

/// What is spoken; a connection that says no more than TCP says nothing against the others.
fn speaks(lines: &[&Line]) -> String {
    let mut spoken: BTreeSet<_> = lines.iter().map(|line| line.protocol).collect();
    if spoken.len() > 1 {
        spoken.remove("tcp");
    }
    spoken.into_iter().map(plain).collect::<Vec<_>>().join(", ")
}

fn from_host(inner: Option<u16>, lines: &[&Line]) -> String {
    let of_host = lines.iter().filter(|line| line.from == End::Host);
    let cell = |line: &&Line| match (line.address(), line.to, inner) {
        (Some(address), _, _) => code(&address),
        (None, End::Service(service), Some(port)) => {
            format!("any free port: {}", code(&format!("docker compose port {service} {port}")))
        }
        (None, _, _) => "any free port".into(),
    };
    joined(of_host.map(cell))
}

fn inside(lines: &[&Line]) -> String {
    let inside = lines.iter().filter(|line| line.from != End::Host);
    joined(inside.filter_map(|line| line.address()).map(|address| code(&address)))
}

/// Who uses it, and where that is written.
fn users(lines: &[&Line]) -> String {
    let of_line = |line: &&Line| {
        let who = end(line.from);
        line.check.origins.iter().map(|origin| used(&who, origin)).collect::<Vec<_>>()
    };
    joined(lines.iter().flat_map(of_line))
}

fn used(who: &str, origin: &OriginInfo) -> String {
    let place = match (&origin.file, origin.line) {
        (Some(file), Some(number)) => format!(" in {}", code(&format!("{file}:{number}"))),
        (Some(file), None) => format!(" in {}", code(file)),
        (None, _) => String::new(),
    };
    match origin.kind {
        OriginKind::Published => format!("published{place}"),
        OriginKind::Default => format!("{who}, as {} is not set{place}", code(&origin.name)),
        _ => format!("{who}: {}{place}", code(&origin.name)),
    }
}

/// Each of these once, in their order.
fn joined(cells: impl Iterator<Item = String>) -> String {
    let mut seen = BTreeSet::new();
    let cells: Vec<_> = cells.filter(|cell| seen.insert(cell.clone())).collect();
    cells.join("<br>")
}

/// Text as code. Characters that could end the code, or a table's cell, make it HTML with numbered characters.
fn code(text: &str) -> String {
    let text = line(text, LONGEST);
    let is_plain = |c: char| c.is_alphanumeric() || " -_.,:;/@=+*()[]{}#$%~'\"!?^→…".contains(c);
    match text.trim() {
        "" => String::new(),
        plain if plain.chars().all(is_plain) => format!("`{plain}`"),
        other => format!("<code>{}</code>", numbered(other, "")),
    }
}

/// Text as text: nothing in it is Markdown or HTML.
fn plain(text: &str) -> String {
    numbered(&line(text, LONGEST), " .,:;/()'-→…")
}

/// Letters, digits and what is in `kept` as they are, everything else as `&#42;`.
fn numbered(text: &str, kept: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || kept.contains(character) || character == ' ' {
            out.push(character);
        } else {
            let _ = write!(out, "&#{};", u32::from(character));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_ends_nothing_but_itself() {
        for (text, expected) in [
            ("kafka:29092", "`kafka:29092`"),
            ("a_b*c*", "`a_b*c*`"),
            ("a|b", "<code>a&#124;b</code>"),
            ("a`b", "<code>a&#96;b</code>"),
            ("a\\", "<code>a&#92;</code>"),
            ("<!-- /crosscheck:plan -->", "<code>&#60;&#33;&#45;&#45; &#47;crosscheck&#58;plan &#45;&#45;&#62;</code>"),
            ("&lt;", "<code>&#38;lt&#59;</code>"),
            (" ", ""),
        ] {
            assert_eq!(code(text), expected);
        }
        assert_eq!(plain("x <b> *y* [z](w)"), "x &#60;b&#62; &#42;y&#42; &#91;z&#93;(w)");
    }
}
