//! What expressions come to that are made of texts, names for texts, and the container's variables.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::super::scan::At;
use super::REACH;
use super::tokens::{Kind, Part, Token};

/// How deep brackets may stand in an expression.
const DEPTH: u8 = 6;

/// How many names are kept.
const MOST_NAMES: usize = 2000;

/// How many tokens are looked at more than once, in all: a script that people wrote needs a few thousand.
const BUDGET: usize = 1_000_000;

/// The longest text that is kept.
const LONGEST: usize = 2048;

/// Functions of texts that change nothing of where a URL leads.
const HARMLESS: &[&str] = &["replace", "toString", "trim", "trimEnd"];

/// What an expression comes to, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its beginning.
    text: String,
    /// Whether that is all of it.
    whole: bool,
    /// Whether it is a variable that the container does not have.
    absent: bool,
    /// Where the text stands that it begins with.
    pub at: At,
}

impl Value {
    const fn unknown(at: At) -> Self {
        Self { text: String::new(), whole: false, absent: false, at }
    }

    const fn known(text: String, at: At) -> Self {
        Self { text, whole: true, absent: false, at }
    }

    fn followed_by(mut self, other: &Self) -> Self {
        if self.absent {
            return Self::unknown(self.at);
        }
        if self.whole {
            if self.text.is_empty() {
                self.at = other.at;
            }
            self.whole = other.whole && self.text.len() + other.text.len() <= LONGEST;
            if self.text.len() + other.text.len() <= LONGEST {
                self.text.push_str(&other.text);
            }
        }
        self
    }

    /// The URL or `host:port` that it is; without a path where that is not known whole.
    pub fn url(&self) -> Option<String> {
        let Some((scheme, rest)) = self.text.split_once("://") else {
            return (self.whole && self.text.contains(':')).then(|| self.text.clone());
        };
        let end = rest.find(['/', '?', '#']);
        match end {
            _ if self.whole => Some(self.text.clone()),
            Some(end) => Some(format!("{scheme}://{}", &rest[..end])),
            None => None,
        }
    }
}

/// The names that a script gives to texts, as it is read.
pub struct Definitions<'a> {
    tokens: &'a [Token<'a>],
    variable: &'a dyn Fn(&str) -> Option<String>,
    known: BTreeMap<String, Value>,
    /// How many tokens may still be looked at a second time.
    budget: Cell<usize>,
}

impl<'a> Definitions<'a> {
    /// None yet.
    pub fn new(tokens: &'a [Token<'a>], variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { tokens, variable, known: BTreeMap::new(), budget: Cell::new(BUDGET) }
    }

    /// Whether one more token may be looked at.
    pub fn spend(&self) -> bool {
        let left = self.budget.get();
        self.budget.set(left.saturating_sub(1));
        left > 0
    }

    fn is(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(mark))
    }

    fn word(&self, at: usize) -> Option<&'a str> {
        self.tokens.get(at).and_then(Token::word)
    }

    /// Takes in `const NAME = …`, whose first word stands here; gives the name and what it comes to.
    pub fn define(&mut self, at: usize) -> Option<(String, Value)> {
        let name = self.word(at + 1)?.to_owned();
        if !self.is(at + 2, '=') {
            return None;
        }
        if self.is(at + 3, '{') {
            self.object(&name, at + 4);
            return None;
        }
        let value = self.value(at + 3);
        self.keep(name.clone(), value.clone());
        Some((name, value))
    }

    /// Takes in `NAME = …` without a declaration: nobody can say which of its values counts.
    pub fn reassigned(&mut self, at: usize) {
        let Some(name) = self.word(at) else { return };
        let declared = at > 0 && matches!(self.word(at - 1), Some("const" | "let" | "var"));
        let of_another = at > 0 && self.is(at - 1, '.');
        if self.is(at + 1, '=')
            && !declared
            && !of_another
            && let Some(known) = self.known.get_mut(name)
        {
            *known = Value::unknown(known.at);
        }
    }

    fn keep(&mut self, name: String, value: Value) {
        if self.known.len() < MOST_NAMES && name.len() <= 128 {
            self.known.insert(name, value);
        }
    }

    /// The texts in an object, as `NAME.key`.
    fn object(&mut self, name: &str, first: usize) {
        let mut open = 1_usize;
        for at in first..(first + REACH).min(self.tokens.len()) {
            if !self.spend() {
                return;
            }
            match &self.tokens[at].kind {
                Kind::Mark('(' | '[' | '{') => open += 1,
                Kind::Mark(')' | ']' | '}') => open -= 1,
                Kind::Mark(':') if open == 1 => {
                    let key = match &self.tokens[at - 1].kind {
                        Kind::Word(key) => (*key).to_owned(),
                        Kind::Text(parts) => match parts.as_slice() {
                            [Part::Plain(key)] => key.clone(),
                            _ => continue,
                        },
                        _ => continue,
                    };
                    let value = self.value(at + 1);
                    if !value.text.is_empty() {
                        self.keep(format!("{name}.{key}"), value);
                    }
                }
                _ => {}
            }
            if open == 0 {
                return;
            }
        }
    }

    /// What the expression comes to that begins here.
    pub fn value(&self, at: usize) -> Value {
        self.either(at, 0).0
    }

    /// Operands of `||` and `??`: the first that is there. Gives where the expression ends, too.
    fn either(&self, at: usize, depth: u8) -> (Value, usize) {
        let (mut value, mut end) = self.sum(at, depth);
        while self.tokens.get(end).is_some_and(|token| token.is_operator("||") || token.is_operator("??")) {
            let (next, after) = self.sum(end + 1, depth);
            end = after;
            if value.absent || (value.whole && value.text.is_empty()) {
                value = next;
            }
        }
        (value, end)
    }

    fn sum(&self, at: usize, depth: u8) -> (Value, usize) {
        let (mut value, mut end) = self.operand(at, depth);
        while self.is(end, '+') {
            let (next, after) = self.operand(end + 1, depth);
            end = after;
            value = value.followed_by(&next);
        }
        (value, end)
    }

    fn operand(&self, at: usize, depth: u8) -> (Value, usize) {
        let Some(token) = self.tokens.get(at).filter(|_| self.spend()) else {
            return (Value::unknown(At { line: 1, column: 1 }), at);
        };
        let (value, end) = match &token.kind {
            Kind::Text(parts) => (self.text(parts, token.at), at + 1),
            Kind::Mark('(') if depth < DEPTH => {
                let (value, end) = self.either(at + 1, depth + 1);
                if !self.is(end, ')') {
                    return (Value::unknown(token.at), end);
                }
                (value, end + 1)
            }
            Kind::Word(word) => self.named(word, at),
            _ => (Value::unknown(token.at), at + 1),
        };
        self.behind(value, end)
    }

    /// Calls that change nothing are passed over; of all others nobody knows what they make of it.
    fn behind(&self, mut value: Value, mut end: usize) -> (Value, usize) {
        while self.is(end, '.') || self.is(end, '(') || self.is(end, '[') {
            let harmless = self.is(end, '.')
                && self.word(end + 1).is_some_and(|name| HARMLESS.contains(&name))
                && self.is(end + 2, '(');
            if !harmless {
                value = Value::unknown(value.at);
            }
            let opening = if self.is(end, '.') { end + 2 } else { end };
            end = if self.is(opening, '(') || self.is(opening, '[') { self.closed(opening) } else { opening };
        }
        (value, end)
    }

    /// Behind the bracket that closes the one that opens here.
    fn closed(&self, opening: usize) -> usize {
        let mut open = 0_usize;
        for at in opening..(opening + REACH).min(self.tokens.len()) {
            if !self.spend() {
                break;
            }
            match self.tokens[at].kind {
                Kind::Mark('(' | '[' | '{') => open += 1,
                Kind::Mark(')' | ']' | '}') => open = open.saturating_sub(1),
                _ => {}
            }
            if open == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    /// A name: `__ENV.NAME`, `__ENV["NAME"]`, one that is defined, or a number.
    fn named(&self, word: &str, at: usize) -> (Value, usize) {
        let place = self.tokens[at].at;
        if word == "__ENV" {
            let (name, end) = match self.tokens.get(at + 2).map(|token| &token.kind) {
                Some(Kind::Word(name)) if self.is(at + 1, '.') => (Some((*name).to_owned()), at + 3),
                Some(Kind::Text(parts)) if self.is(at + 1, '[') && self.is(at + 3, ']') => match parts.as_slice() {
                    [Part::Plain(name)] => (Some(name.clone()), at + 4),
                    _ => (None, at + 4),
                },
                _ => (None, at + 1),
            };
            return match name {
                Some(name) => (self.variable(&name, place), end),
                None => (Value::unknown(place), end),
            };
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return (Value::known(word.to_owned(), place), at + 1);
        }
        if let (true, Some(property)) = (self.is(at + 1, '.'), self.word(at + 2))
            && let Some(value) = self.known.get(&format!("{word}.{property}"))
        {
            return (value.clone(), at + 3);
        }
        (self.known.get(word).cloned().unwrap_or(Value::unknown(place)), at + 1)
    }

    fn variable(&self, name: &str, at: At) -> Value {
        match (self.variable)(name).filter(|value| !value.is_empty() && value.len() <= LONGEST) {
            Some(value) => Value::known(value, at),
            None => Value { absent: true, ..Value::unknown(at) },
        }
    }

    fn text(&self, parts: &[Part], at: At) -> Value {
        let mut value = Value::known(String::new(), at);
        for part in parts {
            value = match part {
                Part::Plain(text) if text.len() <= LONGEST => value.followed_by(&Value::known(text.clone(), at)),
                Part::Plain(_) => value.followed_by(&Value::unknown(at)),
                Part::Expression(inner) => value.followed_by(&self.inner(inner.trim(), at)),
            };
        }
        value
    }

    /// What stands between `${` and `}`: a name, and no more.
    fn inner(&self, name: &str, at: At) -> Value {
        if let Some(name) = name.strip_prefix("__ENV.") {
            return self.variable(name, at);
        }
        self.known.get(name).cloned().unwrap_or(Value::unknown(at))
    }
}
