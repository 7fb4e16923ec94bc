//! Questions in text, and their answers.
//!
//! <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SIMPLE-QUERY>

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::time::timeout;

use super::wire::{Message, ServerError, Wire, garbled};
use crate::probe::Fault;

/// How long a goodbye may take to be sent.
const GOODBYE: Duration = Duration::from_millis(100);

/// The most messages that are read of an answer. Every question here has one row.
const MOST: usize = 32;

/// What every client may ask, and with it how many connections there are.
const FIRST: &str = "SELECT 1, current_setting('max_connections'), \
                     (SELECT sum(numbackends) FROM pg_stat_database WHERE datname IS NOT NULL)";

/// Asks the first question: the limit of connections and how many are in use, our own among them, where the server says
/// so; or its refusal.
pub(super) async fn first(wire: &mut Wire) -> Result<Result<Option<(u32, u32)>, ServerError>, Fault> {
    if let Ok(row) = ask(wire, FIRST).await? {
        let number = |at: usize| row.get(at).and_then(|cell| cell.parse().ok());
        return Ok(Ok(number(1).zip(number(2))));
    }
    // Poolers and descendants need not know these settings; the plain question is what counts.
    match ask(wire, "SELECT 1").await? {
        Ok(row) if row == ["1"] => Ok(Ok(None)),
        Ok(_) => Err(garbled("it answered SELECT 1 with something else")),
        Err(error) => Ok(Err(error)),
    }
}

/// The cells of the only row, or the server's refusal.
async fn ask(wire: &mut Wire, question: &str) -> Result<Result<Vec<String>, ServerError>, Fault> {
    let mut buffer = BytesMut::new();
    frontend::query(question, &mut buffer).map_err(|_| garbled("no question holds a zero byte"))?;
    wire.send(&buffer).await?;
    let mut row = Vec::new();
    let mut refusal = None;
    for _ in 0..MOST {
        let Message { tag, body } = match (wire.read().await, &refusal) {
            // Some errors end the connection.
            (Err(_), Some(_)) => break,
            (message, _) => message?,
        };
        match tag {
            b'D' => row = cells(&body).ok_or_else(|| garbled("it sent a row that cannot be read"))?,
            b'E' => refusal = Some(ServerError::parse(&body)),
            b'Z' => return Ok(refusal.map_or(Ok(row), Err)),
            // Columns, the end of the rows, settings, notices, notifications.
            b'T' | b'C' | b'S' | b'N' | b'A' => {}
            _ => return Err(garbled("it answered a question with a message that has no meaning there")),
        }
    }
    refusal.map(Err).ok_or_else(|| garbled("it sent more than was asked for"))
}

/// The cells of a row: a count, then each with a length; -1 is NULL.
fn cells(body: &[u8]) -> Option<Vec<String>> {
    let (count, mut rest) = body.split_first_chunk()?;
    let mut cells = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        let (cell, after) = after.split_at_checked(length)?;
        cells.push(String::from_utf8_lossy(cell).into_owned());
        rest = after;
    }
    Some(cells)
}

/// Says goodbye, so that the server does not log a client that vanished.
pub(super) async fn quit(wire: &mut Wire) {
    let mut buffer = BytesMut::new();
    frontend::terminate(&mut buffer);
    // The answer that matters is there already.
    let _ = timeout(GOODBYE, wire.send(&buffer)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_broken_ones_refused() {
        assert_eq!(cells(b"\0\x02\0\0\0\x011\0\0\0\x03100"), Some(vec!["1".into(), "100".into()]));
        assert_eq!(cells(b"\0\x01\xff\xff\xff\xff"), Some(vec![String::new()]));
        assert_eq!(cells(b"\0\0"), Some(Vec::new()));
        for broken in [&b""[..], b"\0", b"\0\x01", b"\0\x01\0\0\0\x05ab", b"\xff\xff\0\0\0\0"] {
            assert_eq!(cells(broken), None, "{broken:?}");
        }
    }
}
