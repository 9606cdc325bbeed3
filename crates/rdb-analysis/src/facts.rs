//! What is learned of a source besides its keys.

use std::sync::atomic::{AtomicBool, Ordering};

use rdb_parser::{Checksum, Error, ErrorKind, Flavour, Header, RdbString};

use crate::assume::Rules;
use crate::memory::MemoryModel;
use crate::source::{Guard, Origin};
use crate::trailing::TrailingKind;
use crate::warnings::WarningLog;

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
    pub container_bytes: u64,
    /// Bytes after the end of the RDB data.
    pub trailing_bytes: u64,
    /// What these bytes look like. `None` if there are none.
    pub trailing_kind: Option<TrailingKind>,
    /// What else the reader of a report should know, a sentence each.
    pub notes: Vec<String>,
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
    pub(crate) rules: Rules,
}

/// How much of a source was read, and why not all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Whether every key was passed on.
    pub complete: bool,
    /// Absolute offset at which reading ended, if it was not the end.
    pub stopped_at_offset: Option<u64>,
    /// Why reading ended there, or what was wrong with the first key that was left out. A key's name in it is as
    /// [`Escaped::for_text`](rdb_parser::escape::Escaped::for_text) writes it; terminals need
    /// [`Escaped::for_message`](rdb_parser::escape::Escaped::for_message).
    pub reason: Option<String>,
    /// Keys that were left out because they are damaged inside.
    pub damaged_keys: u64,
    /// Whether reading ended because it was told to.
    pub interrupted: bool,
}

impl SourceFacts {
    pub(crate) fn new(header: Header, rules: Rules) -> Self {
        Self {
            header,
            flavour: Flavour::Redis,
            server_version: None,
            created_at_s: None,
            used_memory_bytes: None,
            bytes: 0,
            keys: 0,
            key_bytes: 0,
            container_bytes: 0,
            trailing_bytes: 0,
            trailing_kind: None,
            notes: Vec::new(),
            announced_keys: 0,
            functions: 0,
            checksum: None,
            coverage: Coverage::default(),
            warnings: WarningLog::default(),
            memory_model: None,
            rules,
        }
    }

    /// Adds what `origin` knows better: what was announced, and what was lost on the way.
    pub(crate) fn judged_by(mut self, mut origin: Origin<'_>) -> Self {
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

    /// What is known of the source as a whole, with nothing counted.
    pub(crate) fn without_counts(&self) -> Self {
        Self {
            flavour: self.flavour,
            server_version: self.server_version.clone(),
            created_at_s: self.created_at_s,
            used_memory_bytes: self.used_memory_bytes,
            ..Self::new(self.header, self.rules)
        }
    }

    /// Adds what was counted in another part of the source. What is known of the source as a whole stays.
    pub(crate) fn add_counts(&mut self, part: Self) {
        self.keys += part.keys;
        self.key_bytes += part.key_bytes;
        self.container_bytes += part.container_bytes;
        self.announced_keys = self.announced_keys.saturating_add(part.announced_keys);
        self.functions += part.functions;
        self.warnings = std::mem::take(&mut self.warnings).merge(part.warnings);
    }

    /// Whether `other` knows the same of the source as a whole: what decides how its keys are measured.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.flavour == other.flavour
            && self.server_version == other.server_version
            && self.created_at_s == other.created_at_s
            && self.used_memory_bytes == other.used_memory_bytes
    }

    /// Forgets what is known of the source as a whole, for what `other` knows.
    pub(crate) fn know_as(&mut self, other: &Self) {
        self.flavour = other.flavour;
        self.server_version.clone_from(&other.server_version);
        self.created_at_s = other.created_at_s;
        self.used_memory_bytes = other.used_memory_bytes;
    }

    pub(crate) fn learn(&mut self, name: RdbString<'_>, value: RdbString<'_>) {
        let (RdbString::Raw(name), RdbString::Raw(value)) = (name, value) else { return };
        let text = || std::str::from_utf8(value).ok();
        match name {
            b"valkey-ver" => self.server_version = text().map(str::to_owned),
            // A Valkey file may state both; its own version is the one that counts.
            b"redis-ver" if self.flavour != Flavour::Valkey || self.server_version.is_none() => {
                self.server_version = text().map(str::to_owned);
            }
            b"ctime" => self.created_at_s = text().and_then(|text| text.parse().ok()),
            b"used-mem" => self.used_memory_bytes = text().and_then(|text| text.parse().ok()),
            _ => {}
        }
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
