//! Scans in the background, and how far they are.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use bigkeys_scan::{Monitor, Progress, ScanError};

/// How far a scan is.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    bytes: AtomicU64,
    keys: AtomicU64,
    /// Length of all inputs. 0: not known.
    total_bytes: AtomicU64,
    /// Inputs that cannot be opened, and why.
    problems: Mutex<Vec<String>>,
}

impl Watch {
    pub(crate) fn keys(&self) -> u64 {
        self.keys.load(Ordering::Relaxed)
    }

    /// Bytes that were read, and all that there are, if these are known.
    pub(crate) fn bytes(&self) -> (u64, Option<u64>) {
        let total = self.total_bytes.load(Ordering::Relaxed);
        (self.bytes.load(Ordering::Relaxed), (total > 0).then_some(total))
    }

    /// Adds the length of an input.
    pub(crate) fn expect(&self, bytes: u64) {
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn problem(&self, text: String) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Progress for Watch {
    fn advance(&self, bytes: u64, keys: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.keys.fetch_add(keys, Ordering::Relaxed);
    }
}

impl Monitor for Watch {
    fn opened(&self, listed: Option<u64>, opened: Option<u64>) {
        // The content of a compressed file has another length than the file.
        self.total_bytes.fetch_add(opened.unwrap_or_default(), Ordering::Relaxed);
        self.total_bytes.fetch_sub(listed.unwrap_or_default(), Ordering::Relaxed);
    }

    fn not_opened(&self, error: &ScanError) {
        self.problem(error.to_string());
    }
}

/// Work of a thread in the background. It is asked to stop when the job is dropped.
#[derive(Debug)]
pub(crate) struct Job<T> {
    pub(crate) watch: Arc<Watch>,
    stop: Arc<AtomicBool>,
    outcome: Arc<Mutex<Option<Result<T, Failure>>>>,
    is_done: Arc<AtomicBool>,
}

/// Why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The text says why.
    Failed(String),
    /// A mistake in the program.
    Panicked,
}

impl<T: Send + 'static> Job<T> {
    /// Starts `work` on a thread of `scope`.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        work: impl FnOnce(&Watch, &Arc<AtomicBool>) -> Result<T, String> + Send + 'scope,
    ) -> Self {
        let (watch, stop, outcome) = (Arc::<Watch>::default(), Arc::<AtomicBool>::default(), Arc::default());
        let is_done = Arc::<AtomicBool>::default();
        let job = Self {
            watch: Arc::clone(&watch),
            stop: Arc::clone(&stop),
            outcome: Arc::clone(&outcome),
            is_done: Arc::clone(&is_done),
        };
        scope.spawn(move || {
            let result = match catch_unwind(AssertUnwindSafe(|| work(&watch, &stop))) {
                Ok(result) => result.map_err(Failure::Failed),
                Err(_) => Err(Failure::Panicked),
            };
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            is_done.store(true, Ordering::Release);
        });
        job
    }
}

impl<T> Job<T> {
    pub(crate) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Acquire)
    }

    /// Takes the result. `None` before the end, and after the first call that gave one.
    pub(crate) fn take(&self) -> Option<Result<T, Failure>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Why the explorer ended early.
#[derive(Debug)]
pub(crate) enum Ended {
    Terminal(io::Error),
    /// A job panicked.
    Panicked,
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Terminal(error)
    }
}
