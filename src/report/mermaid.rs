//! A plan as a map: a flowchart of [Mermaid](https://mermaid.js.org), which Git hosts draw where it stands in Markdown.
//!
//! Names come from elsewhere: in a node's id only letters and digits are left as they are, and in a label whatever could
//! mean something to Mermaid, to HTML or to Markdown is a numbered character (`#35;`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Report;
use super::wiring::{End, Line, lines, service};
use crate::text::line;

/// The first line of a map, by which a file is known to hold one.
pub const FIRST_LINE: &str = "%% crosscheck plan: who connects to whom, and by what";

/// The longest label, in characters.
const LONGEST: usize = 80;

/// The map: vantages, services and what they connect to as nodes, one edge for each connection. A dashed edge will not be
/// looked at; one that ends in a cross must not be possible.
#[must_use]
pub fn render(report: &Report) -> String {
    let lines = lines(report);
    let ends = lines.iter().flat_map(|line| [line.from, line.to]);
    let services = report.services.iter().map(|known| End::Service(service(&known.name)));
    let nodes: BTreeSet<_> = ends.chain(services).collect();
    let mut out = format!("{FIRST_LINE}\nflowchart LR\n");
    for node in nodes {
        let (open, close) = match node {
            End::Host | End::Vantage(_) => ("([", "])"),
            End::Service(_) => ("[", "]"),
            End::Elsewhere(_) => ("{{", "}}"),
        };
        let _ = writeln!(out, "  {}{open}\"{}\"{close}", id(node), escaped(name(node)));
    }
    // Checks that differ in what a map does not show are one edge.
    let edges: Vec<_> = lines.iter().map(edge).collect();
    let mut drawn = BTreeSet::new();
    for edge in edges {
        if drawn.insert(edge.clone()) {
            out.push_str(&edge);
        }
    }
    out
}

fn edge(line: &Line) -> String {
    let arrow = match (line.is_closed(), line.unlooked().is_some()) {
        (false, false) => "-->",
        (false, true) => "-.->",
        (true, false) => "--x",
        (true, true) => "-.-x",
    };
    let inner = line.inner.map(|port| port.to_string());
    let port = match (line.port, &inner) {
        (Some(port), Some(inner)) if port != inner => format!("{}:{} → {inner}", escaped(line.protocol), escaped(port)),
        (Some(port), _) => format!("{}:{}", escaped(line.protocol), escaped(port)),
        (None, Some(inner)) => format!("{} → {inner}", escaped(line.protocol)),
        (None, None) => escaped(line.protocol),
    };
    let closed = if line.is_closed() { " must not be reachable" } else { "" };
    format!("  {} {arrow}|\"{port}{closed}\"| {}\n", id(line.from), id(line.to))
}

fn name(end: End<'_>) -> &str {
    match end {
        End::Host => "host",
        End::Service(name) | End::Vantage(name) | End::Elsewhere(name) => name,
    }
}

/// A name by which nothing else is called, whatever characters it has.
fn id(end: End) -> String {
    let mut id = match end {
        End::Host => return "host".into(),
        End::Service(_) => "service_",
        End::Vantage(_) => "vantage_",
        End::Elsewhere(_) => "elsewhere_",
    }
    .to_owned();
    for character in name(end).chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => id.push(character),
            other => {
                let _ = write!(id, "_{:x}_", u32::from(other));
            }
        }
    }
    id
}

/// Text for a label, between double quotes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in line(text, LONGEST).chars() {
        if character.is_alphanumeric() || matches!(character, ' ' | '.' | '-' | ':' | ',' | '…') {
            out.push(character);
        } else {
            let _ = write!(out, "#{};", u32::from(character));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_no_two_names_share_one() {
        for (end, expected) in [
            (End::Host, "host"),
            (End::Service("host"), "service_host"),
            (End::Service("end"), "service_end"),
            (End::Service("a-b"), "service_a_2d_b"),
            (End::Service("a_b"), "service_a_5f_b"),
            (End::Service("a_2d_b"), "service_a_5f_2d_5f_b"),
            (End::Vantage("network:back"), "vantage_network_3a_back"),
            (End::Elsewhere("é.example"), "elsewhere__e9__2e_example"),
        ] {
            assert_eq!(id(end), expected);
        }
    }

    #[test]
    fn labels_say_nothing_to_mermaid() {
        for (text, expected) in [
            ("kafka-1:9092", "kafka-1:9092"),
            ("a\"] --> b", "a#34;#93; --#62; b"),
            ("%%{init: {}}%%", "#37;#37;#123;init: #123;#125;#125;#37;#37;"),
            ("<img onerror=x>", "#60;img onerror#61;x#62;"),
            ("`**b**`", "#96;#42;#42;b#42;#42;#96;"),
            ("a#quot;b", "a#35;quot#59;b"),
            ("a\nb\\n\u{202e}", "a b#92;n#92;u#123;202e#125;"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
