//! The threads of a scan.

/// Threads to scan on.
#[derive(Debug)]
pub struct Threads(rayon::ThreadPool);

/// Threads that cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the threads of a scan: {0}")]
pub struct ThreadsError(rayon::ThreadPoolBuildError);

impl Threads {
    /// Starts `count` threads. `None`: one per core.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn start(count: Option<usize>) -> Result<Self, ThreadsError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count.unwrap_or(0));
        let pool = pool.thread_name(|index| format!("bigkeys-{index}")).build();
        pool.map(Self).map_err(ThreadsError)
    }

    /// Number of threads.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `work` so that every scan in it uses these threads.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.0.install(work)
    }

    /// Runs `work` once on each of these threads.
    pub fn run_on_each(&self, work: impl Fn() + Sync) {
        self.0.broadcast(|_| work());
    }
}
