//! The objects of the list of backups.
//!
//! Source: the DCS API reference of Huawei Cloud, operation `ListBackupRecords` of version 2.

use serde::{Deserialize, Serialize};

use crate::body::DcsTime;

/// A page of an instance's backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct BackupList {
    /// Number of backups, on all pages.
    pub total_num: i32,
    /// The backups of this page, newest first.
    pub backup_record_response: Vec<BackupRecord>,
}

/// A backup. Fields of the contract that a file does not have are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "utoipa", derive(utoipa::ToSchema))]
pub struct BackupRecord {
    /// Id of the backup, as a request for an [offline analysis](crate::OfflineRequest) names it.
    pub backup_id: String,
    /// Name of the file.
    pub backup_name: String,
    /// Id of the instance.
    pub instance_id: String,
    /// Length in bytes.
    pub size: i64,
    /// Always `manual`.
    pub backup_type: String,
    /// Always `rdb`.
    pub backup_format: String,
    /// Always `succeed`.
    pub status: String,
    /// Always `100.00`.
    pub progress: String,
    /// Always `FALSE`: nothing can be restored from here.
    pub is_support_restore: String,
    /// Time of the last modification.
    pub created_at: DcsTime,
    /// Time of the last modification.
    pub updated_at: DcsTime,
}

impl BackupRecord {
    /// The record of a complete file.
    pub fn of_file(id: String, name: String, instance_id: String, bytes: u64, modified_at: DcsTime) -> Self {
        Self {
            backup_id: id,
            backup_name: name,
            instance_id,
            size: i64::try_from(bytes).unwrap_or(i64::MAX),
            backup_type: "manual".to_owned(),
            backup_format: "rdb".to_owned(),
            status: "succeed".to_owned(),
            progress: "100.00".to_owned(),
            is_support_restore: "FALSE".to_owned(),
            created_at: modified_at,
            updated_at: modified_at,
        }
    }
}
