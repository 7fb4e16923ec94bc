//! Networks, and the places of containers on them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A container's place on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// The names that its resolver gives to the container there.
    pub names: BTreeSet<String>,
    /// The container's addresses there.
    pub addresses: Vec<IpAddr>,
    /// The network's gateway, where there is one.
    pub gateway: Option<IpAddr>,
    /// Whether the address was asked for (`ipv4_address`), so that it stays what it is.
    #[serde(default)]
    pub fixed: bool,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// The engine's name.
    pub name: String,
    /// The engine's id.
    pub id: String,
    /// Its key in the compose file, where Compose made it.
    pub key: Option<String>,
    /// `bridge`, `overlay`, `host`, …
    pub driver: String,
    /// Whether it has no way out.
    pub internal: bool,
    /// Its subnets: the address and the length of the prefix in bits.
    #[serde(default)]
    pub subnets: Vec<(IpAddr, u8)>,
    /// The largest packet that its interfaces send, in bytes, where it was set.
    #[serde(default)]
    pub mtu: Option<u32>,
}

impl Network {
    /// Whether an address is of one of its subnets.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.subnets.iter().any(|&(subnet, bits)| {
            let bits = u32::from(bits);
            match (subnet, address.to_canonical()) {
                (IpAddr::V4(subnet), IpAddr::V4(address)) => {
                    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits)).unwrap_or_default();
                    subnet.to_bits() & mask == address.to_bits() & mask
                }
                (IpAddr::V6(subnet), IpAddr::V6(address)) => {
                    let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or_default();
                    subnet.to_bits() & mask == address.to_bits() & mask
                }
                _ => false,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_the_addresses_of_its_subnets() {
        let subnet = |address: &str, bits| (address.parse().unwrap(), bits);
        let subnets = vec![subnet("172.20.16.0", 20), subnet("fd00:1::", 64)];
        let network = Network { subnets, ..Network::default() };
        for (address, inside) in [
            ("172.20.16.0", true),
            ("172.20.31.255", true),
            ("::ffff:172.20.17.1", true),
            ("172.20.32.0", false),
            ("172.20.15.255", false),
            ("fd00:1::ffff", true),
            ("fd00:1:0:1::", false),
        ] {
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{address}");
        }
        let whole = Network { subnets: vec![subnet("0.0.0.0", 0), subnet("::", 0)], ..Network::default() };
        assert!(whole.contains("9.9.9.9".parse().unwrap()) && whole.contains("2001:db8::1".parse().unwrap()));
        let one = Network { subnets: vec![subnet("10.0.0.9", 32)], ..Network::default() };
        assert!(one.contains("10.0.0.9".parse().unwrap()) && !one.contains("10.0.0.8".parse().unwrap()));
    }
}
