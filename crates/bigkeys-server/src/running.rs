//! Progress of a running scan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bigkeys_scan::{Monitor, Progress};

/// Progress and stop flag of a running scan.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) bytes: AtomicU64,
    pub(crate) total_bytes: AtomicU64,
    pub(crate) keys: AtomicU64,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Progress for Running {
    fn advance(&self, bytes: u64, keys: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.keys.fetch_add(keys, Ordering::Relaxed);
    }
}

impl Monitor for Running {}
