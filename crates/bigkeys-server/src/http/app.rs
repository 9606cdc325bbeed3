//! State of the handlers.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use tokio::sync::Semaphore;

use super::answers::Answers;
use super::connections::Client;
use super::limits::Throttle;
use crate::auth::Credentials;
use crate::catalog::Catalog;
use crate::error::ApiError;
use crate::instance_metrics::InstanceMetrics;
use crate::metrics::Metrics;
use crate::runner::Runner;
use crate::store::TaskStore;

/// Maximum number of concurrent requests. Further requests are answered with status 503.
const MAX_REQUESTS: usize = 1024;

/// Maximum number of threads that search for backups. A file system that does not answer keeps them,
/// and the scans need threads, too.
const MAX_SEARCHES: usize = 32;

/// Requests with wrong credentials that a client may send, on average and at once.
const FAILURES_PER_SECOND: f64 = 1.0;
const FAILURES_AT_ONCE: f64 = 100.0;

/// Time for which it stays known whether the store can be written.
const READINESS_AGE: Duration = Duration::from_secs(1);

/// State of the handlers.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<TaskStore>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) instance_metrics: InstanceMetrics,
    pub(crate) answers: Answers,
    pub(crate) credentials: RwLock<Arc<Credentials>>,
    pub(crate) throttle: Throttle<String>,
    /// Requests with wrong credentials, by client.
    pub(crate) failures: Throttle<Client>,
    /// When the store was last written to find out whether it can be, and whether it could.
    readiness: tokio::sync::Mutex<Option<(Instant, bool)>>,
    pub(crate) requests: Semaphore,
    /// Threads that search for backups.
    searches: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(runner: Arc<Runner>, credentials: Credentials, requests_per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(&runner.store),
            catalog: Arc::clone(&runner.catalog),
            metrics: Arc::clone(&runner.metrics),
            instance_metrics: InstanceMetrics::default(),
            answers: Answers::default(),
            runner,
            credentials: RwLock::new(Arc::new(credentials)),
            throttle: Throttle::new(requests_per_second.into(), requests_per_second.into()),
            failures: Throttle::new(FAILURES_PER_SECOND, FAILURES_AT_ONCE),
            readiness: tokio::sync::Mutex::default(),
            requests: Semaphore::new(MAX_REQUESTS),
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
        })
    }

    /// Whether tasks can be accepted. Nobody needs credentials to ask, so the answer is that of the
    /// last second.
    pub(crate) async fn is_ready(&self) -> bool {
        let mut last = self.readiness.lock().await;
        if let Some((at, is_ready)) = *last
            && at.elapsed() < READINESS_AGE
        {
            return is_ready;
        }
        let written = self.store.check_writable(Timestamp::now()).await;
        if let Err(error) = &written {
            tracing::error!(%error, "the store cannot be written");
        }
        *last = Some((Instant::now(), written.is_ok()));
        written.is_ok()
    }

    /// Runs a search for backups on a thread that may block.
    ///
    /// # Errors
    ///
    /// Too many searches are running, or the search panicked.
    pub(crate) async fn search<T: Send + 'static>(
        &self,
        search: impl FnOnce(&Catalog) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let Ok(permit) = Arc::clone(&self.searches).try_acquire_owned() else { return Err(ApiError::BUSY) };
        let catalog = Arc::clone(&self.catalog);
        let searched = tokio::task::spawn_blocking(move || {
            // Held by the thread: the request may end before.
            let _permit = permit;
            search(&catalog)
        });
        searched.await.map_err(|error| {
            tracing::error!(%error, "the search for backups failed");
            ApiError::INTERNAL
        })
    }

    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read().unwrap_or_else(PoisonError::into_inner))
    }
}
