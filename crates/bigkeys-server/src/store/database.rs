//! The interface between the store and a database, and the types of values.

use std::borrow::Cow;

use futures_util::future::BoxFuture;
use sqlx::{ColumnIndex, Decode, TypeInfo as _, ValueRef as _};

use super::model::{Handler, ShardId, Shutdown, StoreError, StoreResult};

/// Name of the queue.
pub(super) const QUEUE: &str = "bigkeys-scan";

/// Maximum number of attempts that apalis makes. The store's own counts end a task long before.
pub(super) const QUEUE_ATTEMPTS: u16 = 1000;

/// Version of `schema.sql`.
pub(super) const SCHEMA_VERSION: i64 = 4;

/// The statements that bring a database of an older version to the next, with that older version.
const MIGRATIONS: [(i64, &str); 2] =
    [(2, include_str!("schema_2_to_3.sql")), (3, include_str!("schema_3_to_4.sql"))];

/// The statements that bring a database of version `found` to [`SCHEMA_VERSION`].
///
/// # Errors
///
/// The version is newer, or too old.
pub(super) fn migrations(found: i64) -> Result<impl Iterator<Item = &'static str>, StoreError> {
    let oldest = MIGRATIONS.first().map_or(SCHEMA_VERSION, |(version, _)| *version);
    if !(oldest..=SCHEMA_VERSION).contains(&found) {
        return Err(StoreError::Version { found, oldest, known: SCHEMA_VERSION });
    }
    Ok(MIGRATIONS.into_iter().filter(move |(version, _)| *version >= found).map(|(_, statements)| statements))
}

/// Selects the shards of unfinished tasks that have to be delivered: the open shards, and one shard
/// of each task whose results are not joined yet.
pub(super) const OPEN_SHARDS: &str = "SELECT shard.task, shard.number FROM shard \
    JOIN task ON task.id = shard.task WHERE task.status IN ('waiting', 'running') \
    AND (shard.is_done = 0 OR (shard.number = 0 AND NOT EXISTS \
    (SELECT 1 FROM shard AS other WHERE other.task = task.id AND other.is_done = 0))) \
    ORDER BY task.seq, shard.number";

/// The statements that create the tables. `sequence` is the type of an automatic row number in the
/// database.
pub(super) fn schema(sequence: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(include_str!("schema.sql").replace("{sequence}", sequence))
}

/// A database with a queue.
///
/// Statements use the common SQL of all databases, with `$1` for the first value.
pub(super) trait TaskDatabase: std::fmt::Debug + Send + Sync {
    /// Begins a transaction. A transaction that is dropped without a commit is rolled back.
    fn begin(&self) -> StoreResult<'_, Box<dyn Transaction>>;

    /// Reads rows.
    fn rows<'a>(&'a self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, Vec<Row>>;

    /// Delivers shards to `handler`, `workers` at a time, until `shutdown`.
    fn work(&self, workers: usize, handler: Handler, shutdown: Shutdown) -> BoxFuture<'static, ()>;

    /// Wakes the workers of this process after a shard was queued.
    fn wake(&self);

    /// Whether several processes may use it.
    fn is_shared(&self) -> bool;

    /// Number of workers, of all processes, with a recent heartbeat.
    fn live_workers(&self) -> StoreResult<'_, i64>;
}

/// A transaction that writes.
pub(super) trait Transaction: Send {
    /// Writes, and returns the number of changed rows.
    fn execute<'a>(&'a mut self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, u64>;

    /// Reads or writes rows.
    fn rows<'a>(&'a mut self, statement: &'static str, values: &'a [Value]) -> StoreResult<'a, Vec<Row>>;

    /// Queues shards.
    fn enqueue<'a>(&'a mut self, shards: &'a [ShardId]) -> StoreResult<'a, ()>;

    /// Commits all writes.
    fn commit(self: Box<Self>) -> StoreResult<'static, ()>;
}

/// A value of a column, which has one of two types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(storable(Some(text)).unwrap_or_default().into_owned()))
    }
}

/// The text that a database keeps: `PostgreSQL` has no NUL in text. Only a reason that quotes a file can
/// contain it.
pub(super) fn storable(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(|text| if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() })
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Text(None), Self::from)
    }
}

/// Binds values to a statement, for the database that the context requires.
macro_rules! bound {
    ($statement:expr, $values:expr) => {{
        let mut query = sqlx::query($statement);
        for value in $values {
            query = match value.clone() {
                $crate::store::database::Value::Integer(number) => query.bind(number),
                $crate::store::database::Value::Text(text) => query.bind(text),
            };
        }
        query
    }};
}
pub(super) use bound;

/// A row, copied from the database.
#[derive(Debug)]
pub(super) struct Row(Vec<(String, Value)>);

impl Row {
    pub(super) fn of<R: sqlx::Row>(row: &R) -> Result<Self, StoreError>
    where
        usize: ColumnIndex<R>,
        for<'r> Option<i64>: Decode<'r, R::Database>,
        for<'r> Option<String>: Decode<'r, R::Database>,
    {
        use sqlx::Column as _;
        let mut values = Vec::with_capacity(row.len());
        for (index, column) in row.columns().iter().enumerate() {
            let is_text = row.try_get_raw(index)?.type_info().name() == "TEXT";
            let value = if is_text {
                Value::Text(row.try_get_unchecked(index)?)
            } else {
                Value::Integer(row.try_get_unchecked(index)?)
            };
            values.push((column.name().to_owned(), value));
        }
        Ok(Self(values))
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(column, _)| column == name).map(|(_, value)| value)
    }

    /// `None` if it is NULL.
    pub(super) fn integer_or_null(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Integer(number) => *number,
            Value::Text(_) => None,
        }
    }

    /// `None` if it is NULL.
    pub(super) fn text_or_null(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::Text(text) => text.clone(),
            Value::Integer(_) => None,
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<i64, StoreError> {
        self.integer_or_null(name)
            .ok_or_else(|| StoreError::NoValue { kind: "number", column: name.to_owned() })
    }

    pub(super) fn text(&self, name: &str) -> Result<String, StoreError> {
        self.text_or_null(name).ok_or_else(|| StoreError::NoValue { kind: "text", column: name.to_owned() })
    }
}
