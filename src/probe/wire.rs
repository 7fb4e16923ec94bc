//! What crosscheck and its probes say to each other: one JSON value a line, on the probe's stdin and stdout.
//!
//! The probe ends when its stdin ends, so that nothing of ours outlives the run that started it.

use std::io;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::{Options, Request};
use crate::catalog::Acquaintance;
use crate::observation::{Fact, Observation, Sockets, Survey};
use crate::plan::wanted::Question;
use crate::plan::{Credentials, Needed, Security};
use crate::target::Target;

/// The version of this protocol. A probe of another version is refused.
pub const VERSION: u32 = 1;

/// The longest line that either side reads, in bytes.
pub const LONGEST_LINE: usize = 4 << 20;

/// From crosscheck to the probe.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The first line.
    Hello {
        /// [`VERSION`] of the sender.
        version: u32,
    },
    /// Look at a target.
    Look {
        /// Names the answer.
        id: u32,
        /// What to look at.
        request: Box<WireRequest>,
    },
    /// Say what this namespace looks like from inside.
    Survey {
        /// Names the answer.
        id: u32,
    },
    /// Say what listens in this namespace, and what it has opened.
    Sockets {
        /// Names the answer.
        id: u32,
    },
}

/// A [`Request`] as it goes over the wire; secrets are in it, so it is never logged.
#[derive(Serialize, Deserialize)]
pub struct WireRequest {
    target: Target,
    timeout_micros: u64,
    user: Option<String>,
    password: Option<String>,
    #[serde(default)]
    security: Security,
    #[serde(default)]
    needed: Needed,
    #[serde(default)]
    questions: Vec<Question>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acquaintances: Vec<Acquaintance>,
    options: Options,
}

impl std::fmt::Debug for WireRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WireRequest({})", self.target)
    }
}

impl From<&Request> for WireRequest {
    fn from(request: &Request) -> Self {
        let credentials = request.credentials.as_ref();
        Self {
            target: request.target.clone(),
            timeout_micros: u64::try_from(request.timeout.as_micros()).unwrap_or(u64::MAX),
            user: credentials.map(|c| c.user.clone()),
            password: credentials.and_then(|c| c.password.as_ref()).map(|p| p.expose_secret().to_owned()),
            security: request.security.clone(),
            needed: request.needed.clone(),
            questions: request.questions.clone(),
            acquaintances: request.acquaintances.clone(),
            options: request.options,
        }
    }
}

impl From<WireRequest> for Request {
    fn from(wire: WireRequest) -> Self {
        let password = wire.password.map(SecretString::from);
        Self {
            target: wire.target,
            timeout: std::time::Duration::from_micros(wire.timeout_micros),
            credentials: wire.user.map(|user| Credentials { user, password }),
            security: wire.security,
            needed: wire.needed,
            questions: wire.questions,
            acquaintances: wire.acquaintances,
            options: wire.options,
        }
    }
}

/// From the probe to crosscheck.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The first line.
    Hello {
        /// [`VERSION`] of the sender.
        version: u32,
    },
    /// What was seen.
    Seen {
        /// The order's.
        id: u32,
        /// The facts.
        observation: Box<Observation>,
    },
    /// What the namespace looks like.
    Surveyed {
        /// The order's.
        id: u32,
        /// The facts.
        survey: Survey,
    },
    /// What listens in the namespace, and what it has opened.
    Sockets {
        /// The order's.
        id: u32,
        /// The facts.
        sockets: Fact<Sockets>,
    },
    /// An order that this probe does not know, by its id where one could be read: inconclusive, never a failure.
    Unknown {
        /// The order's.
        id: Option<u32>,
    },
}

/// What came of reading a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// It is in the buffer, without its newline.
    Whole,
    /// It was longer than [`LONGEST_LINE`] and was thrown away.
    TooLong,
    /// The other side ended; what it left without a newline is no line.
    End,
}

/// Reads the next line into `line`, which never grows beyond [`LONGEST_LINE`].
///
/// Not cancel-safe: a read that is dropped may lose the start of its line.
///
/// # Errors
/// Those of the reader.
pub async fn read_line(reader: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut too_long = false;
    loop {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(Line::End);
        }
        let newline = chunk.iter().position(|&byte| byte == b'\n');
        let text = &chunk[..newline.unwrap_or(chunk.len())];
        too_long |= line.len() + text.len() > LONGEST_LINE;
        if !too_long {
            line.extend_from_slice(text);
        }
        let used = text.len() + usize::from(newline.is_some());
        reader.consume(used);
        if newline.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Whole });
        }
    }
}
