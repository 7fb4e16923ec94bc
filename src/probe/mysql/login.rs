//! The second half of the handshake: an account, its plugin, its password.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>

use mysql_common::scramble::{scramble_native, scramble_sha256};

use super::greeting::{Greeting, capability};
use super::key;
use super::packet::{ServerError, Wire, garbled};
use crate::probe::Fault;

/// The most packets that a server may send before it decides. MariaDB may try several plugins in turn.
const ROUNDS: usize = 16;

/// The largest packet that we offer to take, in bytes; only results of our own questions come.
const LARGEST_PACKET: u32 = 1 << 24;

/// `utf8mb4_general_ci`, which MySQL and MariaDB both know.
const CHARACTER_SET: u8 = 45;

/// Who logs in, and to where.
#[derive(Clone, Copy)]
pub(super) struct Account<'a> {
    pub user: &'a str,
    /// In clear; empty for none. Never kept.
    pub password: &'a str,
    pub database: Option<&'a str>,
    /// How far its client, and the server's memory, let the password go.
    pub caution: Caution,
    /// Whether it goes over TLS, where a password may be sent as it is.
    pub secure: bool,
}

/// What a login must not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Caution {
    /// Make the server hold the password: no full login of `caching_sha2_password`.
    pub spare_cache: bool,
    /// Ask for the server's key: its client may not either.
    pub keyless: bool,
}

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// The server lets the account in, and what it had said of the password before.
    Accepted(Password),
    /// The server wants the password whole, and was told no: nothing of it was sent.
    Withheld,
    /// The server's refusal, and what it had said of the password before.
    Refused { error: ServerError, password: Password },
    /// It could not be tried to the end, for this reason.
    Unspoken(String),
}

impl Caution {
    const fn any(self) -> bool {
        self.spare_cache || self.keyless
    }
}

/// An answer that is neither a password nor the question for the key: the server ends the login with it, and holds
/// nothing against the account or the address. Measured on MySQL 9.7: 20 of them with `max_connect_errors` at 5.
const REFUSAL: &[u8] = &[0];

/// What the way to a refusal tells of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Password {
    /// The server called it right.
    Right,
    /// The server did not hold its hash and took it whole; if it was right, the server holds the hash now.
    Taken,
    /// Nothing.
    Untold,
}

/// How a password is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    Native,
    CachingSha2,
    Sha256,
}

impl Plugin {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            b"sha256_password" => Some(Self::Sha256),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Sha256 => "sha256_password",
        }
    }

    /// The first answer to a challenge. The empty password is the empty answer.
    fn answer(self, password: &str, nonce: &[u8]) -> Vec<u8> {
        match self {
            Self::Native => scramble_native(nonce, password.as_bytes()).map(Vec::from).unwrap_or_default(),
            Self::CachingSha2 => scramble_sha256(nonce, password.as_bytes()).map(Vec::from).unwrap_or_default(),
            // The empty password is a zero byte here; 1 asks for the server's key.
            Self::Sha256 => vec![u8::from(!password.is_empty())],
        }
    }
}

/// Answers the greeting, and everything that the server asks until it decides.
pub(super) async fn log_in(wire: &mut Wire, greeting: Greeting, account: Account<'_>) -> Result<Login, Fault> {
    let offered = greeting.plugin.as_deref().and_then(|name| Plugin::named(name.as_bytes()));
    // The first answer of this one is the question for the key.
    let offered = offered.filter(|plugin| *plugin != Plugin::Sha256 || !(account.caution.keyless || account.secure));
    // A server whose default is another plugin asks for the account's own one afterwards.
    let mut plugin = offered.unwrap_or(Plugin::CachingSha2);
    let mut unspoken = None;
    let mut password = Password::Untold;
    let mut withheld = false;
    wire.write(&response(&greeting, plugin, account)).await?;
    let mut nonce = greeting.nonce;
    for _ in 0..ROUNDS {
        let packet = wire.read().await?;
        match packet.split_first() {
            Some((0x00, _)) => return Ok(Login::Accepted(password)),
            Some((0xff, _)) if withheld => return Ok(Login::Withheld),
            Some((0xff, _)) => {
                let error = ServerError::parse(&packet).ok_or_else(|| garbled("sent an error that cannot be read"))?;
                return Ok(unspoken.map_or(Login::Refused { error, password }, Login::Unspoken));
            }
            Some((0xfe, rest)) => {
                // A switch without a name asks for the scramble of servers before 4.1.
                let (name, data) = split_name(if rest.is_empty() { b"mysql_old_password" } else { rest });
                let answer = if let Some(known) = Plugin::named(name) {
                    plugin = known;
                    nonce = data.strip_suffix(&[0]).unwrap_or(data).to_vec();
                    if plugin == Plugin::Sha256 && account.caution.keyless && !account.password.is_empty() {
                        withheld = true;
                        REFUSAL.to_vec()
                    } else if plugin == Plugin::Sha256 && account.secure {
                        whole(account.password)
                    } else {
                        plugin.answer(account.password, &nonce)
                    }
                } else {
                    // Leaving here would count as an interrupted handshake: let the server end it.
                    let name = String::from_utf8_lossy(name).into_owned();
                    unspoken =
                        Some(format!("the account logs in with the plugin {name}, which crosscheck does not speak"));
                    Vec::new()
                };
                wire.write(&answer).await?;
            }
            // What a plugin says before the server decides.
            Some((0x01, [3])) if plugin == Plugin::CachingSha2 => password = Password::Right,
            Some((0x01, [4])) if plugin == Plugin::CachingSha2 && account.caution.any() => {
                withheld = true;
                wire.write(REFUSAL).await?;
            }
            // The server does not hold the password's hash yet and wants the password itself, under its key.
            Some((0x01, [4])) if plugin == Plugin::CachingSha2 => {
                password = Password::Taken;
                let answer = if account.secure { whole(account.password) } else { vec![2] };
                wire.write(&answer).await?;
            }
            Some((0x01, pem)) if plugin != Plugin::Native && pem.starts_with(b"-----BEGIN") => {
                match key::encrypt(&masked(account.password, &nonce), pem) {
                    Some(cipher) => wire.write(&cipher).await?,
                    None => return Err(garbled("sent a public key that cannot be used for this password")),
                }
            }
            _ => return Err(garbled("answered the login with a packet that has no meaning there")),
        }
    }
    Err(garbled("asked for ever more answers and never decided on the login"))
}

/// The password as it is, ended by a zero byte.
fn whole(password: &str) -> Vec<u8> {
    password.bytes().chain([0]).collect()
}

/// The first part of the client's half of the handshake, after which TLS begins.
///
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_ssl_request.html>
pub(super) fn tls_request(greeting: &Greeting, with_database: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    out.extend(capabilities(greeting, with_database, true).to_le_bytes());
    out.extend(LARGEST_PACKET.to_le_bytes());
    out.push(CHARACTER_SET);
    out.extend([0; 23]);
    out
}

/// What the client says that it can, of what the server offers. MariaDB does not offer the first bit, and takes it for
/// another one.
const fn capabilities(greeting: &Greeting, with_database: bool, secure: bool) -> u32 {
    let wanted = capability::LONG_PASSWORD
        | capability::PROTOCOL_41
        | capability::TRANSACTIONS
        | capability::SECURE_CONNECTION
        | capability::PLUGIN_AUTH
        | if with_database { capability::CONNECT_WITH_DB } else { 0 }
        | if secure { capability::SSL } else { 0 };
    wanted & greeting.capabilities
}

/// The client's half of the handshake.
///
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html>
fn response(greeting: &Greeting, plugin: Plugin, account: Account<'_>) -> Vec<u8> {
    let capabilities = capabilities(greeting, account.database.is_some(), account.secure);
    let mut out = Vec::with_capacity(128);
    out.extend(capabilities.to_le_bytes());
    out.extend(LARGEST_PACKET.to_le_bytes());
    out.push(CHARACTER_SET);
    out.extend([0; 23]);
    push_name(&mut out, account.user);
    let answer = plugin.answer(account.password, &greeting.nonce);
    // Every answer is at most 32 bytes long.
    out.push(u8::try_from(answer.len()).unwrap_or_default());
    out.extend(answer);
    if capabilities & capability::CONNECT_WITH_DB != 0 {
        push_name(&mut out, account.database.unwrap_or_default());
    }
    if capabilities & capability::PLUGIN_AUTH != 0 {
        push_name(&mut out, plugin.name());
    }
    out
}

/// Names end with a zero byte, so nothing after one can be part of a name.
fn push_name(out: &mut Vec<u8>, name: &str) {
    out.extend(name.bytes().take_while(|&byte| byte != 0));
    out.push(0);
}

fn split_name(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|&byte| byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

/// The password, ended by a zero byte and mixed with the challenge, as it goes under the server's key.
///
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html>
fn masked(password: &str, nonce: &[u8]) -> Vec<u8> {
    let nonce = if nonce.is_empty() { &[0][..] } else { nonce };
    password.bytes().chain([0]).zip(nonce.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}
