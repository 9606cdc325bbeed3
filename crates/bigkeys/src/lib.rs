//! Finds what is big, and what fills the memory, in backups (RDB files) of Redis and Valkey,
//! offline.
//!
//! # A file in five lines
//!
//! [`Scan`] opens any input that the program `bigkeys` opens: files, directories, patterns, URLs of
//! object stores and standard input, plain or compressed.
//!
//! ```
//! use bigkeys::{DataType, Scan};
//!
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/all_listpack_v12.rdb");
//! let report = Scan::open(path)?.top(20).run()?;
//! println!("{} keys in {} bytes", report.totals.keys, report.totals.rdb_bytes);
//! for key in report.top.get(&DataType::Hash).into_iter().flatten() {
//!     println!("{}: {:?} elements", String::from_utf8_lossy(&key.key), key.measure.elements);
//! }
//! # assert!(report.is_clean());
//! # Ok::<(), bigkeys::ScanError>(())
//! ```
//!
//! # Several inputs
//!
//! [`Scan::inputs`] takes any number of inputs, which make one report, and [`Scan::shard`] names
//! the node that wrote a file. A file that is named twice counts once.
//!
//! # Key by key
//!
//! [`Scan::for_each_key`] calls a function for each key, in file order, on one thread.
//!
//! ```
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/all_listpack_v12.rdb");
//! let mut expiring = 0;
//! bigkeys::Scan::open(path)?.for_each_key(|key| {
//!     expiring += u64::from(key.measure.expires_at_ms.is_some());
//! })?;
//! # Ok::<(), bigkeys::ScanError>(())
//! ```
//!
//! # Your own result on all threads
//!
//! [`Scan::collect`] takes a collector, or a tuple of collectors, and runs them in one pass on all
//! threads: those of [`analysis`], or your own [`analysis::Collector`].
//!
//! # Damage
//!
//! An input that cannot be opened, or is not an RDB file, is a [`ScanError`]. Any later damage
//! gives a partial report, and [`analysis::SourceFacts::coverage`] says what is missing and why.
//!
//! # Crates
//!
//! The crates below are modules here: [`parser`] reads records one by one, [`analysis`] measures
//! keys, [`source`] opens inputs, and [`dcs`] has the objects of Huawei Cloud DCS. A library that
//! needs [`Scan`] without the dependencies of the command line depends on `bigkeys-scan`.
//!
//! # Features
//!
//! `arrow` adds `Scan::key_batches`, which makes Arrow record batches of keys.
//!
//! The others are on by default. `remote` opens inputs in object stores. `explore` adds the command
//! `explore` to the program, `server` the commands `serve` and `worker`, and both add nothing to this
//! library.

#![forbid(unsafe_code)]

pub use bigkeys_scan::*;
pub use dcs_bigkeys as dcs;
pub use rdb_analysis as analysis;
pub use rdb_parser as parser;
pub use rdb_source as source;
