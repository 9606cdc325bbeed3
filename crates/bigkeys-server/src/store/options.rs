//! The options of a store.

use std::time::Duration;

use super::seal::Seal;
use crate::config::Synchronous;

/// How a store is opened.
#[derive(Debug)]
pub(crate) struct StoreOptions {
    /// Maximum number of times that a shard, or the join of shards, is begun.
    pub(crate) max_attempts: u16,
    /// Time without heartbeats after which a worker's shards are given to other workers. `PostgreSQL`
    /// only.
    pub(crate) worker_timeout: Duration,
    /// When a write is on the disk. `SQLite` only.
    pub(crate) synchronous: Synchronous,
    pub(crate) seal: Seal,
}
