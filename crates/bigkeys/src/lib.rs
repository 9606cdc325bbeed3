//! Finds what is big in backups (RDB files) of Redis and Valkey, offline.
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
//! for key in &report.top[&DataType::Hash] {
//!     println!("{}: {:?} elements", String::from_utf8_lossy(&key.key), key.measure.elements);
//! }
//! # assert!(report.is_clean());
//! # Ok::<(), bigkeys::ScanError>(())
//! ```
//!
//! [`Scan::for_each_key`] visits every key, [`Scan::inputs`] takes several inputs, and
//! [`Scan::shard`] names the node that wrote a file. `examples/` has complete programs.
//!
//! The crates below are modules here: [`parser`] reads RDB data event by event, [`analysis`]
//! measures keys, [`source`] opens inputs, and [`dcs`] has the objects of Huawei Cloud DCS. A
//! library that needs [`Scan`] without the command line's dependencies depends on the crate
//! `bigkeys-scan`.

#![forbid(unsafe_code)]

pub use bigkeys_scan::*;
pub use dcs_bigkeys as dcs;
pub use rdb_analysis as analysis;
pub use rdb_parser as parser;
pub use rdb_source as source;
