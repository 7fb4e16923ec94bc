//! YAML documents as trees in which every key and value has its place.
//!
//! Anchors and merge keys (`<<`) are resolved as Compose resolves them: what came from elsewhere keeps the place where it is
//! written. Compose's own tags, `!reset` and `!override`, stay on their values.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::scalar;
use super::source::Place;
use crate::text;

/// The most values that a file may have once its anchors are resolved: a few lines that repeat each other twice would
/// otherwise fill any memory.
const MOST: usize = 200_000;

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
    /// What a tag of Compose says of it.
    pub tag: Tag,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// Text, a number or a truth value, in the text that Compose makes of it.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

/// What a tag of Compose says of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tag {
    /// Nothing.
    #[default]
    None,
    /// `!reset`: what files before this one say is taken away.
    Reset,
    /// `!override`: it takes the place of what files before this one say.
    Override,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

impl YamlError {
    pub(super) fn at(place: Place, reason: impl Into<String>) -> Self {
        Self { line: place.line, column: place.column, reason: reason.into() }
    }
}

impl Node {
    /// A text at a place.
    #[must_use]
    pub fn text(text: impl Into<String>, place: Place) -> Self {
        Self { value: Value::Text(text.into()), place, tag: Tag::None }
    }

    /// The value of a key, where this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// Its keys and values; none where it is no mapping.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// Its items; none where it is no sequence.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// Its text, where it is a scalar that is not null.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// What it is, in the words of a message.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Text(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Reads every document of a text.
///
/// # Errors
///
/// The first thing that is wrong: a mistake in the YAML, a key that is there twice, an alias of nothing, anchors that grow
/// beyond any measure.
pub fn parse(text: &str, file: usize) -> Result<Vec<Node>, YamlError> {
    let options = granit_parser::options! { emit_comments: false };
    let mut reader =
        Reader { events: Parser::new_from_str_with_options(text, options), file, anchors: HashMap::new(), left: MOST };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
            (event, place) => documents.push(reader.node(event, place)?),
        }
    }
}

/// The texts that a key of the outermost mapping has, one for each document that has it: without the rest of the file, which
/// is read no further than that its YAML is right.
///
/// # Errors
///
/// The first mistake in the YAML, or a value of the key that is no single text.
pub fn top_level(text: &str, key: &str) -> Result<Vec<String>, YamlError> {
    let options = granit_parser::options! { emit_comments: false };
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options),
        file: 0,
        anchors: HashMap::new(),
        left: MOST,
    };
    let mut found = Vec::new();
    // How deep we are, and in the outermost mapping the key whose value is next.
    let (mut depth, mut of): (usize, Option<String>) = (0, None);
    let mut is_mapping = false;
    loop {
        let (event, place) = reader.next()?;
        let wanted = depth == 1 && is_mapping && of.as_deref() == Some(key);
        match &event {
            Event::StreamEnd => return Ok(found),
            Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
            Event::MappingStart(..) | Event::SequenceStart(..) if wanted => {
                return Err(YamlError::at(place, format!("`{key}` must be text")));
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if depth == 0 {
                    is_mapping = matches!(event, Event::MappingStart(..));
                    of = None;
                }
                depth += 1;
                // A key that is no text is none that is asked for: its value follows as that of any other.
                continue;
            }
            Event::Scalar(text, style, ..) if wanted => {
                let value =
                    if *style == ScalarStyle::Plain { scalar::plain(text) } else { Value::Text(text.to_string()) };
                found.extend(
                    Some(value).and_then(|value| if let Value::Text(text) = value { Some(text) } else { None }),
                );
            }
            Event::Scalar(..) | Event::Alias(_) => {}
            _ => continue,
        }
        if depth == 1 && is_mapping {
            of = match (of, event) {
                (None, Event::Scalar(text, ..)) => Some(text.into_owned()),
                (None, _) => Some(String::new()),
                (Some(_), _) => None,
            };
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    file: usize,
    anchors: HashMap<usize, Node>,
    /// How many values there may still be.
    left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), YamlError> {
        match self.events.next() {
            Some(Ok((event, span))) => Ok((event, self.place(span))),
            Some(Err(error)) => {
                let at = error.marker();
                Err(YamlError { line: at.line(), column: at.col() + 1, reason: text::line(&error.info(), 200) })
            }
            None => Err(YamlError { line: 1, column: 1, reason: "the file ends too early".into() }),
        }
    }

    fn place(&self, span: Span) -> Place {
        Place {
            file: self.file,
            line: span.start.line(),
            column: span.start.col() + 1,
            end_line: span.end.line(),
            end_column: span.end.col() + 1,
        }
    }

    /// The value that starts with an event.
    fn node(&mut self, event: Event<'a>, place: Place) -> Result<Node, YamlError> {
        self.spend(1, place)?;
        let (value, anchor, tag, place) = match event {
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    return Err(YamlError::at(place, "an alias stands within its own anchor"));
                };
                self.spend(size(&node), place)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let says_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let plain = style == ScalarStyle::Plain && !says_text;
                let value = if plain { scalar::plain(&text) } else { Value::Text(text.into_owned()) };
                (value, anchor, compose_tag(tag.as_deref()), place)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => break end,
                        (event, at) => items.push(self.node(event, at)?),
                    }
                };
                let place = upto(place, items.last().map(|item| item.place), end);
                (Value::List(items), anchor, compose_tag(tag.as_deref()), place)
            }
            Event::MappingStart(_, anchor, tag) => {
                let (entries, end) = self.entries()?;
                let place = upto(place, entries.last().map(|entry| entry.node.place), end);
                (Value::Map(entries), anchor, compose_tag(tag.as_deref()), place)
            }
            _ => return Err(YamlError::at(place, "a value is missing")),
        };
        let node = Node { value, place, tag };
        if anchor > 0 {
            self.spend(size(&node), place)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The entries of a mapping up to its end. Its own keys win over those that are merged into it, and of these the first.
    fn entries(&mut self) -> Result<(Vec<Entry>, Place), YamlError> {
        let (mut own, mut merged): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
        let mut lines: HashMap<String, usize> = HashMap::new();
        let end = loop {
            let (event, place) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break place;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = match event {
                Event::Scalar(text, ..) => text.into_owned(),
                event => match self.node(event, place)?.value {
                    Value::Text(key) => key,
                    _ => return Err(YamlError::at(place, "a key must be a single word or text")),
                },
            };
            let (start, at) = self.next()?;
            let value = self.node(start, at)?;
            if is_merge {
                merged.extend(to_merge(value)?);
            } else if let Some(first) = lines.insert(key.clone(), place.line) {
                let reason = format!("the key `{}` is there already, in line {first}", text::line(&key, 60));
                return Err(YamlError::at(place, reason));
            } else {
                own.push(Entry { key, place, node: value });
            }
        };
        for entry in merged {
            if lines.insert(entry.key.clone(), entry.place.line).is_none() {
                own.push(entry);
            }
        }
        Ok((own, end))
    }

    fn spend(&mut self, values: usize, place: Place) -> Result<(), YamlError> {
        let reason = || format!("with its anchors put in, the file has more than {MOST} values");
        self.left = self.left.checked_sub(values).ok_or_else(|| YamlError::at(place, reason()))?;
        Ok(())
    }
}

/// The entries of what a merge key names: a mapping, or a list of mappings.
fn to_merge(node: Node) -> Result<Vec<Entry>, YamlError> {
    let place = node.place;
    match node.value {
        Value::Map(entries) => Ok(entries),
        Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => Ok(items
            .into_iter()
            .flat_map(|item| if let Value::Map(entries) = item.value { entries } else { vec![] })
            .collect()),
        _ => Err(YamlError::at(place, "`<<` takes a mapping, or a list of mappings")),
    }
}

/// Blocks have no end of their own: they go as far as their last value.
fn upto(start: Place, last: Option<Place>, end: Place) -> Place {
    let (end_line, end_column) = match last {
        // A flow collection's end is a bracket behind its last value.
        Some(last) if end.end_line == end.line && end.end_column > end.column => {
            (end.end_line, end.end_column).max((last.end_line, last.end_column))
        }
        Some(last) => (last.end_line, last.end_column),
        None => (end.end_line, end.end_column),
    };
    Place { end_line, end_column, ..start }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Text(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
    }
}

fn compose_tag(tag: Option<&granit_parser::Tag>) -> Tag {
    match tag.filter(|tag| tag.handle() == "!").map(granit_parser::Tag::suffix) {
        Some("reset") => Tag::Reset,
        Some("override") => Tag::Override,
        _ => Tag::None,
    }
}
