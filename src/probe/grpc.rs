//! gRPC, which is HTTP/2 without an upgrade: the client's preface, and the server's settings.
//!
//! RFC 9113, sections 3.4 (the preface), 4.1 (frames), 6.5 (SETTINGS) and 6.8 (GOAWAY). No method is called: which one may
//! be called is known to the client alone.

#[cfg(test)]
mod tests;

use super::exchange::Exchange;
use super::{Attempt, Fault, Stop, Stream, ended};
use crate::observation::{Depth, GrpcPeer, Peer, PhaseName};
use crate::plan::Security;
use crate::target::Target;

/// What is meant to be there.
const EXPECTED: &str = "a gRPC server (HTTP/2)";

/// The client's preface: 24 bytes that no server of HTTP/1.1 understands, then settings without any.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// That the server's settings were read, and that the connection ends: the last stream is none, and nothing is wrong.
const FAREWELL: &[u8] = b"\0\0\0\x04\x01\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The most settings that a server is believed to have. Six are defined, and a few more in use.
const MOST_SETTINGS: u8 = 40;

/// The setting that limits how many streams there may be at once.
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// Looks at the target.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(attempt: &mut Attempt, target: &Target, security: &Security) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    let end = converse(attempt, stream).await;
    ended::explain(attempt, target, security).await;
    end
}

/// As [`look`], over a connection that stands.
pub(crate) async fn converse(attempt: &mut Attempt, stream: impl Stream + 'static) -> Result<(), Stop> {
    let mut exchange = Exchange::new(stream, EXPECTED, 1024, begins);
    let peer = attempt.step(PhaseName::Handshake, settings(&mut exchange)).await?;
    attempt.reached(Depth::Answered);
    attempt.observation.peer = Some(Peer::Grpc(peer));
    exchange.send(FAREWELL).await;
    Ok(())
}

/// Whether these may be the first bytes of the server's settings: a length of so many times six, their type, and neither a
/// flag nor a stream. The first frame of a server is nothing else.
fn begins(said: &[u8]) -> bool {
    let length = |byte: u8| byte.is_multiple_of(6) && byte / 6 <= MOST_SETTINGS;
    let wanted = |(at, &byte): (usize, &u8)| match at {
        2 => length(byte),
        3 => byte == 4,
        _ => byte == 0,
    };
    said.iter().take(9).enumerate().all(wanted)
}

async fn settings(exchange: &mut Exchange) -> Result<GrpcPeer, Fault> {
    exchange.send(PREFACE).await;
    let head = exchange.bytes(9).await?;
    exchange.recognise();
    let settings = exchange.bytes(usize::from(head[2])).await?;
    let mut settings = settings
        .chunks_exact(6)
        .map(|it| (u16::from_be_bytes([it[0], it[1]]), u32::from_be_bytes([it[2], it[3], it[4], it[5]])));
    let streams = settings.find(|(id, _)| *id == MAX_CONCURRENT_STREAMS).map(|(_, value)| value);
    Ok(GrpcPeer { streams })
}
