//! Reads and writes the user's file. What is written is there as a whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::DocumentError;
use crate::compose::from_disk;
use crate::text::io_error;

/// The text of a file; nothing where there is none.
///
/// # Errors
///
/// It is there and cannot be read.
pub fn read(path: &Path) -> Result<Option<String>, DocumentError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => from_disk(path).map(Some).map_err(|reason| DocumentError::File {
            path: path.display().to_string(),
            what: "read",
            reason,
        }),
    }
}

/// Writes a file beside the one that is meant and puts it in its place, so that nobody finds half of it. A link stays one,
/// and the file keeps its owner and its permissions.
///
/// # Errors
///
/// It cannot be written; then it is as it was.
pub fn write(path: &Path, text: &str) -> Result<(), DocumentError> {
    put(path, text).map_err(|error| DocumentError::File {
        path: path.display().to_string(),
        what: "written",
        reason: io_error(&error),
    })
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    // The file that a link leads to is the one that is meant.
    let path = match fs::canonicalize(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
        found => found?,
    };
    let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".crosscheck-{}", std::process::id()));
    let beside = path.with_file_name(beside);
    let file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let done = fill(file, text, &path).and_then(|()| fs::rename(&beside, &path));
    if done.is_err() {
        // What could not be put in place is nobody's.
        let _ = fs::remove_file(&beside);
    }
    done
}

fn fill(mut file: File, text: &str, path: &Path) -> io::Result<()> {
    if let Ok(known) = fs::metadata(path) {
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (known.uid(), known.gid()) {
            // Whoever may not give it away keeps it.
            let _ = std::os::unix::fs::fchown(&file, Some(known.uid()), Some(known.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(known.mode() & 0o7777))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("README.md"), folder.path().join("link.md"));
        assert!(read(&file).unwrap().is_none());
        write(&file, "one\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("README.md", &link).unwrap();
        write(&link, "two\n").unwrap();
        assert_eq!(read(&file).unwrap().as_deref(), Some("two\n"));
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
    }

    #[test]
    fn what_is_no_text_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.md");
        assert!(read(folder.path()).unwrap_err().to_string().contains("folder"));
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("UTF-8"));
        let nowhere = folder.path().join("none/x.md");
        assert!(write(&nowhere, "x").unwrap_err().to_string().contains("written"));
    }
}
