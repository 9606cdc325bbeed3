//! The progress bar.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rdb_analysis::Progress;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::args::OutputArgs;
use crate::messages::count;

/// Columns from which on a line has room for a bar and all numbers, and for a bar and some numbers.
const WIDE: usize = 100;
const MEDIUM: usize = 66;

/// Columns that are assumed of a terminal of unknown width.
const DEFAULT_COLUMNS: usize = 80;

/// A bar on standard error, if that is a terminal and the user did not ask for silence.
pub(crate) struct Bar {
    drawn: ProgressBar,
    keys: AtomicU64,
    lengths: Mutex<Lengths>,
    /// Columns of the terminal.
    columns: usize,
}

/// The lengths of the inputs, as far as they are known.
#[derive(Clone, Copy, Default)]
struct Lengths {
    /// Sum of the known lengths.
    bytes: u64,
    /// Number of inputs of unknown length.
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
    /// A bar for inputs of the given lengths, where these are known. `may_show` is false where the
    /// bar and the output would mix.
    pub(crate) fn new(args: &OutputArgs, lengths: impl Iterator<Item = Option<u64>>, may_show: bool) -> Self {
        let show = may_show && !args.no_progress && !args.quiet && std::io::stderr().is_terminal();
        let target = if show { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let columns = size.map_or(DEFAULT_COLUMNS, |(terminal_size::Width(columns), _)| usize::from(columns));
        Self::drawn_to(target, columns, lengths)
    }

    fn drawn_to(
        target: ProgressDrawTarget,
        columns: usize,
        lengths: impl Iterator<Item = Option<u64>>,
    ) -> Self {
        let mut known = Lengths::default();
        lengths.for_each(|length| known.add(length));
        let drawn = ProgressBar::with_draw_target(None, target);
        let bar = Self { drawn, keys: AtomicU64::new(0), lengths: Mutex::new(known), columns };
        bar.show(known);
        bar
    }

    /// Corrects the length of an input that was opened: from `listed` to `opened`. The content of a
    /// compressed file has another length than the file.
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
        let is_known = lengths.unknown == 0;
        if is_known {
            self.drawn.set_length(lengths.bytes);
        } else {
            self.drawn.unset_length();
        }
        let template = match (is_known, self.columns) {
            (true, WIDE..) => {
                "{percent:>3}% {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} ETA {eta}"
            }
            (true, MEDIUM..) => "{percent:>3}% {wide_bar} {binary_bytes_per_sec} {msg} ETA {eta}",
            (true, _) => "{percent:>3}% {wide_bar} ETA {eta}",
            (false, MEDIUM..) => "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg} {elapsed}",
            (false, _) => "{spinner} {binary_bytes} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.drawn.set_style(style);
        }
    }

    /// Hides the bar while `print` writes to standard error.
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

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    #[test]
    fn the_bar_takes_one_line_of_any_terminal() {
        for columns in [40, 65, 66, 80, 99, 100, 200] {
            for length in [Some(987_654_321_098), None] {
                let terminal = InMemoryTerm::new(10, columns);
                let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
                let bar = Bar::drawn_to(target, usize::from(columns), [length].into_iter());
                bar.advance(123_456_789_012, 1_234_567_890);
                bar.drawn.force_draw();
                let shown = terminal.contents();
                assert_eq!(shown.lines().count(), 1, "{columns}: {shown}");
            }
        }
    }
}
