//! `scheme://user:password@host1:port1,host2:port2/path?query`, alone or in lists (RFC 3986, and what people make of it).

use super::{Address, Form, database, host_and_port, port_number, user_info};

/// Parameters that are kept: they say how a client connects. Names are compared without case.
const PARAMETERS: &[&str] = &["sslMode", "useSSL", "allowPublicKeyRetrieval", "ssl-mode", "tls", "ssl", "db"];

/// One URL, or several with commas (or semicolons) between them; each may have a name: `influxdb=http://…`.
pub(super) fn parse_list(value: &str) -> Option<Vec<Address>> {
    if value.split([',', ';']).any(|item| item.trim().contains(char::is_whitespace)) {
        return None;
    }
    let mut urls: Vec<String> = Vec::new();
    for item in value.split([',', ';']).map(str::trim) {
        match urls.last_mut() {
            // Without a scheme of its own it is one more host of the URL before, or the rest of its query.
            Some(last) if !item.contains("://") => {
                last.push(',');
                last.push_str(item);
            }
            _ => urls.push(item.to_owned()),
        }
    }
    let mut found = Vec::new();
    for url in &urls {
        found.extend(parse(without_name(url))?);
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
    let scheme = scheme.to_ascii_lowercase();
    let mut bytes = scheme.bytes();
    if !bytes.next()?.is_ascii_lowercase() || !bytes.all(|b| b.is_ascii_alphanumeric() || b"+.-_".contains(&b)) {
        return None;
    }
    after_scheme(&scheme, rest, Form::Url)
}

/// What follows `://`.
pub(super) fn after_scheme(scheme: &str, rest: &str, form: Form) -> Option<Vec<Address>> {
    let (user, rest) = split_user_info(scheme, rest)?;
    let (rest, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let credentials = match user {
        Some(user) => Some(user_info(user)?),
        None => None,
    };
    let parameters = parameters(query.split('&'));
    let mut found = Vec::new();
    for part in authority.split(',') {
        // Some clients take user-info before each host.
        let (host, port) = host_and_port(part.rsplit('@').next().unwrap_or(part))?;
        found.push(Address {
            scheme: Some(scheme.to_owned()),
            database: database(path.split('/').next().unwrap_or_default()),
            credentials: credentials.clone(),
            parameters: parameters.clone(),
            secret: user.map(Into::into),
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

/// The parameters that are kept, of `name=value` items.
pub(super) fn parameters<'a>(items: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let pairs = items.filter_map(|item| item.split_once('='));
    let kept = pairs.filter_map(|(name, value)| {
        let name = PARAMETERS.iter().find(|known| known.eq_ignore_ascii_case(name.trim()))?;
        let plain =
            value.len() <= 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        plain.then(|| ((*name).to_owned(), value.to_owned()))
    });
    kept.collect()
}
