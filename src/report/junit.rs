//! The report for CI systems: a suite per vantage, a case per check, and a suite for causes that fail no check.

use std::fmt::Write as _;
use std::time::Duration;

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::text::paint::{safe, safe_lines};
use super::text::words::why;
use super::text::{Style, check_in_full};
use super::{CheckResult, Finding, Report, Severity, Verdict};

/// The report as XML in the form of `JUnit`.
///
/// A failed check is a failure, an inconclusive one an error of type `inconclusive`; what was skipped or silenced is
/// skipped. Everything is made printable first, so that no character is left that XML does not allow.
///
/// # Errors
/// None that a report can cause: the XML is written to memory.
pub fn render(report: &Report) -> Result<String, SerializeError> {
    let mut out = quick_junit::Report::new(format!("crosscheck {}", safe(&report.project)));
    out.set_time(Duration::from_micros(report.micros));
    out.timestamp = report.started.parse().ok();
    let mut told = Vec::new();
    for (from, checks) in report.by_vantage() {
        let mut suite = TestSuite::new(safe(from));
        let mut micros = 0;
        for check in checks {
            micros += check.observation.as_ref().map_or(0, crate::observation::Observation::micros);
            let claims: Vec<_> = claims(report, check).collect();
            told.extend(claims.iter().map(|finding| finding.fingerprint.as_str()));
            suite.add_test_case(case(check, &claims));
        }
        suite.set_time(Duration::from_micros(micros));
        out.add_test_suite(suite);
    }
    let mut suite = TestSuite::new("stack");
    let untold = report.findings.iter().filter(|finding| !told.contains(&finding.fingerprint.as_str()));
    suite.add_test_cases(untold.map(|finding| cause(report, finding)));
    if !suite.test_cases.is_empty() {
        out.add_test_suite(suite);
    }
    out.to_string()
}

/// The findings that explain why a check failed.
fn claims<'a>(report: &'a Report, check: &'a CheckResult) -> impl Iterator<Item = &'a Finding> {
    let failed = check.verdict == Some(Verdict::Fail) && !check.silenced;
    report.findings.iter().filter(move |finding| failed && finding.checks.contains(&check.id))
}

fn case(check: &CheckResult, claims: &[&Finding]) -> TestCase {
    let reason = check.reason.as_deref().map(safe);
    let status = match check.verdict {
        Some(Verdict::Fail | Verdict::Inconclusive) if check.silenced => {
            let because = check.silenced_because.as_deref().map(|why| format!(": {}", safe(why))).unwrap_or_default();
            message(TestCaseStatus::skipped(), &format!("silenced{because}"))
        }
        Some(Verdict::Pass) => TestCaseStatus::success(),
        Some(Verdict::Fail) => failure(check, claims),
        Some(Verdict::Inconclusive) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("inconclusive");
            message(status, &reason.unwrap_or_else(|| "could not be looked at".into()))
        }
        Some(Verdict::Skipped) => message(TestCaseStatus::skipped(), &reason.unwrap_or_else(|| "skipped".into())),
        None => message(TestCaseStatus::skipped(), "not run"),
    };
    let mut case = TestCase::new(safe(&check.id), status);
    case.set_classname(safe(&check.from));
    if let Some(seen) = &check.observation {
        case.set_time(Duration::from_micros(seen.micros()));
    }
    case
}

fn failure(check: &CheckResult, claims: &[&Finding]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let mut rules: Vec<_> = claims.iter().map(|finding| safe(&finding.rule)).collect();
    rules.dedup();
    status.set_type(if rules.is_empty() { "check-failed".into() } else { rules.join(" ") });
    let messages: Vec<_> = claims.iter().map(|finding| safe(&finding.message)).collect();
    let mut text: Vec<_> = claims.iter().map(|finding| told(finding)).collect();
    text.push(check_in_full(check, Style::PLAIN));
    status.set_description(text.join("\n"));
    let plain = why(check).unwrap_or_else(|| "the check failed".into());
    message(status, &if messages.is_empty() { plain } else { messages.join("; ") })
}

/// A cause that no case shows yet. It fails the suite where it fails the run.
fn cause(report: &Report, finding: &Finding) -> TestCase {
    // With `--strict` warnings fail the run too: they did where nothing else can have.
    let strict = report.exit_code == 1 && report.summary.fail == 0 && report.summary.errors == 0;
    let fails = finding.severity == Severity::Error || (strict && finding.severity == Severity::Warning);
    let mut case = if finding.silenced {
        TestCase::new(safe(&finding.fingerprint), message(TestCaseStatus::skipped(), "silenced"))
    } else if fails {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(safe(&finding.rule)).set_description(told(finding));
        TestCase::new(safe(&finding.fingerprint), message(status, &safe(&finding.message)))
    } else {
        let mut case = TestCase::new(safe(&finding.fingerprint), TestCaseStatus::success());
        case.set_system_out(told(finding));
        case
    };
    case.set_classname("stack");
    case
}

fn message(mut status: TestCaseStatus, text: &str) -> TestCaseStatus {
    status.set_message(text);
    status
}

/// A finding in plain text: what is wrong, what says so, what to change.
fn told(finding: &Finding) -> String {
    let mut out = format!("{}\n", safe(&finding.message));
    for seen in &finding.evidence {
        let _ = writeln!(out, "seen: {}", safe(seen));
    }
    for (index, text) in safe_lines(&finding.help).enumerate() {
        let _ = writeln!(out, "{}{text}", if index == 0 { "help: " } else { "" });
    }
    out
}
