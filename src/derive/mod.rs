//! Who must reach whom, and what says so. One file per origin; pure functions of the stack.

use crate::plan::{Credentials, Expectation, Origin, Published, Vantage};
use crate::target::Target;

/// A connection that something says must work (or must not).
#[derive(Clone, Debug)]
pub struct Connection {
    /// From where.
    pub from: Vantage,
    /// To where.
    pub target: Target,
    /// What says so.
    pub origin: Origin,
    /// The published port behind the target, where it is one.
    pub published: Option<Published>,
    /// What is expected.
    pub expect: Expectation,
    /// What the client's settings say of how it connects.
    pub settings: Vec<(String, String)>,
    /// The client's credentials.
    pub credentials: Option<Credentials>,
}
