//! Adapter to Huawei Cloud DCS: the result of an analysis as that cloud's *BigkeysBody* JSON.
//!
//! [`Task`] and [`BigkeysBody`] mirror the contract; [`Task::finished`] makes one from a
//! [`Report`](rdb_analysis::Report). `docs/bigkeys-body.md` has the contract and our reading of what it
//! leaves open.

#![forbid(unsafe_code)]

mod body;
mod convert;

pub use body::{BigkeysBody, DcsTime, KeyType, ScanType, Status, Task, Unit};
pub use convert::{MAX_KEYS_PER_TYPE, TaskInfo, bigkeys};
