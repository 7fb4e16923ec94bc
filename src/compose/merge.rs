//! How a file that comes later changes what those before it say, after the merge rules of the Compose Specification.
//!
//! Both sides are in the form of [`super::canonical`].

use super::yaml::{Entry, Node, Tag, Value};

/// What `over` makes of `base`.
#[must_use]
pub fn merge(base: Node, over: Node) -> Node {
    at(base, over, &mut Vec::new())
}

/// Takes away what `!reset` marks, which has done its work.
pub fn settle(node: &mut Node) {
    match &mut node.value {
        Value::Map(entries) => {
            entries.retain(|entry| entry.node.tag != Tag::Reset);
            for entry in entries {
                settle(&mut entry.node);
            }
        }
        Value::List(items) => {
            items.retain(|item| item.tag != Tag::Reset);
            items.iter_mut().for_each(settle);
        }
        Value::Null | Value::Text(_) => {}
    }
}

fn at(base: Node, over: Node, path: &mut Vec<String>) -> Node {
    if over.tag != Tag::None || replaces(path) {
        return over;
    }
    match (base.value, over.value) {
        // A key that says nothing takes nothing away.
        (value @ (Value::Map(_) | Value::List(_)), Value::Null) => Node { value, place: base.place, tag: Tag::None },
        (Value::Map(entries), Value::Map(more)) => {
            Node { value: Value::Map(of_maps(entries, more, path)), place: base.place, tag: Tag::None }
        }
        (Value::List(mut items), Value::List(more)) => {
            items.extend(more);
            Node { value: Value::List(items), place: base.place, tag: Tag::None }
        }
        (_, value) => Node { value, place: over.place, tag: over.tag },
    }
}

fn of_maps(mut entries: Vec<Entry>, more: Vec<Entry>, path: &mut Vec<String>) -> Vec<Entry> {
    for entry in more {
        let known = entries.iter_mut().find(|known| known.key == entry.key);
        match known {
            Some(known) => {
                path.push(entry.key);
                let base = std::mem::replace(&mut known.node, Node::text("", entry.place));
                known.node = at(base, entry.node, path);
                // A single value stands where it was last written.
                if !matches!(known.node.value, Value::Map(_) | Value::List(_)) {
                    known.place = entry.place;
                }
                path.pop();
            }
            None => entries.push(entry),
        }
    }
    entries
}

/// Lists that are one thing: a command is not continued by another.
fn replaces(path: &[String]) -> bool {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    matches!(path.as_slice(), ["services", _, "command" | "entrypoint"] | ["services", _, "healthcheck", "test"])
}
