//! XML, as far as servers are configured in it: elements with a text, under the names of those around them.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::scan::{At, Path, Scanner, add, short};

/// The text of every element that has no other in it. Of elements beside each other that have the same name, all but the first
/// have their number behind it: `zookeeper.node.host`, `zookeeper.node.1.host`. Attributes say nothing here.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut scanner = Scanner::new(text);
    let mut path = Path::default();
    // How often each name was there in each of the elements that are open.
    let mut seen: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new()];
    let mut inner: Option<(String, At)> = None;
    let mut found = Vec::new();
    loop {
        scanner.while_in(char::is_whitespace);
        let at = scanner.at();
        let read = scanner.while_in(|c| c != '<').trim_end();
        if !read.is_empty() && inner.is_none() {
            inner = Some((decoded(read), at));
        }
        if scanner.eat("<!--") {
            scanner.until("-->");
        } else if scanner.eat("<![CDATA[") {
            let at = scanner.at();
            inner = Some((scanner.until("]]>").to_owned(), at));
        } else if scanner.eat("<?") {
            scanner.until("?>");
        } else if scanner.eat("<!") {
            scanner.until(">");
        } else if scanner.eat("</") {
            scanner.until(">");
            if let Some((value, at)) = inner.take() {
                add(&mut found, path.key(""), &value, at);
            }
            path.close();
            if seen.len() > 1 {
                seen.pop();
            }
        } else if scanner.eat("<") {
            inner = None;
            let name = short(scanner.while_in(|c| !c.is_whitespace() && !matches!(c, '/' | '>')));
            let count = seen.last_mut().map_or(0, |names| {
                let count = names.entry(name).or_default();
                *count += 1;
                *count - 1
            });
            if !is_closed(&mut scanner) {
                match count {
                    0 => path.open(&[name]),
                    count => path.open(&[name, &count.to_string()]),
                }
                seen.push(BTreeMap::new());
            }
        } else {
            return found;
        }
    }
}

/// What elements `property` say: the text of `value` in each, under that of the `name` beside it.
#[must_use]
pub fn properties(text: &str) -> Vec<Entry> {
    let all = entries(text);
    let is = |entry: &Entry, last: &str| {
        let mut parts = entry.parent().rsplit('.').skip_while(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        parts.next() == Some("property") && entry.key.rsplit('.').next() == Some(last)
    };
    let names: BTreeMap<_, _> = all
        .iter()
        .filter(|entry| is(entry, "name"))
        .map(|entry| (entry.parent().to_owned(), entry.value.clone()))
        .collect();
    let values = all.into_iter().filter(|entry| is(entry, "value"));
    values.filter_map(|value| Some(Entry { key: names.get(value.parent())?.clone(), ..value })).collect()
}

/// Goes on behind a tag's end, and says whether the element ends with it.
fn is_closed(scanner: &mut Scanner) -> bool {
    let mut closed = false;
    loop {
        match scanner.next() {
            None | Some('>') => return closed,
            Some('"') => drop(scanner.until("\"")),
            Some('\'') => drop(scanner.until("'")),
            Some(next) => closed = next == '/',
        }
    }
}

fn decoded(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (written, meant)| text.replace(written, meant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::files::scan::shown;

    #[test]
    fn elements_have_the_names_of_those_around_them() {
        for (text, expected) in [
            ("<a><b>x</b></a>", &["a.b=x @1:7"][..]),
            (
                "<?xml version=\"1.0\"?>\n<!DOCTYPE a>\n<a>\n  <n i=\"1\">\n    <host>x</host>\n  </n>\n  <n i='>'><host> y </host></n>\n</a>",
                &["a.n.host=x @5:11", "a.n.1.host=y @7:19"],
            ),
            ("<a><b/><b k=\"v\" /><b>x</b></a>", &["a.b.2=x @1:22"]),
            ("<a><!-- <b>x</b> --><c>u&amp;v</c></a>", &["a.c=u&v @1:24"]),
            ("<a>before<b>x</b></a>", &["a.b=x @1:13"]),
            ("<a><![CDATA[<x>]]></a>", &["a=<x> @1:13"]),
            ("</a></b><c>x</c>", &["c=x @1:12"]),
            ("<a><b>x", &[]),
            ("<a", &[]),
            ("<a k=\"", &[]),
            ("<!-- <a>x</a>", &[]),
            ("no elements", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(&entries(text)), expected, "{text}");
        }
    }

    #[test]
    fn properties_have_their_names() {
        for (text, expected) in [
            (
                "<configuration>\n<property><name>a.b</name><value>x:1</value></property>\n\
                 <property>\n  <value> y </value>\n  <name> c </name>\n  <description>z</description>\n</property></configuration>",
                &["a.b=x:1 @2:34", "c=y @4:11"][..],
            ),
            ("<configuration><property><name>a</name><value></value></property></configuration>", &[]),
            ("<configuration><!-- <property><name>a</name><value>x</value></property> --></configuration>", &[]),
            ("<configuration><property><value>x</value></property><name>a</name></configuration>", &[]),
            ("<a><name>b</name><value>x</value></a>", &[]),
        ] {
            assert_eq!(shown(&properties(text)), expected, "{text}");
        }
    }
}
