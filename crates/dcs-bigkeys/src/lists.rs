//! Lists of tasks and the automatic schedule.
//!
//! Source: the DCS API reference of Huawei Cloud, operations `ListBigkeyScanTasks`,
//! `ShowBigkeyAutoscanConfig` and `UpdateBigkeyAutoscanConfig` of version 2.

use serde::{Deserialize, Serialize};

use crate::body::{DcsTime, ScanType, Status};

/// A page of an instance's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskList {
    /// Id of the instance.
    pub instance_id: String,
    /// Number of tasks that match the filter, on all pages.
    pub count: i32,
    /// The tasks of this page, newest first.
    pub records: Vec<TaskRecord>,
}

/// A task in a [`TaskList`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskRecord {
    /// Id of the task, a UUID.
    pub id: String,
    /// State of the task.
    pub status: Status,
    /// The trigger of the task.
    pub scan_type: ScanType,
    /// Time of creation.
    pub created_at: DcsTime,
    /// Start of the scan. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// End of the task. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
}

/// The schedule of an instance's analyses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Autoscan {
    /// Id of the instance.
    pub instance_id: String,
    /// Whether the schedule is enabled.
    pub enable_auto_scan: bool,
    /// Times of day in UTC, `HH:MM`.
    pub schedule_at: Vec<String>,
    /// Time of the last change. Not returned before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DcsTime>,
}

/// A new schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct AutoscanRequest {
    /// Whether the schedule is enabled.
    pub enable_auto_scan: bool,
    /// Times of day in UTC, `HH:MM`. At least one if the schedule is enabled.
    pub schedule_at: Vec<String>,
}
