//! Peers that mean no good, on real sockets: whatever they do, a look ends in time, takes little memory, never panics,
//! never passes where the protocol was not spoken, and nothing that they say can steer a terminal.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod anybody;
mod engine;
mod http;
mod kafka;
mod look;
mod names;
mod peers;
mod servers;
