//! Connections that users expect, from what they wrote to what is planned.

use super::format::{Expected, Long};
use super::{ConfigError, Spot, Within, may_hold_variables};
use crate::compose::Project;
use crate::compose::typed::{At, Many};
use crate::derive::Connection;
use crate::derive::declared::{self, Declared, DeclaredError};
use crate::nearest::nearest;
use crate::plan::wanted::{Condition, Place, Question};
use crate::plan::{Expectation as Expect, Location, Origin, OriginKind, Readiness, Vantage, Wanted};
use crate::stack::Stack;
use crate::target::Protocol;
use crate::text;

/// A connection that a user expects, and where its parts stand. Not `Debug`: its target may hold credentials.
pub struct Expectation {
    declared: Declared,
    /// Where the vantage stands.
    from: Spot,
    /// Where the target stands.
    to: Spot,
    /// What is wanted of the answer, and where that stands.
    conditions: Vec<(Condition, Spot)>,
}

impl Spot {
    /// What is wrong there, told without what a variable holds.
    fn declared(&self, error: DeclaredError) -> ConfigError {
        let reason = if self.filled { unshown(&error.without_values().to_string()) } else { error.to_string() };
        ConfigError::at(&self.location, reason)
    }
}

/// What is wrong with something that a variable holds.
fn unshown(reason: &str) -> String {
    format!("{reason}; *** stands for what a variable holds, which is not shown")
}

/// Adds the expectations that an entry of a file means.
pub(super) fn read(entry: At<Expected>, within: &Within, into: &mut Vec<Expectation>) -> Result<(), ConfigError> {
    let whole = within.spot(entry.place);
    match entry.value {
        Expected::Short(text) => {
            let origin = origin(&whole.location, None);
            let declared = Declared::arrow(&text, origin).map_err(|error| whole.declared(error))?;
            let written = within.sources.written(entry.place);
            let (from, to) = written.split_once("->").unwrap_or((&written, &written));
            let spot = |part| Spot { filled: may_hold_variables(part), ..whole.clone() };
            into.push(Expectation { declared, from: spot(from), to: spot(to), conditions: Vec::new() });
        }
        Expected::Long(long) => at_length(&long, &whole.location, within, into)?,
    }
    Ok(())
}

fn at_length(long: &Long, whole: &Location, within: &Within, into: &mut Vec<Expectation>) -> Result<(), ConfigError> {
    let conditions = conditions(long, within)?;
    let nothing = |what: &str| Err(ConfigError::at(whole, format!("it names no {what}")));
    if long.from.0.is_empty() {
        return nothing("`from`: the place to look from");
    }
    if long.to.0.is_empty() && long.not.0.is_empty() {
        return nothing("`to`, and nothing with `not` that must not be reachable either");
    }
    if let Some((_, at)) = conditions.first().filter(|_| long.to.0.is_empty()) {
        return Err(ConfigError::at(
            &at.location,
            "this says how an answer must be, and there is no `to` that must answer",
        ));
    }
    let both = long.not.0.iter().find(|not| long.to.0.iter().any(|to| to.value.trim() == not.value.trim()));
    if let Some(both) = both {
        let reason = "this must not be reachable, and under `to` it must be: one of the two must go";
        return Err(ConfigError::at(&within.location(both.place), reason));
    }
    let wanted = Wanted { conditions: Vec::new(), timeout: long.timeout.map(|time| time.0) };
    for from in &long.from.0 {
        for (targets, expect) in [(&long.to, Expect::Answers), (&long.not, Expect::Closed)] {
            for to in &targets.0 {
                let at = within.spot(to.place);
                into.push(Expectation {
                    declared: Declared {
                        from: from.value.clone(),
                        to: to.value.clone(),
                        expect,
                        wanted: wanted.clone(),
                        origin: origin(&at.location, long.because.as_deref()),
                    },
                    from: within.spot(from.place),
                    to: at,
                    conditions: if expect == Expect::Answers { conditions.clone() } else { Vec::new() },
                });
            }
        }
    }
    Ok(())
}

/// What says so: the file, or the reason that is given in it.
fn origin(at: &Location, because: Option<&str>) -> Origin {
    let file = std::path::Path::new(&at.file).file_name().unwrap_or_default().to_string_lossy();
    let name = because.map_or_else(|| file.into_owned(), |because| text::line(&text::redact(because), 200));
    Origin { kind: OriginKind::Declared, name, value: None, location: Some(at.clone()) }
}

/// Whether a header can be called so (RFC 9110, 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn conditions(long: &Long, within: &Within) -> Result<Vec<(Condition, Spot)>, ConfigError> {
    let mut found = Vec::new();
    if let Some(At { value: Many(ranges), place }) = &long.status {
        if ranges.is_empty() {
            return Err(ConfigError::at(
                &within.location(*place),
                "it names no status: write 200, 2xx, 200-299, or a list",
            ));
        }
        let ranges = ranges.iter().map(|range| range.value.0).collect();
        found.push((Condition::Status(ranges), within.spot(*place)));
    }
    if let Some(At { value: headers, place }) = &long.headers {
        for (name, value) in headers {
            if !is_token(name) {
                let reason = format!("{:?} is no name of a header", text::line(name, 60));
                return Err(ConfigError::at(&within.location(*place), reason));
            }
            let question = Question::Header { name: name.to_ascii_lowercase(), value: value.trim().to_owned() };
            found.push((Condition::Http(question), within.spot(*place)));
        }
    }
    if let Some(At { value: Many(texts), place }) = &long.body {
        let texts = texts.iter().cloned().map(Question::Body);
        found.extend(texts.map(|question| (Condition::Http(question), within.spot(*place))));
    }
    for (pointer, value) in long.json.iter().flat_map(|json| &json.value) {
        let at = within.spot(value.place);
        if !(pointer.is_empty() || pointer.starts_with('/')) {
            return Err(ConfigError::at(
                &at.location,
                "a JSON Pointer starts with a slash: /status, /components/db/status",
            ));
        }
        let question = Question::Json { pointer: pointer.clone(), value: value.value.0.clone() };
        found.push((Condition::Http(question), at));
    }
    if let Some(At { value: Many(places), place }) = &long.addresses {
        let at = Spot {
            filled: within.is_filled(*place),
            ..within.spot(places.first().map_or(*place, |first| first.place))
        };
        if places.is_empty() {
            return Err(ConfigError::at(
                &at.location,
                "it names no address: what must lead nowhere is written with `not`",
            ));
        }
        let meant = |name: &At<String>| Place::network(&name.value).unwrap_or(Place::Service(name.value.clone()));
        found.push((Condition::Addresses(places.iter().map(meant).collect()), at));
    }
    if let Some(time) = &long.within {
        if time.value.0.is_zero() {
            return Err(ConfigError::at(&within.location(time.place), "no answer comes within no time: write 200ms"));
        }
        found.push((Condition::Within(time.value.0), within.spot(time.place)));
    }
    if let Some(headroom) = &long.headroom {
        found.push((Condition::Headroom(headroom.value), within.spot(headroom.place)));
    }
    Ok(found)
}

impl Expectation {
    /// The connections that it means in a stack. A service that the files declare and that nothing runs of gives one that
    /// cannot be looked at.
    ///
    /// # Errors
    /// What it names that does not exist, or that does not fit together.
    pub fn derive(&self, stack: &Stack, project: Option<&Project>) -> Result<Vec<Connection>, ConfigError> {
        let mut found = match self.declared.derive(stack) {
            Ok(found) => found,
            Err(error @ DeclaredError::UnknownVantage { .. }) => match self.absent(stack, project) {
                Some(found) => found,
                None => return Err(self.from.declared(error)),
            },
            Err(error @ (DeclaredError::UnknownReplica { .. } | DeclaredError::UnknownNetwork { .. })) => {
                return Err(self.from.declared(error));
            }
            Err(error) => return Err(self.to.declared(error)),
        };
        for connection in &found {
            declared::spelt(connection, stack, project).map_err(|error| self.to.declared(error))?;
        }
        for (condition, at) in &self.conditions {
            for connection in &found {
                fits(condition, connection, stack, project, at.filled)
                    .map_err(|reason| ConfigError::at(&at.location, reason))?;
            }
        }
        for connection in &mut found {
            connection.wanted.conditions.extend(self.conditions.iter().map(|(condition, _)| condition.clone()));
        }
        Ok(found)
    }

    /// The connection of a service that the files declare and that has no container.
    fn absent(&self, stack: &Stack, project: Option<&Project>) -> Option<Vec<Connection>> {
        let name = self.declared.from.split('#').next().unwrap_or_default().trim();
        let project = project?;
        let readiness = match project.services.get(name) {
            Some(service) if !service.profiles.is_empty() => {
                Readiness::Skip(format!("nothing of {name} runs, which has profiles"))
            }
            Some(_) => Readiness::Cannot(format!("nothing of {name} runs")),
            None if project.inactive.contains(name) => Readiness::Skip(format!("no profile is active that has {name}")),
            None => return None,
        };
        // Read as from the host, to know what is meant; looked at by nobody.
        let from_host = Declared { from: "host".into(), ..self.declared.clone() };
        let vantage = Vantage::Container { service: name.to_owned(), replica: None, id: String::new() };
        let mut found = from_host.derive(stack).ok()?;
        for connection in &mut found {
            (connection.from, connection.readiness, connection.published) = (vantage.clone(), readiness.clone(), None);
            let value = connection.origin.value.as_ref().and_then(|value| value.strip_prefix("host"));
            connection.origin.value = value.map(|rest| format!("{}{rest}", text::line(&self.declared.from, 80)));
        }
        Some(found)
    }
}

/// Whether something can be wanted of such a connection.
fn fits(
    condition: &Condition,
    connection: &Connection,
    stack: &Stack,
    project: Option<&Project>,
    filled: bool,
) -> Result<(), String> {
    let protocol = connection.target.protocol;
    match condition {
        Condition::Status(_) | Condition::Http(_) if !matches!(protocol, Protocol::Http | Protocol::Https) => {
            Err("this is about an HTTP answer: write `to` as http://HOST:PORT/PATH or https://HOST:PORT/PATH".into())
        }
        Condition::Headroom(_) if !matches!(protocol, Protocol::Mysql | Protocol::Postgres | Protocol::Redis) => {
            Err("MySQL, PostgreSQL and Redis say how many connections they take: write `to` as mysql://USER:PASSWORD@HOST, postgres://… or redis://…".into())
        }
        Condition::Addresses(places) => {
            let running = stack.services();
            let declared = project.into_iter().flat_map(|project| project.services.keys());
            let known: Vec<&str> = running.iter().copied().chain(declared.map(String::as_str)).collect();
            let unknown = places.iter().find_map(|place| match place {
                Place::Service(name) if !known.contains(&name.as_str()) => Some(name),
                _ => None,
            });
            let Some(name) = unknown else { return Ok(()) };
            if filled {
                return Err(unshown("*** is neither a service nor an address such as 172.20.0.5 or 172.20.0.0/16"));
            }
            let meant = nearest(name, known.iter().copied()).map(|name| format!(" (did you mean {name}?)"));
            Err(format!(
                "{:?} is neither a service{} nor an address such as 172.20.0.5 or 172.20.0.0/16",
                text::line(name, 80),
                meant.unwrap_or_default()
            ))
        }
        _ => Ok(()),
    }
}
