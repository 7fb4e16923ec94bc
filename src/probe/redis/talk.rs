//! Commands out, replies in: RESP over a connection of our own.
//!
//! The redis crate writes the commands and reads the replies. Its connection is not used: it introduces itself with
//! `CLIENT SETINFO` and pipelines `AUTH` with it, does not tell a reset from a close, and forgets what was said when it
//! was no RESP. Which bytes make up a reply is found here, so that every length is bounded before anything is read.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use redis::{Cmd, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, Take, WriteHalf, split};

use super::EXPECTED;
use crate::observation::FailureKind;
use crate::plan::Credentials;
use crate::probe::hide::hide;
use crate::probe::{Fault, Stream, stranger};

/// The most that is read from a peer in all, in bytes. `INFO` has some 6,000, and more where scripts raised many
/// kinds of errors.
const MOST: u64 = 512 << 10;

/// The longest line, in bytes: a status, an error, or a length.
const LONGEST_LINE: usize = 8 << 10;

/// What a server replied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A status (`+PONG`).
    Said(String),
    /// An error (`-NOAUTH …`), without its minus.
    Refused(String),
    /// A bulk string, as it came: a password that is a word of it (`redis`, `master`) must not spoil it.
    Body(String),
}

/// A connection that commands go over.
pub(super) struct Talk<'a> {
    reader: BufReader<Take<ReadHalf<Box<dyn Stream>>>>,
    writer: WriteHalf<Box<dyn Stream>>,
    /// What is taken out of what the server says in words.
    credentials: Option<&'a Credentials>,
    /// Whether it answered once as a server of this protocol does.
    answered: bool,
}

impl<'a> Talk<'a> {
    pub(super) fn new(stream: impl Stream + 'static, credentials: Option<&'a Credentials>) -> Self {
        let (reader, writer) = split(Box::new(stream) as Box<dyn Stream>);
        Self { reader: BufReader::new(reader.take(MOST)), writer, credentials, answered: false }
    }

    /// Sends a command and reads the reply to it.
    pub(super) async fn ask(&mut self, command: &Cmd) -> Result<Reply, Fault> {
        // A server that refuses everybody says so and closes, perhaps before the command arrives: its words stand
        // behind the failed write.
        let written = match self.writer.write_all(&command.get_packed_command()).await {
            Ok(()) => self.writer.flush().await,
            failed => failed,
        };
        let frame = match (self.frame().await, written) {
            (Err(fault), Err(error)) if fault.kind == FailureKind::Closed => return Err(Fault::from_io(&error)),
            (frame, _) => frame?,
        };
        let hidden = |text: &str| hide(text, self.credentials).into_owned();
        let reply = match redis::parse_redis_value(&frame) {
            Ok(Value::Okay) => Reply::Said("OK".into()),
            Ok(Value::SimpleString(text)) => Reply::Said(hidden(&text)),
            Ok(Value::BulkString(bytes)) => Reply::Body(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Value::ServerError(error)) => {
                let words = format!("{} {}", error.code(), error.details().unwrap_or_default());
                Reply::Refused(hidden(words.trim_end()))
            }
            Ok(_) | Err(_) => return Err(self.stranger(frame).await),
        };
        self.answered = true;
        Ok(reply)
    }

    /// Reads the bytes of one reply: a line, and for a bulk string as much as the line announces.
    async fn frame(&mut self) -> Result<Vec<u8>, Fault> {
        let start = self.reader.fill_buf().await.map_err(|error| Fault::from_io(&error))?;
        match start.first() {
            None => return Err(self.ended("without an answer")),
            // What a server of this protocol answers to our commands.
            Some(b'+' | b'-' | b'$') => {}
            Some(_) => return Err(self.stranger(Vec::new()).await),
        }
        let mut frame = Vec::new();
        (&mut self.reader)
            .take(LONGEST_LINE as u64)
            .read_until(b'\n', &mut frame)
            .await
            .map_err(|error| Fault::from_io(&error))?;
        let Some(line) = frame.strip_suffix(b"\r\n").filter(|line| !line.contains(&0)) else {
            return Err(if frame.ends_with(b"\n") || frame.len() >= LONGEST_LINE || frame.contains(&0) {
                self.stranger(frame).await
            } else {
                self.ended("in the middle of an answer")
            });
        };
        if let Some(length) = line.strip_prefix(b"$") {
            let length = std::str::from_utf8(length).ok().and_then(|length| length.parse::<u64>().ok());
            let Some(length) = length.filter(|&length| length < MOST) else {
                return Err(self.stranger(frame).await);
            };
            let wanted = length + 2;
            let got = (&mut self.reader)
                .take(wanted)
                .read_to_end(&mut frame)
                .await
                .map_err(|error| Fault::from_io(&error))?;
            if (got as u64) < wanted {
                return Err(self.ended("in the middle of an answer"));
            }
        }
        Ok(frame)
    }

    /// What is told of bytes that are no reply. Once a password may have been sent they are not shown: it could stand
    /// in them in any form.
    async fn stranger(&mut self, said: Vec<u8>) -> Fault {
        if self.answered {
            return garbled("it stopped speaking the protocol");
        }
        stranger::describe(said, &mut self.reader, EXPECTED).await
    }

    /// No more bytes come: the peer closed the connection, or used up what it may say.
    fn ended(&self, when: &str) -> Fault {
        if self.reader.get_ref().limit() == 0 {
            return garbled(&format!("it said more than {MOST} bytes"));
        }
        Fault::new(FailureKind::Closed, format!("the server closed the connection {when}"))
    }
}

/// The peer does not keep to the protocol.
pub(super) fn garbled(what: &str) -> Fault {
    Fault::new(FailureKind::WrongProtocol, format!("not {EXPECTED}: {what}"))
}
