//! `crosscheck check` and `crosscheck try`, the way through: read the stack, derive connections, plan checks, observe, judge, report.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::cli::Shared;
use crate::config::silence;
use crate::derive::sockets;
use crate::exit::{self, Leniency};
use crate::interrupt::Interrupt;
use crate::known::Known;
use crate::learn::learn;
use crate::looking::Looking;
use crate::observe::How;
use crate::output::Output;
use crate::plan::Origin;
use crate::planning::{Asked, Plan, planned, say_empty};
use crate::probe::kafka;
use crate::report::{Report, build as assemble};
use crate::rule::{Facts, Seen, Verdict};
use crate::stack::{Stack, connect};
use crate::survey::Survey;
use crate::vantage::{Sessions, Ways};
use crate::{judge, record, text, vantage};

/// How long probes have to delete the topics of their round trips: a little longer than they take at most.
const GRACE: Duration = kafka::LAST_CHANCE.saturating_add(Duration::from_millis(300));

/// The time for each check where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Looks at everything that the stack depends on and at what users expect of it; `services` narrow it.
///
/// # Errors
///
/// What prevented it, in words that say what to do.
pub async fn check(shared: &Shared, services: Vec<String>) -> anyhow::Result<u8> {
    let started = Instant::now();
    let mut interrupt = Interrupt::listen()?;
    let Some(known) = interrupt.or(Known::running(shared)).await else { return Ok(exit::INTERRUPTED) };
    let (connection, known) = known?;
    let asked = Asked { services: &services, expected: &shared.expect, with_outside: shared.verbose };
    let plan = planned(&known, shared, &asked)?;
    look(shared, "check", started, interrupt, (connection, known), plan).await
}

/// Looks at one connection, from one place.
///
/// # Errors
///
/// What prevented it, in words that say what to do.
pub async fn attempt(shared: &Shared, from: &str, target: &str) -> anyhow::Result<u8> {
    anyhow::ensure!(shared.learn.is_none(), "--learn is for `check` and `plan`: `try` looks at one connection alone");
    let started = Instant::now();
    let mut interrupt = Interrupt::listen()?;
    let Some(known) = interrupt.or(Known::running(shared)).await else { return Ok(exit::INTERRUPTED) };
    let (connection, known) = known?;
    // Planned among all that was derived, so that it has the client's credentials and settings.
    let expected = [format!("{from} -> {target}")];
    let mut plan = planned(&known, shared, &Asked { expected: &expected, ..Asked::default() })?;
    plan.about = Some(BTreeSet::new());
    plan.checks.retain(|check| check.origins.iter().any(Origin::is_of_this_run));
    for origin in plan.checks.iter_mut().flat_map(|check| &mut check.origins) {
        if origin.is_of_this_run() {
            (origin.name, origin.value) = ("try".into(), None);
        }
    }
    look(shared, "try", started, interrupt, (connection, known), plan).await
}

/// Observes, judges and reports.
async fn look(
    shared: &Shared,
    command: &str,
    started: Instant,
    mut interrupt: Interrupt,
    (connection, known): (connect::Connection, Known),
    mut plan: Plan,
) -> anyhow::Result<u8> {
    let external = known.external(shared);
    let Known { stack, project, config, .. } = known;
    let how = How { timeout: shared.timeout.or(config.timeout).unwrap_or(TIMEOUT), round_trip: shared.round_trip };
    let mut output = Output::new(shared);
    let mut report = assemble::frame(command, &stack);
    let executable = std::env::current_exe().context("the path of this executable cannot be found")?;
    let docker = connection.docker.clone();
    // What killed runs have left is no part of this one: it goes meanwhile.
    let sweeping = tokio::spawn({
        let docker = docker.clone();
        async move { vantage::sweep(&docker).await }
    });
    let image = shared.probe_image.clone();
    let mut ways = Ways::with_image(Some(docker.clone()), &stack, shared.via, executable, image).await?;
    if shared.round_trip {
        ways = ways.with_grace(GRACE);
    }
    let mut survey = if command == "try" { Survey::default() } else { plan.survey(&stack, shared) };
    let (mut sessions, mut interrupted) = (Sessions::new(), false);
    if command != "try" && shared.learn.is_some() {
        let learned = learn((&ways, &stack), &survey, shared.learn, shared.quiet, &mut interrupt).await;
        (sessions, interrupted) = (learned.sessions, learned.interrupted);
        plan.learn(&stack, learned.surveyed.seen(), external);
        survey = Survey::default();
    }
    let seen = std::mem::take(&mut plan.checks).into_iter().map(Seen::of).collect();
    let mut facts = Facts { stack, checks: seen, about: plan.about.take(), ..Facts::default() };
    output.begin(&report, &facts)?;

    if !interrupted {
        let looking = Looking { ways: &ways, how, connection: &connection, survey: &survey };
        let again = |stack: &Stack, seen: &sockets::Seen| {
            plan.learn(stack, seen, external);
            plan.checks
        };
        interrupted = tokio::select! {
            result = Box::pin(looking.all(sessions, &mut facts, &mut output, again)) => { result?; false }
            () = interrupt.wait() => true,
        };
    }
    let swept = async {
        let _ = tokio::join!(ways.close(), kafka::finish(), sweeping);
    };
    // A second Ctrl-C does not wait: our containers end with their stdin.
    let _ = interrupt.or(Box::pin(swept)).await;
    let note = ways.note();

    judge::verdicts(&mut facts);
    if let Some(file) = &shared.record {
        record::write(file, &facts)?;
    }
    report.findings = judge::findings(&facts).iter().map(assemble::finding).collect();
    report.findings.sort_by_key(|finding| finding.severity);
    let here = std::env::current_dir().unwrap_or_default();
    for finding in &mut report.findings {
        finding.locations = assemble::locations(finding, &facts, project.as_ref(), &here);
    }
    report.not_evaluated = assemble::not_evaluated(&facts);
    report.checks = facts.checks.iter().map(assemble::result).collect();
    narrow_to_rules(&mut report, &shared.rule);
    let silent = silence::apply(&mut report, &config.silence, today());
    report.summary = assemble::summary(&report);
    let leniency = Leniency {
        strict: shared.strict,
        allow_inconclusive: shared.allow_inconclusive,
        allow_empty: shared.allow_empty,
    };
    let code = if interrupted { exit::INTERRUPTED } else { exit::code(&report.summary, leniency) };
    report.close(started, code);
    output.end(&report)?;
    let looked = report.summary.pass + report.summary.fail + report.summary.inconclusive;
    if looked == 0 && code == exit::INCONCLUSIVE {
        say_empty(shared, facts.about.is_some() || !shared.rule.is_empty());
    }
    // What a part of the stack does not show may well be there.
    let whole = facts.about.is_none() && shared.rule.is_empty() && !interrupted;
    for note in note.into_iter().chain(silent.into_iter().filter(|_| whole)) {
        eprintln!("crosscheck: {note}");
    }
    Ok(report.exit_code)
}

/// With `--rule`, what other rules say and the checks that they fail are left out, and that is said.
fn narrow_to_rules(report: &mut Report, rules: &[String]) {
    if rules.is_empty() {
        return;
    }
    let all = report.checks.len();
    report.findings.retain(|finding| rules.contains(&finding.rule));
    let claimed: Vec<_> = report.findings.iter().flat_map(|finding| finding.checks.clone()).collect();
    report.checks.retain(|check| claimed.contains(&check.id) || check.verdict != Some(Verdict::Fail));
    report.not_evaluated.retain(|entry| rules.contains(&entry.rule));
    match all - report.checks.len() {
        0 => {}
        hidden => eprintln!("crosscheck: {} left out, which fail by other rules", text::count(hidden, "check")),
    }
}

/// The day in UTC, as the report has it.
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}
