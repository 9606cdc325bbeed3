//! What changed between two backups.
//!
//! The keys of both sides are written to partitions by a hash of database and name. Two partitions
//! of the same hashes are compared in memory, so memory does not depend on the number of keys.

mod changes;
mod record;
mod spool;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher as _;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use rayon::prelude::*;
use rdb_analysis::{KeyView, NameRule, SourceFacts, Threads};

use crate::error::ScanError;
use crate::input::OpenInput;
use crate::scan::Scan;
use changes::DiffSums;
use record::KeyState;
use spool::{Partition, Spool, damaged};

pub use changes::{ChangedGroup, ChangedKey, Changes, Diff, KeySide};

/// Bytes of a partition that are held for a comparison. Each thread holds a partition of each side.
const MAX_HELD_BYTES: u64 = 64 << 20;

/// Levels of partitions: 64 to the fourth power are enough for 1 PiB of different keys. Equal keys
/// stay together at every level.
const MAX_LEVELS: u32 = 4;

/// Bytes of replaced records from which on they are forgotten.
const COMPACTED_BYTES: usize = 4 << 20;

/// Compares two backups key by key.
///
/// ```no_run
/// use bigkeys_scan::{Comparison, Scan};
///
/// let mut comparison = Comparison::new();
/// for (path, is_new) in [("tuesday.rdb", false), ("friday.rdb", true)] {
///     let scan = Scan::open(path)?;
///     for input in scan.list(|_| {})? {
///         comparison.add(&scan, &mut scan.open_input(input)?, is_new)?;
///     }
/// }
/// println!("{} bytes more", comparison.compare(None)?.totals.growth_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Comparison {
    dir: PathBuf,
    rule: NameRule,
    depth: usize,
    top: usize,
    /// Bytes of a partition from which on it is split.
    max_held_bytes: u64,
    hasher: RandomState,
    old: Spool,
    new: Spool,
}

/// Why two backups could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// An input could not be scanned.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A temporary file could not be written or read.
    #[error("cannot hold the keys in temporary files in {}: {error}; TMPDIR names another directory", dir.display())]
    Spool {
        /// The directory.
        dir: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl Default for Comparison {
    fn default() -> Self {
        Self::new()
    }
}

impl Comparison {
    /// Holds nothing yet. Groups are those of names with colons, of up to four segments.
    pub fn new() -> Self {
        let dir = std::env::temp_dir();
        Self {
            rule: NameRule::new(b":"),
            depth: 4,
            top: 20,
            max_held_bytes: MAX_HELD_BYTES,
            hasher: RandomState::default(),
            old: Spool::new(&dir, 0),
            new: Spool::new(&dir, 0),
            dir,
        }
    }

    /// Sets how names form groups, and of how many segments.
    #[must_use]
    pub fn groups(self, rule: NameRule, depth: usize) -> Self {
        Self { rule, depth, ..self }
    }

    /// Sets how many keys are listed. The default is 20.
    #[must_use]
    pub fn top(self, top: usize) -> Self {
        Self { top, ..self }
    }

    /// Reads the keys of an input of the old side, or of the new one. Returns what was learned of
    /// the input besides its keys.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, the threads cannot be started, or a temporary file cannot be
    /// written.
    pub fn add(
        &mut self,
        scan: &Scan<'_>,
        input: &mut OpenInput,
        is_new: bool,
    ) -> Result<SourceFacts, DiffError> {
        let Self { dir, hasher, old, new, .. } = self;
        let spool = if is_new { new } else { old };
        let hash = |db: u64, name: &[u8]| hasher.hash_one((db, name));
        let render = |key: &KeyView<'_>, block: &mut Vec<u8>| record::append(key, hash, block);
        let mut spooled = Ok(());
        let emit = |block: &[u8]| {
            spooled = spool.add_all(block);
            if spooled.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let facts = scan.render_keys_of(input, render, emit)?;
        spooled.map_err(|error| DiffError::Spool { dir: dir.clone(), error })?;
        Ok(facts)
    }

    /// Compares the keys that were added, on this number of threads. The default is one per core.
    /// The result does not depend on it.
    ///
    /// If a side has a key more than once, the last one counts.
    ///
    /// # Errors
    ///
    /// A temporary file cannot be read, or the threads cannot be started.
    pub fn compare(self, threads: Option<usize>) -> Result<Diff, DiffError> {
        let Self { dir, rule, depth, top, max_held_bytes, old, new, hasher: _ } = self;
        let sums = || DiffSums::new(rule.clone(), depth, top);
        let partitions: Vec<_> = old.into_partitions().into_iter().zip(new.into_partitions()).collect();
        let compared = Threads::start(threads).map_err(ScanError::from)?.run(|| {
            partitions
                .into_par_iter()
                .map(|(old, new)| {
                    let mut sums = sums();
                    compare(old, new, &Splitting { dir: &dir, level: 1, max_held_bytes }, &mut sums)?;
                    Ok(sums)
                })
                .try_reduce(sums, |one, other| Ok(one.merge(other)))
        });
        let compared = compared.map_err(|error| DiffError::Spool { dir, error })?;
        Ok(compared.into_diff())
    }
}

/// How partitions that are too large are split.
#[derive(Clone, Copy)]
struct Splitting<'a> {
    dir: &'a Path,
    level: u32,
    max_held_bytes: u64,
}

/// Compares the keys of two partitions of the same hashes.
fn compare(old: Partition, new: Partition, splitting: &Splitting<'_>, sums: &mut DiffSums) -> io::Result<()> {
    let Splitting { dir, level, max_held_bytes } = *splitting;
    if old.bytes().max(new.bytes()) > max_held_bytes && level < MAX_LEVELS {
        let (old, new) = (old.split(dir, level)?, new.split(dir, level)?);
        let next = Splitting { level: level + 1, ..*splitting };
        return old.into_iter().zip(new).try_for_each(|(old, new)| compare(old, new, &next, sums));
    }
    let old = KeyTable::read(old)?;
    let new = KeyTable::read(new)?;
    for (hash, key) in new.keys() {
        sums.add(old.find(hash, &key).as_ref(), Some(&key));
    }
    for (hash, key) in old.keys() {
        if new.find(hash, &key).is_none() {
            sums.add(Some(&key), None);
        }
    }
    Ok(())
}

/// The keys of a partition, each once.
#[derive(Default)]
struct KeyTable {
    /// Fields of records that follow each other.
    records: Vec<u8>,
    /// Bytes of `records` that no place refers to.
    unused_bytes: usize,
    /// Hash, and where the fields are.
    places: HashTable<(u64, usize, usize)>,
}

impl KeyTable {
    fn read(partition: Partition) -> io::Result<Self> {
        let mut table = Self::default();
        partition.for_each(|hash, fields| {
            let key = KeyState::read(fields).ok_or_else(damaged)?;
            let place = (hash, table.records.len(), table.records.len() + fields.len());
            let Self { records, places, unused_bytes } = &mut table;
            let is_same = |&(other, start, end): &(u64, usize, usize)| {
                other == hash
                    && KeyState::read(&records[start..end])
                        .is_some_and(|known| (known.db, known.name) == (key.db, key.name))
            };
            match places.find_mut(hash, is_same) {
                Some(known) => {
                    *unused_bytes += known.2 - known.1;
                    *known = place;
                }
                None => {
                    places.insert_unique(hash, place, |&(hash, ..)| hash);
                }
            }
            table.records.extend_from_slice(fields);
            table.compact();
            Ok(())
        })?;
        Ok(table)
    }

    /// Forgets the records that others replaced, if they take more than half of the bytes. A hostile
    /// file may repeat a key any number of times.
    fn compact(&mut self) {
        if self.unused_bytes <= COMPACTED_BYTES || self.unused_bytes <= self.records.len() / 2 {
            return;
        }
        let mut used = Vec::with_capacity(self.records.len() - self.unused_bytes);
        for (_, start, end) in &mut self.places {
            let record = used.len()..used.len() + (*end - *start);
            used.extend_from_slice(&self.records[*start..*end]);
            (*start, *end) = (record.start, record.end);
        }
        self.records = used;
        self.unused_bytes = 0;
    }

    fn keys(&self) -> impl Iterator<Item = (u64, KeyState<'_>)> {
        self.places
            .iter()
            .filter_map(|&(hash, start, end)| Some((hash, KeyState::read(self.records.get(start..end)?)?)))
    }

    fn find(&self, hash: u64, key: &KeyState<'_>) -> Option<KeyState<'_>> {
        let read = |&(_, start, end): &(u64, usize, usize)| KeyState::read(self.records.get(start..end)?);
        let is_same = |place: &(u64, usize, usize)| {
            place.0 == hash && read(place).is_some_and(|known| (known.db, known.name) == (key.db, key.name))
        };
        self.places.find(hash, is_same).and_then(read)
    }
}
