//! Questions and answers over a connection of our own, for protocols of which a handshake is all that is spoken.
//!
//! What a peer may say is bounded in all, and nothing that a length field announces is reserved unseen. A stranger is told
//! by the first bytes that the server which is meant would not send.

use std::fmt;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

use super::channel::Channel;
use super::{Fault, Stream, stranger};
use crate::observation::FailureKind;

/// Whether these may be the first bytes of what a server of the protocol answers.
pub(super) type Begins = fn(&[u8]) -> bool;

/// A connection that is asked and read.
pub(super) struct Exchange {
    channel: BufReader<Channel>,
    /// What is meant to be there: `a NATS server`.
    expected: &'static str,
    begins: Begins,
    /// How many bytes the peer may still say.
    left: usize,
    /// Whether it has shown to be what is meant.
    recognised: bool,
    /// What went wrong when something was sent. A server that refuses everybody says so and closes, perhaps before our
    /// question arrives: its words stand behind the failed write.
    unsent: Option<Fault>,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("expected", &self.expected).field("left", &self.left).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Speaks over `stream` to what is meant to be `expected` and says no more than `most` bytes.
    pub(super) fn new(stream: impl Stream + 'static, expected: &'static str, most: usize, begins: Begins) -> Self {
        let channel = BufReader::with_capacity(4096, Box::new(stream) as Channel);
        Self { channel, expected, begins, left: most, recognised: false, unsent: None }
    }

    /// Sends this. That it could not be sent is told by the next read, unless the peer has said something.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let sent = match self.channel.write_all(bytes).await {
            Ok(()) => self.channel.flush().await,
            failed => failed,
        };
        self.unsent = sent.err().map(|error| Fault::from_io(&error)).or(self.unsent.take());
    }

    /// Reads a line of at most `longest` bytes; without its end.
    pub(super) async fn line(&mut self, longest: usize) -> Result<Vec<u8>, Fault> {
        let mut line = Vec::new();
        loop {
            match self.next(&line).await? {
                b'\n' => break,
                byte => line.push(byte),
            }
            if !self.recognised && !(self.begins)(&line) {
                return Err(self.stranger(line).await);
            }
            if line.len() > longest || line.last() == Some(&0) {
                return Err(self.garbled("it said what is no line"));
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        // A line end alone, where nothing was asked of its bytes.
        if !self.recognised && !(self.begins)(&line) {
            return Err(self.stranger(line).await);
        }
        Ok(line)
    }

    /// Reads so many bytes, a number that the caller has bounded.
    pub(super) async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        let mut read = Vec::with_capacity(count.min(4096));
        while read.len() < count {
            read.push(self.next(&read).await?);
            if !self.recognised && !(self.begins)(&read) {
                return Err(self.stranger(read).await);
            }
        }
        Ok(read)
    }

    /// Reads to the peer's end, and at most so many bytes.
    pub(super) async fn rest(&mut self, most: usize) -> Vec<u8> {
        let mut read = Vec::new();
        while read.len() < most {
            let Ok(byte) = self.next(&read).await else { break };
            read.push(byte);
        }
        read
    }

    /// The peer has shown that it is what is meant: from here on it has an account to keep to.
    pub(super) fn recognise(&mut self) {
        self.recognised = true;
    }

    /// The peer does not keep to the protocol.
    pub(super) fn garbled(&self, what: &str) -> Fault {
        Fault::new(FailureKind::WrongProtocol, format!("not {}: {what}", self.expected))
    }

    /// What is told of a peer that said this and is not what is meant.
    pub(super) async fn stranger(&mut self, said: Vec<u8>) -> Fault {
        if self.recognised {
            return self.garbled("it stopped speaking the protocol");
        }
        stranger::describe(said, &mut self.channel, self.expected).await
    }

    async fn next(&mut self, said: &[u8]) -> Result<u8, Fault> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(self.garbled("it said more than any answer has"));
        };
        self.left = left;
        match self.channel.read_u8().await {
            Ok(byte) => Ok(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                let when = if said.is_empty() { "without an answer" } else { "in the middle of an answer" };
                let closed = || Fault::new(FailureKind::Closed, format!("the server closed the connection {when}"));
                Err(self.unsent.take().unwrap_or_else(closed))
            }
            Err(error) => Err(Fault::from_io(&error)),
        }
    }
}

/// Whether `said` is the start of `word`, or starts with it.
pub(super) fn starts(said: &[u8], word: &[u8]) -> bool {
    word.starts_with(said) || said.starts_with(word)
}
