//! What a process is told that is to look from inside a container's network. Only Linux has namespaces to enter.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which container's namespaces to enter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enter {
    /// A process of the container, on this machine.
    pub pid: u32,
    /// The engine's id of the container, 64 hexadecimal digits.
    pub container: String,
    /// The engine's copy of its `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// The engine's copy of its `/etc/hosts`.
    pub hosts: PathBuf,
}

/// Why namespaces were not entered, as a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// What was tried, and the system's answer.
    #[cfg(target_os = "linux")]
    pub(super) fn because(what: &str, error: impl Into<std::io::Error>) -> Self {
        Self(format!("{what}: {}", crate::text::io_error(&error.into())))
    }
}

#[cfg(not(target_os = "linux"))]
impl Enter {
    /// There is nothing to enter.
    ///
    /// # Errors
    /// Always.
    pub fn enter(&self) -> Result<(), Refused> {
        Err(Refused::new("this machine has no namespaces"))
    }

    /// There is nothing to enter.
    ///
    /// # Errors
    /// Always.
    pub fn try_reading(&self) -> Result<(), Refused> {
        self.enter()
    }
}
