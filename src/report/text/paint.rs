//! Colours, marks and line breaks: what every piece of the text report is made with.

use std::fmt::Write as _;

use colored::{ColoredString, Colorize};

use super::Style;
use crate::report::Verdict;
use crate::text::line;

/// What a piece of text means to the eye.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) enum Ink {
    /// Names what follows.
    Strong,
    /// There when it is looked for.
    Faint,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Not known, or not sure to matter.
    Unsure,
    /// Something to type.
    Code,
}

/// The text in its colour, where colours are wanted.
pub(in crate::report) fn paint(style: Style, text: &str, ink: Ink) -> String {
    if !style.color || text.is_empty() {
        return text.to_owned();
    }
    // The caller has decided already; without this, `colored` would decide again from the environment.
    colored::control::set_override(true);
    let painted: ColoredString = match ink {
        Ink::Strong => text.bold(),
        Ink::Faint => text.dimmed(),
        Ink::Good => text.green(),
        Ink::Bad => text.red().bold(),
        Ink::Unsure => text.yellow(),
        Ink::Code => text.cyan(),
    };
    painted.to_string()
}

/// The mark of a verdict; without one, that of something still to come.
pub(super) fn mark(style: Style, verdict: Option<Verdict>) -> String {
    let (unicode, ascii, ink) = match verdict {
        Some(Verdict::Pass) => ("✓", "ok  ", Ink::Good),
        Some(Verdict::Fail) => ("✗", "FAIL", Ink::Bad),
        Some(Verdict::Skipped) => ("–", "skip", Ink::Faint),
        Some(Verdict::Inconclusive) => ("?", "????", Ink::Unsure),
        None => ("→", "->  ", Ink::Faint),
    };
    paint(style, style.pick(unicode, ascii), ink)
}

/// Text from elsewhere, printable and whole: for addresses, ids and what rules wrote, which are never cut.
pub(in crate::report) fn safe(raw: &str) -> String {
    line(raw, raw.len())
}

/// Text of several lines from elsewhere, each made printable; indentation stays.
pub(in crate::report) fn safe_lines(raw: &str) -> impl Iterator<Item = String> + '_ {
    raw.lines().map(|text| {
        let indent = text.len() - text.trim_start_matches(' ').len();
        format!("{}{}", " ".repeat(indent), safe(text)).trim_end().to_owned()
    })
}

/// The columns that a text fills. Only our own colours have escape sequences: [`safe`] leaves none in other text.
pub(super) fn columns(text: &str) -> usize {
    let mut escape = false;
    text.chars()
        .filter(|&character| {
            let hidden = escape || character == '\u{1b}';
            escape = hidden && character != 'm';
            !hidden
        })
        .count()
}

/// The text, filled up with blanks.
pub(super) fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// The text without colours, cut to fit. Not for addresses or rule ids.
pub(super) fn shorten(style: Style, text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let dots = style.pick("…", "...");
    let kept: String = text.chars().take(width.saturating_sub(dots.chars().count())).collect();
    format!("{}{dots}", kept.trim_end())
}

/// Words on lines of at most `width` columns: the first line after `lead`, the others below its first word. A word is
/// never cut, however long it is.
pub(in crate::report) fn wrap<W: AsRef<str>>(lead: &str, words: impl IntoIterator<Item = W>, width: usize) -> String {
    // A lead that leaves too little room for text is not worth standing under.
    let indent = if columns(lead) + 20 > width { columns(lead).min(6) } else { columns(lead) };
    let mut out = lead.to_owned();
    let mut column = columns(lead);
    let mut first = true;
    for word in words {
        let word = word.as_ref();
        let length = columns(word);
        if first && column <= indent {
            // The first word stands where the lead ends.
        } else if column + usize::from(!first) + length > width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        first = false;
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
    out
}

/// Running text, made printable, after `lead`: paragraphs are wrapped, indented lines (examples) stand as they are.
pub(super) fn prose(style: Style, lead: &str, raw: &str) -> String {
    let indent = " ".repeat(columns(lead));
    let mut out = String::new();
    for (index, text) in safe_lines(raw).enumerate() {
        let lead = if index == 0 { lead } else { &indent };
        if text.starts_with("  ") {
            let _ = writeln!(out, "{lead}{}", paint(style, &text, Ink::Code));
        } else {
            out.push_str(&wrap(lead, text.split_whitespace(), style.measure()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_never_cut() {
        assert_eq!(wrap("- ", "aaa bbb ccc".split(' '), 9), "- aaa bbb\n  ccc\n");
        assert_eq!(
            wrap("", "to a-very-long-word-of-an-address:9092 go".split(' '), 12),
            "to\na-very-long-word-of-an-address:9092\ngo\n"
        );
        assert_eq!(wrap("empty ", [""; 0], 80), "empty\n");
    }

    #[test]
    fn colours_take_no_room() {
        let style = Style { color: true, ..Style::PLAIN };
        let painted = paint(style, "kafka", Ink::Bad);
        assert!(painted.contains('\u{1b}'), "{painted:?}");
        assert_eq!((columns(&painted), columns("kafka")), (5, 5));
        assert_eq!(paint(Style::PLAIN, "kafka", Ink::Bad), "kafka");
    }

    #[test]
    fn long_text_is_shortened_to_fit() {
        assert_eq!(shorten(Style { unicode: true, ..Style::PLAIN }, "abcdefgh", 5), "abcd…");
        assert_eq!(shorten(Style::PLAIN, "abcdefgh", 5), "ab...");
        assert_eq!(shorten(Style::PLAIN, "abcde", 5), "abcde");
    }
}
