//! The image that sidecars run: this program's executable and what it is loaded with, and nothing else.
//!
//! It is made in memory and imported through the API, so that no registry is asked and no compiler is needed.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bollard::Docker;
use bollard::body_full;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::TryStreamExt;

use super::{LABEL, engine_says};
use crate::text;

/// The repository of every probe image.
pub const REPOSITORY: &str = "crosscheck-probe";

/// Where the executable is in the image.
pub const EXECUTABLE: &str = "/crosscheck";

/// What glibc before 2.34 loads by name when it resolves names; later ones bring it along.
const LOADED_BY_NAME: [&str; 3] = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/// Names and loads the image of an executable, importing it where the engine does not have it.
///
/// # Errors
/// Why there is no such image.
pub async fn ensure(docker: &Docker, executable: &Path, architecture: &str) -> Result<String, String> {
    let path = executable.to_owned();
    let architecture = architecture.to_owned();
    let (program, tag) = blocking(move || {
        let program = fs::read(&path).map_err(|error| cannot_read(&path, &error))?;
        check_machine(&program, &architecture)?;
        let tag = tag(&program);
        Ok((program, tag))
    })
    .await?;
    let name = format!("{REPOSITORY}:{tag}");
    match docker.inspect_image(&name).await {
        Ok(_) => return Ok(name),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {}
        Err(error) => return Err(engine_says("cannot look for the probe image", &error)),
    }
    let path = executable.to_owned();
    let archive = blocking(move || archive(&path, &program)).await?;
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(&tag)
        .changes(vec![format!("LABEL {LABEL}=probe"), "ENV LD_LIBRARY_PATH=/lib".into()])
        .build();
    let imported = docker.create_image(Some(options), Some(body_full(archive.into())), None);
    imported
        .try_for_each(|_| std::future::ready(Ok(())))
        .await
        .map_err(|error| engine_says("cannot import the probe image", &error))?;
    Ok(name)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(format!("cannot make the probe image: {error}")))
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {}", path.display(), text::io_error(error))
}

/// Another executable is another image, also between two builds of one version.
fn tag(program: &[u8]) -> String {
    format!("{}-{:08x}", env!("CARGO_PKG_VERSION"), crc32fast::hash(program)).replace('+', "_")
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

/// The image's only layer.
fn archive(executable: &Path, program: &[u8]) -> Result<Vec<u8>, String> {
    let mut builder = tar::Builder::new(Vec::with_capacity(program.len() + (8 << 20)));
    let mut add = |path: &Path, contents: &[u8], mode: u32| {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(mode);
        let inside = path.strip_prefix("/").unwrap_or(path);
        builder
            .append_data(&mut header, inside, contents)
            .map_err(|error| format!("cannot make the probe image: {}", text::io_error(&error)))
    };
    add(Path::new(EXECUTABLE), program, 0o755)?;
    // Names come from these two, in the order in which nearly every image has them.
    add(Path::new("/etc/nsswitch.conf"), b"hosts: files dns\n", 0o644)?;
    if let Some(interpreter) = interpreter(program) {
        let loader = fs::read(&interpreter).map_err(|error| cannot_read(&interpreter, &error))?;
        add(&interpreter, &loader, 0o755)?;
        for (name, path) in libraries(&interpreter, executable)? {
            let library = fs::read(&path).map_err(|error| cannot_read(&path, &error))?;
            add(&Path::new("/lib").join(name), &library, 0o755)?;
        }
    }
    builder.into_inner().map_err(|error| format!("cannot make the probe image: {}", text::io_error(&error)))
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
    fn the_image_holds_what_the_executable_is_loaded_with() {
        let (path, program) = own();
        let archive = archive(&path, &program).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<_> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names[..2], [PathBuf::from("crosscheck"), PathBuf::from("etc/nsswitch.conf")]);
        if let Some(interpreter) = interpreter(&program) {
            assert!(names.contains(&interpreter.strip_prefix("/").unwrap().to_owned()), "{names:?}");
            // Every object that is mapped here, under whatever name its file has.
            let maps = fs::read_to_string("/proc/self/maps").unwrap();
            let mapped = maps.lines().filter(|line| line.contains("r-xp")).filter_map(|line| line.split_once('/'));
            let mapped = mapped.filter(|(_, path)| path.contains(".so")).count();
            assert!(names.len() - 2 >= mapped, "{names:?}");
        }
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
