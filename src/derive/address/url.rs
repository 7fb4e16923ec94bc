//! `scheme://user:password@host1:port1,host2:port2/path?query`, alone or in lists (RFC 3986, and what people make of it).

use super::{Address, Form, database, decode, host_and_port, parameters, port_number, user_info, virtual_host};
use crate::catalog::catalog;
use crate::plan::Credentials;
use crate::target::Protocol;

/// One URL, or several with commas (or semicolons) between them; each may have a name: `influxdb=http://…`.
pub(super) fn parse_list(value: &str) -> Option<Vec<Address>> {
    if value.split([',', ';']).any(|item| item.trim().contains(char::is_whitespace)) {
        return None;
    }
    let mut urls: Vec<String> = Vec::new();
    for item in value.split_inclusive([',', ';']) {
        match urls.last_mut() {
            // Without a scheme of its own it is one more host of the URL before, or the rest of its query.
            Some(last) if !item.contains("://") => last.push_str(item.trim()),
            _ => urls.push(item.trim().to_owned()),
        }
    }
    let count = urls.len();
    let mut found = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        // The last one's separator separates nothing, and belongs to it.
        let url = if index + 1 < count { url.strip_suffix([',', ';']).unwrap_or(url).trim_end() } else { url };
        let bare = without_name(url);
        let mut addresses = parse(bare)?;
        for address in &mut addresses {
            address.head.insert_str(0, url.strip_suffix(bare).unwrap_or_default());
        }
        found.append(&mut addresses);
    }
    Some(found)
}

/// `influxdb=http://influxdb:8086` without its name: k6's outputs, etcd's members.
fn without_name(item: &str) -> &str {
    let Some((name, rest)) = item.split_once('=') else { return item };
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_name && rest.contains("://") { rest } else { item }
}

/// One URL, which may name several hosts.
pub(super) fn parse(url: &str) -> Option<Vec<Address>> {
    let (scheme, rest) = url.split_once("://")?;
    let written = scheme.to_ascii_lowercase();
    // Celery marks its result store so: `db+mysql://`.
    let database = written.strip_prefix("db+").filter(|rest| technology(rest).is_some());
    let scheme = database.unwrap_or(&written);
    let mut bytes = scheme.bytes();
    if !bytes.next()?.is_ascii_lowercase() || !bytes.all(|b| b.is_ascii_alphanumeric() || b"+.-_".contains(&b)) {
        return None;
    }
    let mut found = after_scheme(scheme, rest, Form::Url)?;
    for address in &mut found {
        address.head.insert_str(0, &format!("{written}://"));
    }
    Some(found)
}

/// A scheme that the catalogue knows, and at once host and port: `zk:zookeeper:2181/pulsar`, `consul:consul:8500`.
pub(super) fn parse_without_slashes(value: &str) -> Option<Vec<Address>> {
    let is_scheme = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let (scheme, rest) = value.split_once(':')?;
    if !is_scheme(scheme) || technology(scheme).is_none() {
        return None;
    }
    let mut found = after_scheme(scheme, rest, Form::Url)?;
    for address in &mut found {
        address.head.insert_str(0, &format!("{scheme}:"));
    }
    let is_written = |address: &Address| address.port.is_some() && address.credentials.is_none();
    found.iter().all(is_written).then_some(found)
}

/// The technology of a scheme, with a driver's name after `+` or without.
fn technology(scheme: &str) -> Option<&'static crate::catalog::Technology> {
    let found = catalog().of_scheme(scheme).or_else(|| catalog().of_scheme(scheme.split('+').next()?));
    found.map(|(technology, _)| technology)
}

/// A path as it may be shown: the name of a database, else nothing of it. In the paths of HTTP people keep keys.
fn shown_path(scheme: &str, rest: &str) -> String {
    let Some((_, path)) = rest.split_once('/') else { return String::new() };
    let has_databases =
        technology(scheme).is_some_and(|known| !matches!(known.protocol(), Protocol::Http | Protocol::Https));
    match database(path) {
        _ if path.is_empty() => "/".into(),
        Some(name) if has_databases => format!("/{name}"),
        _ => "/…".into(),
    }
}

/// The database that a path names. AMQP's virtual hosts may begin with an encoded slash (`/%2Forders`).
fn named_by(scheme: &str, path: &str) -> Option<String> {
    let first = path.split('/').next().unwrap_or_default();
    match technology(scheme) {
        Some(known) if known.protocol() == Protocol::Amqp => virtual_host(&decode(first)?),
        _ => database(first),
    }
}

/// Credentials in the query of a URL, where some clients of Redis take them.
fn of_query(scheme: &str, query: &str) -> Option<Credentials> {
    technology(scheme).filter(|known| known.protocol() == Protocol::Redis)?;
    let pairs = || query.split('&').filter_map(|item| item.split_once('='));
    let said = |name: &str| pairs().find(|(key, _)| *key == name).and_then(|(_, value)| decode(value));
    let password = said("password").filter(|password| !password.is_empty())?;
    Some(Credentials { user: said("username").unwrap_or_default(), password: Some(password.into()) })
}

/// What follows `://`. The scheme itself is for the caller to show.
pub(super) fn after_scheme(scheme: &str, rest: &str, form: Form) -> Option<Vec<Address>> {
    let (user, rest) = split_user_info(scheme, rest)?;
    let (rest, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let mut tail = shown_path(scheme, rest);
    if let Some(shown) = parameters::shown(query.split('&'), '&').strip_prefix('&') {
        tail = format!("{tail}?{shown}");
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let credentials = match user {
        Some(user) => Some(user_info(user)?),
        None => of_query(scheme, query),
    };
    let parameters = parameters::kept(query.split('&'));
    let safe_path = Some(format!("/{path}")).filter(|path| catalog().is_safe_path(path));
    let mut found = Vec::new();
    for part in authority.split(',') {
        // Some clients take user-info before each host.
        let (host, port) = host_and_port(part.rsplit('@').next().unwrap_or(part))?;
        found.push(Address {
            scheme: Some(scheme.to_owned()),
            database: named_by(scheme, path),
            safe_path: safe_path.clone(),
            credentials: credentials.clone(),
            parameters: parameters.clone(),
            head: user.map(|_| "***@".to_owned()).unwrap_or_default(),
            tail: tail.clone(),
            continues: !found.is_empty(),
            ..Address::new(form, host, port)
        });
    }
    Some(found)
}

/// Splits off `user:password@`. In a path of HTTP `@` is common; elsewhere a `/` before it stands in a password that should
/// have been encoded, and reading it as a path would take the user for a host. `None` where it could be either.
fn split_user_info<'a>(scheme: &str, rest: &'a str) -> Option<(Option<&'a str>, &'a str)> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let http = matches!(scheme, "http" | "https" | "ws" | "wss");
    if is_in_doubt(rest, end) {
        return None;
    }
    let at = match rest[..end].rfind('@') {
        Some(at) => Some(at),
        None if http => None,
        None => match rest.split('?').next().unwrap_or_default().rfind('@') {
            Some(_) if rest[..end].split_once(':').is_none_or(|(_, port)| port_number(port).is_some()) => return None,
            found => found,
        },
    };
    Some(match at {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    })
}

/// Whether an `@` after the end of the authority may end a password that should have been encoded, so that what seems to
/// be host and port would be the user and the start of the password.
pub(super) fn is_in_doubt(rest: &str, end: usize) -> bool {
    let (authority, after) = rest.split_at(end);
    if !authority.contains(':') {
        return false;
    }
    // Without a port that is one it is no address anyway, or all of it is user-info.
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port_number(port).is_some());
    after.match_indices('@').any(|(at, _)| {
        let (before, behind) = (&after[..at], &after[at + 1..]);
        let place = behind.split(['/', '?', '#', ',', '&']).next().unwrap_or_default();
        if place.rsplit_once(':').is_some_and(|(_, port)| port_number(port).is_some()) {
            return has_port || authority.contains('@') || before.contains(['?', '#']);
        }
        match before.find(['?', '#']) {
            // `/users/@me` is a path; `/x@y` is one only perhaps.
            None => has_port && !before.ends_with('/'),
            Some(0) => true,
            Some(query) => !before[query..].contains('='),
        }
    })
}
