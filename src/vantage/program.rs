//! This program as another machine can run it: its executable, the loader that it names, and what it is loaded with.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::text;

/// What glibc before 2.34 loads by name when it resolves names; later ones bring it along.
const LOADED_BY_NAME: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/// An executable that the engine's processor runs.
pub struct Program {
    path: PathBuf,
    /// The executable itself.
    pub bytes: Vec<u8>,
}

/// What a program is started by, where it is not static.
pub struct Loaded {
    /// Where the executable says that its loader is.
    pub place: PathBuf,
    /// The loader.
    pub loader: Vec<u8>,
    /// The shared objects, by the names that they are loaded by.
    pub libraries: Vec<(String, Vec<u8>)>,
}

impl Program {
    /// Reads the executable at `path`, for an engine of this architecture. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, or the engine cannot run it.
    pub fn read(path: &Path, architecture: &str) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| cannot_read(path, &error))?;
        check_machine(&bytes, architecture)?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// The loader and the libraries; nothing for a static executable. Blocks.
    ///
    /// # Errors
    /// When one of them is not found or cannot be read.
    pub fn loaded(&self) -> Result<Option<Loaded>, String> {
        let Some(place) = interpreter(&self.bytes) else { return Ok(None) };
        let read = |path: &Path| fs::read(path).map_err(|error| cannot_read(path, &error));
        let libraries = libraries(&place, &self.path)?;
        let libraries =
            libraries.into_iter().map(|(name, path)| Ok((name, read(&path)?))).collect::<Result<_, String>>()?;
        Ok(Some(Loaded { loader: read(&place)?, place, libraries }))
    }
}

/// Runs work that blocks beside everything else.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("cannot read the probe: {error}")))
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {}", path.display(), text::io_error(error))
}

/// Adds a file or, where it has no contents, a folder to an archive.
pub fn add(archive: &mut tar::Builder<Vec<u8>>, path: &Path, contents: Option<&[u8]>, mode: u32) -> Result<(), String> {
    let mut header = tar::Header::new_gnu();
    header.set_size(contents.map_or(0, |contents| contents.len() as u64));
    header.set_mode(mode);
    // Root, whatever the engine makes of a header that names nobody.
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(if contents.is_some() { tar::EntryType::Regular } else { tar::EntryType::Directory });
    let inside = path.strip_prefix("/").unwrap_or(path);
    archive
        .append_data(&mut header, inside, contents.unwrap_or_default())
        .map_err(|error| format!("cannot pack the probe: {}", text::io_error(&error)))
}

/// The parts of an ELF file's header that matter here. Only 64-bit little-endian files are read: nothing else runs
/// this program and an engine both.
fn machine(program: &[u8]) -> Option<&'static str> {
    if !program.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    Some(match u16_at(program, 18)? {
        62 => "amd64",
        183 => "arm64",
        243 => "riscv64",
        21 => "ppc64le",
        258 => "loong64",
        _ => "unknown",
    })
}

/// Makes sure that the engine's processor runs this executable.
fn check_machine(program: &[u8], architecture: &str) -> Result<(), String> {
    let engine = match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    match machine(program) {
        None => {
            Err("the probe must be a 64-bit Linux executable, and this crosscheck is none; run crosscheck on Linux, \
                     on the engine's own machine or in a container that may use the engine's socket"
                .into())
        }
        Some(ours) if ours == engine || engine.is_empty() => Ok(()),
        Some(ours) => Err(format!(
            "the engine's processor is {engine}, and this crosscheck is built for {ours}; run a crosscheck that is \
             built for {engine}"
        )),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?)).ok()
}

/// The program interpreter that an executable names (`PT_INTERP` of its program headers); a static one names none.
fn interpreter(program: &[u8]) -> Option<PathBuf> {
    let (table, size, count) = (u64_at(program, 32)?, u16_at(program, 54)?, u16_at(program, 56)?);
    (0..usize::from(count)).find_map(|index| {
        let header = program.get(table.checked_add(index * usize::from(size))?..)?;
        if header.get(..4)? != [3, 0, 0, 0] {
            return None;
        }
        let (offset, length) = (u64_at(header, 8)?, u64_at(header, 32)?);
        let path = program.get(offset..offset.checked_add(length)?)?;
        Some(PathBuf::from(OsStr::from_bytes(path.split(|&byte| byte == 0).next()?)))
    })
}

/// What the executable is loaded with on this machine: by which name, from where. The interpreter itself says so.
fn libraries(interpreter: &Path, executable: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let listed = Command::new(interpreter)
        .arg("--list")
        .arg(executable)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {}", interpreter.display(), text::io_error(&error)))?;
    if !listed.status.success() {
        let words = text::line(&String::from_utf8_lossy(&listed.stderr), 200);
        return Err(format!("{} cannot list what the probe needs: {words}", interpreter.display()));
    }
    let mut found = parse_list(&String::from_utf8_lossy(&listed.stdout))?;
    let beside = found.iter().find(|(name, _)| name == "libc.so.6").and_then(|(_, path)| path.parent());
    let extra: Vec<_> = beside.map_or_else(Vec::new, |folder| {
        let known = |name: &str| found.iter().any(|(other, _)| other == name);
        LOADED_BY_NAME
            .into_iter()
            .filter(|name| !known(name))
            .map(|name| (name.to_owned(), folder.join(name)))
            .filter(|(_, path)| path.is_file())
            .collect()
    });
    found.extend(extra);
    Ok(found)
}

/// Reads lines such as `libc.so.6 => /lib/libc.so.6 (0x…)`. The kernel's own object and the interpreter have no arrow.
fn parse_list(listed: &str) -> Result<Vec<(String, PathBuf)>, String> {
    let pairs = listed.lines().filter_map(|line| line.trim().split_once(" => "));
    pairs
        .filter(|(name, _)| !name.starts_with('/'))
        .map(|(name, found)| {
            let path = found.rsplit_once(" (0x").map_or(found, |(path, _)| path).trim();
            if path.starts_with('/') && !name.contains('/') {
                Ok((name.to_owned(), PathBuf::from(path)))
            } else {
                Err(format!("the probe needs {}, which is not found here", text::line(name, 100)))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> (PathBuf, Vec<u8>) {
        let path = std::env::current_exe().unwrap();
        let program = fs::read(&path).unwrap();
        (path, program)
    }

    #[test]
    fn only_an_executable_that_the_engine_runs_is_sent() {
        let mut arm = own().1;
        arm.truncate(64);
        arm[18..20].copy_from_slice(&183_u16.to_le_bytes());
        assert_eq!(check_machine(&arm, "aarch64"), Ok(()));
        assert_eq!(check_machine(&arm, "arm64"), Ok(()));
        assert_eq!(
            check_machine(&arm, "x86_64").unwrap_err(),
            "the engine's processor is amd64, and this crosscheck is built for arm64; run a crosscheck that is built \
             for amd64"
        );
        for none in [&b""[..], b"#!/bin/sh\n", b"\x7fELF\x01\x01", b"\xcf\xfa\xed\xfe\x07\x00\x00\x01"] {
            assert!(
                check_machine(none, "amd64").unwrap_err().starts_with("the probe must be a 64-bit Linux executable")
            );
        }
    }

    #[test]
    fn a_header_that_lies_is_survived() {
        let mut program = own().1;
        program.truncate(4096);
        for at in 0..64 {
            for value in [0, 0x7f, 0xff] {
                let mut broken = program.clone();
                broken[at] = value;
                let _ = interpreter(&broken);
                let _ = machine(&broken);
            }
            let _ = interpreter(&program[..at]);
        }
    }

    #[test]
    fn lists_of_both_libraries_are_read() {
        let glibc = "\tlinux-vdso.so.1 (0x00007fff)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
                     \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            parse_list(glibc).unwrap(),
            [("libc.so.6".to_owned(), PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6"))]
        );
        let musl = "\t/lib/ld-musl-x86_64.so.1 (0x7f)\n\tlibgcc_s.so.1 => /usr/lib/libgcc_s.so.1 (0x7f)\n\
                    \tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f)\n";
        assert_eq!(parse_list(musl).unwrap().len(), 2);
        assert_eq!(
            parse_list("\tlibz.so.1 => not found\n").unwrap_err(),
            "the probe needs libz.so.1, which is not found here"
        );
    }
}
