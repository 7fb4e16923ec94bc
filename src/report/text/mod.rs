//! The report for people, a piece at a time: each function returns text, and the caller writes it when it is due.
//!
//! What passed is one line; what failed unfolds. Everything that comes from elsewhere is made printable here, whether
//! or not it already was.

mod finding;
mod group;
pub(in crate::report) mod paint;
mod plan;
mod steps;
pub(in crate::report) mod words;

pub use finding::findings;
pub use group::{check_in_full, group};
pub use plan::plan;

use std::time::Duration;

use super::Report;
use crate::text::{count, millis};
use paint::{Ink, paint, safe, wrap};

/// How text is to look. The caller decides it; nothing here asks the terminal or the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent switches of the command line, each named by its use"
)]
pub struct Style {
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Whether marks and arrows may leave ASCII.
    pub unicode: bool,
    /// Columns to fill. Addresses and rule ids are never cut to fit.
    pub width: usize,
    /// Whether to show more: who resolved a name, what was reached too, which rules were not judged.
    pub verbose: bool,
    /// Whether to show only what failed, what could not be looked at, and the sum.
    pub quiet: bool,
}

impl Style {
    /// For files and other machines: no colours, ASCII marks, a hundred columns.
    pub const PLAIN: Self = Self { color: false, unicode: false, width: 100, verbose: false, quiet: false };

    /// `one` where Unicode may be used, else `other`.
    const fn pick<'a>(self, one: &'a str, other: &'a str) -> &'a str {
        if self.unicode { one } else { other }
    }

    /// The longest line of running text: beyond this, lines are hard to read however wide the terminal is.
    pub(in crate::report) fn measure(self) -> usize {
        self.width.clamp(40, 110)
    }
}

/// What is looked at: the project, its files, the engine.
#[must_use]
pub fn head(report: &Report, style: Style) -> String {
    if style.quiet {
        return String::new();
    }
    let running = report.services.iter().filter(|service| service.state == "running").count();
    let all = report.services.len();
    let containers = if running == all {
        count(all, "container")
    } else {
        format!("{running} of {} running", count(all, "container"))
    };
    let engine = match &report.engine {
        Some(engine) if engine.os.is_empty() => format!("Docker {}", safe(&engine.version)),
        Some(engine) => format!("Docker {} on {}", safe(&engine.version), safe(&engine.os)),
        None => "no engine".into(),
    };
    let mut out = paint(style, &safe(&report.project), Ink::Strong);
    out.push_str(&paint(style, &format!("  {containers}, {engine}"), Ink::Faint));
    out.push('\n');
    if !report.files.is_empty() {
        let files = report.files.iter().map(|file| paint(style, &safe(file), Ink::Faint));
        out.push_str(&wrap("", files, style.measure()));
    }
    out.push('\n');
    out
}

/// Everything counted, how long it took, and what the exit code means.
#[must_use]
pub fn summary(report: &Report, style: Style) -> String {
    let sum = &report.summary;
    let some = |number: usize, word: &str, ink| {
        (number > 0).then(|| paint(style, &format!("{number} {word}"), ink)).into_iter().collect::<Vec<_>>()
    };
    let checks = [
        some(sum.pass, "passed", Ink::Good),
        some(sum.fail, "failed", Ink::Bad),
        some(sum.skipped, "skipped", Ink::Faint),
        some(sum.inconclusive, "inconclusive", Ink::Unsure),
    ]
    .concat();
    let found = |number: usize, noun: &str, ink| {
        (number > 0).then(|| paint(style, &count(number, noun), ink)).into_iter().collect::<Vec<_>>()
    };
    let findings = [found(sum.errors, "error", Ink::Bad), found(sum.warnings, "warning", Ink::Unsure)].concat();
    let mut parts = vec![if checks.is_empty() { "no checks".into() } else { checks.join(", ") }];
    parts.extend((!findings.is_empty()).then(|| findings.join(", ")));
    let checks = report.checks.iter().filter(|check| check.silenced).count();
    let causes = report.findings.iter().filter(|finding| finding.silenced).count();
    parts.extend(match (checks, causes) {
        (0, 0) => None,
        (0, _) => Some(format!("{} silenced", count(causes, "finding"))),
        (_, 0) => Some(format!("{} silenced", count(checks, "check"))),
        _ => Some(format!("{} and {} silenced", count(checks, "check"), count(causes, "finding"))),
    });
    let time = paint(style, &format!("({})", millis(Duration::from_micros(report.micros))), Ink::Faint);
    let ink = match report.exit_code {
        0 => Ink::Good,
        1 => Ink::Bad,
        _ => Ink::Unsure,
    };
    let exit = paint(style, &format!("exit {}", report.exit_code), ink);
    format!("{} {time}\n{exit}: {}\n", parts.join("; "), meaning(report))
}

/// What the exit code says of this run, in words.
fn meaning(report: &Report) -> String {
    let sum = &report.summary;
    let looked = sum.pass + sum.fail + sum.inconclusive;
    match report.exit_code {
        0 if looked == 0 => "nothing was checked, and that is allowed".into(),
        0 if sum.inconclusive > 0 => {
            format!("nothing failed; {} could not be looked at, and that is allowed", count(sum.inconclusive, "check"))
        }
        0 => "nothing failed".into(),
        1 => match (sum.fail, sum.errors, sum.warnings) {
            (0, 0, 0) => "the run failed".into(),
            (0, 0, warnings) => format!("{} under --strict", count(warnings, "warning")),
            (0, errors, _) => count(errors, "error"),
            (failed, ..) => format!("{} failed", count(failed, "check")),
        },
        2 if looked == 0 => "nothing was checked".into(),
        2 if sum.inconclusive > 0 => format!("{} could not be looked at", count(sum.inconclusive, "check")),
        2 => "the run could not be completed".into(),
        130 => "interrupted".into(),
        _ => "unknown".into(),
    }
}
