//! The streams of a process that runs in a container: the engine sends its stdout and stderr as one.

use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::errors::Error;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt, DuplexStream};

use super::remote::Streams;

/// How much is kept between a process and its reader, in bytes.
pub const BUFFER: usize = 64 << 10;

/// Takes the engine's one stream apart again.
pub fn streams(
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    input: Pin<Box<dyn AsyncWrite + Send>>,
) -> Streams {
    let (out, stdout) = tokio::io::duplex(BUFFER);
    let (err, stderr) = tokio::io::duplex(BUFFER);
    tokio::spawn(split(output, out, err));
    Streams { input: Box::new(input), output: Box::new(stdout), errors: Box::new(stderr) }
}

async fn split(
    mut frames: impl Stream<Item = Result<LogOutput, Error>> + Unpin,
    mut out: DuplexStream,
    mut err: DuplexStream,
) {
    while let Some(Ok(frame)) = frames.next().await {
        let written = match frame {
            LogOutput::StdErr { message } => err.write_all(&message).await,
            LogOutput::StdOut { message } | LogOutput::Console { message } => out.write_all(&message).await,
            LogOutput::StdIn { .. } => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}
