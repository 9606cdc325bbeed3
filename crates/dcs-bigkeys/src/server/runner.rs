//! Works on tasks: off the async threads, a few at a time, within limits, and ends each with a result or a
//! reason.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::catalog::Catalog;
use super::metrics::Metrics;
use super::scan::{self, Limits, Outcome};
use super::store::{
    Begun, Ending, Family, Handler, Shutdown, StoreError, StoreResult, TaskRow, TaskStore, Work, ended,
};

/// How long after a failure of the store a worker tries again.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Why a cancelled task failed.
const CANCELLED: &str = "it was cancelled";

/// A scan at work.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) bytes: AtomicU64,
    pub(crate) total_bytes: AtomicU64,
    pub(crate) keys: AtomicU64,
    pub(crate) stop: Arc<AtomicBool>,
    cancelled: AtomicBool,
}

impl rdb_analysis::Progress for Running {
    fn advance(&self, bytes: u64, keys: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.keys.fetch_add(keys, Ordering::Relaxed);
    }
}

/// Begins and ends the scans of this process.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: Limits,
    permits: Arc<Semaphore>,
    at_work: Mutex<HashMap<String, Arc<Running>>>,
    shutdown: Shutdown,
}

impl Runner {
    pub(crate) fn new(
        store: Arc<dyn TaskStore>,
        catalog: Arc<Catalog>,
        metrics: Arc<Metrics>,
        limits: Limits,
        workers: usize,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(workers));
        let at_work = Mutex::default();
        Arc::new(Self { store, catalog, metrics, limits, permits, at_work, shutdown })
    }

    /// What the store's workers call.
    pub(crate) fn handler(self: &Arc<Self>) -> Handler {
        Handler(Arc::new(Worker(Arc::clone(self))))
    }

    /// The scan of a task, if it is at work here.
    pub(crate) fn running(&self, id: &str) -> Option<Arc<Running>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Fails an unfinished task because somebody wants no more of it. One that is at work ends soon after.
    pub(crate) async fn cancel(&self, id: &str) -> Result<(), StoreError> {
        if let Some(running) = self.running(id) {
            running.cancelled.store(true, Ordering::Relaxed);
            running.stop.store(true, Ordering::Relaxed);
            return Ok(());
        }
        let ending = Ending { failure: Some(CANCELLED.to_owned()), ..Ending::default() };
        self.store.finish(id, &ending, Timestamp::now()).await
    }

    /// Waits until nothing is at work.
    pub(crate) async fn idle(&self) {
        while !self.at_work.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn enter(&self, id: &str) -> Option<Arc<Running>> {
        match self.at_work.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => Some(Arc::clone(vacant.insert(Arc::default()))),
        }
    }

    fn leave(&self, id: &str) {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    async fn run(&self, id: &str, running: &Arc<Running>) {
        let Ok(_permit) = self.permits.acquire().await else { return };
        let task = match self.retry(|| self.store.begin(id, Timestamp::now())).await {
            Some(Begun::Work(task)) => task,
            Some(Begun::GivenUp) => {
                tracing::error!(task = id, "given up, it ended its worker too often");
                self.metrics.task_ended(false, Duration::ZERO, 0);
                return;
            }
            Some(Begun::Nothing) | None => return,
        };
        tracing::info!(task = id, instance = task.instance, family = task.family.name(), "scan begins");
        let began = Instant::now();
        let ending = match self.scan(&task, running).await {
            Outcome::Ended(ending) => ending,
            Outcome::Interrupted => {
                tracing::info!(task = id, "scan interrupted, it is run again later");
                self.retry(|| self.store.give_back(id)).await;
                return;
            }
        };
        let bytes = running.bytes.load(Ordering::Relaxed);
        match &ending.failure {
            None => {
                tracing::info!(task = id, bytes, seconds = began.elapsed().as_secs_f64(), "scan succeeded");
            }
            Some(reason) => tracing::warn!(task = id, bytes, reason, "scan failed"),
        }
        if self.retry(|| self.store.finish(id, &ending, Timestamp::now())).await.is_some() {
            self.metrics.task_ended(ending.failure.is_none(), began.elapsed(), bytes);
        }
    }

    /// Scans on a thread that may block, until it is done, the time is up or the service ends.
    async fn scan(&self, task: &TaskRow, running: &Arc<Running>) -> Outcome {
        let Some(instance) = self.catalog.known(&task.instance) else {
            return failed("the instance is no longer configured");
        };
        let (catalog, limits) = (Arc::clone(&self.catalog), self.limits.clone());
        let (family, node, scan) = (task.family, task.node.clone(), Arc::clone(running));
        let mut work = tokio::task::spawn_blocking(move || match family {
            Family::Bigkeys => scan::bigkeys(&catalog, &instance, &limits, &scan),
            Family::Offline => scan::offline(&catalog, &instance, node.as_deref(), &limits, &scan),
        });
        let mut timed_out = false;
        let done = tokio::select! {
            done = &mut work => done,
            () = tokio::time::sleep(self.limits.max_time) => {
                timed_out = true;
                running.stop.store(true, Ordering::Relaxed);
                work.await
            }
            () = ended(self.shutdown.clone()) => {
                running.stop.store(true, Ordering::Relaxed);
                work.await
            }
        };
        match done {
            Ok(Outcome::Interrupted) if running.cancelled.load(Ordering::Relaxed) => failed(CANCELLED),
            Ok(Outcome::Interrupted) if timed_out => {
                failed(&format!("the scan took longer than {} s", self.limits.max_time.as_secs()))
            }
            Ok(outcome) => outcome,
            Err(_) => failed("the scan panicked"),
        }
    }

    /// Repeats `operation` until the store can do it. `None` if the service ends first.
    async fn retry<'a, T>(&self, operation: impl Fn() -> StoreResult<'a, T>) -> Option<T> {
        loop {
            let error: StoreError = match operation().await {
                Ok(value) => return Some(value),
                Err(error) => error,
            };
            tracing::error!(%error, "the store failed, it is tried again");
            self.metrics.store_failed();
            if *self.shutdown.borrow() {
                return None;
            }
            tokio::time::sleep(STORE_RETRY).await;
        }
    }
}

struct Worker(Arc<Runner>);

impl Work for Worker {
    fn work(&self, id: String) -> BoxFuture<'static, ()> {
        let runner = Arc::clone(&self.0);
        Box::pin(async move {
            let Some(running) = runner.enter(&id) else { return };
            // On a task of its own: the caller may be dropped when the store fails, and the scan's result must
            // not be lost with it.
            let work = tokio::spawn(async move {
                runner.run(&id, &running).await;
                runner.leave(&id);
            });
            if let Err(error) = work.await {
                tracing::error!(%error, "a worker panicked");
            }
        })
    }
}

fn failed(reason: &str) -> Outcome {
    Outcome::Ended(Ending { failure: Some(reason.to_owned()), ..Ending::default() })
}
