//! How a server is known whose image no technology lists: what people who build their own leave as it was.

use serde::Deserialize;

/// What tells a technology's server apart where its image is somebody's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Signs {
    /// What images and services of it are called, in lower case: the last part of an image's path, words joined by hyphens.
    #[serde(default)]
    pub names: Vec<String>,
    /// The programs that are its server, without a path and without `.sh`.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Programs that ask in its healthcheck, over the loopback, whether it lives.
    #[serde(default)]
    pub checks: Vec<String>,
    /// The folders in which it keeps its data.
    #[serde(default)]
    pub data: Vec<String>,
    /// Variables that its images read when it starts, and its clients do not.
    #[serde(default)]
    pub settings: Vec<String>,
}

impl Signs {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What this says and what another says of the same technology.
    #[must_use]
    pub(super) fn added_to(mut self, other: Self) -> Self {
        self.names.extend(other.names);
        self.servers.extend(other.servers);
        self.checks.extend(other.checks);
        self.data.extend(other.data);
        self.settings.extend(other.settings);
        self
    }
}
