//! The command: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use crosscheck::cli::{Cli, Command, Probe};
use crosscheck::probe::serve;
use crosscheck::vantage::{guest, switchboard};
use crosscheck::{catalog, command, exit, text};

fn main() -> ExitCode {
    // A probe is started for each container: it does not describe the whole command line first.
    if std::env::args_os().nth(1).is_some_and(|first| first == "probe") {
        return be_probe(&Probe::parse_from(std::env::args_os().skip(1)));
    }
    // Reading the catalogue takes as long as reading a large stack: both at once, from the beginning.
    drop(std::thread::Builder::new().spawn(catalog::prepare));
    let cli = Cli::parse();
    if let Some(Command::Probe(probe)) = &cli.command {
        return be_probe(probe);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads can be started: {}", text::io_error(&error))),
    };
    let result = runtime.block_on(command::run(cli));
    // Look-ups that still hang in libc must not hold the exit up.
    runtime.shutdown_background();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&format!("{error:#}")),
    }
}

/// The parent shows what this writes to stderr as the reason why nobody could look.
fn be_probe(probe: &Probe) -> ExitCode {
    if let Some(folder) = &probe.remove {
        return end(guest::remove_at_end(folder).map_err(|error| text::io_error(&error)));
    }
    let run = if probe.agent { switchboard::run } else { serve::run };
    end(run().map_err(|error| text::io_error(&error)))
}

fn end(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(exit::INCONCLUSIVE)
        }
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("crosscheck: {message}");
    ExitCode::from(exit::INCONCLUSIVE)
}
