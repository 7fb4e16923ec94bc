//! Nodes as serde reads them.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{AT, MANY, Mistake};
use crate::compose::source::Place;
use crate::compose::yaml::{Entry, Node, Value};
use crate::text;

/// A node as serde reads it.
pub(super) struct Reader<'a>(pub(super) &'a Node);

impl<'a> Reader<'a> {
    fn text(&self, expected: &dyn Expected) -> Result<&'a str, Mistake> {
        self.0.as_text().ok_or_else(|| Mistake::invalid_type(self.unexpected(), expected))
    }

    fn unexpected(&self) -> Unexpected<'a> {
        match &self.0.value {
            Value::Null => Unexpected::Unit,
            Value::Text(text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
        }
    }

    /// Gives a scalar that is no text to a visitor, in the type that it wants.
    fn parsed<'de, T: std::str::FromStr, V: Visitor<'de>>(
        self,
        visitor: V,
        what: &str,
        visit: impl FnOnce(V, T) -> Result<V::Value, Mistake>,
    ) -> Result<V::Value, Mistake> {
        let place = self.0.place;
        let wrong = |found: Unexpected<'_>| Mistake::invalid_type(found, &what).at(place);
        let text = self.text(&what).map_err(|mistake| mistake.at(place))?;
        let value = text.parse().map_err(|_| wrong(Unexpected::Str(text)))?;
        visit(visitor, value).map_err(|mistake| mistake.at(place))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
            self.parsed(visitor, "a number", |visitor, value: $type| visitor.$visit(value))
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let place = self.0.place;
        let read = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items(items.iter())),
            Value::Map(entries) => visitor.visit_map(Entries { left: entries.iter(), under_way: None }),
        };
        read.map_err(|mistake| mistake.at(place))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.parsed(visitor, "true or false", Visitor::visit_bool)
    }

    numbers!(deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_i64 visit_i64 i64, deserialize_f64 visit_f64 f64);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        let (place, is_list) = (self.0.place, matches!(self.0.value, Value::List(_)));
        match name {
            AT => visitor.visit_seq(Placed { node: self.0, part: 0 }),
            // A key under which everything is a comment still.
            MANY if self.0.value == Value::Null => visitor.visit_seq(Items([].iter())),
            MANY if is_list => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
        .map_err(|mistake| mistake.at(place))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0.value {
            // A key under which everything is a comment still.
            Value::Null => visitor.visit_seq(Items([].iter())),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        // The fields of a structure are named: a list of them is a mistake.
        match self.0.value {
            Value::List(_) => Err(Mistake::invalid_type(Unexpected::Seq, &visitor).at(self.0.place)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let known: Vec<_> = variants.iter().map(|name| format!("`{name}`")).collect();
        let text = self.text(&text::list(&known).as_str()).map_err(|mistake| mistake.at(self.0.place))?;
        visitor.visit_enum(Word(text)).map_err(|mistake| mistake.at(self.0.place))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct map
        identifier ignored_any
    }
}

/// The numbers of a place, then the value.
struct Placed<'a> {
    node: &'a Node,
    part: usize,
}

impl<'de> SeqAccess<'de> for Placed<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Place { file, line, column, end_line, end_column } = self.node.place;
        let number = [file, line, column, end_line, end_column].get(self.part).copied();
        self.part += 1;
        match number {
            Some(number) => seed.deserialize(number.into_deserializer()),
            None => seed.deserialize(Reader(self.node)),
        }
        .map(Some)
    }
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some(node) = self.0.next() else { return Ok(None) };
        seed.deserialize(Reader(node)).map(Some).map_err(|mistake| mistake.at(node.place))
    }
}

struct Entries<'a> {
    left: std::slice::Iter<'a, Entry>,
    under_way: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        self.under_way = self.left.next();
        let Some(entry) = self.under_way else { return Ok(None) };
        seed.deserialize(Key(entry)).map(Some).map_err(|mistake: Mistake| mistake.at(entry.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let Some(entry) = self.under_way.take() else { return Err(Mistake::custom("a value without a key")) };
        // What is written and empty stands where its key does.
        let place = if entry.node.value == Value::Null { entry.place } else { entry.node.place };
        seed.deserialize(Reader(&entry.node)).map_err(|mistake| mistake.at(place))
    }
}

/// The key of an entry: a text, or a number where that is wanted.
struct Key<'a>(&'a Entry);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_borrowed_str(&self.0.key)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let wrong = |_| Mistake::invalid_type(Unexpected::Str(&self.0.key), &"a number from 0 to 65535");
        visitor.visit_u16(self.0.key.parse().map_err(wrong)?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_enum(Word(&self.0.key))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// One of the words of an enumeration.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Mistake;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Mistake> {
        seed.deserialize(BorrowedStrDeserializer::new(self.0)).map(|variant| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'de> {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mistake> {
        Err(Mistake::custom("a single word is expected here"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mistake> {
        Err(Mistake::custom("a single word is expected here"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Mistake> {
        Err(Mistake::custom("a single word is expected here"))
    }
}
