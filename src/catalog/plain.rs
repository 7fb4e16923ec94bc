//! Servers that speak with or without TLS on one port, and how their settings say which.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Port;

/// What a server speaks where its settings switch TLS off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// What it speaks then, by TCP port.
    pub ports: BTreeMap<u16, Port>,
    /// Variables of which each switches TLS off by this value, and on by any other.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The first major version whose images have TLS without being told.
    pub before: Option<u32>,
}
