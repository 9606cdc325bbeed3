//! State of the handlers.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Semaphore;

use super::limits::Throttle;
use crate::auth::Credentials;
use crate::catalog::Catalog;
use crate::instance_metrics::InstanceMetrics;
use crate::metrics::Metrics;
use crate::runner::Runner;
use crate::store::TaskStore;

/// Maximum number of concurrent requests. Further requests are answered with status 503.
const MAX_REQUESTS: usize = 1024;

/// State of the handlers.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<TaskStore>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) runner: Arc<Runner>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) instance_metrics: InstanceMetrics,
    pub(crate) credentials: RwLock<Arc<Credentials>>,
    pub(crate) throttle: Throttle,
    pub(crate) requests: Semaphore,
}

impl App {
    pub(crate) fn new(runner: Arc<Runner>, credentials: Credentials, requests_per_second: u32) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(&runner.store),
            catalog: Arc::clone(&runner.catalog),
            metrics: Arc::clone(&runner.metrics),
            instance_metrics: InstanceMetrics::default(),
            runner,
            credentials: RwLock::new(Arc::new(credentials)),
            throttle: Throttle::new(requests_per_second),
            requests: Semaphore::new(MAX_REQUESTS),
        })
    }

    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read().unwrap_or_else(PoisonError::into_inner))
    }
}
