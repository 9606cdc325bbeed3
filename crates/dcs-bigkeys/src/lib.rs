//! Reports on RDB files as the big-key objects of Huawei Cloud DCS.
//!
//! [`Task`] and [`BigkeysBody`] mirror the contract. [`Task::finished`] makes a task from a
//! [`Report`](rdb_analysis::Report). `docs/bigkeys-body.md` describes the contract and how this
//! crate reads what the contract leaves open. The HTTP service is the crate `bigkeys-server`.

#![forbid(unsafe_code)]

mod backups;
mod body;
mod convert;
mod lists;
mod offline;

pub use backups::{BackupList, BackupRecord};
pub use body::{BigkeysBody, DcsTime, DcsTimeError, KeyType, ScanType, Status, Task, Unit};
pub use convert::{MAX_DB, MAX_KEYS_PER_TYPE, TaskInfo, bigkeys};
pub use lists::{Autoscan, AutoscanRequest, TaskList, TaskRecord};
pub use offline::{
    MAX_OFFLINE_KEYS_PER_TYPE, MAX_OFFLINE_PREFIXES_PER_TYPE, OfflineKey, OfflineList, OfflinePrefix,
    OfflineRecord, OfflineRequest, OfflineResult, OfflineTask, OfflineTaskId, OfflineTypeBytes,
    OfflineTypeNum,
};
