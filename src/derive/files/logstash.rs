//! Logstash's pipelines (<https://www.elastic.co/docs/reference/logstash/configuration-file-structure>).

use super::entry::Entry;
use super::scan::{At, Path, Scanner, add};

/// Every setting of a plugin: `input.kafka.bootstrap_servers`, `output.elasticsearch.hosts`, of lists each item. Conditions
/// give no names to a key. `${NAME:default}` stays as it is: [`super::placeholders`] puts in its value.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut reader = Reader { scanner: Scanner::new(text), path: Path::default(), open: Vec::new(), found: Vec::new() };
    while reader.step() {}
    reader.found
}

/// What is open.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Open {
    /// `{` of a section, a plugin, a condition or a hash.
    Names,
    /// `[` of a setting.
    List(String),
}

enum Token {
    Text(String),
    Word(String),
    Arrow,
    Mark(char),
}

/// More open brackets than this are no pipeline.
const DEPTH: usize = 256;

struct Reader<'a> {
    scanner: Scanner<'a>,
    path: Path,
    open: Vec<Open>,
    found: Vec<Entry>,
}

impl Reader<'_> {
    fn step(&mut self) -> bool {
        if self.open.len() > DEPTH {
            return false;
        }
        let Some((token, at)) = self.token() else { return false };
        if let Some(Open::List(name)) = self.open.last() {
            match token {
                Token::Text(value) | Token::Word(value) => add(&mut self.found, self.path.key(name), &value, at),
                Token::Mark(']') => drop(self.open.pop()),
                Token::Mark('}') => self.close(),
                Token::Arrow | Token::Mark(_) => {}
            }
            return true;
        }
        match token {
            Token::Word(word) if matches!(word.as_str(), "if" | "else") => self.condition(),
            Token::Word(name) | Token::Text(name) => self.named(&name),
            Token::Mark('}') => {
                self.close();
                true
            }
            Token::Mark('{') => {
                self.open_with::<&str>(&[]);
                true
            }
            Token::Arrow | Token::Mark(_) => true,
        }
    }

    /// What follows a name: a block, or a value.
    fn named(&mut self, name: &str) -> bool {
        let Some((token, _)) = self.token() else { return false };
        match token {
            Token::Mark('{') => self.open_with(&[name]),
            Token::Mark('}') => self.close(),
            Token::Arrow => return self.value(name),
            _ => {}
        }
        true
    }

    fn value(&mut self, name: &str) -> bool {
        let Some((token, at)) = self.token() else { return false };
        match token {
            Token::Text(value) => add(&mut self.found, self.path.key(name), &value, at),
            Token::Mark('[') => self.open.push(Open::List(name.to_owned())),
            Token::Mark('{') => self.open_with(&[name]),
            Token::Mark('}') => self.close(),
            Token::Word(word) => {
                // `codec => json { … }` is a plugin of its own.
                let mut ahead = self.scanner.clone();
                ahead.while_in(char::is_whitespace);
                if ahead.eat("{") {
                    self.scanner = ahead;
                    self.open_with(&[name, &word]);
                } else {
                    add(&mut self.found, self.path.key(name), &word, at);
                }
            }
            Token::Arrow | Token::Mark(_) => {}
        }
        true
    }

    /// Passes over a condition, to the block that it is for.
    fn condition(&mut self) -> bool {
        while let Some((token, _)) = self.token() {
            if matches!(token, Token::Mark('{')) {
                self.open_with::<&str>(&[]);
                return true;
            }
        }
        false
    }

    fn open_with<S: AsRef<str>>(&mut self, names: &[S]) {
        self.path.open(names);
        self.open.push(Open::Names);
    }

    fn close(&mut self) {
        while let Some(open) = self.open.pop() {
            if open == Open::Names {
                self.path.close();
                return;
            }
        }
    }

    fn token(&mut self) -> Option<(Token, At)> {
        loop {
            let at = self.scanner.at();
            let next = self.scanner.peek()?;
            match next {
                '#' => drop(self.scanner.line()),
                _ if next.is_whitespace() => drop(self.scanner.next()),
                '"' | '\'' => {
                    self.scanner.next();
                    let at = self.scanner.at();
                    return Some((Token::Text(self.scanner.quoted(next)), at));
                }
                // A pattern in a condition.
                '/' => {
                    self.scanner.next();
                    self.scanner.quoted('/');
                }
                _ if self.scanner.eat("=>") => return Some((Token::Arrow, at)),
                _ if next.is_alphanumeric() || matches!(next, '_' | '-' | '@') => {
                    let word = self.scanner.while_in(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '.'));
                    return Some((Token::Word(word.to_owned()), at));
                }
                _ => {
                    self.scanner.next();
                    return Some((Token::Mark(next), at));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::shown;
    use super::*;

    #[test]
    fn settings_become_entries() {
        for (text, expected) in [
            (
                "input { kafka { bootstrap_servers => \"kafka:9092\" topics => ['a', 'b'] } }",
                &[
                    "input.kafka.bootstrap_servers=kafka:9092 @1:39",
                    "input.kafka.topics=a @1:63",
                    "input.kafka.topics=b @1:68",
                ][..],
            ),
            (
                "output {\n  if [a] == \"x { y\" and [b] =~ /c{2}\\/\"/ {\n    elasticsearch { hosts => \"${ES:http://es:9200}\" }\n  } else if [z] { stdout { } } else { redis { host => redis port => 6379 } }\n}",
                &[
                    "output.elasticsearch.hosts=${ES:http://es:9200} @3:31",
                    "output.redis.host=redis @4:55",
                    "output.redis.port=6379 @4:69",
                ],
            ),
            (
                "input { tcp { codec => json { charset => \"x\" } port => 1 } }",
                &["input.tcp.codec.json.charset=x @1:43", "input.tcp.port=1 @1:56"],
            ),
            (
                "filter { mutate { add_field => { \"a\" => \"b\" } } }\noutput { http { url => 'http://a:1' } }",
                &["filter.mutate.add_field.a=b @1:42", "output.http.url=http://a:1 @2:25"],
            ),
            ("# input { a { b => 1 } }\ninput { beats { port => 5044 } # x\n}", &["input.beats.port=5044 @2:25"]),
            (
                "input { a { hosts => [ \"x\" } } output { b { c => 1 } }",
                &["input.a.hosts=x @1:25", "output.b.c=1 @1:50"],
            ),
            ("}}} ]] => => { x => ", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(&entries(text)), expected, "{text}");
        }
    }
}
