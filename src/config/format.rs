//! `crosscheck.yaml` as it is written. `schema/config.schema.json` is made of these types and their comments.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use crate::compose::typed::{At, Many, ShortOrLong};
use crate::duration;

/// What crosscheck cannot see by itself: connections that must work or must not, what is wanted of them, and what is known
/// and does not count. It stands in `crosscheck.yaml` beside the compose file, or under `x-crosscheck` in it.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(extend("patternProperties" = {"^x-": {}})))]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case", expecting = "a mapping with keys such as `expect`")]
pub struct File {
    /// Connections that must work, or must not, beside those that crosscheck finds by itself.
    #[cfg_attr(test, schemars(with = "Option<Vec<Expected>>"))]
    pub expect: Vec<At<Expected>>,
    /// Findings and checks that do not count, each with its reason. They are still shown, as silenced.
    #[cfg_attr(test, schemars(with = "Option<Vec<Silence>>"))]
    pub silence: Vec<At<Silence>>,
    /// The time for each check, redirects included: 2s, 500ms. The option --timeout wins.
    pub timeout: Option<At<CheckTime>>,
    /// Folders with technologies of your own, from the folder of this file on. They add to those that are built in.
    #[cfg_attr(test, schemars(with = "Option<Many<String>>"))]
    pub technologies: Many<At<String>>,
    /// Whether hosts outside the stack are looked at too, as with --external.
    pub external: Option<bool>,
}

/// Connections that must work, or must not.
#[derive(Clone, Debug)]
pub enum Expected {
    /// `app -> kafka://kafka:29092`, or `web -/-> mysql:3306` for one that must not be.
    Short(String),
    /// The same at length, with what is wanted of the answer.
    Long(Box<Long>),
}

/// Connections, and what is wanted of them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a mapping with `from` and `to`")]
pub struct Long {
    /// From where: host, engine, a service, one of its containers (app#2), or network:NAME.
    pub from: Many<At<String>>,
    /// What must answer there: `kafka://kafka:29092`, `http://api:8080/health`, or `dns://mysql` for a name alone.
    #[serde(default)]
    pub to: Many<At<String>>,
    /// What must not be reachable from there.
    #[serde(default)]
    pub not: Many<At<String>>,
    /// Why it is expected, for whoever reads the report.
    pub because: Option<String>,
    /// The time for this check, where it needs more than others: 10s.
    pub timeout: Option<CheckTime>,
    /// The answer must come within this time, all steps counted: 200ms.
    pub within: Option<At<Time>>,
    /// HTTP: the status that is wanted: 200, 2xx, 200-299, or a list of these.
    #[serde(default)]
    pub status: Option<At<Many<At<Status>>>>,
    /// HTTP: headers of the answer and their values; one of several parts is enough.
    #[serde(default)]
    pub headers: Option<At<BTreeMap<String, String>>>,
    /// HTTP: text that the answer's body contains, or a list of these.
    #[serde(default)]
    pub body: Option<At<Many<String>>>,
    /// HTTP: values in an answer of JSON, by JSON Pointer: /status: UP.
    #[serde(default)]
    pub json: Option<At<BTreeMap<String, At<Scalar>>>>,
    /// Where the name may lead: services, addresses, or networks such as 172.20.0.0/16.
    #[serde(default)]
    pub addresses: Option<At<Many<At<String>>>>,
    /// Databases and Redis: how many more connections the server must have room for.
    pub headroom: Option<At<u64>>,
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShortOrLong {
            expected: "`FROM -> TARGET`, or a mapping with `from` and `to`",
            short: |text| Ok(Self::Short(text.to_owned())),
            long: |long: Box<Long>| Self::Long(long),
        })
    }
}

/// A finding or a check that does not count.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case", expecting = "a mapping with `rule` or `check`, and `reason`")]
pub struct Silence {
    /// The rule whose findings do not count, such as kafka-topic-missing.
    pub rule: Option<At<String>>,
    /// The checks that do not count, by id; * stands for any text: app -> legacy:*.
    pub check: Option<At<String>>,
    /// With `rule`: only the findings about this service.
    pub service: Option<At<String>>,
    /// Why it does not count.
    pub reason: At<String>,
    /// The last day on which it does not count: 2027-01-31. From then on it counts again.
    pub until: Option<At<Day>>,
}

macro_rules! from_text {
    ($name:ident, $inner:ty, $expecting:literal, $read:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        let read: fn(&str) -> Result<$inner, String> = $read;
                        read(text.trim()).map($name).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

/// A time for a check: 10 ms to 10 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckTime(pub Duration);
from_text!(CheckTime, Duration, "a time such as 2s or 500ms", duration::of_check);

/// A time of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);
from_text!(Time, Duration, "a time such as 200ms", duration::parse);

/// HTTP statuses, from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub (u16, u16));
from_text!(Status, (u16, u16), "a status such as 200, 2xx or 200-299", status);

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub jiff::civil::Date);
from_text!(Day, jiff::civil::Date, "a day such as 2027-01-31", |text| {
    text.parse().map_err(|_| "a day is written as 2027-01-31".to_owned())
});

/// A single value of JSON, as text: what quotes would be around is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true, false or null")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
                Ok(Scalar("null".into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn status(text: &str) -> Result<(u16, u16), String> {
    let wrong = || "a status is written as 200, 2xx or 200-299".to_owned();
    let number =
        |text: &str| text.trim().parse::<u16>().ok().filter(|number| (100..=599).contains(number)).ok_or_else(wrong);
    if let Some(class) = text.strip_suffix("xx") {
        let class = class.parse::<u16>().ok().filter(|class| (1..=5).contains(class)).ok_or_else(wrong)?;
        return Ok((class * 100, class * 100 + 99));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let range = (number(from)?, number(to)?);
    if range.0 <= range.1 { Ok(range) } else { Err(wrong()) }
}

#[cfg(test)]
pub(super) mod schema {
    //! What the schema says of the types that are read by hand.

    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::*;

    impl<T: JsonSchema> JsonSchema for At<T> {
        fn inline_schema() -> bool {
            true
        }
        fn schema_name() -> Cow<'static, str> {
            T::schema_name()
        }
        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            generator.subschema_for::<T>()
        }
    }

    impl<T: JsonSchema> JsonSchema for Many<T> {
        fn inline_schema() -> bool {
            true
        }
        fn schema_name() -> Cow<'static, str> {
            format!("Many{}", T::schema_name()).into()
        }
        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let one = generator.subschema_for::<T>();
            json_schema!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
        }
    }

    impl JsonSchema for Expected {
        fn schema_name() -> Cow<'static, str> {
            "Expected".into()
        }
        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let long = generator.subschema_for::<Long>();
            json_schema!({
                "description": "A connection: `app -> kafka://kafka:29092`, `web -/-> mysql:3306`, or the same at length.",
                "anyOf": [{ "type": "string", "pattern": "->" }, long],
            })
        }
    }

    macro_rules! schema_of {
        ($($name:ident $schema:tt),* $(,)?) => {
            $(impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            })*
        };
    }
    schema_of! {
        CheckTime { "type": "string", "pattern": "^[0-9.]+ ?(ms|s|m|min)$" },
        Time { "type": "string", "pattern": "^[0-9.]+ ?(ms|s|m|min)$" },
        Status { "anyOf": [
            { "type": "integer", "minimum": 100, "maximum": 599 },
            { "type": "string", "pattern": "^([1-5]xx|[1-5][0-9][0-9]( ?- ?[1-5][0-9][0-9])?)$" },
        ] },
        Day { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
        Scalar { "type": ["string", "number", "boolean", "null"] },
    }
}
