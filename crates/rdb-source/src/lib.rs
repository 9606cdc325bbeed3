//! Opens inputs that hold RDB data: files, pipes, objects in object stores, plain or compressed.
//!
//! # Opening an input
//!
//! [`open()`] takes a path, [`STDIN`] or a URL, and returns the bytes as a [`Mapping`] or as a
//! reader. Both are inputs of `rdb-parser`. [`expand`] lists the files of a directory or a pattern.
//!
//! ```
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use rdb_source::{Data, IoMode, open};
//!
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("dump.rdb");
//! # std::fs::write(&path, b"REDIS0003\xff")?;
//! let opened = open(&path, IoMode::Auto, &Arc::default())?;
//! match opened.data {
//!     Data::Mapped(mapping) => assert_eq!(&mapping[..5], b"REDIS"),
//!     Data::Stream { reader, .. } => drop(reader),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formats
//!
//! Formats are detected by magic bytes, never by file name. Gzip, zstd and LZ4 are decompressed. A
//! [`Wrapper`] describes what surrounds the RDB data, such as the prefix of a replication stream.
//!
//! # Mapping and reading
//!
//! [`IoMode::Auto`] maps regular files and reads everything else in bounded memory. A mapped file
//! that shrinks does not end the process: [`Mapping::alarm`] and [`Mapping::loss`] report lost
//! bytes. `map.rs` has the only `unsafe` code of the workspace, and its reasons.
//!
//! # Stopping
//!
//! Opening, reading pipes, decompressing and downloading end with an error soon after the `stop`
//! flag is set, also where a system call blocks.
//!
//! # Features
//!
//! `remote` opens objects in S3, Google Cloud Storage, Azure and on HTTP servers. Without it, such
//! a URL is [`OpenError::NoRemote`].

mod blocking;
mod decompress;
mod discover;
mod envelope;
mod error;
mod head;
mod map;
mod name;
mod open;
mod prefetch;
#[cfg(feature = "remote")]
mod remote;
mod sniff;
mod stream;
mod wrapper;

pub use blocking::unless_stopped;
pub use decompress::Compression;
pub use discover::{Expansion, Found, Increments, begins_like_rdb, expand};
pub use error::OpenError;
pub use map::{Loss, Mapping};
pub use name::{STDIN, display_name, is_named_like_rdb, is_remote};
pub use open::{Data, IoMode, OpenOptions, Opened, open, open_file, open_with};
pub use wrapper::{EOF_MARK_BYTES, Wrapper};
