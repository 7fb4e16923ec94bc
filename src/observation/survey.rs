//! What a network namespace looks like from inside.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Fact;

/// What is seen of a network namespace from inside, without a connection to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The sockets that listen.
    pub listeners: Fact<Vec<Listener>>,
    /// The interfaces and their addresses.
    pub interfaces: Fact<Vec<Interface>>,
}

impl Survey {
    /// A survey that could not be made.
    #[must_use]
    pub fn not_looked(reason: &str) -> Self {
        Self { listeners: Fact::NotLooked(reason.to_owned()), interfaces: Fact::NotLooked(reason.to_owned()) }
    }
}

/// A socket that listens, as `/proc/net/tcp` of its namespace shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    /// The address that it is bound to; unspecified for all.
    pub address: IpAddr,
    /// TCP port.
    pub port: u16,
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interface {
    /// The kernel's name: `eth0`.
    pub name: String,
    /// The largest packet that it sends, in bytes, where that could be read.
    pub mtu: Option<u32>,
    /// The kernel's number for it in its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The number of the interface that it is tied to, where there is one: of a container's, its other end in the
    /// engine's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<u32>,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The sockets of a network namespace that say who reaches whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// The sockets that listen.
    pub listeners: Vec<Listener>,
    /// Where connections lead that were opened from inside.
    pub openings: Vec<Opening>,
}

/// A place outside of a namespace that somebody in it has connected to, or is trying to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opening {
    /// The other end's address.
    pub address: IpAddr,
    /// The other end's TCP port.
    pub port: u16,
    /// Whether the connection stands; else nobody has answered yet.
    pub established: bool,
}
