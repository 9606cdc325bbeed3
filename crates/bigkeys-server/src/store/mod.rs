//! Where tasks live, and what passes in and out.
//!
//! A task has shards, which are the units of work. Our tables are the truth of what both are; the queue in the
//! same database only brings the ids of shards to workers. So the queue may lose or repeat a delivery without
//! harm. [`TaskStore`] is the same for every database; [`database`] is what it needs of one.

mod database;
mod deliver;
pub(crate) mod postgres;
mod rows;
pub(crate) mod sqlite;
mod tasks;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

use dcs_bigkeys::{ScanType, Status};

pub(crate) use rows::status_name;
pub(crate) use tasks::TaskStore;

/// Turns true when the service is to end.
pub(crate) type Shutdown = watch::Receiver<bool>;

/// Waits until the service is to end.
pub(crate) async fn ended(mut shutdown: Shutdown) {
    // An error means that the sender is gone, which is the end as well.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

/// Tasks that are kept for an instance. The oldest is dropped for a new one.
pub(crate) const MAX_TASKS_PER_INSTANCE: i64 = 100;

/// The kind of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnalysisKind {
    /// The big-key analysis.
    Bigkeys,
    /// The offline full-key analysis.
    Offline,
}

impl AnalysisKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bigkeys => "bigkeys",
            Self::Offline => "offline",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Bigkeys, Self::Offline].into_iter().find(|kind| kind.name() == name)
    }
}

/// A task to be.
#[derive(Clone, Debug)]
pub(crate) struct NewTask {
    pub(crate) kind: AnalysisKind,
    /// The [key](super::config::Instance::key) of the instance.
    pub(crate) instance: String,
    /// The node, where only one is analysed.
    pub(crate) node: Option<String>,
    pub(crate) scan_type: ScanType,
    /// The nodes of the shards to scan.
    pub(crate) nodes: Vec<String>,
}

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShardId {
    pub(crate) task: String,
    /// Its place among the shards of the task.
    pub(crate) number: i64,
}

impl ShardId {
    /// What the queue brings.
    fn job(&self) -> Result<Vec<u8>, StoreError> {
        Ok(serde_json::to_vec(&format!("{}/{}", self.task, self.number))?)
    }

    fn of_job(job: &str) -> Option<Self> {
        let (task, number) = job.split_once('/')?;
        Some(Self { task: task.to_owned(), number: number.parse().ok()? })
    }
}

/// A task as it is kept, without its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskRow {
    pub(crate) id: String,
    pub(crate) kind: AnalysisKind,
    pub(crate) instance: String,
    pub(crate) node: Option<String>,
    pub(crate) scan_type: ScanType,
    pub(crate) status: Status,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) shards: i64,
    /// Of these, not scanned yet.
    pub(crate) open_shards: i64,
    pub(crate) num: i32,
    pub(crate) failure: Option<String>,
}

/// What became of a request for a task.
#[derive(Debug)]
pub(crate) enum Submitted {
    Created(TaskRow),
    /// One of the instance is unfinished.
    Running,
}

/// What became of a request to delete a task.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// As it was, with its body.
    Task(Box<TaskRow>, Option<String>),
    Unfinished,
    Unknown,
}

/// What a worker that was given a shard does.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Scan the shard, which is that of the given node.
    Scan(TaskRow, String),
    /// Join the results: all shards have ended, and the task has not.
    Join(TaskRow),
    /// Nothing: it has ended, or is gone.
    Nothing,
}

/// How a shard ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardEnding {
    /// Why its analysis is not the whole truth; `None` if it is.
    pub(crate) failure: Option<String>,
    /// What it came to, in a form that can be joined. `None` if nothing could be read.
    pub(crate) result: Option<String>,
}

/// How a task ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskEnding {
    /// Why it failed; `None` for success.
    pub(crate) failure: Option<String>,
    pub(crate) num: i32,
    /// What the contract answers with, as JSON.
    pub(crate) body: Option<String>,
    /// The full report, as JSON.
    pub(crate) report: Option<String>,
}

/// The schedule of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) instance: String,
    pub(crate) enabled: bool,
    /// Times of day, `HH:MM`, UTC.
    pub(crate) times: Vec<String>,
    pub(crate) updated_at: Timestamp,
    /// The last due time that was acted on or passed over.
    pub(crate) fired_at: Timestamp,
}

/// An error of the store. The texts are for the log and for the operator at the start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A statement or a connection failed.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// The lock file beside a database cannot be opened or locked.
    #[error("{}: {error}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// Another process has the database open.
    #[error("{}: another process uses the database {}", lock.display(), database.display())]
    InUse {
        /// The lock file.
        lock: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// A program of another version made the database.
    #[error("the database is of version {found}, this program knows {known}")]
    Version {
        /// The version of the database.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// A shard cannot be written to the queue.
    #[error("{0}")]
    Job(#[from] serde_json::Error),
    /// The queue cannot be written.
    #[error("{0}")]
    Queue(Box<dyn std::error::Error + Send + Sync>),
    /// A row lacks a value.
    #[error("a row has no {kind} {column}")]
    NoValue {
        /// The type of the value.
        kind: &'static str,
        /// The column.
        column: String,
    },
    /// A row has a value that this program does not know.
    #[error("a task has an unknown {column}")]
    Unknown {
        /// The column.
        column: &'static str,
    },
    /// A row has a time out of range.
    #[error("{0}")]
    Time(#[from] jiff::Error),
}

pub(crate) type StoreResult<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Works on shards.
pub(crate) trait Work: Send + Sync {
    /// Works on a shard. Called for a few at a time, and perhaps again for the same one.
    fn work(&self, shard: ShardId) -> BoxFuture<'static, ()>;
}

/// What the store's workers call.
#[derive(Clone)]
pub(crate) struct Handler(pub(crate) Arc<dyn Work>);

impl Handler {
    fn call(&self, shard: ShardId) -> BoxFuture<'static, ()> {
        self.0.work(shard)
    }
}

impl TaskRow {
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status, Status::Success | Status::Failed)
    }
}
