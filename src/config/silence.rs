//! What is known and does not count: still shown, as silenced, and never part of the exit code.

use jiff::civil::Date;
use wildmatch::WildMatch;

use super::format;
use super::{ConfigError, Within};
use crate::compose::typed::At;
use crate::nearest::nearest;
use crate::plan::Location;
use crate::report::{CheckResult, Finding, Report};
use crate::rule::{RULES, Verdict};
use crate::text;

/// A finding or a check that does not count.
#[derive(Clone, Debug)]
pub struct Silence {
    rule: Option<String>,
    check: Option<WildMatch>,
    service: Option<String>,
    /// Where the service stands, or else the entry, and whether variables may have been filled in there.
    service_at: Location,
    filled: bool,
    reason: String,
    until: Option<Date>,
    location: Location,
}

pub(super) fn read(entry: At<format::Silence>, within: &Within) -> Result<Silence, ConfigError> {
    let At { value, place } = entry;
    let location = within.location(place);
    let at = |place, reason: String| Err(ConfigError::at(&within.location(place), reason));
    if value.rule.is_none() && value.check.is_none() {
        return at(place, "it names neither a `rule` nor a `check` that does not count".into());
    }
    if let Some(rule) = &value.rule
        && !RULES.iter().any(|known| known.id == rule.value)
    {
        let meant = nearest(&rule.value, RULES.iter().map(|rule| rule.id));
        let meant = meant.map(|rule| format!(" (did you mean {rule}?)")).unwrap_or_default();
        let name = if within.is_filled(rule.place) {
            " of the name that the variable holds".to_owned()
        } else {
            format!(" {:?}{meant}", text::line(&rule.value, 80))
        };
        return at(rule.place, format!("there is no rule{name}; `crosscheck explain` lists them"));
    }
    if let Some(service) = value.service.as_ref().filter(|_| value.rule.is_none()) {
        return at(service.place, "`service` narrows down a `rule`, and there is none".into());
    }
    if value.reason.value.trim().is_empty() {
        return at(value.reason.place, "say why it does not count: whoever reads this next year will ask".into());
    }
    Ok(Silence {
        rule: value.rule.map(|rule| rule.value),
        check: value.check.map(|check| WildMatch::new(&check.value)),
        service_at: value.service.as_ref().map_or_else(|| location.clone(), |service| within.location(service.place)),
        filled: value.service.as_ref().is_some_and(|service| within.is_filled(service.place)),
        service: value.service.map(|service| service.value),
        reason: text::line(&text::redact(value.reason.value.trim()), 200),
        until: value.until.map(|day| day.value.0),
        location,
    })
}

/// Marks what does not count, and says which entries had nothing to do: those that are over, and those that nothing
/// matched. `today` is the day on which the run began.
///
/// A check fails for one cause or for several: it does not count where each of them is silenced, or the check itself is. A
/// finding does not count where none of its checks is left.
pub fn apply(report: &mut Report, silences: &[Silence], today: Date) -> Vec<String> {
    let now: Vec<_> = silences.iter().filter(|silence| silence.until.is_none_or(|until| until >= today)).collect();
    for check in &mut report.checks {
        let by = now.iter().find(|silence| silence.is_of_check(check)).copied();
        let mut causes = report.findings.iter().filter(|finding| finding.checks.contains(&check.id)).peekable();
        let mut by_cause = None;
        let mut all = causes.peek().is_some();
        for finding in causes {
            by_cause = now.iter().find(|silence| silence.is_of(finding, Some(&check.id))).copied();
            all &= by_cause.is_some();
        }
        check.silenced_because = by.or(by_cause.filter(|_| all)).map(Silence::told);
        check.silenced = check.silenced_because.is_some();
    }
    for finding in &mut report.findings {
        let of = |id: &String| report.checks.iter().find(|check| check.id == *id);
        let reasons: Vec<_> = finding
            .checks
            .iter()
            .map(|id| {
                let by = now.iter().find(|silence| silence.is_of(finding, Some(id))).map(|silence| silence.told());
                by.or_else(|| of(id)?.silenced_because.clone())
            })
            .collect();
        finding.silenced_because = if reasons.is_empty() {
            now.iter().find(|silence| silence.is_of(finding, None)).map(|silence| silence.told())
        } else {
            reasons.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().next())
        };
        finding.silenced = finding.silenced_because.is_some();
    }
    silences.iter().filter_map(|silence| silence.note(report, today)).collect()
}

impl Silence {
    /// Whether the service that it names is one; `known` are those of the stack and of its files. A name that is nearly one's is
    /// a slip; another may be of a service that is gone.
    ///
    /// # Errors
    /// Names the service that was probably meant.
    pub fn fits(&self, known: &[&str]) -> Result<(), ConfigError> {
        let unknown = self.service.as_deref().filter(|name| !known.contains(name));
        let meant = unknown.and_then(|name| Some((name, nearest(name, known.iter().copied())?)));
        let Some((name, meant)) = meant else { return Ok(()) };
        let name = if self.filled { "***".into() } else { text::line(name, 80) };
        Err(ConfigError::at(&self.service_at, format!("there is no service {name:?} (did you mean {meant}?)")))
    }

    /// Whether it is about a finding, as far as the finding is the cause of this check.
    fn is_of(&self, finding: &Finding, check: Option<&String>) -> bool {
        self.rule.as_ref().is_some_and(|rule| *rule == finding.rule)
            && self.service.as_ref().is_none_or(|service| finding.service.as_ref() == Some(service))
            && self.check.as_ref().is_none_or(|glob| check.is_some_and(|id| glob.matches(id)))
    }

    /// Whether it is about a check as such, whatever is wrong with it.
    fn is_of_check(&self, check: &CheckResult) -> bool {
        self.rule.is_none()
            && matches!(check.verdict, Some(Verdict::Fail | Verdict::Inconclusive))
            && self.check.as_ref().is_some_and(|glob| glob.matches(&check.id))
    }

    /// What there is to say of an entry that silences nothing.
    fn note(&self, report: &Report, today: Date) -> Option<String> {
        let of = |finding: &Finding| {
            self.is_of(finding, None) || finding.checks.iter().any(|id| self.is_of(finding, Some(id)))
        };
        let found = report.findings.iter().any(of) || report.checks.iter().any(|check| self.is_of_check(check));
        let what = match (self.until.filter(|until| *until < today), found) {
            (Some(until), true) => format!("this was silenced until {until} and counts again"),
            (Some(until), false) => format!("this was silenced until {until} and is gone, so the entry can go too"),
            (None, true) => return None,
            (None, false) => "nothing in this run is silenced by this".to_owned(),
        };
        Some(format!("{}:{}: {what}: {}", text::line(&self.location.file, 200), self.location.line, self.reason))
    }

    fn told(&self) -> String {
        let until = self.until.map(|until| format!(", until {until}")).unwrap_or_default();
        format!("{}{until}", self.reason)
    }
}

#[cfg(test)]
#[path = "silence_tests.rs"]
mod tests;
