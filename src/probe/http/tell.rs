//! Who a server is, by its answers and what the catalogue says of them. Pure.

use hyper::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use wildmatch::WildMatch;

use super::conversation::Answer;
use super::{scrapes, spring};
use crate::catalog::{Acquaintance, HttpAnswer, HttpReader, Marks};
use crate::observation::Application;
use crate::text;

/// How much of a text is held against a pattern, in bytes.
const MOST_TEXT: usize = 256;
/// How much of a fact is kept, in characters.
const MOST_FACT: usize = 100;

/// Whether a body of this kind could tell something: JSON, or a plain text.
pub fn is_of_interest(content_type: Option<&HeaderValue>) -> bool {
    let kind = content_type.map_or(&b""[..], HeaderValue::as_bytes).to_ascii_lowercase();
    kind.starts_with(b"text/plain") || kind.windows(4).any(|word| word == b"json")
}

/// A server that was recognised, and what it has told.
pub struct Known<'a> {
    acquaintance: &'a Acquaintance,
    application: Application,
    untold: Option<String>,
}

impl<'a> Known<'a> {
    /// Who gave this answer to the question for this path.
    pub fn by(known: &'a [Acquaintance], path: &str, answer: &Answer) -> Option<Self> {
        let json = json(answer);
        known.iter().find_map(|acquaintance| {
            let mut answers = acquaintance.answers.iter().filter(|one| one.tells(path));
            let told = answers.find(|one| one.known_by.as_ref().is_some_and(|by| holds(by, answer, json.as_ref())))?;
            let application = Application {
                technology: acquaintance.technology.clone(),
                name: text::line(&acquaintance.name, MOST_FACT),
                ..Application::default()
            };
            let mut known = Self { acquaintance, application, untold: None };
            known.read(told, answer, json.as_ref());
            Some(known)
        })
    }

    /// What is asked of it now.
    pub fn questions(&self) -> impl Iterator<Item = &'a HttpAnswer> + use<'a> {
        self.acquaintance.answers.iter().filter(|answer| answer.known_by.is_none())
    }

    /// The answer to one of its questions. One that does not exist there tells nothing.
    pub fn told(&mut self, question: &HttpAnswer, answer: &Answer) {
        // InfluxDB says with 503 that it is not well.
        if answer.status.is_success() || answer.status.is_server_error() {
            self.read(question, answer, json(answer).as_ref());
        }
    }

    /// There was no answer to this question.
    pub fn untold(&mut self, path: &str) {
        self.untold = Some(format!("{} gave no answer to GET {path} in time", self.application.name));
    }

    /// Who it is, and what could not be asked of it.
    pub fn finish(self) -> (Option<Application>, Option<String>) {
        (Some(self.application), self.untold)
    }

    fn read(&mut self, question: &HttpAnswer, answer: &Answer, json: Option<&Value>) {
        for (name, from) in &question.says {
            let said = match from.strip_prefix("header ") {
                Some(header) => header_text(&answer.headers, header),
                None => json.and_then(|json| value(json, from)),
            };
            let Some(said) = said.map(|said| text::line(&text::redact(&said), MOST_FACT)).filter(|it| !it.is_empty())
            else {
                continue;
            };
            if name == "version" {
                self.application.version = Some(said);
            } else {
                self.application.says.insert(name.clone(), said);
            }
        }
        match question.reader {
            Some(HttpReader::PrometheusTargets) if answer.status.is_success() => match scrapes::read(&answer.body) {
                Some(scrapes) => self.application.scrapes = Some(scrapes),
                None => self.untold = Some(format!("the list of {}'s targets cannot be read", self.application.name)),
            },
            Some(HttpReader::SpringHealth) => self.application.down = json.map(spring::down).unwrap_or_default(),
            Some(HttpReader::PrometheusTargets) | None => {}
        }
    }
}

/// The value of an answer in JSON. Depth is bounded by the parser, at 128.
fn json(answer: &Answer) -> Option<Value> {
    let start = answer.body.iter().find(|byte| !byte.is_ascii_whitespace())?;
    // Lists are read by those who know what is in them.
    if *start == b'{' && answer.body.len() <= 64 << 10 { serde_json::from_slice(&answer.body).ok() } else { None }
}

fn holds(marks: &Marks, answer: &Answer, json: Option<&Value>) -> bool {
    let fits = |pattern: &str, text: &str| WildMatch::new(pattern).matches(text);
    let header = |(name, pattern): (&String, &String)| {
        header_text(&answer.headers, name).is_some_and(|text| fits(pattern, &text))
    };
    let key = |(key, pattern): (&String, &String)| {
        json.and_then(|json| value(json, key)).is_some_and(|text| fits(pattern, &text))
    };
    let start = String::from_utf8_lossy(&answer.body[..answer.body.len().min(MOST_TEXT)]);
    marks.headers.iter().all(header)
        && marks.json.iter().all(key)
        && marks.text.as_ref().is_none_or(|pattern| fits(&format!("{pattern}*"), &start))
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.as_bytes();
    Some(String::from_utf8_lossy(&value[..value.len().min(MOST_TEXT)]).into_owned())
}

/// The plain value at a key, its parts separated by dots.
fn value(json: &Value, key: &str) -> Option<String> {
    match key.split('.').try_fold(json, |json, part| json.get(part))? {
        Value::String(text) => Some(text.chars().take(MOST_TEXT).collect()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(word) => Some(word.to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "tell_tests.rs"]
mod tests;
