//! The keys of one side, in partitions by their hashes, in temporary files.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::record::{HEAD_BYTES, head, head_of};

/// Partitions of one level. A partition that is still too large has partitions of its own.
pub(super) const PARTITIONS: usize = 64;

/// Bits of a hash that choose a partition.
const PARTITION_BITS: u32 = PARTITIONS.ilog2();

/// Bytes of a partition that are held before they are written. Small files are never written.
const BUFFER_BYTES: usize = 256 << 10;

/// Records in partitions by their hashes.
#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    level: u32,
    partitions: Vec<Partition>,
}

/// The records of a part of all hashes. Its file has no name, so that it goes away with the process
/// however that ends.
#[derive(Debug, Default)]
pub(super) struct Partition {
    held: Vec<u8>,
    file: Option<File>,
    written_bytes: u64,
}

impl Spool {
    /// An empty spool whose files are in `dir`. `level` is the number of partitions around it.
    pub(super) fn new(dir: &Path, level: u32) -> Self {
        let partitions = (0..PARTITIONS).map(|_| Partition::default()).collect();
        Self { dir: dir.to_owned(), level, partitions }
    }

    /// Adds records that follow each other.
    pub(super) fn add_all(&mut self, mut records: &[u8]) -> io::Result<()> {
        while let Some((fields_bytes, hash)) = head(records) {
            let (record, rest) = records.split_at_checked(HEAD_BYTES + fields_bytes).ok_or_else(damaged)?;
            self.add(hash, record)?;
            records = rest;
        }
        Ok(())
    }

    fn add(&mut self, hash: u64, record: &[u8]) -> io::Result<()> {
        let Self { dir, level, partitions } = self;
        let bits = hash >> (u64::BITS - PARTITION_BITS * (*level + 1));
        let partition = &mut partitions[usize::from(bits.to_le_bytes()[0]) % PARTITIONS];
        partition.held.extend_from_slice(record);
        if partition.held.len() < BUFFER_BYTES {
            return Ok(());
        }
        let file = match &mut partition.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(dir)?),
        };
        file.write_all(&partition.held)?;
        partition.written_bytes += partition.held.len() as u64;
        partition.held.clear();
        Ok(())
    }

    pub(super) fn into_partitions(self) -> Vec<Partition> {
        self.partitions
    }
}

impl Partition {
    /// Bytes of all records.
    pub(super) fn bytes(&self) -> u64 {
        self.written_bytes + self.held.len() as u64
    }

    /// Calls `record` with the hash and the fields of each record, in the order in which they came.
    pub(super) fn for_each(self, mut record: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(mut file) = self.file {
            file.rewind()?;
            let written = BufReader::with_capacity(BUFFER_BYTES, file).take(self.written_bytes);
            read_all(written.chain(&self.held[..]), &mut record)
        } else {
            read_all(&self.held[..], &mut record)
        }
    }

    /// The same records in partitions of the next level.
    pub(super) fn split(self, dir: &Path, level: u32) -> io::Result<Vec<Self>> {
        let mut spool = Spool::new(dir, level);
        let mut record = Vec::new();
        self.for_each(|hash, fields| {
            record.clear();
            record.extend(head_of(fields.len() as u64, hash));
            record.extend_from_slice(fields);
            spool.add(hash, &record)
        })?;
        Ok(spool.into_partitions())
    }
}

fn read_all(mut records: impl Read, record: &mut impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut fields = Vec::new();
    loop {
        let mut bytes = [0; HEAD_BYTES];
        if records.read(&mut bytes[..1])? == 0 {
            return Ok(());
        }
        records.read_exact(&mut bytes[1..])?;
        let (fields_bytes, hash) = head(&bytes).ok_or_else(damaged)?;
        fields.clear();
        records.by_ref().take(fields_bytes as u64).read_to_end(&mut fields)?;
        if fields.len() != fields_bytes {
            return Err(damaged());
        }
        record(hash, &fields)?;
    }
}

/// Something else wrote to a temporary file.
pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file of the comparison is damaged")
}
