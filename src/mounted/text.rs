//! Texts of files on this machine, each read once, within bounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::text;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// No more files than these are read.
const MOST_FILES: usize = 64;
/// How long reading may take in all.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// What was read so far.
pub struct Texts {
    known: BTreeMap<PathBuf, Option<Result<String, String>>>,
    until: Instant,
    left_out: usize,
}

impl Texts {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { known: BTreeMap::new(), until: Instant::now() + PATIENCE, left_out: 0 }
    }

    /// The text of a file, which must lie within a folder where one is said; `None` where there is no such file, or no
    /// more are read.
    pub fn read(&mut self, file: &Path, within: Option<&Path>) -> Option<Result<String, String>> {
        if let Some(known) = self.known.get(file) {
            return known.clone();
        }
        if self.known.len() >= MOST_FILES || Instant::now() > self.until {
            self.left_out += 1;
            return None;
        }
        let text = read(file, within);
        self.known.insert(file.to_owned(), text.clone());
        text
    }

    /// What is to be said of files that were left out.
    pub fn note(&self) -> Option<String> {
        let left_out = text::count(self.left_out, "mounted file");
        (self.left_out > 0).then(|| {
            format!("{left_out} not read: at most {MOST_FILES} are, for no longer than {} s", PATIENCE.as_secs())
        })
    }
}

fn read(file: &Path, within: Option<&Path>) -> Option<Result<String, String>> {
    let metadata = match std::fs::metadata(file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(text::io_error(&error))),
    };
    if !metadata.is_file() {
        return None;
    }
    // A link may lead anywhere on this machine, where in the container it leads nowhere.
    let inside = |folder: &Path| Some(file.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?));
    if within.is_some_and(|folder| inside(folder) != Some(true)) {
        return None;
    }
    if metadata.len() > LARGEST {
        return Some(Err(format!("it is larger than {} KiB", LARGEST >> 10)));
    }
    match std::fs::read(file) {
        // What is no text, such as a key store, is no file of settings either.
        Ok(bytes) => String::from_utf8(bytes).ok().map(Ok),
        Err(error) => Some(Err(text::io_error(&error))),
    }
}
