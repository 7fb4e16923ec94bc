//! The first packet of a server: what it is, and the challenge for the password.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html>

use crate::observation::MysqlPeer;
use crate::text;

/// Bits of the capabilities that are used here.
///
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html>
pub(super) mod capability {
    pub const LONG_PASSWORD: u32 = 1;
    pub const CONNECT_WITH_DB: u32 = 1 << 3;
    pub const PROTOCOL_41: u32 = 1 << 9;
    pub const SSL: u32 = 1 << 11;
    pub const TRANSACTIONS: u32 = 1 << 13;
    pub const SECURE_CONNECTION: u32 = 1 << 15;
    pub const PLUGIN_AUTH: u32 = 1 << 19;
}

/// A prefix of MariaDB's version, for clients that cannot read a major version of two digits.
const MARIADB_PREFIX: &str = "5.5.5-";

/// What a server says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    version: String,
    pub(super) capabilities: u32,
    /// The plugin that the server expects of an account about which it knows nothing yet.
    pub(super) plugin: Option<String>,
    /// The challenge, 20 bytes.
    pub(super) nonce: Vec<u8>,
}

impl Greeting {
    /// Reads the payload of a handshake packet of protocol 10.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let rest = payload.strip_prefix(&[10])?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        let version = String::from_utf8_lossy(&rest[..end]).into_owned();
        // The connection's number, the first part of the challenge, a filler, the lower half of the capabilities.
        let rest = rest[end + 1..].get(4..)?;
        let (first, rest) = rest.split_at_checked(8)?;
        let (lower, rest) = rest.get(1..)?.split_at_checked(2)?;
        let mut greeting = Self {
            version,
            capabilities: u32::from(u16::from_le_bytes([lower[0], lower[1]])),
            plugin: None,
            nonce: first.to_vec(),
        };
        // Servers before 4.1 end here.
        let Some((tail, rest)) = rest.split_at_checked(16) else { return Some(greeting) };
        // Character set, status (2), the upper half of the capabilities (2), the challenge's length, reserved (10).
        greeting.capabilities |= u32::from(u16::from_le_bytes([tail[3], tail[4]])) << 16;
        let second = usize::from(tail[5]).saturating_sub(8).max(13);
        let (nonce, rest) = rest.split_at_checked(second)?;
        // The last byte of the challenge is a terminator and belongs to no scramble.
        greeting.nonce.extend_from_slice(&nonce[..12]);
        if greeting.offers(capability::PLUGIN_AUTH) {
            let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
            greeting.plugin = Some(text::line(&String::from_utf8_lossy(name), 60)).filter(|name| !name.is_empty());
        }
        Some(greeting)
    }

    /// Whether the server can do this.
    pub(super) const fn offers(&self, capability: u32) -> bool {
        self.capabilities & capability == capability
    }

    /// What the greeting tells of the server.
    pub(super) fn peer(&self) -> MysqlPeer {
        let bare = self.version.strip_prefix(MARIADB_PREFIX);
        let mariadb = bare.is_some() || self.version.to_ascii_lowercase().contains("mariadb");
        MysqlPeer {
            product: if mariadb { "MariaDB" } else { "MySQL" }.to_owned(),
            version: text::line(bare.unwrap_or(&self.version), 80),
            plugin: self.plugin.clone(),
            tls: Some(self.offers(capability::SSL)),
            connections: None,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What MySQL 9.7.4 sent.
    pub const MYSQL: &[u8] = b"\n9.7.4-2\0\x09\0\0\x002Cw'\"vz\x18\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0Y5_'D\x15+(\x1ayf0\0caching_sha2_password\0";
    /// What MariaDB 10.11.18 sent.
    pub const MARIADB: &[u8] = b"\n5.5.5-10.11.18-MariaDB-0+deb12u1\0\x03\0\0\0tcp,($xS\0\xfe\xf7\x08\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0ur^aK4aly>gl\0mysql_native_password\0";

    #[test]
    fn real_greetings_are_read() {
        let mysql = Greeting::parse(MYSQL).expect("a greeting");
        assert_eq!(mysql.nonce, b"2Cw'\"vz\x18Y5_'D\x15+(\x1ayf0");
        let peer = mysql.peer();
        assert_eq!((peer.product.as_str(), peer.version.as_str()), ("MySQL", "9.7.4-2"));
        assert_eq!((peer.plugin.as_deref(), peer.tls), (Some("caching_sha2_password"), Some(true)));

        let peer = Greeting::parse(MARIADB).expect("a greeting").peer();
        assert_eq!((peer.product.as_str(), peer.version.as_str()), ("MariaDB", "10.11.18-MariaDB-0+deb12u1"));
        assert_eq!((peer.plugin.as_deref(), peer.tls), (Some("mysql_native_password"), Some(false)));
    }

    #[test]
    fn mariadb_is_known_without_its_prefix() {
        let plain = MARIADB.strip_prefix(b"\n5.5.5-").expect("the prefix");
        let peer = Greeting::parse(&[b"\n", plain].concat()).expect("a greeting").peer();
        assert_eq!((peer.product.as_str(), peer.version.as_str()), ("MariaDB", "10.11.18-MariaDB-0+deb12u1"));
    }

    #[test]
    fn no_greeting_makes_the_reader_fall_over() {
        for whole in [MYSQL, MARIADB] {
            for end in 0..whole.len() {
                let _ = Greeting::parse(&whole[..end]);
                for byte in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut bent = whole.to_vec();
                    bent[end] = byte;
                    if let Some(greeting) = Greeting::parse(&bent) {
                        assert!(greeting.nonce.len() == 8 || greeting.nonce.len() == 20);
                    }
                }
            }
        }
    }

    #[test]
    fn a_version_cannot_steer_a_terminal() {
        let greeting = Greeting::parse(&[b"\n\x1b[2Jx\0", &MYSQL[9..]].concat()).expect("a greeting");
        assert_eq!(greeting.peer().version, "\\u{1b}[2Jx");
    }
}
