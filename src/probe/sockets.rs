//! What listens in this namespace and what it has opened, as `/proc/net/tcp` and `/proc/net/tcp6` show it: `proc_pid_net(5)`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::observation::{Fact, Listener, Opening, Sockets};
use crate::text;

/// No more listening sockets than these are listed: beyond, the list would not be whole and is not given.
const MOST_LISTENERS: usize = 4096;
/// No more places than these are listed that connections lead to, for the same reason.
const MOST_OPENINGS: usize = 4096;
/// The most that is read of either file, in bytes: some 400,000 connections.
const MOST_BYTES: u64 = 64 << 20;
/// The state of a listening socket, from the kernel's `tcp_states.h`.
const LISTEN: &str = "0A";
/// The state of a connection that stands.
const ESTABLISHED: &str = "01";
/// The state of a connection that is asked for and not answered yet. Those that are over are no matter here: probes of an
/// earlier run leave some.
const SYN_SENT: &str = "02";
/// The port of DNS, which is no connection that anybody means.
const DNS: u16 = 53;

/// The listening TCP sockets of this thread's network namespace, sorted, each once. IPv4 addresses in IPv6 form
/// are given as IPv4; `::` stays as it is, though such a socket mostly takes IPv4 connections too.
///
/// In a container on a network of its own, Docker's DNS server is among them: a port of 127.0.0.11 that changes with
/// every start.
///
/// A list that cannot be read whole is [`Fact::NotLooked`]; without any socket it is present and empty.
#[must_use]
pub fn listeners() -> Fact<Vec<Listener>> {
    listeners_in(Path::new(FOLDER))
}

/// What listens in this thread's network namespace, and the places outside of it that it has connected to or is trying to:
/// not what it accepted, nothing to itself, no DNS. Each once, sorted.
///
/// Where there is nothing but Docker's DNS server, that is left out.
#[must_use]
pub fn sockets() -> Fact<Sockets> {
    sockets_in(Path::new(FOLDER), has_docker_dns(Path::new("/etc/resolv.conf")))
}

const FOLDER: &str = "/proc/thread-self/net";

fn listeners_in(folder: &Path) -> Fact<Vec<Listener>> {
    match read_folder(folder, false) {
        Ok(table) => Fact::Present(table.listeners()),
        Err(reason) => Fact::NotLooked(reason),
    }
}

fn sockets_in(folder: &Path, has_docker_dns: bool) -> Fact<Sockets> {
    match read_folder(folder, has_docker_dns) {
        Ok(table) if table.too_many => Fact::NotLooked(format!("connections to more than {MOST_OPENINGS} places")),
        Ok(table) => Fact::Present(Sockets { openings: table.openings(), listeners: table.listeners() }),
        Err(reason) => Fact::NotLooked(reason),
    }
}

/// Whether Docker's DNS server is in this namespace, where it listens on TCP, too.
fn has_docker_dns(resolv_conf: &Path) -> bool {
    let text = std::fs::read_to_string(resolv_conf).unwrap_or_default();
    text.lines().any(|line| line.split_ascii_whitespace().eq(["nameserver", "127.0.0.11"]))
}

/// How many sockets one of the kernel's files of counts says to be in use: `TCP: inuse 4 orphan 0`.
fn in_use(counts: &Path, protocol: &str) -> Option<u32> {
    let text = std::fs::read_to_string(counts).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(protocol)?.strip_prefix(": inuse "))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn read_folder(folder: &Path, has_docker_dns: bool) -> Result<Table, String> {
    let mut table = Table::default();
    for (file, protocol, counts, nobodys) in
        [("tcp", "TCP", "sockstat", u32::from(has_docker_dns)), ("tcp6", "TCP6", "sockstat6", 0)]
    {
        // For either list the kernel goes through the sockets of the whole machine, some milliseconds of a processor's time;
        // how many there are it knows at once.
        if in_use(&folder.join(counts), protocol).is_some_and(|count| count <= nobodys) {
            continue;
        }
        let path = folder.join(file);
        let not_read = |reason: String| format!("cannot read {}: {reason}", path.display());
        let rows = match File::open(&path) {
            Ok(rows) => rows,
            // A kernel or a namespace without IPv6 has no such file.
            Err(error) if file == "tcp6" && error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(not_read(text::io_error(&error))),
        };
        read(BufReader::new(rows.take(MOST_BYTES + 1)), &mut table).map_err(not_read)?;
    }
    Ok(table)
}

/// The sockets of a namespace, as far as they matter.
#[derive(Debug, Default)]
pub(crate) struct Table {
    listeners: Vec<Listener>,
    /// The ports that something listens on.
    ports: BTreeSet<u16>,
    /// By the place that they lead to: the local port of one connection that stands, and of one that is asked for.
    connections: BTreeMap<(IpAddr, u16), Connections>,
    /// Whether they lead to more places than are kept.
    too_many: bool,
}

/// What is known of the connections to one place.
#[derive(Debug, Default)]
struct Connections {
    /// The local ports of those that stand; a few are enough.
    standing: BTreeSet<u16>,
    asked: bool,
}

/// Of the connections to one place, so many are kept to tell whether they were opened or accepted.
const MOST_ALIKE: usize = 8;

impl Table {
    /// What listens, sorted, each once.
    pub(crate) fn listeners(mut self) -> Vec<Listener> {
        self.listeners.sort_unstable();
        self.listeners.dedup();
        self.listeners
    }

    /// What was opened here, sorted. Whoever accepts a connection listens on its local port.
    pub(crate) fn openings(&self) -> Vec<Opening> {
        let opened = self.connections.iter().filter_map(|(&(address, port), connections)| {
            let established = connections.standing.iter().any(|local| !self.ports.contains(local));
            (established || connections.asked).then_some(Opening { address, port, established })
        });
        opened.collect()
    }

    /// Adds a connection, unless it is one of those that nobody means. Listeners stand before them in their file.
    fn connect(&mut self, local: &Listener, remote: &Listener, asked: bool) {
        let own = remote.address.is_loopback() || remote.address.is_unspecified() || remote.address == local.address;
        if own || remote.port == DNS || remote.port == 0 || (!asked && self.ports.contains(&local.port)) {
            return;
        }
        let known = self.connections.len();
        let key = (remote.address, remote.port);
        if known == MOST_OPENINGS && !self.connections.contains_key(&key) {
            self.too_many = true;
            return;
        }
        let connections = self.connections.entry(key).or_default();
        connections.asked |= asked;
        if !asked && connections.standing.len() < MOST_ALIKE {
            connections.standing.insert(local.port);
        }
    }
}

/// Adds the sockets of one file.
///
/// # Errors
/// Why the file's list is not whole.
pub(crate) fn read(rows: impl BufRead, table: &mut Table) -> Result<(), String> {
    let mut bytes = 0;
    for (number, row) in rows.lines().enumerate() {
        let row = row.map_err(|error| text::io_error(&error))?;
        bytes += row.len() as u64 + 1;
        if bytes > MOST_BYTES {
            return Err(format!("more than {} MiB", MOST_BYTES >> 20));
        }
        let mut words = row.split_ascii_whitespace();
        if number == 0 {
            if words.next() != Some("sl") {
                return Err("its head is not the expected one".into());
            }
            continue;
        }
        // Slot, local address, remote address, state.
        let [_, Some(local), Some(remote), Some(state)] = [(); 4].map(|()| words.next()) else {
            return Err(format!("line {} is too short", number + 1));
        };
        let address = |text| socket(text).ok_or_else(|| format!("line {} has no address", number + 1));
        let local = address(local)?;
        match state {
            LISTEN if table.listeners.len() == MOST_LISTENERS => {
                return Err(format!("more than {MOST_LISTENERS} listening sockets"));
            }
            LISTEN => {
                table.ports.insert(local.port);
                table.listeners.push(local);
            }
            ESTABLISHED | SYN_SENT => table.connect(&local, &address(remote)?, state == SYN_SENT),
            _ => {}
        }
    }
    if bytes == 0 { Err("it is empty".into()) } else { Ok(()) }
}

/// `0100007F:1F90` is 127.0.0.1:8080 on a little-endian machine: each word of the address stands in the machine's own
/// byte order, the port as a number.
fn socket(text: &str) -> Option<Listener> {
    let (address, port) = text.split_once(':')?;
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex(address) || !is_hex(port) || port.len() != 4 {
        return None;
    }
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let address = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (part, octets) in octets.chunks_exact_mut(4).enumerate() {
                octets.copy_from_slice(&word(part * 8)?);
            }
            IpAddr::from(Ipv6Addr::from(octets)).to_canonical()
        }
        _ => return None,
    };
    Some(Listener { address, port: u16::from_str_radix(port, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    /// A folder that holds these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, rows) in files {
            std::fs::write(folder.path().join(name), rows).unwrap();
        }
        folder
    }

    /// The address as the kernel of this machine writes it.
    fn hex(address: &str) -> String {
        let octets = match address.parse().unwrap() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        octets.chunks_exact(4).fold(String::new(), |mut text, word| {
            let word = u32::from_ne_bytes(word.try_into().unwrap());
            write!(text, "{word:08X}").unwrap();
            text
        })
    }

    fn row(address: &str, port: u16, state: &str) -> String {
        connection((address, port), ("0.0.0.0", 0), state)
    }

    fn connection(local: (&str, u16), remote: (&str, u16), state: &str) -> String {
        let [local, remote] = [local, remote].map(|(address, port)| format!("{}:{port:04X}", hex(address)));
        format!("   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 0 0 1\n")
    }

    fn opened(rows: &str) -> String {
        match sockets_in(folder(&[("tcp", &format!("{HEAD}{rows}"))]).path(), false) {
            Fact::Present(sockets) => sockets
                .openings
                .iter()
                .map(|of| format!("{}:{}{}", of.address, of.port, if of.established { "" } else { " asked" }))
                .collect::<Vec<_>>()
                .join(", "),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_was_opened_is_told_and_what_was_accepted_is_not() {
        let own = "172.20.0.5";
        for (rows, expected) in [
            (vec![connection((own, 40000), ("172.20.0.2", 5432), "01")], "172.20.0.2:5432"),
            (vec![connection((own, 40000), ("172.20.0.2", 5432), "02")], "172.20.0.2:5432 asked"),
            // Of several to one place, one that stands is enough.
            (
                vec![
                    connection((own, 40000), ("172.20.0.2", 5432), "02"),
                    connection((own, 40001), ("172.20.0.2", 5432), "01"),
                    connection((own, 40002), ("172.20.0.3", 80), "01"),
                ],
                "172.20.0.2:5432, 172.20.0.3:80",
            ),
            (vec![connection(("::ffff:172.20.0.5", 40000), ("::ffff:172.20.0.2", 5432), "01")], "172.20.0.2:5432"),
            // Accepted, wherever the list has what listens.
            (vec![row("0.0.0.0", 8080, "0A"), connection((own, 8080), ("172.20.0.9", 50000), "01")], ""),
            (vec![connection((own, 8080), ("172.20.0.9", 50000), "01"), row("0.0.0.0", 8080, "0A")], ""),
            // Who asks is never who accepts.
            (
                vec![row("0.0.0.0", 8080, "0A"), connection((own, 8080), ("172.20.0.9", 80), "02")],
                "172.20.0.9:80 asked",
            ),
            (vec![connection((own, 40000), (own, 8080), "01")], ""),
            (vec![connection(("127.0.0.1", 40000), ("127.0.0.1", 8080), "01")], ""),
            (vec![connection((own, 40000), ("127.0.0.11", 53), "01")], ""),
            (vec![connection((own, 40000), ("172.20.0.2", 53), "01")], ""),
            // Over, half open on the server's side, being closed.
            (
                ["03", "04", "05", "06", "07", "08", "09", "0B"]
                    .map(|state| connection((own, 40000), ("172.20.0.2", 5432), state))
                    .to_vec(),
                "",
            ),
        ] {
            assert_eq!(opened(&rows.concat()), expected, "{rows:?}");
        }
        let many: String = (0..=4096_u16)
            .map(|n| connection((own, 40000), (&format!("10.0.{}.{}", n >> 8, n & 255), 80), "01"))
            .collect();
        assert_eq!(opened(&many), "NotLooked(\"connections to more than 4096 places\")");
    }

    fn shown(fact: Fact<Vec<Listener>>) -> String {
        match fact {
            Fact::Present(all) => {
                let all: Vec<_> =
                    all.iter().map(|of| crate::target::host_and_port(&of.address.to_string(), of.port)).collect();
                all.join(" ")
            }
            Fact::Absent => "absent".into(),
            Fact::NotLooked(reason) => reason.split_once(": ").unwrap().1.to_owned(),
        }
    }

    #[test]
    fn listening_sockets_are_listed_once_and_in_order() {
        let v4 = [row("127.0.0.1", 8080, "0A"), row("0.0.0.0", 9092, "0A"), row("10.0.0.1", 40000, "01")].concat();
        let v6 = [
            row("::", 9092, "0A"),
            row("::1", 6379, "0A"),
            row("::ffff:127.0.0.1", 8080, "0A"),
            row("2001:db8::1:2", 443, "0A"),
            row("::", 9092, "0A"),
            row("::", 1, "06"),
        ];
        let both = folder(&[("tcp", &format!("{HEAD}{v4}")), ("tcp6", &format!("{HEAD}{}", v6.concat()))]);
        assert_eq!(
            shown(listeners_in(both.path())),
            "0.0.0.0:9092 127.0.0.1:8080 [::]:9092 [::1]:6379 [2001:db8::1:2]:443"
        );
        let only_v4 = folder(&[("tcp", &format!("{HEAD}{v4}"))]);
        assert_eq!(shown(listeners_in(only_v4.path())), "0.0.0.0:9092 127.0.0.1:8080");
        assert_eq!(shown(listeners_in(folder(&[("tcp", HEAD)]).path())), "");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn words_are_in_the_machines_order() {
        let listener = Listener { address: "127.0.0.1".parse().unwrap(), port: 8080 };
        assert_eq!(socket("0100007F:1F90"), Some(listener.clone()));
        assert_eq!(socket("0000000000000000FFFF00000100007F:1F90"), Some(listener));
    }

    #[test]
    fn a_list_that_is_not_whole_is_not_given() {
        let many: String = (0..=4096).map(|port| row("127.0.0.1", port, "0A")).collect();
        for (rows, reason) in [
            (String::new(), "it is empty"),
            ("nonsense\n".into(), "its head is not the expected one"),
            (format!("{HEAD}   0: 0100007F:1F90 00000000:0000\n"), "line 2 is too short"),
            (format!("{HEAD}   0: 0100007F 00000000:0000 0A\n"), "line 2 has no address"),
            (format!("{HEAD}   0: 0100007:1F90 00000000:0000 0A\n"), "line 2 has no address"),
            (format!("{HEAD}   0: +100007F:1F90 00000000:0000 0A\n"), "line 2 has no address"),
            (format!("{HEAD}   0: 0100007F:11F90 00000000:0000 0A\n"), "line 2 has no address"),
            (format!("{HEAD}   0: 0100007é:1F90 00000000:0000 0A\n"), "line 2 has no address"),
            (format!("{HEAD}{many}"), "more than 4096 listening sockets"),
        ] {
            assert_eq!(shown(listeners_in(folder(&[("tcp", &rows)]).path())), reason);
        }
        assert!(shown(listeners_in(folder(&[]).path())).starts_with("no such file"));
        // A list of which the kernel says that it is empty is not read.
        for (counts, read) in [("TCP6: inuse 0\n", false), ("TCP6: inuse 01\n", true), ("UDP6: inuse 0\n", true)] {
            let folder = folder(&[("tcp", HEAD), ("tcp6", "nonsense\n"), ("sockstat6", counts)]);
            assert_eq!(matches!(listeners_in(folder.path()), Fact::NotLooked(_)), read, "{counts}");
        }
        // Nor is one with Docker's DNS server alone.
        let one = [("tcp", "nonsense\n"), ("sockstat", "sockets: used 2\nTCP: inuse 1 orphan 0 tw 0\n")];
        for (has_docker_dns, read) in [(true, false), (false, true)] {
            let folder = folder(&one);
            assert_eq!(matches!(sockets_in(folder.path(), has_docker_dns), Fact::NotLooked(_)), read);
        }
        let two = folder(&[("tcp", "nonsense\n"), ("sockstat", "TCP: inuse 2 orphan 0\n")]);
        assert!(matches!(sockets_in(two.path(), true), Fact::NotLooked(_)));
        let no_v6 = folder(&[("tcp", HEAD)]);
        std::fs::create_dir(no_v6.path().join("tcp6")).unwrap();
        assert!(matches!(listeners_in(no_v6.path()), Fact::NotLooked(_)));
    }

    #[test]
    fn our_own_sockets_are_seen() {
        let (v4, other) = (std::net::TcpListener::bind("127.0.0.1:0"), std::net::TcpListener::bind("127.0.0.2:0"));
        let Fact::Present(all) = listeners() else { panic!("{:?}", listeners()) };
        for listener in [v4.unwrap(), other.unwrap()] {
            let local = listener.local_addr().unwrap();
            assert!(all.contains(&Listener { address: local.ip(), port: local.port() }), "{local} in {all:?}");
        }
    }
    #[test]
    fn docker_names_its_dns_server_by_its_address() {
        for (text, expected) in [
            ("# Generated by Docker Engine.\nnameserver 127.0.0.11\nsearch example\n", true),
            ("nameserver 127.0.0.111\n", false),
            ("#nameserver 127.0.0.11\n", false),
            ("nameserver 10.0.0.1\n", false),
        ] {
            let folder = folder(&[("resolv.conf", text)]);
            assert_eq!(has_docker_dns(&folder.path().join("resolv.conf")), expected, "{text}");
        }
    }
}
