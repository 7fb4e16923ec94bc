//! A rule's page, written in Markdown, as a terminal shows it.

use std::fmt::Write as _;

use super::text::Style;
use super::text::paint::{Ink, paint, safe_lines, wrap};

/// The page with its paragraphs and lists wrapped, headings set off and code indented.
///
/// Knows the Markdown that rule pages are written in: `#` headings, fenced code, lists, `code`, **strong**. Everything
/// else, tables among it, is shown as it stands.
#[must_use]
pub fn page(markdown: &str, style: Style) -> String {
    let mut out = String::new();
    let mut paragraph = Paragraph::default();
    let mut fenced = false;
    for text in safe_lines(markdown) {
        let bare = text.trim_start();
        if bare.starts_with("```") {
            paragraph.end(&mut out, style);
            fenced = !fenced;
        } else if fenced {
            out.push_str(format!("    {}", paint(style, &text, Ink::Code)).trim_end());
            out.push('\n');
        } else if bare.is_empty() {
            paragraph.end(&mut out, style);
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
        } else if let Some(title) = heading(bare) {
            paragraph.end(&mut out, style);
            let _ = writeln!(out, "{}", paint(style, title, Ink::Strong));
        } else if bare.starts_with('|') {
            paragraph.end(&mut out, style);
            let _ = writeln!(out, "{text}");
        } else if let Some((bullet, rest)) = item(bare) {
            paragraph.end(&mut out, style);
            let indent = " ".repeat(text.len() - bare.len());
            paragraph = Paragraph { lead: format!("{indent}{bullet} "), text: rest.to_owned() };
        } else {
            paragraph.text.push(' ');
            paragraph.text.push_str(bare);
        }
    }
    paragraph.end(&mut out, style);
    out
}

/// Text that is collected until it ends and can be wrapped.
#[derive(Default)]
struct Paragraph {
    lead: String,
    text: String,
}

impl Paragraph {
    fn end(&mut self, out: &mut String, style: Style) {
        if !self.text.is_empty() {
            out.push_str(&wrap(&self.lead, inline(&self.text, style), style.measure()));
        }
        *self = Self::default();
    }
}

/// The title of a heading of any level.
fn heading(text: &str) -> Option<&str> {
    text.strip_prefix('#').map(|rest| rest.trim_start_matches('#')).filter(|rest| rest.starts_with(' ')).map(str::trim)
}

/// The bullet or number of a list's item, and its text.
fn item(text: &str) -> Option<(&str, &str)> {
    let (bullet, rest) = text.split_once(' ')?;
    let number = bullet.strip_suffix('.').is_some_and(|digits| digits.parse::<u8>().is_ok());
    (number || matches!(bullet, "-" | "*" | "+")).then_some((bullet, rest))
}

/// The words of a text; `code` and **strong** painted. Without colours the backticks stay: they say what to type.
fn inline(text: &str, style: Style) -> Vec<String> {
    let (mut code, mut strong) = (false, false);
    let (mut words, mut word, mut piece) = (Vec::new(), String::new(), String::new());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let ink = if code { Some(Ink::Code) } else { strong.then_some(Ink::Strong) };
        let mut end = |piece: &mut String| {
            word.push_str(&ink.map_or_else(|| piece.clone(), |ink| paint(style, piece, ink)));
            piece.clear();
        };
        match character {
            '`' => {
                end(&mut piece);
                code = !code;
                word.push_str(if style.color { "" } else { "`" });
            }
            '*' if !code && characters.next_if_eq(&'*').is_some() => {
                end(&mut piece);
                strong = !strong;
            }
            blank if blank.is_whitespace() => {
                end(&mut piece);
                words.push(std::mem::take(&mut word));
            }
            other => piece.push(other),
        }
    }
    let ink = if code { Some(Ink::Code) } else { strong.then_some(Ink::Strong) };
    word.push_str(&ink.map_or_else(|| piece.clone(), |ink| paint(style, &piece, ink)));
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A broker sends its clients to localhost\n\nA broker hands out the address in \
        `KAFKA_ADVERTISED_LISTENERS`. **Inside** a container, `localhost` means\nthat container.\n\n## How to fix it\n\n\
        1. Give the broker two listeners, one for the network and one for the host, each with a name.\n\
        2. Point clients at `kafka:29092`.\n   - unless they run on the host\n\n\
        ```yaml\nenvironment:\n  KAFKA_LISTENERS: INTERNAL://:29092,EXTERNAL://:9092,CONTROLLER://:9093\n```\n\n\
        | a | b |\n|---|---|\n";

    #[test]
    fn a_page_is_laid_out() {
        let style = Style { width: 60, ..Style::PLAIN };
        insta::assert_snapshot!("page", page(PAGE, style));
        let colour = page(PAGE, Style { color: true, ..style });
        insta::assert_snapshot!("page-colour", colour.replace('\u{1b}', "␛"));
    }

    #[test]
    fn what_is_not_closed_is_still_shown() {
        assert_eq!(page("a `b c\n\n```\n**d", Style::PLAIN), "a `b c\n\n    **d\n");
        assert_eq!(page("", Style::PLAIN), "");
    }
}
