//! One neutral result, one small file per format. Formats decide nothing.

pub mod build;
pub mod explain;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod mermaid;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
pub mod text;
mod wiring;

use std::time::Instant;

use serde::Serialize;

use crate::observation::Observation;
use crate::plan::OriginKind;
pub use crate::rule::Verdict;

/// The result of a run: the envelope of the JSON report (`schema` 1), and what every other format shows.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    /// The version of this format. Within one version things are only added.
    #[cfg_attr(test, schemars(extend("const" = 1)))]
    pub schema: u32,
    /// The command that was run: `check`, `try`, `plan`.
    pub command: String,
    /// Who made the report.
    pub tool: Tool,
    /// The Compose project.
    pub project: String,
    /// Its compose files.
    pub files: Vec<String>,
    /// When the run started, RFC 3339 in UTC.
    pub started: String,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// The engine that was asked.
    pub engine: Option<EngineInfo>,
    /// The project's containers.
    pub services: Vec<ServiceInfo>,
    /// The project's networks, by the engine's name.
    pub networks: Vec<String>,
    /// The checks, in the order of the plan.
    pub checks: Vec<CheckResult>,
    /// The causes of what failed, errors first.
    pub findings: Vec<Finding>,
    /// Rules that could not be judged, with the reason.
    pub not_evaluated: Vec<NotEvaluated>,
    /// Everything counted.
    pub summary: Summary,
    /// The exit code of the run.
    pub exit_code: u8,
}

impl Report {
    /// The run is over: how long it took since `started`, and its exit code.
    pub fn close(&mut self, started: Instant, code: u8) {
        self.micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.exit_code = code;
    }

    /// The checks by vantage, vantages in the order in which the plan first names them.
    #[must_use]
    pub fn by_vantage(&self) -> Vec<(&str, Vec<&CheckResult>)> {
        let mut groups: Vec<(&str, Vec<&CheckResult>)> = Vec::new();
        for check in &self.checks {
            match groups.iter_mut().find(|(from, _)| *from == check.from) {
                Some((_, checks)) => checks.push(check),
                None => groups.push((&check.from, vec![check])),
            }
        }
        groups
    }
}

/// Who made a report.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    /// `crosscheck`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// An engine.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EngineInfo {
    /// Its version.
    pub version: String,
    /// Its operating system, in its own words.
    pub os: String,
}

/// A container of the project.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ServiceInfo {
    /// The service, with the replica's number where there are several.
    pub name: String,
    /// The image.
    pub image: String,
    /// `running`, `exited`, …
    pub state: String,
    /// `healthy`, `unhealthy`, `starting`, or nothing without a healthcheck.
    pub health: Option<String>,
}

/// A check and its verdict.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CheckResult {
    /// Known from run to run.
    pub id: String,
    /// The vantage, with the replica's number where there are several.
    pub from: String,
    /// The target as a URL, without secrets.
    pub target: String,
    /// Whether it must answer or must not be reachable: `answers`, `closed`.
    #[cfg_attr(test, schemars(with = "crate::plan::Expectation"))]
    pub expect: String,
    /// What a user wants of the answer beyond that, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<String>,
    /// The way that was taken; nothing where nobody looked.
    pub via: Option<String>,
    /// How far it came: `nothing`, `resolved`, `connected`, `answered`, `logged-in`, `round-trip`.
    #[cfg_attr(test, schemars(with = "Option<crate::observation::Depth>"))]
    pub depth: Option<String>,
    /// The services that it leads to; none where it leaves the stack.
    pub to: Vec<String>,
    /// The published port that it is made to, where it is made to one.
    pub published: Option<PublishedInfo>,
    /// What says that it must work.
    pub origins: Vec<OriginInfo>,
    /// What it came to; in a plan, what it will come to where that is known beforehand.
    pub verdict: Option<Verdict>,
    /// Why it was skipped or inconclusive, or why it failed where the observation alone does not show it.
    pub reason: Option<String>,
    /// Whether the user has silenced it.
    pub silenced: bool,
    /// Why, and until when, where they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced_because: Option<String>,
    /// What was seen.
    pub observation: Option<Observation>,
}

/// A published port.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PublishedInfo {
    /// The port in the container.
    pub container_port: u16,
    /// Whether the engine chooses the port on the host, another one at each start.
    pub chosen: bool,
}

/// What says that a connection must work.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OriginInfo {
    /// The kind of place.
    pub kind: OriginKind,
    /// The variable, the port, the option.
    pub name: String,
    /// What stands there, without secrets.
    pub value: Option<String>,
    /// The file, where it is known.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
}

/// One cause, however many checks it fails.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// Rule and subject; the same from run to run.
    pub fingerprint: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The service to change.
    pub service: Option<String>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What was seen.
    pub evidence: Vec<String>,
    /// The ids of the checks that it fails.
    pub checks: Vec<String>,
    /// Where in the user's files.
    pub locations: Vec<Location>,
    /// What to change.
    pub help: String,
    /// The change, where it is certain.
    pub fix: Option<Fix>,
    /// Whether the user has silenced it.
    pub silenced: bool,
    /// Why, and until when, where they have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silenced_because: Option<String>,
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It fails the run.
    Error,
    /// It fails the run with `--strict`.
    Warning,
    /// It never fails the run.
    Note,
}

/// A place in one of the user's files; lines and columns count from 1.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Location {
    /// `primary`, or what else it shows.
    pub role: String,
    /// The file.
    pub file: String,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// The column after the last.
    pub end_column: u32,
}

/// A change that mends the cause.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Fix {
    /// What it does.
    pub description: String,
}

/// A rule that could not be judged.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct NotEvaluated {
    /// The rule's id.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// Everything counted; what is silenced is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// Checks that passed.
    pub pass: usize,
    /// Checks that failed.
    pub fail: usize,
    /// Checks with nothing to look at.
    pub skipped: usize,
    /// Checks that could not be looked at.
    pub inconclusive: usize,
    /// Findings that are errors.
    pub errors: usize,
    /// Findings that are warnings.
    pub warnings: usize,
}
