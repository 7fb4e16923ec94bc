//! How a client secures a connection, as its URL, its parameters and the variables of its container say.

use super::address::{self, Address, CERTIFICATES, Form};
use super::variable::{Environment, Variable};
use crate::plan::{Security, Tls};
use crate::target::Protocol;

/// The setting that names the file, in the client's container, with the authorities that it trusts.
pub const AUTHORITIES: &str = "authorities";

/// Variables by which libraries are given authorities; which of them a client's own library reads nobody can see.
const AUTHORITY_FILES: &[&str] = &["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"];

/// Words of variables beside a host's that switch TLS on.
const SWITCHES: &[&str] = &["SSL", "TLS", "SSL_ENABLED", "TLS_ENABLED", "USE_SSL", "USE_TLS"];

/// Words of variables beside a host's that hold PostgreSQL's `sslmode`, and the authorities' file.
const MODES: &[&str] = &["SSLMODE", "SSL_MODE"];
const ROOTS: &[&str] = &["SSLROOTCERT", "SSL_ROOT_CERT"];
const OWN: &[&str] = &["SSLCERT", "SSL_CERT"];

/// Adds what the variables beside a bare host or `host:port` say of how a client secures its connection, where the
/// address itself cannot.
pub fn add_siblings(address: &mut Address, variable: &Variable, environment: &Environment, protocol: Protocol) -> bool {
    if !matches!(address.form, Form::Host | Form::HostPort) {
        return false;
    }
    let is_on = |value: &str| ["true", "1", "yes", "on"].iter().any(|on| value.eq_ignore_ascii_case(on));
    match protocol {
        Protocol::Redis => environment.sibling(variable, SWITCHES).is_some_and(is_on),
        Protocol::Postgres => {
            for (name, words) in [("sslmode", MODES), ("sslrootcert", ROOTS), ("sslcert", OWN)] {
                if let Some(value) = environment.sibling(variable, words) {
                    address.parameters.push((name.to_owned(), value.to_owned()));
                }
            }
            false
        }
        _ => false,
    }
}

/// Schemes that say that there is no TLS.
const PLAIN: &[&str] = &["http", "ws", "redis", "valkey", "keydb"];

/// What is known of how a client secures a connection, and the file with its authorities.
#[must_use]
pub fn find(address: &Address, environment: &Environment, tls: bool) -> (Security, Option<String>) {
    let scheme = address.scheme.as_deref().unwrap_or_default();
    let mut security = by_parameters(address, scheme);
    if tls {
        security.tls = Tls::Required;
    } else if security.tls == Tls::Unsaid
        // MariaDB's driver for Java speaks TLS only where it is told to.
        && (PLAIN.contains(&scheme) || (address.is_jdbc() && scheme == "mariadb"))
    {
        security.tls = Tls::Off;
    }
    security.tls_where_offered = security.tls == Tls::Unsaid && address.is_jdbc() && scheme == "mysql";
    // libpq takes it from its own variable where the address names none.
    security.presents_certificate = CERTIFICATES.iter().any(|name| address.parameter(name).is_some())
        || (is_postgres(scheme) && environment.get("PGSSLCERT").is_some());
    let named = address::AUTHORITIES.iter().find_map(|name| address.parameter(name));
    // Without its file, libpq's `require` goes on and verifies nothing.
    let lenient = address.parameter("sslmode").is_some_and(|mode| mode.eq_ignore_ascii_case("require"));
    let redis = ["redis", "valkey"].iter().any(|name| scheme.starts_with(name));
    let verifies = security.verifies_chain.unwrap_or(redis);
    security.needs_authorities = named.is_some() && security.tls == Tls::Required && verifies && !lenient;
    if named.is_some() || security.tls != Tls::Required {
        return (security, named.and_then(file));
    }
    let (more, found) = of_container(environment);
    security.more_authorities = more;
    (security, found)
}

/// The authorities that the variables of a container name for whatever runs in it: whether others are trusted beside
/// them, and the file.
#[must_use]
pub fn of_container(environment: &Environment) -> (bool, Option<String>) {
    let found = AUTHORITY_FILES.iter().find_map(|name| file(environment.get(name)?));
    (found.is_some(), found)
}

/// A path that can be read from a container: absolute, as it is.
#[must_use]
pub fn file(value: &str) -> Option<String> {
    let path = value.strip_prefix("file://").or_else(|| value.strip_prefix("file:")).unwrap_or(value);
    let plain = path.starts_with('/') && path.len() <= 255 && !path.contains(char::is_control) && !path.contains("..");
    plain.then(|| path.to_owned())
}

fn is_postgres(scheme: &str) -> bool {
    matches!(scheme.split('+').next(), Some("postgres" | "postgresql" | "pgsql" | "cockroachdb"))
}

/// What drivers' parameters say. Where one says that TLS is spoken and not what is verified, and its driver does not
/// verify by itself, that is said too.
fn by_parameters(address: &Address, scheme: &str) -> Security {
    let parameter = |name: &str| address.parameter(name).map(str::to_ascii_lowercase);
    let is = |name: &str, value: &str| parameter(name).as_deref() == Some(value);
    let mode = ["sslmode", "ssl-mode", "ssl_mode"].iter().find_map(|name| parameter(name));
    let (tls, chain, name) = match mode.as_deref() {
        Some("disable" | "disabled" | "none") => (Tls::Off, None, None),
        Some("allow" | "prefer" | "preferred") => (Tls::Preferred, Some(false), Some(false)),
        // PostgreSQL's library verifies as soon as it is given authorities.
        Some("require") if parameter("sslrootcert").is_some_and(|file| file.starts_with('/')) => {
            (Tls::Required, Some(true), Some(false))
        }
        Some("require" | "required" | "trust" | "no-verify") => (Tls::Required, Some(false), Some(false)),
        Some("verify-ca" | "verify_ca" | "verifyca") => (Tls::Required, Some(true), Some(false)),
        Some("verify-full" | "verify_identity" | "verifyfull") => (Tls::Required, Some(true), Some(true)),
        Some(_) => (Tls::Unsaid, None, None),
        None if is_postgres(scheme) && is("ssl", "true") => (Tls::Required, None, None),
        None => by_switches(&is, &parameter),
    };
    let careless = is("ssl_cert_reqs", "none")
        || is("ssl_cert_reqs", "cert_none")
        || is("trustservercertificate", "true")
        || is("tlsinsecure", "true")
        || is("tlsallowinvalidcertificates", "true");
    let (chain, name) = if careless { (Some(false), Some(false)) } else { (chain, name) };
    Security { tls, verifies_chain: chain, verifies_name: name, ..Security::default() }
}

/// MySQL's older parameters for Java (`useSSL`), Go's `tls`, and those of others.
fn by_switches(
    is: &impl Fn(&str, &str) -> bool,
    parameter: &impl Fn(&str) -> Option<String>,
) -> (Tls, Option<bool>, Option<bool>) {
    if is("usessl", "false") {
        return (Tls::Off, None, None);
    }
    if is("usessl", "true") {
        let verified = is("verifyservercertificate", "true");
        let tls = if verified || is("requiressl", "true") { Tls::Required } else { Tls::Preferred };
        return (tls, Some(verified), Some(false));
    }
    match parameter("tls").as_deref() {
        Some("true") => (Tls::Required, Some(true), Some(true)),
        Some("skip-verify") => (Tls::Required, Some(false), Some(false)),
        Some("preferred") => (Tls::Preferred, Some(false), Some(false)),
        Some("false") => (Tls::Off, None, None),
        _ if is("ssl", "true") => (Tls::Required, None, None),
        _ if is("ssl", "false") => (Tls::Off, None, None),
        _ => (Tls::Unsaid, None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::address;

    fn of(value: &str, variables: &[(&str, &str)]) -> String {
        let variables: Vec<_> = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let address = address::parse(value).remove(0);
        let tls = address.scheme.as_deref().is_some_and(|scheme| matches!(scheme, "https" | "rediss"));
        let (security, file) = find(&address, &Environment::new(&variables), tls);
        let said = |value: Option<bool>| value.map_or("?", |value| if value { "yes" } else { "no" });
        let mut out = format!("{:?} {} {}", security.tls, said(security.verifies_chain), said(security.verifies_name));
        if let Some(file) = file {
            out = format!("{out} {file}{}", if security.more_authorities { " and more" } else { "" });
        }
        if security.needs_authorities {
            out.push_str(" needed");
        }
        if security.presents_certificate {
            out.push_str(" with its own");
        }
        out
    }

    #[test]
    fn urls_and_parameters_say_it_in_many_ways() {
        for (value, expected) in [
            ("http://app:8080", "Off ? ?"),
            ("https://app:8443", "Required ? ?"),
            ("redis://redis", "Off ? ?"),
            ("rediss://redis", "Required ? ?"),
            ("rediss://redis?ssl_cert_reqs=none", "Required no no"),
            ("rediss://redis?ssl_cert_reqs=required&ssl_ca_certs=/certs/ca.pem", "Required ? ? /certs/ca.pem needed"),
            ("rediss://redis?ssl_cert_reqs=none&ssl_ca_certs=/certs/ca.pem", "Required no no /certs/ca.pem"),
            ("postgresql://u:p@db/x", "Unsaid ? ?"),
            ("postgresql://u:p@db/x?sslmode=disable", "Off ? ?"),
            ("postgresql://u:p@db/x?sslmode=prefer", "Preferred no no"),
            ("postgresql://u:p@db/x?sslmode=require", "Required no no"),
            ("postgresql://db/x?sslmode=require&sslrootcert=/ca.pem", "Required yes no /ca.pem"),
            (
                "postgresql://db/x?sslmode=verify-full&sslrootcert=%2Fcerts%2Fca.pem",
                "Required yes yes /certs/ca.pem needed",
            ),
            ("postgresql://db/x?sslmode=verify-ca&sslrootcert=certs/ca.pem", "Required yes no needed"),
            ("postgresql://db/x?sslmode=verify-full&sslrootcert=system", "Required yes yes"),
            ("postgresql://db/x?sslmode=verify-full&sslrootcert=", "Required yes yes"),
            ("postgresql://db/x?sslmode=require&sslrootcert=certs/ca.pem", "Required no no"),
            (
                "jdbc:mysql://db/x?sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:///certs/trust.jks",
                "Required yes no /certs/trust.jks needed",
            ),
            (
                "jdbc:mysql://db/x?sslMode=REQUIRED&trustCertificateKeyStoreUrl=file:/certs/trust.jks",
                "Required no no /certs/trust.jks",
            ),
            ("jdbc:postgresql://db/x?sslmode=verify-ca", "Required yes no"),
            ("jdbc:postgresql://db/x?ssl=true", "Required ? ?"),
            ("jdbc:mysql://db/x", "Unsaid ? ?"),
            ("jdbc:mysql://db/x?useSSL=false&allowPublicKeyRetrieval=true", "Off ? ?"),
            ("jdbc:mysql://db/x?useSSL=true", "Preferred no no"),
            ("jdbc:mysql://db/x?useSSL=true&requireSSL=true", "Required no no"),
            ("jdbc:mysql://db/x?useSSL=true&verifyServerCertificate=true", "Required yes no"),
            ("jdbc:mysql://db/x?sslMode=REQUIRED", "Required no no"),
            ("jdbc:mysql://db/x?sslMode=VERIFY_CA", "Required yes no"),
            ("jdbc:mysql://db/x?sslMode=VERIFY_IDENTITY", "Required yes yes"),
            ("jdbc:mysql://db/x?sslMode=DISABLED&useSSL=true", "Off ? ?"),
            ("jdbc:mariadb://db/x?sslMode=trust", "Required no no"),
            ("jdbc:mariadb://db/x?useSSL=true", "Preferred no no"),
            ("jdbc:mariadb://db/x", "Off ? ?"),
            ("r2dbc:mariadb://db/x", "Unsaid ? ?"),
            ("mariadb://db/x", "Unsaid ? ?"),
            ("Server=db;Database=x;SslMode=None", "Off ? ?"),
            ("Server=db;Database=x;SSL Mode = Disabled", "Off ? ?"),
            ("Host=db;Database=x;SSL Mode=Require;Trust Server Certificate=true", "Required no no"),
            ("Host=db;Database=x;SSL Mode=VerifyFull", "Required yes yes"),
            ("postgres://db/x?sslmode=no-verify", "Required no no"),
            ("mysql://db/x?ssl_mode=required", "Required no no"),
            ("u:p@tcp(db:3306)/x?tls=true", "Required yes yes"),
            ("u:p@tcp(db:3306)/x?tls=skip-verify", "Required no no"),
            ("u:p@tcp(db:3306)/x?tls=preferred", "Preferred no no"),
            ("host=db port=5432 sslmode=require dbname=x", "Required no no"),
            ("host=db sslmode=require sslcert=/tls/app.crt", "Required no no with its own"),
            ("postgresql://db/x?sslmode=require&sslcert=%2Ftls%2Fapp.crt", "Required no no with its own"),
            ("postgresql://db/x?sslmode=require&sslcert=", "Required no no"),
            ("jdbc:postgresql://db/x?sslmode=require&sslkey=/tls/app.pk8", "Required no no with its own"),
            (
                "jdbc:mysql://db/x?sslMode=REQUIRED&clientCertificateKeyStoreUrl=file:/tls/app.p12",
                "Required no no with its own",
            ),
            ("mysql://db/x?ssl-mode=REQUIRED&ssl-cert=/tls/app.crt", "Required no no with its own"),
            ("Host=db;Database=x;SSL Mode=Require;SSL Certificate=/tls/app.pfx", "Required no no with its own"),
        ] {
            assert_eq!(of(value, &[]), expected, "{value}");
        }
    }

    #[test]
    fn variables_beside_a_host_say_it_too() {
        for (name, value, beside, protocol, expected) in [
            (
                "SPRING_DATA_REDIS_HOST",
                "redis",
                ("SPRING_DATA_REDIS_SSL_ENABLED", "true"),
                Protocol::Redis,
                Tls::Required,
            ),
            ("REDIS_HOST", "redis", ("REDIS_SSL", "True"), Protocol::Redis, Tls::Required),
            ("REDIS_ADDR", "redis:6379", ("REDIS_USE_TLS", "1"), Protocol::Redis, Tls::Required),
            ("REDIS_HOST", "redis", ("REDIS_TLS", "false"), Protocol::Redis, Tls::Unsaid),
            ("REDIS_HOST", "redis", ("OTHER_TLS", "true"), Protocol::Redis, Tls::Unsaid),
            // The URL says it itself.
            ("REDIS_URL", "redis://redis", ("REDIS_TLS", "true"), Protocol::Redis, Tls::Off),
            ("PGHOST", "db", ("PGSSLMODE", "require"), Protocol::Postgres, Tls::Required),
            ("PGHOST", "db", ("PGSSLMODE", "disable"), Protocol::Postgres, Tls::Off),
            ("DB_HOST", "db", ("DB_SSLMODE", "prefer"), Protocol::Postgres, Tls::Preferred),
            ("POSTGRES_HOST", "db", ("POSTGRES_SSL_MODE", "verify-full"), Protocol::Postgres, Tls::Required),
            ("DB_HOST", "db", ("DB_SSL", "true"), Protocol::Mysql, Tls::Unsaid),
        ] {
            let variables = [(beside.0.to_owned(), beside.1.to_owned())];
            let environment = Environment::new(&variables);
            let mut address = address::parse(value).remove(0);
            let tls = add_siblings(&mut address, &Variable::new(name), &environment, protocol);
            assert_eq!(find(&address, &environment, tls).0.tls, expected, "{name} {beside:?}");
        }
    }

    #[test]
    fn a_certificate_of_the_clients_own_may_be_named_by_a_variable() {
        let own = [("PGSSLCERT", "/tls/app.crt")];
        assert_eq!(of("postgresql://db/x?sslmode=require", &own), "Required no no with its own");
        assert_eq!(of("mysql://db/x?ssl-mode=required", &own), "Required no no");
        assert_eq!(of("postgresql://db/x?sslmode=require", &[("PGSSLCERT", "")]), "Required no no");
    }

    #[test]
    fn files_of_authorities_are_named_by_variables_too() {
        for (value, variables, expected) in [
            ("https://app:8443", &[("SSL_CERT_FILE", "/certs/ca.pem")][..], "Required ? ? /certs/ca.pem and more"),
            ("https://app:8443", &[("NODE_EXTRA_CA_CERTS", "/certs/ca.pem")], "Required ? ? /certs/ca.pem and more"),
            ("https://app:8443", &[("NODE_EXTRA_CA_CERTS", "ca.pem")], "Required ? ?"),
            ("https://app:8443", &[("NODE_EXTRA_CA_CERTS", "/certs/../ca.pem")], "Required ? ?"),
            ("http://app:8080", &[("SSL_CERT_FILE", "/certs/ca.pem")], "Off ? ?"),
        ] {
            assert_eq!(of(value, variables), expected, "{value} {variables:?}");
        }
    }
}
