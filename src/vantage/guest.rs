//! What crosscheck puts into a container for as long as it takes to start, and takes out again.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::LONGEST_RUN;
use super::program::{Program, add};
use crate::text;

/// How the name of every folder of ours begins.
pub(super) const PREFIX: &str = ".crosscheck-";

/// What the process that will remove the folder says when it is there.
pub(super) const READY: &str = "ready";

/// A program with everything that it is loaded with, so that it runs whatever libraries a container has, or none; packed
/// once for all containers of a run, in a folder of its name.
pub(super) struct Luggage {
    /// Where it is in a container, from the root.
    pub(super) folder: String,
    /// The archive, to be unpacked at the root.
    pub(super) archive: Bytes,
    has_loader: bool,
}

impl Luggage {
    /// Of this program: one folder, which everyone may read and only its owner may change. Blocks.
    ///
    /// # Errors
    /// When what it is loaded with cannot be read or packed.
    pub(super) fn of(program: &Program, name: &str) -> Result<Self, String> {
        let loaded = program.loaded()?;
        let mut archive = tar::Builder::new(Vec::with_capacity(program.bytes.len() + (8 << 20)));
        let folder = Path::new(name);
        add(&mut archive, folder, None, 0o755)?;
        add(&mut archive, &folder.join("crosscheck"), Some(&program.bytes), 0o755)?;
        if let Some(loaded) = &loaded {
            add(&mut archive, &folder.join("loader"), Some(&loaded.loader), 0o755)?;
            for (name, library) in &loaded.libraries {
                add(&mut archive, &folder.join(name), Some(library), 0o755)?;
            }
        }
        let archive =
            archive.into_inner().map_err(|error| format!("cannot pack the probe: {}", text::io_error(&error)))?;
        Ok(Self { folder: format!("/{name}"), archive: archive.into(), has_loader: loaded.is_some() })
    }

    /// What starts it, through its own loader where it has one.
    pub(super) fn command(&self, arguments: &[&str]) -> Vec<String> {
        let folder = &self.folder;
        let program = format!("{folder}/crosscheck");
        let mut command = if self.has_loader {
            vec![format!("{folder}/loader"), "--library-path".into(), folder.clone(), program]
        } else {
            vec![program]
        };
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }
}

/// Waits for the end of stdin and then removes the folder that this very program was put into.
///
/// # Errors
/// When it is none of ours, or something of it is left.
pub fn remove_at_end(folder: &Path) -> io::Result<()> {
    let ours = folder.parent() == Some(Path::new("/"))
        && folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    if !ours {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "this folder is none of crosscheck's"));
    }
    let mut stdout = io::stdout();
    // Whoever started this may be gone already: then there is the more reason to go on.
    let _ = writeln!(stdout, "{READY}").and_then(|()| stdout.flush());
    let mut stdin = io::stdin().lock();
    let mut chunk = [0; 64];
    while matches!(stdin.read(&mut chunk), Ok(1..)) {}
    // Links are not followed.
    fs::remove_dir_all(folder)?;
    for entry in fs::read_dir("/")?.filter_map(Result::ok) {
        if abandoned(&entry.file_name().to_string_lossy(), SystemTime::now()) {
            // A run that was killed at the wrong moment left it. If it stays, the next one tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Whether a folder of this name is of a run that is certainly over: its name says when that began.
fn abandoned(name: &str, now: SystemTime) -> bool {
    let began = name.strip_prefix(PREFIX).and_then(|run| run.split_once('-'));
    let began = began.and_then(|(micros, _)| u64::from_str_radix(micros, 16).ok());
    let began = began.and_then(|micros| UNIX_EPOCH.checked_add(Duration::from_micros(micros)));
    began.and_then(|began| now.duration_since(began).ok()).is_some_and(|age| age > LONGEST_RUN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_one_folder_that_is_removed() {
        let program = Program::read(&std::env::current_exe().unwrap(), "").unwrap();
        let luggage = Luggage::of(&program, ".crosscheck-run").unwrap();
        let mut archive = tar::Archive::new(&*luggage.archive);
        for (index, entry) in archive.entries().unwrap().map(Result::unwrap).enumerate() {
            let path = entry.path().unwrap().into_owned();
            assert!(path.starts_with(".crosscheck-run"), "{path:?}");
            assert_eq!(entry.header().entry_type().is_dir(), index == 0);
            assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
        }
        let command = luggage.command(&["probe"]);
        assert!(command[0].starts_with("/.crosscheck-run/") && command.last().unwrap() == "probe", "{command:?}");
    }

    #[test]
    fn only_what_a_run_left_long_ago_is_swept() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let begun = |ago: u64| format!("{PREFIX}{:x}-1f-3", (1_800_000_000 - ago) * 1_000_000);
        assert!(abandoned(&begun(2 * 3600), now));
        for kept in [begun(10), begun(3000), format!("{PREFIX}x-1"), PREFIX.to_owned(), "etc".into(), String::new()] {
            assert!(!abandoned(&kept, now), "{kept}");
        }
        assert!(!abandoned(&begun(0), UNIX_EPOCH), "a clock that went back");
    }

    #[test]
    fn only_folders_of_ours_are_removed() {
        for foreign in ["/", "/etc", "/tmp/.crosscheck-x", ".crosscheck-x", "/.crosscheck", "/.crosscheck-x/.."] {
            assert_eq!(remove_at_end(Path::new(foreign)).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{foreign}");
        }
    }
}
