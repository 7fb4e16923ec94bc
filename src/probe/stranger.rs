//! Recognises what answered in the place of the server that was meant.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Fault;
use crate::observation::FailureKind;

/// The most that is read of what a stranger says, in bytes.
pub(super) const ENOUGH: usize = 512;

/// How long a stranger is given to say more than its first bytes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Reads a little more after `said`, from a peer that turned out to be a stranger, and says what it is.
pub(super) async fn describe(mut said: Vec<u8>, peer: &mut (impl AsyncRead + Unpin), expected: &str) -> Fault {
    let more = async { while said.len() < ENOUGH && peer.read_buf(&mut said).await.is_ok_and(|count| count > 0) {} };
    // Silence or an error after the first words takes nothing from them.
    let _ = tokio::time::timeout(PATIENCE, more).await;
    fault(&said, expected)
}

/// Servers whose answers start in a way of their own.
const STARTS: [(&[u8], &str); 10] = [
    (b"HTTP/", "an HTTP server"),
    (b"SSH-", "an SSH server"),
    (b"RFB ", "a VNC server"),
    (b"AMQP", "an AMQP broker"),
    (b"-ERR", "a Redis server"),
    (b"-NOAUTH", "a Redis server"),
    (b"-DENIED", "a Redis server"),
    (b"INFO {", "a NATS server"),
    (b"220 ", "a mail or FTP server"),
    (b"220-", "a mail or FTP server"),
];

/// What a peer is that said this where `expected` (`a MySQL server`) was meant.
pub(super) fn fault(said: &[u8], expected: &str) -> Fault {
    let said = &said[..said.len().min(ENOUGH)];
    // An alert record of SSL 3 or TLS: RFC 8446, section 5.1.
    if said.starts_with(&[0x15, 0x03]) {
        return Fault::new(FailureKind::TlsExpected, "answered with a TLS alert: it expects TLS");
    }
    let named = STARTS.iter().find(|(start, _)| said.starts_with(start));
    let what = if let Some((_, who)) = named {
        format!("{who} answered: {}", first_line(said))
    } else if let Some(words) = mysql(said) {
        words
    } else if let Some(words) = postgres(said) {
        format!("a PostgreSQL server answered: {words}")
    } else if is_http2(said) {
        "HTTP/2 is spoken there without an upgrade, as gRPC does".to_owned()
    } else if said.iter().all(|&byte| byte == b'\r' || byte == b'\n') {
        "it said nothing but line ends".to_owned()
    } else {
        format!("it said {:?}", first_line(said))
    };
    Fault::new(FailureKind::WrongProtocol, format!("not {expected}: {what}"))
}

/// What the first packet of a MySQL or MariaDB server says (a length of three bytes, number 0): the version of a
/// greeting, or the words of the error that takes its place; or that it speaks the X protocol.
fn mysql(said: &[u8]) -> Option<String> {
    match said {
        [_, _, _, 0, 10, version @ ..] => {
            let version = version.split(|&byte| byte == 0).next().unwrap_or_default();
            // MariaDB before 11 puts this in front, for replicas that know no version above it.
            let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
            Some(format!("a MySQL or MariaDB server greeted: version {}", version.escape_ascii()))
        }
        [_, _, _, 0, 0xff, _, _, words @ ..] => {
            Some(format!("a MySQL or MariaDB server answered: {}", first_line(words)))
        }
        // A notice of the X protocol: four bytes of length, then the message type.
        [_, 0, 0, 0, 11, ..] => Some("MySQL's X protocol is spoken there".to_owned()),
        _ => None,
    }
}

/// The words of an `ErrorResponse` of PostgreSQL's protocol: `E`, a length, and fields that end with a zero byte.
fn postgres(said: &[u8]) -> Option<String> {
    let [b'E', 0, 0, _, _, fields @ ..] = said else { return None };
    let message = fields.split(|&byte| byte == 0).find_map(|field| field.strip_prefix(b"M"))?;
    Some(first_line(message))
}

/// Whether the first frame is the settings of a server of HTTP/2 (RFC 9113, section 3.4), which some send unasked.
fn is_http2(said: &[u8]) -> bool {
    matches!(said, [0, 0, length, 4, 0, 0, 0, 0, 0, ..] if length.is_multiple_of(6))
}

/// The first line that says something; bytes that are no text are escaped.
fn first_line(said: &[u8]) -> String {
    let line = said.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match std::str::from_utf8(line) {
        Ok(text) if !text.contains('\0') => text.to_owned(),
        _ => line[..line.len().min(60)].escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_named() {
        for (said, kind, words) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n"[..],
                FailureKind::WrongProtocol,
                "not a Redis server: an HTTP server answered: HTTP/1.1 400 Bad Request",
            ),
            (b"SSH-2.0-OpenSSH_9.2\r\n", FailureKind::WrongProtocol, "an SSH server answered: SSH-2.0-OpenSSH_9.2"),
            (b"-ERR unknown command\r\n", FailureKind::WrongProtocol, "a Redis server answered: -ERR unknown command"),
            (b"J\0\0\0\n9.7.4-2\0\x09", FailureKind::WrongProtocol, "server greeted: version 9.7.4-2"),
            (b"V\0\0\0\n5.5.5-10.11.18-MariaDB\0", FailureKind::WrongProtocol, "version 10.11.18-MariaDB"),
            (
                b"D\0\0\0\xff\x6a\x04Host '10.0.0.1' is not allowed",
                FailureKind::WrongProtocol,
                "Host '10.0.0.1' is not",
            ),
            (
                b"E\0\0\0\x40SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 18.3\0\0",
                FailureKind::WrongProtocol,
                "a PostgreSQL server answered: unsupported frontend protocol 18.3",
            ),
            (b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", FailureKind::WrongProtocol, "HTTP/2 is spoken there"),
            (b"\0\0\x06\x04\x01\0\0\0\0", FailureKind::WrongProtocol, "it said"),
            (b"\x05\0\0\0\x0b\x08\x05\x1a\0", FailureKind::WrongProtocol, "X protocol"),
            (b"\x15\x03\x03\x00\x02\x02\x46", FailureKind::TlsExpected, "TLS alert"),
            (b"\r\n\r\n", FailureKind::WrongProtocol, "nothing but line ends"),
            (b"", FailureKind::WrongProtocol, "nothing but line ends"),
            (b"220 mail ESMTP\r\n", FailureKind::WrongProtocol, "a mail or FTP server answered: 220 mail ESMTP"),
            (b"ERROR\r\n", FailureKind::WrongProtocol, "it said \"ERROR\""),
            (b"\xff\xfe\x00\x1b[31m", FailureKind::WrongProtocol, r"\\xff\\xfe\\x00\\x1b[31m"),
        ] {
            let fault = fault(said, "a Redis server");
            assert_eq!(fault.kind, kind, "{said:?}");
            assert!(fault.detail.contains(words), "{}", fault.detail);
        }
    }
}
