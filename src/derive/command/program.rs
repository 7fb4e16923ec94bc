//! Programs whose command lines the catalogue knows: whom they are told to connect to.

use super::shell::{DEV_TCP, UNKNOWN, assignment, is_shell};
use crate::catalog::{Catalog, Operands, Part, Program, Technology, program_name};
use crate::derive::address::{self, Form};

/// What a program is told: an address or a host, and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The option, or the program where no option says it.
    pub name: String,
    /// URLs, `host:port`, or a host.
    pub value: String,
    /// Whether it is a host that may have its port elsewhere.
    pub host: bool,
}

/// What was understood of the words of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// Whom it connects to.
    pub told: Vec<Told>,
    /// Port, user, password and database, by the words that variables end in.
    pub beside: Vec<(String, String)>,
    /// Which words are read.
    pub read: Vec<bool>,
}

/// Programs that start the one whose name comes after theirs, with options and values of their own at most.
const STARTERS: &[&str] = &[
    "exec",
    "command",
    "env",
    "nohup",
    "sudo",
    "tini",
    "dumb-init",
    "gosu",
    "su-exec",
    "timeout",
    "nice",
    "time",
    "setpriv",
    "catatonit",
    "watch",
    "xargs",
    "docker-entrypoint",
    "entrypoint",
    "docker-init",
    "opentelemetry-instrument",
];

/// What socat calls the connections that it makes.
const RELAYS: &[&str] =
    &["tcp", "tcp4", "tcp6", "tcp-connect", "tcp4-connect", "tcp6-connect", "openssl", "openssl-connect", "ssl"];

/// How far from one of these the name can stand.
const REACH: usize = 4;

/// The program that a simple command runs, and where its name stands; behind the last word where the image starts it.
#[must_use]
pub fn find<'a>(words: &[String], image: &str, catalog: &'a Catalog) -> (usize, Option<(&'a Technology, &'a Program)>) {
    let first = words.iter().position(|word| assignment(word).is_none()).unwrap_or(words.len());
    let known = |at: usize| words.get(at).and_then(|word| catalog.of_program(program_name(word)));
    let Some(word) = words.get(first) else { return (first, None) };
    if known(first).is_some() {
        return (first, known(first));
    }
    let name = program_name(word);
    let file = word.rsplit('/').next().unwrap_or(word);
    let reach = match () {
        () if STARTERS.contains(&name) => REACH,
        // The image's script, which starts what it is given.
        () if name != file || name.ends_with("entrypoint") => 1,
        () => 0,
    };
    if let Some(at) = (first + 1..=first + reach).find(|&at| known(at).is_some()) {
        return (at, known(at));
    }
    (first, catalog.program_of_image(image))
}

/// The scripts that a simple command runs, as they are named: by a path or by `NAME.sh`. A program that is known is none.
#[must_use]
pub fn scripts<'a>(words: &'a [String], catalog: &Catalog) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut shell = false;
    for word in words.iter().filter(|word| assignment(word).is_none() && !word.starts_with(['-', '+'])).take(REACH) {
        if word.contains(UNKNOWN) || catalog.of_program(program_name(word)).is_some() {
            break;
        }
        if is_shell(word) || matches!(word.as_str(), "source" | ".") {
            shell = true;
            continue;
        }
        let starts = STARTERS.contains(&program_name(word));
        if shell || word.contains('/') || word.strip_suffix(".sh").is_some() {
            found.push(word.as_str());
        }
        if shell || !starts {
            break;
        }
    }
    found
}

/// The names of the programs that a simple command may start by its words: its own first, then those behind it where that one
/// starts others. A word that names a user is none.
pub fn started(words: &[String]) -> impl Iterator<Item = &str> {
    let first = words.iter().position(|word| assignment(word).is_none()).unwrap_or(words.len());
    let name = words.get(first).map_or("", |word| program_name(word));
    let starts = STARTERS.contains(&name) || name.ends_with("entrypoint");
    let is_user = move |at: usize| {
        let before = at.checked_sub(1).and_then(|before| words.get(before)).map_or("", |word| program_name(word));
        matches!(before, "gosu" | "su-exec" | "setuser" | "chroot" | "-u" | "--user" | "--reuid")
    };
    let last = if starts { first + REACH } else { first };
    let places = (first..=last).filter(move |&at| !is_user(at));
    places.filter_map(|at| words.get(at)).map(|word| program_name(word))
}

/// What a program's words tell it. `at` is where its name stands; where the image starts it, all words are its own.
#[must_use]
pub fn understand(words: &[String], at: usize, program: &Program, look: &dyn Fn(&str) -> Option<String>) -> Understood {
    let named = words.get(at).is_some_and(|word| program.names.iter().any(|name| name == program_name(word)));
    let start = if named { at + 1 } else { at };
    let title = program.names.first().map_or("command", String::as_str);
    let title = words.get(at).filter(|_| named).map_or(title, |word| program_name(word));
    let mut found = Understood { read: vec![false; words.len()], ..Understood::default() };
    let mut operands = Vec::new();
    let mut next = start;
    while let Some(word) = words.get(next) {
        let here = next;
        next += 1;
        if !word.starts_with('-') || word.len() < 2 {
            operands.push(here);
            continue;
        }
        let Some((option, value)) = option(program, word) else { continue };
        if program.except.contains(&option) {
            return Understood { read: vec![true; words.len()], ..Understood::default() };
        }
        let Some(part) = program.part(&option) else { continue };
        found.read[here] = true;
        let value = match value {
            Some(value) => value,
            None if program.glued.contains(&option) => continue,
            None => {
                let Some(value) = words.get(next) else { continue };
                found.read[next] = true;
                next += 1;
                value.clone()
            }
        };
        let behind = words.get(next).filter(|word| part == Part::Host && address::port_number(word).is_some());
        if let Some(port) = behind {
            found.read[next] = true;
            next += 1;
            found.beside.push(("PORT".into(), port.clone()));
        }
        found.take(part, format!("{title} {option}"), &value);
    }
    found.operands(words, &operands, program, title);
    for (part, names) in program.parts() {
        let variables = names.iter().filter(|name| !name.starts_with('-'));
        let assigned =
            |name: &str| words[..at].iter().filter_map(|word| assignment(word)).find(|(key, _)| *key == name);
        for name in variables {
            let value = assigned(name).map(|(_, value)| value.to_owned()).or_else(|| look(name));
            if let Some(value) = value {
                found.take(part, name.clone(), &value);
            }
        }
    }
    if let Some(port) = program.port {
        found.beside.push(("PORT".into(), port.to_string()));
    }
    found
}

/// Host and port of bash's `/dev/tcp/HOST/PORT`.
#[must_use]
pub fn dev_tcp(words: &[String]) -> Option<Told> {
    let [first, host, port] = words else { return None };
    let port = address::port_number(port).filter(|_| first == DEV_TCP)?;
    Some(Told { name: DEV_TCP.into(), value: crate::target::host_and_port(host, port), host: false })
}

/// An option as the catalogue writes it, and the value that stands in the same word.
fn option(program: &Program, word: &str) -> Option<(String, Option<String>)> {
    let known = |name: &str| program.part(name).is_some() || program.except.iter().any(|other| other == name);
    if known(word) {
        return Some((word.to_owned(), None));
    }
    if let Some((name, value)) = word.split_once('=').filter(|(name, _)| known(name)) {
        return Some((name.to_owned(), Some(value.to_owned())));
    }
    if let Some((name, value)) = word.split_once(' ').filter(|(name, _)| known(name)) {
        return Some((name.to_owned(), Some(value.trim().to_owned())));
    }
    // `-zvw2`: flags, the last of which may have its value behind it.
    let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'))?;
    let except = letters.chars().map(|letter| format!("-{letter}")).find(|name| program.except.contains(name));
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        let name = format!("-{letter}");
        if program.part(&name).is_some() {
            let value = rest.as_str();
            return Some((name, (!value.is_empty()).then(|| value.to_owned())));
        }
        // A word like `-verbose` is no row of letters; these are few, and letters.
        if except.as_ref() == Some(&name) && letters.len() <= 4 {
            return Some((name, None));
        }
        if !letter.is_ascii_alphanumeric() {
            return None;
        }
    }
    None
}

impl Understood {
    fn take(&mut self, part: Part, name: String, value: &str) {
        // A login of which a part is not known is none.
        if value.contains(UNKNOWN) {
            return;
        }
        let end = match part {
            Part::Address => {
                self.told.push(Told { name, value: value.to_owned(), host: false });
                return;
            }
            Part::Host => {
                // SQL Server's programs write `tcp:host,port`.
                let value = value.strip_prefix("tcp:").unwrap_or(value);
                let place = value.split_once(',').filter(|(_, port)| address::port_number(port).is_some());
                let value = place.map_or_else(|| value.to_owned(), |(host, port)| format!("{host}:{port}"));
                self.told.push(Told { name, value, host: true });
                return;
            }
            Part::Port => "PORT",
            Part::User => "USER",
            Part::Password => "PASSWORD",
            Part::Database => "DATABASE",
            Part::Other => return,
        };
        // A database may be named by a whole URL.
        if part == Part::Database && address::parse(value).iter().any(|found| found.form != Form::Host) {
            self.told.push(Told { name, value: value.to_owned(), host: false });
        } else {
            self.beside.push((end.into(), value.to_owned()));
        }
    }

    fn operands(&mut self, words: &[String], all: &[usize], program: &Program, title: &str) {
        let mut tell = |value: String, read: &[usize]| {
            for &at in read {
                self.read[at] = true;
            }
            self.told.push(Told { name: title.to_owned(), value, host: false });
        };
        match program.operands {
            None => {}
            Some(Operands::Urls) => {
                for &at in all {
                    if let Some(url) = url(&words[at]) {
                        tell(url, &[at]);
                    }
                }
            }
            Some(Operands::Addresses) => {
                for &at in all {
                    let word = words[at].strip_prefix("tcp:").filter(|rest| !rest.starts_with("//"));
                    let word = word.unwrap_or(&words[at]);
                    let found = address::parse(word);
                    if !found.is_empty() && found.iter().all(|found| found.form != Form::Host) {
                        tell(word.to_owned(), &[at]);
                    }
                }
            }
            Some(Operands::Relayed) => {
                for &at in all {
                    let place = words[at].split(',').next().and_then(|place| place.split_once(':'));
                    let (done, address) = place.unwrap_or_default();
                    let connects = RELAYS.contains(&done.to_ascii_lowercase().as_str());
                    let found = address::parse(address);
                    if connects && matches!(&found[..], [one] if one.form == Form::HostPort) {
                        tell(address.to_owned(), &[at]);
                    }
                }
            }
            Some(Operands::HostAndPort) => {
                let port = all.get(1).and_then(|&at| address::port_number(&words[at]));
                if let (Some(port), Some(&at)) = (port, all.first()) {
                    tell(crate::target::host_and_port(&words[at], port), &[at, all[1]]);
                }
            }
        }
    }
}

/// A URL without what may be filled in behind its authority; `host:port/path` is HTTP.
fn url(word: &str) -> Option<String> {
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None => ("http", word),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let is_bare = !word.contains("://");
    // What has no scheme is a method, a file or a header as often as a server.
    if is_bare && authority.rsplit_once(':').and_then(|(_, port)| address::port_number(port)).is_none() {
        return None;
    }
    let path = if path.contains(['$', '{', '<', '%', '*']) { "" } else { path };
    let url = format!("{scheme}://{authority}{path}");
    (!address::parse(&url).is_empty()).then_some(url)
}
