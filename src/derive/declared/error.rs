//! Why something that a user declared cannot be checked.

/// Why something that a user declared cannot be checked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclaredError {
    /// There is no arrow, or nothing on one side of it.
    #[error(
        "{0:?} is no expectation; write `app -> kafka://kafka:29092`, or `app -/-> mysql://db:3306` for what must not be"
    )]
    Arrow(String),
    /// No such place to look from.
    #[error("there is no service {name:?} to look from{hint}; look from {known}, or from a network as network:NAME")]
    UnknownVantage {
        /// As it was written.
        name: String,
        /// The nearest name, as the rest of a sentence; empty where none is near.
        hint: String,
        /// What exists.
        known: String,
    },
    /// The service has no such replica.
    #[error("service {service} has no container {number}; it has {known}")]
    UnknownReplica {
        /// The service.
        service: String,
        /// As it was written.
        number: String,
        /// What exists.
        known: String,
    },
    /// No such network.
    #[error("the stack has no network {name:?}{hint}; it has {known}")]
    UnknownNetwork {
        /// As it was written.
        name: String,
        /// The nearest name, as the rest of a sentence; empty where none is near.
        hint: String,
        /// What exists.
        known: String,
    },
    /// The target is no address.
    #[error(
        "{0:?} is no target; write PROTOCOL://HOST:PORT, such as kafka://kafka:29092, mysql://db:3306/shop or tcp://smtp:25"
    )]
    Target(String),
    /// The port is a number that no port has.
    #[error("{0:?} is no target: a port is 1 to 65535")]
    PortNumber(String),
    /// A scheme that nobody knows.
    #[error("protocol {scheme:?} is not known{hint}; tcp:// looks at any port")]
    Scheme {
        /// As it was written.
        scheme: String,
        /// The nearest scheme, as the rest of a sentence; empty where none is near.
        hint: String,
    },
    /// The target's host is nobody's name, and nearly a service's.
    #[error("there is no service {name:?} (did you mean {near}?)")]
    UnknownService {
        /// As it was written.
        name: String,
        /// The service.
        near: String,
    },
    /// No port is written, and the protocol has none of its own.
    #[error("{0:?} has no port; write PROTOCOL://HOST:PORT")]
    Port(String),
}

impl DeclaredError {
    /// The same, without what was written: it may have come from a variable, and hold a secret.
    #[must_use]
    pub fn without_values(self) -> Self {
        const UNSHOWN: &str = "***";
        let name = || UNSHOWN.to_owned();
        match self {
            Self::Arrow(_) => Self::Arrow(name()),
            Self::UnknownVantage { known, .. } => Self::UnknownVantage { name: name(), hint: String::new(), known },
            Self::UnknownReplica { service, known, .. } => Self::UnknownReplica { service, number: name(), known },
            Self::UnknownNetwork { known, .. } => Self::UnknownNetwork { name: name(), hint: String::new(), known },
            Self::Target(_) => Self::Target(name()),
            Self::Scheme { .. } => Self::Scheme { scheme: name(), hint: String::new() },
            Self::Port(_) => Self::Port(name()),
            Self::PortNumber(_) => Self::PortNumber(name()),
            Self::UnknownService { near, .. } => Self::UnknownService { name: name(), near },
        }
    }
}
