//! Tasks, shards and schedules, as they pass between the store and the service.

use std::path::PathBuf;
use std::sync::Arc;

use dcs_bigkeys::{ScanType, Status};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::backup_mark::BackupMark;

/// Becomes true when the service has to end.
pub(crate) type Shutdown = watch::Receiver<bool>;

/// Waits until the service has to end.
pub(crate) async fn ended(mut shutdown: Shutdown) {
    // An error means that the sender is gone, which is the end as well.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

/// Maximum number of tasks of an instance. A new task replaces the oldest.
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

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Bigkeys, Self::Offline].into_iter().find(|kind| kind.name() == name)
    }
}

/// A task to be created.
#[derive(Clone, Debug)]
pub(crate) struct NewTask {
    pub(crate) kind: AnalysisKind,
    /// The [key](crate::config::Instance::key) of the instance.
    pub(crate) instance: String,
    /// The node, where only one is analysed.
    pub(crate) node: Option<String>,
    /// Id of the backup, where the request names one.
    pub(crate) backup: Option<String>,
    pub(crate) scan_type: ScanType,
    /// The shards to scan.
    pub(crate) shards: Vec<ShardTarget>,
    pub(crate) origin: Origin,
}

/// What a shard of a task scans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardTarget {
    pub(crate) node: String,
    /// The only backup that may be scanned. `None`: the one that is there when the scan begins.
    pub(crate) backup: Option<BackupMark>,
}

/// Who created a task. Nobody, if a schedule did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Access key or name of the token.
    pub(crate) caller: Option<String>,
    /// Address and port of the client.
    pub(crate) peer: Option<String>,
    /// Id of the request.
    pub(crate) request_id: Option<String>,
}

/// A unit of work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShardId {
    pub(crate) task: String,
    /// Position of the shard in the task.
    pub(crate) number: i64,
}

impl ShardId {
    /// The job that the queue delivers for this shard.
    pub(super) fn job(&self) -> Result<Vec<u8>, StoreError> {
        Ok(serde_json::to_vec(&format!("{}/{}", self.task, self.number))?)
    }

    /// The shard of a row of the queue.
    pub(super) fn of_row(row: &[u8]) -> Option<Self> {
        Self::of_job(&serde_json::from_slice::<String>(row).ok()?)
    }

    pub(super) fn of_job(job: &str) -> Option<Self> {
        let (task, number) = job.split_once('/')?;
        Some(Self { task: task.to_owned(), number: number.parse().ok()? })
    }
}

/// A stored task, without its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskRow {
    pub(crate) id: String,
    pub(crate) kind: AnalysisKind,
    pub(crate) instance: String,
    pub(crate) node: Option<String>,
    pub(crate) backup: Option<String>,
    pub(crate) scan_type: ScanType,
    pub(crate) status: Status,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) shards: i64,
    /// Number of shards that are not scanned yet.
    pub(crate) open_shards: i64,
    pub(crate) num: i32,
    pub(crate) failure: Option<String>,
    pub(crate) origin: Origin,
    /// Sums over the result. `None` without a success, and for an offline analysis.
    pub(crate) summary: Option<ResultSummary>,
}

/// Sums over the result of a big-key analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct ResultSummary {
    pub(crate) keys: u64,
    /// Bytes of the keys in the backups.
    pub(crate) rdb_bytes: u64,
    /// Bytes of the keys in the server's memory, as modelled.
    pub(crate) memory_bytes: Option<u64>,
    /// The heaviest prefixes, heaviest first. At most three.
    pub(crate) prefixes: Vec<PrefixSummary>,
}

/// The keys with a prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PrefixSummary {
    /// The prefix, escaped and truncated like names in the report's page.
    pub(crate) prefix: String,
    pub(crate) keys: u64,
    /// Bytes in memory, or in the backups if memory is not modelled.
    pub(crate) bytes: u64,
}

/// Result of a request for a task.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
pub(crate) enum Submitted {
    Created(TaskRow),
    /// A task of the instance is unfinished.
    Running,
}

/// Result of a request to delete a task.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// The deleted task and its body.
    Task(Box<TaskRow>, Option<String>),
    Unfinished,
    Unknown,
}

/// The work for a delivered shard.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Scan the shard.
    Scan(TaskRow, ShardTarget),
    /// Join the results, because all shards have ended and the task has not.
    Join(TaskRow),
    /// Nothing, because the shard has ended or was deleted.
    Nothing,
}

/// Result of a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShardEnding {
    /// The reason why the analysis is incomplete; `None` if it is complete.
    pub(crate) failure: Option<String>,
    /// The result, in a form that can be joined. `None` if nothing could be read.
    pub(crate) result: Option<String>,
}

/// Result of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskEnding {
    /// The reason of a failure; `None` for success.
    pub(crate) failure: Option<String>,
    pub(crate) num: i32,
    /// The contract's result, as JSON.
    pub(crate) body: Option<String>,
    /// The full report, as JSON.
    pub(crate) report: Option<String>,
    /// The report as an HTML page.
    pub(crate) page: Option<String>,
    pub(crate) summary: Option<ResultSummary>,
}

/// The schedule of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) instance: String,
    pub(crate) enabled: bool,
    /// Times of day, `HH:MM`, UTC.
    pub(crate) times: Vec<String>,
    pub(crate) updated_at: Timestamp,
    /// The last due time that was handled or skipped.
    pub(crate) fired_at: Timestamp,
}

/// An error of the store. The texts are for the log and for the operator at the start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// A statement or a connection failed.
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    /// A database, or the lock file beside it, cannot be opened or locked.
    #[error("{}: {error}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// Another process has the database open.
    #[error("{}: another process uses the database {}; name another with --database", lock.display(), database.display())]
    InUse {
        /// The lock file.
        lock: PathBuf,
        /// The database.
        database: PathBuf,
    },
    /// A program of another version made the database.
    #[error("the database is of version {found}, this program reads {oldest} to {known}")]
    Version {
        /// The version of the database.
        found: i64,
        /// The oldest version that this program can bring to its own.
        oldest: i64,
        /// The version of this program.
        known: i64,
    },
    /// A shard or its backup cannot be written or read as JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
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
    /// A result has no signature, or a wrong one.
    #[error("a result of task {task} is not signed with results_secret")]
    Unsigned {
        /// The task.
        task: String,
    },
    /// A row has a time out of range.
    #[error("{0}")]
    Time(#[from] jiff::Error),
}

impl StoreError {
    /// Whether the same operation may succeed later, as after a failure of the connection. An error in
    /// a row stays.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Database(error) => !matches!(
                error,
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_)
            ),
            Self::Queue(_) | Self::Lock { .. } | Self::InUse { .. } => true,
            Self::Version { .. }
            | Self::Json(_)
            | Self::NoValue { .. }
            | Self::Unknown { .. }
            | Self::Unsigned { .. }
            | Self::Time(_) => false,
        }
    }
}

pub(crate) type StoreResult<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Works on shards.
pub(crate) trait Work: Send + Sync {
    /// Works on a shard. Called for several shards at a time, and possibly again for the same
    /// shard.
    fn work(&self, shard: ShardId) -> BoxFuture<'static, ()>;
}

/// The function that the store's workers call.
#[derive(Clone)]
pub(crate) struct Handler(pub(crate) Arc<dyn Work>);

impl Handler {
    pub(super) fn call(&self, shard: ShardId) -> BoxFuture<'static, ()> {
        self.0.work(shard)
    }
}

impl TaskRow {
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status, Status::Success | Status::Failed)
    }
}
