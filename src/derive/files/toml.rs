//! TOML.

use toml_edit::{Document, Item, Table, TableLike, Value};

use super::entry::Entry;

/// The values of a text; none where it cannot be read.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let mut reader = Reader { text, found: Vec::new(), path: Vec::new() };
    reader.table(document.as_table());
    // Tables come in the order of their first mention, values in that of the text.
    reader.found.sort_by_key(|entry| (entry.line, entry.column));
    reader.found
}

struct Reader<'a> {
    text: &'a str,
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
        let before = self.text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        self.found.push(Entry::new(self.path.join("."), text, (line, column)));
    }
}
