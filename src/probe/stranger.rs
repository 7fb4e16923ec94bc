//! Recognises what answered in the place of the server that was meant.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::Fault;
use crate::observation::FailureKind;

/// The most that is read of what a stranger says, in bytes.
const ENOUGH: usize = 200;

/// How long a stranger is given to say more than its first bytes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Reads a little more after `said`, from a peer that turned out to be a stranger, and says what it is.
pub(super) async fn describe(mut said: Vec<u8>, peer: &mut (impl AsyncRead + Unpin), expected: &str) -> Fault {
    let more = async { while said.len() < ENOUGH && peer.read_buf(&mut said).await.is_ok_and(|count| count > 0) {} };
    // Silence or an error after the first words takes nothing from them.
    let _ = tokio::time::timeout(PATIENCE, more).await;
    fault(&said, expected)
}

/// What a peer is that said this where `expected` (`a MySQL server`) was meant.
pub(super) fn fault(said: &[u8], expected: &str) -> Fault {
    let said = &said[..said.len().min(ENOUGH)];
    // An alert record of SSL 3 or TLS: RFC 8446, section 5.1.
    if let [0x15, 0x03, ..] = said {
        return Fault::new(FailureKind::TlsExpected, "answered with a TLS alert: it expects TLS");
    }
    let line = first_line(said);
    let what = if said.starts_with(b"HTTP/") {
        format!("an HTTP server answered: {line}")
    } else if said.starts_with(b"SSH-") {
        format!("an SSH server answered: {line}")
    } else if said.len() > 5 && said[3] == 0 && said[4] == 10 {
        // A handshake packet of protocol 10 starts with the server's version, ended by a zero byte.
        let version = said[5..].split(|&byte| byte == 0).next().unwrap_or_default();
        format!("a MySQL server greeted: version {}", version.escape_ascii())
    } else if said.len() > 4 && said[1..4] == [0, 0, 0] && said[4] == 11 {
        // A notice of the X protocol: four bytes of length, then the message type.
        "MySQL's X protocol is spoken here, not the classic one".to_owned()
    } else if said.iter().all(|&byte| byte == b'\r' || byte == b'\n') {
        "it said nothing but line ends".to_owned()
    } else {
        format!("it said {line:?}")
    };
    Fault::new(FailureKind::WrongProtocol, format!("not {expected}: {what}"))
}

/// The first line that says something, bytes outside of ASCII escaped.
fn first_line(said: &[u8]) -> String {
    let line = said.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    match std::str::from_utf8(line.unwrap_or_default()) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => said[..said.len().min(60)].escape_ascii().to_string(),
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
            (b"J\0\0\0\n9.7.4-2\0\x09", FailureKind::WrongProtocol, "a MySQL server greeted: version 9.7.4-2"),
            (b"\x05\0\0\0\x0b\x08\x05\x1a\0", FailureKind::WrongProtocol, "X protocol"),
            (b"\x15\x03\x03\x00\x02\x02\x46", FailureKind::TlsExpected, "TLS alert"),
            (b"\r\n\r\n", FailureKind::WrongProtocol, "nothing but line ends"),
            (b"", FailureKind::WrongProtocol, "nothing but line ends"),
            (b"220 mail ESMTP\r\n", FailureKind::WrongProtocol, "it said \"220 mail ESMTP\""),
            (b"\xff\xfe\x00\x1b[31m", FailureKind::WrongProtocol, r"\\xff\\xfe\\x00\\x1b[31m"),
        ] {
            let fault = fault(said, "a Redis server");
            assert_eq!(fault.kind, kind, "{said:?}");
            assert!(fault.detail.contains(words), "{}", fault.detail);
        }
    }
}
