//! Runs the scans of tasks on blocking threads, a limited number at a time. Each task ends with a
//! result or a reason.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::catalog::Catalog;
use super::metrics::Metrics;
use super::notifier::Notifier;
use super::results::{self, ResultError};
use super::running::Running;
use super::scan::{self, ScanLimits, ShardError, ShardOutcome};
use super::store::{
    Begun, Handler, ShardId, ShardTarget, Shutdown, StoreError, TaskEnding, TaskRow, TaskStore, Work, ended,
};

/// Delay before a worker repeats an operation that failed in the store.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Interval at which a scan checks whether its task was cancelled on another machine.
const WANTED_INTERVAL: Duration = Duration::from_secs(2);

/// Time limit for a scan to stop. A scan looks at the stop flag at every key.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The reason that a cancelled task is given.
const CANCELLED: &str = "it was cancelled";

/// Starts and stops the scans of this process.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) store: Arc<TaskStore>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) metrics: Arc<Metrics>,
    notifier: Notifier,
    pub(crate) limits: ScanLimits,
    pub(crate) workers: usize,
    permits: Arc<Semaphore>,
    at_work: Mutex<HashMap<ShardId, Arc<Running>>>,
    shutdown: Shutdown,
}

/// What a [`Runner`] works with.
#[derive(Debug)]
pub(crate) struct RunnerOptions {
    pub(crate) store: Arc<TaskStore>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notifier: Notifier,
    pub(crate) limits: ScanLimits,
    /// Number of scans at a time.
    pub(crate) workers: usize,
    pub(crate) shutdown: Shutdown,
}

impl Runner {
    pub(crate) fn new(options: RunnerOptions) -> Arc<Self> {
        let RunnerOptions { store, catalog, metrics, notifier, limits, workers, shutdown } = options;
        let permits = Arc::new(Semaphore::new(workers));
        let at_work = Mutex::default();
        Arc::new(Self { store, catalog, metrics, notifier, limits, workers, permits, at_work, shutdown })
    }

    /// The function that the store's workers call.
    pub(crate) fn handler(self: &Arc<Self>) -> Handler {
        Handler(Arc::new(Worker(Arc::clone(self))))
    }

    /// The running scans of a task in this process.
    pub(crate) fn running(&self, task: &str) -> Vec<Arc<Running>> {
        let at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        at_work
            .iter()
            .filter(|(shard, _)| shard.task == task)
            .map(|(_, running)| Arc::clone(running))
            .collect()
    }

    /// Cancels an unfinished task, which fails. Its scans end soon after.
    pub(crate) async fn cancel(&self, task: &TaskRow) -> Result<(), StoreError> {
        let ending = TaskEnding { failure: Some(CANCELLED.to_owned()), ..TaskEnding::default() };
        if self.store.finish(&task.id, &ending, Timestamp::now()).await? {
            self.announce(task, &ending);
        }
        for running in self.running(&task.id) {
            running.stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Number of threads for a scan that begins now: an equal share of the cores for each running
    /// scan.
    fn share_of_cores(&self) -> usize {
        let busy = self.busy().max(1);
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / busy).max(1))
    }

    /// Number of scans that are running.
    pub(crate) fn busy(&self) -> usize {
        self.workers.saturating_sub(self.permits.available_permits())
    }

    /// Waits until no scan is running.
    pub(crate) async fn idle(&self) {
        while !self.at_work.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn enter(&self, shard: &ShardId) -> Option<Arc<Running>> {
        match self.at_work.lock().unwrap_or_else(PoisonError::into_inner).entry(shard.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => Some(Arc::clone(vacant.insert(Arc::default()))),
        }
    }

    fn leave(&self, shard: &ShardId) {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(shard);
    }

    async fn run(&self, shard: &ShardId, running: &Arc<Running>) {
        let Ok(_permit) = self.permits.acquire().await else { return };
        let (task, target) = match self.retry(|| self.store.begin(shard, Timestamp::now())).await {
            Some(Begun::Scan(task, target)) => (task, target),
            Some(Begun::Join(task)) => return self.join(&task).await,
            Some(Begun::Nothing) | None => return,
        };
        let (id, number) = (&task.id, shard.number);
        tracing::info!(task = id, shard = number, instance = task.instance, "scan begins");
        let began = Instant::now();
        let ending = match self.scan(&task, target, running, self.share_of_cores()).await {
            ShardOutcome::Ended(ending) => ending,
            ShardOutcome::Interrupted => {
                tracing::info!(
                    task = id,
                    shard = number,
                    "scan interrupted, it runs again unless its task was cancelled"
                );
                self.retry(|| self.store.give_back(shard)).await;
                return;
            }
        };
        let bytes = running.bytes.load(Ordering::Relaxed);
        self.metrics.shard_ended(began.elapsed(), bytes);
        match &ending.failure {
            None => {
                let seconds = began.elapsed().as_secs_f64();
                tracing::info!(task = id, shard = number, bytes, seconds, "scan succeeded");
            }
            Some(reason) => tracing::warn!(task = id, shard = number, bytes, reason, "scan failed"),
        }
        if self.retry(|| self.store.end_shard(shard, &ending)).await == Some(true) {
            self.join(&task).await;
        }
    }

    /// Joins the results of a task whose shards have all ended, and ends the task.
    async fn join(&self, task: &TaskRow) {
        let id = &task.id;
        let begun = self.retry(|| self.store.begin_join(id)).await;
        let Some(Some(shards)) = begun else { return };
        let kind = task.kind;
        let joined = tokio::task::spawn_blocking(move || results::join(kind, shards)).await;
        let ending = joined.unwrap_or_else(|_| ResultError::JoinPanicked.into());
        match &ending.failure {
            None => tracing::info!(task = id, shards = task.shards, "task succeeded"),
            Some(reason) => tracing::warn!(task = id, shards = task.shards, reason, "task failed"),
        }
        if self.retry(|| self.store.finish(id, &ending, Timestamp::now())).await == Some(true) {
            self.announce(task, &ending);
        }
    }

    /// Counts a task that has ended in this process, and tells the notifier.
    fn announce(&self, task: &TaskRow, ending: &TaskEnding) {
        self.metrics.task_ended(ending.failure.is_none());
        self.notifier.task_ended(task, ending);
    }

    /// Scans on a blocking thread until the scan is done, the time limit passes, the task ends
    /// elsewhere, or the service ends.
    async fn scan(
        &self,
        task: &TaskRow,
        target: ShardTarget,
        running: &Arc<Running>,
        threads: usize,
    ) -> ShardOutcome {
        let Some(instance) = self.catalog.find(&task.instance).await else {
            return ShardError::NoInstance.into();
        };
        let (catalog, limits) = (Arc::clone(&self.catalog), self.limits.clone());
        let (kind, scan) = (task.kind, Arc::clone(running));
        let mut work = tokio::task::spawn_blocking(move || {
            scan::shard(kind, &catalog, &instance, &target, &limits, &scan, threads)
        });
        let mut timed_out = false;
        tokio::select! {
            done = &mut work => return done.unwrap_or_else(|_| ShardError::Panicked.into()),
            () = tokio::time::sleep(self.limits.max_time) => timed_out = true,
            () = self.unwanted(&task.id) => {}
            () = ended(self.shutdown.clone()) => {}
        }
        running.stop.store(true, Ordering::Relaxed);
        let done = tokio::time::timeout(STOP_GRACE, work).await.unwrap_or_else(|_| {
            // A thread that is blocked in the kernel cannot be ended.
            tracing::error!(task = task.id, "a scan does not stop, its thread is left behind");
            Ok(ShardOutcome::Interrupted)
        });
        match done {
            Ok(ShardOutcome::Interrupted) if timed_out => ShardError::TimedOut(self.limits.max_time).into(),
            Ok(outcome) => outcome,
            Err(_) => ShardError::Panicked.into(),
        }
    }

    /// Waits until a task has ended or was deleted.
    async fn unwanted(&self, task: &str) {
        loop {
            tokio::time::sleep(WANTED_INTERVAL).await;
            // After a failure of the store the state of the task is unknown.
            if let Ok(false) = self.store.is_unfinished(task).await {
                return;
            }
        }
    }

    /// Repeats `operation` until it succeeds. `None` if the service ends first, or a row cannot be read,
    /// which another attempt does not change.
    async fn retry<T, F>(&self, operation: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            let error: StoreError = match operation().await {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            tracing::error!(%error, "the store failed");
            self.metrics.store_failed();
            if *self.shutdown.borrow() || !error.is_temporary() {
                return None;
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }
}

struct Worker(Arc<Runner>);

impl Work for Worker {
    fn work(&self, shard: ShardId) -> BoxFuture<'static, ()> {
        let runner = Arc::clone(&self.0);
        Box::pin(async move {
            let Some(running) = runner.enter(&shard) else { return };
            // Spawned, because the caller may be dropped when the store fails, and the scan's
            // result must not be lost.
            let work = tokio::spawn(async move {
                runner.run(&shard, &running).await;
                runner.leave(&shard);
            });
            if let Err(error) = work.await {
                tracing::error!(%error, "a worker panicked");
            }
        })
    }
}
