//! Checks every connection of a Docker Compose stack from every side that uses it, and explains each failure.
//!
//! The way through, as `ARCHITECTURE.md` tells it: read the stack, derive connections, plan checks, observe from every
//! vantage, judge by rules, report. [`run`] reads like that line.

pub mod catalog;
pub mod derive;
pub mod judge;
pub mod observation;
pub mod plan;
pub mod probe;
pub mod report;
pub mod rule;
pub mod stack;
pub mod target;
pub mod text;
pub mod vantage;
