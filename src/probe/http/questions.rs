//! What a user wants to know of an answer: read where the answer is, so that nothing else of it travels.

use hyper::HeaderMap;
use serde_json::Value;

use super::conversation::Answer;
use crate::observation::Told;
use crate::plan::wanted::Question;
use crate::text;

/// How much of a value is shown, in characters.
const MOST_SHOWN: usize = 200;

/// Whether a body must be read for these.
pub fn need_body(questions: &[Question]) -> bool {
    questions.iter().any(|question| !matches!(question, Question::Header { .. }))
}

/// What is true of an answer, in the order of the questions.
pub fn answer(questions: &[Question], given: &Answer) -> Vec<Told> {
    let Answer { headers, body, cut, .. } = given;
    let text = String::from_utf8_lossy(body);
    let mut json = None;
    let one = |question: &Question| {
        let (holds, said) = match question {
            Question::Header { name, value } => header(headers, name, value),
            Question::Body(wanted) if text.contains(wanted.as_str()) => (Some(true), None),
            Question::Body(_) => (cut.is_none().then_some(false), cut.map(str::to_owned)),
            Question::Json { pointer, value } => {
                let json = json.get_or_insert_with(|| serde_json::from_slice::<Value>(body).ok());
                match (json, cut) {
                    (Some(json), _) => pointed(json, pointer, value),
                    (None, Some(cut)) => (None, Some((*cut).to_owned())),
                    (None, None) => (Some(false), Some("no JSON".to_owned())),
                }
            }
        };
        Told { holds, said: said.map(|said| text::line(&text::redact(&said), MOST_SHOWN)) }
    };
    questions.iter().map(one).collect()
}

fn header(headers: &HeaderMap, name: &str, wanted: &str) -> (Option<bool>, Option<String>) {
    let values: Vec<_> =
        headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    let is = |part: &str| part.trim().eq_ignore_ascii_case(wanted);
    let found = values.iter().any(|value| is(value) || value.split([',', ';']).any(is));
    (Some(found), (!values.is_empty()).then(|| values.join(", ")))
}

fn pointed(json: &Value, pointer: &str, wanted: &str) -> (Option<bool>, Option<String>) {
    let Some(found) = json.pointer(pointer) else { return (Some(false), None) };
    let (is, said) = match found {
        Value::String(text) => (text == wanted, text.clone()),
        Value::Number(number) => {
            let same = |wanted: f64| number.as_f64().is_some_and(|number| (number - wanted).abs() < f64::EPSILON);
            (number.to_string() == wanted || wanted.parse().is_ok_and(same), number.to_string())
        }
        Value::Bool(is) => (wanted == if *is { "true" } else { "false" }, is.to_string()),
        Value::Null => (wanted == "null", "null".to_owned()),
        Value::Array(items) => (false, format!("a list of {}", text::count(items.len(), "value"))),
        Value::Object(_) => (false, "an object".to_owned()),
    };
    (Some(is), Some(said))
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_an_answer_holds() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("content-type", "application/json; charset=utf-8"), ("vary", "a"), ("vary", "b")] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let json =
            br#"{"status":"UP","count":3,"ok":true,"none":null,"parts":[{"up":1.50}],"token":"password=hunter2"}"#;
        let answered = |body: &[u8], cut| Answer {
            status: hyper::StatusCode::OK,
            headers: headers.clone(),
            body: body.to_vec(),
            cut,
        };
        let header = |name: &str, value: &str| Question::Header { name: name.into(), value: value.into() };
        let at = |pointer: &str, value: &str| Question::Json { pointer: pointer.into(), value: value.into() };
        for (question, holds, said) in [
            (header("content-type", "application/json"), true, Some("application/json; charset=utf-8")),
            (header("content-type", "APPLICATION/JSON; charset=UTF-8"), true, Some("application/json; charset=utf-8")),
            (header("content-type", "json"), false, Some("application/json; charset=utf-8")),
            (header("vary", "b"), true, Some("a, b")),
            (header("x-none", ""), false, None),
            (Question::Body("\"UP\"".into()), true, None),
            (Question::Body("DOWN".into()), false, None),
            (at("/status", "UP"), true, Some("UP")),
            (at("/status", "up"), false, Some("UP")),
            (at("/count", "3"), true, Some("3")),
            (at("/count", "3.0"), true, Some("3")),
            (at("/count", "4"), false, Some("3")),
            (at("/ok", "true"), true, Some("true")),
            (at("/none", "null"), true, Some("null")),
            (at("/parts/0/up", "1.5"), true, Some("1.5")),
            (at("/parts", "1.5"), false, Some("a list of 1 value")),
            (at("", "UP"), false, Some("an object")),
            (at("/nothing", "null"), false, None),
            (at("/token", "x"), false, Some("password=***")),
        ] {
            let told = &answer(std::slice::from_ref(&question), &answered(json, None))[0];
            assert_eq!((told.holds, told.said.as_deref()), (Some(holds), said), "{question:?}");
        }
        let cut = "it is larger than 64 KiB";
        let told = answer(&[Question::Body("DOWN".into()), Question::Body("UP".into())], &answered(json, Some(cut)));
        assert_eq!((told[0].holds, told[0].said.as_deref(), told[1].holds), (None, Some(cut), Some(true)));
        let none = |cut| answered(b"<html>", cut);
        let told = answer(&[at("/a", "1")], &none(None));
        assert_eq!((told[0].holds, told[0].said.as_deref()), (Some(false), Some("no JSON")));
        assert_eq!(answer(&[at("/a", "1")], &none(Some(cut)))[0].holds, None);
    }
}
