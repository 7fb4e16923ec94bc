//! The part of BSON that is of use: the fields of one document that are text, numbers, truths, or lists of text.
//!
//! <https://bsonspec.org/spec.html>. Every length is held to what is there; what lies deeper is skipped.

/// The most fields of a document that are looked at.
const MOST_FIELDS: usize = 200;

/// The most items of a list.
const MOST_ITEMS: usize = 100;

/// The fields of a document in their order, without those of other kinds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Document(Vec<(String, Value)>);

/// A field's value.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
    Texts(Vec<String>),
}

impl Document {
    /// Reads a document at the start of `bytes`; `None` where it is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut found = Vec::new();
        each(bytes, |kind, name, value| {
            let value = match kind {
                0x02 => Value::Text(string(value)?),
                0x04 => {
                    let mut items = Vec::new();
                    each(value, |kind, _, item| {
                        if kind == 0x02 && items.len() < MOST_ITEMS {
                            items.push(string(item)?);
                        }
                        Some(())
                    })?;
                    Value::Texts(items)
                }
                0x08 => Value::Truth(value == [1]),
                0x10 => Value::Number(i32::from_le_bytes(value.try_into().ok()?).into()),
                0x12 => Value::Number(i64::from_le_bytes(value.try_into().ok()?)),
                0x01 => Value::Number(whole(f64::from_le_bytes(value.try_into().ok()?))?),
                _ => return Some(()),
            };
            if found.len() < MOST_FIELDS {
                found.push((String::from_utf8_lossy(name).into_owned(), value));
            }
            Some(())
        })?;
        Some(Self(found))
    }

    /// A field.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A field that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A field that is a whole number, or a truth in its place.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => Some(*number),
            Value::Truth(truth) => Some((*truth).into()),
            _ => None,
        }
    }

    /// A field that is true or false.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Truth(truth) => Some(*truth),
            _ => None,
        }
    }
}

/// A number that stands for a code or an answer: small and whole.
fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is within the range, and is compared afterwards")]
    let known = (number.abs() < 1e6).then_some(number as i64)?;
    Some(known)
}

/// Gives each element of a document: its kind, its name, its value's bytes. `None` where a length does not hold.
fn each<'a>(bytes: &'a [u8], mut take: impl FnMut(u8, &'a [u8], &'a [u8]) -> Option<()>) -> Option<()> {
    let length = usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    let mut rest = bytes.get(4..length)?.strip_suffix(&[0])?;
    while let Some((&kind, after)) = rest.split_first() {
        let end = after.iter().position(|&byte| byte == 0)?;
        let (name, value) = (&after[..end], &after[end + 1..]);
        let size = size(kind, value)?;
        take(kind, name, value.get(..size)?)?;
        rest = &value[size..];
    }
    Some(())
}

/// How many bytes a value of this kind takes.
fn size(kind: u8, value: &[u8]) -> Option<usize> {
    let announced = || usize::try_from(i32::from_le_bytes(*value.first_chunk()?)).ok();
    let text = |from: usize| Some(from + value.get(from..)?.iter().position(|&byte| byte == 0)? + 1);
    Some(match kind {
        0x06 | 0x0a | 0x7f | 0xff => 0,
        0x08 => 1,
        0x10 => 4,
        0x01 | 0x09 | 0x11 | 0x12 => 8,
        0x07 => 12,
        0x13 => 16,
        // Text and code: a length, and that much with the zero byte at its end.
        0x02 | 0x0d | 0x0e => announced()?.checked_add(4)?,
        0x05 => announced()?.checked_add(5)?,
        0x0c => announced()?.checked_add(16)?,
        // Documents, lists, and code with its scope count themselves.
        0x03 | 0x04 | 0x0f => announced()?.max(5),
        // A regular expression: two texts.
        0x0b => text(text(0)?)?,
        _ => return None,
    })
}

/// A text, after its length and without its zero byte.
fn string(value: &[u8]) -> Option<String> {
    let text = value.get(4..)?.strip_suffix(&[0])?;
    Some(String::from_utf8_lossy(text).into_owned())
}
