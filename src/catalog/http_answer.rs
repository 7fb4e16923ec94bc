//! What servers say of themselves over HTTP: `http` in a technology's file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// A question that changes nothing, and what its answer tells. It goes with the order to look to whoever looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HttpAnswer {
    /// The path that is asked, `*` for anything; `None` means the answer to any.
    pub path: Option<String>,
    /// What makes the answer this technology's. Without it the path is asked once it is known to be this technology.
    pub known_by: Option<Marks>,
    /// Facts by name, each with the key of a JSON value (`version.number`) or `header NAME`.
    #[serde(default)]
    pub says: BTreeMap<String, String>,
    /// What takes more than a list of facts.
    pub reader: Option<HttpReader>,
}

/// What an answer holds; all of it must be there. Values are patterns, with `*` for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// Headers, by their name in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Values of JSON, by their keys with dots between the parts.
    #[serde(default)]
    pub json: BTreeMap<String, String>,
    /// The start of a text.
    pub text: Option<String>,
}

/// Who reads an answer of which more is known than where facts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HttpReader {
    /// Prometheus' targets.
    PrometheusTargets,
    /// The health of a Spring Boot application, by components.
    SpringHealth,
}

/// What one technology answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acquaintance {
    /// The technology's id.
    pub technology: String,
    /// As people call it.
    pub name: String,
    /// Its answers: those that tell who it is, then what is asked after that.
    pub answers: Vec<HttpAnswer>,
}

impl HttpAnswer {
    /// Whether the answer to this path, query included, can tell that it is the technology.
    #[must_use]
    pub fn tells(&self, path: &str) -> bool {
        self.known_by.is_some() && self.path.as_ref().is_none_or(|own| WildMatch::new(own).matches(path))
    }

    /// Whether this is a path that a server of any kind may have, requested where the user's own address ends so.
    #[must_use]
    pub fn is_anybodys(&self, path: &str) -> bool {
        self.path.as_ref().is_some_and(|own| own.starts_with('*')) && self.tells(path)
    }

    /// What is wrong with it, where something is.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        let empty = |marks: &Marks| marks.headers.is_empty() && marks.json.is_empty() && marks.text.is_none();
        let header = |name: &str| name.is_empty() || name.to_ascii_lowercase() != name || name.contains(' ');
        let mut said = self.says.values().filter_map(|from| from.strip_prefix("header "));
        match (&self.path, &self.known_by) {
            (Some(path), _) if !path.starts_with(['/', '*']) => Some(format!("{path:?} does not start with /")),
            (Some(path), None) if path.contains('*') => Some(format!("{path:?} is asked, so it has no *")),
            (None, None) => Some("an answer has neither path nor known_by".into()),
            (_, Some(marks)) if empty(marks) => Some("known_by says nothing".into()),
            (_, Some(marks)) => marks.headers.keys().find(|name| header(name)).map(|name| misspelt(name)),
            _ => said.find(|name| header(name)).map(misspelt),
        }
    }
}

fn misspelt(name: &str) -> String {
    format!("{name:?} is no name of a header in lower case")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::typed;

    #[test]
    fn an_answer_says_what_is_wrong_with_it() {
        for (text, reason) in [
            ("path: ready", "start with /"),
            ("path: '*/x'", "no *"),
            ("says: {version: version}", "neither"),
            ("known_by: {}", "nothing"),
            ("known_by: {headers: {X-Version: '*'}}", "X-Version"),
            ("{path: /x, says: {version: header X-Version}}", "X-Version"),
        ] {
            let answer: HttpAnswer = typed::parse(text).unwrap();
            let mistake = answer.mistake().unwrap_or_default();
            assert!(mistake.contains(reason), "{text}: {mistake}");
        }
        for text in ["path: /x", "known_by: {headers: {x-version: '*'}}", "{path: '*/x', known_by: {text: y}}"] {
            assert_eq!(typed::parse::<HttpAnswer>(text).unwrap().mistake(), None, "{text}");
        }
    }

    #[test]
    fn paths_are_known_with_their_patterns() {
        let answer = |path: &str| HttpAnswer {
            path: Some(path.into()),
            known_by: Some(Marks::default()),
            ..HttpAnswer::default()
        };
        for (own, path, tells, anybodys) in [
            ("/ping", "/ping", true, false),
            ("/ping", "/pings", false, false),
            ("*/actuator/health", "/actuator/health", true, true),
            ("*/actuator/health", "/shop/actuator/health", true, true),
            ("*/actuator/health", "/actuator/healthy", false, false),
            ("*/actuator/health", "/actuator/shutdown", false, false),
        ] {
            let answer = answer(own);
            assert_eq!((answer.tells(path), answer.is_anybodys(path)), (tells, anybodys), "{own} {path}");
        }
    }
}
