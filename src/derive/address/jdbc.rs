//! `jdbc:` and `r2dbc:` URLs, which every vendor writes in another way.
//!
//! MySQL Connector/J and MariaDB Connector/J (failover lists, replication, key-value forms), PostgreSQL, SQL Server
//! (`//host\instance:port;name=value`), Oracle thin (`@host:port:sid`, `@//host:port/service`). A form that is not known
//! yields nothing rather than something wrong.

use super::parameters::{self, unquoted};
use super::{Address, Form, database, decode, host_and_port, url};
use crate::plan::Credentials;

/// Words before or after the vendor's name that say how the driver connects, and may be shown.
const MODES: &[&str] =
    &["aurora", "aws-wrapper", "failover", "jtds", "loadbalance", "p6spy", "pool", "replication", "sequential", "srv"];

/// Every address of the value, or `None` where it is not understood or leads to no server.
pub(super) fn parse(value: &str) -> Option<Vec<Address>> {
    let (kind, rest) = value.split_once(':')?;
    let kind = kind.to_ascii_lowercase();
    let lower = rest.to_ascii_lowercase();
    // A descriptor is written in several lines.
    let place = rest.rsplit_once('@').map_or("", |(_, place)| place);
    if lower.starts_with("oracle:thin:") && place.starts_with('(') {
        return oracle_description(&kind, place);
    }
    if rest.contains(char::is_whitespace) {
        return None;
    }
    if lower.starts_with("oracle:thin:") {
        return oracle(&kind, rest.get("oracle:thin:".len()..)?);
    }
    let (words, rest) = rest.split_once("://")?;
    let words: Vec<_> = words.split(':').map(str::to_ascii_lowercase).collect();
    // `mysql+srv` asks DNS for the hosts; `tc` starts a container of its own.
    if words.iter().any(|word| word.ends_with("+srv") || word == "tc") {
        return None;
    }
    // A driver may be wrapped in others: `p6spy:mysql`, `aws-wrapper:postgresql`, `jtds:sqlserver`.
    let known = words.iter().find(|word| crate::catalog::catalog().of_scheme(word).is_some());
    let scheme = known.or_else(|| words.last())?;
    // It is shown: what is no vendor's name may be anything.
    if !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-_".contains(&byte)) {
        return None;
    }
    let mut found = if scheme == "sqlserver" { sqlserver(rest) } else { generic(scheme, rest) }?;
    let shown = |word: &&String| *word == scheme || MODES.contains(&word.as_str());
    let shown: Vec<&str> = words.iter().filter(shown).map(String::as_str).collect();
    for address in &mut found {
        address.head.insert_str(0, &format!("{kind}:{}://", shown.join(":")));
    }
    Some(found)
}

fn generic(scheme: &str, rest: &str) -> Option<Vec<Address>> {
    let (base, query) = rest.split_once('?').unwrap_or((rest, ""));
    if url::is_in_doubt(rest, rest.find(['/', '?', '#']).unwrap_or(rest.len())) {
        return None;
    }
    // `(` opens MySQL's key-value forms, which have commas and slashes of their own.
    let mut found =
        if base.contains('(') { key_value(scheme, base)? } else { url::after_scheme(scheme, base, Form::Jdbc)? };
    let credentials = credentials_of(query.split('&'), decode);
    for address in &mut found {
        address.parameters = parameters::kept(query.split('&'));
        address.tail.push_str(&parameters::shown(query.split('&'), '&').replacen('&', "?", 1));
        address.credentials = address.credentials.take().or_else(|| credentials.clone());
    }
    Some(found)
}

/// `(host=a,port=1),(host=b)` and `address=(host=a)(port=1)`, before `/database`.
fn key_value(scheme: &str, base: &str) -> Option<Vec<Address>> {
    let (hosts, path) = base.rsplit_once(")/").unwrap_or((base.trim_end_matches('/'), ""));
    if hosts.contains('@') {
        return None;
    }
    let lower = hosts.to_ascii_lowercase();
    let groups: Vec<&str> = if lower.starts_with("address=") {
        lower
            .match_indices("address=")
            .map(|(at, _)| hosts[at..].split("),address=").next().unwrap_or_default())
            .collect()
    } else {
        hosts.split("),(").collect()
    };
    let mut found = Vec::new();
    for group in groups {
        let fields: Vec<_> = group.split(['(', ')', ',']).filter_map(|field| field.split_once('=')).collect();
        let field = |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let host = field("host").filter(|host| super::is_host(host))?;
        let port = match field("port") {
            Some(port) => Some(super::port_number(port)?),
            None => None,
        };
        let address = Address::new(Form::Jdbc, host, port);
        let place = match port {
            Some(port) => format!("(host={host},port={port})"),
            None => format!("(host={host})"),
        };
        let tail = match database(path) {
            Some(name) => format!("/{name}"),
            None if path.is_empty() => String::new(),
            None => "/…".into(),
        };
        let continues = !found.is_empty();
        found.push(Address {
            scheme: Some(scheme.into()),
            database: database(path),
            place,
            tail,
            continues,
            ..address
        });
    }
    Some(found)
}

/// `host\instance:port;databaseName=…;user=…;password=…`
fn sqlserver(rest: &str) -> Option<Vec<Address>> {
    let parts = parameters::split(rest, ';');
    let (first, parts) = parts.split_first()?;
    let (host, port) = match first.split_once('\\') {
        // A named instance without a port is found through UDP 1434.
        Some((host, instance)) => (host, Some(super::port_number(instance.split_once(':')?.1)?)),
        None => host_and_port(first.trim_end_matches('/'))?,
    };
    super::is_host(host).then_some(())?;
    let credentials = credentials_of(parts.iter().copied(), |text| unquoted(text).map(str::to_owned));
    let tail = parameters::shown(parts.iter().copied(), ';');
    let address = Address::new(Form::Jdbc, host, port);
    Some(vec![Address { scheme: Some("sqlserver".into()), credentials, tail, ..address }])
}

/// `@host:port:sid`, `@host:port/service`, `@//host:port/service`, each with `user/password` before it or not.
fn oracle(kind: &str, rest: &str) -> Option<Vec<Address>> {
    let (user, place) = rest.rsplit_once('@')?;
    let place = place.strip_prefix("//").unwrap_or(place);
    if place.contains(['(', '?']) {
        return None;
    }
    let authority = place.split('/').next()?;
    let mut parts = authority.splitn(3, ':');
    let (host, port) = (parts.next()?, parts.next());
    let port = match port {
        Some(port) => Some(super::port_number(port)?),
        None => None,
    };
    let user = if user.is_empty() { "" } else { "***" };
    let head = format!("{kind}:oracle:thin:{user}@");
    let tail = match place.split_once('/') {
        Some((_, name)) => database(name).map_or("/…".into(), |name| format!("/{name}")),
        None => String::new(),
    };
    let address = Address { scheme: Some("oracle".into()), head, tail, ..Address::new(Form::Jdbc, host, port) };
    super::is_host(host).then(|| vec![address])
}

/// `(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=oracle)(PORT=1521))…)`: Oracle Net's connect descriptors.
fn oracle_description(kind: &str, place: &str) -> Option<Vec<Address>> {
    let plain: String = place.chars().filter(|c| !c.is_whitespace()).collect();
    // Its words are read in any case, and names of hosts are, too.
    let plain = plain.to_ascii_lowercase();
    let value = |part: &str, name: &str| Some(part.split_once(name)?.1.split([')', '(']).next()?.to_owned());
    let mut found = Vec::new();
    for part in plain.split("(address=").skip(1) {
        let Some(host) = value(part, "(host=").filter(|host| super::is_host(host)) else { continue };
        let port = value(part, "(port=").and_then(|port| super::port_number(&port));
        let head = if found.is_empty() { format!("{kind}:oracle:thin:@") } else { String::new() };
        found.push(Address { scheme: Some("oracle".into()), head, ..Address::new(Form::Jdbc, &host, port) });
    }
    (!found.is_empty()).then_some(found)
}

/// `user` and `password` among `name=value` items.
fn credentials_of<'a>(
    items: impl Iterator<Item = &'a str>,
    read: impl Fn(&str) -> Option<String>,
) -> Option<Credentials> {
    let pairs: Vec<_> = items.filter_map(|item| item.split_once('=')).collect();
    let one = |names: &[&str]| {
        let named = |key: &str| names.iter().any(|name| name.eq_ignore_ascii_case(key));
        pairs.iter().find(|(key, _)| named(key)).and_then(|(_, value)| read(value))
    };
    let (user, password) = (one(&["user", "userName"])?, one(&["password"]));
    Some(Credentials { user, password: password.map(Into::into) })
}
