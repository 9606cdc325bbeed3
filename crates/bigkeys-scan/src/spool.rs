//! Holds records of keys in partitions by hash, in temporary files.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rdb_analysis::{KeyView, SourceFacts};
use rdb_parser::ErrorKind;

use crate::error::ScanError;
use crate::input::OpenInput;
use crate::scan::Scan;

/// Bytes before the fields of a record: its length, and a hash of database and name.
pub(crate) const HEAD_BYTES: usize = 16;

/// Levels of partitions. 64 to the fourth power, of 8 MiB each, are enough for 128 TiB of different
/// keys. Equal keys stay together at every level.
const MAX_LEVELS: u32 = 4;

/// Partitions of one level. A partition that is too large is split again.
const PARTITIONS: usize = 64;

/// Bits of a hash that choose a partition.
const PARTITION_BITS: u32 = PARTITIONS.ilog2();

/// Bytes of a partition that are held before they are written. Small files are never written.
const BUFFER_BYTES: usize = 256 << 10;

/// Why the keys of inputs could not be held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// An input could not be scanned.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A temporary file could not be written or read.
    #[error("cannot hold the keys in temporary files in {}: {error}; TMPDIR names another directory", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// Records in partitions by their hashes.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    level: u32,
    partitions: Vec<Partition>,
}

/// The records of a part of all hashes. Its file has no name, so that it goes away with the process
/// however that ends.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    held: Vec<u8>,
    file: Option<File>,
    written_bytes: u64,
    /// 1 for a partition of the first level.
    level: u32,
}

impl Spool {
    /// An empty spool whose files are in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        Self::within(dir, 0)
    }

    /// An empty spool for the records of a partition of a level.
    fn within(dir: &Path, level: u32) -> Self {
        let partition = |_| Partition { level: level + 1, ..Partition::default() };
        let partitions = (0..PARTITIONS).map(partition).collect();
        Self { dir: dir.to_owned(), level, partitions }
    }

    /// Adds the records that `render` makes of the keys of an input. Returns what was learned of the
    /// input besides its keys.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, the threads cannot be started, or a temporary file cannot be
    /// written.
    pub(crate) fn add_keys(
        &mut self,
        scan: &Scan<'_>,
        input: &mut OpenInput,
        render: impl Fn(&KeyView<'_>, &mut Vec<u8>) -> Result<(), ErrorKind> + Sync,
    ) -> Result<SourceFacts, SpoolError> {
        let mut spooled = Ok(());
        let emit = |block: &[u8]| {
            spooled = self.add_all(block);
            if spooled.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let facts = scan.render_keys_of(input, render, emit)?;
        spooled.map_err(|error| SpoolError::Io { dir: self.dir.clone(), error })?;
        Ok(facts)
    }

    /// Adds records that follow each other.
    pub(crate) fn add_all(&mut self, mut records: &[u8]) -> io::Result<()> {
        while let Some((fields_bytes, hash)) = read_head(records) {
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

    pub(crate) fn into_partitions(self) -> Vec<Partition> {
        self.partitions
    }
}

impl Partition {
    /// Bytes of all records.
    pub(crate) fn bytes(&self) -> u64 {
        self.written_bytes + self.held.len() as u64
    }

    /// All records with their heads, in the order in which they came.
    pub(crate) fn into_records(self) -> io::Result<Vec<u8>> {
        let Self { held, file, written_bytes, .. } = self;
        let Some(mut file) = file else { return Ok(held) };
        let bytes = written_bytes + held.len() as u64;
        let mut records = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        file.rewind()?;
        file.take(written_bytes).read_to_end(&mut records)?;
        records.extend_from_slice(&held);
        if records.len() as u64 == bytes { Ok(records) } else { Err(damaged()) }
    }

    /// Calls `record` with the hash and the fields of each record, in the order in which they came.
    /// Holds one record at a time.
    pub(crate) fn for_each(self, mut record: impl FnMut(u64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(mut file) = self.file {
            file.rewind()?;
            let written = BufReader::with_capacity(BUFFER_BYTES, file).take(self.written_bytes);
            read_all(written.chain(&self.held[..]), &mut record)
        } else {
            read_all(&self.held[..], &mut record)
        }
    }

    /// Whether the partition has more than this number of bytes, and can be split again.
    pub(crate) fn is_larger_than(&self, max_bytes: u64) -> bool {
        self.bytes() > max_bytes && self.level < MAX_LEVELS
    }

    /// The same records in partitions of the next level, with files in `dir`.
    pub(crate) fn split(self, dir: &Path) -> io::Result<Vec<Self>> {
        let mut spool = Spool::within(dir, self.level);
        let mut record = Vec::new();
        self.for_each(|hash, fields| {
            record.clear();
            record.extend(head(fields.len() as u64, hash));
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
        let (fields_bytes, hash) = read_head(&bytes).ok_or_else(damaged)?;
        fields.clear();
        records.by_ref().take(fields_bytes as u64).read_to_end(&mut fields)?;
        if fields.len() != fields_bytes {
            return Err(damaged());
        }
        record(hash, &fields)?;
    }
}

/// Calls `record` with the offset, the hash and the fields of each of the records that follow each
/// other.
pub(crate) fn each_record<'a>(
    records: &'a [u8],
    mut record: impl FnMut(usize, u64, &'a [u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut rest = records;
    while !rest.is_empty() {
        let place = records.len() - rest.len();
        let (fields_bytes, hash) = read_head(rest).ok_or_else(damaged)?;
        let (fields, behind) = rest
            .get(HEAD_BYTES..)
            .and_then(|behind| behind.split_at_checked(fields_bytes))
            .ok_or_else(damaged)?;
        record(place, hash, fields)?;
        rest = behind;
    }
    Ok(())
}

/// The fields of the record at an offset.
pub(crate) fn fields_at(records: &[u8], place: usize) -> Option<&[u8]> {
    let record = records.get(place..)?;
    let (fields_bytes, _) = read_head(record)?;
    record.get(HEAD_BYTES..)?.get(..fields_bytes)
}

/// The hash by which a table has the records of a partition. The highest bits of their hashes are
/// the same, and `hashbrown` tells entries of a place apart by the highest seven.
pub(crate) fn table_hash(hash: u64) -> u64 {
    hash.rotate_right(7)
}

/// The head of a record.
pub(crate) fn head(fields_bytes: u64, hash: u64) -> [u8; HEAD_BYTES] {
    (u128::from(hash) << u64::BITS | u128::from(fields_bytes)).to_le_bytes()
}

/// The length of the fields behind a head, and the hash.
fn read_head(bytes: &[u8]) -> Option<(usize, u64)> {
    let fields_bytes = u64::from_le_bytes(*bytes.first_chunk()?);
    let hash = u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?);
    Some((usize::try_from(fields_bytes).ok()?, hash))
}

/// Something else wrote to a temporary file.
pub(crate) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a temporary file is damaged")
}
