//! What a protocol is spoken over: a TCP connection, or TLS over one.

use super::Stream;

/// A connection, whatever carries it.
pub(super) type Channel = Box<dyn Stream>;
