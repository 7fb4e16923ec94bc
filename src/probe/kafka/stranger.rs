//! Names what answered in place of a broker, where its first bytes tell.

use crate::observation::FailureKind;
use crate::probe::Fault;

use super::reader::lossy;

/// How many bytes are looked at.
pub const ENOUGH: usize = 512;

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

/// What it means that something began its answer with these bytes, which no answer of Kafka's begins with.
pub fn fault(said: &[u8]) -> Fault {
    let said = &said[..said.len().min(ENOUGH)];
    // A TLS record of the type alert, in any version.
    if said.starts_with(&[0x15, 0x03]) {
        return Fault::new(FailureKind::TlsExpected, "answered with a TLS alert");
    }
    let named = STARTS.iter().find(|(start, _)| said.starts_with(start));
    let words = if let Some((_, who)) = named {
        format!("{who} answered: {}", first_line(said))
    } else if let Some(words) = mysql(said) {
        format!("a MySQL or MariaDB server answered: {words}")
    } else if let Some(words) = postgres(said) {
        format!("a PostgreSQL server answered: {words}")
    } else if is_text(said) {
        format!("answered {:?}, which is not Kafka's protocol", first_line(said))
    } else {
        let bytes: Vec<_> = said.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("answered with bytes that are not Kafka's protocol: {}", bytes.join(" "))
    };
    Fault::new(FailureKind::WrongProtocol, words)
}

fn first_line(said: &[u8]) -> String {
    lossy(said.split(|&byte| byte == b'\n').next().unwrap_or_default(), 120).trim_end().to_owned()
}

fn is_text(said: &[u8]) -> bool {
    said.iter().all(|&byte| byte >= 0x20 || byte.is_ascii_whitespace()) && std::str::from_utf8(said).is_ok()
}

/// The version in a greeting, or the words of the error that takes its place: the first packet (a length of three
/// bytes, number 0) of `MySQL`'s protocol.
fn mysql(said: &[u8]) -> Option<String> {
    match said {
        [_, _, _, 0, 10, version @ ..] => {
            let version = version.split(|&byte| byte == 0).next().unwrap_or_default();
            // MariaDB before 11 puts this in front, for replicas that know no version above it.
            let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
            (is_text(version) && !version.is_empty()).then(|| format!("version {}", lossy(version, 60)))
        }
        [_, _, _, 0, 0xff, _, _, words @ ..] => is_text(words).then(|| first_line(words)),
        _ => None,
    }
}

/// The words of an `ErrorResponse` of `PostgreSQL`'s protocol: `E`, a length, and fields that end with a zero byte.
fn postgres(said: &[u8]) -> Option<String> {
    let [b'E', 0, 0, _, _, fields @ ..] = said else { return None };
    let message = fields.split(|&byte| byte == 0).find_map(|field| field.strip_prefix(b"M"))?;
    is_text(message).then(|| first_line(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_named() {
        for (said, words) in [
            (&b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n"[..], "an HTTP server answered: HTTP/1.1 400 Bad Request"),
            (b"SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server answered: SSH-2.0-OpenSSH_9.2p1"),
            (b"-ERR unknown command\r\n", "a Redis server answered: -ERR unknown command"),
            (b"J\0\0\0\n8.4.0\0\x01\x02\x03", "a MySQL or MariaDB server answered: version 8.4.0"),
            (b"V\0\0\0\n5.5.5-10.11.18-MariaDB\0", "a MySQL or MariaDB server answered: version 10.11.18-MariaDB"),
            (
                b"D\0\0\0\xff\x6a\x04Host '10.0.0.1' is not allowed to connect",
                "a MySQL or MariaDB server answered: Host '10.0.0.1' is not allowed to connect",
            ),
            (
                b"E\0\0\0\x40SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 18.3\0\0",
                "a PostgreSQL server answered: unsupported frontend protocol 18.3",
            ),
            (b"ERROR\r\n", "answered \"ERROR\", which is not Kafka's protocol"),
            (b"\xde\xad\xbe\xef", "answered with bytes that are not Kafka's protocol: de ad be ef"),
            (b"", "answered \"\", which is not Kafka's protocol"),
        ] {
            let fault = fault(said);
            assert_eq!((fault.kind, fault.detail.as_str()), (FailureKind::WrongProtocol, words));
        }
    }

    #[test]
    fn an_alert_means_tls() {
        assert_eq!(fault(b"\x15\x03\x03\0\x02\x02\x46").kind, FailureKind::TlsExpected);
        assert_eq!(fault(b"\x15\x04\x03\0\x02\x02\x46").kind, FailureKind::WrongProtocol);
    }
}
