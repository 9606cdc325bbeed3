//! Opens any backup of Redis or Valkey and analyses it.
//!
//! [`Scan`] takes files, directories, patterns, URLs of object stores and standard input, plain or
//! compressed, and gives a [`Report`] or every key:
//!
//! ```
//! use bigkeys_scan::Scan;
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("dump.rdb");
//! # std::fs::write(&path, b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff")?;
//! let report = Scan::open(path)?.top(20).run()?;
//! assert_eq!(report.totals.keys, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A regular file is mapped and watched, so that a file that shrinks during the scan ends in a
//! partial report and not in a signal. Everything else is read in bounded memory. Each input is
//! opened just before its scan and closed after it.
//!
//! [`Scan::run`] and [`Scan::for_each_key`] fail when an input cannot be used. A program that
//! reports each failure and continues lists the inputs with [`Scan::list`], and gives them to
//! [`Scan::run_inputs`], or opens them one by one with [`Scan::open_input`].
//!
//! The crates `bigkeys` and `bigkeys-server` use this crate. It is separate because `bigkeys`
//! depends on `bigkeys-server` for `bigkeys serve`, and packages cannot depend on each other.

#![forbid(unsafe_code)]

mod diff;
mod engine;
mod error;
mod filter;
mod input;
mod list;
mod monitor;
mod record;
mod redact;
mod rules;
mod saved;
mod scan;
mod shared_keys;
mod slot_map;
mod spool;

/// Keys as Arrow record batches; see [`Scan::key_batches`].
#[cfg(feature = "arrow")]
pub use rdb_analysis::arrow;

pub use diff::{
    ChangedGroup, ChangedKey, Changes, Comparison, Diff, GroupChange, KeySide, ListedChange, ListedKey,
    PrefixChanges, ReportDiff, clamped, report_diff_json,
};
pub use error::{InputError, ScanError};
pub use filter::{Filter, FilterError, NumberList, TtlCondition, parse_size};
pub use input::{Input, OpenInput};
pub use list::ListingProblem;
pub use monitor::Monitor;
pub use rdb_analysis::{
    Allocator, Assumptions, Checked, Collector, DataType, ExpirySecond, Finding, Group, KeyRecord, KeyView,
    Measure, NameGroup, NameGroups, NameRule, NameTree, Outcome, Partial, Progress, Rank, Report,
    ServerVersion, SourceError, SourceFacts, ThreadsError, WireError,
};
pub use rdb_parser::ErrorKind;
pub use rdb_source::{Increments, IoMode, OpenError, STDIN};
pub use record::{Record, RecordError};
pub use redact::Redactor;
pub use rules::{
    Baseline, BaselineError, Excess, Limit, MaxSums, Preset, Rule, RuleResult, Rules, RulesError, Severity,
};
pub use saved::{SavedError, SavedReport};
pub use scan::{Scan, ScanOutcome, ScannedInput};
pub use shared_keys::{KeyCopy, SharedKey, SharedKeyTable, SharedKeys};
pub use slot_map::{SlotMapError, parse_slot_map};
pub use spool::SpoolError;
