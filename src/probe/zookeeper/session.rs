//! A session, opened and closed: frames of four bytes of length and a record.
//!
//! The records are `ConnectRequest`, `ConnectResponse`, `RequestHeader` and `ReplyHeader` of the protocol's own definition:
//! <https://github.com/apache/zookeeper/blob/master/zookeeper-jute/src/main/resources/zookeeper.jute>.

use super::Exchange;
use crate::observation::FailureKind;
use crate::probe::Fault;

/// How long the session would live if it were left, in milliseconds: servers raise it to their own least.
const TIMEOUT: i32 = 4000;

/// The operation that closes a session.
const CLOSE: i32 = -11;

/// The length of a password of sessions.
const PASSWORD: usize = 16;

/// Whether these may be the first bytes of a `ConnectResponse`: its length, with the last field that servers before 3.4 do
/// not send or without, and version 0 of the protocol.
pub(super) fn begins(said: &[u8]) -> bool {
    [36, 37].iter().any(|&length| super::starts(said, &[0, 0, 0, length, 0, 0, 0, 0]))
}

/// Opens a session and closes it.
pub(super) async fn open_and_close(exchange: &mut Exchange) -> Result<(), Fault> {
    exchange.send(&request()).await;
    let head = exchange.bytes(8).await?;
    exchange.recognise();
    let record = exchange.bytes(usize::from(head[3]) - 4).await?;
    let (timeout, session) = (record.first_chunk::<4>(), record.get(4..12));
    let password = record.get(12..16).map(|length| length == [0, 0, 0, 16].as_slice());
    let (Some(timeout), Some(session), Some(true)) = (timeout, session, password) else {
        return Err(exchange.garbled("its answer to a new session cannot be read"));
    };
    // So a server says that the session has expired, or that it gives none.
    if i32::from_be_bytes(*timeout) <= 0 || session == [0; 8].as_slice() {
        return Err(Fault::new(FailureKind::ServerRefuses, "the server gives no session"));
    }
    exchange.send(&close()).await;
    // The answer is a header of 16 bytes; the session is closed without it too.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(200), exchange.bytes(20)).await;
    Ok(())
}

/// `ConnectRequest`: the protocol's version, the last change that was seen, the timeout, no session yet and its password,
/// and that a server that can only be read will not do.
fn request() -> Vec<u8> {
    let mut record = vec![0; 4 + 8];
    record.extend(TIMEOUT.to_be_bytes());
    record.extend([0; 8]);
    record.extend([0, 0, 0, 16]);
    record.extend([0; PASSWORD]);
    record.push(0);
    frame(&record)
}

/// `RequestHeader`: number 1, to close.
fn close() -> Vec<u8> {
    frame(&[1_i32.to_be_bytes(), CLOSE.to_be_bytes()].concat())
}

fn frame(record: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], record].concat()
}
