//! Sizes, counts, top lists and groups of the keys in RDB files.
//!
//! [`analyze()`] scans [`Source`]s, several at a time, into one [`Report`]; [`for_each_key`] gives every
//! key of one source with its [`Measure`]. Both read a value once, by its length prefixes, and hold
//! only what they report. Neither opens files nor prints: a source is bytes or a reader, and
//! [`json`] writes the documented JSON to any writer.
//!
//! ```
//! use rdb_analysis::{Options, Origin, Source, SourceData, analyze};
//!
//! let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
//! let source = Source { path: "dump.rdb".to_owned(), shard: None, fallback_time_ms: 0, data: SourceData::Bytes(file), origin: Origin::default() };
//! let outcome = analyze(vec![source], &Options::default(), &(), &false.into())?;
//! assert_eq!(outcome.report.totals.keys, 1);
//! assert_eq!(outcome.report.totals.elements, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::inline_always,
    reason = "the loop over keys is compiled as one piece, see docs/performance.md"
)]

mod analyze;
mod check;
mod collect;
mod measure;
mod memory;
mod parallel;
mod report;
mod rows;
mod scan;
mod server;

pub use analyze::{Options, Outcome, analyze, for_each_key, thread_pool};
pub use check::{Checked, Finding, Severity, check};
pub use collect::{ExpiryBucket, Group, Rank};
pub use measure::{DataType, Encoding, KeyView, Measure};
pub use memory::{Expected, ExpectedError, SourceMemory};
pub use report::json;
pub use report::{
    DbGroup, EncodingGroup, ExpiryGroup, KeyRecord, Partial, Report, SourceReport, TypeGroup, WireError,
};
pub use rows::render_keys;
pub use scan::{
    Coverage, Guard, Loss, Note, OpenSource, Origin, Progress, ScanOptions, Source, SourceData, SourceError,
    SourceFacts, TrailingKind, WarningExample, WarningGroup, WarningLog,
};
pub use server::{Allocator, Assumptions, Family, Limits, MemoryModel, ServerVersion};
