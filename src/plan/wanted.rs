//! What a user wants of an answer beyond that it comes.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::text;

/// What a user wants of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// What must hold of the answer, each by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The time for this check, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

impl Wanted {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both.
    pub fn add(&mut self, more: Self) {
        for condition in more.conditions {
            if !self.conditions.contains(&condition) {
                self.conditions.push(condition);
            }
        }
        self.timeout = self.timeout.max(more.timeout);
    }

    /// What the server must be asked beside what its protocol asks anyway.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        let questions = self.conditions.iter().filter_map(|condition| match condition {
            Condition::Http(question) => Some(question.clone()),
            _ => None,
        });
        questions.collect()
    }
}

/// Something that must hold of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The HTTP status is in one of these ranges, both ends included.
    Status(Vec<(u16, u16)>),
    /// Something that is read from an HTTP answer.
    Http(Question),
    /// The answer comes within this time, all steps counted.
    Within(Duration),
    /// The name leads nowhere but to these.
    Addresses(Vec<Place>),
    /// The server has room for so many more connections.
    Headroom(u64),
}

impl Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(ranges) => write!(f, "status {}", ranges.iter().map(status).collect::<Vec<_>>().join(" or ")),
            Self::Http(Question::Header { name, value }) => write!(f, "header {name}: {}", text::line(value, 100)),
            Self::Http(Question::Body(part)) => write!(f, "{:?} in the body", text::line(part, 100)),
            Self::Http(Question::Json { pointer, value }) => write!(f, "{pointer}: {}", text::line(value, 100)),
            Self::Within(limit) => write!(f, "within {}", text::millis(*limit)),
            Self::Addresses(places) => {
                write!(f, "leads to {}", places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "))
            }
            Self::Headroom(room) => write!(f, "room for {room} more connections"),
        }
    }
}

/// A range of statuses: `200`, `2xx`, `200-204`.
#[must_use]
pub fn status(&(from, to): &(u16, u16)) -> String {
    match (from, to) {
        (from, to) if from == to => from.to_string(),
        (from, to) if from % 100 == 0 && to == from + 99 => format!("{}xx", from / 100),
        (from, to) => format!("{from}-{to}"),
    }
}

/// What is asked of an HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A header has this value, or one of its parts between `,` and `;` is it, whatever the case.
    Header {
        /// The header's name.
        name: String,
        /// The value.
        value: String,
    },
    /// The body contains this text.
    Body(String),
    /// The body is JSON, and has this value there.
    Json {
        /// Where: a JSON Pointer (RFC 6901).
        pointer: String,
        /// The text, or the JSON of a number, `true`, `false` or `null`.
        value: String,
    },
}

impl Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, .. } => write!(f, "header {name}"),
            Self::Body(_) => f.write_str("the body"),
            Self::Json { pointer, .. } => write!(f, "{pointer} of the body"),
        }
    }
}

/// Where a name may lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Any container of a service.
    Service(String),
    /// The addresses that share these leading bits with this one.
    Network(IpAddr, u8),
}

impl Place {
    /// A network such as `172.20.0.0/16`, or one address.
    #[must_use]
    pub fn network(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
            None => (text.parse().ok()?, None),
        };
        let most = if matches!(address, IpAddr::V4(_)) { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self::Network(address, bits))
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => f.write_str(service),
            Self::Network(address, bits) if *bits == if address.is_ipv4() { 32 } else { 128 } => address.fmt(f),
            Self::Network(address, bits) => write!(f, "{address}/{bits}"),
        }
    }
}

/// Whether an address is in a network.
#[must_use]
pub fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let shared = |one: u128, other: u128, width: u8| {
        let rest = u32::from(width.saturating_sub(bits));
        one.checked_shr(rest).unwrap_or(0) == other.checked_shr(rest).unwrap_or(0)
    };
    match (address.to_canonical(), network.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => shared(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => shared(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (address, network, expected) in [
            ("172.20.3.4", "172.20.0.0/16", true),
            ("172.21.3.4", "172.20.0.0/16", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.2", "10.0.0.1", false),
            ("8.8.8.8", "0.0.0.0/0", true),
            ("fd00::5", "fd00::/64", true),
            ("fd01::5", "fd00::/64", false),
            ("::1", "::/0", true),
            ("10.0.0.1", "::/0", false),
        ] {
            let Some(Place::Network(base, bits)) = Place::network(network) else { panic!("{network}") };
            assert_eq!(is_in(address.parse().unwrap(), base, bits), expected, "{address} in {network}");
        }
        for bad in ["", "10.0.0.0/33", "::/129", "kafka", "10.0.0.0/", "10.0.0/8"] {
            assert_eq!(Place::network(bad), None, "{bad}");
        }
    }
}
