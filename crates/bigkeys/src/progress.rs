//! The progress bar.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rdb_analysis::Progress;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::args::OutputArgs;
use crate::messages::count;

/// A bar on standard error, if that is a terminal and the user did not ask for silence.
pub(crate) struct Bar {
    bar: ProgressBar,
    keys: AtomicU64,
}

impl Bar {
    /// `bytes` is the length of all inputs, if it is known; `may_show` is false where the bar and the
    /// output would be mixed up.
    pub(crate) fn new(args: &OutputArgs, bytes: Option<u64>, may_show: bool) -> Self {
        let show = may_show && !args.no_progress && !args.quiet && std::io::stderr().is_terminal();
        let target = if show { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(bytes, target);
        let template = if bytes.is_some() {
            "{percent:>3}% {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {msg} ETA {eta}"
        } else {
            "{spinner} {binary_bytes} {binary_bytes_per_sec} {msg} {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, keys: AtomicU64::new(0) }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn advance(&self, bytes: u64, keys: u64) {
        let keys = self.keys.fetch_add(keys, Ordering::Relaxed) + keys;
        if !self.bar.is_hidden() {
            self.bar.set_message(count(keys, "key"));
            self.bar.inc(bytes);
        }
    }
}
