//! What changed between two backups.
//!
//! The keys of both sides are written to partitions by a hash of database and name. Two partitions
//! of the same hashes are compared in memory, so memory does not depend on the number of keys.

mod changes;
mod json;
mod pairs;
mod record;
mod reports;
#[cfg(test)]
mod tests;

use std::hash::BuildHasher as _;
use std::io;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use rayon::prelude::*;
use rdb_analysis::{NameRule, SourceFacts, Threads};

use crate::error::ScanError;
use crate::input::OpenInput;
use crate::scan::Scan;
use crate::spool::{Partition, Spool, SpoolError, damaged};
use changes::DiffSums;
use pairs::{KeyPairs, Paired};
use record::KeyState;

pub(crate) use reports::ReportLists;

pub use changes::{ChangedGroup, ChangedKey, Changes, Diff, KeySide};
pub use json::{clamped, report_diff_json};
pub use reports::{GroupChange, ListedChange, ListedKey, PrefixChanges, ReportDiff};

/// Bytes of a partition that are held for a comparison. Each thread holds a partition of each side,
/// and an index that takes up to twice as much as both.
const MAX_HELD_BYTES: u64 = 32 << 20;

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
    /// Larger partitions are split.
    max_held_bytes: u64,
    hasher: RandomState,
    old: Spool,
    new: Spool,
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
            old: Spool::new(&dir),
            new: Spool::new(&dir),
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
    ) -> Result<SourceFacts, SpoolError> {
        let Self { hasher, old, new, .. } = self;
        let spool = if is_new { new } else { old };
        let hash = |db: u64, name: &[u8]| hasher.hash_one((db, name));
        spool.add_keys(scan, input, |key, block| record::append(key, hash, block))
    }

    /// Compares the keys that were added, on this number of threads. The default is one per core.
    /// The result does not depend on it.
    ///
    /// If a side has a key more than once, the last one counts.
    ///
    /// # Errors
    ///
    /// A temporary file cannot be read, or the threads cannot be started.
    pub fn compare(self, threads: Option<usize>) -> Result<Diff, SpoolError> {
        let Self { dir, rule, depth, top, max_held_bytes, old, new, hasher: _ } = self;
        let sums = || DiffSums::new(rule.clone(), depth, top);
        let partitions: Vec<_> = old.into_partitions().into_iter().zip(new.into_partitions()).collect();
        let compared = Threads::start(threads).map_err(ScanError::from)?.run(|| {
            partitions
                .into_par_iter()
                .map(|(old, new)| {
                    let mut sums = sums();
                    compare(old, new, &dir, max_held_bytes, &mut sums)?;
                    Ok(sums)
                })
                .try_reduce(sums, |one, other| Ok(one.merge(other)))
        });
        let compared = compared.map_err(|error| SpoolError::Io { dir, error })?;
        Ok(compared.into_diff())
    }
}

/// Compares the keys of two partitions of the same hashes, which are split if one is larger than
/// `max_held_bytes`.
fn compare(
    old: Partition,
    new: Partition,
    dir: &Path,
    max_held_bytes: u64,
    sums: &mut DiffSums,
) -> io::Result<()> {
    if old.is_larger_than(max_held_bytes) || new.is_larger_than(max_held_bytes) {
        let parts = old.split(dir)?.into_iter().zip(new.split(dir)?);
        return parts.into_iter().try_for_each(|(old, new)| compare(old, new, dir, max_held_bytes, sums));
    }
    for pair in KeyPairs::read(old, new, max_held_bytes)?.iter() {
        let read = |fields| KeyState::read(fields).ok_or_else(damaged);
        match pair {
            Paired::Old(old) => sums.add(Some(&read(old)?), None),
            Paired::New(new) => sums.add(None, Some(&read(new)?)),
            Paired::Same(key) => sums.add_same(&read(key)?),
            Paired::Both { old, new } => sums.add(Some(&read(old)?), Some(&read(new)?)),
        }
    }
    Ok(())
}
