//! From what is known of a stack to the checks of a run.

use std::collections::BTreeSet;

use anyhow::Context;

use crate::cli::Shared;
use crate::compose::Project;
use crate::derive::declared::{self, DeclaredError};
use crate::derive::{self, Connection, outside, sockets};
use crate::interrupt::Interrupt;
use crate::known::Known;
use crate::learn::learn;
use crate::output::say;
use crate::plan::build::{Narrow, build};
use crate::plan::{Check, Vantage};
use crate::stack::{PublishedAt, Stack, connect};
use crate::survey::Survey;
use crate::vantage::Ways;

/// What is asked for beside the flags of every command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Only checks that start at or lead to these services; none means all.
    pub services: &'a [String],
    /// The expectations of the command line.
    pub expected: &'a [String],
    /// Whether what leaves the stack is among the checks also where it is not to be looked at: on every run it would be lines
    /// on which nobody acts.
    pub with_outside: bool,
}

/// The checks of a run.
pub struct Plan {
    /// The checks, in their order.
    pub checks: Vec<Check>,
    /// Where they are a part of what the stack has, the services that were named.
    pub about: Option<BTreeSet<String>>,
    connections: Vec<Connection>,
    narrow: Narrow,
}

/// Derives connections and plans their checks.
///
/// # Errors
///
/// A name that does not exist, an expectation that cannot be understood.
pub fn planned(known: &Known, shared: &Shared, asked: &Asked) -> anyhow::Result<Plan> {
    let stack = &known.stack;
    let project = known.project.as_ref();
    let mut connections = declared::derive(stack, asked.expected, project).map_err(|error| absent(error, project))?;
    for expectation in &known.config.expect {
        connections.extend(expectation.derive(stack, known.project.as_ref())?);
    }
    let services: Vec<&str> =
        stack.services().into_iter().chain(project.into_iter().flat_map(Project::names)).collect();
    known.config.silence.iter().try_for_each(|silence| silence.fits(&services))?;
    let here = std::env::current_dir().unwrap_or_default();
    let (inside, beyond) = derive::with_outside(stack, known.project.as_ref(), &known.files, &here);
    connections.extend(inside);
    match (known.external(shared), asked.with_outside) {
        (true, _) => connections.extend(beyond),
        (false, true) => connections.extend(outside::skipped(beyond)),
        (false, false) => {}
    }
    // Names that do not exist are said, and never narrow a run down to nothing.
    let vantages = |names: &[String]| -> Result<Vec<_>, _> {
        let found = names.iter().map(|name| declared::vantages(stack, name)).collect::<Result<Vec<_>, _>>();
        found.map(|found| found.concat()).map_err(|error| absent(error, project))
    };
    let from = vantages(&shared.from)?.into_iter().map(|vantage| vantage.looked_from(&stack.engine)).collect();
    let narrow = Narrow { services: vantages(asked.services)?, from, to: shared.to.clone() };
    let narrowed = !(narrow.services.is_empty() && narrow.from.is_empty() && narrow.to.is_empty());
    let named = narrow.services.iter().chain(&narrow.from).map(Vantage::identity).collect();
    let checks = build(stack, connections.clone(), &narrow);
    if checks.is_empty() && narrow.from.contains(&Vantage::Engine) && stack.engine.published_at == PublishedAt::Here {
        eprintln!(
            "crosscheck: the ports that this engine publishes are looked at from the host: use --from host, or --expect 'engine -> TARGET'"
        );
    }
    Ok(Plan { checks, about: narrowed.then_some(named), connections, narrow })
}

/// A service that the files declare and that the stack has nothing of is no unknown one: it says why.
fn absent(error: DeclaredError, project: Option<&Project>) -> anyhow::Error {
    let DeclaredError::UnknownVantage { name, .. } = &error else { return error.into() };
    let service = name.split('#').next().unwrap_or_default();
    match project {
        Some(project) if project.inactive.contains(service) => {
            anyhow::anyhow!("no profile is active that has {service}: name one with --profile")
        }
        Some(project) if project.services.contains_key(service) => {
            anyhow::anyhow!("nothing of {service} runs: start it first")
        }
        _ => error.into(),
    }
}

/// Says why a run that looks at nothing ends as it does; `narrowed` where a part of the stack was asked for.
pub fn say_empty(shared: &Shared, narrowed: bool) {
    let why = if narrowed { "nothing that was asked for is a check" } else { "there is nothing to check" };
    say(shared, &format!("{why}, so the exit code is 2; --allow-empty makes it 0"));
}

impl Plan {
    /// Adds what sockets say.
    pub fn learn(&mut self, stack: &Stack, seen: &sockets::Seen, external: bool) {
        let found = sockets::derive(stack, &self.connections, seen, external);
        if !found.is_empty() {
            self.connections.extend(found);
            self.checks = build(stack, self.connections.clone(), &self.narrow);
        }
    }

    /// Whose sockets are to be read.
    #[must_use]
    pub fn survey(&self, stack: &Stack, shared: &Shared) -> Survey {
        if shared.offline { Survey::default() } else { Survey::of(stack, &self.checks, &self.narrow.from, shared.via) }
    }

    /// Reads the sockets of containers and adds what they say, where nothing else is looked at; whether that was interrupted.
    ///
    /// # Errors
    ///
    /// When this executable has no path.
    pub async fn survey_alone(
        &mut self,
        known: &Known,
        shared: &Shared,
        connection: &connect::Connection,
        interrupt: &mut Interrupt,
    ) -> anyhow::Result<bool> {
        let stack = &known.stack;
        let survey = self.survey(stack, shared);
        if survey.vantages().next().is_none() {
            return Ok(false);
        }
        let executable = std::env::current_exe().context("the path of this executable cannot be found")?;
        let (docker, image) = (Some(connection.docker.clone()), shared.probe_image.clone());
        let ways = match Ways::with_image(docker, stack, shared.via, executable, image).await {
            Ok(ways) => ways,
            // A plan needs no way in.
            Err(reason) => {
                eprintln!("crosscheck: {reason}; the connections that containers have open are not known");
                return Ok(false);
            }
        };
        let learned = learn((&ways, stack), &survey, shared.learn, shared.quiet, interrupt).await;
        drop(learned.sessions);
        let _ = interrupt.or(ways.close()).await;
        self.learn(stack, learned.surveyed.seen(), known.external(shared));
        Ok(learned.interrupted)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::derive::testing::{container, port, stack};

    #[test]
    fn a_local_engine_is_the_host_by_another_name() {
        let mut redis = container("redis", "redis:7");
        redis.ports = vec![port(6379, 26379, "127.0.0.1")];
        let mut stack = stack([redis]);
        let from = |stack: &Stack, name: &str| {
            let cli = Cli::parse_from(["crosscheck", "check", "--from", name]);
            let known = Known { stack: stack.clone(), ..Known::default() };
            let plan = planned(&known, &cli.shared, &Asked::default()).unwrap();
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
