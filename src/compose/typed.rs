//! Reads YAML with places into types: what is wrong with a file is said where it stands, with the nearest right word.

mod reader;

use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    self, DeserializeOwned, Deserializer, Error as _, Expected, MapAccess, SeqAccess, Unexpected, Visitor,
};

use self::reader::Reader;
use super::source::Place;
use super::yaml::{self, Node, Value, YamlError};
use crate::nearest::nearest;
use crate::text;

/// Reads a value as a type. Of a type's own errors the innermost value is the place.
///
/// # Errors
/// The first thing that is wrong, and its place.
pub fn read<T: DeserializeOwned>(node: &Node) -> Result<T, Mistake> {
    T::deserialize(Reader(node)).map_err(|mistake| mistake.at(node.place))
}

/// Reads a text with one document as a type.
///
/// # Errors
/// The first thing that is wrong, and its place.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let first = Place { file: 0, line: 1, column: 1, end_line: 1, end_column: 1 };
    let mut documents = yaml::parse(text, 0)?;
    if let Some(second) = documents.get(1) {
        return Err(YamlError::at(second.place, "there is one document in this file, and this is another"));
    }
    let nothing = Node { value: Value::Map(Vec::new()), place: first, tag: yaml::Tag::None };
    let document = documents.pop().filter(|document| document.value != Value::Null).unwrap_or(nothing);
    read(&document).map_err(|mistake| YamlError::at(mistake.place.unwrap_or(first), mistake.reason))
}

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands, once it is known.
    pub place: Option<Place>,
    /// What is wrong, what was expected, and what was probably meant.
    pub reason: String,
}

impl Mistake {
    /// A mistake at a place.
    pub fn new(place: Place, reason: impl Into<String>) -> Self {
        Self { place: Some(place), reason: reason.into() }
    }

    /// The same, at this place where no nearer one is known.
    fn at(self, place: Place) -> Self {
        Self { place: self.place.or(Some(place)), ..self }
    }
}

impl Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: Display>(message: T) -> Self {
        Self { place: None, reason: message.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            // It may be a secret.
            Unexpected::Str("") => "an empty text".into(),
            Unexpected::Str(_) => "another text".into(),
            Unexpected::Seq => "a list".into(),
            Unexpected::Map => "a mapping".into(),
            Unexpected::Unit => "nothing".into(),
            other => other.to_string(),
        };
        // These are serde's words, which nobody uses of YAML.
        let expected = match expected.to_string().as_str() {
            "a sequence" => "a list".to_owned(),
            "a map" => "a mapping".to_owned(),
            other => other.to_owned(),
        };
        Self::custom(format!("{expected} is expected here, and this is {found}"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown("key", field, expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(unknown("word", variant, expected))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("`{field}` is missing here"))
    }
}

fn unknown(what: &str, word: &str, expected: &[&str]) -> String {
    let meant = nearest(word, expected.iter().copied()).map(|name| format!(" (did you mean `{name}`?)"));
    let known: Vec<_> = expected.iter().map(|name| format!("`{name}`")).collect();
    let word = text::line(word, 60);
    format!("the {what} `{word}` is not known here{}; there are {}", meant.unwrap_or_default(), text::list(&known))
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// The name by which [`Reader`] knows that a value's place is asked for too.
const AT: &str = "crosscheck::compose::At";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Both<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Both<T> {
            type Value = At<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let mut number = || parts.next_element::<usize>()?.ok_or_else(|| A::Error::custom("no place"));
                let (file, line, column, end_line, end_column) =
                    (number()?, number()?, number()?, number()?, number()?);
                let place = Place { file, line, column, end_line, end_column };
                let value = parts.next_element()?.ok_or_else(|| A::Error::custom("no value"))?;
                Ok(At { value, place })
            }
        }
        deserializer.deserialize_newtype_struct(AT, Both(PhantomData))
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
            type Value = Many<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }
            fn visit_newtype_struct<D: Deserializer<'de>>(self, one: D) -> Result<Many<T>, D::Error> {
                T::deserialize(one).map(|one| Many(vec![one]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Many<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Many(all))
            }
        }
        deserializer.deserialize_newtype_struct(MANY, OneOrMany(PhantomData))
    }
}

/// The name by which [`Reader`] knows that one value counts as a list of one.
const MANY: &str = "crosscheck::compose::Many";

/// Reads what is written in short as a text, or at length as a mapping.
pub struct ShortOrLong<L, T> {
    /// What is expected, in the words of a message.
    pub expected: &'static str,
    /// What a text means.
    pub short: fn(&str) -> Result<T, String>,
    /// What a mapping means.
    pub long: fn(L) -> T,
}

impl<'de, L: Deserialize<'de>, T> Visitor<'de> for ShortOrLong<L, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.short)(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        L::deserialize(MapAccessDeserializer::new(map)).map(self.long)
    }
}
