//! URLs whose password has a character that should have been percent-encoded.
//!
//! `/`, `?` and `#` end the part of a URL in which user and password stand (RFC 3986, section 3.2). What a client makes
//! of them there differs: `SQLAlchemy` takes all three for a part of the password, libpq only the last two, Go's `net/url`
//! and what Python's `urllib` reads (redis-py) none, so that such a client finds no server.

use super::{host_and_port, is_template, port_number, unquote};
use crate::catalog::catalog;
use crate::target::Protocol;

/// Where such a URL probably leads: its scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unencoded {
    /// The scheme in lower case.
    pub scheme: String,
    /// What stands for the user where it may be a host, as a port follows it: there may be no password at all.
    pub host_perhaps: Option<String>,
    /// The host without brackets.
    pub host: String,
    /// The port that is written, or the technology's own.
    pub port: u16,
}

/// Whether the password of this URL has such a character in it. `understood` says that the value was taken for an address
/// nevertheless.
#[must_use]
pub fn find(value: &str, understood: bool) -> Option<Unencoded> {
    let value = unquote(value.trim());
    if value.contains(|c: char| c.is_control() || c.is_whitespace()) || is_template(value) {
        return None;
    }
    let (scheme, rest) = value.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let known = catalog().of_scheme(&scheme).or_else(|| catalog().of_scheme(scheme.split('+').next()?));
    let technology = known.map(|(technology, _)| technology)?;
    if matches!(technology.protocol(), Protocol::Http | Protocol::Https | Protocol::Kafka) {
        return None;
    }
    let marks = ['/', '?', '#'];
    let (user_info, place) = rest.rsplit_once('@')?;
    let (user, password) = user_info.split_once(':')?;
    let authority = &rest[..rest.find(marks)?];
    if user.contains(marks) || !password.contains(marks) || rest.contains("://") {
        return None;
    }
    // What was understood has no user before its host, or a port that is one: it was no password.
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port_number(port).is_some());
    if understood && (has_port || authority.contains('@')) {
        return None;
    }
    let (host, port) = host_and_port(place.split(marks).next()?)?;
    let port = port.or(technology.default_port)?;
    Some(Unencoded { scheme, host_perhaps: has_port.then(|| user.to_owned()), host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::address::parse;

    #[test]
    fn a_password_that_is_no_part_of_a_url_is_told_from_a_path() {
        for (value, expected) in [
            ("postgresql://app:pa#ss@db:5432/shop", Some(("", "db", 5432))),
            ("postgresql://app:pa?ss@db/shop?sslmode=require", Some(("", "db", 5432))),
            ("postgresql+psycopg://app:pa/ss@db/shop", Some(("", "db", 5432))),
            ("redis://:a/b#c?d@cache/0", Some(("", "cache", 6379))),
            ("amqp://app:12/34@queue:5672/", Some(("app", "queue", 5672))),
            ("postgresql://app:pa%23ss@db/shop", None),
            ("postgresql://app:pass@db/shop#x", None),
            ("postgresql://app:pass@db/shop?options=a@b", None),
            ("redis://cache:6379/0?owner=a@b", None),
            ("redis://cache/0?owner=a:b@c", None),
            ("https://web:x/users/y@z", None),
            ("postgresql://app:${WORD}#@db/shop", None),
            ("postgresql://app:pa#ss@db:x/shop", None),
            ("postgresql://app:pa#ss@db1,db2/shop", None),
        ] {
            let found = find(value, !parse(value).is_empty());
            let perhaps = |found: &Unencoded| found.host_perhaps.clone().unwrap_or_default();
            let found = found.as_ref().map(|found| (perhaps(found), found.host.as_str(), found.port));
            assert_eq!(found, expected.map(|(host, to, port)| (host.to_owned(), to, port)), "{value}");
        }
    }
}
