//! The grammars in which people write addresses of servers. A value is understood as a whole or not at all.

mod jdbc;
mod keywords;
mod list;
mod parameters;
pub mod unencoded;
mod url;

use std::net::IpAddr;

pub use self::list::without_labels;
pub use self::parameters::{AUTHORITIES, CERTIFICATES};
use crate::catalog::catalog;
use crate::plan::Credentials;
use crate::target;

/// Longer values are no addresses.
const LONGEST_VALUE: usize = 4096;

/// More addresses than this in one value are not worth a check each.
const MOST_ADDRESSES: usize = 64;

/// What an address was written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// `scheme://…`
    Url,
    /// `jdbc:…` or `r2dbc:…`
    Jdbc,
    /// `host=…;port=…` in one of its dialects, or `user:password@tcp(host:port)/database`.
    Keywords,
    /// `host:port`
    HostPort,
    /// A host alone.
    Host,
}

/// One address found in a value.
#[derive(Clone, Debug)]
pub struct Address {
    /// What it was written as.
    pub form: Form,
    /// The scheme in lower case, where there is one.
    pub scheme: Option<String>,
    /// The host without brackets.
    pub host: String,
    /// The port, where one is written.
    pub port: Option<u16>,
    /// The name after the host: a database, where the protocol has databases.
    pub database: Option<String>,
    /// The path of a URL, where it is one that the catalogue calls safe to request of anybody.
    pub safe_path: Option<String>,
    /// Credentials that stand in the value itself.
    pub credentials: Option<Credentials>,
    /// Parameters that say how the client connects and are no secrets, as written.
    pub parameters: Vec<(String, String)>,
    /// What stands before the host, as it may be shown.
    head: String,
    /// Host and port, as they may be shown.
    place: String,
    /// What stands after the last host, as it may be shown.
    tail: String,
    /// Whether it is a further host of the address before it.
    continues: bool,
}

impl Address {
    fn new(form: Form, host: &str, port: Option<u16>) -> Self {
        Self {
            form,
            scheme: None,
            host: host.to_owned(),
            port,
            database: None,
            safe_path: None,
            credentials: None,
            parameters: Vec::new(),
            head: String::new(),
            place: match port {
                Some(port) => target::host_and_port(host, port),
                None if host.contains(':') => format!("[{host}]"),
                None => host.to_owned(),
            },
            tail: String::new(),
            continues: false,
        }
    }

    /// Whether it is a URL of Java's own drivers; R2DBC's have other defaults.
    #[must_use]
    pub fn is_jdbc(&self) -> bool {
        self.form == Form::Jdbc && self.head.starts_with("jdbc:")
    }

    /// Scheme, host and port alone, of an address that can hardly be anything else: a URL of a scheme that is known, or a
    /// connection string. What could be a secret that only looks like an address has none.
    #[must_use]
    pub fn place_alone(&self) -> Option<String> {
        let scheme = self.scheme.as_deref();
        let is_known = |scheme: &str| {
            let base = scheme.split('+').next().unwrap_or(scheme);
            matches!(scheme, "http" | "https" | "ws" | "wss" | "grpc" | "tcp") || catalog().of_scheme(base).is_some()
        };
        match self.form {
            Form::Url => scheme.filter(|scheme| is_known(scheme)).map(|scheme| format!("{scheme}://{}", self.place)),
            Form::Jdbc => {
                scheme.filter(|scheme| is_known(scheme)).map(|scheme| format!("jdbc:{scheme}://{}", self.place))
            }
            Form::Keywords => Some(self.place.clone()),
            Form::HostPort | Form::Host => None,
        }
    }

    /// A parameter by name, whatever its case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The addresses that a value consists of; empty where it is anything else.
#[must_use]
pub fn parse(value: &str) -> Vec<Address> {
    let value = unquote(value.trim());
    if value.is_empty() || value.len() > LONGEST_VALUE || value.contains(char::is_control) || is_template(value) {
        return Vec::new();
    }
    let array = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let found = match array {
        // A list as JSON or YAML writes it; `[::1]:80` has no quotes and no comma.
        Some(items) if items.contains(['"', '\'']) => {
            let items: Vec<_> = items.split(',').map(|item| unquote(item.trim())).collect();
            parse_plain(&items.join(","))
        }
        _ => {
            let bare = without_loader(value);
            // No voter of a cluster stands behind a loader: whatever is before the `@` may be a user.
            let is_voter = |address: &Address| address.head.ends_with('@');
            let is_loaded = bare.len() < value.len();
            let mut found = parse_plain(bare).filter(|found| !(is_loaded && found.iter().any(is_voter)));
            if let Some(first) = found.iter_mut().flatten().next() {
                first.head.insert_str(0, value.strip_suffix(bare).unwrap_or_default());
            }
            found
        }
    };
    found.filter(|found| found.len() <= MOST_ADDRESSES).unwrap_or_default()
}

/// An address without what only says how it is loaded or resolved: `optional:configserver:http://config:8888` of Spring,
/// `dns:///catalog:50051` of gRPC, `dns+store:10901` of Thanos, `metadata-store:zk:zookeeper:2181` of Pulsar.
fn without_loader(value: &str) -> &str {
    let rest = value.strip_prefix("optional:").unwrap_or(value);
    let rest = rest.strip_prefix("configserver:").unwrap_or(rest);
    ["dns:///", "passthrough:///", "dns+", "metadata-store:"]
        .iter()
        .find_map(|scheme| rest.strip_prefix(scheme))
        .unwrap_or(rest)
}

fn parse_plain(value: &str) -> Option<Vec<Address>> {
    let lower = value.get(..6).unwrap_or(value).to_ascii_lowercase();
    if lower.starts_with("jdbc:") || lower.starts_with("r2dbc:") {
        jdbc::parse(value)
    } else if let Some(rest) = value.strip_prefix("mysql://").filter(|rest| rest.contains("@tcp(")) {
        // Go's driver behind the scheme by which golang-migrate chooses it.
        let mut found = keywords::parse(rest)?;
        for address in &mut found {
            address.head.insert_str(0, "mysql://");
        }
        Some(found)
    } else if let Some(found) = in_words(value) {
        Some(found)
    } else if value.contains("://") {
        url::parse_list(value)
    } else if let Some(found) = url::parse_without_slashes(value) {
        Some(found)
    } else {
        keywords::parse(value).or_else(|| list::parse(value))
    }
}

/// A list with blanks between its items, each of which has a port or a scheme: what a script goes through word by word.
fn in_words(value: &str) -> Option<Vec<Address>> {
    if !value.contains(' ') || value.contains([',', ';', '=']) {
        return None;
    }
    let one = |word: &str| parse_plain(word).filter(|found| found.iter().all(|address| address.form != Form::Host));
    value.split_whitespace().map(one).collect::<Option<Vec<_>>>().map(|found| found.concat())
}

/// A value as it may be shown: made anew of what was understood, since a secret can stand wherever something was not.
#[must_use]
pub fn shown(value: &str, addresses: &[Address]) -> String {
    let separator = match () {
        () if value.contains(',') => ",",
        () if value.contains(';') => ";",
        () if value.trim().contains(' ') => " ",
        () => ",",
    };
    let mut shown = String::new();
    let mut before: Option<&Address> = None;
    for address in addresses {
        match before {
            Some(_) if address.continues => shown.push(','),
            Some(before) => {
                shown.push_str(&before.tail);
                shown.push_str(separator);
            }
            None => {}
        }
        if before.is_none() || !address.continues {
            shown.push_str(&address.head);
        }
        shown.push_str(&address.place);
        before = Some(address);
    }
    match before {
        Some(last) => shown.push_str(&last.tail),
        None => shown.push_str("***"),
    }
    crate::text::line(&shown, 256)
}

/// Whether something was left to be filled in.
fn is_template(value: &str) -> bool {
    ["${", "{{", "}}", "<%", "$(", "%(", "%s"].iter().any(|mark| value.contains(mark))
        || (value.contains('<') && value.contains('>'))
}

/// Quotation marks that came along from a file.
fn unquote(value: &str) -> &str {
    ['"', '\''].iter().find_map(|&mark| value.strip_prefix(mark)?.strip_suffix(mark)).map_or(value, str::trim)
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`; an IPv6 address may stand without brackets where no port follows.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return None,
        }
    } else if text.parse::<IpAddr>().is_ok() {
        (text, None)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if !is_host(host) {
        return None;
    }
    match port {
        None => Some((host, None)),
        Some(port) => Some((host, Some(port_number(port)?))),
    }
}

/// A port: digits alone, 1 to 65535.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok().filter(|&port| port != 0) } else { None }
}

/// Whether this can be a host's name or address. Underscores are allowed: Docker resolves them.
pub(super) fn is_host(text: &str) -> bool {
    if text.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A name of digits alone, or one that only looks like an address, is a number or a version.
    name.len() <= 253 && name.split('.').all(label) && name.contains(|c: char| c.is_ascii_alphabetic())
}

/// Percent-decoding, as user-info and database names need it. What is not UTF-8 is no text.
fn decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// Credentials from `user:password`, percent-encoded.
fn user_info(text: &str) -> Option<Credentials> {
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let password = match password {
        Some(password) => Some(decode(password)?.into()),
        None => None,
    };
    Some(Credentials { user: decode(user)?, password })
}

/// A database's name, if it is one that needs no quoting anywhere: what follows may be parameters in some vendor's dialect.
fn database(text: &str) -> Option<String> {
    let name = decode(text)?;
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    (plain && (1..=64).contains(&name.len())).then_some(name)
}

/// The name of a virtual host, which may begin with a slash; a slash alone is the one that a client gets that names none.
#[must_use]
pub fn virtual_host(name: &str) -> Option<String> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte));
    (plain && name != "/" && (1..=64).contains(&name.len())).then(|| name.to_owned())
}

#[cfg(test)]
mod tests;
