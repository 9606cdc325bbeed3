//! Records that only Dragonfly writes.
//!
//! Source: `rdb_extensions.h`, `rdb_save.cc` and `rdb_load.cc` of Dragonfly, mid 2026. No file of a
//! server was available.

use super::next::{BlobStart, Other, Record};
use super::reader::RecordReader;
use crate::dragonfly::ChunkPlace;
use crate::error::{Error, ErrorKind, Result};
use crate::format::RareRecord;
use crate::input::Input;
use crate::prefix::skip_key_flags;
use crate::read::ReadExt as _;
use crate::warning::Warning;

impl<I: Input> RecordReader<I> {
    /// Reads a record whose opcode, at `start`, was read. Returns `None` for an opcode of the next
    /// key's prefix.
    pub(super) fn read_dragonfly(
        &mut self,
        record: RareRecord,
        byte: u8,
        start: u64,
    ) -> Result<Option<Other>> {
        if self.state.infer_dragonfly() {
            self.pending.warn(Warning::InferredDragonfly, start);
        }
        match record {
            RareRecord::FullSyncEnd => self.input.skip(8, "the end of a synchronisation")?,
            RareRecord::Journal => {
                self.input.read_length("a journal")?;
                self.input.skip_string("a journal")?;
            }
            RareRecord::JournalOffset => self.input.skip(8, "a journal offset")?,
            RareRecord::VectorIndex => skip_vector_index(&mut self.input)?,
            RareRecord::DocumentIndex => skip_document_index(&mut self.input)?,
            RareRecord::KeyFlags => {
                self.prefix.warnings.insert(Warning::ProvisionalDragonfly);
                skip_key_flags(&mut self.input)?;
                self.prefix.add_opcode(start, self.input.position());
                // A warning about the dialect comes before the first key that the dialect applies
                // to.
                return Ok((!self.pending.is_empty()).then_some(Other::Pending));
            }
            RareRecord::TaggedChunk => return self.read_chunk(start).map(Some),
            RareRecord::ZstdBlob | RareRecord::Lz4Blob if self.prefix.is_empty() => {
                return Ok(Some(Other::Blob(BlobStart { record, start })));
            }
            RareRecord::ZstdBlob | RareRecord::Lz4Blob => {
                return Err(Error::corrupt("Dragonfly blob", "key opcodes before it", start));
            }
            RareRecord::BlobEnd => return self.end_blob(byte, start).map(Some),
            _ => return Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
        }
        self.count_overhead_since(start);
        Ok(Some(Other::Record(Record::Skipped { opcode: byte })))
    }

    fn read_chunk(&mut self, start: u64) -> Result<Other> {
        if !self.prefix.is_empty() {
            return Err(Error::corrupt("tagged chunk", "key opcodes before it, not in it", start));
        }
        let place = ChunkPlace { start, db: self.state.db, version: self.state.header.version };
        let value = self.chunks.read(&mut self.input, &mut self.scratch, place, &mut self.blob)?;
        Ok(value.map_or(Other::Pending, |value| Other::Record(Record::Chunked(Box::new(value)))))
    }

    /// Ends the blob that is read. The rest of its content is ignored.
    fn end_blob(&mut self, byte: u8, start: u64) -> Result<Other> {
        match &mut self.blob {
            Some(blob) if self.prefix.is_empty() => {
                blob.end();
                Ok(Other::Pending)
            }
            _ => Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
        }
    }
}

/// Skips the graph of a vector index: its key, its entry point, and for each node two ids, a level,
/// and the neighbours at each level from 0 on.
fn skip_vector_index<I: Input>(input: &mut I) -> Result<()> {
    const MIN_NODE_BYTES: u64 = 20;
    input.skip_string("a vector index")?;
    input.read_length("a vector index")?;
    for _ in 0..input.read_count(MIN_NODE_BYTES, "vectors")? {
        input.skip(12, "a vector")?;
        let level = u32::from_le_bytes(input.read_array("a vector's level")?);
        for _ in 0..=level {
            let neighbours = u32::from_le_bytes(input.read_array("a vector's neighbours")?);
            input.skip(4 * u64::from(neighbours), "a vector's neighbours")?;
        }
        input.checkpoint();
    }
    Ok(())
}

/// Skips the documents of an index: the number of a shard, the index's name, and for each document
/// its key and its id.
fn skip_document_index<I: Input>(input: &mut I) -> Result<()> {
    input.read_length("a shard's number")?;
    input.skip_string("an index's name")?;
    for _ in 0..input.read_count(2, "documents")? {
        input.skip_string("a document's key")?;
        input.read_length("a document's id")?;
        input.checkpoint();
    }
    Ok(())
}
