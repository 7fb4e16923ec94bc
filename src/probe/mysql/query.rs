//! Questions in text, and their answers.
//!
//! <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html>

use std::time::Duration;

use tokio::time::timeout;

use super::packet::{ServerError, Wire, garbled};
use crate::probe::Fault;

const COM_QUIT: u8 = 0x01;
const COM_QUERY: u8 = 0x03;

/// How long a goodbye may take to be sent.
const GOODBYE: Duration = Duration::from_millis(100);

/// The most packets that are read of a part of an answer. Every question here has one row of one or two columns.
const MOST: usize = 16;

/// Asks a question: the cells of the first row, or the server's refusal.
pub(super) async fn ask(wire: &mut Wire, question: &str) -> Result<Result<Vec<String>, ServerError>, Fault> {
    wire.command(COM_QUERY, question).await?;
    let head = wire.read().await?;
    if let Some(error) = ServerError::parse(&head) {
        return Ok(Err(error));
    }
    // The number of columns. 0 is an answer without rows, 0xfb asks for a file of ours, which nobody gets.
    if !matches!(head.as_slice(), [1..=16]) {
        return Err(garbled("answered a question with something else than rows"));
    }
    // The columns, which say nothing new.
    for _ in 0..=MOST {
        if is_end(&wire.read().await?) {
            return rows(wire).await;
        }
    }
    Err(garbled("sent more columns than it had announced"))
}

/// Asks the first question of most clients, or returns the server's refusal.
pub(super) async fn select_one(wire: &mut Wire) -> Result<Result<(), ServerError>, Fault> {
    match ask(wire, "SELECT 1").await? {
        Ok(row) if row == ["1"] => Ok(Ok(())),
        Ok(_) => Err(garbled("answered SELECT 1 with something else")),
        Err(error) => Ok(Err(error)),
    }
}

async fn rows(wire: &mut Wire) -> Result<Result<Vec<String>, ServerError>, Fault> {
    let mut first = None;
    for _ in 0..=MOST {
        let packet = wire.read().await?;
        if is_end(&packet) {
            return Ok(Ok(first.unwrap_or_default()));
        }
        if let Some(error) = ServerError::parse(&packet) {
            return Ok(Err(error));
        }
        let row = cells(&packet).ok_or_else(|| garbled("sent a row that cannot be read"))?;
        first.get_or_insert(row);
    }
    Err(garbled("sent more rows than were asked for"))
}

/// Says goodbye, so that the server does not count an aborted connection.
pub(super) async fn quit(wire: &mut Wire) {
    // The answer that matters is there already.
    let _ = timeout(GOODBYE, wire.command(COM_QUIT, "")).await;
}

/// Whether this packet ends the columns or the rows.
const fn is_end(packet: &[u8]) -> bool {
    matches!(packet, [0xfe, ..]) && packet.len() < 9
}

/// The cells of a row: each a length and that many bytes, or 0xfb for NULL.
///
/// <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_row.html>
fn cells(mut row: &[u8]) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    while let Some((&first, rest)) = row.split_first() {
        let (length, rest) = match first {
            0xfb => (0, rest),
            0xfc => rest.split_first_chunk().map(|(bytes, rest)| (usize::from(u16::from_le_bytes(*bytes)), rest))?,
            // A longer cell does not fit into a packet that is read here.
            0xfd..=0xff => return None,
            short => (usize::from(short), rest),
        };
        let (cell, rest) = rest.split_at_checked(length)?;
        cells.push(String::from_utf8_lossy(cell).into_owned());
        row = rest;
    }
    Some(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_broken_ones_refused() {
        assert_eq!(cells(b"\x11Threads_connected\x011"), Some(vec!["Threads_connected".into(), "1".into()]));
        assert_eq!(cells(b"\xfb\x00"), Some(vec![String::new(), String::new()]));
        assert_eq!(cells(b"\xfc\x02\x00ab"), Some(vec!["ab".into()]));
        for broken in [&b"\x05ab"[..], b"\xfc\x01", b"\xfd\x01\0\0a", b"\xfe", b"\xff"] {
            assert_eq!(cells(broken), None, "{broken:?}");
        }
    }
}
