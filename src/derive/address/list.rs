//! `host:port`, lists of these, and hosts alone: what stands where no scheme does.

use super::{Address, Form, host_and_port, is_host, parameters, port_number};
use crate::plan::Credentials;

/// `host:port,host:port`; Kafka's voters `1@kafka:9093`; ZooKeeper's `zk:2181,zk2:2181/path`; `StackExchange.Redis`'
/// `redis:6379,password=…`. Every item must be an address.
pub(super) fn parse(value: &str) -> Option<Vec<Address>> {
    if let Some(found) = labelled(value) {
        return Some(found);
    }
    let mut items = value.split([',', ';']).map(str::trim).peekable();
    let mut found = Vec::new();
    // What follows a question mark are parameters of that address.
    let is_address = |item: &&str| !item.split('?').next().unwrap_or_default().contains('=');
    while let Some(item) = items.next_if(is_address) {
        // A comma at the end is no further address.
        if !item.is_empty() || items.peek().is_some() {
            found.push(one(item)?);
        }
    }
    let options: Vec<_> = items.collect();
    if options.iter().any(|option| !option.is_empty() && !option.contains('=')) {
        return None;
    }
    let option = |name: &str| {
        let mut pairs = options.iter().filter_map(|option| option.split_once('='));
        pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let password = option("password");
    let user = option("user").unwrap_or_default();
    for address in &mut found {
        if let Some(password) = &password {
            address.credentials = Some(Credentials { user: user.clone(), password: Some(password.clone().into()) });
        }
        address.parameters = parameters::kept(options.iter().copied());
    }
    if let Some(last) = found.last_mut() {
        last.tail.push_str(&parameters::shown(options.iter().copied(), ','));
    }
    Some(found)
}

/// `STORES=stores:9000,CARTS=carts:9000`: a label before each host, which must have a port.
fn labelled(value: &str) -> Option<Vec<Address>> {
    let is_label = |text: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        text.bytes().all(is_part) && text.contains(|c: char| c.is_ascii_alphabetic())
    };
    let one = |item: &str| {
        let (label, rest) = item.split_once('=')?;
        let (host, port) = rest.split_once(':')?;
        let port = port_number(port)?;
        (is_label(label) && is_host(host)).then(|| Address::new(Form::HostPort, host, Some(port)))
    };
    let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(one).collect::<Option<Vec<_>>>().filter(|found| !found.is_empty())
}

/// What is left where a label stands before each address, and a database and a password may stand behind it:
/// redis-commander's `local:redis:6379:0:password`. Items of another form stay as they are.
#[must_use]
pub fn without_labels(value: &str) -> String {
    let without = |item: &str| {
        let parts: Vec<_> = item.trim().split(':').collect();
        match parts[..] {
            [_, host, port, ..] if port_number(port).is_some() => format!("{host}:{port}"),
            _ => item.to_owned(),
        }
    };
    value.split(',').map(without).collect::<Vec<_>>().join(",")
}

fn one(item: &str) -> Option<Address> {
    let item = item.split('?').next().unwrap_or_default();
    let (authority, path) = item.split_once('/').unwrap_or((item, ""));
    // `registry:5000/app:1` is an image.
    if path.contains(':') {
        return None;
    }
    // The number of a voter: nothing else may stand before `@`, or a user would be taken for one.
    let (id, authority) = match authority.split_once('@') {
        Some((id, rest)) if id.bytes().all(|byte| byte.is_ascii_digit()) => (format!("{id}@"), rest),
        Some(_) => return None,
        None => (String::new(), authority),
    };
    let (host, port) = host_and_port(authority)?;
    let tail = if item.contains('/') { "/…".to_owned() } else { String::new() };
    match port {
        Some(_) => Some(Address { head: id, tail, ..Address::new(Form::HostPort, host, port) }),
        // `a/b` is a path or an image.
        None if item.contains('/') => None,
        None => Some(Address::new(Form::Host, host, None)),
    }
}
