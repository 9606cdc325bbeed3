//! Tasks in a file of `SQLite`, queued by apalis.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use apalis::layers::WorkerBuilderExt as _;
use apalis::prelude::{BackendExt as _, Data, TaskBuilder, WorkerBuilder};
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Connection as _, Row as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::Notify;

use super::{
    Begun, Deleted, Ending, Family, Handler, MAX_ATTEMPTS, MAX_TASKS_PER_INSTANCE, NewTask, Schedule,
    Shutdown, StoreError, StoreResult, Submitted, TaskRow, TaskStore, ended,
};
use crate::body::{ScanType, Status};
use crate::server::id;

/// Name of the queue.
const QUEUE: &str = "bigkeys-scan";

/// Version of `schema.sql`.
const SCHEMA_VERSION: i64 = 1;

/// How long a connection waits for another's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the queue is looked at when nobody announced a task.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long after a failure of the store the queue is tried again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// Given up after so many attempts by apalis itself; our own count ends a task long before.
const QUEUE_ATTEMPTS: usize = 1000;

/// The store in a file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    /// One connection: writers of one process wait for each other here and not in the database, whose
    /// waiting sleeps.
    writer: SqlitePool,
    readers: SqlitePool,
    /// The queue's connection.
    queue: SqlitePool,
    /// Tells the workers of a new task.
    wake: Arc<Notify>,
    /// Held while the store is open, against a second process.
    _lock: File,
}

impl SqliteStore {
    /// Opens or creates the file, and queues every task that an earlier process left unfinished.
    ///
    /// # Errors
    ///
    /// If it is no database of ours, cannot be used, or another process uses it.
    pub(crate) async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let writer = writer_pool().connect_with(options.clone()).await?;
        migrate(&writer).await?;
        // Not apalis' own set-up, which turns `synchronous` off.
        SqliteStorage::migrations().run(&writer).await.map_err(sqlx::Error::from)?;
        let readers = pool(4).connect_lazy_with(options.clone().read_only(true));
        let queue = writer_pool().connect_lazy_with(options);
        let store = Self { writer, readers, queue, wake: Arc::new(Notify::new()), _lock: lock };
        store.recover().await?;
        Ok(store)
    }

    /// Queues what is unfinished anew. What the queue of an ended process held is worthless: its deliveries are
    /// lost or half-done.
    async fn recover(&self) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM Jobs WHERE job_type = ?").bind(QUEUE).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM Workers WHERE worker_type = ?").bind(QUEUE).execute(&mut *tx).await?;
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM task WHERE status IN ('waiting', 'running') ORDER BY seq")
                .fetch_all(&mut *tx)
                .await?;
        for id in &ids {
            enqueue(&mut tx, id).await?;
        }
        tx.commit().await?;
        if !ids.is_empty() {
            tracing::info!(tasks = ids.len(), "unfinished tasks are queued again");
        }
        Ok(())
    }

    /// A transaction that writes from its start, so that it never has to turn from reading to writing.
    async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn submit_in(
        &self,
        tx: &mut Transaction<'static, Sqlite>,
        task: NewTask,
        now: Timestamp,
    ) -> Result<Submitted, StoreError> {
        let id = id::random();
        let inserted = sqlx::query(
            "INSERT INTO task (id, family, instance, node, scan_type, status, created_ms) \
             VALUES (?, ?, ?, ?, ?, 'waiting', ?) \
             ON CONFLICT (family, instance) WHERE status IN ('waiting', 'running') DO NOTHING",
        )
        .bind(&id)
        .bind(task.family.name())
        .bind(&task.instance)
        .bind(&task.node)
        .bind(scan_type_name(task.scan_type))
        .bind(now.as_millisecond())
        .execute(&mut **tx)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(Submitted::Running);
        }
        sqlx::query(
            "DELETE FROM task WHERE family = ?1 AND instance = ?2 AND seq <= \
             (SELECT seq FROM task WHERE family = ?1 AND instance = ?2 ORDER BY seq DESC LIMIT 1 OFFSET ?3)",
        )
        .bind(task.family.name())
        .bind(&task.instance)
        .bind(MAX_TASKS_PER_INSTANCE)
        .execute(&mut **tx)
        .await?;
        sqlx::query("DELETE FROM Jobs WHERE job_type = ? AND status IN ('Done', 'Killed')")
            .bind(QUEUE)
            .execute(&mut **tx)
            .await?;
        enqueue(tx, &id).await?;
        Ok(Submitted::Created(TaskRow {
            id,
            family: task.family,
            instance: task.instance,
            node: task.node,
            scan_type: task.scan_type,
            status: Status::Waiting,
            created_at: milliseconds(now.as_millisecond())?,
            started_at: None,
            finished_at: None,
            num: 0,
            failure: None,
        }))
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        // A file does not hang up.
        .test_before_acquire(false)
}

/// The pool of a connection that writes.
///
/// When the disk is full, the database ends a transaction by itself; sqlx (0.9.0) does not notice and can never begin
/// another on that connection. Such a connection is closed.
fn writer_pool() -> SqlitePoolOptions {
    pool(1).after_release(|connection, _| {
        Box::pin(async move {
            // Behind the roll-back that is under way.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

/// Takes the lock beside the database.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |error: String| StoreError::Other(format!("{}: {error}", Path::new(&name).display()));
    let file = File::options().create(true).write(true).truncate(false).open(&name);
    let file = file.map_err(|error| failed(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(failed(format!("another process uses the database {}", path.display())))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error.to_string())),
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
    match version {
        0 => {
            sqlx::raw_sql(include_str!("schema.sql")).execute(&mut *tx).await?;
            sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut *tx).await?;
        }
        SCHEMA_VERSION => {}
        newer => {
            let text = format!("the database is of version {newer}, this program knows {SCHEMA_VERSION}");
            return Err(StoreError::Other(text));
        }
    }
    Ok(tx.commit().await?)
}

/// Puts the id of a task into the queue, in the transaction that keeps the task.
async fn enqueue(tx: &mut SqliteConnection, id: &str) -> Result<(), StoreError> {
    let job = serde_json::to_vec(id).map_err(|error| StoreError::Other(error.to_string()))?;
    let job = TaskBuilder::new(job).max_attempts(QUEUE_ATTEMPTS).build();
    apalis_sqlite::queries::push_tasks(tx, QUEUE, &[job])
        .await
        .map_err(|error| StoreError::Other(error.to_string()))
}

impl TaskStore for SqliteStore {
    fn submit(&self, task: NewTask, now: Timestamp) -> StoreResult<'_, Submitted> {
        Box::pin(async move {
            let mut tx = self.begin_write().await?;
            let submitted = self.submit_in(&mut tx, task, now).await?;
            tx.commit().await?;
            self.wake.notify_waiters();
            Ok(submitted)
        })
    }

    fn find<'a>(
        &'a self,
        family: Family,
        instance: &'a str,
        id: &'a str,
    ) -> StoreResult<'a, Option<(TaskRow, Option<String>)>> {
        Box::pin(async move {
            let row = sqlx::query(
                "SELECT task.*, result.body AS content FROM task LEFT JOIN result ON result.task = task.id \
                 WHERE id = ? AND family = ? AND instance = ?",
            )
            .bind(id)
            .bind(family.name())
            .bind(instance)
            .fetch_optional(&self.readers)
            .await?;
            row.map(|row| Ok((task(&row)?, row.try_get("content")?))).transpose()
        })
    }

    fn list<'a>(
        &'a self,
        family: Family,
        instance: &'a str,
        status: Option<Status>,
        offset: i64,
        limit: i64,
    ) -> StoreResult<'a, (i64, Vec<TaskRow>)> {
        Box::pin(async move {
            let status = status.map(status_name);
            // In one statement, so that the number and the page are of the same moment; the number also where the
            // page is empty.
            let rows = sqlx::query(
                "WITH matching AS (SELECT * FROM task \
                 WHERE family = ?1 AND instance = ?2 AND (?3 IS NULL OR status = ?3)) \
                 SELECT * FROM (SELECT count(*) AS matches FROM matching) \
                 LEFT JOIN (SELECT * FROM matching ORDER BY seq DESC LIMIT ?4 OFFSET ?5) ORDER BY seq DESC",
            )
            .bind(family.name())
            .bind(instance)
            .bind(status)
            .bind(limit)
            .bind(offset)
            .fetch_all(&self.readers)
            .await?;
            let count = rows.first().map_or(Ok(0), |row| row.try_get("matches"))?;
            let mut tasks = Vec::with_capacity(rows.len());
            for row in &rows {
                if row.try_get::<Option<String>, _>("id")?.is_some() {
                    tasks.push(task(row)?);
                }
            }
            Ok((count, tasks))
        })
    }

    fn delete<'a>(&'a self, family: Family, instance: &'a str, id: &'a str) -> StoreResult<'a, Deleted> {
        Box::pin(async move {
            let mut tx = self.begin_write().await?;
            let row = sqlx::query(
                "SELECT task.*, result.body AS content FROM task LEFT JOIN result ON result.task = task.id \
                 WHERE id = ? AND family = ? AND instance = ?",
            )
            .bind(id)
            .bind(family.name())
            .bind(instance)
            .fetch_optional(&mut *tx)
            .await?;
            let Some(row) = row else { return Ok(Deleted::Unknown) };
            let (found, body) = (task(&row)?, row.try_get("content")?);
            if !found.is_finished() {
                return Ok(Deleted::Unfinished);
            }
            sqlx::query("DELETE FROM task WHERE id = ?").bind(id).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(Deleted::Task(found, body))
        })
    }

    fn report<'a>(&'a self, id: &'a str) -> StoreResult<'a, Option<(TaskRow, Option<String>)>> {
        Box::pin(async move {
            let row = sqlx::query(
                "SELECT task.*, result.report AS content FROM task LEFT JOIN result ON result.task = task.id \
                 WHERE id = ?",
            )
            .bind(id)
            .fetch_optional(&self.readers)
            .await?;
            row.map(|row| Ok((task(&row)?, row.try_get("content")?))).transpose()
        })
    }

    fn begin<'a>(&'a self, id: &'a str, now: Timestamp) -> StoreResult<'a, Begun> {
        Box::pin(async move {
            let mut tx = self.begin_write().await?;
            let row = sqlx::query(
                "UPDATE task SET status = 'running', attempts = attempts + 1, \
                 started_ms = coalesce(started_ms, ?2) \
                 WHERE id = ?1 AND status IN ('waiting', 'running') RETURNING *",
            )
            .bind(id)
            .bind(now.as_millisecond())
            .fetch_optional(&mut *tx)
            .await?;
            let Some(row) = row else { return Ok(Begun::Nothing) };
            if row.try_get::<i64, _>("attempts")? > MAX_ATTEMPTS {
                let ending = Ending {
                    failure: Some(format!(
                        "the worker ended {MAX_ATTEMPTS} times while it scanned the backup"
                    )),
                    ..Ending::default()
                };
                finish(&mut tx, id, &ending, now).await?;
                tx.commit().await?;
                return Ok(Begun::GivenUp);
            }
            let begun = task(&row)?;
            tx.commit().await?;
            Ok(Begun::Work(begun))
        })
    }

    fn give_back<'a>(&'a self, id: &'a str) -> StoreResult<'a, ()> {
        Box::pin(async move {
            sqlx::query(
                "UPDATE task SET attempts = max(attempts - 1, 0) WHERE id = ? AND status = 'running'",
            )
            .bind(id)
            .execute(&self.writer)
            .await?;
            Ok(())
        })
    }

    fn finish<'a>(&'a self, id: &'a str, ending: &'a Ending, now: Timestamp) -> StoreResult<'a, ()> {
        Box::pin(async move {
            let mut tx = self.begin_write().await?;
            finish(&mut tx, id, ending, now).await?;
            Ok(tx.commit().await?)
        })
    }

    fn schedule<'a>(&'a self, instance: &'a str) -> StoreResult<'a, Option<Schedule>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM autoscan WHERE instance = ?")
                .bind(instance)
                .fetch_optional(&self.readers)
                .await?;
            row.as_ref().map(schedule).transpose()
        })
    }

    fn schedules(&self) -> StoreResult<'_, Vec<Schedule>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM autoscan WHERE enabled").fetch_all(&self.readers).await?;
            rows.iter().map(schedule).collect()
        })
    }

    fn set_schedule<'a>(&'a self, schedule: &'a Schedule) -> StoreResult<'a, ()> {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO autoscan (instance, enabled, schedule, updated_ms, fired_ms) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (instance) DO UPDATE SET enabled = excluded.enabled, schedule = excluded.schedule, \
                 updated_ms = excluded.updated_ms, fired_ms = excluded.fired_ms",
            )
            .bind(&schedule.instance)
            .bind(schedule.enabled)
            .bind(schedule.times.join(" "))
            .bind(schedule.updated_at.as_millisecond())
            .bind(schedule.fired_at.as_millisecond())
            .execute(&self.writer)
            .await?;
            Ok(())
        })
    }

    fn fire<'a>(
        &'a self,
        schedule: &'a Schedule,
        due: Timestamp,
        submit: bool,
        now: Timestamp,
    ) -> StoreResult<'a, Option<TaskRow>> {
        Box::pin(async move {
            let mut tx = self.begin_write().await?;
            // Unless the schedule was replaced or acted on meanwhile.
            let taken = sqlx::query(
                "UPDATE autoscan SET fired_ms = ? WHERE instance = ? AND fired_ms = ? AND updated_ms = ?",
            )
            .bind(due.as_millisecond())
            .bind(&schedule.instance)
            .bind(schedule.fired_at.as_millisecond())
            .bind(schedule.updated_at.as_millisecond())
            .execute(&mut *tx)
            .await?;
            let mut created = None;
            if taken.rows_affected() > 0 && submit {
                let task = NewTask {
                    family: Family::Bigkeys,
                    instance: schedule.instance.clone(),
                    node: None,
                    scan_type: ScanType::Auto,
                };
                if let Submitted::Created(row) = self.submit_in(&mut tx, task, now).await? {
                    created = Some(row);
                }
            }
            tx.commit().await?;
            self.wake.notify_waiters();
            Ok(created)
        })
    }

    fn unfinished(&self) -> StoreResult<'_, (i64, i64)> {
        Box::pin(async move {
            let row = sqlx::query(
                "SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting, \
                 count(*) FILTER (WHERE status = 'running') AS running \
                 FROM task WHERE status IN ('waiting', 'running')",
            )
            .fetch_one(&self.readers)
            .await?;
            Ok((row.try_get("waiting")?, row.try_get("running")?))
        })
    }

    fn work(&self, workers: usize, handler: Handler, shutdown: Shutdown) -> BoxFuture<'static, ()> {
        let workers = (0..workers).map(|_| {
            let (queue, wake) = (self.queue.clone(), Arc::clone(&self.wake));
            deliver(queue, wake, handler.clone(), shutdown.clone())
        });
        let workers = futures_util::future::join_all(workers);
        Box::pin(async move {
            workers.await;
        })
    }
}

/// One worker of the queue. It ends with the store; then another takes its place.
async fn deliver(queue: SqlitePool, wake: Arc<Notify>, handler: Handler, shutdown: Shutdown) {
    let config = Config::default()
        .queue(QUEUE)
        // A task that waits behind another in a worker could run elsewhere.
        .batch_size(1)
        .heartbeat_interval(Duration::from_secs(10))
        .missed_heartbeats(3);
    while !*shutdown.borrow() {
        let backend = SqliteStorage::<String>::new(&queue)
            .with_config(config.clone())
            .poll_with_stream(ticks(Arc::clone(&wake)));
        let worker = WorkerBuilder::new(format!("worker-{}", id::random()))
            .backend(backend)
            .data(handler.clone())
            .concurrency(1)
            .build(call);
        let until = shutdown.clone();
        let outcome = worker
            .run_until(async move {
                ended(until).await;
                Ok::<(), std::io::Error>(())
            })
            .await;
        if let Err(error) = outcome {
            tracing::error!(%error, "the queue failed, it is tried again");
            tokio::select! {
                () = ended(shutdown.clone()) => {}
                () = tokio::time::sleep(RESTART_DELAY) => {}
            }
        }
    }
}

/// When to look into the queue.
fn ticks(wake: Arc<Notify>) -> BoxStream<'static, ()> {
    let ticks = stream::unfold(wake, |wake| async {
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        Some(((), wake))
    });
    Box::pin(ticks)
}

async fn call(id: String, handler: Data<Handler>) {
    handler.call(id).await;
}

async fn finish(
    tx: &mut Transaction<'static, Sqlite>,
    id: &str,
    ending: &Ending,
    now: Timestamp,
) -> Result<(), StoreError> {
    let status = if ending.failure.is_none() { Status::Success } else { Status::Failed };
    let updated = sqlx::query(
        "UPDATE task SET status = ?, finished_ms = max(?, coalesce(started_ms, 0)), num = ?, failure = ? \
         WHERE id = ? AND status IN ('waiting', 'running')",
    )
    .bind(status_name(status))
    .bind(now.as_millisecond())
    .bind(ending.num)
    .bind(&ending.failure)
    .bind(id)
    .execute(&mut **tx)
    .await?;
    if updated.rows_affected() > 0 {
        sqlx::query("INSERT OR REPLACE INTO result (task, body, report) VALUES (?, ?, ?)")
            .bind(id)
            .bind(&ending.body)
            .bind(&ending.report)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

fn task(row: &SqliteRow) -> Result<TaskRow, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let time = |name: &str| -> Result<Option<Timestamp>, StoreError> {
        row.try_get::<Option<i64>, _>(name)?.map(milliseconds).transpose()
    };
    let unknown = |name: &str| StoreError::Other(format!("a task has an unknown {name}"));
    Ok(TaskRow {
        id: text("id")?,
        family: Family::of(&text("family")?).ok_or_else(|| unknown("family"))?,
        instance: text("instance")?,
        node: row.try_get("node")?,
        scan_type: scan_type_of(&text("scan_type")?).ok_or_else(|| unknown("scan_type"))?,
        status: status_of(&text("status")?).ok_or_else(|| unknown("status"))?,
        created_at: time("created_ms")?.ok_or_else(|| unknown("created_ms"))?,
        started_at: time("started_ms")?,
        finished_at: time("finished_ms")?,
        num: row.try_get("num")?,
        failure: row.try_get("failure")?,
    })
}

fn schedule(row: &SqliteRow) -> Result<Schedule, StoreError> {
    let times: String = row.try_get("schedule")?;
    Ok(Schedule {
        instance: row.try_get("instance")?,
        enabled: row.try_get("enabled")?,
        times: times.split_ascii_whitespace().map(str::to_owned).collect(),
        updated_at: milliseconds(row.try_get("updated_ms")?)?,
        fired_at: milliseconds(row.try_get("fired_ms")?)?,
    })
}

fn milliseconds(time: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(time).map_err(|error| StoreError::Other(error.to_string()))
}

pub(crate) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Running => "running",
        Status::Success => "success",
        Status::Failed => "failed",
    }
}

fn status_of(name: &str) -> Option<Status> {
    [Status::Waiting, Status::Running, Status::Success, Status::Failed]
        .into_iter()
        .find(|status| status_name(*status) == name)
}

fn scan_type_name(scan_type: ScanType) -> &'static str {
    match scan_type {
        ScanType::Manual => "manual",
        ScanType::Auto => "auto",
    }
}

fn scan_type_of(name: &str) -> Option<ScanType> {
    [ScanType::Manual, ScanType::Auto].into_iter().find(|known| scan_type_name(*known) == name)
}

#[cfg(test)]
mod tests;
