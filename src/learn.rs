//! `--learn`: watches what containers connect to for a time, before anything is planned.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::interrupt::Interrupt;
use crate::stack::Stack;
use crate::survey::{Survey, Surveyed};
use crate::text;
use crate::vantage::{Sessions, Ways};

/// What came of watching.
#[derive(Debug)]
pub struct Learned {
    /// The sessions that are open.
    pub sessions: Sessions,
    /// What was seen.
    pub surveyed: Surveyed,
    /// Whether it was ended before its time.
    pub interrupted: bool,
}

/// Opens the vantages and reads their sockets: for a time, or once where there is none. No connection is made to anybody.
pub async fn learn(
    (ways, stack): (&Ways, &Stack),
    survey: &Survey,
    time: Option<Duration>,
    quiet: bool,
    interrupt: &mut Interrupt,
) -> Learned {
    let surveyed = Mutex::new(Surveyed::default());
    let Some(sessions) = interrupt.or(survey.open(ways, stack, &surveyed)).await else {
        return Learned { sessions: Sessions::new(), surveyed: Surveyed::default(), interrupted: true };
    };
    let said = time.filter(|_| !quiet).map(said);
    let watched = interrupt.or(survey.watch(&sessions, time.unwrap_or_default(), &surveyed)).await;
    if let Some(bar) = said.flatten() {
        bar.finish_and_clear();
    }
    let surveyed = surveyed.into_inner().unwrap_or_default();
    if time.is_some() && !quiet {
        let places = text::count(surveyed.places(), "place");
        let ended = if watched.is_none() { "; interrupted" } else { "" };
        eprintln!("crosscheck: saw connections to {places}{ended}");
    }
    if let Some(note) = surveyed.note() {
        eprintln!("crosscheck: {note}");
    }
    Learned { sessions, surveyed, interrupted: watched.is_none() }
}

/// Says what takes so long: a bar on a terminal, else a line.
fn said(time: Duration) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        eprintln!("crosscheck: watching sockets for {}", text::millis(time));
        return None;
    }
    let bar = ProgressBar::new_spinner();
    // A template that cannot be read leaves indicatif's own.
    if let Ok(style) = ProgressStyle::with_template("{spinner} watching sockets, {elapsed} of {msg}") {
        bar.set_style(style);
    }
    bar.set_message(text::millis(time));
    bar.enable_steady_tick(Duration::from_millis(100));
    Some(bar)
}
