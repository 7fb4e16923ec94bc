//! `ports`: what a service publishes, in the short and the long form of the Compose Specification.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::error::Wrong;
use super::source::Place;
use super::yaml::{Node, Value};

/// The most ports that one entry may mean.
const WIDEST: usize = 65_536;

/// A published port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The port in the container.
    pub target: u16,
    /// The port on the host; `None` where the engine chooses one.
    pub published: Option<u16>,
    /// The host's address that it is bound to, where one is said.
    pub host: Option<IpAddr>,
    /// Whether it is TCP; else it is UDP or SCTP.
    pub tcp: bool,
    /// Where it is declared.
    pub place: Place,
}

/// The ports of a service. The same port twice, as overriding files give it, is one.
///
/// # Errors
///
/// The first entry that is no port.
pub fn read(node: Option<&Node>) -> Result<Vec<Port>, Wrong> {
    let mut ports: Vec<Port> = Vec::new();
    let Some(node) = node.filter(|node| node.value != Value::Null) else { return Ok(ports) };
    let Value::List(items) = &node.value else {
        return Err(Wrong::new(node.place, format!("`ports` must be a list, and this is {}", node.kind())));
    };
    for item in items {
        let read = match &item.value {
            Value::Text(text) => short(text, item.place),
            Value::Map(_) => long(item),
            _ => None,
        };
        let Some(read) = read else {
            let reason =
                "this is no published port: write it as \"8080:80\", or as a mapping with `target` and `published`";
            return Err(Wrong::new(item.place, reason));
        };
        for port in read {
            let same = |known: &Port| {
                (known.target, known.published, known.host, known.tcp)
                    == (port.target, port.published, port.host, port.tcp)
            };
            if !ports.iter().any(same) {
                ports.push(port);
            }
        }
    }
    Ok(ports)
}

/// `[[host:]published:]target[/protocol]`.
fn short(text: &str, place: Place) -> Option<Vec<Port>> {
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (rest, target) = match text.rsplit_once(':') {
        Some((rest, target)) => (Some(rest), target),
        None => (None, text),
    };
    let (host, published) = match rest {
        None => (None, None),
        Some(rest) => match rest.rsplit_once(':') {
            // An IPv6 address has colons of its own, and brackets.
            Some((host, published)) if !rest.ends_with(']') => (Some(host), Some(published)),
            _ if rest.starts_with('[') => (Some(rest), None),
            _ => (None, Some(rest)),
        },
    };
    entry(host, published, target, protocol, place)
}

fn long(item: &Node) -> Option<Vec<Port>> {
    let text = |key: &str| item.get(key).and_then(Node::as_text);
    let place = item.get("target")?.place;
    entry(text("host_ip"), text("published"), text("target")?, text("protocol").unwrap_or("tcp"), place)
}

fn entry(host: Option<&str>, published: Option<&str>, target: &str, protocol: &str, place: Place) -> Option<Vec<Port>> {
    let targets = range(target)?;
    let published = published.filter(|published| !published.is_empty()).map(range);
    let published = match published {
        Some(None) => return None,
        Some(published) => published,
        None => None,
    };
    let host = match host.map(|host| host.trim_matches(['[', ']'])).filter(|host| !host.is_empty()) {
        Some(host) => Some(host.parse().ok()?),
        None => None,
    };
    let tcp = protocol.eq_ignore_ascii_case("tcp");
    let port = |target: u16, published: Option<u16>| Port { target, published, host, tcp, place };
    Some(match published {
        None => targets.map(|target| port(target, None)).collect(),
        Some(published) if published.len() == targets.len() => {
            targets.zip(published).map(|(target, published)| port(target, Some(published))).collect()
        }
        // The engine takes a free one of the range.
        Some(published) if targets.len() == 1 && published.len() > 1 => vec![port(*targets.start(), None)],
        Some(_) => return None,
    })
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = first.trim().parse().ok()?..=last.trim().parse().ok()?;
    (range.start() <= range.end() && range.len() <= WIDEST).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::yaml;

    fn of(text: &str) -> Result<Vec<String>, String> {
        let node = yaml::parse(text, 0).unwrap().remove(0);
        let ports = read(Some(&node)).map_err(|wrong| wrong.reason)?;
        let shown = |port: Port| {
            let host = port.host.map(|host| format!("{host} ")).unwrap_or_default();
            let published = port.published.map_or("?".to_owned(), |published| published.to_string());
            format!("{host}{published}->{}{}", port.target, if port.tcp { "" } else { " other" })
        };
        Ok(ports.into_iter().map(shown).collect())
    }

    #[test]
    fn every_form_of_the_specification() {
        for (text, expected) in [
            ("['80']", &["?->80"][..]),
            ("[80]", &["?->80"]),
            ("['8080:80']", &["8080->80"]),
            ("['127.0.0.1:8080:80']", &["127.0.0.1 8080->80"]),
            ("['127.0.0.1::80']", &["127.0.0.1 ?->80"]),
            ("['[::1]:8080:80']", &["::1 8080->80"]),
            ("['[::1]::80']", &["::1 ?->80"]),
            ("['53:53/udp', '53:53']", &["53->53 other", "53->53"]),
            ("['3000-3001']", &["?->3000", "?->3001"]),
            ("['9000-9001:8000-8001']", &["9000->8000", "9001->8001"]),
            ("['9000-9009:80']", &["?->80"]),
            ("['80:80', '80:80']", &["80->80"]),
            ("[{target: 80, published: '8080', host_ip: 127.0.0.1}]", &["127.0.0.1 8080->80"]),
            ("[{target: 80, published: 8080, protocol: udp, mode: host}]", &["8080->80 other"]),
            ("[{target: 80}]", &["?->80"]),
            ("", &[]),
        ] {
            assert_eq!(of(if text.is_empty() { "~" } else { text }).unwrap(), expected, "{text}");
        }
        for text in ["['x']", "['80:x']", "[a: 1]", "80", "['1-2:3-5']", "['1:70000']", "[[80]]", "['host:80:80']"] {
            assert!(of(text).is_err(), "{text}");
        }
    }
}
