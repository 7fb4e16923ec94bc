//! Gives every privilege of this thread away, for good.

use std::fs;

use nix::sys::prctl;
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_thread_gid,
    set_thread_groups, set_thread_res_gid, set_thread_res_uid, set_thread_uid,
};
use rustix::thread::{Gid, Uid};

use super::enter::Refused;

/// The user and group that own nothing: `nobody`, as the kernel's overflow ids are.
const NOBODY: u32 = 65534;

/// Has this thread become nobody, without any capability and without a way to gain one, and makes sure of it. The C library's
/// own calls would change all threads of the process; these are the kernel's, which change one.
///
/// # Errors
/// When a step fails, or when the kernel does not confirm what was asked of it: the thread must then end.
pub fn drop_all() -> Result<(), Refused> {
    // The bounding set counts for programs that are executed later; none is, and `no_new_privs` holds besides. A
    // thread without CAP_SETPCAP cannot empty it, and loses nothing by that; and the kernel knows less than 64.
    for bit in 0..64 {
        let removed = remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit));
        if removed.is_err() {
            break;
        }
    }
    set_thread_groups(&[]).map_err(|error| Refused::because("cannot leave our groups", error))?;
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_res_gid(group, group, group).map_err(|error| Refused::because("cannot leave our group", error))?;
    set_thread_res_uid(user, user, user).map_err(|error| Refused::because("cannot become nobody", error))?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .map_err(|error| Refused::because("cannot drop capabilities", error))?;
    prctl::set_no_new_privs().map_err(|error| Refused::because("cannot rule out new privileges", error))?;
    // No other process of nobody reads our memory, where a client's password may be.
    prctl::set_dumpable(false).map_err(|error| Refused::because("cannot close our memory to others", error))?;
    confirm()
}

/// Asks the kernel, and tries to go back.
fn confirm() -> Result<(), Refused> {
    let status = fs::read_to_string("/proc/thread-self/status")
        .map_err(|error| Refused::because("cannot read our status", error))?;
    if let Some(left) = privilege_in(&status) {
        return Err(Refused::new(format!("a privilege is left after dropping all: {left}")));
    }
    let root = set_thread_uid(Uid::ROOT).is_ok() || set_thread_gid(Gid::ROOT).is_ok();
    if root { Err(Refused::new("a dropped privilege came back when asked for")) } else { Ok(()) }
}

/// The first line of `/proc/thread-self/status` that tells of a privilege, or that should deny one and is missing.
fn privilege_in(status: &str) -> Option<String> {
    let nobody = [NOBODY; 4].map(|id| id.to_string()).join("\t");
    let wanted = [
        ("Uid", nobody.as_str()),
        ("Gid", nobody.as_str()),
        ("Groups", ""),
        ("CapInh", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
        ("CapEff", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
    ];
    wanted.into_iter().find_map(|(name, value)| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        match line.map(str::trim) {
            Some(found) if found == value => None,
            Some(found) => Some(format!("{name} {found}")),
            None => Some(format!("{name} unknown")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROPPED: &str = "Name:\tx\nUid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\nGroups:\t \n\
        CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n\
        CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";

    #[test]
    fn every_privilege_that_is_left_is_seen() {
        assert_eq!(privilege_in(DROPPED), None);
        for (from, to, left) in [
            ("Uid:\t65534\t65534\t65534", "Uid:\t65534\t65534\t0", "Uid 65534\t65534\t0\t65534"),
            ("Gid:\t65534", "Gid:\t0", "Gid 0\t65534\t65534\t65534"),
            ("Groups:\t ", "Groups:\t4 27 ", "Groups 4 27"),
            ("CapInh:\t0", "CapInh:\t1", "CapInh 1000000000000000"),
            ("CapPrm:\t0", "CapPrm:\t1", "CapPrm 1000000000000000"),
            ("CapEff:\t0", "CapEff:\t1", "CapEff 1000000000000000"),
            ("CapAmb:\t0", "CapAmb:\t1", "CapAmb 1000000000000000"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs 0"),
            ("NoNewPrivs:\t1\n", "", "NoNewPrivs unknown"),
        ] {
            assert_eq!(privilege_in(&DROPPED.replacen(from, to, 1)).as_deref(), Some(left));
        }
    }
}
