//! Many pairs of streams over one: what crosscheck and its switchboard, in a child or in the agent, say to each other.
//!
//! A frame is a session's number and a length (both big-endian, 32 bits), a kind (one byte), and that many bytes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest frame that either side reads, in bytes.
const LONGEST: usize = 1 << 20;

/// How much of a stream goes into one frame, and waits for it at either end, in bytes: a hundred sessions have several each.
pub const CHUNK: usize = 8 << 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To the switchboard: enter this container and look from there; the bytes are an `Enter` as JSON.
    Open,
    /// To the switchboard: for the probe's stdin.
    Input,
    /// To the switchboard: the probe's stdin ends.
    End,
    /// From the switchboard: of the probe's stdout.
    Output,
    /// From the switchboard: why the probe could not look, or no longer does.
    Errors,
    /// From the switchboard: the probe has ended.
    Ended,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Open, Self::Input, Self::End, Self::Output, Self::Errors, Self::Ended];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which of the streams.
    pub session: u32,
    /// What it is.
    pub kind: Kind,
    /// What it carries.
    pub bytes: Vec<u8>,
}

impl Frame {
    /// A frame that carries something.
    pub const fn new(session: u32, kind: Kind, bytes: Vec<u8>) -> Self {
        Self { session, kind, bytes }
    }
}

/// Reads the next frame; nothing where the other side has ended.
///
/// # Errors
/// Those of the reader, and `InvalidData` for what is no frame.
pub async fn read(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let session = match reader.read_u32().await {
        Ok(session) => session,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(reader.read_u32().await?).unwrap_or(usize::MAX);
    let kind = Kind::of(reader.read_u8().await?);
    let (Some(kind), true) = (kind, length <= LONGEST) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the other side is no switchboard"));
    };
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).await?;
    Ok(Some(Frame { session, kind, bytes }))
}

/// Writes a frame, whole.
///
/// # Errors
/// Those of the writer.
pub async fn write(writer: &mut (impl AsyncWrite + Unpin), frame: &Frame) -> io::Result<()> {
    let length = u32::try_from(frame.bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut whole = Vec::with_capacity(9 + frame.bytes.len());
    whole.extend_from_slice(&frame.session.to_be_bytes());
    whole.extend_from_slice(&length.to_be_bytes());
    whole.push(frame.kind as u8);
    whole.extend_from_slice(&frame.bytes);
    writer.write_all(&whole).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_arrive_as_they_were_sent() {
        let (mut near, mut far) = tokio::io::duplex(64);
        let sent: Vec<_> =
            (0..).zip(Kind::ALL).map(|(n, kind)| Frame::new(n, kind, vec![7; n as usize * 100])).collect();
        let writing = async {
            for frame in &sent {
                write(&mut near, frame).await.unwrap();
            }
            drop(near);
        };
        let reading = async {
            let mut read_back = Vec::new();
            while let Some(frame) = read(&mut far).await.unwrap() {
                read_back.push(frame);
            }
            read_back
        };
        let ((), read_back) = tokio::join!(writing, reading);
        assert_eq!(read_back, sent);
    }

    #[tokio::test]
    async fn what_is_no_frame_is_refused_and_reserves_nothing() {
        for bytes in [&b"\0\0\0\x01\xff\xff\xff\xff\0"[..], b"\0\0\0\x01\0\0\0\x01\x09x", b"error: unexpected argument"]
        {
            assert_eq!(read(&mut &*bytes).await.unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
        assert_eq!(
            read(&mut &b"\0\0\0\x01\0\0\0\x05\0abc"[..]).await.unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        assert_eq!(read(&mut &b""[..]).await.unwrap(), None);
    }
}
