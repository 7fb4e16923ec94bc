//! A client's own credentials for a target, from the value itself or from the variables beside it.
//!
//! Only what surely belongs together is paired: a wrong pair would be a false alarm.

use super::address::{Address, Form, virtual_host};
use super::variable::{Environment, Variable};
use crate::catalog::{catalog, variable_name};
use crate::plan::Credentials;
use crate::stack::Container;
use crate::target::Protocol;
use crate::text;

/// Words at the end of variables that hold the name of a user.
pub const USERS: &[&str] = &["USERNAME", "USER", "LOGIN"];
const PASSWORDS: &[&str] = &["PASSWORD", "PASS", "PASSWD", "PWD"];
const PASSWORD_FILES: &[&str] = &["PASSWORD_FILE", "PASS_FILE", "PASSWD_FILE"];
const VIRTUAL_HOSTS: &[&str] = &["VHOST", "VIRTUAL_HOST", "VIRTUALHOST"];
const DATABASES: &[&str] = &["DATABASE", "DB", "NAME", "DBNAME", "DB_NAME", "DATABASE_NAME"];

/// What is known of how a client logs in.
#[derive(Debug, Default)]
pub struct Found {
    /// Its credentials.
    pub credentials: Option<Credentials>,
    /// Where no setting holds them, why: `none` (the client surely has none), `file` (they stand in a file) or `default`
    /// (they are those that every client of the protocol has that is given none).
    pub absent: Option<&'static str>,
}

/// The client's credentials for an address. None are given for protocols in which crosscheck does not log in.
#[must_use]
pub fn find(address: &Address, variable: &Variable, environment: &Environment, protocol: Protocol) -> Found {
    if !HAVE_LOGINS.contains(&protocol) {
        return Found::default();
    }
    // libpq fills in what a URL leaves out; other drivers do not.
    let libpq = |known: &Credentials| {
        known.password.is_none() && ["PGPASSWORD", "PGPASSFILE"].iter().any(|name| environment.get(name).is_some())
    };
    if protocol == Protocol::Postgres && address.credentials.as_ref().is_some_and(libpq) {
        return Found::default();
    }
    let user = environment.sibling(variable, USERS);
    let password = environment.sibling(variable, PASSWORDS).filter(|password| !is_nothing(password));
    let file = environment.sibling(variable, PASSWORD_FILES).is_some();
    let written = address.credentials.as_ref();
    let found = match (written, user, password) {
        // Two users, and nobody knows which one the client takes.
        (Some(written), Some(user), _) if !written.user.is_empty() && written.user != user => return Found::default(),
        (Some(written), _, None) if written.password.is_some() || address.form == Form::Url => Some(written.clone()),
        (Some(written), _, Some(_)) if written.password.is_some() => Some(written.clone()),
        (Some(written), _, Some(password)) => Some(pair(&written.user, password)),
        (None, Some(user), Some(password)) => Some(pair(user, password)),
        // Redis has a default user; elsewhere a password without one belongs to somebody else.
        (None, None, Some(password)) if protocol == Protocol::Redis => Some(pair("", password)),
        _ => None,
    };
    if found.is_some() {
        // TCP alone has no login; nothing is handed over that is not used.
        return Found { credentials: found.filter(|_| protocol != Protocol::Tcp), absent: None };
    }
    let surely = address.form == Form::Url && written.is_none() && !has_secret(address, variable, environment);
    let absent = match protocol {
        _ if file => Some("file"),
        // All clients log in, and with these where they are given none.
        Protocol::Amqp if surely && user.is_none() => {
            return Found { credentials: Some(pair("guest", "guest")), absent: Some("default") };
        }
        Protocol::Amqp => None,
        Protocol::Nats if has_key(environment) => None,
        _ => surely.then_some("none"),
    };
    Found { credentials: None, absent }
}

/// Protocols in which crosscheck logs in, and those of which nothing is known.
const HAVE_LOGINS: &[Protocol] =
    &[Protocol::Mysql, Protocol::Postgres, Protocol::Redis, Protocol::Amqp, Protocol::Nats, Protocol::Tcp];

/// Whether a client of NATS may log in by a key that stands in a file or a variable.
fn has_key(environment: &Environment) -> bool {
    environment.iter().any(|(name, _)| name.split('_').any(|word| matches!(word, "CREDS" | "NKEY" | "JWT" | "SEED")))
}

/// Settings of servers by which `root` has no password.
const ALLOW_EMPTY: &[&str] =
    &["MYSQL_ALLOW_EMPTY_PASSWORD", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD", "MARIADB_ALLOW_EMPTY_PASSWORD"];

/// The client's credentials where its settings name `root` with an empty password, and the server says that `root` has
/// none. By itself an empty variable says nothing: a client may have a password of its own in its place.
#[must_use]
pub fn without_password(
    variable: &Variable,
    environment: &Environment,
    protocol: Protocol,
    server: Option<&Container>,
) -> Option<Credentials> {
    let set = |server: &&Container, name: &str| server.variable(name).is_some_and(|value| !value.is_empty());
    let open = server.filter(|server| {
        ALLOW_EMPTY.iter().any(|name| set(server, name))
            && !["MYSQL_ROOT_PASSWORD", "MARIADB_ROOT_PASSWORD"].iter().any(|name| set(server, name))
    });
    let is_root = environment.sibling(variable, USERS) == Some("root");
    let said = environment.leaves_empty(variable, PASSWORDS) && environment.sibling(variable, PASSWORDS).is_none();
    (protocol == Protocol::Mysql && open.is_some() && is_root && said).then(|| pair("root", ""))
}

fn pair(user: &str, password: &str) -> Credentials {
    Credentials { user: user.to_owned(), password: Some(password.to_owned().into()) }
}

/// Whether a password is a word for none, as Laravel reads its settings.
fn is_nothing(password: &str) -> bool {
    ["null", "(null)", "empty", "(empty)"].iter().any(|word| password.eq_ignore_ascii_case(word))
}

/// Names of what databases and caches are to their clients: a password named so may belong to any of them.
const PARTS: &[&str] = &["BROKER", "CACHE", "DATABASE", "DATASOURCE", "DB", "QUEUE", "SQL", "STORE"];

/// Whether any variable could be the secret of this server: named like a secret, and like this variable, the technology,
/// or the host. A password that is named like nothing may be anybody's.
fn has_secret(address: &Address, variable: &Variable, environment: &Environment) -> bool {
    let scheme = address.scheme.as_deref().unwrap_or_default();
    let technology = catalog().of_scheme(scheme).or_else(|| catalog().of_scheme(scheme.split('+').next()?));
    let mut names: Vec<String> = technology.map(|(known, _)| variable_name(&known.id)).into_iter().collect();
    names.extend([scheme.split('+').next().unwrap_or_default(), &address.host].map(variable_name));
    names.retain(|name| name.len() > 1);
    let prefixes = variable.prefixes();
    let first = |name: &str| name.split('_').next().map(str::to_owned);
    environment.iter().any(|(name, value)| {
        let is_password = PASSWORDS.iter().any(|word| name.ends_with(word));
        let belongs = prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
            || names.iter().any(|known| name.contains(known.as_str()))
            || is_password
                && (PASSWORDS.contains(&name)
                    || first(name) == first(&variable.name)
                    || name.split('_').any(|word| PARTS.contains(&word)));
        name != variable.name && belongs && text::is_secret_name(name) && !is_nothing(value.trim())
    })
}

/// The database that the client asks for: from the address, or from the variable beside it.
#[must_use]
pub fn database(
    address: &Address,
    variable: &Variable,
    environment: &Environment,
    protocol: Protocol,
) -> Option<String> {
    let plain =
        |name: &&str| name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    let beside = || environment.sibling(variable, DATABASES).filter(plain).map(str::to_owned);
    let bare = matches!(address.form, Form::HostPort | Form::Host);
    match protocol {
        Protocol::Mysql | Protocol::Postgres if bare => beside(),
        Protocol::Mysql | Protocol::Postgres => address.database.clone(),
        Protocol::Amqp => {
            let beside = || environment.sibling(variable, VIRTUAL_HOSTS).and_then(virtual_host);
            if bare { beside() } else { address.database.clone() }
        }
        Protocol::Redis => {
            let number = if bare { beside() } else { address.database.clone() };
            redis_database(number.or_else(|| address.parameter("db").map(str::to_owned)).as_deref())
        }
        _ => None,
    }
}

/// The number of a Redis database; the first is what a client gets that names none.
#[must_use]
pub fn redis_database(number: Option<&str>) -> Option<String> {
    let number: u16 = number?.parse().ok()?;
    (number != 0).then(|| number.to_string())
}
