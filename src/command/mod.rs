//! The commands, each in a file of its own. `check.rs` is the one that looks.

mod check;
mod explain;
mod init;
mod plan;

use clap::CommandFactory;

use crate::cli::{Cli, Command};
use crate::stack::connect;
use crate::{exit, vantage};

/// Runs a command and gives its exit code.
///
/// # Errors
///
/// What prevented it, in words that say what to do; the exit code is then 2.
pub async fn run(cli: Cli) -> anyhow::Result<u8> {
    let shared = &cli.shared;
    for rule in &shared.rule {
        explain::known(rule)?;
    }
    plan::fits(shared.format, cli.command.as_ref().and_then(Command::plan))?;
    match cli.command {
        None => check::check(shared, Vec::new()).await,
        Some(Command::Check { services }) => check::check(shared, services).await,
        Some(Command::Try { from, target }) => check::attempt(shared, &from, &target).await,
        Some(Command::Plan(options)) => plan::plan(shared, &options).await,
        Some(Command::Init { path }) => init::init(shared, path.as_deref()).await,
        Some(Command::Explain { rule }) => explain::explain(rule.as_deref(), shared.color),
        Some(Command::Clean) => clean().await,
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "crosscheck", &mut std::io::stdout());
            Ok(exit::OK)
        }
        Some(Command::Probe(_)) => anyhow::bail!("a probe enters its namespace before anything else is started"),
    }
}

/// Removes what killed runs have left.
async fn clean() -> anyhow::Result<u8> {
    let connection = connect::connect().await?;
    let cleaned = vantage::clean(&connection.docker).await?;
    println!("{cleaned}");
    Ok(exit::OK)
}
