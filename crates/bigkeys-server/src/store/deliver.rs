//! Delivers queued shards to the handler, for every queue of apalis.

use std::time::Duration;

use apalis::prelude::Data;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, FuturesUnordered};
use tokio::sync::watch;

use super::model::{Handler, ShardId};

/// Interval at which the queue is polled when no shard was announced.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Delay before a worker starts again after a failure of the store.
pub(super) const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Runs a worker on a queue until the shutdown. A worker that fails with the store is replaced, after
/// `$repair`.
///
/// A macro, because the types of apalis' builder cannot be named for any queue.
macro_rules! run_worker {
    ($queue:expr, $wake:expr, $handler:expr, $shutdown:expr, $repair:expr) => {{
        use apalis::layers::WorkerBuilderExt as _;
        use apalis::prelude::{BackendExt as _, WorkerBuilder};
        use futures_util::FutureExt as _;
        use $crate::store::{deliver, ended};

        while !*$shutdown.borrow() {
            let worker = WorkerBuilder::new(format!("worker-{}", $crate::id::random()))
                .backend($queue.poll_with_stream(deliver::ticks($wake.clone())))
                .data($handler.clone())
                .concurrency(1)
                .build(deliver::call);
            let until = $shutdown.clone();
            let outcome = worker.run_until(async move {
                ended(until).await;
                Ok::<(), std::io::Error>(())
            });
            // A row of the queue that another program wrote may make apalis panic.
            let failure = match std::panic::AssertUnwindSafe(outcome).catch_unwind().await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("it panicked".to_owned()),
            };
            if let Some(reason) = failure {
                tracing::error!(reason, "the queue failed, retrying");
                tokio::select! {
                    () = ended($shutdown.clone()) => {}
                    () = tokio::time::sleep(deliver::RESTART_DELAY) => { $repair.await; }
                }
            }
        }
    }};
}
pub(super) use run_worker;

/// Runs workers until all have ended. Each worker is woken by its own events only, because a worker
/// that is woken polls the queue, and two workers that wake each other would never sleep.
pub(super) async fn side_by_side(workers: FuturesUnordered<impl Future<Output = ()>>) {
    workers.collect::<()>().await;
}

/// The times at which a worker polls the queue.
pub(super) fn ticks(wake: watch::Receiver<()>) -> BoxStream<'static, ()> {
    let ticks = stream::unfold(wake, |mut wake| async {
        tokio::select! {
            // Returns at once for a change before this wait. Without a sender the store is closed.
            Ok(()) = wake.changed() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        Some(((), wake))
    });
    Box::pin(ticks)
}

pub(super) async fn call(job: String, handler: Data<Handler>) {
    let Some(shard) = ShardId::of_job(&job) else {
        return tracing::error!(job, "the queue delivered a job that is not a shard");
    };
    handler.call(shard).await;
}
