//! Connection strings of names and values: ADO.NET (`Server=db;Port=3306;…`), libpq (`host=db port=5432 …`), PDO
//! (`mysql:host=db;port=3306;…`); and Go's `user:password@tcp(db:3306)/shop`.

use super::parameters::{self, DATABASE, is_one_of, unquoted};
use super::{Address, Form, database, host_and_port};
use crate::plan::Credentials;

const HOST: &[&str] =
    &["server", "host", "data source", "datasource", "address", "addr", "network address", "hostname"];
const USER: &[&str] = &["user id", "uid", "user", "username", "user name", "userid"];
const PASSWORD: &[&str] = &["password", "pwd"];

/// The address of a connection string, `None` where it is none.
pub(super) fn parse(value: &str) -> Option<Vec<Address>> {
    if let Some((user, rest)) = value.rsplit_once("@tcp(") {
        return go(user, rest, "@tcp(");
    }
    // TCP is what is meant where nothing is said.
    if let Some((user, rest)) = value.rsplit_once("@(") {
        return go(user, rest, "@(");
    }
    let (scheme, fields) = match value.split_once(':') {
        Some((scheme @ ("mysql" | "pgsql" | "sqlsrv"), rest)) => (Some(scheme), rest),
        _ => (None, value),
    };
    let separator = match () {
        () if fields.contains(';') => ';',
        // Grafana's for Redis: `addr=redis:6379,pool_size=100`.
        () if fields.starts_with("addr=") && !fields.contains(' ') => ',',
        () => ' ',
    };
    let mut pairs = Vec::new();
    let fields = parameters::split(fields, separator);
    for field in fields.iter().map(|field| field.trim()).filter(|field| !field.is_empty()) {
        let (key, text) = field.split_once('=')?;
        pairs.push((key.trim().to_ascii_lowercase(), text.trim()));
    }
    let written = |names: &[&str]| pairs.iter().find(|(key, _)| is_one_of(names, key)).map(|(_, text)| *text);
    let field = |names: &[&str]| written(names).and_then(unquoted);
    // A host alone is too little to tell a connection string from anything else that has an equals sign.
    if pairs.len() < 2 {
        return None;
    }
    let server = field(HOST)?;
    let (tcp, server) = server.strip_prefix("tcp:").map_or(("", server), |rest| ("tcp:", rest));
    // SQL Server writes the port after a comma.
    let (host, port) = match server.split_once(',') {
        Some((host, port)) => (host, Some(super::port_number(port.trim())?)),
        None => host_and_port(server)?,
    };
    super::is_host(host).then_some(())?;
    let place = match port {
        Some(port) if server.contains(',') => format!("{host},{port}"),
        port => Address::new(Form::Keywords, host, port).place,
    };
    let port = match field(&["port"]) {
        Some(written) => Some(super::port_number(written)?),
        None => port,
    };
    // A password that is not understood is none that anybody could log in with.
    let in_doubt = written(PASSWORD).is_some() && field(PASSWORD).is_none();
    let user = field(USER).filter(|_| !in_doubt);
    let credentials = user.map(|user| Credentials {
        user: user.to_owned(),
        password: field(PASSWORD).map(|password| password.to_owned().into()),
    });
    // What is shown is the fields in their order, with the host in its place among them.
    let (at, key) = fields.iter().enumerate().find_map(|(at, field)| {
        let (key, _) = field.split_once('=')?;
        is_one_of(HOST, key).then(|| (at, key.trim()))
    })?;
    let shown = |fields: &[&str]| parameters::shown(fields.iter().copied(), separator);
    let mut head = scheme.map(|scheme| format!("{scheme}:")).unwrap_or_default();
    for field in shown(&fields[..at]).split(separator).filter(|field| !field.is_empty()) {
        head.push_str(field);
        head.push(separator);
    }
    let head = format!("{head}{key}={tcp}");
    Some(vec![Address {
        scheme: scheme.map(str::to_owned),
        database: field(DATABASE).and_then(database),
        credentials,
        parameters: parameters::kept(fields.iter().copied()),
        head,
        place,
        tail: shown(&fields[at + 1..]),
        ..Address::new(Form::Keywords, host, port)
    }])
}

/// `user:password@tcp(host:port)/database?parameters`, where nothing is encoded.
fn go(user: &str, rest: &str, opening: &str) -> Option<Vec<Address>> {
    let (place, rest) = rest.split_once(')')?;
    let (host, port) = host_and_port(place)?;
    let name = rest.strip_prefix('/').and_then(|rest| rest.split('?').next()).unwrap_or_default();
    let mut tail = String::from(")");
    if !rest.is_empty() {
        tail.push('/');
    }
    if let Some(name) = database(name) {
        tail.push_str(&name);
    }
    let query = rest.split_once('?').map(|(_, query)| query);
    if let Some(query) = query {
        tail.push_str(&parameters::shown(query.split('&'), '&').replacen('&', "?", 1));
    }
    let (name_of_user, password) = user.split_once(':').unwrap_or((user, ""));
    Some(vec![Address {
        scheme: Some("mysql".into()),
        database: database(name),
        credentials: Some(Credentials { user: name_of_user.to_owned(), password: Some(password.to_owned().into()) }),
        parameters: parameters::kept(query.unwrap_or_default().split('&')),
        head: format!("***{opening}"),
        tail,
        ..Address::new(Form::Keywords, host, port)
    }])
}
