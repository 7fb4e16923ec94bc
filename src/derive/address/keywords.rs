//! Connection strings of names and values: ADO.NET (`Server=db;Port=3306;…`), libpq (`host=db port=5432 …`), PDO
//! (`mysql:host=db;port=3306;…`); and Go's `user:password@tcp(db:3306)/shop`.

use super::{Address, Form, database, host_and_port};
use crate::plan::Credentials;

const HOST: &[&str] =
    &["server", "host", "data source", "datasource", "address", "addr", "network address", "hostname"];
const DATABASE: &[&str] = &["database", "initial catalog", "dbname"];
const USER: &[&str] = &["user id", "uid", "user", "username", "user name", "userid"];
const PASSWORD: &[&str] = &["password", "pwd"];

/// The address of a connection string, `None` where it is none.
pub(super) fn parse(value: &str) -> Option<Vec<Address>> {
    if let Some((user, rest)) = value.split_once("@tcp(") {
        return go(user, rest);
    }
    let (scheme, fields) = match value.split_once(':') {
        Some((scheme @ ("mysql" | "pgsql" | "sqlsrv"), rest)) => (Some(scheme), rest),
        _ => (None, value),
    };
    let separator = if fields.contains(';') { ';' } else { ' ' };
    let mut pairs = Vec::new();
    for field in fields.split(separator).map(str::trim).filter(|field| !field.is_empty()) {
        let (key, text) = field.split_once('=')?;
        pairs.push((key.trim().to_ascii_lowercase(), text.trim().trim_matches(['"', '\''])));
    }
    let field = |names: &[&str]| pairs.iter().find(|(key, _)| names.contains(&key.as_str())).map(|(_, text)| *text);
    // A host alone is too little to tell a connection string from anything else that has an equals sign.
    if pairs.len() < 2 {
        return None;
    }
    let server = field(HOST)?;
    let server = server.strip_prefix("tcp:").unwrap_or(server);
    // SQL Server writes the port after a comma.
    let (host, port) = match server.split_once(',') {
        Some((host, port)) => (host, Some(super::port_number(port.trim())?)),
        None => host_and_port(server)?,
    };
    super::is_host(host).then_some(())?;
    let port = match field(&["port"]) {
        Some(written) => Some(super::port_number(written)?),
        None => port,
    };
    let user = field(USER);
    let credentials = user.map(|user| Credentials {
        user: user.to_owned(),
        password: field(PASSWORD).map(|password| password.to_owned().into()),
    });
    Some(vec![Address {
        scheme: scheme.map(str::to_owned),
        database: field(DATABASE).and_then(database),
        credentials,
        ..Address::new(Form::Keywords, host, port)
    }])
}

/// `user:password@tcp(host:port)/database?parameters`, where nothing is encoded.
fn go(user: &str, rest: &str) -> Option<Vec<Address>> {
    let (place, rest) = rest.split_once(')')?;
    let (host, port) = host_and_port(place)?;
    let name = rest.strip_prefix('/').and_then(|rest| rest.split('?').next()).unwrap_or_default();
    let (name_of_user, password) = user.split_once(':').unwrap_or((user, ""));
    Some(vec![Address {
        scheme: Some("mysql".into()),
        database: database(name),
        credentials: Some(Credentials { user: name_of_user.to_owned(), password: Some(password.to_owned().into()) }),
        secret: Some(user.into()),
        ..Address::new(Form::Keywords, host, port)
    }])
}
