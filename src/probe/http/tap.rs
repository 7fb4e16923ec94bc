//! Keeps a peer's first bytes, so that one that speaks another protocol is told by its own words.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes are kept.
const MOST: usize = 256;
/// How many bytes are read in all: a head, a body in the smallest chunks, and what may come before them. A peer that goes on
/// and on is cut off here.
const MOST_READ: usize = 768 << 10;
/// How many bytes are read at a stretch: then others have their turn, the clock among them. What comes is worked through
/// without a look at it otherwise.
const STRETCH: usize = 16 << 10;
/// How many bytes are read at once.
const PIECE: usize = 8 << 10;

/// A stream that is listened in on.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    said: Said,
    /// How many bytes were read, in all and since the last rest.
    read: usize,
    stretch: usize,
}

/// What the peer said first.
#[derive(Clone, Debug, Default)]
pub struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// At most 256 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, bytes: &[u8]) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MOST - said.len();
        said.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl<S> Tap<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, said: Said::default(), read: 0, stretch: 0 }
    }

    /// What the peer says first, now and later.
    pub fn said(&self) -> Said {
        self.said.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read > MOST_READ {
            let words = format!("more than {} KiB came without a whole answer", MOST_READ >> 10);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, words)));
        }
        if self.stretch >= STRETCH {
            self.stretch = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut piece = [0; PIECE];
        let room = buffer.remaining().min(PIECE);
        let mut piece = ReadBuf::new(&mut piece[..room]);
        let result = Pin::new(&mut self.inner).poll_read(context, &mut piece);
        self.said.add(piece.filled());
        buffer.put_slice(piece.filled());
        let count = piece.filled().len();
        self.read += count;
        self.stretch += count;
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
