//! What was seen from one vantage: a line for what passed, the steps of what did not.

use std::fmt::Write as _;
use std::time::Duration;

use super::Style;
use super::paint::{Ink, columns, mark, pad, paint, safe, shorten, wrap};
use super::steps::{Detail, unfold};
use super::words::{depth, summary, why, words};
use crate::plan::OriginKind;
use crate::report::{CheckResult, OriginInfo, Verdict};
use crate::text::{line, millis};

/// Where the steps of an unfolded check begin.
const STEPS: usize = 6;

/// The checks of one vantage, in their order. Nothing where there is nothing to show.
#[must_use]
pub fn group(from: &str, checks: &[&CheckResult], style: Style) -> String {
    let shown: Vec<_> = checks.iter().copied().filter(|check| !style.quiet || is_open(check)).collect();
    if shown.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = shown.iter().map(|check| Row::new(check)).collect();
    let table = Table::fit(&rows, style);
    let mut out = paint(style, &safe(from), Ink::Strong);
    out.push('\n');
    for (check, row) in shown.iter().zip(&rows) {
        out.push_str(&match check.verdict {
            Some(Verdict::Pass) => passed(check, row, table, style),
            Some(Verdict::Fail) if check.silenced && !style.verbose => table.silenced(row, style),
            _ => failed(check, row, table, style),
        });
    }
    out.push('\n');
    out
}

/// One check with everything that was seen, whether or not it passed.
#[must_use]
pub fn check_in_full(check: &CheckResult, style: Style) -> String {
    let from = paint(style, &safe(&check.from), Ink::Strong);
    let arrow = paint(style, style.pick("──▶", "-->"), Ink::Faint);
    let target = paint(style, &safe(&check.target), Ink::Strong);
    let mut out = format!("{from} {arrow} {target}\n");
    let mut facts = Vec::new();
    facts.extend((check.expect == "closed").then(|| "must not be reachable".to_owned()));
    facts.extend(check.via.as_deref().map(|via| format!("via {}", line(via, 60))));
    facts.extend(check.origins.iter().map(|origin| format!("from {}", origin_in_full(origin))));
    if !check.wanted.is_empty() {
        facts.push(format!("wanted: {}", safe(&check.wanted.join(", "))));
    }
    let because = check.silenced_because.as_deref().map(|why| format!(": {}", safe(why))).unwrap_or_default();
    facts.extend(check.silenced.then(|| format!("silenced{because}")));
    for fact in facts {
        out.push_str(&paint(style, &format!("  {fact}"), Ink::Faint));
        out.push('\n');
    }
    out.push_str(&unfold(check, style, Detail::Full, 2));
    let word = match check.verdict {
        Some(Verdict::Pass) => "passed",
        Some(Verdict::Fail) => "failed",
        Some(Verdict::Skipped) => "skipped",
        Some(Verdict::Inconclusive) => "could not be looked at",
        None => "was not run",
    };
    let result = match check.verdict {
        Some(Verdict::Pass) => Some(Row::new(check).word),
        _ => why(check),
    };
    let text = result.map_or_else(|| word.to_owned(), |result| format!("{word}: {result}"));
    let lead = format!("  {} ", mark(style, check.verdict));
    out.push_str(&wrap(&lead, text.split_whitespace(), style.measure()));
    out
}

/// Whether a check is still to be worked on: what `quiet` shows.
fn is_open(check: &CheckResult) -> bool {
    matches!(check.verdict, Some(Verdict::Fail | Verdict::Inconclusive))
}

fn passed(check: &CheckResult, row: &Row, table: Table, style: Style) -> String {
    let mut out = table.line(row, style);
    if style.verbose {
        out.push_str(&unfold(check, style, Detail::Failure, STEPS));
    }
    out
}

/// A check that did not pass: its target and why it is looked at, then the steps or the reason.
fn failed(check: &CheckResult, row: &Row, table: Table, style: Style) -> String {
    let target = pad(&row.target, table.target);
    let lead = format!("  {} {target}  ", mark(style, check.verdict));
    let silenced = if check.silenced { "silenced  " } else { "" };
    let origin = paint(style, &format!("{silenced}{}", row.origin), Ink::Faint);
    let open = matches!(check.verdict, Some(Verdict::Fail));
    let reason = check.reason.as_deref().map(safe).filter(|_| !open);
    let mut out = match reason {
        Some(reason) => {
            let word = if check.verdict == Some(Verdict::Skipped) { "skipped:" } else { "could not look:" };
            let text = format!("{word} {reason}");
            if columns(&lead) + columns(&text) <= style.measure() {
                format!("{lead}{text}\n")
            } else {
                let below = " ".repeat(STEPS);
                format!("{}\n{}", lead.trim_end(), wrap(&below, text.split_whitespace(), style.measure()))
            }
        }
        None => format!("{}\n", format!("{lead}{origin}").trim_end()),
    };
    // What was skipped is no failure, whatever its steps look like.
    let skipped = check.verdict == Some(Verdict::Skipped) && !style.verbose;
    if open || (!skipped && check.observation.as_ref().is_some_and(|seen| !seen.phases.is_empty())) {
        out.push_str(&unfold(check, style, Detail::Failure, STEPS));
    }
    out
}

/// What a line says of a check.
struct Row {
    verdict: Option<Verdict>,
    target: String,
    /// How far it came.
    word: String,
    /// What answered; in brief, without what it said beside its name.
    peer: String,
    time: String,
    /// Why it is looked at.
    origin: String,
}

impl Row {
    fn new(check: &CheckResult) -> Self {
        let seen = check.observation.as_ref();
        let closed = check.expect == "closed" && check.verdict == Some(Verdict::Pass);
        let word = match seen {
            _ if closed => "closed".into(),
            Some(seen) => depth(seen.depth).to_owned(),
            None => check.depth.as_deref().map(|depth| line(depth, 20)).unwrap_or_default(),
        };
        let peer = match seen {
            Some(seen) if closed => seen.failure.as_ref().map(words),
            Some(seen) => seen.peer.as_ref().map(summary).filter(|peer| *peer != word),
            None => None,
        };
        let time = seen.filter(|seen| !seen.phases.is_empty()).map(|seen| millis(Duration::from_micros(seen.micros())));
        let more = match check.origins.len() {
            0 | 1 => String::new(),
            n => format!(" +{}", n - 1),
        };
        Self {
            verdict: check.verdict,
            target: safe(&check.target),
            word,
            peer: peer.unwrap_or_default(),
            time: time.unwrap_or_default(),
            origin: check.origins.first().map(|origin| format!("{}{more}", origin_name(origin))).unwrap_or_default(),
        }
    }
}

impl Row {
    fn brief_peer(&self) -> &str {
        self.peer.split(", ").next().unwrap_or_default()
    }
}

/// The widths of a vantage's columns.
#[derive(Clone, Copy, Debug)]
struct Table {
    target: usize,
    word: usize,
    /// Whether there is only room for what answered in brief.
    brief: bool,
    peer: usize,
    time: usize,
    origin: usize,
}

impl Table {
    /// Widths that fit the line: an over-long target gets a longer line than the others, and what answered and the
    /// origin share what the rest leaves.
    fn fit(rows: &[Row], style: Style) -> Self {
        let width = style.width.max(40);
        let widest = |field: fn(&Row) -> &str, limit: usize| {
            rows.iter().map(|row| columns(field(row))).filter(|&width| width <= limit).max().unwrap_or_default()
        };
        let passed: Vec<_> = rows.iter().filter(|row| row.verdict == Some(Verdict::Pass)).collect();
        let among = |field: fn(&Row) -> &str| passed.iter().map(|row| columns(field(row))).max().unwrap_or_default();
        let (target, word, time) =
            (widest(|row| &row.target, width / 2), among(|row| &row.word), among(|row| &row.time));
        let mark = columns(&mark(Style { color: false, ..style }, None));
        let left = width.saturating_sub(2 + mark + 1 + target + 2 + word + 2 + time + 2);
        let (mut peer, mut origin) = (among(|row| &row.peer), among(|row| &row.origin));
        let brief = peer + 2 + origin > left;
        if brief {
            peer = among(Row::brief_peer);
        }
        if peer + 2 + origin > left {
            peer = peer.min(left.saturating_sub(origin + 2).max(16));
            origin = left.saturating_sub(peer + 2);
            if origin < 10 {
                (peer, origin) = (peer.min(left), 0);
            }
            if peer < 5 {
                peer = 0;
            }
        }
        Self { target, word, brief, peer, time, origin }
    }

    /// A check in one line.
    fn line(self, row: &Row, style: Style) -> String {
        let mut out = format!("  {} {}", mark(style, row.verdict), pad(&row.target, self.target));
        let _ = write!(out, "  {}", pad(&row.word, self.word));
        if self.peer > 0 {
            let peer = if self.brief { row.brief_peer() } else { &row.peer };
            let _ = write!(out, "  {}", pad(&shorten(style, peer, self.peer), self.peer));
        }
        out.push_str(&paint(style, &format!("  {:>width$}", row.time, width = self.time), Ink::Faint));
        if self.origin > 0 {
            out.push_str(&paint(style, &format!("  {}", shorten(style, &row.origin, self.origin)), Ink::Faint));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    /// A failed check that the user does not want to hear of: there, and no more.
    fn silenced(self, row: &Row, style: Style) -> String {
        let target = pad(&row.target, self.target);
        format!("  {} {}\n", mark(style, row.verdict), paint(style, &format!("{target}  silenced"), Ink::Faint))
    }
}

/// The name of an origin, as a reader knows it.
pub(super) fn origin_name(origin: &OriginInfo) -> String {
    let name = line(&origin.name, 120);
    match origin.kind {
        OriginKind::Default => format!("default, {name} is not set"),
        OriginKind::Published if !name.starts_with("publish") => format!("published {name}"),
        _ => name,
    }
}

/// An origin with its value and its place.
pub(super) fn origin_in_full(origin: &OriginInfo) -> String {
    let mut out = origin_name(origin);
    if let Some(value) = &origin.value {
        let _ = write!(out, " = {}", line(value, 300));
    }
    if let Some(file) = &origin.file {
        let _ = write!(out, "  {}", place(file, origin.line, origin.column));
    }
    out
}

/// `compose.yaml:12:7`, as editors and terminals know how to open it.
pub(super) fn place(file: &str, line: Option<u32>, column: Option<u32>) -> String {
    let file = safe(file);
    match (line, column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        (None, _) => file,
    }
}
