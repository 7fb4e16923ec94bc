//! Checks every connection of a Docker Compose stack from every side that uses it, and explains each failure.
//!
//! The way through, as `ARCHITECTURE.md` tells it: read the stack, derive connections, plan checks, observe from every
//! vantage, judge by rules, report. `command/check.rs` reads like that line.

pub mod authorities;
pub mod catalog;
pub mod cli;
pub mod command;
pub mod compose;
pub mod config;
pub mod derive;
pub mod document;
pub mod duration;
pub mod evidence;
pub mod exit;
#[doc(hidden)]
pub mod fuzzing;
pub mod interrupt;
pub mod judge;
pub mod known;
pub mod learn;
pub mod looking;
pub mod mounted;
pub mod nearest;
pub mod observation;
pub mod observe;
pub mod output;
pub mod plan;
pub mod planning;
pub mod probe;
pub mod record;
pub mod report;
pub mod rule;
pub mod stack;
pub mod survey;
pub mod target;
pub mod terminal;
pub mod text;
pub mod vantage;
