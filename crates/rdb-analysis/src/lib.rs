//! Sizes, counts, top lists and groups of the keys in RDB files.
//!
//! [`analyze()`] scans [`Source`]s on all threads, in one pass, into the output of a [`Collector`].
//! [`ReportCollector`] makes a [`Report`], which [`json`] writes as the documented JSON:
//!
//! ```
//! use rdb_analysis::{ReportCollector, ScanOptions, Source, analyze};
//!
//! let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
//! let sources = vec![Source::from_bytes("dump.rdb", file)];
//! let options = ScanOptions::default();
//! let outcome = analyze(sources, ReportCollector::default(), &options, &(), &false.into())?;
//! assert_eq!(outcome.output.totals.keys, 1);
//! assert_eq!(outcome.output.totals.elements, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Collectors
//!
//! A collector observes every key and its [`Measure`], and gives a typed result. [`Totals`],
//! [`ByType`], [`ByEncoding`], [`ByDatabase`], [`ByExpiry`], [`Groups`], [`NameGroups`],
//! [`TopKeys`], [`Prefixes`] and [`ReportCollector`] are here. [`Filtered`] gives one of them some
//! of the keys. A tuple of collectors is a collector, so your own runs in the same pass: see
//! [`Collector`].
//!
//! # Other ways to the keys
//!
//! * [`analyze_source`] scans one source, on threads that you [start](Threads).
//! * [`for_each_key`] gives every key of one source in file order, on one thread.
//! * [`render_keys`] makes bytes of every key on all threads and keeps the order of the file.
//! * `arrow::key_batches` makes Arrow record batches of every key, with the feature `arrow`.
//! * [`Partial`] is the analysis of one source that travels as JSON to where it is joined with
//!   others.
//! * [`check()`] looks for everything that is wrong with a file.
//!
//! # Damage
//!
//! A source that does not begin as an RDB file is an error. Any later damage ends the scan of that
//! source or leaves out a key, and [`SourceFacts::coverage`] says which and why.
//!
//! # Non-goals
//!
//! This crate neither opens files nor prints. A source is bytes or a reader.

#![forbid(unsafe_code)]
#![allow(
    clippy::inline_always,
    reason = "the loop over keys is compiled as a whole, see docs/performance.md"
)]

mod analyze;
#[cfg(feature = "arrow")]
pub mod arrow;
mod blocks;
mod check;
mod collect;
mod measure;
mod memory;
mod parallel;
mod report;
mod rows;
mod scan;
mod server;
mod threads;

pub use analyze::{Outcome, analyze, analyze_source, for_each_key};
pub use check::{Checked, Finding, Severity, check};
pub use collect::{
    ByDatabase, ByEncoding, ByExpiry, ByName, ByType, Cluster, ClusterTable, Collector, DbGroup,
    DistributionTable, Distributions, EncodingGroup, EndOfSource, ExpiryBucket, ExpiryGroup, ExpirySecond,
    ExpirySeconds, Filtered, ForecastRow, Group, GroupKind, GroupTables, Groups, HistogramBucket, KeyRecord,
    MAX_GROUP_DEPTH, NameGroup, NameGroups, NameRule, NameTree, Observe, PlaceUse, Portable, PrefixGroup,
    PrefixTable, Prefixes, Quantiles, RaisedLimit, RangeStart, Rank, ShardGroup, SizePercentiles, Skew,
    SlotGroup, SlotOwners, TopKeys, Totals, TypeDistribution, TypeGroup,
};
pub use measure::{
    DataType, ElementName, Encoding, EntryId, KeyView, LargestElement, Measure, SLOTS, slot_of_name,
};
pub use memory::{Expected, ExpectedError, SourceMemory};
pub use parallel::Place;
pub use report::json;
pub use report::{
    KEY_COLUMNS, KEY_NUMBERS, KEY_SCHEMA_VERSION, KEY_SCHEMA_VERSION_FIELD, KeyColumn, KeyRow, Partial,
    Partials, Report, ReportCollector, SourceReport, WireError, append_key_record, groups_json, key_numbers,
};
pub use rows::render_keys;
pub use scan::{
    Coverage, Guard, Loss, Note, OpenSource, Origin, Piece, Progress, ScanOptions, Source, SourceData,
    SourceError, SourceFacts, TrailingKind, WarningExample, WarningGroup, WarningLog,
};
pub use server::{Allocator, Assumptions, Family, Limits, MemoryModel, ServerVersion};
pub use threads::{Threads, ThreadsError};
