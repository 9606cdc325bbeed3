//! Adapter to Huawei Cloud DCS: the result of an analysis as that cloud's `BigkeysBody` JSON, and, behind the
//! feature `server`, its HTTP API over backup files.
//!
//! [`Task`] and [`BigkeysBody`] mirror the contract; [`Task::finished`] makes one from a
//! [`Report`](rdb_analysis::Report). `docs/bigkeys-body.md` has the contract and our reading of what it
//! leaves open, `docs/service.md` the service.

#![forbid(unsafe_code)]

mod body;
mod convert;
mod lists;
mod offline;
#[cfg(feature = "server")]
pub mod server;

pub use body::{BigkeysBody, DcsTime, KeyType, ScanType, Status, Task, Unit};
pub use convert::{MAX_DB, MAX_KEYS_PER_TYPE, TaskInfo, bigkeys};
pub use lists::{Autoscan, AutoscanRequest, TaskList, TaskRecord};
pub use offline::{
    MAX_OFFLINE_KEYS_PER_TYPE, MAX_OFFLINE_PREFIXES_PER_TYPE, OfflineKey, OfflineList, OfflinePrefix,
    OfflineRecord, OfflineRequest, OfflineResult, OfflineTask, OfflineTaskId, OfflineTypeBytes,
    OfflineTypeNum,
};
