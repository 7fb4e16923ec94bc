//! Patterns of keys in configuration files, and what stands there: `scrape_configs.*.static_configs.*.targets.* as http`.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use wildmatch::WildMatch;

use super::{Glob, variable_name};

/// A pattern of a key: its parts with dots between them. `*` within a part is anything, `**` any number of parts, and
/// `${NAME:default}` the value of a variable of the container.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String"))]
pub struct KeyPattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Glob(WildMatch),
    Any,
    Variable { name: String, default: String },
}

/// A key that holds an address.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String"))]
pub struct AddressKey {
    /// The key.
    pub key: KeyPattern,
    /// What an address there is.
    pub meaning: KeyMeaning,
    /// What must stand beside it.
    pub when: Option<Condition>,
    /// What must not stand beside it.
    pub unless: Option<Condition>,
    /// What an option of the command must say, or else a key at the top of the file.
    pub told: Option<Condition>,
    /// The key, whole, whose address leads this container elsewhere, so that this one is for others.
    pub unless_elsewhere: Option<String>,
}

/// A key beside an address, in lower case, and the values of which it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The key.
    pub key: String,
    /// The values, with `*` for anything; an empty one is that of a key that is not there.
    values: Vec<Glob>,
}

impl Condition {
    fn parse(text: &str) -> Result<Self, String> {
        let (key, values) = text.split_once('=').ok_or_else(|| format!("{text:?} is no KEY=VALUE"))?;
        let values = values.split('|').map(|value| Glob::from(value.to_owned())).collect();
        Ok(Self { key: key.to_ascii_lowercase(), values })
    }

    /// Whether the key has one of the values; `get` gives what stands there.
    pub fn holds<'a>(&self, get: impl Fn(&str) -> Option<&'a str>) -> bool {
        get(&self.key).is_some_and(|value| self.has(value))
    }

    /// Whether one of a list with commas is one of the values.
    #[must_use]
    pub fn holds_of(&self, list: &str) -> bool {
        list.split(',').any(|value| self.has(value.trim()))
    }

    fn has(&self, value: &str) -> bool {
        self.values.iter().any(|known| known.matches(value))
    }
}

/// What an address in a file is, where it does not say so itself.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyMeaning {
    /// Nothing more than is written.
    Written,
    /// Without a scheme it has this one, without a port this one.
    Scheme(String, Option<u16>),
    /// What a variable of this name would mean.
    Variable(String),
}

impl KeyPattern {
    fn parse(text: &str) -> Result<Self, String> {
        // The dots within `${…}` separate nothing; the default has none.
        let part = |part: &str| match part.strip_prefix("${").map(|rest| rest.strip_suffix('}').unwrap_or(rest)) {
            Some(inner) => {
                let (name, default) = inner.split_once(':').unwrap_or((inner, ""));
                Part::Variable { name: name.to_owned(), default: default.to_owned() }
            }
            None if part == "**" => Part::Any,
            None => Part::Glob(WildMatch::new(&part.to_ascii_lowercase())),
        };
        if text.is_empty() || text.split('.').any(str::is_empty) {
            return Err(format!("{text:?} is no pattern of a key"));
        }
        Ok(Self(text.split('.').map(part).collect()))
    }

    /// Whether a key is meant; `look` gives the container's variables.
    #[must_use]
    pub fn matches(&self, key: &str, look: &dyn Fn(&str) -> Option<String>) -> bool {
        let key = key.to_ascii_lowercase();
        let parts: Vec<_> = key.split('.').collect();
        matches(&self.0, &parts, look)
    }
}

fn matches(pattern: &[Part], key: &[&str], look: &dyn Fn(&str) -> Option<String>) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((Part::Any, rest)), _) => (0..=key.len()).any(|skipped| matches(rest, &key[skipped..], look)),
        (Some((Part::Glob(glob), rest)), Some((part, left))) => glob.matches(part) && matches(rest, left, look),
        (Some((Part::Variable { name, default }, rest)), Some((part, left))) => {
            let value = look(name).unwrap_or_else(|| default.clone());
            value.eq_ignore_ascii_case(part) && matches(rest, left, look)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

impl AddressKey {
    /// Reads `KEY [as MEANING] [when KEY=VALUE|VALUE] [unless KEY=VALUE|VALUE] [told OPTION=VALUE|VALUE] [unless-elsewhere KEY]`.
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace();
        let key = KeyPattern::parse(words.next().unwrap_or_default())?;
        let mut found =
            Self { key, meaning: KeyMeaning::Written, when: None, unless: None, told: None, unless_elsewhere: None };
        while let Some(word) = words.next() {
            let behind = words.next().ok_or_else(|| format!("{text:?} ends after {word:?}"))?;
            match word {
                "as" => found.meaning = meaning(behind)?,
                "when" => found.when = Some(Condition::parse(behind)?),
                "unless" => found.unless = Some(Condition::parse(behind)?),
                "told" => found.told = Some(Condition::parse(behind)?),
                "unless-elsewhere" => found.unless_elsewhere = Some(behind.to_owned()),
                _ => {
                    let words = "`as`, `when`, `unless`, `told` and `unless-elsewhere`";
                    return Err(format!("{text:?}: only {words} follow a key"));
                }
            }
        }
        Ok(found)
    }
}

fn meaning(text: &str) -> Result<KeyMeaning, String> {
    if !text.is_empty() && variable_name(text) == text {
        return Ok(KeyMeaning::Variable(text.to_owned()));
    }
    let (scheme, port) = match text.split_once(':') {
        Some((scheme, port)) => (scheme, Some(port.parse().map_err(|_| format!("{port:?} is no port"))?)),
        None => (text, None),
    };
    if scheme.is_empty() || scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("{text:?} is neither a scheme, with or without a port, nor a variable"));
    }
    Ok(KeyMeaning::Scheme(scheme.to_owned(), port))
}

struct Text<T>(&'static str, fn(&str) -> Result<T, String>);

impl<T> de::Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.1(text).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for KeyPattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text("a pattern of a key", Self::parse))
    }
}

impl<'de> Deserialize<'de> for AddressKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text("a pattern of a key, and what stands there", Self::parse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_part_by_part() {
        let look = |name: &str| (name == "RAILS_ENV").then(|| "production".to_owned());
        for (pattern, key, expected) in [
            ("a.*.b", "a.0.b", true),
            ("a.*.b", "A.0.B", true),
            ("a.*.b", "a.b", false),
            ("a.*.b", "a.0.1.b", false),
            ("a.*", "a.0.b", false),
            ("**.s3.endpoint", "common.storage.s3.endpoint", true),
            ("**.s3.endpoint", "s3.endpoint", true),
            ("**.s3.endpoint", "common.aws.endpoint", false),
            ("**", "anything.at.0.all", true),
            ("receivers.redis*.endpoint", "receivers.redis/cache.endpoint", true),
            ("receivers.redis*.endpoint", "receivers.otlp.endpoint", false),
            ("${RAILS_ENV:development}.url", "production.url", true),
            ("${RAILS_ENV:development}.url", "development.url", false),
            ("${RACK_ENV:development}.url", "development.url", true),
        ] {
            assert_eq!(KeyPattern::parse(pattern).unwrap().matches(key, &look), expected, "{pattern} {key}");
        }
    }

    #[test]
    fn conditions_know_values_by_patterns() {
        for (condition, value, expected) in [
            ("type=s3|GCS", "gcs", true),
            ("type=s3", "s3a", false),
            ("url=http://*", "http://a:1", true),
            ("url=http://*", "https://a:1", false),
            ("url=*", "anything", true),
            ("target=read,write", "read", false),
            ("target=read|all", "backend, read", true),
            ("target=read|", "", true),
            ("target=read", "", false),
            ("target=read", "ready", false),
        ] {
            assert_eq!(Condition::parse(condition).unwrap().holds_of(value), expected, "{condition} {value}");
        }
    }

    #[test]
    fn what_stands_at_a_key_is_said_behind_it() {
        let meaning = |text| AddressKey::parse(text).map(|key| key.meaning);
        assert_eq!(meaning("a.b"), Ok(KeyMeaning::Written));
        assert_eq!(meaning("a.b as http"), Ok(KeyMeaning::Scheme("http".into(), None)));
        assert_eq!(meaning("a.b as tcp:8301"), Ok(KeyMeaning::Scheme("tcp".into(), Some(8301))));
        assert_eq!(meaning("a.b as REDIS_URL"), Ok(KeyMeaning::Variable("REDIS_URL".into())));
        let key = AddressKey::parse("a.url as http when type=x unless access=Direct|browser").unwrap();
        let condition = |key: &str, values: &[&str]| {
            Some(Condition { key: key.into(), values: values.iter().map(|&value| value.to_owned().into()).collect() })
        };
        assert_eq!((key.when, key.unless), (condition("type", &["x"]), condition("access", &["direct", "browser"])));
        let key = AddressKey::parse("a.url told target=all| unless-elsewhere b.url").unwrap();
        assert_eq!((key.told, key.unless_elsewhere), (condition("target", &["all", ""]), Some("b.url".into())));
        for wrong in [
            "",
            "a..b",
            "a.b as",
            "a.b like http",
            "a.b as Http",
            "a.b as tcp:x",
            "a unless b",
            "a told b",
            "a unless-elsewhere",
        ] {
            assert!(AddressKey::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
