//! Tasks in `PostgreSQL`, for several machines, queued by apalis.

use std::time::Duration;

use apalis_postgres::{Config, PostgresStorage};
use futures_util::future::BoxFuture;
use rdb_parser::escape::Escaped;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Postgres, Row as _};
use tokio::sync::watch;

use super::database::{
    OPEN_SHARDS, QUEUE, QUEUE_ATTEMPTS, Row, SCHEMA_VERSION, TaskDatabase, Transaction, Value, bound,
    migrations, schema,
};
use super::deliver::{run_worker, side_by_side};
use super::model::{Handler, ShardId, Shutdown, StoreError, StoreResult, ended};
use super::options::StoreOptions;
use super::tasks::TaskStore;

/// Time limit for a request to get a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of connections of a process, without those of its workers' queue.
const CONNECTIONS: u32 = 8;

/// Number of missed heartbeats after which a worker's shards are given to other workers.
const MISSED_HEARTBEATS: u32 = 3;

/// Number of time-outs after which the row of a worker without heartbeats is removed.
const DEAD_WORKER_TIMEOUTS: u32 = 3;

/// Maximum length of a job in bytes. One has the id of a task and a number.
const MAX_JOB_BYTES: i32 = 100;

/// First bytes of the id of an unreadable row of the queue that are logged.
const MAX_LOGGED_BYTES: usize = 100;

/// Advisory lock for the creation of tables, so that several processes may start at once, and for
/// the search for lost deliveries. It is "bigkeys" as a number.
const SET_UP_LOCK: i64 = 0x0062_6967_6b65_7973;
const SWEEP_LOCK: i64 = SET_UP_LOCK + 1;

/// Opens the store at `url`, and creates missing tables.
///
/// # Errors
///
/// The server does not answer, or the database cannot be used.
pub(crate) async fn open(url: &str, options: &StoreOptions) -> Result<TaskStore, StoreError> {
    let connect: PgConnectOptions = url.parse()?;
    let pool = |options: PgConnectOptions, connections| {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options)
    };
    let queue = pool(connect.clone(), CONNECTIONS);
    // The tables are in the schema `bigkeys`; types of extensions are in other schemas.
    let tasks = pool(connect.options([("search_path", "bigkeys,public")]), CONNECTIONS);
    set_up(&tasks, &queue).await?;
    let wake = watch::Sender::default();
    let database = PostgresDatabase { tasks, queue, wake, worker_timeout: options.worker_timeout };
    Ok(TaskStore::new(database, options.max_attempts, options.seal.clone()))
}

#[derive(Debug)]
struct PostgresDatabase {
    tasks: PgPool,
    queue: PgPool,
    wake: watch::Sender<()>,
    /// Time without heartbeats after which a worker's shards are given to other workers.
    worker_timeout: Duration,
}

async fn set_up(tasks: &PgPool, queue: &PgPool) -> Result<(), StoreError> {
    let mut tx = tasks.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SET_UP_LOCK).execute(&mut *tx).await?;
    PostgresStorage::migrations().run(queue).await.map_err(sqlx::Error::from)?;
    sqlx::raw_sql("CREATE SCHEMA IF NOT EXISTS bigkeys").execute(&mut *tx).await?;
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS bigkeys.version (version BIGINT NOT NULL)")
        .execute(&mut *tx)
        .await?;
    let version: Option<i64> =
        sqlx::query_scalar("SELECT version FROM bigkeys.version").fetch_optional(&mut *tx).await?;
    match version {
        None => {
            sqlx::raw_sql(schema("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"))
                .execute(&mut *tx)
                .await?;
            sqlx::query("INSERT INTO bigkeys.version VALUES ($1)")
                .bind(SCHEMA_VERSION)
                .execute(&mut *tx)
                .await?;
        }
        Some(found) => {
            for statements in migrations(found)? {
                sqlx::raw_sql(statements).execute(&mut *tx).await?;
            }
            sqlx::query("UPDATE bigkeys.version SET version = $1")
                .bind(SCHEMA_VERSION)
                .execute(&mut *tx)
                .await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Queues shards in the transaction that stores them.
async fn enqueue(tx: &mut PgConnection, shards: &[ShardId]) -> Result<(), StoreError> {
    for shard in shards {
        // The statement of apalis, whose function is not public.
        sqlx::query(
            "INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata) \
             VALUES (apalis.generate_ulid(), $1, $2, 'Pending', 0, $3, now(), 0, '')",
        )
        .bind(QUEUE)
        .bind(shard.job()?)
        .bind(i32::from(QUEUE_ATTEMPTS))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

impl TaskDatabase for PostgresDatabase {
    fn begin(&self) -> StoreResult<'_, Box<dyn Transaction>> {
        Box::pin(async move { Ok(Box::new(Writes(self.tasks.begin().await?)) as Box<dyn Transaction>) })
    }

    fn rows<'a>(&'a self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, Vec<Row>> {
        Box::pin(async move {
            let rows = bound!(statement, values).fetch_all(&self.tasks).await?;
            rows.iter().map(Row::of).collect()
        })
    }

    fn work(&self, workers: usize, handler: Handler, shutdown: Shutdown) -> BoxFuture<'static, ()> {
        let config = Config::default()
            .queue(QUEUE)
            // One shard at a time, because a shard that waits in a worker could run in another.
            .batch_size(1)
            .heartbeat_interval(self.worker_timeout / MISSED_HEARTBEATS)
            .missed_heartbeats(MISSED_HEARTBEATS as usize);
        let workers = (0..workers).map(|_| {
            let (queue, wake) = (self.queue.clone(), self.wake.subscribe());
            deliver(config.clone(), queue, wake, self.tasks.clone(), handler.clone(), shutdown.clone())
        });
        let workers = side_by_side(workers.collect());
        let sweeps = sweep(self.tasks.clone(), self.worker_timeout, shutdown.clone());
        Box::pin(async move {
            tokio::join!(workers, sweeps);
        })
    }

    fn wake(&self) {
        self.wake.send_replace(());
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn live_workers(&self) -> StoreResult<'_, i64> {
        Box::pin(async move {
            let statement = "SELECT count(*) FROM apalis.workers \
                 WHERE worker_type = $1 AND last_seen > now() - make_interval(secs => $2)";
            let seconds = self.worker_timeout.as_secs_f64();
            Ok(sqlx::query_scalar(statement).bind(QUEUE).bind(seconds).fetch_one(&self.tasks).await?)
        })
    }
}

struct Writes(sqlx::Transaction<'static, Postgres>);

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
        Box::pin(enqueue(&mut self.0, shards))
    }

    fn commit(self: Box<Self>) -> StoreResult<'static, ()> {
        Box::pin(async move { Ok(self.0.commit().await?) })
    }
}

/// One worker of the queue.
async fn deliver(
    config: Config,
    queue: PgPool,
    wake: watch::Receiver<()>,
    tasks: PgPool,
    handler: Handler,
    shutdown: Shutdown,
) {
    // A row of the queue that cannot be read fails every worker that takes it.
    let repair = || async {
        if let Err(error) = remove_unreadable(&tasks).await {
            tracing::error!(%error, "the search for unreadable rows of the queue failed");
        }
    };
    run_worker!(
        PostgresStorage::<String>::new(&queue).with_config(config.clone()),
        wake,
        handler,
        shutdown,
        repair()
    );
}

/// Removes the rows of the queue that apalis or this program cannot read. Only another program can have
/// written them. Their shards are queued again, if they name any.
async fn remove_unreadable(tasks: &PgPool) -> Result<(), StoreError> {
    // What apalis expects of a row, and the length that every job of ours is below.
    let statement = "DELETE FROM apalis.jobs WHERE job_type = $1 AND (octet_length(job) > $2 \
         OR id !~ '^[0-9A-HJKMNP-TV-Z]{26}$' OR run_at < 'epoch' \
         OR array_position(avals(metadata), NULL) IS NOT NULL) RETURNING id";
    let ids: Vec<String> =
        sqlx::query_scalar(statement).bind(QUEUE).bind(MAX_JOB_BYTES).fetch_all(tasks).await?;
    let mut removed = ids;
    let jobs: Vec<(String, Vec<u8>)> = sqlx::query_as("SELECT id, job FROM apalis.jobs WHERE job_type = $1")
        .bind(QUEUE)
        .fetch_all(tasks)
        .await?;
    for (id, job) in jobs {
        if ShardId::of_row(&job).is_none() {
            sqlx::query("DELETE FROM apalis.jobs WHERE id = $1").bind(&id).execute(tasks).await?;
            removed.push(id);
        }
    }
    for id in removed {
        let id =
            Escaped::for_terminal(id.as_bytes().get(..MAX_LOGGED_BYTES).unwrap_or(id.as_bytes())).to_string();
        tracing::error!(id, "a row of the queue cannot be read, it was removed");
    }
    Ok(())
}

/// Removes workers that ended long ago.
async fn remove_dead_workers(tasks: &PgPool, timeout: Duration) -> Result<(), StoreError> {
    // A job of a dead worker refers to it until another worker takes the job.
    let statement = "DELETE FROM apalis.workers WHERE worker_type = $1 \
         AND last_seen < now() - make_interval(secs => $2) \
         AND NOT EXISTS (SELECT 1 FROM apalis.jobs WHERE lock_by = workers.id)";
    let age = timeout * DEAD_WORKER_TIMEOUTS;
    sqlx::query(statement).bind(QUEUE).bind(age.as_secs_f64()).execute(tasks).await?;
    Ok(())
}

/// Periodically queues unfinished shards that are missing in the queue, and removes what nobody can use.
async fn sweep(tasks: PgPool, interval: Duration, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = ended(shutdown.clone()) => return,
            () = tokio::time::sleep(interval) => {}
        }
        match sweep_once(&tasks).await {
            Ok(0) => {}
            Ok(shards) => tracing::warn!(shards, "lost deliveries are queued again"),
            Err(error) => tracing::error!(%error, "the search for lost deliveries failed"),
        }
        let cleaned = async {
            remove_unreadable(&tasks).await?;
            remove_dead_workers(&tasks, interval).await
        };
        if let Err(error) = cleaned.await {
            tracing::error!(%error, "the queue cannot be cleaned");
        }
    }
}

async fn sweep_once(tasks: &PgPool) -> Result<usize, StoreError> {
    let mut tx = tasks.begin().await?;
    // One process at a time, because two processes would queue a shard twice.
    let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(SWEEP_LOCK)
        .fetch_one(&mut *tx)
        .await?;
    if !is_ours {
        return Ok(0);
    }
    sqlx::query("DELETE FROM apalis.jobs WHERE job_type = $1 AND status IN ('Done', 'Killed')")
        .bind(QUEUE)
        .execute(&mut *tx)
        .await?;
    let queued: Vec<Vec<u8>> = sqlx::query_scalar("SELECT job FROM apalis.jobs WHERE job_type = $1")
        .bind(QUEUE)
        .fetch_all(&mut *tx)
        .await?;
    let queued: std::collections::HashSet<_> = queued.into_iter().collect();
    let mut lost = Vec::new();
    for row in sqlx::query(OPEN_SHARDS).fetch_all(&mut *tx).await? {
        let shard = ShardId { task: row.try_get("task")?, number: row.try_get("number")? };
        if !queued.contains(&shard.job()?) {
            lost.push(shard);
        }
    }
    enqueue(&mut tx, &lost).await?;
    tx.commit().await?;
    Ok(lost.len())
}
