//! The reader of records, and what it keeps from one record to the next.

use super::meta::MetaStrings;
use super::next::{Found, OpenKey, Record};
use crate::dragonfly::{BlobContext, Chunks, CompleteValue};
use crate::error::Error;
use crate::event::{Entry, Event, KeyMeta};
use crate::input::Input;
use crate::pending::Pending;
use crate::prefix::Prefix;
use crate::state::ParserState;
use crate::value::{Pace, Templates};

/// Reads the records of a file, or of the content of a compressed blob.
#[derive(Debug)]
pub(crate) struct RecordReader<I> {
    pub(super) input: I,
    pub(super) state: ParserState,
    /// Opcodes read of the next key.
    pub(super) prefix: Prefix,
    /// Bytes of the records that belong to no key.
    pub(super) overhead_bytes: u64,
    /// Where compressed values are expanded.
    pub(super) scratch: Vec<u8>,
    /// The strings of the last record that has some and is not a key.
    pub(super) meta: MetaStrings,
    pub(super) templates: Templates,
    pub(super) chunks: Chunks,
    /// The chunked value that was completed last.
    complete: Option<Box<CompleteValue>>,
    pub(super) pending: Pending,
    /// The key whose value was left.
    pub(super) open: Option<Box<OpenKey>>,
    /// Where values are left before their end.
    pub(super) pace: Pace,
    /// The blob whose content is read. `None`: the input is a file.
    pub(super) blob: Option<BlobContext>,
}

impl<I: Input> RecordReader<I> {
    /// A reader of the records at the cursor of `input`.
    pub(crate) fn new(input: I, state: ParserState) -> Self {
        Self {
            input,
            state,
            prefix: Prefix::default(),
            overhead_bytes: 0,
            scratch: Vec::new(),
            meta: MetaStrings::default(),
            templates: Templates::default(),
            chunks: Chunks::default(),
            complete: None,
            pending: Pending::default(),
            open: None,
            pace: Pace::WHOLE,
            blob: None,
        }
    }

    /// A reader of the content of a blob, which goes on with the chunked values of the file.
    pub(crate) fn of_blob(input: I, state: ParserState, blob: BlobContext, chunks: Chunks) -> Self {
        Self { blob: Some(blob), chunks, ..Self::new(input, state) }
    }

    #[inline(always)]
    pub(crate) fn input(&self) -> &I {
        &self.input
    }

    pub(crate) fn input_mut(&mut self) -> &mut I {
        &mut self.input
    }

    pub(crate) fn into_input(self) -> I {
        self.input
    }

    pub(crate) fn state(&self) -> &ParserState {
        &self.state
    }

    /// Sets where values are left before their end.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// Sets the database and slot of the next key.
    pub(crate) fn set_place(&mut self, db: u64, slot: Option<u16>) {
        self.state.db = db;
        self.state.slot = slot;
    }

    pub(crate) fn overhead_bytes(&self) -> u64 {
        self.overhead_bytes
    }

    pub(crate) fn add_overhead_bytes(&mut self, bytes: u64) {
        self.overhead_bytes += bytes;
    }

    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }

    pub(crate) fn pending_mut(&mut self) -> &mut Pending {
        &mut self.pending
    }

    /// The blob whose content is read.
    pub(crate) fn blob_mut(&mut self) -> Option<&mut BlobContext> {
        self.blob.as_mut()
    }

    /// Whether another reader with the same [state](Self::state) reads the next records in the same
    /// way, and no event is pending.
    pub(crate) fn is_between_keys(&self) -> bool {
        self.prefix.is_empty()
            && self.pending.is_empty()
            && self.open.is_none()
            && self.is_described_by_state()
    }

    /// Whether the [state](Self::state) has all that decides how later records are read.
    pub(crate) fn is_described_by_state(&self) -> bool {
        // Every field, so that a new one is either in the state or checked here.
        let Self {
            input: _,
            state: _,
            // Belongs to the next key only.
            prefix: _,
            overhead_bytes: _,
            scratch: _,
            meta: _,
            templates,
            chunks,
            complete: _,
            pending: _,
            // Nor does a later record depend on how much of a value was read.
            open: _,
            pace: _,
            blob,
        } = self;
        templates.is_empty() && chunks.is_irrelevant() && blob.is_none()
    }

    /// Whether a chunked value was begun and is not complete.
    pub(crate) fn has_open_chunks(&self) -> bool {
        self.chunks.first_open().is_some()
    }

    pub(crate) fn take_chunks(&mut self) -> Chunks {
        std::mem::take(&mut self.chunks)
    }

    pub(crate) fn put_chunks(&mut self, chunks: Chunks) {
        self.chunks = chunks;
    }

    /// Drops the chunked values that are not complete, and counts their bytes as overhead.
    #[cold]
    pub(crate) fn drop_chunked_values(&mut self) {
        self.chunks.break_off();
        self.overhead_bytes += self.chunks.take_dropped_bytes();
    }

    /// Adds what the file says to an error.
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.state.explain(error)
    }

    /// The event of a record that was just read.
    #[inline]
    pub(crate) fn event(&mut self, record: Record) -> Event<'_> {
        match record {
            Record::Chunked(value) => Event::Entry(self.complete.insert(value).entry()),
            Record::Aux => Event::Aux { name: self.meta.first(), value: self.meta.second() },
            Record::SelectDb => Event::SelectDb { db: self.state.db },
            Record::ResizeDb { keys, expires } => Event::ResizeDb { keys, expires },
            Record::SlotInfo { slot, keys, expires } => Event::SlotInfo { slot, keys, expires },
            Record::Function => Event::Function { source: self.meta.first() },
            Record::ModuleAux(module) => Event::ModuleAux { module },
            Record::Skipped { opcode } => Event::Other { opcode },
        }
    }

    /// The entry of a key that was just read.
    #[inline(always)]
    pub(crate) fn entry(&self, found: Found) -> Entry<'_> {
        let Found { key, value_type, start, prefix, outline, warnings } = found;
        let end = self.input.position();
        Entry {
            db: self.state.db,
            key: key.view(&self.input),
            value_type,
            meta: KeyMeta { slot: self.state.slot, ..prefix.meta },
            span: prefix.start.unwrap_or(start)..end,
            rdb_bytes: prefix.bytes + (end - start),
            outline,
            warnings: prefix.warnings.union(warnings),
        }
    }

    /// As [`entry`](Self::entry), of a key in a blob: with the span of the blob and a share of its
    /// bytes.
    #[inline(always)]
    pub(crate) fn entry_in_blob(&mut self, found: Found) -> Entry<'_> {
        let bytes = self.entry(found).rdb_bytes;
        match &mut self.blob {
            Some(blob) => {
                let (rdb_bytes, span) = (blob.share(bytes), blob.span());
                Entry { span, rdb_bytes, ..self.entry(found) }
            }
            None => self.entry(found),
        }
    }
}
