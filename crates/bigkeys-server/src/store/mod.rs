//! Stores tasks in a database, and delivers their shards to workers.
//!
//! A task has shards, which are the units of work. The tables of this module are authoritative; the
//! queue in the same database only delivers the ids of shards to workers. The queue may lose or
//! repeat a delivery without harm. [`TaskStore`] is the same for every database; [`database`] is
//! the interface that a database implements.

mod database;
mod deliver;
mod model;
mod options;
pub(crate) mod postgres;
mod rows;
mod seal;
pub(crate) mod sqlite;
mod tasks;

pub(crate) use model::{
    AnalysisKind, Begun, Deleted, Handler, MAX_TASKS_PER_INSTANCE, NewTask, Origin, PrefixSummary,
    ResultSummary, Schedule, ShardEnding, ShardId, ShardTarget, Shutdown, StoreError, Submitted, TaskEnding,
    TaskRow, Work, ended,
};
pub(crate) use options::StoreOptions;
pub(crate) use rows::status_name;
pub(crate) use seal::Seal;
pub(crate) use tasks::{ReportForm, TaskStore};
