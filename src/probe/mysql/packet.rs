//! MySQL's packets: three bytes of length, one of sequence, a payload.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html>

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::EXPECTED;
use crate::observation::FailureKind;
use crate::probe::channel::Channel;
use crate::probe::{Fault, Stream, stranger};

/// The longest payload that is read, in bytes. Everything that is asked here is answered with far less.
const LONGEST: usize = 64 << 10;

/// A connection that carries packets.
#[derive(Debug)]
pub(super) struct Wire<S = Channel> {
    stream: S,
    /// The number of the next packet of this exchange, whoever sends it.
    sequence: u8,
    /// The start of what the peer said first, kept for the case that it stops there.
    pub(super) head: Vec<u8>,
}

impl Wire<TcpStream> {
    /// The same exchange over another channel, such as TLS over this connection.
    pub(super) async fn over<E>(self, carry: impl AsyncFnOnce(TcpStream) -> Result<Channel, E>) -> Result<Wire, E> {
        Ok(Wire { stream: carry(self.stream).await?, sequence: self.sequence, head: self.head })
    }
}

impl<S: Stream + 'static> Wire<S> {
    /// The same exchange as it is.
    pub(super) fn plain(self) -> Wire {
        Wire { stream: Box::new(self.stream), sequence: self.sequence, head: self.head }
    }
}

impl<S: Stream> Wire<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, sequence: 0, head: Vec::new() }
    }

    /// Reads the peer's first packet, and tells a stranger from a server by it.
    pub(super) async fn first(&mut self) -> Result<Vec<u8>, Fault> {
        while self.head.len() < 4 {
            let mut byte = [0];
            match self.stream.read(&mut byte).await {
                Ok(0) if self.head.is_empty() => return Err(closed("before its greeting")),
                Ok(0) => return Err(stranger::fault(&self.head, EXPECTED)),
                Ok(_) => self.head.push(byte[0]),
                // What was said before the reset says more than the reset.
                Err(_) if !self.head.is_empty() => return Err(stranger::fault(&self.head, EXPECTED)),
                Err(error) => return Err(Fault::from_io(&error)),
            }
        }
        // Text of any kind announces megabytes here.
        if length(&self.head) > LONGEST || self.head[3] != 0 {
            return Err(stranger::describe(self.head.clone(), &mut self.stream, EXPECTED).await);
        }
        let payload = self.payload(length(&self.head)).await?;
        self.sequence = 1;
        // Protocol 10, and the error that may come in its place; nothing else is spoken by servers since 1998.
        if let Some(10 | 0xff) = payload.first() {
            return Ok(payload);
        }
        let said = [self.head.as_slice(), &payload].concat();
        Err(stranger::describe(said, &mut self.stream, EXPECTED).await)
    }

    /// Reads a packet's payload.
    pub(super) async fn read(&mut self) -> Result<Vec<u8>, Fault> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).await.map_err(|error| ended(&error))?;
        let length = length(&header);
        if length > LONGEST {
            return Err(garbled(&format!("announced a packet of {length} bytes")));
        }
        self.sequence = header[3].wrapping_add(1);
        self.payload(length).await
    }

    async fn payload(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.map_err(|error| ended(&error))?;
        Ok(payload)
    }

    /// Sends a payload.
    pub(super) async fn write(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let Some(length) = u32::try_from(payload.len()).ok().filter(|&length| length < 1 << 24) else {
            return Err(garbled("more than a packet holds was to be sent"));
        };
        let mut packet = length.to_le_bytes();
        packet[3] = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let packet = [&packet, payload].concat();
        self.stream.write_all(&packet).await.map_err(|error| Fault::from_io(&error))?;
        self.stream.flush().await.map_err(|error| Fault::from_io(&error))
    }

    /// Starts a new exchange with a command: its byte, then its argument.
    pub(super) async fn command(&mut self, command: u8, argument: &str) -> Result<(), Fault> {
        self.sequence = 0;
        self.write(&[&[command], argument.as_bytes()].concat()).await
    }
}

/// The payload's length that a packet's header announces.
fn length(header: &[u8]) -> usize {
    usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16
}

fn closed(when: &str) -> Fault {
    Fault::new(FailureKind::Closed, format!("the server closed the connection {when}"))
}

fn ended(error: &std::io::Error) -> Fault {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => closed("in the middle of an answer"),
        _ => Fault::from_io(error),
    }
}

/// The peer does not keep to the protocol.
pub(super) fn garbled(what: &str) -> Fault {
    Fault::new(FailureKind::WrongProtocol, format!("not {EXPECTED}: {what}"))
}

/// An error that the server sent.
///
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerError {
    pub(super) code: u16,
    state: String,
    pub(super) text: String,
}

impl ServerError {
    /// Reads an error packet's payload. Before the handshake is answered the packet has no SQL state.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let [0xff, low, high, rest @ ..] = payload else { return None };
        let (state, text) = rest.strip_prefix(b"#").and_then(|rest| rest.split_at_checked(5)).unwrap_or((&[], rest));
        let printable = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Some(Self { code: u16::from_le_bytes([*low, *high]), state: printable(state), text: printable(text) })
    }

    /// What the error means to a client.
    ///
    /// Numbers: <https://dev.mysql.com/doc/mysql-errors/9.0/en/server-error-reference.html> and
    /// <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
    pub(super) fn kind(&self) -> FailureKind {
        match self.code {
            1040 | 1203 => FailureKind::TooManyConnections,
            1226 if self.text.contains("connections") => FailureKind::TooManyConnections,
            1129 => FailureKind::HostBlocked,
            1130 => FailureKind::HostNotAllowed,
            1049 => FailureKind::UnknownDatabase,
            // Whether there is such a database is not said to an account that may not use it.
            1044 | 1142 | 1227 => FailureKind::PermissionDenied,
            // Not loaded; too old a client, in the server's opinion.
            1524 | 1251 => FailureKind::AuthenticationUnsupported,
            // Expired (at the login, at the first question); locked (MySQL, MySQL after failed attempts, MariaDB).
            1862 | 1820 | 3118 | 3955 | 4151 => FailureKind::AuthenticationFailed,
            _ if self.state == "28000" => FailureKind::AuthenticationFailed,
            _ => FailureKind::ServerRefuses,
        }
    }

    /// The failure, in the server's words.
    pub(super) fn fault(&self) -> Fault {
        match self.text.trim() {
            "" => Fault::new(self.kind(), format!("error {} without words", self.code)),
            text => Fault::new(self.kind(), text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_with_and_without_a_state() {
        // As MySQL 9.7 and MariaDB 10.11 sent them.
        for (payload, kind, text) in [
            (
                &b"\xffi\x04Host '172.17.0.1' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'"[..],
                FailureKind::HostBlocked,
                "Host '172.17.0.1' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'",
            ),
            (b"\xff\x10\x04#08004Too many connections", FailureKind::TooManyConnections, "Too many connections"),
            (b"\xff\xa2\x06#28000Access denied for user 'sock'@'172.17.0.1'", FailureKind::AuthenticationFailed, "Access denied for user 'sock'@'172.17.0.1'"),
            (b"\xff\xff\xff", FailureKind::ServerRefuses, "error 65535 without words"),
        ] {
            let fault = ServerError::parse(payload).expect("an error packet").fault();
            assert_eq!((fault.kind, fault.detail.as_str()), (kind, text));
        }
        for payload in [&b""[..], b"\xff", b"\xff\x10", b"\x00\x10\x04"] {
            assert_eq!(ServerError::parse(payload), None, "{payload:?}");
        }
    }
}
