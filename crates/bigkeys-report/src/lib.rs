//! The report of an analysis as one HTML page.
//!
//! [`Page`] writes a page that needs no network, no other file and no font. It has totals, a treemap of
//! groups by name, the biggest keys, histograms, what expires when, shards and slots, broken rules, what
//! grew, and how far the memory model may be off.
//!
//! ```
//! use bigkeys_report::Page;
//! use rdb_analysis::{ReportCollector, ScanOptions, Source, analyze};
//!
//! let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
//! let source = Source::from_bytes("dump.rdb", file);
//! let options = ScanOptions::default();
//! let report = analyze(vec![source], ReportCollector::default(), &options, &(), &false.into())?.output;
//! let mut html = Vec::new();
//! Page::new(&report).write(&mut html)?;
//! assert!(html.starts_with(b"<!doctype html>"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Safety of names
//!
//! Names of keys are any bytes. They are shown as text, with control characters and characters that
//! reorder text escaped, and at most 160 characters long. No script and no style is made of a name. The
//! page's own policy (CSP) admits only the script and the style of this crate, by their hashes.
//!
//! # Size
//!
//! The page lists at most [`MAX_GROUPS`] groups and the keys that the report lists.

#![forbid(unsafe_code)]

mod account;
mod page;
pub mod policy;
mod render;
mod text;
mod treemap;
mod view;
pub mod words;

pub use account::Account;
pub use page::Page;
pub use view::MAX_GROUPS;
