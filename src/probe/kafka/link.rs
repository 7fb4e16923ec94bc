//! A connection to something that may be a broker: questions out, answers in, both framed by a length of four bytes.

use std::error::Error;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::codec::Question;
use super::reader::Reader;
use crate::observation::FailureKind;
use crate::probe::tls::{self, Trouble};
use crate::probe::{Fault, Stream, stranger};
use crate::text;

/// The lengths that an answer can have: a correlation id at least; at most what Metadata needs for some two thousand
/// brokers, which are the longest answer by far. Sixteen brokers may answer at once.
const LENGTHS: RangeInclusive<usize> = 4..=256 << 10;

/// How much is read at a time, in bytes.
const CHUNK: usize = 8 * 1024;

/// An answer of which this much has come, in bytes, gets the room that it announced.
const EARNEST: usize = 64 * 1024;

/// How long to wait for the rest of what a stranger says.
const A_MOMENT: Duration = Duration::from_millis(100);

/// The correlation id of the first question is two line ends, so that a server that reads lines answers what it holds
/// for a malformed one, and can be named, instead of waiting for more.
const FIRST_CORRELATION: i32 = i32::from_be_bytes(*b"\r\n\r\n");

/// A connection on which one question at a time is asked.
#[derive(Debug)]
pub struct Link {
    stream: Box<dyn Stream>,
    deadline: Instant,
    received: BytesMut,
    correlation: i32,
}

impl Link {
    /// Speaks over `stream` until `deadline`.
    pub fn new(stream: impl Stream + 'static, deadline: Instant) -> Self {
        Self { stream: Box::new(stream), deadline, received: BytesMut::new(), correlation: FIRST_CORRELATION }
    }

    /// Asks, and gives the answer's body. A link that failed once is of no further use.
    ///
    /// # Errors
    /// `Closed`, `Reset` or `Silent` where no answer came; `TlsExpected` or `WrongProtocol` where it was none of
    /// Kafka's.
    pub async fn ask(&mut self, question: &Question) -> Result<Bytes, Fault> {
        let correlation = self.correlation;
        self.correlation = self.correlation.wrapping_add(1);
        let written = match self.stream.write_all(&question.frame(correlation)).await {
            // TLS keeps what it is given until it is told to send it.
            Ok(()) => self.stream.flush().await,
            failed => failed,
        };
        let answer = self.frame(question.key).await;
        let mut answer = match (written, answer) {
            // What the peer said before it closed its side explains more than that it did.
            (Err(error), Err(fault)) if ended(fault.kind) => return Err(Fault::from_io(&error)),
            (_, answer) => answer?,
        };
        let mut body = Reader::new(&answer, true);
        let ours = body.i32() == Some(correlation);
        let complete = !question.has_tagged_header() || body.tags().is_some();
        if !ours || !complete {
            return Err(garbled(question.key));
        }
        let head = answer.len() - body.rest().len();
        answer.advance(head);
        Ok(answer)
    }

    /// One frame without its length.
    async fn frame(&mut self, key: ApiKey) -> Result<Bytes, Fault> {
        let started = Instant::now();
        loop {
            let mut room = CHUNK;
            if let Some(head) = self.received.first_chunk::<4>() {
                let length = usize::try_from(i32::from_be_bytes(*head)).unwrap_or(usize::MAX);
                if !LENGTHS.contains(&length) {
                    return Err(self.stranger().await);
                }
                if self.received.len() >= 4 + length {
                    self.received.advance(4);
                    return Ok(self.received.split_to(length).freeze());
                }
                if self.received.len() >= EARNEST {
                    room = 4 + length - self.received.len();
                }
            }
            let before = self.received.len();
            match timeout_at(self.deadline, self.more(room)).await {
                Ok(Ok(0)) if before == 0 => {
                    return Err(Fault::new(FailureKind::Closed, format!("closed the connection on {key:?}")));
                }
                Ok(Ok(0)) => {
                    let said = format!("closed the connection after {before} bytes of an answer to {key:?}");
                    return Err(Fault::new(FailureKind::Closed, said));
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>) => {
                    let (Trouble::Limit(detail) | Trouble::Fault(Fault { detail, .. })) = tls::trouble(&error, &[]);
                    return Err(Fault::new(FailureKind::TlsFailed, detail));
                }
                Ok(Err(error)) => {
                    let fault = Fault::from_io(&error);
                    return Err(Fault::new(fault.kind, format!("{} on {key:?}", fault.detail)));
                }
                Err(_) => {
                    let time = text::millis(started.elapsed());
                    let said = if before == 0 {
                        format!("connected, then no answer to {key:?} within {time}")
                    } else {
                        format!("{before} bytes of an answer to {key:?}, then not the rest within {time}")
                    };
                    return Err(Fault::new(FailureKind::Silent, said));
                }
            }
        }
    }

    /// Reads what is there into this much room, in bytes; 0 at the end. Room grows with what has come: what was announced
    /// is believed only of an answer that has largely come.
    async fn more(&mut self, room: usize) -> std::io::Result<usize> {
        self.received.reserve(room);
        self.stream.read_buf(&mut self.received).await
    }

    /// Says who answered, if not a broker; what they say may come in pieces.
    async fn stranger(&mut self) -> Fault {
        let moment = self.deadline.min(Instant::now() + A_MOMENT);
        while self.received.len() < stranger::ENOUGH && !self.received.contains(&b'\n') {
            match timeout_at(moment, self.more(CHUNK)).await {
                Ok(Ok(1..)) => {}
                _ => break,
            }
        }
        stranger::fault(&self.received, "a Kafka broker")
    }
}

/// Whether the connection ended, as against an answer that was wrong.
pub const fn ended(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Closed | FailureKind::Reset)
}

/// A frame came that does not answer the question.
pub fn garbled(key: ApiKey) -> Fault {
    Fault::new(FailureKind::WrongProtocol, format!("what came is no answer of Kafka's to {key:?}"))
}
