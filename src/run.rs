//! The way through: read the stack, derive connections, plan checks, observe, judge, report.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::CommandFactory;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::cli::{Cli, Command, Shared};
use crate::config::silence;
use crate::derive::{self, declared};
use crate::exit::{self, Leniency};
use crate::interrupt::Interrupt;
use crate::known::Known;
use crate::observe::{How, Sighting, observe};
use crate::output::Output;
use crate::plan::build::{Narrow, build};
use crate::plan::{Check, Origin, Vantage};
use crate::probe::kafka;
use crate::report::{Report, build as assemble};
use crate::rule::{Facts, Seen, Verdict};
use crate::stack::error::StackError;
use crate::stack::{PublishedAt, Stack, connect, read};
use crate::vantage::Ways;
use crate::{authorities, evidence, explain, judge, planning, record, text, vantage};

/// How long probes have to delete the topics of their round trips: a little longer than they take at most.
const GRACE: Duration = kafka::LAST_CHANCE.saturating_add(Duration::from_millis(300));

/// The time for each check where nobody says otherwise.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Runs a command and gives its exit code.
///
/// # Errors
/// What prevented it, in words that say what to do; the exit code is then 2.
pub async fn run(cli: Cli) -> anyhow::Result<u8> {
    let shared = &cli.shared;
    for rule in &shared.rule {
        explain::known(rule)?;
    }
    planning::fits(shared.format, cli.command.as_ref().and_then(Command::plan))?;
    match cli.command {
        None => check(shared, Vec::new()).await,
        Some(Command::Check { services }) => check(shared, services).await,
        Some(Command::Try { from, target }) => attempt(shared, &from, &target).await,
        Some(Command::Plan(options)) => planning::plan(shared, &options).await,
        Some(Command::Init { path }) => planning::init(shared, path.as_deref()).await,
        Some(Command::Explain { rule }) => explain::explain(rule.as_deref(), shared.color),
        Some(Command::Clean) => clean().await,
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "crosscheck", &mut std::io::stdout());
            Ok(exit::OK)
        }
        Some(Command::Probe(_)) => anyhow::bail!("a probe enters its namespace before anything else is started"),
    }
}

async fn check(shared: &Shared, services: Vec<String>) -> anyhow::Result<u8> {
    let started = Instant::now();
    let mut interrupt = Interrupt::listen()?;
    let Some(known) = interrupt.or(Known::running(shared)).await else { return Ok(exit::INTERRUPTED) };
    let (connection, known) = known?;
    let plan = planned(&known, shared, &services, &shared.expect)?;
    look(shared, "check", started, interrupt, (connection, known), plan).await
}

async fn attempt(shared: &Shared, from: &str, target: &str) -> anyhow::Result<u8> {
    let started = Instant::now();
    let mut interrupt = Interrupt::listen()?;
    let Some(known) = interrupt.or(Known::running(shared)).await else { return Ok(exit::INTERRUPTED) };
    let (connection, known) = known?;
    // Planned among all that was derived, so that it has the client's credentials and settings.
    let mut plan = planned(&known, shared, &[], &[format!("{from} -> {target}")])?;
    plan.about = Some(BTreeSet::new());
    plan.checks.retain(|check| check.origins.iter().any(Origin::is_of_this_run));
    for origin in plan.checks.iter_mut().flat_map(|check| &mut check.origins) {
        if origin.is_of_this_run() {
            (origin.name, origin.value) = ("try".into(), None);
        }
    }
    look(shared, "try", started, interrupt, (connection, known), plan).await
}

/// The checks of a run and, where they are a part of what the stack has, the services that were named.
pub(crate) struct Plan {
    pub checks: Vec<Check>,
    pub about: Option<BTreeSet<String>>,
}

/// Derives connections and plans their checks.
pub(crate) fn planned(
    known: &Known,
    shared: &Shared,
    services: &[String],
    expected: &[String],
) -> anyhow::Result<Plan> {
    let stack = &known.stack;
    let mut connections = declared::derive(stack, expected)?;
    for expectation in &known.config.expect {
        connections.extend(expectation.derive(stack, known.project.as_ref())?);
    }
    let here = std::env::current_dir().unwrap_or_default();
    connections.extend(derive::all(stack, known.project.as_ref(), &known.files, &here));
    // Names that do not exist are said, and never narrow a run down to nothing.
    let vantages = |names: &[String]| -> Result<Vec<_>, _> {
        names
            .iter()
            .map(|name| declared::vantages(stack, name))
            .collect::<Result<Vec<_>, _>>()
            .map(|found| found.concat())
    };
    let from = vantages(&shared.from)?.into_iter().map(|vantage| vantage.looked_from(&stack.engine)).collect();
    let narrow = Narrow { services: vantages(services)?, from, to: shared.to.clone() };
    let narrowed = !(narrow.services.is_empty() && narrow.from.is_empty() && narrow.to.is_empty());
    let named = narrow.services.iter().chain(&narrow.from).map(Vantage::identity).collect();
    let checks = build(stack, connections, &narrow);
    if checks.is_empty() && narrow.from.contains(&Vantage::Engine) && stack.engine.published_at == PublishedAt::Here {
        eprintln!(
            "crosscheck: the ports that this engine publishes are looked at from the host: use --from host, or --expect 'engine -> TARGET'"
        );
    }
    Ok(Plan { checks, about: narrowed.then_some(named) })
}

/// Observes, judges and reports.
async fn look(
    shared: &Shared,
    command: &str,
    started: Instant,
    mut interrupt: Interrupt,
    (connection, known): (connect::Connection, Known),
    plan: Plan,
) -> anyhow::Result<u8> {
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
    let seen = plan.checks.into_iter().map(Seen::of).collect();
    let mut facts = Facts { stack, checks: seen, about: plan.about, ..Facts::default() };
    output.begin(&report, &facts)?;

    let interrupted = tokio::select! {
        result = Box::pin(observe_and_survey(&ways, how, &connection, &mut facts, &mut output)) => { result?; false }
        () = interrupt.wait() => true,
    };
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
    finish(&mut report, started, code);
    output.end(&report)?;
    // What a part of the stack does not show may well be there.
    let whole = facts.about.is_none() && shared.rule.is_empty() && !interrupted;
    for note in note.into_iter().chain(silent.into_iter().filter(|_| whole)) {
        eprintln!("crosscheck: {note}");
    }
    Ok(report.exit_code)
}

/// Looks from everywhere, handing each result to the output as it arrives; then asks what only failures make needed.
async fn observe_and_survey(
    ways: &Ways,
    how: How,
    connection: &connect::Connection,
    facts: &mut Facts,
    output: &mut Output,
) -> anyhow::Result<()> {
    authorities::read(&connection.docker, facts.checks.iter_mut().map(|seen| &mut seen.check)).await;
    let (sender, receiver) = mpsc::unbounded_channel();
    let (stack, checks) = (facts.stack.clone(), facts.checks.iter().map(|seen| seen.check.clone()).collect::<Vec<_>>());
    let looking = async {
        let sessions = observe(ways, &stack, &checks, how, &sender).await;
        drop(sender);
        sessions
    };
    let (sessions, collected, declared) =
        tokio::join!(looking, collect(receiver, facts, output), evidence::declared::read(&stack));
    collected?;
    facts.declared = declared;
    judge::verdicts(facts);
    let project = facts.stack.project.clone();
    let failed = facts.checks.iter().any(|seen| seen.verdict == Verdict::Fail);
    // Nobody is accused for what happened while we looked.
    let again = async { if failed { Some(read::read(connection, &project).await) } else { None } };
    let collecting = async {
        evidence::collect(ways, &connection.docker, facts, &sessions).await;
        // The probes end meanwhile.
        drop(sessions);
    };
    let (again, ()) = tokio::join!(again, collecting);
    match again {
        None => {}
        Some(Ok(later)) => facts.changed = facts.stack.changed_until(&later),
        // A project that is gone has changed as a whole.
        Some(Err(StackError::Vanished { .. })) => facts.changed = facts.stack.changed_until(&Stack::default()),
        Some(Err(error)) => facts.gone = Some(error.to_string()),
    }
    Ok(())
}

async fn collect(
    mut sightings: UnboundedReceiver<Sighting>,
    facts: &mut Facts,
    output: &mut Output,
) -> anyhow::Result<()> {
    while let Some((index, way, observation)) = sightings.recv().await {
        let seen = &mut facts.checks[index];
        // A way that could not be taken is no way that was taken.
        seen.via = observation.unlooked.is_none().then(|| way.to_owned());
        seen.observation = Some(observation);
        output.progress(facts)?;
    }
    Ok(())
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

pub(crate) fn finish(report: &mut Report, started: Instant, code: u8) {
    report.micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    report.exit_code = code;
}

async fn clean() -> anyhow::Result<u8> {
    let connection = connect::connect().await?;
    let cleaned = vantage::clean(&connection.docker).await?;
    println!("{cleaned}");
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::derive::testing::{container, port, stack};

    #[test]
    fn a_local_engine_is_the_host_by_another_name() {
        let mut redis = container("redis", "redis:7");
        redis.ports = vec![port(6379, 26379, "127.0.0.1")];
        let mut stack = stack([redis]);
        let from = |stack: &Stack, name: &str| {
            let cli = Cli::parse_from(["crosscheck", "check", "--from", name]);
            let known = Known { stack: stack.clone(), ..Known::default() };
            let plan = planned(&known, &cli.shared, &[], &[]).unwrap();
            (plan.checks.into_iter().map(|check| check.id).collect::<Vec<_>>(), plan.about.unwrap())
        };
        let published = vec!["host -> redis:6379 (published)".to_owned()];
        assert_eq!(from(&stack, "host"), (published.clone(), ["host".to_owned()].into()));
        assert_eq!(from(&stack, "engine"), (published, ["host".to_owned()].into()));
        // Docker Desktop publishes here and runs elsewhere; a remote engine has both there.
        stack.engine.apart = true;
        assert_eq!(from(&stack, "engine").0, Vec::<String>::new());
        stack.engine.published_at = PublishedAt::Host("far".into());
        assert_eq!(from(&stack, "engine").0, ["engine -> redis:6379 (published)"]);
    }
}
