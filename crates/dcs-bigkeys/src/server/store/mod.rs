//! Where tasks live: the trait that the service uses, and what passes through it.
//!
//! Our tables are the truth of what a task is; the queue behind the trait only brings its id to a
//! worker. So the queue may lose or repeat a delivery without harm.

mod sqlite;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::body::{ScanType, Status};

pub(crate) use sqlite::{SqliteStore, status_name};

/// Turns true when the service is to end.
pub(crate) type Shutdown = watch::Receiver<bool>;

/// Waits until the service is to end.
pub(crate) async fn ended(mut shutdown: Shutdown) {
    // An error means that the sender is gone, which is the end as well.
    let _ = shutdown.wait_for(|ending| *ending).await;
}

/// Tasks that are kept for an instance. The oldest is dropped for a new one.
pub(crate) const MAX_TASKS_PER_INSTANCE: i64 = 100;

/// How often a task may end its worker before it is given up.
pub(crate) const MAX_ATTEMPTS: i64 = 2;

/// Which of the two analyses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// The big-key analysis.
    Bigkeys,
    /// The offline full-key analysis.
    Offline,
}

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bigkeys => "bigkeys",
            Self::Offline => "offline",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Bigkeys, Self::Offline].into_iter().find(|family| family.name() == name)
    }
}

/// A task to be.
#[derive(Clone, Debug)]
pub(crate) struct NewTask {
    pub(crate) family: Family,
    /// The [key](super::config::Instance::key) of the instance.
    pub(crate) instance: String,
    /// The node, where only one is analysed.
    pub(crate) node: Option<String>,
    pub(crate) scan_type: ScanType,
}

/// A task as it is kept, without its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskRow {
    pub(crate) id: String,
    pub(crate) family: Family,
    pub(crate) instance: String,
    pub(crate) node: Option<String>,
    pub(crate) scan_type: ScanType,
    pub(crate) status: Status,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
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
    Task(TaskRow, Option<String>),
    Unfinished,
    Unknown,
}

/// What a worker that was given a task does.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Work on it.
    Work(TaskRow),
    /// Nothing: it has ended, or is gone.
    Nothing,
    /// Nothing: it has ended its worker too often, and is failed by now.
    GivenUp,
}

/// How a task ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending {
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

/// What failed in the store. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("{0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Other(String),
}

pub(crate) type StoreResult<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Works on tasks.
pub(crate) trait Work: Send + Sync {
    /// Works on the task with this id. Called for a few tasks at a time, and perhaps again for the same one.
    fn work(&self, id: String) -> BoxFuture<'static, ()>;
}

/// What the store's workers call.
#[derive(Clone)]
pub(crate) struct Handler(pub(crate) Arc<dyn Work>);

impl Handler {
    fn call(&self, id: String) -> BoxFuture<'static, ()> {
        self.0.work(id)
    }
}

/// Keeps tasks, and brings their ids to workers.
pub(crate) trait TaskStore: fmt::Debug + Send + Sync {
    /// Keeps a new task and queues it. Drops the oldest tasks beyond [`MAX_TASKS_PER_INSTANCE`].
    fn submit(&self, task: NewTask, now: Timestamp) -> StoreResult<'_, Submitted>;

    /// A task and its body.
    fn find<'a>(
        &'a self,
        family: Family,
        instance: &'a str,
        id: &'a str,
    ) -> StoreResult<'a, Option<(TaskRow, Option<String>)>>;

    /// How many tasks match, and a page of them, newest first.
    fn list<'a>(
        &'a self,
        family: Family,
        instance: &'a str,
        status: Option<Status>,
        offset: i64,
        limit: i64,
    ) -> StoreResult<'a, (i64, Vec<TaskRow>)>;

    /// Deletes a task that has ended.
    fn delete<'a>(&'a self, family: Family, instance: &'a str, id: &'a str) -> StoreResult<'a, Deleted>;

    /// Any task with this id and its full report.
    fn report<'a>(&'a self, id: &'a str) -> StoreResult<'a, Option<(TaskRow, Option<String>)>>;

    /// A worker begins a task.
    fn begin<'a>(&'a self, id: &'a str, now: Timestamp) -> StoreResult<'a, Begun>;

    /// A worker gives a task back through no fault of the task.
    fn give_back<'a>(&'a self, id: &'a str) -> StoreResult<'a, ()>;

    /// A worker ends a task. Does nothing if it has ended or is gone.
    fn finish<'a>(&'a self, id: &'a str, ending: &'a Ending, now: Timestamp) -> StoreResult<'a, ()>;

    /// The schedule of an instance.
    fn schedule<'a>(&'a self, instance: &'a str) -> StoreResult<'a, Option<Schedule>>;

    /// All enabled schedules.
    fn schedules(&self) -> StoreResult<'_, Vec<Schedule>>;

    /// Replaces a schedule.
    fn set_schedule<'a>(&'a self, schedule: &'a Schedule) -> StoreResult<'a, ()>;

    /// Acts on a due time once, whoever asks: submits a task if `submit` is set and none is unfinished.
    /// `None` if somebody else did, or there was nothing to submit.
    fn fire<'a>(
        &'a self,
        schedule: &'a Schedule,
        due: Timestamp,
        submit: bool,
        now: Timestamp,
    ) -> StoreResult<'a, Option<TaskRow>>;

    /// Unfinished tasks: waiting, running.
    fn unfinished(&self) -> StoreResult<'_, (i64, i64)>;

    /// Brings tasks to `handler`, `workers` at a time, until `shutdown`.
    fn work(&self, workers: usize, handler: Handler, shutdown: Shutdown) -> BoxFuture<'static, ()>;
}

impl TaskRow {
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.status, Status::Success | Status::Failed)
    }
}
