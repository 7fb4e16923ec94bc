//! TOML.

use toml_edit::{Document, Item, Table, TableLike, Value};

use super::entry::Entry;

/// Lines that are longer, in bytes, are no lines that people wrote.
const LONGEST_LINE: usize = 4096;

/// The values of a text; none where it cannot be read.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut reader = Reader { text, lines, found: Vec::new(), path: Vec::new() };
    reader.table(document.as_table());
    // Tables come in the order of their first mention, values in that of the text.
    reader.found.sort_by_key(|entry| (entry.line, entry.column));
    reader.found
}

/// Why a text cannot be read.
#[must_use]
pub fn mistake(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let wrong = Document::parse(text).err()?;
    let before = wrong.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    Some(format!("it is no TOML, in line {}", before.matches('\n').count() + 1))
}

struct Reader<'a> {
    text: &'a str,
    /// Where each line starts.
    lines: Vec<usize>,
    found: Vec<Entry>,
    path: Vec<String>,
}

impl Reader<'_> {
    fn table(&mut self, table: &dyn TableLike) {
        for (key, item) in table.iter() {
            self.within(key, |reader| reader.item(item));
        }
    }

    fn within(&mut self, key: &str, read: impl FnOnce(&mut Self)) {
        self.path.push(key.to_owned());
        read(self);
        self.path.pop();
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::None => {}
            Item::Value(value) => self.value(value),
            Item::Table(table) => self.table(table),
            Item::ArrayOfTables(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    self.within(&index.to_string(), |reader| reader.table(table as &Table));
                }
            }
        }
    }

    fn value(&mut self, value: &Value) {
        let text = match value {
            Value::InlineTable(table) => return self.table(table),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.within(&index.to_string(), |reader| reader.value(item));
                }
                return;
            }
            Value::String(text) => text.value().clone(),
            Value::Integer(number) => number.value().to_string(),
            Value::Boolean(truth) => truth.value().to_string(),
            // No address and no port is written so.
            Value::Float(_) | Value::Datetime(_) => return,
        };
        let start = value.span().map_or(0, |span| span.start);
        let line = self.lines.partition_point(|first| *first <= start);
        let before = self.text.get(self.lines[line - 1]..start).unwrap_or_default();
        // In a line as long as that nobody looks for a column.
        let column = if before.len() <= LONGEST_LINE { before.chars().count() + 1 } else { before.len() + 1 };
        let quoted = usize::from(self.text.get(start..).is_some_and(|text| text.starts_with(['"', '\''])));
        self.found.push(Entry::new(self.path.join("."), text, (line, column + quoted)));
    }
}
