//! A client's start: its account, what the server wants of it, its password.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

use super::wire::{Message, ServerError, Wire, garbled, text};
use crate::probe::Fault;

/// The most messages that a server may send before it decides. It reports some fifteen settings.
const MOST: usize = 200;

/// What a server wants of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing: it lets the account in, or refuses it for something else.
    Nothing,
    /// The password as it is.
    Cleartext,
    /// The password's hash, with this salt.
    Md5([u8; 4]),
    /// One of these mechanisms.
    Sasl(Vec<String>),
    /// Something that has no password, or none that is spoken here.
    Other(&'static str),
}

impl Wanted {
    /// As it is told.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Nothing => "trust".into(),
            Self::Cleartext => "cleartext".into(),
            Self::Md5(_) => "MD5".into(),
            Self::Sasl(mechanisms) if mechanisms.iter().any(|name| name == SCRAM_SHA_256) => SCRAM_SHA_256.into(),
            Self::Sasl(mechanisms) => mechanisms.join(", "),
            Self::Other(name) => (*name).into(),
        }
    }

    /// Reads the body of an authentication request.
    fn parse(body: &[u8]) -> Option<Self> {
        let (code, rest) = body.split_first_chunk()?;
        Some(match u32::from_be_bytes(*code) {
            0 => Self::Nothing,
            2 => Self::Other("Kerberos"),
            3 => Self::Cleartext,
            5 => Self::Md5(rest.try_into().ok()?),
            6 => Self::Other("SCM credentials"),
            7 => Self::Other("GSSAPI"),
            9 => Self::Other("SSPI"),
            10 => {
                let mut names = Vec::new();
                let mut rest = rest;
                while let Some((name, after)) = text(rest).filter(|(name, _)| !name.is_empty()) {
                    names.push(crate::text::line(&name, 40));
                    rest = after;
                }
                Self::Sasl(names)
            }
            _ => return None,
        })
    }
}

/// Introduces an account: what the server wants of it, or its refusal.
pub(super) async fn start(
    wire: &mut Wire,
    user: &str,
    database: Option<&str>,
) -> Result<Result<Wanted, ServerError>, Fault> {
    let mut buffer = BytesMut::new();
    let parameters = [("user", user)].into_iter().chain(database.map(|name| ("database", name)));
    frontend::startup_message(parameters, &mut buffer).map_err(|_| garbled("no name can hold a zero byte"))?;
    wire.send(&buffer).await?;
    for _ in 0..MOST {
        let message = wire.read().await?;
        match message.tag {
            b'R' => return Wanted::parse(&message.body).map(Ok).ok_or_else(|| garbled("it wants something unknown")),
            b'E' => return Ok(Err(ServerError::parse(&message.body))),
            // A notice; a word on the protocol's version.
            b'N' | b'v' => {}
            _ => break,
        }
    }
    Err(garbled("it answered the start with a message that has no meaning there"))
}

/// How a login ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// The server lets the account in and says how it is set.
    Accepted(Vec<(String, String)>),
    /// The server's refusal.
    Refused(ServerError),
    /// It could not be tried to the end, for this reason.
    Unspoken(String),
}

/// Proves the account's password, and waits for the server to be ready.
pub(super) async fn prove(wire: &mut Wire, wanted: &Wanted, user: &str, password: &[u8]) -> Result<Login, Fault> {
    match wanted {
        Wanted::Nothing => {}
        Wanted::Cleartext => send(wire, password).await?,
        Wanted::Md5(salt) => send(wire, md5_hash(user.as_bytes(), password, *salt).as_bytes()).await?,
        Wanted::Sasl(mechanisms) if mechanisms.iter().any(|name| name == SCRAM_SHA_256) => {
            if let Some(end) = scram(wire, password).await? {
                return Ok(end);
            }
        }
        Wanted::Sasl(_) | Wanted::Other(_) => {
            return Ok(Login::Unspoken(format!("the server wants {}, which crosscheck does not speak", wanted.name())));
        }
    }
    ready(wire).await
}

async fn send(wire: &mut Wire, password: &[u8]) -> Result<(), Fault> {
    let mut buffer = BytesMut::new();
    frontend::password_message(password, &mut buffer).map_err(|_| garbled("no password can hold a zero byte"))?;
    wire.send(&buffer).await
}

/// SCRAM-SHA-256 (RFC 7677), without channel binding; how the login ended, where it did not come to its end.
async fn scram(wire: &mut Wire, password: &[u8]) -> Result<Option<Login>, Fault> {
    let broken = |_| garbled("its part of SCRAM cannot be read");
    let mut scram = ScramSha256::new(password, ChannelBinding::unsupported());
    let mut buffer = BytesMut::new();
    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut buffer).map_err(broken)?;
    wire.send(&buffer).await?;
    let challenge = match sasl(wire, 11).await? {
        Ok(challenge) => challenge,
        Err(error) => return Ok(Some(Login::Refused(error))),
    };
    if let Err(error) = scram.update(&challenge) {
        // Enough rounds to keep the client busy: a setting of the server that other clients may put up with.
        if error.to_string().contains("iteration") {
            return Ok(Some(Login::Unspoken("the server asks for more rounds of SCRAM than are made here".into())));
        }
        return Err(broken(error));
    }
    buffer.clear();
    frontend::sasl_response(scram.message(), &mut buffer).map_err(broken)?;
    wire.send(&buffer).await?;
    match sasl(wire, 12).await? {
        Ok(proof) => match scram.finish(&proof) {
            Ok(()) => Ok(None),
            Err(_) => Err(garbled("it does not know the password that it asks for")),
        },
        Err(error) => Ok(Some(Login::Refused(error))),
    }
}

/// What the server says within a mechanism, or its refusal.
async fn sasl(wire: &mut Wire, code: u32) -> Result<Result<Vec<u8>, ServerError>, Fault> {
    let Message { tag, body } = wire.read().await?;
    match (tag, body.split_first_chunk()) {
        (b'E', _) => Ok(Err(ServerError::parse(&body))),
        (b'R', Some((said, rest))) if u32::from_be_bytes(*said) == code => Ok(Ok(rest.to_vec())),
        _ => Err(garbled("it answered SCRAM with something else")),
    }
}

/// Waits until the server can be asked.
pub(super) async fn ready(wire: &mut Wire) -> Result<Login, Fault> {
    let mut settings = Vec::new();
    for _ in 0..MOST {
        let Message { tag, body } = wire.read().await?;
        match tag {
            b'S' => settings.extend(text(&body).and_then(|(name, rest)| Some((name, text(rest)?.0)))),
            b'Z' => return Ok(Login::Accepted(settings)),
            b'E' => return Ok(Login::Refused(ServerError::parse(&body))),
            // That the account is in; the key for cancelling; notices.
            b'R' | b'K' | b'N' => {}
            _ => break,
        }
    }
    Err(garbled("it answered the login with messages that have no meaning there"))
}
