//! `/etc/hosts` and `/etc/resolv.conf`, read as glibc reads them: hosts(5), resolv.conf(5).

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// The most that is read of either file, in bytes. Lists that block advertisers reach several megabytes.
const MOST: u64 = 16 << 20;
/// glibc asks no more servers than this.
const MOST_SERVERS: usize = 3;
/// The most search domains that are tried; glibc has no limit since 2.26.
const MOST_DOMAINS: usize = 16;
const PORT: u16 = 53;

/// Reads a file up to the bound; bytes that are no text are replaced.
///
/// # Errors
/// Those of opening and reading it.
pub fn read(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The addresses that a hosts file gives to a name, in the file's order, without repetitions. Names are compared
/// without case; a line that does not start with an address says nothing.
pub fn hosts_addresses(hosts: &str, name: &str) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else { continue };
        if !addresses.contains(&address) && words.any(|word| word.eq_ignore_ascii_case(name)) {
            addresses.push(address);
        }
    }
    addresses
}

/// What resolv.conf says of whom to ask, and for which names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The servers, in their order; never empty.
    pub servers: Vec<SocketAddr>,
    /// The domains that are appended to short names.
    pub search: Vec<String>,
    /// A name with at least this many dots is tried as it is first.
    pub ndots: usize,
}

impl Default for Config {
    /// What holds without the file: the server on this machine, no search domains.
    fn default() -> Self {
        let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
        Self { servers: vec![server], search: Vec::new(), ndots: 1 }
    }
}

impl Config {
    /// Reads the file's text. What it does not understand it passes over, as glibc does; of several `search` or
    /// `domain` lines the last one counts.
    pub fn parse(text: &str) -> Self {
        let mut config = Self::default();
        let mut servers = Vec::new();
        for line in text.lines() {
            // A comment is a line of its own; no white space may stand before a keyword.
            let mut words = line.split_ascii_whitespace();
            match (line.starts_with(char::is_whitespace), words.next()) {
                (false, Some("nameserver")) => servers.extend(words.next().and_then(server)),
                (false, Some("domain")) => config.search = words.take(1).filter_map(domain).collect(),
                (false, Some("search")) => config.search = words.filter_map(domain).take(MOST_DOMAINS).collect(),
                (false, Some("options")) => {
                    if let Some(dots) = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back() {
                        // The limit is resolv.conf(5)'s.
                        config.ndots = usize::min(dots, 15);
                    }
                }
                _ => {}
            }
        }
        servers.truncate(MOST_SERVERS);
        if !servers.is_empty() {
            config.servers = servers;
        }
        config
    }

    /// The names to ask for, in order: the name itself and the name within each search domain. A name that ends in a
    /// dot stands for itself alone.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let mut candidates: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let itself = if self.tries_itself_first(name) { 0 } else { candidates.len() };
        candidates.insert(itself, name.to_owned());
        candidates
    }

    /// Whether a name is asked for as it is before the search domains are tried: the answer to that question then is
    /// the one that counts.
    pub fn tries_itself_first(&self, name: &str) -> bool {
        name.ends_with('.') || name.matches('.').count() >= self.ndots
    }
}

/// A server's address; a link-local one may name its interface by number (`fe80::1%2`).
fn server(word: &str) -> Option<SocketAddr> {
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, PORT));
    }
    let (address, zone) = word.split_once('%')?;
    let zone = match zone.parse() {
        Ok(zone) => zone,
        // Interfaces are known by name here, by number to the socket.
        Err(_) if zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) => {
            std::fs::read_to_string(format!("/sys/class/net/{zone}/ifindex")).ok()?.trim().parse().ok()?
        }
        Err(_) => return None,
    };
    Some(std::net::SocketAddrV6::new(address.parse().ok()?, PORT, 0, zone).into())
}

/// A search domain without the dots around it; the root (`.`) adds nothing to a name.
fn domain(word: &str) -> Option<String> {
    let domain = word.trim_matches('.');
    (!domain.is_empty()).then(|| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(of: &[&str]) -> Vec<IpAddr> {
        of.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_hosts_file_gives_every_address_of_a_name() {
        let hosts = "127.0.0.1\tlocalhost\n::1 localhost ip6-localhost # localhost6\n# 10.0.0.1 localhost\n\
                     172.20.0.4 Kafka broker.example\n172.20.0.5 kafka\n172.20.0.4 kafka\nnonsense kafka\nkafka\n10.0.0.9\n";
        for (name, expected) in [
            ("localhost", &["127.0.0.1", "::1"][..]),
            ("KAFKA", &["172.20.0.4", "172.20.0.5"]),
            ("broker.example", &["172.20.0.4"]),
            ("broker", &[]),
            ("localhost6", &[]),
            ("10.0.0.9", &[]),
        ] {
            assert_eq!(hosts_addresses(hosts, name), addresses(expected), "{name}");
        }
    }

    #[test]
    fn resolv_conf_is_read_as_glibc_reads_it() {
        let config = Config::parse(
            "# Generated by Docker Engine.\nnameserver 127.0.0.11\n nameserver 9.9.9.9\nnameserver fe80::1%2\n\
             nameserver nonsense\n;nameserver 8.8.8.8\nnameserver 10.0.0.1\nnameserver 10.0.0.2\ndomain old.example\n\
             search corp.example. . lan\noptions edns0 trust-ad ndots:2 ndots:x timeout:1\n",
        );
        let servers: Vec<_> = config.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["127.0.0.11:53", "[fe80::1%2]:53", "10.0.0.1:53"]);
        assert_eq!((config.search.as_slice(), config.ndots), (&["corp.example".to_owned(), "lan".to_owned()][..], 2));
        assert_eq!(Config::parse("options ndots:99\n").ndots, 15);
        assert_eq!(Config::parse("\u{0}garbage\n"), Config::default());
    }

    #[test]
    fn names_are_tried_in_the_order_of_glibc() {
        let config = |ndots| Config { search: vec!["a".into(), "b.c".into()], ndots, ..Config::default() };
        assert_eq!(config(0).candidates("kafka"), ["kafka", "kafka.a", "kafka.b.c"]);
        assert_eq!(config(1).candidates("kafka"), ["kafka.a", "kafka.b.c", "kafka"]);
        assert_eq!(config(1).candidates("kafka.shop"), ["kafka.shop", "kafka.shop.a", "kafka.shop.b.c"]);
        assert_eq!(config(1).candidates("kafka."), ["kafka"]);
        assert_eq!(Config::default().candidates("kafka"), ["kafka"]);
    }
}
