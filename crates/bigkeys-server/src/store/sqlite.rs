//! Tasks in a file of `SQLite`, queued by apalis.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use apalis::prelude::TaskBuilder;
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::future::BoxFuture;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Row as _, Sqlite, SqliteConnection};
use tokio::sync::watch;

use super::database::{
    OPEN_SHARDS, QUEUE, QUEUE_ATTEMPTS, Row, SCHEMA_VERSION, TaskDatabase, Transaction, Value, bound,
    migrations, schema,
};
use super::deliver::{run_worker, side_by_side};
use super::model::{Handler, ShardId, Shutdown, StoreError, StoreResult};
use super::options::StoreOptions;
use super::tasks::TaskStore;
use crate::config::Synchronous;

/// Time for which a connection waits for another connection's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Interval of the workers' heartbeats. No other process checks them.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Opens or creates the store in the file at `path`, and queues every shard that an earlier process
/// left unfinished.
///
/// # Errors
///
/// The file is not a database of this program, cannot be used, or is used by another process.
pub(crate) async fn open(path: &Path, options: &StoreOptions) -> Result<TaskStore, StoreError> {
    let database = SqliteDatabase::open(path, options.synchronous).await?;
    Ok(TaskStore::new(database, options.max_attempts, options.seal.clone()))
}

/// The database in a file.
#[derive(Debug)]
struct SqliteDatabase {
    /// One connection, also for the queue. Writers wait for each other in the pool, in the order of
    /// arrival, because waiting in the database sleeps for fixed times.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Wakes the workers for a new task.
    wake: watch::Sender<()>,
    /// Locked while the store is open, so that a second process cannot open it.
    _lock: File,
}

impl SqliteDatabase {
    async fn open(path: &Path, synchronous: Synchronous) -> Result<Self, StoreError> {
        let path = &real_file(path)?;
        let lock = lock(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match synchronous {
                Synchronous::Normal => SqliteSynchronous::Normal,
                Synchronous::Full => SqliteSynchronous::Full,
            })
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // A read-only file system may have no directory for temporary files.
            .pragma("temp_store", "memory");
        let writer = writer_pool().connect_with(options.clone()).await?;
        migrate(&writer).await?;
        // The set-up function of apalis is not used, because it turns `synchronous` off.
        SqliteStorage::migrations().run(&writer).await.map_err(sqlx::Error::from)?;
        let readers = pool(4).connect_lazy_with(options.read_only(true));
        let store = Self { writer, readers, wake: watch::Sender::default(), _lock: lock };
        store.recover().await?;
        Ok(store)
    }

    /// Queues all unfinished shards again. The queue of the ended process is dropped, because its
    /// deliveries are lost or half-done.
    async fn recover(&self) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query("DELETE FROM Jobs WHERE job_type = ?").bind(QUEUE).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM Workers WHERE worker_type = ?").bind(QUEUE).execute(&mut *tx).await?;
        let rows = sqlx::query(OPEN_SHARDS).fetch_all(&mut *tx).await?;
        let mut shards = Vec::with_capacity(rows.len());
        for row in &rows {
            shards.push(ShardId { task: row.try_get("task")?, number: row.try_get("number")? });
        }
        enqueue(&mut tx, &shards).await?;
        tx.commit().await?;
        if !shards.is_empty() {
            tracing::info!(shards = shards.len(), "unfinished shards are queued again");
        }
        Ok(())
    }

    /// A transaction that locks for writing at its start, so that it never has to upgrade a read
    /// lock.
    async fn begin_write(&self) -> Result<sqlx::Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(BUSY_TIMEOUT)
        // A connection to a file does not break.
        .test_before_acquire(false)
}

/// The pool of a connection that writes.
///
/// When the disk is full, the database ends a transaction by itself; sqlx (0.9.0) does not notice
/// and can never begin another on that connection. Such a connection is closed.
fn writer_pool() -> SqlitePoolOptions {
    pool(1).after_release(|connection, _| {
        Box::pin(async move {
            // Waits for the pending roll-back.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

/// The real path of a database, which is created if it is not there. Two links to one file lead to
/// one lock. Only the user of the service may read it, because it has names of keys.
fn real_file(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |error| StoreError::Lock { path: path.to_owned(), error };
    private_file(path).map_err(failed)?;
    path.canonicalize().map_err(failed)
}

/// Opens a file for writing. A new one belongs to the user alone.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Takes the lock beside the database.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock = PathBuf::from(name);
    let failed = |error| StoreError::Lock { path: lock.clone(), error };
    let file = private_file(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { lock, database: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
    if version == 0 {
        sqlx::raw_sql(schema("INTEGER PRIMARY KEY AUTOINCREMENT")).execute(&mut *tx).await?;
    } else {
        for statements in migrations(version)? {
            sqlx::raw_sql(statements).execute(&mut *tx).await?;
        }
    }
    let set_version = format!("PRAGMA user_version = {SCHEMA_VERSION}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(set_version)).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// Queues shards in the transaction that stores them.
async fn enqueue(tx: &mut SqliteConnection, shards: &[ShardId]) -> Result<(), StoreError> {
    let mut jobs = Vec::with_capacity(shards.len());
    for shard in shards {
        jobs.push(TaskBuilder::new(shard.job()?).max_attempts(QUEUE_ATTEMPTS.into()).build());
    }
    apalis_sqlite::queries::push_tasks(tx, QUEUE, &jobs)
        .await
        .map_err(|error| StoreError::Queue(error.into()))
}

impl TaskDatabase for SqliteDatabase {
    fn begin(&self) -> StoreResult<'_, Box<dyn Transaction>> {
        Box::pin(async move { Ok(Box::new(Writes(self.begin_write().await?)) as Box<dyn Transaction>) })
    }

    fn rows<'a>(&'a self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, Vec<Row>> {
        Box::pin(async move {
            let rows = bound!(statement, values).fetch_all(&self.readers).await?;
            rows.iter().map(Row::of).collect()
        })
    }

    fn work(&self, workers: usize, handler: Handler, shutdown: Shutdown) -> BoxFuture<'static, ()> {
        let workers = (0..workers).map(|_| {
            let (queue, wake) = (self.writer.clone(), self.wake.subscribe());
            deliver(queue, wake, handler.clone(), shutdown.clone())
        });
        Box::pin(side_by_side(workers.collect()))
    }

    fn wake(&self) {
        self.wake.send_replace(());
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn live_workers(&self) -> StoreResult<'_, i64> {
        Box::pin(async move {
            let statement = "SELECT count(*) FROM Workers \
                 WHERE worker_type = ? AND last_seen > CAST(strftime('%s', 'now') AS INTEGER) - ?";
            let seconds = i64::try_from(HEARTBEAT.as_secs() * 3).unwrap_or(i64::MAX);
            Ok(sqlx::query_scalar(statement).bind(QUEUE).bind(seconds).fetch_one(&self.readers).await?)
        })
    }
}

struct Writes(sqlx::Transaction<'static, Sqlite>);

impl Transaction for Writes {
    fn execute<'a>(&'a mut self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, u64> {
        Box::pin(async move { Ok(bound!(statement, values).execute(&mut *self.0).await?.rows_affected()) })
    }

    fn rows<'a>(&'a mut self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, Vec<Row>> {
        Box::pin(async move {
            let rows = bound!(statement, values).fetch_all(&mut *self.0).await?;
            rows.iter().map(Row::of).collect()
        })
    }

    fn enqueue<'a>(&'a mut self, shards: &'a [ShardId]) -> StoreResult<'a, ()> {
        Box::pin(async move {
            // Done jobs are not needed.
            sqlx::query("DELETE FROM Jobs WHERE job_type = ? AND status IN ('Done', 'Killed')")
                .bind(QUEUE)
                .execute(&mut *self.0)
                .await?;
            enqueue(&mut self.0, shards).await
        })
    }

    fn commit(self: Box<Self>) -> StoreResult<'static, ()> {
        Box::pin(async move { Ok(self.0.commit().await?) })
    }
}

/// One worker of the queue. A worker that fails with the store is replaced.
async fn deliver(queue: SqlitePool, wake: watch::Receiver<()>, handler: Handler, shutdown: Shutdown) {
    let config = Config::default()
        .queue(QUEUE)
        // One shard at a time, because a shard that waits in a worker could run in another.
        .batch_size(1)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats(3);
    run_worker!(
        SqliteStorage::<String>::new(&queue).with_config(config.clone()),
        wake,
        handler,
        shutdown,
        // The queue is made anew at each start, and no other process writes it.
        std::future::ready(())
    );
}

#[cfg(test)]
mod tests;
