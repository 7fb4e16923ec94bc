//! The command: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use crosscheck::cli::{Cli, Command};
use crosscheck::probe::serve;
use crosscheck::{exit, run, text, vantage};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Namespaces are entered by a process that has no other thread yet.
    if let Some(Command::Probe(probe)) = &cli.command {
        return serve::main(vantage::enter::Enter::from_arguments(probe).as_ref());
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("no threads can be started: {}", text::io_error(&error))),
    };
    let result = runtime.block_on(run::run(cli));
    // Look-ups that still hang in libc must not hold the exit up.
    runtime.shutdown_background();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&format!("{error:#}")),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("crosscheck: {message}");
    ExitCode::from(exit::INCONCLUSIVE)
}
