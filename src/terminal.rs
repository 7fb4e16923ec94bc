//! What the terminal can show, and how to write to it.

use std::io::{IsTerminal, Write};

use anyhow::Context;

use crate::cli::When;
use crate::report::text::Style;

/// The width where no terminal says otherwise.
const WIDTH: usize = 100;

/// Colours, characters and width for stdout.
#[must_use]
pub fn style(color: When) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    let color = match color {
        When::Always => true,
        When::Never => false,
        When::Auto => terminal && !set("NO_COLOR") && !dumb,
    };
    // Files and pipes are read by programs that know UTF-8; a terminal says in its locale whether it does.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let utf8 = locale.is_some_and(|locale| locale.to_ascii_uppercase().replace('-', "").contains("UTF8"));
    let width =
        if terminal { terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0)) } else { WIDTH };
    Style { color, unicode: !terminal || utf8, width: width.max(40), verbose: false, quiet: false }
}

/// Writes to stdout. A reader that has gone away (`| head`) is no error.
///
/// # Errors
/// When stdout cannot be written to.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("stdout cannot be written to")
        }
        _ => Ok(()),
    }
}
