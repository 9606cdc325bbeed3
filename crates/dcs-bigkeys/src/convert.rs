//! Converts a report into the contract's objects.

use std::cmp::Reverse;

use rdb_analysis::{DataType, KeyRecord, Rank, Report};
use rdb_parser::escape::Escaped;

use crate::body::{BigkeysBody, DcsTime, KeyType, ScanType, Status, Task, Unit};

/// Maximum number of keys of a type in a result.
pub const MAX_KEYS_PER_TYPE: usize = 20;

/// The highest number of a logical database in the contract.
pub const MAX_DB: u64 = i32::MAX as u64;

/// Ids and times of a task.
#[derive(Clone, Debug)]
pub struct TaskInfo {
    /// Id of the task, a UUID.
    pub id: String,
    /// Id of the instance.
    pub instance_id: String,
    /// Time of creation.
    pub created_at: DcsTime,
    /// Start of the scan.
    pub started_at: DcsTime,
    /// End of the task.
    pub finished_at: DcsTime,
}

impl Task {
    /// Makes a finished task with the result `report`.
    ///
    /// The task has failed if the report does not cover all of its sources, because the contract
    /// has no other field for an incomplete result.
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

/// The big keys of a report: the top lists of the contract's five types, at most
/// [`MAX_KEYS_PER_TYPE`] keys of each type, by type and then by size, largest first.
///
/// Streams and module types have no name in the contract and are left out, as are keys of databases
/// above [`MAX_DB`]. Make the report with that [`max_db`](rdb_analysis::ReportCollector::max_db),
/// so that such keys take no place in the lists. A name that is not UTF-8 is escaped as
/// [`Escaped::for_text`] does. A name of which the report has the first bytes only ends in
/// `…(65536 bytes)`, with the length of the whole name.
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
        // A stable sort keeps the report's order for equal sizes.
        of_type.sort_by_key(|body| Reverse(body.size));
        bodies.append(&mut of_type);
    }
    bodies
}

/// A name as text. `key` has the first of its `key_bytes` bytes.
pub(crate) fn name(key: &[u8], key_bytes: u64) -> String {
    let text = Escaped::for_text(key);
    if key_bytes > key.len() as u64 { format!("{text}…({key_bytes} bytes)") } else { text.to_string() }
}

fn bigkey(key_type: KeyType, record: &KeyRecord) -> Option<BigkeysBody> {
    Some(BigkeysBody {
        name: name(&record.key, record.key_bytes),
        key_type,
        shard: record.shard.clone(),
        db: i32::try_from(record.measure.db).ok()?,
        size: i64::try_from(Rank::Natural.of(&record.measure)?).ok()?,
        unit: if key_type == KeyType::String { Unit::Byte } else { Unit::Count },
    })
}
