//! PostgreSQL's messages: a letter, four bytes of length that count themselves, a body.
//!
//! <https://www.postgresql.org/docs/current/protocol-message-formats.html>

use std::fmt;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::EXPECTED;
use crate::observation::FailureKind;
use crate::probe::channel::Channel;
use crate::probe::{Fault, stranger};

/// The longest message that is read, in bytes. Everything that is asked here is answered with far less.
const LONGEST: usize = 64 << 10;

/// What a server may send first: an authentication request, an error, a notice, a word on the protocol's version.
const FIRST: &[u8] = b"RENv";

/// A connection that carries messages.
pub(super) struct Wire {
    channel: Channel,
    /// What was read already of the next message.
    head: Vec<u8>,
    /// Whether the server has shown by a message that it is one.
    recognised: bool,
}

/// A message of the server's.
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("recognised", &self.recognised).finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn new(channel: Channel, head: Vec<u8>) -> Self {
        Self { channel, head, recognised: false }
    }

    /// Reads a message; the first one tells a stranger from a server.
    pub(super) async fn read(&mut self) -> Result<Message, Fault> {
        while self.head.len() < 5 {
            let mut byte = [0];
            match self.channel.read(&mut byte).await {
                Ok(0) if self.head.is_empty() => return Err(closed("without an answer")),
                Ok(0) if self.recognised => return Err(closed("in the middle of an answer")),
                Ok(0) => return Err(stranger::fault(&self.head, EXPECTED)),
                Ok(_) => self.head.push(byte[0]),
                // What was said before the reset says more than the reset.
                Err(_) if !self.head.is_empty() && !self.recognised => {
                    return Err(stranger::fault(&self.head, EXPECTED));
                }
                Err(error) => return Err(Fault::from_io(&error)),
            }
            if !self.recognised && !FIRST.contains(&self.head[0]) {
                return Err(stranger::describe(std::mem::take(&mut self.head), &mut self.channel, EXPECTED).await);
            }
        }
        let head = std::mem::take(&mut self.head);
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if !(4..=LONGEST).contains(&length) {
            return Err(self.odd(head).await);
        }
        let mut body = vec![0; length - 4];
        self.channel.read_exact(&mut body).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => closed("in the middle of an answer"),
            _ => Fault::from_io(&error),
        })?;
        self.recognised = true;
        Ok(Message { tag: head[0], body })
    }

    /// A length that no message has: a stranger's words, or those of a server that cannot start a process for a client,
    /// which come as bare text after an `E`.
    async fn odd(&mut self, head: Vec<u8>) -> Fault {
        if self.recognised {
            return garbled("it announced a message of an impossible length");
        }
        if head.starts_with(b"Ecould not fork") || head.starts_with(b"Ecoul") || head.starts_with(b"Esorr") {
            let mut text = head[1..].to_vec();
            let mut rest = (&mut self.channel).take(300);
            let _ = tokio::time::timeout(std::time::Duration::from_millis(100), rest.read_to_end(&mut text)).await;
            let words = String::from_utf8_lossy(&text).trim_end_matches(['\0', '\n']).to_owned();
            return Fault::new(FailureKind::ServerRefuses, words);
        }
        stranger::describe(head, &mut self.channel, EXPECTED).await
    }

    /// Sends what was written into the buffer.
    pub(super) async fn send(&mut self, bytes: &BytesMut) -> Result<(), Fault> {
        self.channel.write_all(bytes).await.map_err(|error| Fault::from_io(&error))?;
        self.channel.flush().await.map_err(|error| Fault::from_io(&error))
    }
}

fn closed(when: &str) -> Fault {
    Fault::new(FailureKind::Closed, format!("the server closed the connection {when}"))
}

/// The peer does not keep to the protocol.
pub(super) fn garbled(what: &str) -> Fault {
    Fault::new(FailureKind::WrongProtocol, format!("not {EXPECTED}: {what}"))
}

/// The text up to the next zero byte, and what follows it.
pub(super) fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..]))
}

/// An error that the server sent.
///
/// <https://www.postgresql.org/docs/current/protocol-error-fields.html>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ServerError {
    /// The SQLSTATE, five characters.
    pub(super) code: String,
    pub(super) text: String,
    /// The function of the server's source that says so, in every language of its messages the same.
    routine: String,
}

impl ServerError {
    /// Reads the body of an `ErrorResponse`.
    pub(super) fn parse(mut body: &[u8]) -> Self {
        let mut error = Self::default();
        // A zero byte in the place of a field's letter ends them.
        while let Some((field, rest)) = body.split_first().filter(|(field, _)| **field != 0) {
            let Some((value, rest)) = text(rest) else { break };
            match field {
                b'C' => error.code = value,
                b'M' => error.text = value,
                b'R' => error.routine = value,
                _ => {}
            }
            body = rest;
        }
        error
    }

    /// What the error means to a client. Poolers such as `PgBouncer` say everything under one code.
    ///
    /// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
    pub(super) fn kind(&self) -> FailureKind {
        let says = |words: &str| self.text.contains(words);
        match self.code.as_str() {
            // In every language of the server's messages.
            "28000" if says("pg_hba.conf") => FailureKind::HostNotAllowed,
            "3D000" => FailureKind::UnknownDatabase,
            "53300" => FailureKind::TooManyConnections,
            "42501" => FailureKind::PermissionDenied,
            "08P01" if says("no such database") => FailureKind::UnknownDatabase,
            "08P01" if says("no more connections allowed") => FailureKind::TooManyConnections,
            "08P01" if says("authentication failed") || says("auth failed") || says("no such user") => {
                FailureKind::AuthenticationFailed
            }
            code if code.starts_with("28") => FailureKind::AuthenticationFailed,
            _ => FailureKind::ServerRefuses,
        }
    }

    /// Whether the account is let in with a certificate of the client's own only (`cert`, `clientcert=verify-full`): of
    /// what that function refuses, all else names `pg_hba.conf`.
    pub(super) fn wants_certificate(&self) -> bool {
        self.kind() == FailureKind::AuthenticationFailed
            && (self.text.contains("client certificate")
                || (self.code == "28000" && self.routine == "ClientAuthentication"))
    }

    /// Whether it holds for every client: the server is full, starting, stopping, or out of something.
    pub(super) fn concerns_everybody(&self) -> bool {
        self.kind() == FailureKind::TooManyConnections || self.code.starts_with("53") || self.code.starts_with("57P")
    }

    /// The failure, in the server's words.
    pub(super) fn fault(&self) -> Fault {
        match self.text.trim() {
            "" => Fault::new(self.kind(), format!("error {} without words", self.code)),
            text => Fault::new(self.kind(), text),
        }
    }
}
