//! Runs a scan so that Python stays responsive.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::Builder;
use std::time::Duration;

use bigkeys_scan::{Monitor, Progress};
use pyo3::prelude::*;

/// Time between two looks at signals, and between two calls of a progress callback.
pub(crate) const INTERVAL: Duration = Duration::from_millis(50);

/// Counts what a scan has read.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    bytes: AtomicU64,
    keys: AtomicU64,
    /// Length of all inputs. Meaningless if `has_unknown`.
    total_bytes: AtomicI64,
    has_unknown: AtomicBool,
}

impl Counter {
    /// Adds the length of an input before it is opened.
    pub(crate) fn expect(&self, length: Option<u64>) {
        match length {
            Some(bytes) => drop(self.total_bytes.fetch_add(signed(bytes), Ordering::Relaxed)),
            None => self.has_unknown.store(true, Ordering::Relaxed),
        }
    }

    /// Bytes read, length of all inputs if it is known, and keys read.
    fn read(&self) -> (u64, Option<i64>, u64) {
        let total = self.total_bytes.load(Ordering::Relaxed);
        let total = (!self.has_unknown.load(Ordering::Relaxed)).then_some(total);
        (self.bytes.load(Ordering::Relaxed), total, self.keys.load(Ordering::Relaxed))
    }
}

impl Progress for Counter {
    fn advance(&self, bytes: u64, keys: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.keys.fetch_add(keys, Ordering::Relaxed);
    }
}

impl Monitor for Counter {
    fn opened(&self, listed: Option<u64>, opened: Option<u64>) {
        // The content of a compressed file is longer than the file.
        match (listed, opened) {
            (Some(listed), Some(opened)) => {
                self.total_bytes.fetch_add(signed(opened) - signed(listed), Ordering::Relaxed);
            }
            (None, _) => {}
            (Some(_), None) => self.has_unknown.store(true, Ordering::Relaxed),
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Runs `work` on a thread of its own without the GIL. Meanwhile looks at signals, and calls `progress`
/// with the numbers of `counter`.
///
/// # Errors
///
/// The exception of a signal handler, such as `KeyboardInterrupt`, or of `progress`. `stop` is then set,
/// and `work` has ended.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    counter: &Counter,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    let progress = progress.map(|callback| callback.clone().unbind());
    let look = |py: Python<'_>| -> PyResult<()> {
        py.check_signals()?;
        if let Some(callback) = &progress {
            callback.call1(py, counter.read())?;
        }
        Ok(())
    };
    let outcome = py.detach(|| {
        std::thread::scope(|scope| {
            let (ended, has_ended) = channel();
            let worker = Builder::new().name("bigkeys scan".to_owned()).spawn_scoped(scope, move || {
                let result = work();
                // Without a receiver, nobody waits any more.
                let _ = ended.send(());
                result
            })?;
            let mut failed = None;
            while let Err(RecvTimeoutError::Timeout) = has_ended.recv_timeout(INTERVAL) {
                if let Err(error) = Python::attach(look) {
                    stop.store(true, Ordering::Relaxed);
                    failed = Some(error);
                    break;
                }
            }
            let result = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            failed.map_or(Ok(result), Err)
        })
    })?;
    // The last call has the final numbers.
    look(py)?;
    Ok(outcome)
}
