//! The objects of the offline full-key analysis.
//!
//! Source: the DCS API reference of Huawei Cloud, operations `CreateOfflineKeyAnalysisTask`,
//! `ListOfflineKeyAnalysisTasks`, `ShowOfflineKeyAnalysisTask` and `DeleteOfflineKeyAnalysisTask`
//! of version 2.

use std::collections::BTreeMap;

use rdb_analysis::{ByType, DataType, Group, KeyRecord, PrefixGroup, Prefixes, Rank, TopKeys, TypeGroup};
use rdb_parser::escape::Escaped;
use serde::{Deserialize, Serialize};

use crate::body::{DcsTime, Status};
use crate::convert::name;

/// Maximum number of keys of a type in a result.
pub const MAX_OFFLINE_KEYS_PER_TYPE: usize = 100;

/// Maximum number of prefixes of a type in a result.
pub const MAX_OFFLINE_PREFIXES_PER_TYPE: usize = 50;

/// First bytes of a name that a result has. The end of a longer name is its length.
const MAX_NAME_BYTES: usize = 1024;

/// The end of a prefix.
const SEPARATOR: u8 = b':';

/// Request for an analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineRequest {
    /// Id of the node.
    pub node_id: String,
    /// Id of a [backup](crate::BackupRecord). The newest backup if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
}

/// Response to the creation and the deletion of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTaskId {
    /// Id of the task.
    pub task_id: String,
}

/// A page of an instance's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineList {
    /// Id of the instance.
    pub instance_id: String,
    /// Number of tasks that match the filter, on all pages. The big-key analysis calls it `count`.
    pub total: i32,
    /// The tasks of this page, newest first.
    pub records: Vec<OfflineRecord>,
}

/// A task in an [`OfflineList`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineRecord {
    /// Id of the task, a UUID.
    pub id: String,
    /// State of the task.
    pub status: Status,
    /// Time of creation.
    pub created_at: DcsTime,
    /// Start of the scan. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// End of the task. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
}

/// A task and its result. The state of the task is in the list only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTask {
    /// Id of the task, a UUID.
    pub id: String,
    /// Id of the instance.
    pub instance_id: String,
    /// Id of the node.
    pub node_id: String,
    /// Id of the backup, where the request named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
    /// Name of the node's shard group.
    pub group_name: String,
    /// Address of the node. Not returned where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<String>,
    /// Always `old_backup`, because only backups are analysed.
    pub analysis_type: String,
    /// Start of the scan. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// End of the task. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
    /// The result. Not returned until there is one.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub result: Option<OfflineResult>,
}

/// Result of an analysis.
///
/// `bytes` is the memory of a key in the server if it is modelled, and otherwise the bytes of the
/// key in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineResult {
    /// The prefixes with the most bytes, by type.
    pub largest_key_prefixes: Vec<OfflinePrefix>,
    /// The largest keys, by type.
    pub largest_keys: Vec<OfflineKey>,
    /// Bytes of all keys.
    pub total_bytes: i64,
    /// Number of keys.
    pub total_num: i64,
    /// By type.
    pub type_bytes: Vec<OfflineTypeBytes>,
    /// By type.
    pub type_num: Vec<OfflineTypeNum>,
}

impl OfflineResult {
    /// The collectors whose output makes a result: one pass gives it on all threads.
    pub fn collectors() -> (ByType, TopKeys, Prefixes) {
        (
            ByType,
            TopKeys::new(Rank::MemoryBytes, MAX_OFFLINE_KEYS_PER_TYPE),
            Prefixes::new(SEPARATOR, MAX_OFFLINE_PREFIXES_PER_TYPE),
        )
    }

    /// Makes a result of the output of [`collectors`](Self::collectors).
    pub fn new(
        (by_type, top, prefixes): (Vec<TypeGroup>, BTreeMap<DataType, Vec<KeyRecord>>, Vec<PrefixGroup>),
    ) -> Self {
        let total = |number: fn(&Group) -> u64| {
            by_type.iter().fold(0u64, |sum, of_type| sum.saturating_add(number(&of_type.group)))
        };
        Self {
            total_bytes: signed(total(bytes_of)),
            total_num: signed(total(|group| group.keys)),
            type_bytes: by_type.iter().map(OfflineTypeBytes::from).collect(),
            type_num: by_type.iter().map(OfflineTypeNum::from).collect(),
            largest_keys: top.values().flatten().map(OfflineKey::from).collect(),
            largest_key_prefixes: prefixes.iter().map(OfflinePrefix::from).collect(),
        }
    }
}

impl From<&TypeGroup> for OfflineTypeBytes {
    fn from(of_type: &TypeGroup) -> Self {
        Self { key_type: of_type.data_type.to_string(), bytes: signed(bytes_of(&of_type.group)) }
    }
}

impl From<&TypeGroup> for OfflineTypeNum {
    fn from(of_type: &TypeGroup) -> Self {
        Self { key_type: of_type.data_type.to_string(), num: signed(of_type.group.keys) }
    }
}

impl From<&KeyRecord> for OfflineKey {
    fn from(key: &KeyRecord) -> Self {
        let KeyRecord { key: bytes, key_bytes, measure, .. } = key;
        let num_of_elem = match measure.data_type {
            DataType::String => measure.value_bytes,
            _ => measure.elements,
        };
        Self {
            key: name(bytes.get(..MAX_NAME_BYTES).unwrap_or(bytes), *key_bytes),
            key_type: measure.data_type.to_string(),
            bytes: signed(measure.memory_bytes.unwrap_or(measure.rdb_bytes)),
            num_of_elem: signed(num_of_elem.unwrap_or(0)),
        }
    }
}

impl From<&PrefixGroup> for OfflinePrefix {
    fn from(group: &PrefixGroup) -> Self {
        Self {
            key_prefix: Escaped::for_text(&group.prefix).to_string(),
            key_type: group.data_type.to_string(),
            bytes: signed(bytes_of(&group.group)),
            num: signed(group.group.keys),
        }
    }
}

/// Memory where it is modelled, or else bytes in the file.
fn bytes_of(group: &Group) -> u64 {
    group.memory_bytes.unwrap_or(group.rdb_bytes)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Keys with the same prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflinePrefix {
    /// The prefix, up to and including the first colon.
    pub key_prefix: String,
    /// Type of the keys.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Bytes of the keys.
    pub bytes: i64,
    /// Number of keys.
    pub num: i64,
}

/// A large key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineKey {
    /// Name of the key.
    pub key: String,
    /// Type of the key.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Bytes of the key.
    pub bytes: i64,
    /// Number of elements; for a string the length of the value in bytes.
    pub num_of_elem: i64,
}

/// Bytes of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTypeBytes {
    /// The type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Bytes of the keys.
    pub bytes: i64,
}

/// Number of keys of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTypeNum {
    /// The type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Number of keys.
    pub num: i64,
}

#[cfg(test)]
mod tests {
    use rdb_analysis::{ScanOptions, Source, analyze};

    use super::*;

    /// The result for a file of string keys with values of the given lengths.
    fn analyse(keys: &[(&str, usize)]) -> OfflineResult {
        let mut file = b"REDIS0003".to_vec();
        for (key, value) in keys {
            file.extend([0, 0x40, u8::try_from(key.len()).expect("short")]);
            file.extend(key.as_bytes());
            file.push(0x40 | u8::try_from(value >> 8).expect("short"));
            file.push(u8::try_from(value & 255).expect("a byte"));
            file.extend(std::iter::repeat_n(b'x', *value));
        }
        file.push(0xff);
        let sources = vec![Source::from_bytes("test", &file)];
        let collectors = OfflineResult::collectors();
        let outcome = analyze(sources, collectors, &ScanOptions::default(), &(), &false.into());
        OfflineResult::new(outcome.expect("threads").output)
    }

    #[test]
    fn prefixes_and_types_sum_their_keys_and_the_largest_come_first() {
        let result = analyse(&[("a:1", 10), ("b:1", 500), ("a:2", 20), ("plain", 300)]);
        assert_eq!(result.total_num, 4);
        let prefixes: Vec<_> =
            result.largest_key_prefixes.iter().map(|p| (p.key_prefix.as_str(), p.num)).collect();
        assert_eq!(prefixes, [("b:", 1), ("a:", 2)]);
        let keys: Vec<_> = result.largest_keys.iter().map(|k| (k.key.as_str(), k.num_of_elem)).collect();
        assert_eq!(keys, [("b:1", 500), ("plain", 300), ("a:2", 20), ("a:1", 10)]);
        assert_eq!(result.total_bytes, result.largest_keys.iter().map(|key| key.bytes).sum::<i64>());
        assert_eq!(result.type_bytes[0].bytes, result.total_bytes);
        assert_eq!((result.type_num[0].key_type.as_str(), result.type_num[0].num), ("string", 4));
    }

    #[test]
    fn lists_are_limited_and_prefixes_stay_bounded_without_losing_the_largest() {
        let names: Vec<_> = (0..70_000).map(|n| format!("{n}:x")).collect();
        let mut keys: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
        keys.insert(0, ("big:x", 1000));
        let result = analyse(&keys);
        assert_eq!(result.total_num, 70_001);
        assert_eq!(result.largest_keys.len(), MAX_OFFLINE_KEYS_PER_TYPE);
        assert_eq!(result.largest_key_prefixes[0].key_prefix, "big:");
        assert!(result.largest_key_prefixes.len() <= MAX_OFFLINE_PREFIXES_PER_TYPE);
    }
}
