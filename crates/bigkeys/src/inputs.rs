//! Lists the inputs that the arguments name, and reports what cannot be read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bigkeys::{Input, ListingProblem, Monitor, Progress, Scan, ScanError};

use crate::args::InputArgs;
use crate::messages::{self, Messages};
use crate::progress::Bar;

/// The inputs that the arguments name, not open yet.
pub(crate) struct Inputs {
    scan: Scan<'static>,
    listed: Vec<Input>,
    failures: usize,
}

impl Inputs {
    /// Lists the inputs. Reports names that cannot be read or are redundant.
    ///
    /// # Errors
    ///
    /// The arguments contradict each other.
    pub(crate) fn list(
        args: &InputArgs,
        stop: &Arc<AtomicBool>,
        messages: &Messages,
    ) -> anyhow::Result<Self> {
        let scan = scan(args, stop);
        let mut failures = 0;
        let listed = scan.list(|problem| {
            failures += usize::from(problem.is_error());
            match problem {
                ListingProblem::Unreadable(error) => messages::error(&error),
                // The exit status tells about the signal.
                ListingProblem::Interrupted => {}
                redundant => messages.warning(&redundant),
            }
        })?;
        Ok(Self { scan, listed, failures })
    }

    /// Number of names and entries of directories that cannot be read. They are reported already.
    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    /// Length of each input in bytes, where the file system reports it.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = Option<u64>> {
        self.listed.iter().map(Input::length)
    }

    /// The inputs.
    #[cfg(feature = "explore")]
    pub(crate) fn into_list(self) -> Vec<Input> {
        self.listed
    }

    /// The inputs, and the scan that reports to `monitor`.
    pub(crate) fn into_scan<'b>(self, monitor: &'b BarMonitor<'b>) -> (Scan<'b>, Vec<Input>) {
        (self.scan.monitor(monitor), self.listed)
    }
}

/// The scan of the inputs that the arguments name.
pub(crate) fn scan(args: &InputArgs, stop: &Arc<AtomicBool>) -> Scan<'static> {
    let mut scan = Scan::inputs(&args.inputs)
        .recursive(args.read.recursive)
        .io(args.read.io.mode())
        .deep(args.read.deep)
        .verify_checksum(!args.read.no_checksum)
        .threads(args.read.threads.map(usize::from))
        .stop(Arc::clone(stop));
    for shard in &args.shards {
        scan = scan.shard(shard.node.to_string(), &shard.path);
    }
    for (name, value) in &args.read.store_options {
        scan = scan.store_option(name, value);
    }
    scan
}

/// Shows the progress of a scan on the bar, and reports inputs that cannot be opened.
pub(crate) struct BarMonitor<'b> {
    pub(crate) bar: &'b Bar,
    pub(crate) stop: &'b AtomicBool,
    pub(crate) messages: &'b Messages,
}

impl Progress for BarMonitor<'_> {
    fn advance(&self, bytes: u64, keys: u64) {
        self.bar.advance(bytes, keys);
    }
}

impl Monitor for BarMonitor<'_> {
    fn opened(&self, listed: Option<u64>, opened: Option<u64>) {
        self.bar.opened(listed, opened);
    }

    fn not_opened(&self, error: &ScanError) {
        self.bar.suspend(|| {
            if self.stop.load(Ordering::Relaxed) {
                self.messages.warning(&format_args!("{error}; it is not in the result"));
            } else {
                messages::error(error);
            }
        });
    }
}
