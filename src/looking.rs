//! Looks at everything that is planned, and at what turns out to be there beside it.

use std::sync::Mutex;

use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::derive::sockets::Seen;
use crate::observe::{How, Round, Sighting, observe};
use crate::output::Output;
use crate::plan::Check;
use crate::rule::{Facts, Seen as Looked, Verdict};
use crate::stack::error::StackError;
use crate::stack::{Stack, connect, read};
use crate::survey::{Survey, Surveyed};
use crate::vantage::{Sessions, Ways};
use crate::{authorities, evidence, judge};

/// What looking needs, and does not change.
pub struct Looking<'a> {
    /// The ways in.
    pub ways: &'a Ways,
    /// How to look.
    pub how: How,
    /// The engine.
    pub connection: &'a connect::Connection,
    /// Whose sockets are read.
    pub survey: &'a Survey,
}

impl Looking<'_> {
    /// Looks from everywhere, handing each result to the output as it arrives; then at what open connections tell beside, and
    /// asks what only failures make needed. `again` plans with these too.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub async fn all(
        &self,
        sessions: Sessions,
        facts: &mut Facts,
        output: &mut Output,
        again: impl FnOnce(&Stack, &Seen) -> Vec<Check>,
    ) -> anyhow::Result<()> {
        authorities::read(&self.connection.docker, facts.checks.iter_mut().map(|seen| &mut seen.check)).await;
        let surveyed = Mutex::default();
        let stack = facts.stack.clone();
        let (sessions, declared) =
            tokio::join!(self.round(sessions, 0, &surveyed, facts, output), evidence::declared::read(&stack));
        let mut sessions = sessions?;
        facts.declared = declared;
        let surveyed = surveyed.into_inner().unwrap_or_default();
        if let Some(note) = surveyed.note() {
            eprintln!("crosscheck: {note}");
        }
        if let Some(first) = add(facts, again(&stack, surveyed.seen())) {
            sessions = self.round(sessions, first, &Mutex::default(), facts, output).await?;
            facts
                .checks
                .sort_by(|one, other| (&one.check.from, &one.check.id).cmp(&(&other.check.from, &other.check.id)));
        }
        judge::verdicts(facts);
        self.explain(facts, sessions).await;
        Ok(())
    }

    /// Looks at the checks from this one on.
    async fn round(
        &self,
        open: Sessions,
        first: usize,
        surveyed: &Mutex<Surveyed>,
        facts: &mut Facts,
        output: &mut Output,
    ) -> anyhow::Result<Sessions> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let stack = facts.stack.clone();
        let checks = facts.checks.iter().map(|seen| seen.check.clone()).collect::<Vec<_>>();
        let survey = if first == 0 { self.survey } else { &Survey::default() };
        let looking = async {
            let checks = checks.iter().enumerate().skip(first).collect();
            let round = Round { ways: self.ways, stack: &stack, checks, how: self.how, survey, surveyed };
            let sessions = observe(round, open, &sender).await;
            drop(sender);
            sessions
        };
        let (sessions, collected) = tokio::join!(looking, collect(receiver, facts, output));
        collected.map(|()| sessions)
    }

    /// Asks what only failures make needed.
    async fn explain(&self, facts: &mut Facts, sessions: Sessions) {
        let project = facts.stack.project.clone();
        let failed = facts.checks.iter().any(|seen| seen.verdict == Verdict::Fail);
        // Nobody is accused for what happened while we looked.
        let again = async { if failed { Some(read::read(self.connection, &project).await) } else { None } };
        let collecting = async {
            evidence::collect(self.ways, &self.connection.docker, facts, &sessions).await;
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
    }
}

/// Adds what is planned now and was not: further origins to checks that are there, and further checks behind them. Gives the
/// place of the first of these.
fn add(facts: &mut Facts, checks: Vec<Check>) -> Option<usize> {
    let first = facts.checks.len();
    for check in checks {
        let same = |seen: &&mut Looked| seen.check.from == check.from && seen.check.id == check.id;
        match facts.checks.iter_mut().take(first).find(same) {
            Some(known) => known.check.origins = check.origins,
            None => facts.checks.push(Looked::of(check)),
        }
    }
    (facts.checks.len() > first).then_some(first)
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
