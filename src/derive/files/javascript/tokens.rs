//! JavaScript's tokens (ECMA-262), as far as texts and names need them.

use super::super::scan::{At, Scanner};

/// More tokens than this are a bundle, which nobody wrote.
const MOST_TOKENS: usize = 200_000;

/// A token and its place; that of a text is behind its quotation mark.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Where it stands.
    pub at: At,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    /// A text, in its parts.
    Text(Vec<Part>),
    /// An operator of two or three characters, such as `||`.
    Operator(&'a str),
    /// Any other character.
    Mark(char),
    /// A regular expression.
    Pattern,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// What stands there as it is.
    Plain(String),
    /// `${…}`, with what stands in it.
    Expression(String),
}

impl<'a> Token<'a> {
    /// The word that it is.
    pub fn word(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this character.
    pub fn is(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// Whether it is this operator.
    pub fn is_operator(&self, operator: &str) -> bool {
        self.kind == Kind::Operator(operator)
    }
}

const OPERATORS: &[&str] =
    &["===", "!==", "??=", "||=", "&&=", "...", "=>", "==", "!=", "<=", ">=", "||", "&&", "??", "?.", "+=", "++"];

/// The tokens of a script, without comments.
pub fn of(text: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner::new(text);
    let mut tokens: Vec<Token> = Vec::new();
    while let Some(next) = scanner.peek() {
        let (at, rest) = (scanner.at(), scanner.rest());
        if tokens.len() == MOST_TOKENS {
            break;
        }
        let kind = if next.is_whitespace() {
            scanner.next();
            continue;
        } else if rest.starts_with("//") {
            scanner.line();
            continue;
        } else if scanner.eat("/*") {
            scanner.until("*/");
            continue;
        } else if matches!(next, '"' | '\'') {
            scanner.next();
            let at = scanner.at();
            let text = Kind::Text(vec![Part::Plain(quoted(&mut scanner, next))]);
            tokens.push(Token { kind: text, at });
            continue;
        } else if next == '`' {
            scanner.next();
            let at = scanner.at();
            let text = Kind::Text(template(&mut scanner));
            tokens.push(Token { kind: text, at });
            continue;
        } else if next == '/' && may_be_pattern(tokens.last()) {
            pattern(&mut scanner);
            Kind::Pattern
        } else if is_part(next) {
            Kind::Word(scanner.while_in(is_part))
        } else if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
            Kind::Operator(scanner.skip(operator.len()))
        } else {
            scanner.next();
            Kind::Mark(next)
        };
        tokens.push(Token { kind, at });
    }
    tokens
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

/// A text in quotes, which ends with its line at the latest.
fn quoted(scanner: &mut Scanner, mark: char) -> String {
    let mut out = String::new();
    loop {
        out.push_str(scanner.while_in(|c| c != mark && c != '\\' && c != '\n'));
        match scanner.peek() {
            Some('\\') => {
                scanner.next();
                out.extend(scanner.next());
            }
            Some('\n') | None => return out,
            Some(_) => {
                scanner.next();
                return out;
            }
        }
    }
}

/// What stands up to the backtick that ends a template.
fn template(scanner: &mut Scanner) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    loop {
        plain.push_str(scanner.while_in(|c| !matches!(c, '`' | '\\' | '$')));
        if scanner.eat("${") {
            parts.push(Part::Plain(std::mem::take(&mut plain)));
            parts.push(Part::Expression(expression(scanner)));
            continue;
        }
        match scanner.next() {
            Some('\\') => plain.extend(scanner.next()),
            Some('$') => plain.push('$'),
            _ => {
                parts.push(Part::Plain(plain));
                parts.retain(|part| *part != Part::Plain(String::new()));
                return parts;
            }
        }
    }
}

/// What stands up to the brace that closes `${`.
fn expression(scanner: &mut Scanner) -> String {
    let mut open = 1_usize;
    let mut inner = String::new();
    while let Some(next) = scanner.next() {
        match next {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            break;
        }
        inner.push(next);
    }
    inner
}

/// Whether a slash begins a regular expression, by what stands before it.
fn may_be_pattern(before: Option<&Token>) -> bool {
    match before.map(|token| &token.kind) {
        None | Some(Kind::Operator(_)) => true,
        Some(Kind::Mark(mark)) => !matches!(mark, ')' | ']' | '}'),
        Some(Kind::Word(word)) => matches!(*word, "return" | "case" | "typeof"),
        Some(Kind::Text(_) | Kind::Pattern) => false,
    }
}

fn pattern(scanner: &mut Scanner) {
    scanner.next();
    let mut class = false;
    while let Some(next) = scanner.peek().filter(|&next| next != '\n') {
        scanner.next();
        match next {
            '\\' => drop(scanner.next()),
            '[' => class = true,
            ']' => class = false,
            '/' if !class => return,
            _ => {}
        }
    }
}
