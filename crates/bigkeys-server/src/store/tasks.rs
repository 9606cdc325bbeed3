//! The life cycle of tasks, in common SQL of all databases.
//!
//! A transaction that changes a task writes the task's row first. Two such transactions wait for
//! each other at that row, so each sees the changes of the other.

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use super::database::{Row, TaskDatabase, Transaction, storable};
use super::model::{
    AnalysisKind, Begun, Deleted, Handler, MAX_TASKS_PER_INSTANCE, NewTask, Origin, Schedule, ShardEnding,
    ShardId, ShardTarget, Shutdown, StoreError, Submitted, TaskEnding, TaskRow,
};
use super::rows::{milliseconds, scan_type_name, schedule, status_name, task};
use super::seal::{Seal, Sealed};
use crate::id;
use dcs_bigkeys::{ScanType, Status};

/// A form in which the report of a task is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReportForm {
    Json,
    /// An HTML page.
    Page,
}

/// Stores tasks, and delivers their shards to workers.
#[derive(Debug)]
pub(crate) struct TaskStore {
    database: Box<dyn TaskDatabase>,
    /// Maximum number of times that a shard, or the join of shards, is begun.
    max_attempts: i64,
    seal: Seal,
}

impl TaskStore {
    pub(super) fn new(database: impl TaskDatabase + 'static, max_attempts: u16, seal: Seal) -> Self {
        Self { database: Box::new(database), max_attempts: max_attempts.into(), seal }
    }

    /// Stores a new task and queues its shards. Drops the oldest tasks beyond
    /// [`MAX_TASKS_PER_INSTANCE`].
    pub(crate) async fn submit(&self, task: NewTask, now: Timestamp) -> Result<Submitted, StoreError> {
        // Read first, so that repeated requests during a scan do not wait for writers.
        let statement = "SELECT id FROM task \
             WHERE family = $1 AND instance = $2 AND status IN ('waiting', 'running')";
        let values = [task.kind.name().into(), (&task.instance).into()];
        if !self.database.rows(statement, &values).await?.is_empty() {
            return Ok(Submitted::Running);
        }
        let mut tx = self.database.begin().await?;
        let submitted = submit(&mut *tx, task, now).await?;
        tx.commit().await?;
        if let Submitted::Created(_) = submitted {
            self.database.wake();
        }
        Ok(submitted)
    }

    /// A task, and the length of its body in bytes if it has one.
    pub(crate) async fn find(
        &self,
        kind: AnalysisKind,
        instance: &str,
        id: &str,
    ) -> Result<Option<(TaskRow, Option<u64>)>, StoreError> {
        let statement = "SELECT task.*, CAST(octet_length(result.body) AS BIGINT) AS content_bytes FROM task \
             LEFT JOIN result ON result.task = task.id WHERE id = $1 AND family = $2 AND instance = $3";
        let values = [id.into(), kind.name().into(), instance.into()];
        one_with_length(&self.database.rows(statement, &values).await?)
    }

    /// The body of a task.
    pub(crate) async fn body(&self, task: &TaskRow) -> Result<Option<String>, StoreError> {
        let statement = "SELECT body AS content, body_mac AS mac FROM result WHERE task = $1";
        self.content(task, Sealed::Body, &self.database.rows(statement, &[(&task.id).into()]).await?)
    }

    /// Number of tasks that match, and a page of them, newest first.
    pub(crate) async fn list(
        &self,
        kind: AnalysisKind,
        instance: &str,
        status: Option<Status>,
        offset: i64,
        limit: i64,
    ) -> Result<(i64, Vec<TaskRow>), StoreError> {
        // One statement, so that the number and the page are consistent, and an empty page has the
        // number, too. SQLite would plan again for each value of a bare parameter in LIMIT.
        let statement = "WITH matching AS (SELECT * FROM task \
             WHERE family = $1 AND instance = $2 AND (CAST($3 AS TEXT) IS NULL OR status = $3)) \
             SELECT * FROM (SELECT count(*) AS matches FROM matching) AS counted \
             LEFT JOIN (SELECT * FROM matching ORDER BY seq DESC LIMIT CAST($4 AS BIGINT) OFFSET $5) AS page ON 1 = 1 \
             ORDER BY seq DESC";
        let status = status.map(status_name);
        let values = [kind.name().into(), instance.into(), status.into(), limit.into(), offset.into()];
        let rows = self.database.rows(statement, &values).await?;
        let count = rows.first().map_or(Ok(0), |row| row.integer("matches"))?;
        let found = rows.iter().filter(|row| row.text_or_null("id").is_some());
        Ok((count, found.map(task).collect::<Result<_, _>>()?))
    }

    /// Deletes a task that has ended.
    pub(crate) async fn delete(
        &self,
        kind: AnalysisKind,
        instance: &str,
        id: &str,
    ) -> Result<Deleted, StoreError> {
        let mut tx = self.database.begin().await?;
        let statement = "SELECT task.*, result.body AS content, result.body_mac AS mac FROM task \
             LEFT JOIN result ON result.task = task.id WHERE id = $1 AND family = $2 AND instance = $3";
        let rows = tx.rows(statement, &[id.into(), kind.name().into(), instance.into()]).await?;
        let Some(found) = rows.first().map(task).transpose()? else { return Ok(Deleted::Unknown) };
        if !found.is_finished() {
            return Ok(Deleted::Unfinished);
        }
        // A forged result can be deleted. Nobody reads it.
        let body = self.content(&found, Sealed::Body, &rows).unwrap_or_else(|error| {
            tracing::error!(%error, "the result is deleted");
            None
        });
        tx.execute("DELETE FROM task WHERE id = $1", &[id.into()]).await?;
        tx.commit().await?;
        Ok(Deleted::Task(Box::new(found), body))
    }

    /// Any task with this id, and the length of its report in bytes if it has one.
    pub(crate) async fn find_any(
        &self,
        id: &str,
        form: ReportForm,
    ) -> Result<Option<(TaskRow, Option<u64>)>, StoreError> {
        let statement = match form {
            ReportForm::Json => {
                "SELECT task.*, CAST(octet_length(result.report) AS BIGINT) AS content_bytes FROM task \
                 LEFT JOIN result ON result.task = task.id WHERE id = $1"
            }
            ReportForm::Page => {
                "SELECT task.*, CAST(octet_length(result.page) AS BIGINT) AS content_bytes FROM task \
                 LEFT JOIN result ON result.task = task.id WHERE id = $1"
            }
        };
        one_with_length(&self.database.rows(statement, &[id.into()]).await?)
    }

    /// The report of a task.
    pub(crate) async fn report(
        &self,
        task: &TaskRow,
        form: ReportForm,
    ) -> Result<Option<String>, StoreError> {
        let (sealed, statement) = match form {
            ReportForm::Json => {
                (Sealed::Report, "SELECT report AS content, report_mac AS mac FROM result WHERE task = $1")
            }
            ReportForm::Page => {
                (Sealed::Page, "SELECT page AS content, page_mac AS mac FROM result WHERE task = $1")
            }
        };
        self.content(task, sealed, &self.database.rows(statement, &[(&task.id).into()]).await?)
    }

    /// The text in the first row, if its signature is right.
    fn content(&self, task: &TaskRow, kind: Sealed, rows: &[Row]) -> Result<Option<String>, StoreError> {
        let Some(row) = rows.first() else { return Ok(None) };
        let Some(content) = row.text_or_null("content") else { return Ok(None) };
        if self.seal.admits(task, kind, &[Some(&content)], row.text_or_null("mac").as_deref()) {
            Ok(Some(content))
        } else {
            Err(StoreError::Unsigned { task: task.id.clone() })
        }
    }

    /// Deletes tasks that ended before `time`, and returns their number.
    pub(crate) async fn delete_ended_before(&self, time: Timestamp) -> Result<u64, StoreError> {
        let statement = "DELETE FROM task WHERE status IN ('success', 'failed') AND finished_ms < $1";
        let mut tx = self.database.begin().await?;
        let deleted = tx.execute(statement, &[time.as_millisecond().into()]).await?;
        tx.commit().await?;
        Ok(deleted)
    }

    /// A worker begins a shard.
    pub(crate) async fn begin(&self, shard: &ShardId, now: Timestamp) -> Result<Begun, StoreError> {
        let mut tx = self.database.begin().await?;
        let statement = "UPDATE task SET status = 'running', started_ms = coalesce(started_ms, $2) \
             WHERE id = $1 AND status IN ('waiting', 'running') RETURNING *";
        let rows = tx.rows(statement, &[(&shard.task).into(), now.as_millisecond().into()]).await?;
        let Some(row) = rows.first() else { return Ok(Begun::Nothing) };
        let begun = task(row)?;
        let statement = "UPDATE shard SET attempts = attempts + 1 \
             WHERE task = $1 AND number = $2 AND is_done = 0 RETURNING *";
        let rows = tx.rows(statement, &[(&shard.task).into(), shard.number.into()]).await?;
        let Some(row) = rows.first() else {
            // The worker of the last shard may have ended before it joined the results.
            let open = open_shards(&mut *tx, &shard.task).await?;
            return Ok(if open == 0 { Begun::Join(begun) } else { Begun::Nothing });
        };
        if row.integer("attempts")? > self.max_attempts {
            let reason = format!("the worker ended {} times while it scanned the backup", self.max_attempts);
            let ending = ShardEnding { failure: Some(reason), result: None };
            let open = end_shard(&mut *tx, &self.seal, &begun, shard.number, &ending).await?;
            tx.commit().await?;
            return Ok(if open == Some(0) { Begun::Join(begun) } else { Begun::Nothing });
        }
        let backup = row.text_or_null("backup");
        let Ok(backup) = backup.map(|backup| serde_json::from_str(&backup)).transpose() else {
            let ending = ShardEnding { failure: Some(UNREADABLE.to_owned()), result: None };
            let open = end_shard(&mut *tx, &self.seal, &begun, shard.number, &ending).await?;
            tx.commit().await?;
            return Ok(if open == Some(0) { Begun::Join(begun) } else { Begun::Nothing });
        };
        let target = ShardTarget { node: row.text("node")?, backup };
        tx.commit().await?;
        Ok(Begun::Scan(begun, target))
    }

    /// A worker gives a shard back for a reason outside the shard. The attempt does not count.
    pub(crate) async fn give_back(&self, shard: &ShardId) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let statement = "UPDATE shard SET attempts = attempts - 1 \
             WHERE task = $1 AND number = $2 AND is_done = 0 AND attempts > 0";
        if tx.execute(statement, &[(&shard.task).into(), shard.number.into()]).await? > 0 {
            tx.enqueue(std::slice::from_ref(shard)).await?;
        }
        tx.commit().await
    }

    /// A worker ends a shard. Returns whether that was the last open shard of the task. A shard
    /// ends once, even if several workers scanned it.
    pub(crate) async fn end_shard(&self, shard: &ShardId, ending: &ShardEnding) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let lock = "UPDATE task SET status = 'running' \
             WHERE id = $1 AND status IN ('waiting', 'running') RETURNING *";
        let rows = tx.rows(lock, &[(&shard.task).into()]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let open = end_shard(&mut *tx, &self.seal, &task(row)?, shard.number, ending).await?;
        tx.commit().await?;
        Ok(open == Some(0))
    }

    /// A worker begins to join the results of a task's shards. `None` if there is nothing to join. A task
    /// that cannot be joined has one result, which is the reason.
    pub(crate) async fn begin_join(&self, id: &str) -> Result<Option<Vec<ShardEnding>>, StoreError> {
        let mut tx = self.database.begin().await?;
        let statement = "UPDATE task SET joins = joins + 1 \
             WHERE id = $1 AND status IN ('waiting', 'running') RETURNING *";
        let rows = tx.rows(statement, &[id.into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        if open_shards(&mut *tx, id).await? > 0 {
            return Ok(None);
        }
        if row.integer("joins")? > self.max_attempts {
            let reason = format!("the worker ended {} times while it joined the results", self.max_attempts);
            tx.commit().await?;
            return Ok(Some(vec![ShardEnding { failure: Some(reason), result: None }]));
        }
        let begun = task(row)?;
        let rows = tx.rows("SELECT * FROM shard WHERE task = $1 ORDER BY number", &[id.into()]).await?;
        if i64::try_from(rows.len()).ok() != Some(begun.shards) {
            tx.commit().await?;
            return Ok(Some(vec![ShardEnding { failure: Some(MISSING.to_owned()), result: None }]));
        }
        let results = rows.iter().map(|row| self.shard_ending(&begun, row)).collect::<Result<_, _>>()?;
        tx.commit().await?;
        Ok(Some(results))
    }

    /// What a worker found of a shard, if its signature is right.
    fn shard_ending(&self, task: &TaskRow, row: &Row) -> Result<ShardEnding, StoreError> {
        let (failure, result) = (row.text_or_null("failure"), row.text_or_null("result"));
        let kind = Sealed::Shard(row.integer("number")?);
        let texts = [failure.as_deref(), result.as_deref()];
        if self.seal.admits(task, kind, &texts, row.text_or_null("mac").as_deref()) {
            return Ok(ShardEnding { failure, result });
        }
        tracing::error!(task = task.id, "the result of a shard is not signed with results_secret");
        Ok(ShardEnding { failure: Some(UNSIGNED.to_owned()), result: None })
    }

    /// Ends a task. Returns whether it was unfinished until then.
    pub(crate) async fn finish(
        &self,
        id: &str,
        ending: &TaskEnding,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.database.begin().await?;
        let is_ours = finish(&mut *tx, &self.seal, id, ending, now).await?;
        tx.commit().await?;
        Ok(is_ours)
    }

    /// Whether a task exists and has not ended.
    pub(crate) async fn is_unfinished(&self, id: &str) -> Result<bool, StoreError> {
        let statement = "SELECT id FROM task WHERE id = $1 AND status IN ('waiting', 'running')";
        Ok(!self.database.rows(statement, &[id.into()]).await?.is_empty())
    }

    /// The schedule of an instance.
    pub(crate) async fn schedule(&self, instance: &str) -> Result<Option<Schedule>, StoreError> {
        let statement = "SELECT * FROM autoscan WHERE instance = $1";
        self.database.rows(statement, &[instance.into()]).await?.first().map(schedule).transpose()
    }

    /// All enabled schedules.
    pub(crate) async fn schedules(&self) -> Result<Vec<Schedule>, StoreError> {
        let rows = self.database.rows("SELECT * FROM autoscan WHERE enabled = 1", &[]).await?;
        Ok(readable(&rows, schedule))
    }

    /// Replaces a schedule.
    pub(crate) async fn set_schedule(&self, schedule: &Schedule) -> Result<(), StoreError> {
        let statement = "INSERT INTO autoscan (instance, enabled, schedule, updated_ms, fired_ms) \
             VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (instance) DO UPDATE SET enabled = excluded.enabled, schedule = excluded.schedule, \
             updated_ms = excluded.updated_ms, fired_ms = excluded.fired_ms";
        let mut tx = self.database.begin().await?;
        let values = [
            (&schedule.instance).into(),
            i64::from(schedule.enabled).into(),
            (&schedule.times.join(" ")).into(),
            schedule.updated_at.as_millisecond().into(),
            schedule.fired_at.as_millisecond().into(),
        ];
        tx.execute(statement, &values).await?;
        tx.commit().await
    }

    /// Handles a due time once, even if several processes try: submits a task of the given shards,
    /// if there are shards and no task is unfinished. `None` if another process handled the time, or
    /// no task was submitted.
    pub(crate) async fn fire(
        &self,
        schedule: &Schedule,
        due: Timestamp,
        shards: Option<Vec<ShardTarget>>,
        now: Timestamp,
    ) -> Result<Option<TaskRow>, StoreError> {
        let mut tx = self.database.begin().await?;
        // Unless the schedule was replaced or handled meanwhile.
        let statement =
            "UPDATE autoscan SET fired_ms = $1 WHERE instance = $2 AND fired_ms = $3 AND updated_ms = $4";
        let values = [
            due.as_millisecond().into(),
            (&schedule.instance).into(),
            schedule.fired_at.as_millisecond().into(),
            schedule.updated_at.as_millisecond().into(),
        ];
        let is_ours = tx.execute(statement, &values).await? > 0;
        let mut created = None;
        if let Some(shards) = shards.filter(|_| is_ours) {
            let task = NewTask {
                kind: AnalysisKind::Bigkeys,
                instance: schedule.instance.clone(),
                node: None,
                backup: None,
                scan_type: ScanType::Auto,
                shards,
                origin: Origin::default(),
            };
            if let Submitted::Created(row) = submit(&mut *tx, task, now).await? {
                created = Some(row);
            }
        }
        tx.commit().await?;
        if created.is_some() {
            self.database.wake();
        }
        Ok(created)
    }

    /// The last successful big-key analysis of each instance that has one.
    pub(crate) async fn last_successes(&self) -> Result<Vec<TaskRow>, StoreError> {
        let statement = "SELECT * FROM task WHERE seq IN \
             (SELECT max(seq) FROM task WHERE family = $1 AND status = $2 GROUP BY instance)";
        let values = [AnalysisKind::Bigkeys.name().into(), status_name(Status::Success).into()];
        Ok(readable(&self.database.rows(statement, &values).await?, task))
    }

    /// Writes a row that nothing reads, so that a database that is full, locked or a replica is
    /// noticed.
    pub(crate) async fn check_writable(&self, now: Timestamp) -> Result<(), StoreError> {
        let statement = "INSERT INTO autoscan (instance, enabled, schedule, updated_ms, fired_ms) \
             VALUES ('', 0, '', $1, $1) ON CONFLICT (instance) DO UPDATE SET updated_ms = excluded.updated_ms";
        let mut tx = self.database.begin().await?;
        tx.execute(statement, &[now.as_millisecond().into()]).await?;
        tx.commit().await
    }

    /// Numbers of waiting and of running tasks.
    pub(crate) async fn unfinished(&self) -> Result<(i64, i64), StoreError> {
        let statement = "SELECT count(*) FILTER (WHERE status = 'waiting') AS waiting, \
             count(*) FILTER (WHERE status = 'running') AS running \
             FROM task WHERE status IN ('waiting', 'running')";
        let rows = self.database.rows(statement, &[]).await?;
        let count = |name| rows.first().map_or(Ok(0), |row| row.integer(name));
        Ok((count("waiting")?, count("running")?))
    }

    /// Whether other processes may scan for this one, which have to read the backups that it found.
    pub(crate) fn is_shared(&self) -> bool {
        self.database.is_shared()
    }

    /// Number of workers, of all processes, with a recent heartbeat.
    pub(crate) async fn live_workers(&self) -> Result<i64, StoreError> {
        self.database.live_workers().await
    }

    /// Delivers shards to `handler`, `workers` at a time, until `shutdown`.
    pub(crate) fn work(
        &self,
        workers: usize,
        handler: Handler,
        shutdown: Shutdown,
    ) -> BoxFuture<'static, ()> {
        self.database.work(workers, handler, shutdown)
    }
}

/// The failure of a shard whose row does not say which backup to scan.
const UNREADABLE: &str = "its backup cannot be read from the database";

/// The failure of a task that has lost rows.
const MISSING: &str = "the database does not have all of its shards";

/// The failure of a shard whose result is not signed.
const UNSIGNED: &str = "its result is not signed with results_secret";

/// The rows that can be read. One that another program wrote must not hide the others.
fn readable<T>(rows: &[Row], read: impl Fn(&Row) -> Result<T, StoreError>) -> Vec<T> {
    let logged = |error: &StoreError| tracing::error!(%error, "a row is left out");
    rows.iter().filter_map(|row| read(row).inspect_err(logged).ok()).collect()
}

fn one_with_length(rows: &[Row]) -> Result<Option<(TaskRow, Option<u64>)>, StoreError> {
    let length = |row: &Row| row.integer_or_null("content_bytes").and_then(|bytes| u64::try_from(bytes).ok());
    rows.first().map(|row| Ok((task(row)?, length(row)))).transpose()
}

/// Number of open shards of a task whose row is written already.
async fn open_shards(tx: &mut dyn Transaction, task: &str) -> Result<i64, StoreError> {
    let statement = "SELECT count(*) AS open FROM shard WHERE task = $1 AND is_done = 0";
    let rows = tx.rows(statement, &[task.into()]).await?;
    rows.first().map_or(Ok(0), |row| row.integer("open"))
}

async fn submit(tx: &mut dyn Transaction, task: NewTask, now: Timestamp) -> Result<Submitted, StoreError> {
    let id = id::random();
    let shards = i64::try_from(task.shards.len()).unwrap_or(i64::MAX);
    let statement = "INSERT INTO task \
         (id, family, instance, node, scan_type, status, created_ms, shards, open_shards, backup, caller, peer, \
         request_id) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $7, $8, $9, $10, $11) \
         ON CONFLICT (family, instance) WHERE status IN ('waiting', 'running') DO NOTHING";
    let values = [
        (&id).into(),
        task.kind.name().into(),
        (&task.instance).into(),
        task.node.as_deref().into(),
        scan_type_name(task.scan_type).into(),
        now.as_millisecond().into(),
        shards.into(),
        task.backup.as_deref().into(),
        task.origin.caller.as_deref().into(),
        task.origin.peer.as_deref().into(),
        task.origin.request_id.as_deref().into(),
    ];
    if tx.execute(statement, &values).await? == 0 {
        return Ok(Submitted::Running);
    }
    let statement = "DELETE FROM task WHERE family = $1 AND instance = $2 AND seq <= \
         (SELECT seq FROM task WHERE family = $1 AND instance = $2 ORDER BY seq DESC LIMIT 1 OFFSET CAST($3 AS BIGINT))";
    let values = [task.kind.name().into(), (&task.instance).into(), MAX_TASKS_PER_INSTANCE.into()];
    tx.execute(statement, &values).await?;
    let mut ids = Vec::with_capacity(task.shards.len());
    for (number, ShardTarget { node, backup }) in (0..).zip(&task.shards) {
        let statement = "INSERT INTO shard (task, number, node, backup) VALUES ($1, $2, $3, $4)";
        let backup = backup.as_ref().map(serde_json::to_string).transpose()?;
        tx.execute(statement, &[(&id).into(), number.into(), node.into(), backup.as_deref().into()]).await?;
        ids.push(ShardId { task: id.clone(), number });
    }
    tx.enqueue(&ids).await?;
    Ok(Submitted::Created(TaskRow {
        id,
        kind: task.kind,
        instance: task.instance,
        node: task.node,
        backup: task.backup,
        scan_type: task.scan_type,
        status: Status::Waiting,
        created_at: milliseconds(now.as_millisecond())?,
        started_at: None,
        finished_at: None,
        shards,
        open_shards: shards,
        num: 0,
        failure: None,
        origin: task.origin,
        summary: None,
    }))
}

/// Ends a shard of an unfinished task whose row is written already. Returns the number of open
/// shards; `None` if the shard had ended before.
async fn end_shard(
    tx: &mut dyn Transaction,
    seal: &Seal,
    task: &TaskRow,
    number: i64,
    ending: &ShardEnding,
) -> Result<Option<i64>, StoreError> {
    let statement = "UPDATE shard SET is_done = 1, failure = $3, result = $4, mac = $5 \
         WHERE task = $1 AND number = $2 AND is_done = 0";
    let texts = [ending.failure.as_deref(), ending.result.as_deref()].map(storable);
    let mac = seal.sign(task, Sealed::Shard(number), &texts.each_ref().map(Option::as_deref));
    let [failure, result] = texts;
    let values = [
        (&task.id).into(),
        number.into(),
        failure.as_deref().into(),
        result.as_deref().into(),
        mac.as_deref().into(),
    ];
    if tx.execute(statement, &values).await? == 0 {
        return Ok(None);
    }
    let open = open_shards(tx, &task.id).await?;
    let statement = "UPDATE task SET open_shards = $2 WHERE id = $1";
    tx.execute(statement, &[(&task.id).into(), open.into()]).await?;
    Ok(Some(open))
}

/// Ends a task. Returns whether it was unfinished until then.
async fn finish(
    tx: &mut dyn Transaction,
    seal: &Seal,
    id: &str,
    ending: &TaskEnding,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let status = if ending.failure.is_none() { Status::Success } else { Status::Failed };
    let summary = ending.summary.as_ref().map(serde_json::to_string).transpose()?;
    let statement = "UPDATE task SET status = $2, num = $4, failure = $5, summary = $6, \
         finished_ms = CASE WHEN started_ms > $3 THEN started_ms ELSE $3 END \
         WHERE id = $1 AND status IN ('waiting', 'running') RETURNING *";
    let values = [
        id.into(),
        status_name(status).into(),
        now.as_millisecond().into(),
        i64::from(ending.num).into(),
        ending.failure.as_deref().into(),
        summary.as_deref().into(),
    ];
    let rows = tx.rows(statement, &values).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let task = task(row)?;
    let texts = [&ending.body, &ending.report, &ending.page].map(|text| storable(text.as_deref()));
    let [body, report, page] = texts.each_ref().map(Option::as_deref);
    let sign = |kind, text| seal.sign(&task, kind, &[text]);
    let body_mac = sign(Sealed::Body, body);
    let report_mac = sign(Sealed::Report, report);
    let page_mac = sign(Sealed::Page, page);
    let statement = "INSERT INTO result (task, body, report, page, body_mac, report_mac, page_mac) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values = [
        id.into(),
        body.into(),
        report.into(),
        page.into(),
        body_mac.as_deref().into(),
        report_mac.as_deref().into(),
        page_mac.as_deref().into(),
    ];
    tx.execute(statement, &values).await?;
    tx.execute("DELETE FROM shard WHERE task = $1", &[id.into()]).await?;
    Ok(true)
}
