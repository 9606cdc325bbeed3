//! A terminal explorer of what fills backups, in the manner of `ncdu` and `dua`.
//!
//! [`Explorer`] shows groups of keys by name while the scan still runs, the biggest keys of a group,
//! and the facts, the elements and the bytes of one key. `bigkeys explore` runs this crate from the
//! command line.
//!
//! # Memory
//!
//! No list of all keys is held. The groups are those of a [`NameGroups`](rdb_analysis::NameGroups).
//! The keys of a group come from a scan of their own, which lists the largest.
//!
//! # Terminal
//!
//! The explorer takes the alternate screen of standard output, and gives it back at the end, after an
//! error, and after a panic of any thread. Names of keys are escaped.

#![forbid(unsafe_code)]

mod app;
mod draw;
mod export;
mod job;
mod keys;
mod list;
mod live;
mod session;
mod terminal;
mod tree;
mod value;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bigkeys_scan::Input;
use crossterm::event::{self, Event, KeyEventKind};
use ratatui::DefaultTerminal;
use rdb_analysis::NameRule;

use crate::app::App;
use crate::job::Ended;
pub use crate::session::MakeScan;
use crate::session::Session;
use crate::terminal::Screen;

/// Time between two looks at what the scan found.
const REFRESH: Duration = Duration::from_millis(100);

/// What to explore.
#[derive(Clone)]
pub struct Explorer<'a>(Session<'a>);

impl std::fmt::Debug for Explorer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explorer").field("inputs", &self.0.inputs).finish_non_exhaustive()
    }
}

/// Why an explorer ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExplorerError {
    /// The terminal cannot be used.
    Terminal(io::Error),
    /// A scan panicked, with this message.
    Panicked(String),
}

impl std::fmt::Display for ExplorerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Terminal(error) => write!(f, "the terminal cannot be used: {error}"),
            Self::Panicked(message) => write!(f, "a scan {message}"),
        }
    }
}

impl std::error::Error for ExplorerError {}

impl From<io::Error> for ExplorerError {
    fn from(error: io::Error) -> Self {
        Self::Terminal(error)
    }
}

impl<'a> Explorer<'a> {
    /// Explores `inputs` with the scans that `scan` makes. Their monitor and stop flag are replaced.
    pub fn new(scan: &'a MakeScan<'a>, inputs: Vec<Input>) -> Self {
        let rule = NameRule::new(b":");
        Self(Session { scan, inputs, rule, depth: 8, has_memory: true, has_colours: true })
    }

    /// Sets how names form groups, of up to `depth` segments. The default is a colon, and eight.
    #[must_use]
    pub fn groups(self, rule: NameRule, depth: usize) -> Self {
        Self(Session { rule, depth, ..self.0 })
    }

    /// Sets whether the scans model memory. On by default.
    #[must_use]
    pub fn memory(self, has_memory: bool) -> Self {
        Self(Session { has_memory, ..self.0 })
    }

    /// Sets whether bars and names have colours. On by default.
    #[must_use]
    pub fn colours(self, has_colours: bool) -> Self {
        Self(Session { has_colours, ..self.0 })
    }

    /// Explores on this terminal until the user quits or `stop` is set.
    ///
    /// # Errors
    ///
    /// [`ExplorerError`].
    pub fn run(&self, stop: &Arc<AtomicBool>) -> Result<(), ExplorerError> {
        let mut screen = Screen::take()?;
        thread::scope(move |scope| {
            let mut app = App::new(&self.0, scope);
            let outcome = run(&mut app, &mut screen.terminal, stop).map_err(|ended| match ended {
                Ended::Terminal(error) => ExplorerError::Terminal(error),
                Ended::Panicked => ExplorerError::Panicked(screen.panics()),
            });
            // The jobs are asked to stop, and the terminal is given back, before the scope waits for the
            // threads of the jobs.
            drop((app, screen));
            outcome
        })
    }
}

/// Shows what the app has, and gives it what the user types, until the user quits or `stop` is set.
fn run(app: &mut App<'_, '_>, terminal: &mut DefaultTerminal, stop: &AtomicBool) -> Result<(), Ended> {
    while !app.has_quit() && !stop.load(Ordering::Relaxed) {
        app.refresh()?;
        terminal.draw(|frame| app.draw(frame))?;
        // All that was typed at once is handled at once.
        let mut wait = REFRESH;
        while event::poll(wait)? {
            wait = Duration::ZERO;
            // The next drawing asks for the size of the terminal.
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
            {
                app.press(key);
            }
        }
    }
    Ok(())
}
