//! The sizes of interfaces and what they are tied to, asked of the kernel: `RTM_GETLINK` of `rtnetlink(7)`, which needs no privilege.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;

use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::text;

/// Message types of `netlink(7)` and `rtnetlink(7)`.
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const REQUEST_ALL: u16 = 0x301;
/// Attributes of a link.
const NAME: u16 = 3;
const MTU: u16 = 4;
const TIED_TO: u16 = 5;
/// The length of a message's header, and of what describes a link before its attributes.
const HEADER: usize = 16;
const LINK: usize = 16;
/// The kernel writes no more than this into one packet of a dump.
const PACKET: usize = 64 << 10;
/// No more packets than these are read.
const MOST_PACKETS: usize = 256;

/// What the kernel says of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The largest packet that it sends, in bytes.
    pub mtu: u32,
    /// Its number in this namespace.
    pub index: u32,
    /// The number of the interface that it is tied to, in that one's namespace.
    pub to: Option<u32>,
}

/// The interfaces of this namespace, by name.
///
/// # Errors
/// When the kernel does not answer, or has more interfaces than are read.
pub fn links() -> io::Result<BTreeMap<String, Link>> {
    let kernel = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&kernel, ReceiveTimeout, &TimeVal::seconds(1))?;
    send(kernel.as_raw_fd(), &question(), MsgFlags::empty())?;
    let mut links = BTreeMap::new();
    let mut packet = vec![0; PACKET];
    for _ in 0..MOST_PACKETS {
        let length = recv(kernel.as_raw_fd(), &mut packet, MsgFlags::empty())?;
        if !read(&packet[..length], &mut links)? {
            return Ok(links);
        }
    }
    Err(io::Error::other("too many interfaces"))
}

/// Asks for all links: a header (length, type, flags, sequence, sender) and an empty description of a link.
fn question() -> Vec<u8> {
    let length = u32::try_from(HEADER + LINK).unwrap_or_default();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(GET_LINK.to_ne_bytes());
    message.extend(REQUEST_ALL.to_ne_bytes());
    message.resize(HEADER + LINK, 0);
    message
}

/// Takes the links of one packet; whether more packets follow.
fn read(packet: &[u8], links: &mut BTreeMap<String, Link>) -> io::Result<bool> {
    let mut rest = packet;
    while rest.len() >= HEADER {
        let length = usize::try_from(number(rest)).unwrap_or(usize::MAX);
        let Some(body) = rest.get(HEADER..length) else { return Err(io::ErrorKind::InvalidData.into()) };
        match short(&rest[4..]) {
            DONE => return Ok(false),
            ERROR => return Err(io::Error::other("the kernel refused to list its interfaces")),
            NEW_LINK => links.extend(link(body)),
            _ => {}
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Ok(true)
}

/// Out of the description of a link (family, type, number, flags) and its attributes, each with its length and type
/// before it.
fn link(body: &[u8]) -> Option<(String, Link)> {
    let (mut name, mut mtu, mut to) = (None, None, None);
    let mut rest = body.get(LINK..)?;
    while rest.len() >= 4 {
        let length = usize::from(short(rest));
        let value = rest.get(4..length)?;
        match short(&rest[2..]) {
            NAME => {
                let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
                name = Some(text::line(&String::from_utf8_lossy(&value[..end]), 40));
            }
            MTU if value.len() >= 4 => mtu = Some(number(value)),
            TIED_TO if value.len() >= 4 => to = Some(number(value)),
            _ => {}
        }
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
    Some((name?, Link { mtu: mtu?, index: number(&body[4..]), to }))
}

/// Messages and attributes begin at multiples of four bytes.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The first two bytes, in the machine's order.
fn short(bytes: &[u8]) -> u16 {
    bytes.first_chunk().map_or(0, |bytes| u16::from_ne_bytes(*bytes))
}

/// The first four bytes, in the machine's order.
fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_how_large() {
        assert!(links().unwrap().contains_key("lo"));
    }

    #[test]
    fn what_is_cut_off_is_no_panic() {
        let mut message = 60_u32.to_ne_bytes().to_vec();
        message.extend(NEW_LINK.to_ne_bytes());
        message.resize(HEADER + LINK, 0);
        message[HEADER + 4..HEADER + 8].copy_from_slice(&7_u32.to_ne_bytes());
        let (mtu, to) = (1450_u32.to_ne_bytes(), 8_u32.to_ne_bytes());
        for (kind, value) in [(NAME, b"eth0\0\0\0\0".as_slice()), (MTU, &mtu), (TIED_TO, &to)] {
            message.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            message.extend(kind.to_ne_bytes());
            message.extend(value);
        }
        let length = u32::try_from(message.len()).unwrap();
        message[..4].copy_from_slice(&length.to_ne_bytes());
        let mut found = BTreeMap::new();
        assert!(read(&message, &mut found).unwrap());
        assert_eq!(found, [("eth0".to_owned(), Link { mtu: 1450, index: 7, to: Some(8) })].into());
        for end in 0..message.len() {
            let _ = read(&message[..end], &mut BTreeMap::new());
        }
        for at in 0..message.len() {
            for byte in [0, 1, 255] {
                let mut broken = message.clone();
                broken[at] = byte;
                let _ = read(&broken, &mut BTreeMap::new());
            }
        }
    }
}
