//! The configuration of `HAProxy` (<https://docs.haproxy.org/>), as far as it says whom it connects to.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::scan::{At, Scanner, add, short};

/// The sections, each begun by its name at the start of a line.
const SECTIONS: &[&str] = &[
    "backend",
    "cache",
    "crt-store",
    "defaults",
    "fcgi-app",
    "frontend",
    "global",
    "http-errors",
    "listen",
    "log-forward",
    "mailers",
    "peers",
    "program",
    "resolvers",
    "ring",
    "userlist",
];

/// Every line with its first value: `global.maxconn`, `backend.NAME.balance`, `listen.NAME.bind`; of a server and whatever
/// else is named (`server NAME ADDRESS`, `nameserver`, `peer`, `mailer`), its address: `backend.NAME.server`.
///
/// Servers of a section whose mode is HTTP have it as their scheme (`http://app:8080`, with `ssl` `https://`), where their
/// port is written. Servers that are `disabled`, and sockets in files, are left out.
#[must_use]
pub fn entries(text: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut section = Section::default();
    let mut defaults = String::new();
    let modes = modes(text);
    for words in lines(text) {
        let [(name, _), rest @ ..] = words.as_slice() else { continue };
        if SECTIONS.contains(&name.as_str()) {
            let title = rest.first().map(|(title, _)| short(title).to_owned()).unwrap_or_default();
            section = Section { kind: name.clone(), title };
            continue;
        }
        if section.kind == "defaults" && name == "mode" {
            defaults = rest.first().map(|(mode, _)| short(mode).to_owned()).unwrap_or_default();
        }
        let at = match name.as_str() {
            "server" | "nameserver" | "peer" | "mailer" => 1,
            "server-template" => 2,
            _ => 0,
        };
        let Some((value, place)) = rest.get(at) else { continue };
        let more = &rest[at + 1..];
        let says = |word: &str| more.iter().any(|(known, _)| known == word);
        let mut value = value.clone();
        if at > 0 {
            let plain = ["ipv4@", "ipv6@"].iter().find_map(|mark| value.strip_prefix(mark)).unwrap_or(&value);
            let elsewhere = plain.starts_with('/') || plain.contains('@');
            if says("disabled") || elsewhere {
                continue;
            }
            let spoken = modes.get(&section).unwrap_or(&defaults);
            let has_port = plain.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty());
            value = match name.as_str() {
                "server" | "server-template" if spoken == "http" && has_port => {
                    format!("{}://{plain}", if says("ssl") { "https" } else { "http" })
                }
                _ => plain.to_owned(),
            };
        }
        let names = [section.kind.as_str(), section.title.as_str(), name.as_str()];
        let key: Vec<_> = names.into_iter().filter(|name| !name.is_empty() && name.len() <= 128).collect();
        add(&mut found, Some(key.join(".")), &value, *place);
    }
    found
}

/// The ports on which it speaks plain HTTP to its clients: none where it hangs up on some, since they may be us.
#[must_use]
pub fn http_ports(text: &str) -> Vec<u16> {
    let (mut section, mut defaults) = (Section::default(), String::new());
    let modes = modes(text);
    let hangs_up = |(word, _): &(String, At)| matches!(word.as_str(), "reject" | "silent-drop");
    if lines(text).flatten().any(|word| hangs_up(&word)) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for words in lines(text) {
        let words: Vec<_> = words.iter().map(|(word, _)| word.as_str()).collect();
        match words.as_slice() {
            [name, rest @ ..] if SECTIONS.contains(name) => {
                section = Section { kind: (*name).to_owned(), title: short(rest.first().unwrap_or(&"")).to_owned() };
            }
            ["mode", mode, ..] if section.kind == "defaults" => short(mode).clone_into(&mut defaults),
            ["bind", addresses, more @ ..] if matches!(section.kind.as_str(), "frontend" | "listen") => {
                let spoken = modes.get(&section).unwrap_or(&defaults);
                if spoken == "http" && !more.iter().any(|word| matches!(*word, "ssl" | "accept-proxy")) {
                    let ports = addresses.split(',').filter_map(|one| one.rsplit_once(':')?.1.parse().ok());
                    found.extend(ports.filter(|&port: &u16| port > 0));
                }
            }
            _ => {}
        }
    }
    found
}

/// A section, by what it is and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    kind: String,
    title: String,
}

/// The modes that sections other than `defaults` say, which may stand behind their servers.
fn modes(text: &str) -> BTreeMap<Section, String> {
    let mut found = BTreeMap::new();
    let mut section = Section::default();
    for words in lines(text) {
        let word = |at: usize| words.get(at).map(|(word, _)| short(word).to_owned()).unwrap_or_default();
        if SECTIONS.contains(&word(0).as_str()) {
            section = Section { kind: word(0), title: word(1) };
        } else if word(0) == "mode" && section.kind != "defaults" {
            found.insert(section.clone(), word(1));
        }
    }
    found
}

/// The words of each line, with their places.
fn lines(text: &str) -> impl Iterator<Item = Vec<(String, At)>> {
    let mut scanner = Scanner::new(text);
    std::iter::from_fn(move || {
        scanner.peek()?;
        let mut words = Vec::new();
        loop {
            let at = scanner.at();
            match scanner.peek() {
                None => break,
                Some('\n') => {
                    scanner.next();
                    break;
                }
                Some('#') => drop(scanner.line()),
                Some(next) if next.is_whitespace() => drop(scanner.next()),
                Some(_) => words.push((word(&mut scanner), at)),
            }
        }
        Some(words)
    })
}

fn word(scanner: &mut Scanner) -> String {
    let mut word = String::new();
    loop {
        word.push_str(scanner.while_in(|c| !c.is_whitespace() && !matches!(c, '#' | '"' | '\'' | '\\')));
        match scanner.peek() {
            Some('"') => {
                scanner.next();
                word.push_str(&scanner.quoted('"'));
            }
            Some('\'') => {
                scanner.next();
                word.push_str(scanner.until("'"));
            }
            Some('\\') => {
                scanner.next();
                word.extend(scanner.next());
            }
            _ => return word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::shown;
    use super::*;

    #[test]
    fn sections_say_where_they_speak_http() {
        for (text, expected) in [
            ("defaults\n mode http\nfrontend a\n bind *:8080\n bind :8443 ssl crt /x\n", &[8080][..]),
            ("listen a\n bind 0.0.0.0:81,[::]:82 v4v6\n mode http\n", &[81, 82]),
            ("defaults\n mode http\nfrontend db\n bind :5432\n mode tcp\nfrontend b\n bind :83 accept-proxy\n", &[]),
            ("frontend a\n bind :84\nbackend b\n mode http\n bind :85\n", &[]),
            ("listen a\n mode http\n bind /run/x.sock\n bind :${PORT}\n", &[]),
            ("listen a\n mode http\n bind :86\n tcp-request connection reject if { src 10.0.0.0/8 }\n", &[]),
        ] {
            assert_eq!(http_ports(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_become_entries() {
        for (text, expected) in [
            (
                "defaults\n  mode http\nbackend app\n  server a app1:80 check\n  server b app2:80 ssl verify none",
                &[
                    "defaults.mode=http @2:8",
                    "backend.app.server=http://app1:80 @4:12",
                    "backend.app.server=https://app2:80 @5:12",
                ][..],
            ),
            (
                "defaults\n mode http\nbackend db\n server a db:5432\n mode tcp",
                &["defaults.mode=http @2:7", "backend.db.server=db:5432 @4:11", "backend.db.mode=tcp @5:7"],
            ),
            (
                "listen db\n server a db:5432 disabled\n server b /run/x.sock\n server c unix@x\n server d ipv4@db:1",
                &["listen.db.server=db:1 @5:11"],
            ),
            ("backend x\n mode http\n server a app", &["backend.x.mode=http @2:7", "backend.x.server=app @3:11"]),
            ("backend x\n server-template w 1-3 app:80 check", &["backend.x.server-template=app:80 @2:24"]),
            ("resolvers docker\n nameserver dns 127.0.0.11:53", &["resolvers.docker.nameserver=127.0.0.11:53 @2:17"]),
            (
                "frontend f\n bind *:80\n acl a hdr(host) -i cache:80",
                &["frontend.f.bind=*:80 @2:7", "frontend.f.acl=a @3:6"],
            ),
            ("# server a b:1\nbackend x # y\n server a \"${HOST}:80\" # c", &["backend.x.server=${HOST}:80 @3:11"]),
            (
                "backend x\n server a 'b c':1\n server d\\ e f:1\n server g",
                &["backend.x.server=b c:1 @2:11", "backend.x.server=f:1 @3:14"],
            ),
            ("server a b:1\r\n", &["server=b:1 @1:10"]),
            ("", &[]),
        ] {
            assert_eq!(shown(&entries(text)), expected, "{text}");
        }
    }
}
