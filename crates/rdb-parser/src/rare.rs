//! Records that most files do not have, kept away from the loop that all files run.

use std::collections::VecDeque;

use crate::dragonfly::{Blob, BlobContext, BlobLimits, BufferPool, Chunks};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Checksum, Event, Flavour};
use crate::format::{Dialect, FIRST_VALKEY_VERSION_WITH_ENVELOPE, RareRecord, ValueType};
use crate::input::Input;
use crate::parser::{Parser, Record, SLOTS};
use crate::read::ReadExt as _;
use crate::value::{FieldOrder, Templates, skip_module_stream};
use crate::visitor::Visitor;
use crate::warning::Warning;

/// Most classes of metadata of a key (`KEY_META_MAX_CLASSES` of Redis 8.6).
const MAX_METADATA_CLASSES: u64 = 7;

/// Length of the name of a job that imports slots.
const JOB_NAME_BYTES: u64 = 40;

/// What stands before the next record of the input.
pub(crate) enum Detour {
    /// Something to be reported.
    Event(Event<'static>),
    /// Nothing at all, and no record follows.
    End,
    /// The rest of a blob's records.
    Blob,
    /// Nothing more.
    Over,
}

/// State that most files do not need.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    pub(crate) templates: Templates,
    pub(crate) chunks: Chunks,
    /// The compressed blob whose records are being read.
    pub(crate) blob: Option<Box<Blob>>,
    /// What blobs may take.
    pub(crate) blob_limits: BlobLimits,
    /// For the next blob.
    pub(crate) pool: BufferPool,
    /// In the parser of a blob's records: what is around it.
    pub(crate) context: Option<BlobContext>,
    /// The end of the file, read but not yet reported.
    end: Option<Checksum>,
    /// Warnings to be reported, with their offsets.
    notices: VecDeque<(Warning, u64)>,
}

impl Rare {
    /// Whether nothing of it matters for how the records to come are read.
    pub(crate) fn is_irrelevant(&self) -> bool {
        let Self { templates, chunks, blob, blob_limits: _, pool: _, context, end: _, notices: _ } = self;
        templates.is_empty() && chunks.is_irrelevant() && blob.is_none() && context.is_none()
    }

    /// Whether a chunked value is not complete. While a blob is read, its parser has them all.
    pub(crate) fn has_open_chunks(&self) -> bool {
        let in_blob = self.blob.as_ref().is_some_and(|blob| blob.has_open_chunks());
        in_blob || self.chunks.first_open().is_some()
    }

    /// Whether events of records that were read are still to be given.
    pub(crate) fn has_pending_events(&self) -> bool {
        self.end.is_some() || !self.notices.is_empty()
    }

    /// Takes over the warnings of the parser of the blob at `offset`.
    pub(crate) fn take_notices(&mut self, of_blob: &mut Self, offset: u64) {
        self.notices.extend(of_blob.notices.drain(..).map(|(warning, _)| (warning, offset)));
    }
}

impl<I: Input> Parser<I> {
    /// Has `warning` reported before the next record.
    #[cold]
    pub(crate) fn note(&mut self, warning: Warning, offset: u64) {
        self.rare.notices.push_back((warning, offset));
        self.detour = true;
    }

    /// What stands before the next record of the input.
    #[cold]
    pub(crate) fn detour(&mut self) -> Detour {
        if let Some((warning, offset)) = self.rare.notices.pop_front() {
            Detour::Event(Event::Warning { warning, offset })
        } else if self.finished {
            Detour::End
        } else if let Some(checksum) = self.rare.end.take() {
            self.finished = true;
            Detour::Event(Event::End { checksum })
        } else if self.rare.blob.is_some() {
            Detour::Blob
        } else {
            self.detour = false;
            Detour::Over
        }
    }

    /// The next event when there is something else than the next record of the input.
    #[cold]
    pub(crate) fn next_on_detour<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<Event<'_>>> {
        loop {
            match self.detour() {
                Detour::Event(event) => return Ok(Some(event)),
                Detour::End => return Ok(None),
                Detour::Blob => {
                    if let Some(record) = self.next_in_blob(visitor)? {
                        return Ok(Some(self.event_in_blob(record)));
                    }
                }
                Detour::Over => match self.next_record(visitor)? {
                    Record::Detour => {}
                    record => return Ok(Some(self.event(record))),
                },
            }
        }
    }

    /// Reads a record of which the opcode, at `start`, was read.
    #[cold]
    pub(crate) fn read_rare_record(&mut self, rare: RareRecord, byte: u8, start: u64) -> Result<Record> {
        let is_inferred = rare.is_dragonflys() && self.infer_dragonfly(start);
        let record = self.read_rare_body(rare, byte, start)?;
        // The warning precedes the key whose prefix opcode shows that the file is Dragonfly's, so a caller knows the new
        // dialect before the first key that it applies to.
        Ok(if is_inferred && matches!(record, Record::Prefix) { Record::Detour } else { record })
    }

    fn read_rare_body(&mut self, rare: RareRecord, byte: u8, start: u64) -> Result<Record> {
        match rare {
            RareRecord::HashTemplate => self.read_template(start)?,
            RareRecord::KeyMetadata => return self.read_key_metadata(start),
            RareRecord::SlotImport => self.read_slot_import(start)?,
            RareRecord::SlotNumber => {
                self.note(Warning::ProvisionalEnterprise, start);
                self.input.read_length("a slot number")?;
            }
            RareRecord::RamLru => {
                self.prefix.warnings.insert(Warning::ProvisionalEnterprise);
                self.input.read_length("an access time")?;
                return Ok(self.prefix_opcode(start));
            }
            RareRecord::Unskippable(what) => return Err(Error::new(ErrorKind::Unskippable(what), start)),
            dragonflys => return self.read_dragonfly_record(dragonflys, byte, start),
        }
        Ok(Record::Other { opcode: byte })
    }

    /// Learns from a record that only Dragonfly writes who wrote the file, if nothing has told before. Gives whether
    /// that is news.
    fn infer_dragonfly(&mut self, start: u64) -> bool {
        let is_news = self.dialect != Dialect::Dragonfly;
        if is_news {
            self.dialect = Dialect::Dragonfly;
            self.flavour = Flavour::Dragonfly;
            self.note(Warning::InferredDragonfly, start);
        }
        is_news
    }

    fn read_template(&mut self, start: u64) -> Result<()> {
        self.note(Warning::ProvisionalHashTemplate, start);
        let id = self.input.read_length("a template id")?;
        let fields = self.input.read_count(1, "template fields")?;
        let mut order = FieldOrder::default();
        for _ in 0..fields {
            order.see_next(&mut self.input)?;
            self.input.skip_string("a template field")?;
            self.input.checkpoint();
        }
        order.finish().map_err(|kind| Error::new(kind, start))?;
        self.rare.templates.add(id, fields).map_err(|kind| Error::new(kind, start))
    }

    fn read_key_metadata(&mut self, start: u64) -> Result<Record> {
        self.prefix.warnings.insert(Warning::ProvisionalKeyMetadata);
        let classes = self.input.read_length("a number of metadata classes")?;
        if classes > MAX_METADATA_CLASSES {
            return Err(Error::corrupt("key metadata", "too many classes", start));
        }
        for _ in 0..classes {
            self.input.skip(4, "a metadata class")?;
            skip_module_stream(&mut self.input)?;
        }
        let next = self.input.require(1, "key metadata")?.first().copied().unwrap_or_default();
        if ValueType::from_byte(next, self.dialect, self.header.version).is_none() {
            return Err(Error::corrupt("key metadata", "no value type behind it", self.input.position()));
        }
        Ok(self.prefix_opcode(start))
    }

    fn read_slot_import(&mut self, start: u64) -> Result<()> {
        self.note(Warning::ProvisionalSlotImport, start);
        let name = self.input.read_string_header("a slot import")?;
        self.input.skip(name.payload_len, "a slot import")?;
        if name.decoded_len != JOB_NAME_BYTES {
            return Err(Error::corrupt("slot import", "its name has not 40 bytes", start));
        }
        let ranges = self.input.read_count(2, "slot ranges")?;
        for _ in 0..ranges {
            let at = self.input.position();
            let first = self.input.read_length("a slot range")?;
            let last = self.input.read_length("a slot range")?;
            if first > last || last >= SLOTS {
                return Err(Error::corrupt("slot import", "impossible range of slots", at));
            }
        }
        Ok(())
    }

    /// Reads what follows the end of file opcode, which was read at `start`.
    #[cold]
    pub(crate) fn read_end(&mut self, start: u64) -> Result<Record> {
        if self.rare.context.is_some() {
            return Err(Error::corrupt("Dragonfly blob", "the end of the file inside it", start));
        }
        if let Some(at) = self.rare.chunks.first_open() {
            return Err(Error::corrupt("tagged chunks", "a value in pieces is not complete", at));
        }
        if let Some(at) = self.prefix.start {
            self.container_bytes += std::mem::take(&mut self.prefix).bytes;
            self.note(Warning::DanglingPrefix, at);
        }
        let checksum = self.read_checksum()?;
        self.container_bytes += self.input.position() - start;
        if self.detour {
            self.rare.end = Some(checksum);
            return Ok(Record::Detour);
        }
        Ok(Record::End(checksum))
    }

    /// Says more of an error where more is known of its cause.
    #[cold]
    pub(crate) fn explain(&self, error: Error) -> Error {
        let may_be_compressed = self.header.dialect == Dialect::Valkey
            && self.header.version >= FIRST_VALKEY_VERSION_WITH_ENVELOPE;
        match error.kind() {
            ErrorKind::UnknownOpcode(_) | ErrorKind::BadString(_) if may_be_compressed => {
                error.with_kind(ErrorKind::Unsupported(
                    "a record that is not known of Valkey 9.2, perhaps compressed in a way that is not published",
                ))
            }
            _ => error,
        }
    }
}
