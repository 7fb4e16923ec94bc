//! The causes, each told once: what is wrong, what says so, what it fails, what to change.

use std::fmt::Write as _;

use super::Style;
use super::group::place;
use super::paint::{Ink, paint, prose, safe, wrap};
use crate::report::{Finding, Report, Severity};
use crate::text::count;

/// The findings, those that the user has silenced last and in one line, then what could not be judged.
#[must_use]
pub fn findings(report: &Report, style: Style) -> String {
    let (silenced, open): (Vec<_>, Vec<_>) = report.findings.iter().partition(|finding| finding.silenced);
    let mut out: String = open.iter().map(|finding| one(finding, style)).collect();
    for finding in &silenced {
        let because = finding.silenced_because.as_deref().map(|why| format!(" ({})", safe(why))).unwrap_or_default();
        let title = format!("silenced{because} {}: {}", id(finding), safe(&finding.message));
        let title = title.split_whitespace().map(|word| paint(style, word, Ink::Faint));
        out.push_str(&wrap("", title, style.measure()));
    }
    let missing = &report.not_evaluated;
    if style.verbose {
        for rule in missing {
            let text = format!("{}: {}", safe(&rule.rule), safe(&rule.reason));
            let lead = paint(style, "not judged  ", Ink::Faint);
            out.push_str(&wrap(&lead, text.split_whitespace(), style.measure()));
        }
    } else if !missing.is_empty() && !style.quiet {
        let text = format!("{} could not be judged (-v says why)", count(missing.len(), "rule"));
        out.push_str(&paint(style, &text, Ink::Faint));
        out.push('\n');
    }
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push('\n');
    }
    if let (Some(first), false) = (open.first(), style.quiet) {
        let command = paint(style, &format!("crosscheck explain {}", safe(&first.rule)), Ink::Code);
        let _ = write!(out, "More about a rule: {command}\n\n");
    }
    out
}

fn one(finding: &Finding, style: Style) -> String {
    let ink = match finding.severity {
        Severity::Error => Ink::Bad,
        Severity::Warning => Ink::Unsure,
        Severity::Note => Ink::Code,
    };
    let message = safe(&finding.message);
    let message = message.split_whitespace().map(|word| paint(style, word, Ink::Strong));
    let mut out = wrap("", std::iter::once(paint(style, &id(finding), ink)).chain(message), style.measure());
    let lead = |name: &str| format!("  {}", paint(style, &format!("{name:<8}  "), Ink::Faint));
    let part = |out: &mut String, name: &str, text: &str| out.push_str(&prose(style, &lead(name), text));
    if let Some(service) = &finding.service {
        part(&mut out, "service", service);
    }
    for (index, place_of) in finding.locations.iter().enumerate() {
        let role = if place_of.role == "primary" { String::new() } else { format!(" ({})", safe(&place_of.role)) };
        let text = format!("{}{role}", place(&place_of.file, Some(place_of.line), Some(place_of.column)));
        part(&mut out, if index == 0 { "at" } else { "" }, &text);
    }
    for (index, seen) in finding.evidence.iter().enumerate() {
        part(&mut out, if index == 0 { "seen" } else { "" }, seen);
    }
    if !finding.checks.is_empty() {
        // An id has blanks of its own and stays in one piece.
        let last = finding.checks.len() - 1;
        let ids = finding.checks.iter().enumerate();
        let ids = ids.map(|(index, id)| format!("{}{}", safe(id), if index == last { "" } else { "," }));
        out.push_str(&wrap(&lead("fails"), ids, style.measure()));
    }
    if !finding.help.is_empty() {
        part(&mut out, "help", &finding.help);
    }
    if let Some(fix) = &finding.fix {
        part(&mut out, "fix", &fix.description);
    }
    out.push('\n');
    out
}

/// `error[kafka-advertises-loopback]`.
fn id(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    format!("{severity}[{}]", safe(&finding.rule))
}
