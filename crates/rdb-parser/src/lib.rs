//! A streaming, zero-copy parser of RDB files, the snapshots of Redis, Valkey, KeyDB and Dragonfly.
//!
//! # Reading a file
//!
//! A [`Parser`] returns one [`Event`] per record. The event of a key is an [`Entry`]: its name,
//! expiry and type, and an [`Outline`] of its value.
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
//! # Inputs
//!
//! [`Parser::from_slice`] reads bytes in memory or a mapped file, and copies nothing.
//! [`Parser::from_reader`] reads a pipe, a socket or a decompressor through a [`Window`] of 256
//! KiB. Both are an [`Input`], over which the parser is generic, and both give the same events.
//!
//! # Values
//!
//! The parser *outlines* a value: it skips the value by its length prefixes, and measures what they
//! show. It does not decode values. A [`Visitor`] sees the strings inside a value while the parser
//! skips it. The parser is compiled for each visitor, so a visitor that sees nothing costs nothing.
//!
//! # Speed
//!
//! [`Parser::read_keys`] gives keys to a [`KeySink`](keys::KeySink) from inside the parser's loop,
//! which is faster than an event per key. The module [`resume`] has what a scan on several threads
//! needs.
//!
//! # Damage
//!
//! An [`Error`] has a [kind](ErrorKind), the absolute offset, and the key. If it [is
//! contained](Error::is_contained) in one key, the next call of the parser goes on after that key.
//! What is irregular but readable is a [`Warning`].
//!
//! Every byte of a file may be an attacker's. No input makes the parser panic, loop without end, or
//! allocate what a length in the file claims. [`limits`] has every hard limit.
//!
//! # Other formats
//!
//! [`contents`] puts the strings of a value together to elements. [`dump`] reads the payloads of `DUMP` and `RESTORE`. [`escape`] writes key names for terminals
//! and text.
//!
//! # Features
//!
//! `dragonfly`, on by default, reads the compressed blobs of Dragonfly files. Without it, each blob
//! is damaged.
//!
//! # Non-goals
//!
//! This crate builds no tree of values, writes no files, and does not estimate memory.

#![forbid(unsafe_code)]
#![allow(
    clippy::inline_always,
    reason = "the loop over keys is compiled as a whole, see docs/performance.md"
)]
#![warn(clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(test, allow(clippy::indexing_slicing, reason = "a test may panic"))]

mod blob;
pub mod contents;
mod crc64;
mod double_text;
mod dragonfly;
pub mod dump;
mod element_shape;
mod encoding;
mod error;
pub mod escape;
mod event;
mod file_slice;
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
mod running_sum;
mod state;
pub mod string;
mod value;
pub mod visitor;
mod warning;
mod window;

pub use double_text::{DoubleText, double_to_integer};
pub use error::{Error, ErrorKind, Result};
pub use event::{Checksum, Entry, Event, Flavour, Header, KeyMeta};
pub use format::{Dialect, ModuleId, ValueType};
pub use input::{Input, SliceInput};
pub use outline::{Layout, Outline};
pub use parser::{Options, Parser, resume};
pub use string::RdbString;
pub use visitor::{Detail, Role, Visitor};
pub use warning::{Warning, Warnings};
pub use window::Window;
