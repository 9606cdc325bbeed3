//! Deletes tasks that ended long ago.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::store::{Shutdown, TaskStore, ended};

/// Interval between two deletions.
const INTERVAL: Duration = Duration::from_mins(10);

/// Deletes the tasks that ended more than `age` ago, now and every ten minutes until `shutdown`.
pub(crate) async fn follow(store: Arc<TaskStore>, age: Option<Duration>, shutdown: Shutdown) {
    let Some(age) = age else { return };
    loop {
        // An age beyond the first representable time deletes nothing.
        if let Ok(oldest) = Timestamp::now().checked_sub(age) {
            match store.delete_ended_before(oldest).await {
                Ok(0) => {}
                Ok(tasks) => tracing::info!(tasks, "tasks that ended long ago are deleted"),
                Err(error) => tracing::error!(%error, "old tasks cannot be deleted"),
            }
        }
        tokio::select! {
            () = ended(shutdown.clone()) => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
