//! Records that only Dragonfly writes.
//!
//! Known from reading its source (`rdb_extensions.h`, `rdb_save.cc`, `rdb_load.cc`, mid 2026); no file of a
//! server was available.

mod blob;
mod chunk;
mod context;
mod frame;
mod limited;

use crate::error::{Error, ErrorKind, Result};
use crate::format::RareRecord;
use crate::input::Input;
use crate::parser::{Parser, Record};
use crate::read::ReadExt as _;
use crate::warning::Warning;

pub(crate) use blob::Blob;
pub(crate) use chunk::Chunks;
pub(crate) use context::BlobContext;
pub(crate) use frame::{BlobLimits, BufferPool, frame_magic};

/// Bit of a key's flags that says that those of memcached follow.
const HAS_MEMCACHED_FLAGS: u32 = 2;

impl<I: Input> Parser<I> {
    /// Reads a record of which the opcode, at `start`, was read.
    pub(crate) fn read_dragonfly_record(
        &mut self,
        record: RareRecord,
        byte: u8,
        start: u64,
    ) -> Result<Record> {
        match record {
            RareRecord::FullSyncEnd => self.input.skip(8, "the end of a synchronisation")?,
            RareRecord::Journal => {
                self.input.read_length("a journal")?;
                self.input.skip_string("a journal")?;
            }
            RareRecord::JournalOffset => self.input.skip(8, "a journal offset")?,
            RareRecord::VectorIndex => self.skip_vector_index()?,
            RareRecord::DocumentIndex => self.skip_document_index()?,
            RareRecord::KeyFlags => {
                self.prefix.warnings.insert(Warning::ProvisionalDragonfly);
                let flags = u32::from_le_bytes(self.input.read_array("a key's flags")?);
                if flags & HAS_MEMCACHED_FLAGS != 0 {
                    self.input.skip(4, "a key's flags")?;
                }
                return Ok(self.prefix_opcode(start));
            }
            RareRecord::TaggedChunk => return self.read_chunk(start),
            RareRecord::ZstdBlob | RareRecord::Lz4Blob => return self.open_blob(record, start),
            // Behind it nothing of the blob counts.
            RareRecord::BlobEnd if self.rare.context.is_some() && self.prefix.start.is_none() => {
                self.finished = true;
                return Ok(Record::Detour);
            }
            // The end of a blob, where none is.
            _ => return Err(Error::new(ErrorKind::UnknownOpcode(byte), start)),
        }
        Ok(Record::Other { opcode: byte })
    }

    /// The graph of a vector index: its key, its entry point, and for each of its nodes two ids, a level,
    /// and for each level from 0 on the neighbours.
    fn skip_vector_index(&mut self) -> Result<()> {
        const MIN_NODE_BYTES: u64 = 20;
        self.input.skip_string("a vector index")?;
        self.input.read_length("a vector index")?;
        for _ in 0..self.input.read_count(MIN_NODE_BYTES, "vectors")? {
            self.input.skip(12, "a vector")?;
            let level = u32::from_le_bytes(self.input.read_array("a vector's level")?);
            for _ in 0..=level {
                let neighbours = u32::from_le_bytes(self.input.read_array("a vector's neighbours")?);
                self.input.skip(4 * u64::from(neighbours), "a vector's neighbours")?;
            }
            self.input.checkpoint();
        }
        Ok(())
    }

    fn skip_document_index(&mut self) -> Result<()> {
        self.input.read_length("a shard's number")?;
        self.input.skip_string("an index's name")?;
        for _ in 0..self.input.read_count(2, "documents")? {
            self.input.skip_string("a document's key")?;
            self.input.read_length("a document's id")?;
            self.input.checkpoint();
        }
        Ok(())
    }
}
