//! The objects of the offline full-key analysis.
//!
//! Source: the DCS API reference of Huawei Cloud, operations `CreateOfflineKeyAnalysisTask`,
//! `ListOfflineKeyAnalysisTasks`, `ShowOfflineKeyAnalysisTask` and `DeleteOfflineKeyAnalysisTask` of
//! version 2.

use serde::{Deserialize, Serialize};

use crate::body::{DcsTime, Status};

/// Most keys of a type in a result.
pub const MAX_OFFLINE_KEYS_PER_TYPE: usize = 100;

/// Most prefixes of a type in a result.
pub const MAX_OFFLINE_PREFIXES_PER_TYPE: usize = 50;

/// What to analyse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineRequest {
    /// Id of the node.
    pub node_id: String,
    /// Id of the backup; the newest if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_id: Option<String>,
}

/// Answer to the creation and the deletion of a task.
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
    /// Number of tasks that match the filter, on whatever page. Not `count`, as the big-key analysis has it.
    pub total: i32,
    /// The tasks of this page, newest first.
    pub records: Vec<OfflineRecord>,
}

/// A task in an [`OfflineList`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineRecord {
    /// Its id, a UUID.
    pub id: String,
    /// Its state.
    pub status: Status,
    /// When it was created.
    pub created_at: DcsTime,
    /// When work on it began. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// When it ended. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
}

/// A task and its result. There is no state in it: clients look into the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTask {
    /// Its id, a UUID.
    pub id: String,
    /// Id of the instance.
    pub instance_id: String,
    /// Id of the node.
    pub node_id: String,
    /// Name of the node's shard group.
    pub group_name: String,
    /// Address of the node. Not returned where none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<String>,
    /// Always `old_backup`: backups are what there is.
    pub analysis_type: String,
    /// When work on it began. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// When it ended. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
    /// The result. Not returned until there is one.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub result: Option<OfflineResult>,
}

/// What an analysis found.
///
/// `bytes` is the memory of a key in the server where it is modelled, and the bytes that it takes in the file where
/// not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineResult {
    /// The prefixes whose keys are largest, of each type.
    pub largest_key_prefixes: Vec<OfflinePrefix>,
    /// The largest keys of each type.
    pub largest_keys: Vec<OfflineKey>,
    /// Of all keys.
    pub total_bytes: i64,
    /// Number of keys.
    pub total_num: i64,
    /// By type.
    pub type_bytes: Vec<OfflineTypeBytes>,
    /// By type.
    pub type_num: Vec<OfflineTypeNum>,
}

/// Keys that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflinePrefix {
    /// How they begin: up to and with the first colon.
    pub key_prefix: String,
    /// Their type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Of all of them.
    pub bytes: i64,
    /// How many there are.
    pub num: i64,
}

/// A large key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineKey {
    /// Its name.
    pub key: String,
    /// Its type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// What it takes.
    pub bytes: i64,
    /// Its elements; of a string the length of its value in bytes.
    pub num_of_elem: i64,
}

/// Bytes of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTypeBytes {
    /// The type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// Of its keys.
    pub bytes: i64,
}

/// Number of keys of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct OfflineTypeNum {
    /// The type.
    #[serde(rename = "type")]
    pub key_type: String,
    /// How many keys.
    pub num: i64,
}
