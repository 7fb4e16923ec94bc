//! What each fuzz target does with its input. The product's test `corpus` runs the same on what is kept in `corpus/`.

#[path = "targets.rs"]
mod targets;

pub use targets::*;
