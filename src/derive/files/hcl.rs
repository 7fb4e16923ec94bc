//! HCL (<https://github.com/hashicorp/hcl>), as Vault, Consul, Nomad and Terraform are configured in it.

use super::entry::Entry;
use super::scan::{At, Path, Scanner, add, short};

/// Every literal: texts, numbers and truth values, those of lists each. Labels are names: `storage.consul.address`.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut reader = Reader { scanner: Scanner::new(text), path: Path::default(), open: Vec::new(), found: Vec::new() };
    while reader.step() {}
    reader.found
}

/// What is open.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Open {
    /// A block or an object, in which names stand before values.
    Names,
    /// A list of values of this name.
    List(String),
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    path: Path,
    open: Vec<Open>,
    found: Vec<Entry>,
}

enum Token {
    Text(String),
    Word(String),
    Mark(char),
}

/// More open brackets than this are no configuration.
const DEPTH: usize = 256;

impl Reader<'_> {
    /// Reads a name with its value, or a value of a list; `false` at the end.
    fn step(&mut self) -> bool {
        if self.open.len() > DEPTH {
            return false;
        }
        if let Some(Open::List(name)) = self.open.last().cloned() {
            return self.value(&name);
        }
        let Some((token, _)) = self.token() else { return false };
        let mut names = match token {
            Token::Text(name) | Token::Word(name) => vec![name],
            Token::Mark('}') => {
                self.close();
                return true;
            }
            Token::Mark(_) => return true,
        };
        loop {
            let Some((token, _)) = self.token() else { return false };
            match token {
                Token::Mark('=' | ':') => return self.value(&names.pop().unwrap_or_default()),
                Token::Mark('{') => {
                    self.path.open(&names);
                    self.open.push(Open::Names);
                    return true;
                }
                Token::Text(label) | Token::Word(label) if names.len() < 4 => names.push(label),
                Token::Mark('}') => {
                    self.close();
                    return true;
                }
                _ => return true,
            }
        }
    }

    /// Reads what stands where a value is to be; `false` at the end.
    fn value(&mut self, name: &str) -> bool {
        let Some((token, at)) = self.token() else { return false };
        match token {
            Token::Text(text) => add(&mut self.found, self.path.key(name), &text, at),
            Token::Word(word) if self.after_word() => {
                let literal =
                    word.starts_with(|c: char| c.is_ascii_digit() || c == '-') || matches!(&*word, "true" | "false");
                if literal {
                    add(&mut self.found, self.path.key(name), &word, at);
                }
            }
            Token::Mark('[') => self.open.push(Open::List(short(name).to_owned())),
            Token::Mark('{') => {
                self.path.open(&[name]);
                self.open.push(Open::Names);
            }
            Token::Mark(']') => {
                self.open.pop_if(|open| matches!(open, Open::List(_)));
            }
            Token::Mark('}') => self.close(),
            Token::Word(_) | Token::Mark(_) => {}
        }
        true
    }

    /// Whether a word stands for itself; the arguments of a function that it calls are passed over.
    fn after_word(&mut self) -> bool {
        if self.scanner.peek() != Some('(') {
            return true;
        }
        let mut open = 0_usize;
        while let Some((token, _)) = self.token() {
            match token {
                Token::Mark('(') => open += 1,
                Token::Mark(')') => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                break;
            }
        }
        false
    }

    /// Closes the innermost block, and lists in it that nobody closed.
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
            let rest = self.scanner.rest();
            if next == '#' || rest.starts_with("//") {
                self.scanner.line();
            } else if self.scanner.eat("/*") {
                self.scanner.until("*/");
            } else if next.is_whitespace() {
                self.scanner.next();
            } else if rest.starts_with("<<") {
                return Some(self.document());
            } else if next == '"' {
                self.scanner.next();
                let at = self.scanner.at();
                return Some((Token::Text(self.text()), at));
            } else if next.is_alphanumeric() || matches!(next, '_' | '-') {
                let word = self.scanner.while_in(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
                return Some((Token::Word(word.to_owned()), at));
            } else {
                self.scanner.next();
                return Some((Token::Mark(next), at));
            }
        }
    }

    /// A text in quotes, in which `${…}` may have quotes of its own.
    fn text(&mut self) -> String {
        let mut text = String::new();
        let mut open = 0_usize;
        loop {
            text.push_str(self.scanner.while_in(|c| !matches!(c, '"' | '\\' | '$' | '{' | '}' | '\n')));
            match self.scanner.peek() {
                Some('"') if open > 0 => text.push_str(self.scanner.skip(1)),
                Some('$') if self.scanner.rest().starts_with("${") => {
                    text.push_str(self.scanner.skip(2));
                    open += 1;
                }
                Some('{') if open > 0 => {
                    text.push_str(self.scanner.skip(1));
                    open += 1;
                }
                Some('}') => {
                    text.push_str(self.scanner.skip(1));
                    open = open.saturating_sub(1);
                }
                Some('\\') => {
                    self.scanner.next();
                    text.extend(self.scanner.next());
                }
                Some('$' | '{') => text.push_str(self.scanner.skip(1)),
                // A text ends with its line.
                Some('\n') | None => return text,
                Some(_) => {
                    self.scanner.next();
                    return text;
                }
            }
        }
    }

    /// `<<EOF`, lines, `EOF`.
    fn document(&mut self) -> (Token, At) {
        self.scanner.skip(2);
        self.scanner.eat("-");
        let end = self.scanner.line().trim().to_owned();
        self.scanner.next();
        let at = self.scanner.at();
        let mut text = String::new();
        while self.scanner.peek().is_some() {
            let line = self.scanner.line();
            if line.trim() == end {
                break;
            }
            text.push_str(line);
            text.push('\n');
            self.scanner.next();
        }
        (Token::Text(text), at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::shown;
    use super::*;

    #[test]
    fn attributes_become_entries() {
        for (text, expected) in [
            ("address = \"consul:8500\"", &["address=consul:8500 @1:12"][..]),
            (
                "storage \"consul\" {\n  address = \"consul:8500\" # x\n  tls = 1\n}\nui = true",
                &["storage.consul.address=consul:8500 @2:14", "storage.consul.tls=1 @3:9", "ui=true @5:6"],
            ),
            (
                "retry_join = [\"a:1\", \"b:2\",]\nx = \"y\"",
                &["retry_join=a:1 @1:16", "retry_join=b:2 @1:23", "x=y @2:6"],
            ),
            ("a { b { c = \"d\" } }\ne = \"f\"", &["a.b.c=d @1:14", "e=f @2:6"]),
            ("a = { b = \"c\", \"d\": \"e\" }", &["a.b=c @1:12", "a.d=e @1:22"]),
            ("a = [{ b = \"c\" }, { b = \"d\" }]\ne = 1", &["a.b=c @1:13", "a.b=d @1:26", "e=1 @2:5"]),
            ("a = var.x\nb = file(\"http://x\", [\"y\"])\nc = \"d\"", &["c=d @3:6"]),
            ("a = \"x-${env(\"Y\")}-z\"\nb = \"\\\"q\\\"\"", &["a=x-${env(\"Y\")}-z @1:6", "b=\"q\" @2:6"]),
            ("a = <<-EOF\n  b\n  EOF\nc = 1", &["a=  b\n @2:1", "c=1 @4:5"]),
            ("// a = 1\n/* b = 2\n*/ c = 3", &["c=3 @3:8"]),
            ("a = \"b\nc = 1", &["a=b @1:6", "c=1 @2:5"]),
            ("} ] = { a = 1", &["a=1 @1:13"]),
            ("a b c d e f { g = 1", &["f.g=1 @1:19"]),
            ("\u{feff}\u{e4} = \"\u{f6}\"", &["\u{e4}=\u{f6} @1:6"]),
            ("", &[]),
        ] {
            assert_eq!(shown(&entries(text)), expected, "{text}");
        }
    }
}
