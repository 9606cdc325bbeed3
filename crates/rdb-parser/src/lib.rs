//! Reads RDB files, the snapshots of Redis, Valkey, KeyDB and Dragonfly.
//!
//! A [`Parser`] pulls [`Event`]s out of an [`Input`]: bytes in memory or a mapped file
//! ([`SliceInput`], nothing is copied), or any reader through a bounded [`Window`]. A key comes as an
//! [`Entry`] whose value was *outlined*: passed over by its length prefixes and measured on the way,
//! not decoded. A [`Visitor`] may look at the strings as they go by.
//!
//! ```
//! use rdb_parser::{Event, Parser};
//!
//! let file = b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff";
//! let mut parser = Parser::from_slice(file)?;
//! while let Some(event) = parser.next_event()? {
//!     if let Event::Entry(entry) = event {
//!         println!("{:?}: {:?} elements", entry.value_type, entry.outline.elements);
//!     }
//! }
//! # Ok::<(), rdb_parser::Error>(())
//! ```
//!
//! What it is not: it does not build the dataset (there is no value tree), does not write files,
//! and does not judge sizes; that is the analysis' work.
//!
//! Every byte of a file may be an attacker's. There is no panic, no unbounded allocation and no
//! endless loop, whatever the bytes; an [`Error`] carries its kind and the absolute offset, and
//! [says](Error::is_contained) whether reading can go on behind it.

#![forbid(unsafe_code)]
#![allow(
    clippy::inline_always,
    reason = "the loop over keys is compiled as one piece, see docs/performance.md"
)]
#![warn(clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may panic"))]

mod blob;
mod crc64;
mod dragonfly;
pub mod dump;
mod encoding;
mod error;
pub mod escape;
mod event;
pub mod format;
mod guess;
mod header;
mod input;
pub mod keys;
pub mod limits;
mod lzf;
mod lzf_reader;
pub mod outline;
mod parser;
mod pending;
mod prefix;
mod read;
mod record;
mod state;
pub mod string;
mod value;
pub mod visitor;
mod warning;
mod window;

pub use error::{Error, ErrorKind, Result};
pub use event::{Checksum, Entry, Event, Flavour, Header, KeyMeta};
pub use format::{Dialect, ModuleId, ValueType};
pub use input::{Input, SliceInput};
pub use outline::{Layout, Outline};
pub use parser::{Options, Parser, resume};
pub use string::RdbString;
pub use visitor::{Role, Visitor};
pub use warning::{Warning, Warnings};
pub use window::Window;
