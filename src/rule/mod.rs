//! Rules: pure functions from facts to findings. One file a rule; no I/O, no printing, no colours, no severities.
//!
//! To add one: a file here, a line in [`RULES`], a page in `checks/rules/`, a case that must fail and a near-miss that
//! must pass in `compose-fixtures/`. A test holds these sets equal.

pub mod facts;

pub use facts::{Cause, Facts, Failed, Seen, Verdict};

/// One kind of failure that crosscheck tells apart.
#[derive(Debug)]
pub struct Rule {
    /// Its public name.
    pub id: &'static str,
    /// Says why a check, or a redirect within it, failed, if this is the reason.
    pub explain: fn(&Facts, &Failed) -> Option<Cause>,
}

/// Every rule in order of precedence: the first that explains a failure claims it. Those that say *why* stand before
/// those that say *what*, the generic ones last.
pub const RULES: &[Rule] = &[];
