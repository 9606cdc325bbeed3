//! What is learned of a source besides its keys.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use rdb_parser::{Checksum, Error, ErrorKind, Flavour, Header, RdbString};

use super::source::{Guard, Note, Origin};
use super::trailing::TrailingKind;
use super::warnings::WarningLog;
use crate::server::AssumedServer;
use crate::server::MemoryModel;

/// Longest version of a server that is kept, in bytes.
const MAX_VERSION_BYTES: usize = 64;

/// What a pass learned of a source besides its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFacts {
    /// Magic and version.
    pub header: Header,
    /// Kind of server.
    pub flavour: Flavour,
    /// Version of the server, as it states it.
    pub server_version: Option<String>,
    /// When the file was written, in seconds since 1970.
    pub created_at_s: Option<i64>,
    /// Bytes of the server's allocator in use when the file was written.
    pub used_memory_bytes: Option<u64>,
    /// Length of the whole source in bytes; of what was read, if it is not known.
    pub bytes: u64,
    /// Keys passed on.
    pub keys: u64,
    /// Bytes that belong to keys passed on.
    pub key_bytes: u64,
    /// Bytes that belong to none.
    pub overhead_bytes: u64,
    /// Bytes after the end of the RDB data.
    pub trailing_bytes: u64,
    /// What these bytes look like. `None` if there are none.
    pub trailing_kind: Option<TrailingKind>,
    /// What else the reader of a report should know.
    pub notes: Vec<Note>,
    /// Keys announced by the database size hints. Writers may be wrong by a few.
    pub announced_keys: u64,
    /// Function libraries.
    pub functions: u64,
    /// The comparison of the checksum. `None` if the end was not reached.
    pub checksum: Option<Checksum>,
    /// How much of the source was read.
    pub coverage: Coverage,
    /// What was irregular, although it could be read.
    pub warnings: WarningLog,
    /// Whose memory the keys were measured for. `None`: they were not.
    pub memory_model: Option<MemoryModel>,
    /// What decided encodings and memory.
    pub(crate) server: AssumedServer,
}

/// How much of a source was read, and why not all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Whether every key was passed on.
    pub complete: bool,
    /// Absolute offset at which reading ended, if it was not the end.
    pub stopped_at_offset: Option<u64>,
    /// Why reading ended there, or what was wrong with the first key that was left out. A key's
    /// name in it is as [`Escaped::for_text`](rdb_parser::escape::Escaped::for_text) writes it;
    /// terminals need [`Escaped::for_message`](rdb_parser::escape::Escaped::for_message).
    pub reason: Option<String>,
    /// Keys that were left out because they are damaged inside.
    pub damaged_keys: u64,
    /// Whether reading ended because `stop` was set or the caller broke.
    pub interrupted: bool,
}

impl SourceFacts {
    /// Facts of a source of which nothing was counted.
    pub(crate) fn new(header: Header, server: AssumedServer) -> Self {
        Self::of(header, server, Learned::default(), Counts::default())
    }

    /// Facts of a source, from what a pass learned and counted up to here.
    pub(crate) fn of(header: Header, server: AssumedServer, learned: Learned, counts: Counts) -> Self {
        let Learned { flavour, server_version, created_at_s, used_memory_bytes } = learned;
        let Counts { keys, skipped_keys: _, key_bytes, overhead_bytes, announced_keys, functions, warnings } =
            counts;
        Self {
            header,
            flavour,
            server_version,
            created_at_s,
            used_memory_bytes,
            bytes: 0,
            keys,
            key_bytes,
            overhead_bytes,
            trailing_bytes: 0,
            trailing_kind: None,
            notes: Vec::new(),
            announced_keys,
            functions,
            checksum: None,
            coverage: Coverage::default(),
            warnings,
            memory_model: None,
            server,
        }
    }

    /// Adds what `origin` knows better: what was announced, and what was lost on the way.
    pub(crate) fn adjusted_by(mut self, mut origin: Origin<'_>) -> Self {
        self.notes = std::mem::take(&mut origin.notes);
        if let Some(loss) = origin.guard.as_deref().and_then(Guard::loss)
            && !self.coverage.interrupted
            && self.checksum != Some(Checksum::Verified)
        {
            let stopped = self.coverage.stopped_at_offset.unwrap_or(self.bytes);
            let offset = loss.offset.map_or(stopped, |offset| offset.min(stopped));
            self.coverage.complete = false;
            self.coverage.stopped_at_offset = Some(offset);
            self.coverage.reason = Some(format!("{}, at offset {offset} (0x{offset:x})", loss.reason));
        }
        if self.coverage.complete {
            let rdb_bytes = self.bytes.saturating_sub(self.trailing_bytes + origin.prefix_bytes);
            self.notes.extend(origin.broken_promises(rdb_bytes, self.trailing_kind));
        }
        self
    }
}

impl SourceFacts {
    /// What the checksum says, in a word: `verified`, `mismatch`, `absent`, or `skipped`, also
    /// where the end was not reached.
    pub fn checksum_name(&self) -> &'static str {
        match self.checksum {
            Some(Checksum::Verified) => "verified",
            Some(Checksum::Mismatch { .. }) => "mismatch",
            Some(Checksum::Absent) => "absent",
            _ => "skipped",
        }
    }

    /// Whether the source was read to its end and nothing was wrong with it.
    pub fn is_clean(&self) -> bool {
        self.coverage.complete && !matches!(self.checksum, Some(Checksum::Mismatch { .. }))
    }
}

/// What the records read so far tell of the whole source: all that a pass learns from one record
/// and applies to later ones, besides the [state](rdb_parser::resume::ParserState) of its parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) flavour: Flavour,
    /// The first [`MAX_VERSION_BYTES`] of the version that the server states.
    pub(crate) server_version: Option<String>,
    /// Decides which keys count as expired.
    pub(crate) created_at_s: Option<i64>,
    pub(crate) used_memory_bytes: Option<u64>,
}

impl Default for Learned {
    fn default() -> Self {
        Self { flavour: Flavour::Redis, server_version: None, created_at_s: None, used_memory_bytes: None }
    }
}

impl Learned {
    /// Learns from an AUX field. A value that is no number where one is due changes nothing.
    pub(crate) fn learn(&mut self, name: RdbString<'_>, value: RdbString<'_>) {
        let (RdbString::Raw(name), RdbString::Raw(value)) = (name, value) else { return };
        match name {
            b"valkey-ver" => self.server_version = version(value),
            // A Valkey file may state both; its own version is the one that counts.
            b"redis-ver" if self.flavour != Flavour::Valkey || self.server_version.is_none() => {
                self.server_version = version(value);
            }
            b"ctime" => self.created_at_s = number(value).or(self.created_at_s),
            b"used-mem" => self.used_memory_bytes = number(value).or(self.used_memory_bytes),
            _ => {}
        }
    }

    /// The time by which keys count as expired, in milliseconds since 1970: that of the file, or
    /// `fallback_ms`.
    pub(crate) fn time_ms(&self, fallback_ms: i64) -> i64 {
        self.created_at_s.map_or(fallback_ms, |seconds| seconds.saturating_mul(1000))
    }
}

/// The beginning of a version, which is all of any real one.
fn version(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let end = (0..=MAX_VERSION_BYTES.min(text.len())).rev().find(|&end| text.is_char_boundary(end))?;
    Some(text.get(..end)?.to_owned())
}

fn number<T: FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// What a pass counts. Adding up the counts of the parts of a source, in any order, gives those of
/// the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) keys: u64,
    /// Keys that no server loads.
    pub(crate) skipped_keys: u64,
    pub(crate) key_bytes: u64,
    pub(crate) overhead_bytes: u64,
    pub(crate) announced_keys: u64,
    pub(crate) functions: u64,
    pub(crate) warnings: WarningLog,
}

impl Counts {
    /// Keys read, with those that no server loads.
    pub(crate) fn keys_read(&self) -> u64 {
        self.keys + self.skipped_keys
    }

    /// Adds the counts of another part of the source.
    pub(crate) fn add(&mut self, part: Self) {
        let Self { keys, skipped_keys, key_bytes, overhead_bytes, announced_keys, functions, warnings } =
            part;
        self.keys += keys;
        self.skipped_keys += skipped_keys;
        self.key_bytes += key_bytes;
        self.overhead_bytes += overhead_bytes;
        self.announced_keys = self.announced_keys.saturating_add(announced_keys);
        self.functions += functions;
        self.warnings = std::mem::take(&mut self.warnings).merge(warnings);
    }
}

impl Coverage {
    pub(crate) fn note(&mut self, error: &Error, stop: &AtomicBool) {
        if error.is_contained() {
            self.damaged_keys += 1;
            self.reason.get_or_insert(error.to_text());
        } else if stop.load(Ordering::Relaxed) {
            self.stop(error.offset());
        } else {
            self.stopped_at_offset = Some(error.offset());
            self.reason = Some(error.to_text());
        }
    }

    pub(crate) fn note_damaged_key(&mut self, kind: &ErrorKind, offset: u64) {
        self.damaged_keys += 1;
        self.reason
            .get_or_insert(format!("{kind}, in the name of the key at offset {offset} (0x{offset:x})"));
    }

    pub(crate) fn stop(&mut self, offset: u64) {
        self.interrupted = true;
        self.stopped_at_offset = Some(offset);
        self.reason = Some("interrupted".to_owned());
    }
}
