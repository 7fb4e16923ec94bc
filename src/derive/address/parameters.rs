//! Parameters beside an address: which say how a client connects, and which of them may be shown.

use super::{database, decode};

/// Parameters that are kept: they say how a client connects. Names are compared without case and without blanks, which
/// ADO.NET puts between words. `ssl-mode` and `ssl_mode` are other drivers' names than `sslMode`.
const KEPT: &[&str] = &[
    "sslMode",
    "useSSL",
    "allowPublicKeyRetrieval",
    "ssl-mode",
    "ssl_mode",
    "tls",
    "ssl",
    "db",
    "requireSSL",
    "verifyServerCertificate",
    "trustServerCertificate",
    "ssl_cert_reqs",
    "tlsInsecure",
    "tlsAllowInvalidCertificates",
    "createDatabaseIfNotExist",
];

/// Parameters that are kept and name a file with authorities; where that lies is shown to nobody.
pub const AUTHORITIES: &[&str] =
    &["sslrootcert", "ssl_ca_certs", "ssl_ca", "ssl-ca", "tlsCAFile", "trustCertificateKeyStoreUrl"];

/// Parameters that give a client a certificate of its own, with its key: those of libpq, JDBC's, Npgsql's and
/// Connector/NET's among them.
pub const CERTIFICATES: &[&str] = &[
    "sslcert",
    "sslkey",
    "ssl-cert",
    "ssl_cert",
    "ssl-key",
    "ssl_key",
    "ssl_certfile",
    "clientCertificateKeyStoreUrl",
    "keyStore",
    "CertificateFile",
    "SSLCertificate",
];

/// Parameters of which only that they are set is kept, beside [`CERTIFICATES`].
const NOTED: &[&str] = &["serverRSAPublicKeyFile"];

/// Parameters that hold no secret and may be shown, beside those that are kept. What is not listed is hidden: nobody knows
/// what somebody's driver calls a password.
const SHOWN: &[&str] = &[
    "abortConnect",
    "autoReconnect",
    "charset",
    "characterEncoding",
    "connectTimeout",
    "directConnection",
    "encrypt",
    "parseTime",
    "pooling",
    "port",
    "replicaSet",
    "retryWrites",
    "serverTimezone",
    "socketTimeout",
    "useUnicode",
];

/// Names whose values are databases.
pub(super) const DATABASE: &[&str] = &["database", "initial catalog", "dbname", "databaseName", "defaultDatabase"];

/// Names whose values are hidden, and that may be shown themselves.
const HIDDEN: &[&str] = &["password", "pwd", "user", "user id", "uid", "username"];

/// Whether a name is one of these, whatever its case.
pub(super) fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// A name without its blanks: `SSL Mode` is `SSLMode`.
fn joined(name: &str) -> String {
    name.split_ascii_whitespace().collect()
}

fn is_file(value: &str) -> bool {
    value.len() <= 255
        && value.starts_with('/')
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte))
}

fn is_plain(value: &str) -> bool {
    value.len() <= 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The parameters that are kept, of `name=value` items.
pub(super) fn kept<'a>(items: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let pairs = items.filter_map(|item| item.split_once('='));
    let kept = pairs.filter_map(|(name, value)| {
        let (name, value) = (joined(name), value.trim());
        let known = |names: &'static [&str]| names.iter().find(|known| known.eq_ignore_ascii_case(&name));
        if let Some(noted) = known(NOTED).or_else(|| known(CERTIFICATES)) {
            return (!value.is_empty()).then(|| ((*noted).to_owned(), "set".to_owned()));
        }
        if let Some(name) = known(KEPT) {
            return is_plain(value).then(|| ((*name).to_owned(), value.to_owned()));
        }
        let (name, value) = (known(AUTHORITIES)?, decode(value)?);
        let path = value.strip_prefix("file://").or_else(|| value.strip_prefix("file:")).unwrap_or(&value);
        // Of any other file it is kept that there is one; `system` is a word of libpq's for those of the system.
        let path = if is_file(path) { path } else { "set" };
        (!matches!(value.as_str(), "" | "system")).then(|| ((*name).to_owned(), path.to_owned()))
    });
    kept.collect()
}

/// `name=value` items as they may be shown, each after the separator; what is hidden leaves `***`.
pub(super) fn shown<'a>(items: impl Iterator<Item = &'a str>, separator: char) -> String {
    let mut out: Vec<String> = Vec::new();
    for item in items.filter(|item| !item.trim().is_empty()) {
        let item = one(item);
        if item != "***" || out.last() != Some(&item) {
            out.push(item);
        }
    }
    out.iter().fold(String::new(), |text, item| text + separator.encode_utf8(&mut [0; 4]) + item)
}

fn one(item: &str) -> String {
    let Some((name, value)) = item.trim().split_once('=') else { return "***".into() };
    let (name, value) = (name.trim(), value.trim());
    let plain = (is_plain(value) && (is_one_of(KEPT, &joined(name)) || is_one_of(SHOWN, name)))
        || (is_one_of(DATABASE, name) && database(value).is_some());
    if plain {
        format!("{name}={value}")
    } else if is_one_of(HIDDEN, name) {
        format!("{name}=***")
    } else {
        "***".into()
    }
}

/// Splits `name=value;name=value` where a value may stand in quotes or in `{}`, within which separators count for nothing.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut items, mut start) = (Vec::new(), 0);
    let mut closing: Option<char> = None;
    let mut after_equals = false;
    for (at, character) in text.char_indices() {
        match closing {
            Some(mark) if mark == character => closing = None,
            None if after_equals && matches!(character, '"' | '\'') => closing = Some(character),
            None if after_equals && character == '{' => closing = Some('}'),
            None if character == separator => {
                items.push(&text[start..at]);
                start = at + character.len_utf8();
            }
            Some(_) | None => {}
        }
        after_equals = character == '=' || (after_equals && character == ' ');
    }
    items.push(&text[start..]);
    items
}

/// A value without the quotes or braces around it; `None` where marks within it leave in doubt what is meant.
pub(super) fn unquoted(value: &str) -> Option<&str> {
    let value = value.trim();
    let marks = [('"', '"'), ('\'', '\''), ('{', '}')];
    let Some((_, close)) = marks.iter().find(|(open, _)| value.starts_with(*open)) else { return Some(value) };
    value.get(1..)?.strip_suffix(*close).filter(|inner| !inner.contains(*close))
}
