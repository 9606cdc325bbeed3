//! The progress bar.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rdb_analysis::Progress;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::args::OutputArgs;
use crate::messages::count;

/// A bar on standard error, if that is a terminal and the user did not ask for silence.
pub(crate) struct Bar {
    drawn: ProgressBar,
    keys: AtomicU64,
    lengths: Mutex<Lengths>,
}

/// How long the inputs are, as far as it is known.
#[derive(Clone, Copy, Default)]
struct Lengths {
    /// Of the inputs whose length is known.
    bytes: u64,
    /// Number of the others.
    unknown: u64,
}

impl Lengths {
    fn add(&mut self, length: Option<u64>) {
        match length {
            Some(bytes) => self.bytes = self.bytes.saturating_add(bytes),
            None => self.unknown += 1,
        }
    }

    fn remove(&mut self, length: Option<u64>) {
        match length {
            Some(bytes) => self.bytes = self.bytes.saturating_sub(bytes),
            None => self.unknown = self.unknown.saturating_sub(1),
        }
    }
}

impl Bar {
    /// `lengths` are those of the inputs, where they are known; `may_show` is false where the bar and the
    /// output would be mixed up.
    pub(crate) fn new(args: &OutputArgs, lengths: impl Iterator<Item = Option<u64>>, may_show: bool) -> Self {
        let show = may_show && !args.no_progress && !args.quiet && std::io::stderr().is_terminal();
        let target = if show { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let mut known = Lengths::default();
        lengths.for_each(|length| known.add(length));
        let drawn = ProgressBar::with_draw_target(None, target);
        let bar = Self { drawn, keys: AtomicU64::new(0), lengths: Mutex::new(known) };
        bar.show(known);
        bar
    }

    /// Says that an input was opened, of which the length was taken for `listed` and is `opened`. The content of a compressed file
    /// has another length than the file.
    pub(crate) fn opened(&self, listed: Option<u64>, opened: Option<u64>) {
        if listed != opened {
            let mut lengths = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
            lengths.remove(listed);
            lengths.add(opened);
            self.show(*lengths);
        }
    }

    /// Shows a bar if all lengths are known, and a spinner if not.
    fn show(&self, lengths: Lengths) {
        let template = if lengths.unknown == 0 {
            self.drawn.set_length(lengths.bytes);
            "{percent:>3}% {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} ETA {eta}"
        } else {
            self.drawn.unset_length();
            "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg} {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.drawn.set_style(style);
        }
    }

    /// Runs `print`, which writes to standard error, without the bar in its way.
    pub(crate) fn suspend(&self, print: impl FnOnce()) {
        self.drawn.suspend(print);
    }

    pub(crate) fn finish(&self) {
        self.drawn.finish_and_clear();
    }
}

impl Progress for Bar {
    fn advance(&self, bytes: u64, keys: u64) {
        let keys = self.keys.fetch_add(keys, Ordering::Relaxed) + keys;
        if !self.drawn.is_hidden() {
            self.drawn.set_message(count(keys, "key"));
            self.drawn.inc(bytes);
        }
    }
}
