//! What listens in this namespace, as `/proc/net/tcp` and `/proc/net/tcp6` show it: `proc_pid_net(5)`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use crate::observation::{Fact, Listener};
use crate::text;

/// No more listening sockets than these are listed: beyond, the list would not be whole and is not given.
const MOST_LISTENERS: usize = 4096;
/// The most that is read of either file, in bytes: some 400,000 connections.
const MOST_BYTES: u64 = 64 << 20;
/// The state of a listening socket, from the kernel's `tcp_states.h`.
const LISTEN: &str = "0A";

/// The listening TCP sockets of this thread's network namespace, sorted, each once. IPv4 addresses in IPv6 form
/// are given as IPv4; `::` stays as it is, though such a socket mostly takes IPv4 connections too.
///
/// In a container on a network of its own, Docker's DNS server is among them: a port of 127.0.0.11 that changes with
/// every start.
///
/// A list that cannot be read whole is [`Fact::NotLooked`]; without any socket it is present and empty.
#[must_use]
pub fn listeners() -> Fact<Vec<Listener>> {
    in_folder(Path::new("/proc/thread-self/net"))
}

fn in_folder(folder: &Path) -> Fact<Vec<Listener>> {
    let mut listeners = Vec::new();
    for file in ["tcp", "tcp6"] {
        let path = folder.join(file);
        let rows = match File::open(&path) {
            Ok(rows) => rows,
            // A kernel or a namespace without IPv6 has no such file.
            Err(error) if file == "tcp6" && error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return not_read(&path, &text::io_error(&error)),
        };
        if let Err(reason) = read(BufReader::new(rows.take(MOST_BYTES + 1)), &mut listeners) {
            return not_read(&path, &reason);
        }
    }
    listeners.sort_unstable();
    listeners.dedup();
    Fact::Present(listeners)
}

fn not_read(path: &Path, reason: &str) -> Fact<Vec<Listener>> {
    Fact::NotLooked(format!("cannot read {}: {reason}", path.display()))
}

/// Adds the listening sockets of one file.
///
/// # Errors
/// Why the file's list is not whole.
pub(crate) fn read(rows: impl BufRead, listeners: &mut Vec<Listener>) -> Result<(), String> {
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
        let [_, Some(local), Some(_), Some(state)] = [(); 4].map(|()| words.next()) else {
            return Err(format!("line {} is too short", number + 1));
        };
        let listener = socket(local).ok_or_else(|| format!("line {} has no address", number + 1))?;
        if state == LISTEN {
            if listeners.len() == MOST_LISTENERS {
                return Err(format!("more than {MOST_LISTENERS} listening sockets"));
            }
            listeners.push(listener);
        }
    }
    if bytes == 0 { Err("it is empty".into()) } else { Ok(()) }
}

/// `0100007F:1F90` is 127.0.0.1:8080 on a little-endian machine: each word of the address stands in the machine's own
/// byte order, the port as a number.
fn socket(local: &str) -> Option<Listener> {
    let (address, port) = local.split_once(':')?;
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
        format!(
            "   0: {}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 0 0 1\n",
            hex(address)
        )
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
            shown(in_folder(both.path())),
            "0.0.0.0:9092 127.0.0.1:8080 [::]:9092 [::1]:6379 [2001:db8::1:2]:443"
        );
        let only_v4 = folder(&[("tcp", &format!("{HEAD}{v4}"))]);
        assert_eq!(shown(in_folder(only_v4.path())), "0.0.0.0:9092 127.0.0.1:8080");
        assert_eq!(shown(in_folder(folder(&[("tcp", HEAD)]).path())), "");
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
            assert_eq!(shown(in_folder(folder(&[("tcp", &rows)]).path())), reason);
        }
        assert!(shown(in_folder(folder(&[]).path())).starts_with("no such file"));
        let no_v6 = folder(&[("tcp", HEAD)]);
        std::fs::create_dir(no_v6.path().join("tcp6")).unwrap();
        assert!(matches!(in_folder(no_v6.path()), Fact::NotLooked(_)));
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
}
