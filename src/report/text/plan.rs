//! The checks that would run, and why each of them exists.

use std::fmt::Write as _;

use super::Style;
use super::group::{origin_in_full, origin_name};
use super::paint::{Ink, mark, paint, safe, wrap};
use crate::report::{Report, Verdict};
use crate::text::count;

/// The plan by vantage; each check with all its origins, and with the reason where it will not be looked at.
#[must_use]
pub fn plan(report: &Report, style: Style) -> String {
    let groups = report.by_vantage();
    let mut out = String::new();
    for (from, checks) in &groups {
        out.push_str(&paint(style, &safe(from), Ink::Strong));
        out.push('\n');
        for check in checks {
            let closed = if check.expect == "closed" { "  must not be reachable" } else { "" };
            let silenced = if check.silenced { "  silenced" } else { "" };
            let extra = paint(style, &format!("{closed}{silenced}"), Ink::Faint);
            let _ = writeln!(out, "  {} {}{extra}", mark(style, check.verdict), safe(&check.target));
            if !check.wanted.is_empty() {
                let text = format!("wanted: {}", safe(&check.wanted.join(", ")));
                out.push_str(&wrap("      ", text.split_whitespace(), style.measure()));
            }
            for origin in &check.origins {
                // In short, the name alone says enough of a published port; of a variable, the value does.
                let text = if style.quiet { origin_name(origin) } else { origin_in_full(origin) };
                let words = text.split_whitespace().map(|word| paint(style, word, Ink::Faint));
                out.push_str(&wrap("      ", words, style.measure()));
            }
            if let Some(reason) = &check.reason {
                let word = match check.verdict {
                    Some(Verdict::Skipped) => "will be skipped:",
                    _ => "cannot be looked at:",
                };
                let text = format!("{word} {}", safe(reason));
                out.push_str(&wrap("      ", text.split_whitespace(), style.measure()));
            }
        }
        out.push('\n');
    }
    let (checks, places) = (count(report.checks.len(), "check"), count(groups.len(), "vantage"));
    let skipped = report.checks.iter().filter(|check| check.verdict == Some(Verdict::Skipped)).count();
    let cannot = report.checks.iter().filter(|check| check.verdict == Some(Verdict::Inconclusive)).count();
    let mut sum = vec![format!("{checks} from {places}")];
    sum.extend((skipped > 0).then(|| format!("{skipped} to be skipped")));
    sum.extend((cannot > 0).then(|| format!("{cannot} cannot be looked at")));
    out.push_str(&sum.join("; "));
    out.push('\n');
    out
}
