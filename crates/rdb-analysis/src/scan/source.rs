//! What is analysed, and who watches.

use std::convert::Infallible;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use rdb_parser::Error;
use serde::{Deserialize, Serialize};

use super::trailing::TrailingKind;

/// The bytes of one RDB file and what is known of it from outside.
#[derive(Debug)]
#[non_exhaustive]
pub struct Source<'a> {
    /// Its path, or another name for reports.
    pub path: String,
    /// The node that wrote it, `ip:port`, if the user says so.
    pub shard: Option<String>,
    /// A time, in milliseconds since 1970, by which keys count as expired if the file does not say
    /// when it was written.
    pub fallback_time_ms: i64,
    /// Its bytes.
    pub data: SourceData<'a>,
    /// How it came here; the default for a plain file.
    pub origin: Origin<'a>,
}

impl<'a> Source<'a> {
    /// A source of bytes in memory or mapped. `path` is its name in reports.
    pub fn from_bytes(path: impl Into<String>, bytes: &'a [u8]) -> Self {
        Self::new(path.into(), SourceData::Bytes(bytes))
    }

    /// A source to be read in order, in bounded memory. `length` is the number of bytes, if it is
    /// known.
    pub fn from_reader(path: impl Into<String>, reader: impl Read + Send + 'a, length: Option<u64>) -> Self {
        let reader = Box::new(reader);
        Self::new(path.into(), SourceData::Reader { reader, length, ready_bytes: None })
    }

    /// A source of `data`, a plain file without a shard.
    pub fn new(path: String, data: SourceData<'a>) -> Self {
        Self { path, shard: None, fallback_time_ms: 0, data, origin: Origin::default() }
    }

    /// Sets [`shard`](Self::shard).
    #[must_use]
    pub fn shard(self, shard: impl Into<Option<String>>) -> Self {
        Self { shard: shard.into(), ..self }
    }

    /// Sets [`fallback_time_ms`](Self::fallback_time_ms).
    #[must_use]
    pub fn fallback_time_ms(self, fallback_time_ms: i64) -> Self {
        Self { fallback_time_ms, ..self }
    }

    /// Sets [`origin`](Self::origin).
    #[must_use]
    pub fn origin(self, origin: Origin<'a>) -> Self {
        Self { origin, ..self }
    }
}

/// A source that is opened just before its scan and closed after it. At most one per thread is
/// open.
pub trait OpenSource: Send {
    /// Why it cannot be opened.
    type Error: Send;

    /// Length in bytes, if it is known before it is opened. The longest sources are scanned first.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Opens it, gives it to `scan`, and closes it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    fn open<T>(self, scan: impl FnOnce(Source<'_>) -> T) -> Result<T, Self::Error>;
}

/// A source that is open already.
impl OpenSource for Source<'_> {
    type Error = Infallible;

    fn length(&self) -> Option<u64> {
        self.data.length()
    }

    fn open<T>(self, scan: impl FnOnce(Source<'_>) -> T) -> Result<T, Infallible> {
        Ok(scan(self))
    }
}

/// Something that the reader of a report should know of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// A sentence.
    pub text: String,
    /// Whether something is wrong or missing.
    pub is_warning: bool,
}

impl Note {
    /// Something that is as it should be.
    pub fn remark(text: String) -> Self {
        Self { text, is_warning: false }
    }

    /// Something that is wrong or missing.
    pub fn warning(text: String) -> Self {
        Self { text, is_warning: true }
    }
}

/// What is known of where RDB data was found.
#[derive(Default)]
pub struct Origin<'a> {
    /// Bytes in front of the RDB data, such as the prefix of a replication stream: part of
    /// [`SourceData::Bytes`], already skipped in a [`SourceData::Reader`]. Offsets count them.
    pub prefix_bytes: u64,
    /// The mark that should follow the RDB data, if its sender announced one.
    pub end_mark: Option<[u8; 40]>,
    /// Length of the RDB data, if its sender announced it.
    pub announced_bytes: Option<u64>,
    /// What else the reader of a report should know. Copied to
    /// [`SourceFacts::notes`](crate::SourceFacts::notes).
    pub notes: Vec<Note>,
    /// Knows whether the bytes can still be believed.
    pub guard: Option<Box<dyn Guard + 'a>>,
}

impl Origin<'_> {
    /// What the sender of RDB data announced and did not keep: `rdb_bytes` came, and what is
    /// behind them looks like `trailing`.
    pub(crate) fn broken_promises(&self, rdb_bytes: u64, trailing: Option<TrailingKind>) -> Vec<Note> {
        let mut broken = Vec::new();
        if let Some(announced) = self.announced_bytes.filter(|&announced| announced != rdb_bytes) {
            broken.push(Note::warning(format!(
                "the sender announced {announced} bytes of RDB data, and {rdb_bytes} came"
            )));
        }
        if self.end_mark.is_some() && trailing != Some(TrailingKind::EndMark) {
            broken.push(Note::warning(
                "the end mark that the sender announced does not follow the RDB data".to_owned(),
            ));
        }
        broken
    }
}

/// Watches over bytes that somebody else may take away, above all those of a mapped file.
pub trait Guard: Send + Sync {
    /// Is set before the first byte is shown that is not the source's. Looked at before each key is
    /// believed.
    fn alarm(&self) -> &AtomicBool;

    /// Looks at the source itself: whether some of its bytes were lost.
    fn loss(&self) -> Option<Loss>;
}

/// Bytes that were lost while they were being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Offset of the first byte that is gone, if known.
    pub offset: Option<u64>,
    /// What happened.
    pub reason: String,
}

impl fmt::Debug for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("prefix_bytes", &self.prefix_bytes)
            .field("announced_bytes", &self.announced_bytes)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

/// Bytes of a [`Source`].
pub enum SourceData<'a> {
    /// In memory or mapped.
    Bytes(&'a [u8]),
    /// To be read in order, in bounded memory.
    Reader {
        /// Gives them.
        reader: Box<dyn Read + Send + 'a>,
        /// How many there are, if that is known.
        length: Option<u64>,
        /// Bytes that can be read now without waiting, if known. They are scanned on all threads.
        /// `None`: any number.
        ready_bytes: Option<Arc<AtomicU64>>,
    },
}

impl SourceData<'_> {
    /// Number of bytes, if that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Reader { length, .. } => *length,
        }
    }
}

impl SourceData<'_> {
    /// How many can be had without waiting, if that is known.
    pub(crate) fn ready_bytes(&self) -> Option<Arc<AtomicU64>> {
        match self {
            Self::Bytes(_) => None,
            Self::Reader { ready_bytes, .. } => ready_bytes.clone(),
        }
    }
}

impl fmt::Debug for SourceData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Bytes(_) => "Bytes",
            Self::Reader { .. } => "Reader",
        };
        f.debug_struct(kind).field("length", &self.length()).finish_non_exhaustive()
    }
}

/// A source that is no RDB file at all.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct SourceError {
    /// Path of the source.
    pub path: String,
    /// What is wrong with its beginning.
    pub error: Error,
}

/// Receives the progress of a scan. Called from several threads, about once per megabyte.
pub trait Progress: Sync {
    /// `bytes` more bytes were read, with `keys` more keys in them.
    fn advance(&self, bytes: u64, keys: u64);

    /// This thread begins a piece of work. For tools that study where a scan spends its time.
    fn begin(&self, piece: Piece) {
        let _ = piece;
    }

    /// This thread has ended the piece of work that it began last.
    fn end(&self, piece: Piece) {
        let _ = piece;
    }
}

/// A piece of the work on one source in memory that is scanned on several threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// A range, which begins at this offset, is read. Any thread may do it.
    Range(u64),
    /// What was read of the range that begins at this offset is merged, and what was not read of it
    /// is read now. One thread does this, in file order.
    Merge(u64),
}

/// Watches nothing.
impl Progress for () {
    fn advance(&self, _: u64, _: u64) {}
}
