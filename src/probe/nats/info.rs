//! What a server says of itself, and what a client says.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use crate::plan::Credentials;

/// The part of `INFO` that is of use.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Info {
    /// Every server has an id: what has none is none.
    #[serde(default)]
    server_id: String,
    pub(super) version: Option<String>,
    pub(super) server_name: Option<String>,
    pub(super) cluster: Option<String>,
    #[serde(default)]
    pub(super) jetstream: bool,
    #[serde(default)]
    pub(super) auth_required: bool,
    #[serde(default)]
    pub(super) tls_required: bool,
}

impl Info {
    /// Reads a line as a server's first one.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let json = line.strip_prefix(b"INFO ")?;
        serde_json::from_slice::<Self>(json).ok().filter(|info| !info.server_id.is_empty())
    }
}

/// What a client says of itself.
#[derive(Serialize)]
struct Connect<'a> {
    verbose: bool,
    pedantic: bool,
    tls_required: bool,
    name: &'a str,
    lang: &'a str,
    version: &'a str,
    protocol: u8,
    #[serde(flatten)]
    account: Option<Account<'a>>,
}

/// How a client logs in.
#[derive(Serialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum Account<'a> {
    /// With a name and a password.
    User {
        /// The name.
        user: &'a str,
        /// The password.
        pass: &'a str,
    },
    /// With a token, which stands in the place of the name.
    Token {
        /// The token.
        auth_token: &'a str,
    },
}

/// How a client with these credentials logs in, where they say so.
pub(super) fn account(known: &Credentials) -> Option<Account<'_>> {
    match (known.user.as_str(), &known.password) {
        ("", Some(token)) => Some(Account::Token { auth_token: token.expose_secret() }),
        ("", None) => None,
        (token, None) => Some(Account::Token { auth_token: token }),
        (user, Some(password)) => Some(Account::User { user, pass: password.expose_secret() }),
    }
}

/// The argument of `CONNECT`.
pub(super) fn connect(known: Option<&Credentials>) -> String {
    let said = Connect {
        verbose: false,
        pedantic: false,
        tls_required: false,
        name: "crosscheck",
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        protocol: 0,
        account: known.and_then(account),
    };
    serde_json::to_string(&said).unwrap_or_default()
}
