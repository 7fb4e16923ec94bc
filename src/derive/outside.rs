//! Connections that leave the stack: an API on the internet, a mail server. They are told apart, and looked at on demand alone.

use std::net::IpAddr;

use super::Connection;
use super::address::{Address, Form};
use super::asked::Asked;
use super::hosts::{self, Place};
use super::meaning::Meaning;
use crate::catalog::Role;
use crate::plan::Readiness;
use crate::stack::Stack;

/// Why a connection that leaves the stack is not looked at.
const NOT_ASKED_FOR: &str = "outside the stack: --external looks at it";

/// Words of names whose URLs are read by people, by tools that made the image, or by nobody.
const NOT_USED: &str = "\
    BUG CHECKSUM DOCUMENTATION DOWNLOAD DOWNLOADS GET GPG HELP INSTALL INSTALLER LICENSE LICENSES MIRROR NAMESPACE \
    PACKAGE PACKAGES PIP PKG REPO REPOS REPOSITORY SCHEMA SHA SHA256 SOURCE SUPPORT TARBALL TERMS XMLNS";

/// Whether a connection leads to nobody of the stack, and to no place on its networks or its host.
#[must_use]
pub fn is_outside(stack: &Stack, connection: &Connection) -> bool {
    let Some(asker) = connection.from.container().and_then(|id| stack.by_id(id)) else { return false };
    connection.published.is_none()
        && matches!(hosts::place(stack, Some(asker), &connection.target.host), Place::Outside)
}

/// Connections that leave the stack as they are planned where nobody asked to look at them: to be skipped.
#[must_use]
pub fn skipped(mut connections: Vec<Connection>) -> Vec<Connection> {
    for connection in &mut connections {
        connection.readiness = Readiness::Skip(NOT_ASKED_FOR.into());
    }
    connections
}

/// Whether an address outside of the stack is surely one that this container connects to, and no link or name.
pub(super) fn counts(asked: &Asked, address: &Address, meaning: &Meaning) -> bool {
    let nobody = |ip: IpAddr| ip.is_unspecified() || ip.is_multicast();
    if address.host.parse().is_ok_and(nobody) || asked.known.is_some_and(|known| known.role == Role::Peer) {
        return false;
    }
    if asked.certain {
        return address.scheme.is_none() || meaning.understood;
    }
    let words = asked.variable.name.split('_');
    if words.into_iter().any(|word| NOT_USED.split_ascii_whitespace().any(|unused| unused == word)) {
        return false;
    }
    let named = asked.known.is_some() || asked.variable.says_address();
    match address.form {
        Form::HostPort | Form::Host => named,
        _ if meaning.http => {
            named && !asked.variable.is_followed(asked.known.is_some_and(|known| known.exact)) && !asked.is_for_people()
        }
        _ => meaning.understood,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::derive::testing::{container, pairs, stack};
    use std::path::Path;

    fn of(image: &str, name: &str, value: &str) -> Vec<String> {
        let mut app = container("app", image);
        app.environment = pairs(&[(name, value)]);
        app.extra_hosts = vec!["mapped.example:203.0.113.7".into(), "host.example:host-gateway".into()];
        let stack = stack([app, container("db", "postgres:16")]);
        let (inside, outside) = crate::derive::with_outside(&stack, None, &[], Path::new("/"));
        assert!(
            outside.iter().all(|found| is_outside(&stack, found)) && inside.iter().all(|it| !is_outside(&stack, it))
        );
        outside.into_iter().map(|found| found.target.to_string()).collect()
    }

    #[test]
    fn addresses_that_leave_the_stack_are_told_apart() {
        for (name, value, expected) in [
            ("PAYMENT_API_URL", "https://api.example.com/v1", &["https://api.example.com:443"][..]),
            ("PAYMENT_API_URL", "https://mapped.example/v1", &["https://mapped.example:443"]),
            ("SMTP_SERVER", "mail.example.com:587", &["tcp://mail.example.com:587"]),
            ("DATABASE_URL", "postgres://u:p@db.example.com/shop", &["postgres://db.example.com:5432/shop"]),
            ("KAFKA_BOOTSTRAP_SERVERS", "b1.example.com:9092", &["kafka://b1.example.com:9092"]),
            ("REDIS_URL", "redis://203.0.113.9:6379", &["redis://203.0.113.9:6379"]),
            // In the stack, or on its host.
            ("DATABASE_URL", "postgres://db:5432/shop", &[]),
            ("PAYMENT_API_URL", "http://host.example:8080", &[]),
            // Links, names, and what the image was made of.
            ("APP_URL", "https://shop.example.com", &[]),
            ("CORS_ORIGINS", "https://shop.example.com", &[]),
            ("NEXT_PUBLIC_API_URL", "https://api.example.com", &[]),
            ("OIDC_ISSUER_URL", "https://auth.example.com/realms/shop", &[]),
            ("PYTHON_GET_PIP_URL", "https://example.com/get-pip.py", &[]),
            ("GOSU_DOWNLOAD_URL", "https://example.com/gosu", &[]),
            ("XML_SCHEMA_URL", "http://www.example.org/2001/schema", &[]),
            ("CONTACT", "https://example.com/about", &[]),
            ("LISTEN_ADDRESS", "0.0.0.0:8080", &[]),
            ("SERVICE_ADDRESS", "0.0.0.0:8080", &[]),
            ("ASSETS_BUCKET_URL", "s3://shop.example.com/assets", &[]),
            ("APP_VERSION", "1.2.3:80", &[]),
            ("MAIN_CLASS", "com.example.Shop", &[]),
        ] {
            assert_eq!(of("shop-api", name, value), expected, "{name}={value}");
        }
        assert!(of("nginx:1.27", "PAYMENT_API_URL", "https://api.example.com/v1").is_empty(), "for browsers");
    }
}
