//! From facts and findings to the neutral report.

use std::collections::BTreeSet;
use std::path::Path;

use super::{
    CheckResult, EngineInfo, Finding, Location, NotEvaluated, OriginInfo, PublishedInfo, Report, ServiceInfo, Severity,
    Summary, Tool,
};
use crate::catalog;
use crate::compose::Project;
use crate::derive::places;
use crate::judge::Judged;
use crate::plan::{self, Check, Expectation, Readiness};
use crate::rule::{Facts, Need, RULES, Rule, Seen, Verdict};
use crate::stack::{Container, Engine, Stack};

/// The most places that a finding names.
const MOST_LOCATIONS: usize = 4;

/// The report's frame: everything that is known before a check is made.
#[must_use]
pub fn frame(command: &str, stack: &Stack) -> Report {
    let engine = &stack.engine;
    Report {
        schema: 1,
        command: command.into(),
        tool: Tool { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() },
        project: stack.project.clone(),
        files: stack.files.clone(),
        started: jiff::Timestamp::now().to_string(),
        engine: (*engine != Engine::default())
            .then(|| EngineInfo { version: engine.version.clone(), os: engine.os.clone() }),
        services: stack.containers.iter().map(service).collect(),
        networks: stack.networks.iter().map(|network| network.name.clone()).collect(),
        ..Report::default()
    }
}

fn service(container: &Container) -> ServiceInfo {
    ServiceInfo {
        name: container.label(),
        image: container.image.clone(),
        state: word(&container.state.status),
        health: container.health.as_ref().map(|health| health.status.clone()),
    }
}

/// A planned check.
#[must_use]
pub fn planned(check: &Check) -> CheckResult {
    let origins = check.origins.iter().map(|origin| OriginInfo {
        kind: origin.kind,
        name: origin.name.clone(),
        value: origin.value.clone(),
        file: origin.location.as_ref().map(|location| location.file.clone()),
        line: origin.location.as_ref().map(|location| location.line),
        column: origin.location.as_ref().map(|location| location.column),
    });
    CheckResult {
        id: check.id.clone(),
        from: check.from.to_string(),
        target: check.shown_target(),
        expect: match check.expect {
            Expectation::Answers => "answers".into(),
            Expectation::Closed => "closed".into(),
        },
        wanted: check.wanted.conditions.iter().map(ToString::to_string).collect(),
        via: None,
        depth: None,
        to: check.leads.services.clone(),
        published: check.published.as_ref().map(|published| PublishedInfo {
            container_port: published.container_port,
            chosen: check.leads.port_chosen,
        }),
        origins: origins.collect(),
        verdict: match &check.readiness {
            Readiness::Ready => None,
            Readiness::Skip(_) => Some(Verdict::Skipped),
            Readiness::Cannot(_) => Some(Verdict::Inconclusive),
        },
        reason: match &check.readiness {
            Readiness::Ready => None,
            Readiness::Skip(reason) | Readiness::Cannot(reason) => Some(reason.clone()),
        },
        silenced: false,
        silenced_because: None,
        observation: None,
    }
}

/// A check and what came of it.
#[must_use]
pub fn result(seen: &Seen) -> CheckResult {
    let mut observation = seen.observation.clone();
    if let Some(observation) = &mut observation {
        // The judge may have found a failure where the probe saw none: the report shows what counts.
        if observation.failure.is_none() {
            observation.failure.clone_from(&seen.failure);
        }
        if seen.verdict == Verdict::Pass && seen.check.expect == Expectation::Closed {
            observation.failure = None;
        }
    }
    CheckResult {
        via: seen.via.clone(),
        depth: observation.as_ref().map(|observation| word(&observation.depth)),
        verdict: Some(seen.verdict),
        reason: seen.reason.clone(),
        observation,
        ..planned(&seen.check)
    }
}

/// A cause with the weight that its rule's page gives it.
#[must_use]
pub fn finding(judged: &Judged) -> Finding {
    let Judged { rule, cause, checks } = judged;
    Finding {
        rule: (*rule).into(),
        fingerprint: format!("{rule}: {}", cause.subject),
        severity: catalog::page(rule).map_or(Severity::Error, |page| page.severity),
        service: cause.service.clone(),
        message: cause.message.clone(),
        evidence: cause.evidence.clone(),
        checks: checks.clone(),
        locations: Vec::new(),
        help: cause.help.clone(),
        fix: None,
        silenced: false,
        silenced_because: None,
    }
}

/// Where in the user's files a finding is: the settings of its service that it speaks of first, then what asks for the
/// connections that it fails.
#[must_use]
pub fn locations(finding: &Finding, facts: &Facts, project: Option<&Project>, here: &Path) -> Vec<Location> {
    let told = [finding.evidence.as_slice(), std::slice::from_ref(&finding.message)].concat().join("\n");
    let service = finding.service.as_deref().unwrap_or_default();
    let named = project.map(|project| places::named(project, &facts.stack, service, &told, here)).unwrap_or_default();
    let failed = facts.checks.iter().filter(|seen| finding.checks.contains(&seen.check.id));
    // A published port leads somewhere; what is wrong stands where that leads, if the finding is of that too.
    let (published, others): (Vec<_>, Vec<_>) = failed.partition(|seen| seen.check.published.is_some());
    let asked = others.into_iter().chain(published).filter_map(|seen| {
        let location = seen.check.origins.first()?.location.clone()?;
        Some((seen.check.from.identity(), location))
    });
    let mut found: Vec<(String, plan::Location)> =
        named.into_iter().map(|location| (service.to_owned(), location)).chain(asked).collect();
    if found.is_empty() {
        found = quoted(facts, &told);
    }
    let mut seen = BTreeSet::new();
    found.retain(|(_, location)| seen.insert((location.file.clone(), location.line)));
    found.truncate(MOST_LOCATIONS);
    let shown = |(index, (from, at)): (usize, (String, plan::Location))| Location {
        role: if index == 0 { "primary".into() } else { from },
        file: at.file,
        line: at.line,
        column: at.column,
        end_line: at.end_line,
        end_column: at.end_column,
    };
    found.into_iter().enumerate().map(shown).collect()
}

/// The places in files of which evidence speaks by their names, of a finding that fails no check.
fn quoted(facts: &Facts, told: &str) -> Vec<(String, plan::Location)> {
    let is_named = |name: &str| {
        let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
        told.match_indices(name).any(|(at, _)| !goes_on(&told[at + name.len()..]))
    };
    let mut found = Vec::new();
    for seen in &facts.checks {
        let origins = seen.check.origins.iter().filter(|origin| origin.kind == plan::OriginKind::File);
        let named = origins.filter(|origin| is_named(&origin.name)).filter_map(|origin| origin.location.clone());
        found.extend(named.map(|location| (seen.check.from.identity(), location)));
    }
    found
}

/// Rules that would have had more to say, had a fact not been out of reach.
#[must_use]
pub fn not_evaluated(facts: &Facts) -> Vec<NotEvaluated> {
    let label = |id: &String| facts.stack.by_id(id).map(Container::label).unwrap_or_default();
    let mut unseen: Vec<(Need, String)> = Vec::new();
    for (id, survey) in &facts.surveys {
        let reasons = [(Need::Listeners, survey.listeners.unseen()), (Need::Interfaces, survey.interfaces.unseen())];
        unseen.extend(reasons.into_iter().filter_map(|(need, why)| Some((need, format!("{}: {}", label(id), why?)))));
    }
    unseen.extend(
        facts.logs.iter().filter_map(|(id, log)| Some((Need::Logs, format!("{}: {}", label(id), log.unseen()?)))),
    );
    unseen.extend(
        facts
            .volumes
            .iter()
            .filter_map(|(name, volume)| Some((Need::Volumes, format!("{name}: {}", volume.unseen()?)))),
    );
    unseen.extend(facts.declared.iter().filter_map(|declared| Some((Need::Declared, declared.unseen()?.to_owned()))));
    let of_rule = |rule: &Rule| {
        let mut reasons: Vec<_> =
            unseen.iter().filter(|(need, _)| rule.needs.contains(need)).map(|(_, why)| why.clone()).collect();
        reasons.dedup();
        reasons.into_iter().map(|reason| NotEvaluated { rule: rule.id.into(), reason }).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of_rule).collect()
}

/// Counts what the report holds.
#[must_use]
pub fn summary(report: &Report) -> Summary {
    let checks =
        |verdict| report.checks.iter().filter(|check| !check.silenced && check.verdict == Some(verdict)).count();
    let findings =
        |severity| report.findings.iter().filter(|finding| !finding.silenced && finding.severity == severity).count();
    Summary {
        pass: checks(Verdict::Pass),
        fail: checks(Verdict::Fail),
        skipped: checks(Verdict::Skipped),
        inconclusive: checks(Verdict::Inconclusive),
        errors: findings(Severity::Error),
        warnings: findings(Severity::Warning),
    }
}

/// The word that serde writes for a value without fields.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{self, container, stack};
    use crate::plan::{Origin, OriginKind};
    use crate::rule::Cause;
    use crate::target::Protocol;

    #[test]
    fn a_finding_that_fails_no_check_is_where_its_evidence_says() {
        let stack = stack([container("prometheus", "prom/prometheus")]);
        let mut seen =
            Seen::of(testing::check(crate::derive::vantage(&stack.containers[0]), Protocol::Http, "app", 80));
        let origin = |line, name: &str| {
            let location =
                plan::Location { file: "prometheus.yml".into(), line, column: 1, end_line: line, end_column: 2 };
            Origin { location: Some(location), ..Origin::new(OriginKind::File, name.into(), None) }
        };
        seen.check.origins = vec![origin(3, "p.yml targets.1"), origin(4, "p.yml targets.10"), origin(5, "p.yml x")];
        let facts = Facts { stack, checks: vec![seen], ..Facts::default() };
        let lines = |evidence: &str, checks: &[&str]| {
            let cause = Cause {
                subject: "x".into(),
                service: None,
                message: String::new(),
                evidence: vec![evidence.into()],
                help: String::new(),
            };
            let checks = checks.iter().map(|&id| id.to_owned()).collect();
            let finding = finding(&Judged { rule: RULES[0].id, cause, checks });
            locations(&finding, &facts, None, Path::new("")).iter().map(|at| at.line).collect::<Vec<_>>()
        };
        assert_eq!(lines("app:80 is named by p.yml targets.1 and p.yml x", &[]), [3, 5]);
        assert_eq!(lines("app:80 is named by p.yml targets.10", &[]), [4]);
        assert_eq!(lines("nothing is", &[]), Vec::<u32>::new());
        assert_eq!(lines("p.yml x", &["prometheus -> app:80"]), [3]);
    }
}
