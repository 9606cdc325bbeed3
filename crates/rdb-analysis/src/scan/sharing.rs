//! Threads that several scans share.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads that the scans of several sources share. A source is scanned by one thread, until there
/// are more threads than sources.
#[derive(Debug)]
pub(crate) struct Sharing {
    threads: usize,
    /// Sources that are not scanned to their end.
    sources: AtomicUsize,
}

impl Sharing {
    pub(crate) fn new(threads: usize, sources: usize) -> Self {
        Self { threads, sources: AtomicUsize::new(sources) }
    }

    /// A source was scanned.
    pub(crate) fn end_source(&self) {
        self.sources.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether each source has a thread, and some thread has none.
    pub(crate) fn has_free_threads(&self) -> bool {
        self.sources.load(Ordering::Relaxed) < self.threads
    }
}
