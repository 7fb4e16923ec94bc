//! What `INFO` tells.
//!
//! <https://redis.io/docs/latest/commands/info/>

use crate::observation::RedisPeer;
use crate::plan::Credentials;
use crate::probe::hide::hide;
use crate::text;

/// Reads the answer to `INFO`. Words are taken where they are what they should be, and nothing else is repeated.
pub(super) fn read(body: &str, credentials: Option<&Credentials>) -> RedisPeer {
    // Line by line: a dictionary of a hostile answer would take thirty times its room.
    let field = |key: &str| body.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim);
    let number = |key: &str| field(key)?.parse().ok();
    let pair = |used: &str, limit: &str| Some((number(used)?, number(limit)?));
    let version = |key: &str| {
        field(key)
            .filter(|version| version.starts_with(|first: char| first.is_ascii_digit()))
            .map(|version| text::line(&hide(version, credentials), 40))
    };
    // Descendants keep `redis_version` for old clients and give their own beside it.
    let (product, version) = match version("valkey_version") {
        Some(own) => ("Valkey", Some(own)),
        None => ("Redis", version("redis_version")),
    };
    RedisPeer {
        product: product.to_owned(),
        version,
        role: field("role").filter(|role| matches!(*role, "master" | "slave")).map(Into::into),
        clients: pair("connected_clients", "maxclients"),
        memory: pair("used_memory", "maxmemory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redis_is_read() {
        // From Redis 7.0.15, shortened.
        let body = "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\n\r\n# Clients\r\nconnected_clients:2\r\nmaxclients:10000\r\n\r\n# Memory\r\nused_memory:1000000\r\nmaxmemory:0\r\n\r\n# Replication\r\nrole:master\r\n";
        let peer = read(body, None);
        assert_eq!((peer.product.as_str(), peer.version.as_deref()), ("Redis", Some("7.0.15")));
        assert_eq!((peer.clients, peer.memory), (Some((2, 10_000)), Some((1_000_000, 0))));
        assert_eq!(peer.role.as_deref(), Some("master"));
    }

    #[test]
    fn valkey_is_told_from_redis() {
        let peer = read("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n", None);
        assert_eq!((peer.product.as_str(), peer.version.as_deref()), ("Valkey", Some("8.1.1")));
    }

    #[test]
    fn what_is_missing_or_odd_is_left_out() {
        let peer = read("connected_clients:-1\r\nmaxclients:ten\r\nrole:\u{1b}[31m\r\n:\r\nx", None);
        assert_eq!(peer, RedisPeer { product: "Redis".into(), ..RedisPeer::default() });
        let peer = read("redis_version:7\u{1b}[31m\r\n", None);
        assert_eq!(peer.version.as_deref(), Some("7\\u{1b}[31m"));
    }

    #[test]
    fn a_common_password_spoils_nothing_and_a_repeated_one_is_hidden() {
        let body = "redis_version:7-hunter2\r\nrole:master\r\n";
        for (password, version) in [("redis", "7-hunter2"), ("master", "7-hunter2"), ("hunter2", "7-***")] {
            let credentials = Credentials { user: String::new(), password: Some(password.into()) };
            let peer = read(body, Some(&credentials));
            assert_eq!((peer.version.as_deref(), peer.role.as_deref()), (Some(version), Some("master")));
        }
    }
}
