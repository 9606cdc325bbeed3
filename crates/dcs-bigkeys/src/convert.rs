//! From a report to the contract's objects.

use std::cmp::Reverse;

use rdb_analysis::{DataType, KeyRecord, Rank, Report};
use rdb_parser::escape::Escaped;

use crate::body::{BigkeysBody, DcsTime, KeyType, ScanType, Status, Task, Unit};

/// Most keys of a type in a result.
pub const MAX_KEYS_PER_TYPE: usize = 20;

/// The highest logical database that the contract can number.
pub const MAX_DB: u64 = i32::MAX as u64;

/// Identity and times of a task.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Id of the task, a UUID.
    pub id: String,
    /// Id of the instance.
    pub instance_id: String,
    /// When it was created.
    pub created_at: DcsTime,
    /// When work on it began.
    pub started_at: DcsTime,
    /// When it ended.
    pub finished_at: DcsTime,
}

impl Task {
    /// The finished task whose result is `report`.
    ///
    /// It has failed if the report does not cover all of its sources; the contract has no other place to say
    /// that the keys are not all.
    pub fn finished(info: TaskInfo, report: &Report) -> Self {
        let keys = bigkeys(report);
        Self {
            id: info.id,
            instance_id: info.instance_id,
            status: if report.is_clean() { Status::Success } else { Status::Failed },
            scan_type: ScanType::Manual,
            created_at: info.created_at,
            started_at: Some(info.started_at),
            finished_at: Some(info.finished_at),
            num: i32::try_from(keys.len()).unwrap_or(i32::MAX),
            keys: Some(keys),
        }
    }
}

/// The big keys of a report: the top lists of the five types that the contract knows, at most
/// [`MAX_KEYS_PER_TYPE`] of each, by type and then by size, largest first.
///
/// Streams and module types have no name in the contract and are left out, as are keys of databases above
/// [`MAX_DB`]. Such keys take no place in the lists if the report was made with that
/// [`max_db`](rdb_analysis::Options::max_db). A name that is not UTF-8 is escaped as [`Escaped::for_text`] does.
pub fn bigkeys(report: &Report) -> Vec<BigkeysBody> {
    let mut bodies = Vec::new();
    for (key_type, data_type) in [
        (KeyType::String, DataType::String),
        (KeyType::List, DataType::List),
        (KeyType::Set, DataType::Set),
        (KeyType::Zset, DataType::Zset),
        (KeyType::Hash, DataType::Hash),
    ] {
        let keys = report.top.get(&data_type).map(Vec::as_slice).unwrap_or_default();
        let mut of_type: Vec<_> =
            keys.iter().take(MAX_KEYS_PER_TYPE).filter_map(|key| bigkey(key_type, key)).collect();
        // Stable: where sizes are equal the report's total order stays.
        of_type.sort_by_key(|body| Reverse(body.size));
        bodies.append(&mut of_type);
    }
    bodies
}

fn bigkey(key_type: KeyType, record: &KeyRecord) -> Option<BigkeysBody> {
    Some(BigkeysBody {
        name: Escaped::for_text(&record.key).to_string(),
        key_type,
        shard: record.shard.clone(),
        db: i32::try_from(record.measure.db).ok()?,
        size: i64::try_from(Rank::Natural.of(&record.measure)?).ok()?,
        unit: if key_type == KeyType::String { Unit::Byte } else { Unit::Count },
    })
}
