//! Hands results to the format that was asked for: text as it becomes known, the others at the end.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Format, Shared};
use crate::document::{Kind, Rendered};
use crate::plan::{Expectation, Readiness, Vantage};
use crate::report::build::result;
use crate::report::text::{self, Style};
use crate::report::{CheckResult, Report, Verdict, json, junit};
use crate::rule::{Facts, Seen};
use crate::{judge, terminal};

/// Says what was done, beside the results, unless the user wants it quiet.
pub fn say(shared: &Shared, text: &str) {
    if !shared.quiet {
        eprintln!("crosscheck: {text}");
    }
}

/// Where a run's results go.
#[derive(Debug)]
pub struct Output {
    format: Format,
    style: Style,
    full: bool,
    bar: Option<ProgressBar>,
    /// How many vantages were printed, in the plan's order.
    vantages: usize,
    /// The verdicts that were printed, by vantage and check.
    printed: BTreeMap<(String, String), Option<Verdict>>,
}

impl Output {
    /// The output that the flags ask for.
    #[must_use]
    pub fn new(shared: &Shared) -> Self {
        let style = Style { verbose: shared.verbose, quiet: shared.quiet, ..terminal::style(shared.color) };
        Self { format: shared.format, style, full: false, bar: None, vantages: 0, printed: BTreeMap::new() }
    }

    /// A plan, which is all there is to show.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn plan(&self, report: &Report) -> anyhow::Result<()> {
        match self.format {
            Format::Text => terminal::print(&text::plan(report, self.style)),
            _ => self.machine(report),
        }
    }

    /// The stack was read, and looking begins.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn begin(&mut self, report: &Report, facts: &Facts) -> anyhow::Result<()> {
        self.full = report.command == "try";
        if self.format != Format::Text {
            return Ok(());
        }
        if !self.full {
            terminal::print(&text::head(report, self.style))?;
        }
        let ready = ready(facts);
        if std::io::stderr().is_terminal() && !self.style.quiet && ready > 0 {
            let bar = ProgressBar::new(ready);
            // A template that cannot be read leaves indicatif's own.
            if let Ok(style) = ProgressStyle::with_template("{spinner} looked at {pos} of {len}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            self.bar = Some(bar);
        }
        Ok(())
    }

    /// Another observation is there: prints the vantages that are complete, in the plan's order.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn progress(&mut self, facts: &mut Facts) -> anyhow::Result<()> {
        if let Some(bar) = &self.bar {
            bar.set_length(ready(facts));
            bar.set_position(facts.checks.iter().filter(|seen| seen.observation.is_some()).count() as u64);
        }
        if self.format != Format::Text || self.full {
            return Ok(());
        }
        let complete = |group: &&[Seen]| {
            group.iter().all(|seen| {
                // What must not be reachable is judged when everyone else has looked.
                seen.check.readiness != Readiness::Ready
                    || (seen.observation.is_some() && seen.check.expect == Expectation::Answers)
            })
        };
        let vantages: Vec<(Vantage, Vec<CheckResult>)> = {
            let groups = facts.checks.chunk_by(|a, b| a.check.from == b.check.from);
            if groups.clone().skip(self.vantages).take_while(complete).next().is_none() {
                return Ok(());
            }
            judge::verdicts(facts);
            let groups = facts.checks.chunk_by(|a, b| a.check.from == b.check.from);
            let ready = groups.skip(self.vantages).take_while(complete);
            ready.map(|group| (group[0].check.from.clone(), group.iter().map(result).collect())).collect()
        };
        for (from, results) in vantages {
            self.vantages += 1;
            self.printed.extend(results.iter().map(|result| (key(result), result.verdict)));
            self.print(&text::group(&from.to_string(), &results.iter().collect::<Vec<_>>(), self.style))?;
        }
        Ok(())
    }

    /// The run is over: the vantages that are left, the findings, the counts; or the whole report.
    ///
    /// # Errors
    /// When stdout cannot be written to, or the report cannot be rendered.
    pub fn end(&mut self, report: &Report) -> anyhow::Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.format != Format::Text {
            return self.machine(report);
        }
        if self.full {
            for check in &report.checks {
                terminal::print(&format!("{}\n", text::check_in_full(check, self.style)))?;
            }
        } else {
            for (title, checks) in left(report, &self.printed) {
                terminal::print(&text::group(&title, &checks, self.style))?;
            }
        }
        terminal::print(&text::findings(report, self.style))?;
        terminal::print(&text::summary(report, self.style))
    }

    fn print(&self, text: &str) -> anyhow::Result<()> {
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::print(text)),
            None => terminal::print(text),
        }
    }

    fn machine(&self, report: &Report) -> anyhow::Result<()> {
        let rendered = match self.format {
            Format::Junit => junit::render(report).context("the report cannot be written as JUnit")?,
            Format::Mermaid => Rendered::of(report).alone(Kind::Map, None),
            Format::Markdown => Rendered::of(report).alone(Kind::Plan, None),
            Format::Json | Format::Text => json::render(report).context("the report cannot be written as JSON")?,
        };
        terminal::print(&rendered)
    }
}

/// How many checks there are to look at.
fn ready(facts: &Facts) -> u64 {
    facts.checks.iter().filter(|seen| seen.check.readiness == Readiness::Ready).count() as u64
}

/// By what a check is known in one run: replicas share an id.
fn key(check: &CheckResult) -> (String, String) {
    (check.from.clone(), format!("{} {}", check.id, check.target))
}

/// What is left to print of each vantage, with its title: the checks that were not shown yet. What others saw, or what changed
/// meanwhile, may have turned a verdict that was; these are shown again, and that is said.
fn left<'a>(
    report: &'a Report,
    printed: &BTreeMap<(String, String), Option<Verdict>>,
) -> Vec<(String, Vec<&'a CheckResult>)> {
    let mut groups = Vec::new();
    for group in report.checks.chunk_by(|a, b| a.from == b.from) {
        let (shown, new): (Vec<_>, Vec<_>) = group.iter().partition(|check| printed.contains_key(&key(check)));
        let turned: Vec<_> =
            shown.into_iter().filter(|check| printed.get(&key(check)) != Some(&check.verdict)).collect();
        let from = &group[0].from;
        groups.push((format!("{from} (changed since it was shown)"), turned));
        groups.push((from.clone(), new));
    }
    groups.retain(|(_, checks)| !checks.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_was_shown_is_shown_again_only_where_its_verdict_turned() {
        let report = samples::named("bad-day");
        let titles = |printed: &BTreeMap<_, _>| {
            let left = left(&report, printed);
            left.into_iter().map(|(title, checks)| (title, checks.len())).collect::<Vec<_>>()
        };
        let all: Vec<_> =
            report.by_vantage().into_iter().map(|(from, checks)| (from.to_owned(), checks.len())).collect();
        assert_eq!(titles(&BTreeMap::new()), all);
        let mut printed: BTreeMap<_, _> = report.checks.iter().map(|check| (key(check), check.verdict)).collect();
        assert_eq!(printed.len(), report.checks.len());
        assert_eq!(titles(&printed), []);
        // One of a vantage that has several has turned, or was not shown yet.
        let (from, _) = all.iter().rev().find(|(_, checks)| *checks > 1).unwrap();
        let check = report.checks.iter().find(|check| check.from == *from).unwrap();
        printed.insert(key(check), None);
        assert_eq!(titles(&printed), [(format!("{from} (changed since it was shown)"), 1)]);
        printed.remove(&key(check));
        assert_eq!(titles(&printed), [(from.clone(), 1)]);
    }
}
