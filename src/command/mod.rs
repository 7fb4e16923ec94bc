//! The commands that look at nothing; those that look are in `run.rs`.

pub mod explain;
pub mod init;
pub mod plan;
