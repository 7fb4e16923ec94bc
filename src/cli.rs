//! The command line.
#![expect(clippy::doc_markdown, reason = "these comments are also the help that clap prints, where Markdown is noise")]

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::duration;
use crate::vantage::Via;

/// Checks every connection of a Docker Compose stack from every side that uses it, and says what to change.
///
/// Without a command it does what `crosscheck check` does.
#[derive(Debug, Parser)]
#[command(name = "crosscheck", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 all passed; 1 a check failed; 2 something could not be looked at, nothing was \
checked, or usage or engine prevented it; 130 interrupted.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of every command.
    #[command(flatten)]
    pub shared: Shared,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at every connection of the stack from every side, and explain what fails
    Check {
        /// Only checks that start at or lead to these services
        services: Vec<String>,
    },
    /// Try one connection, in full detail: crosscheck try app kafka://kafka:9092
    Try {
        /// Where to look from: host, engine, a service, a replica (app#2) or network:NAME
        from: String,
        /// Where to: a URL such as kafka://kafka:9092, or host:port
        target: String,
    },
    /// Show the checks that would run, and why each exists; opens no connection to any target
    Plan(PlanOptions),
    /// Write a crosscheck.yaml to start from, with what was found in its comments
    Init {
        /// Where to, `-` for stdout; without, crosscheck.yaml beside the compose file
        #[arg(value_name = "FILE")]
        path: Option<PathBuf>,
    },
    /// Show a rule's page; without a rule, the list of rules
    Explain {
        /// The rule's id, such as kafka-advertises-loopback
        rule: Option<String>,
    },
    /// Remove the probe images, and whatever interrupted runs have left, from the engine
    Clean,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// The probe itself: reads orders on stdin, writes what it sees on stdout
    #[command(hide = true)]
    Probe(Probe),
}

impl Command {
    /// The options of `plan`, where it is that.
    #[must_use]
    pub const fn plan(&self) -> Option<&PlanOptions> {
        match self {
            Self::Plan(options) => Some(options),
            _ => None,
        }
    }
}

/// What a plan is made for.
#[derive(Args, Clone, Debug, Default)]
pub struct PlanOptions {
    /// Only checks that start at or lead to these services
    pub services: Vec<String>,
    /// Write the plan into this file: a new one, a .mmd, or between the comments <!-- crosscheck:plan --> (or :map) of a .md
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub write: Option<PathBuf>,
    /// Fail when the plan in this file is out of date, and show what differs
    #[arg(long, value_name = "FILE")]
    pub verify: Option<PathBuf>,
}

/// What a process of ours is there for, beside looking from where it is.
#[derive(Debug, Parser)]
pub struct Probe {
    /// Looks from the namespaces of others
    #[arg(long)]
    pub agent: bool,
    /// Looks at nothing: removes this folder when stdin ends
    #[arg(long, value_name = "FOLDER", conflicts_with = "agent")]
    pub remove: Option<PathBuf>,
}

/// Flags of every command.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches that do not depend on each other")]
pub struct Shared {
    /// Compose file, as in docker compose; may be given several times
    #[arg(short, long, global = true, value_name = "FILE")]
    pub file: Vec<PathBuf>,
    /// Project name, as in docker compose
    #[arg(short, long, global = true, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Project directory, as in docker compose
    #[arg(long, global = true, value_name = "DIR")]
    pub project_directory: Option<PathBuf>,
    /// Environment file, as in docker compose; may be given several times
    #[arg(long, global = true, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Profile that is active, as in docker compose; may be given several times
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Vec<String>,
    /// File with what you expect and silence; without, crosscheck.yaml beside the compose file
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only look from this vantage: host, engine, a service, a replica (app#2) or network:NAME
    #[arg(long, global = true, value_name = "VANTAGE")]
    pub from: Vec<String>,
    /// Only look at targets that match: mysql://*, kafka:9092
    #[arg(long, global = true, value_name = "GLOB")]
    pub to: Vec<String>,
    /// Only report findings of this rule, and the checks that it fails
    #[arg(long, global = true, value_name = "ID")]
    pub rule: Vec<String>,
    /// A connection that must work: 'app -> kafka://kafka:29092'; that must not: 'web -/-> mysql:3306'
    #[arg(long, global = true, value_name = "EXPECTATION", allow_hyphen_values = true)]
    pub expect: Vec<String>,
    /// Folder of technologies of your own, as those in checks/technologies; may be given several times
    #[arg(long, global = true, value_name = "DIR")]
    pub technologies: Vec<PathBuf>,
    /// How to look from inside containers
    #[arg(long, global = true, value_enum, default_value_t = Via::Auto)]
    pub via: Via,
    /// Image that sidecars and the agent run, where they cannot be made of this crosscheck; never pulled
    #[arg(long, global = true, value_name = "IMAGE")]
    pub probe_image: Option<String>,
    /// Time for each check, redirects included: 2s, 500ms; 2s unless something says otherwise
    #[arg(long, global = true, value_name = "TIME", value_parser = duration::of_check)]
    pub timeout: Option<Duration>,
    /// Kafka: also produce and consume one record, in a topic of its own that is deleted again (up to 20s)
    #[arg(long, global = true)]
    pub round_trip: bool,
    /// Watch for this long what containers connect to, before anything is planned: 30s, 5m
    #[arg(long, global = true, value_name = "TIME", value_parser = duration::of_learning, conflicts_with = "offline")]
    pub learn: Option<Duration>,
    /// Do not look at the connections that containers have open: plan by what is written alone
    #[arg(long, global = true)]
    pub offline: bool,
    /// Also look at hosts outside the stack that its settings name, such as api.example.com
    #[arg(long, global = true)]
    pub external: bool,
    /// How to report
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Warnings fail the run too
    #[arg(long, global = true)]
    pub strict: bool,
    /// Checks that could not be looked at do not fail the run
    #[arg(long, global = true)]
    pub allow_inconclusive: bool,
    /// A run without a single check does not fail
    #[arg(long, global = true)]
    pub allow_empty: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub color: When,
    /// Only what did not pass
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Every step of every check
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Write the facts of the run to a file, without secrets, so that it can be judged again
    #[arg(long, global = true, value_name = "FILE", hide = true)]
    pub record: Option<PathBuf>,
}

/// The report's formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs; its schema is part of the product
    Json,
    /// For CI systems
    Junit,
    /// For plans: a map of who connects to whom
    Mermaid,
    /// For plans: a table of who uses which address
    Markdown,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
