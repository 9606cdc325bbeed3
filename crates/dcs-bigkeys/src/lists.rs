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
    /// Number of tasks that match the filter, on whatever page.
    pub count: i32,
    /// The tasks of this page, newest first.
    pub records: Vec<TaskRecord>,
}

/// A task in a [`TaskList`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskRecord {
    /// Its id, a UUID.
    pub id: String,
    /// Its state.
    pub status: Status,
    /// What started it.
    pub scan_type: ScanType,
    /// When it was created.
    pub created_at: DcsTime,
    /// When work on it began. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<DcsTime>,
    /// When it ended. Not returned before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<DcsTime>,
}

/// The schedule by which an instance is analysed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Autoscan {
    /// Id of the instance.
    pub instance_id: String,
    /// Whether the schedule is followed.
    pub enable_auto_scan: bool,
    /// Times of day in UTC, `HH:MM`.
    pub schedule_at: Vec<String>,
    /// When the schedule was last set. Not returned before it first was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DcsTime>,
}

/// A new schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct AutoscanRequest {
    /// Whether the schedule is to be followed.
    pub enable_auto_scan: bool,
    /// Times of day in UTC, `HH:MM`. At least one if the schedule is to be followed.
    pub schedule_at: Vec<String>,
}
