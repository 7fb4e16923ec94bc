//! The network interfaces of this namespace: their addresses from `getifaddrs(3)`, their sizes and numbers from `rtnetlink(7)`.
//!
//! `/sys/class/net` shows the interfaces of the namespace that it was mounted in, which need not be this one.

mod links;

use std::collections::BTreeMap;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use crate::observation::{Fact, Interface};
use crate::text;

/// No more interfaces than these are listed: beyond, the list would not be whole and is not given.
const MOST: usize = 4096;

/// The interfaces of this process' network namespace, by name.
#[must_use]
pub fn interfaces() -> Fact<Vec<Interface>> {
    let found = match getifaddrs() {
        Ok(found) => found,
        Err(error) => return Fact::NotLooked(format!("cannot list interfaces: {}", text::io_error(&error.into()))),
    };
    let mut addresses: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for entry in found {
        let of_interface = addresses.entry(text::line(&entry.interface_name, 40)).or_default();
        of_interface.extend(entry.address.as_ref().and_then(address));
    }
    if addresses.len() > MOST {
        return Fact::NotLooked(format!("more than {MOST} interfaces"));
    }
    // Without their sizes, interfaces are still worth knowing.
    let links = links::links().unwrap_or_default();
    let interface = |(name, mut addresses): (String, Vec<IpAddr>)| {
        addresses.sort_unstable();
        addresses.dedup();
        let link = links.get(&name);
        Interface {
            mtu: link.map(|link| link.mtu),
            index: link.map(|link| link.index),
            link: link.and_then(|link| link.to),
            name,
            addresses,
        }
    };
    Fact::Present(addresses.into_iter().map(interface).collect())
}

fn address(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_among_them() {
        let Fact::Present(interfaces) = interfaces() else { panic!("not looked") };
        let loopback = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        assert!(loopback.addresses.contains(&"127.0.0.1".parse().unwrap()), "{loopback:?}");
        for interface in &interfaces {
            let file = format!("/sys/class/net/{}/mtu", interface.name);
            let Ok(mtu) = std::fs::read_to_string(file) else { continue };
            assert_eq!(interface.mtu, mtu.trim().parse().ok(), "{}", interface.name);
            let number = |what| std::fs::read_to_string(format!("/sys/class/net/{}/{what}", interface.name)).ok();
            let (index, link) = (number("ifindex").unwrap(), number("iflink").unwrap());
            assert_eq!(interface.index, index.trim().parse().ok(), "{}", interface.name);
            assert_eq!(interface.link.or(interface.index), link.trim().parse().ok(), "{}", interface.name);
        }
    }
}
