//! Keys that the files of more than one shard have.
//!
//! The keys of all shards are written to partitions by a hash of database and name, as for a
//! comparison, so memory does not depend on their number.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashSet};
use std::hash::BuildHasher as _;
use std::io;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use rayon::prelude::*;
use rdb_analysis::{SourceFacts, Threads, slot_of_name};

use crate::error::ScanError;
use crate::input::OpenInput;
use crate::scan::Scan;
use crate::spool::{Partition, Spool, SpoolError, damaged, head, table_hash};

/// Bytes of the largest partition that a thread holds. The table of its keys takes up to five times
/// as much.
const MAX_HELD_BYTES: u64 = 8 << 20;

/// Bytes of a name that are kept in the list of keys.
const MAX_KEPT_KEY_BYTES: usize = 64 << 10;

/// Bytes of the numbers of a record: the shard, the database and the bytes of the key.
const NUMBERS_BYTES: usize = 4 + 8 + 8;

/// Finds the keys that more than one shard has.
///
/// A key of a cluster should be in one shard. It is in several after a migration that was
/// interrupted, or if the inputs have files of replicas or of other clusters. A [`Cluster`] finds the
/// slots to search.
///
/// [`Cluster`]: rdb_analysis::Cluster
///
/// ```no_run
/// use bigkeys_scan::{Scan, SharedKeys};
/// use rdb_analysis::Cluster;
///
/// let scan = Scan::inputs(["a.rdb", "b.rdb"]);
/// let cluster = scan.collect(Cluster::new(10))?.output;
/// let mut shared = SharedKeys::in_slots(cluster.shared_slots);
/// for input in scan.list(|_| {})? {
///     shared.add(&scan, &mut scan.open_input(input)?)?;
/// }
/// println!("{} keys are in several shards", shared.find(None)?.keys);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedKeys {
    slots: HashSet<u16>,
    top: usize,
    dir: PathBuf,
    /// Larger partitions are split.
    max_held_bytes: u64,
    hasher: RandomState,
    spool: Spool,
    /// The names of shards, in the order of their inputs. Records have indices of this list.
    shards: Vec<String>,
}

/// Keys that several shards have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedKeyTable {
    /// Number of these keys.
    pub keys: u64,
    /// Bytes of all their copies.
    pub bytes: u64,
    /// The keys whose copies have the most bytes.
    pub largest: Vec<SharedKey>,
}

/// A key that several shards have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedKey {
    /// First 64 KiB of its name.
    pub key: Vec<u8>,
    /// Length of its whole name in bytes.
    pub key_bytes: u64,
    /// Number of its logical database.
    pub db: u64,
    /// One for each shard that has it, in the order of the inputs.
    pub copies: Vec<KeyCopy>,
}

/// A key in one of several shards.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct KeyCopy {
    /// The node, or else the name of the input.
    pub shard: String,
    /// Bytes in memory where that is modelled, or else in the file.
    pub bytes: u64,
}

impl SharedKey {
    /// Bytes of all copies.
    pub fn bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.bytes).fold(0, u64::saturating_add)
    }
}

impl SharedKeys {
    /// Searches these hash slots.
    pub fn in_slots(slots: impl IntoIterator<Item = u16>) -> Self {
        let dir = std::env::temp_dir();
        Self {
            slots: slots.into_iter().collect(),
            top: 20,
            max_held_bytes: MAX_HELD_BYTES,
            hasher: RandomState::default(),
            spool: Spool::new(&dir),
            shards: Vec::new(),
            dir,
        }
    }

    /// Sets how many keys are listed. The default is 20.
    #[must_use]
    pub fn top(self, top: usize) -> Self {
        Self { top, ..self }
    }

    /// Whether there is a slot to search.
    pub fn has_slots(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Reads the keys of an input. Returns what was learned of the input besides its keys.
    ///
    /// Its shard is the node that wrote it, or else its name. A shard may have several inputs.
    ///
    /// # Errors
    ///
    /// The input is not an RDB file, the threads cannot be started, or a temporary file cannot be
    /// written.
    pub fn add(&mut self, scan: &Scan<'_>, input: &mut OpenInput) -> Result<SourceFacts, SpoolError> {
        let shard = self.shard_index(input.shard().unwrap_or(input.name()));
        let Self { slots, hasher, spool, .. } = self;
        spool.add_keys(scan, input, |key, block| {
            let mut scratch = Vec::new();
            let name = key.key.decode(&mut scratch)?;
            if slots.contains(&slot_of_name(name)) {
                let (db, bytes) = (key.measure.db, key.measure.memory_bytes.unwrap_or(key.measure.rdb_bytes));
                block.extend(head((NUMBERS_BYTES + name.len()) as u64, hasher.hash_one((db, name))));
                block.extend(shard.to_le_bytes());
                block.extend(db.to_le_bytes());
                block.extend(bytes.to_le_bytes());
                block.extend_from_slice(name);
            }
            Ok(())
        })
    }

    fn shard_index(&mut self, name: &str) -> u32 {
        let known = self.shards.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.shards.push(name.to_owned());
            self.shards.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// Finds the keys that several shards have, on this number of threads. The default is one per
    /// core. The result does not depend on it.
    ///
    /// If a shard has a key more than once, the last one counts.
    ///
    /// # Errors
    ///
    /// A temporary file cannot be read, or the threads cannot be started.
    pub fn find(self, threads: Option<usize>) -> Result<SharedKeyTable, SpoolError> {
        let Self { top, dir, max_held_bytes, spool, shards, .. } = self;
        let found = Threads::start(threads).map_err(ScanError::from)?.run(|| {
            let partitions = spool.into_partitions().into_par_iter();
            partitions
                .map(|partition| {
                    let mut found = SharedSums::new(top);
                    search(partition, &dir, max_held_bytes, &mut found)?;
                    Ok(found)
                })
                .try_reduce(|| SharedSums::new(top), |one, other| Ok(one.merge(other)))
        });
        let found = found.map_err(|error| SpoolError::Io { dir, error })?;
        Ok(found.into_table(&shards))
    }
}

/// Adds the shared keys of a partition to `found`.
fn search(partition: Partition, dir: &Path, max_held_bytes: u64, found: &mut SharedSums) -> io::Result<()> {
    if partition.is_larger_than(max_held_bytes) {
        let mut parts = partition.split(dir)?.into_iter();
        return parts.try_for_each(|part| search(part, dir, max_held_bytes, found));
    }
    let mut names = Vec::new();
    let mut keys: HashTable<Key> = HashTable::new();
    partition.for_each(|hash, fields| {
        let (copy, db, name) = read(fields).ok_or_else(damaged)?;
        let is_same =
            |key: &Key| key.hash == hash && key.db == db && names.get(key.name.clone()) == Some(name);
        if let Some(key) = keys.find_mut(table_hash(hash), is_same) {
            key.add(copy);
        } else {
            let start = names.len();
            names.extend_from_slice(name);
            let key = Key { hash, name: start..names.len(), db, first: copy, others: Vec::new() };
            keys.insert_unique(table_hash(hash), key, |key| table_hash(key.hash));
        }
        Ok(())
    })?;
    for key in keys.iter().filter(|key| !key.others.is_empty()) {
        found.add(key, names.get(key.name.clone()).unwrap_or_default());
    }
    Ok(())
}

/// The copy, the database and the name of a record. `None`: they are damaged.
fn read(fields: &[u8]) -> Option<(ShardBytes, u64, &[u8])> {
    let (shard, rest) = fields.split_first_chunk()?;
    let (db, rest) = rest.split_first_chunk()?;
    let (bytes, name) = rest.split_first_chunk()?;
    let copy = ShardBytes { shard: u32::from_le_bytes(*shard), bytes: u64::from_le_bytes(*bytes) };
    Some((copy, u64::from_le_bytes(*db), name))
}

/// A key in one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShardBytes {
    shard: u32,
    bytes: u64,
}

/// A key of a partition. Most keys are in one shard.
struct Key {
    hash: u64,
    /// Where its name is.
    name: std::ops::Range<usize>,
    db: u64,
    first: ShardBytes,
    others: Vec<ShardBytes>,
}

impl Key {
    fn add(&mut self, copy: ShardBytes) {
        // Inputs come one after the other, so it is one of the last if it is known.
        let mut known = self.others.iter_mut().rev().chain(std::iter::once(&mut self.first));
        match known.find(|known| known.shard == copy.shard) {
            Some(known) => *known = copy,
            None => self.others.push(copy),
        }
    }

    fn copies(&self) -> impl Iterator<Item = ShardBytes> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

/// A listed key. The one with the fewest bytes is the greatest, so that a heap gives it away first.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    bytes: u64,
    name: Vec<u8>,
    /// Length of the whole name.
    name_bytes: u64,
    db: u64,
    copies: Vec<ShardBytes>,
}

impl Listed {
    fn standing(&self) -> (Reverse<u64>, &[u8], u64, u64) {
        (Reverse(self.bytes), &self.name, self.db, self.name_bytes)
    }
}

impl Ord for Listed {
    fn cmp(&self, other: &Self) -> Ordering {
        self.standing().cmp(&other.standing())
    }
}

impl PartialOrd for Listed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The shared keys of some partitions, which merge in any order.
#[derive(Debug)]
struct SharedSums {
    top: usize,
    keys: u64,
    bytes: u64,
    largest: BinaryHeap<Listed>,
}

impl SharedSums {
    fn new(top: usize) -> Self {
        Self { top, keys: 0, bytes: 0, largest: BinaryHeap::new() }
    }

    fn add(&mut self, key: &Key, name: &[u8]) {
        let bytes = key.copies().map(|copy| copy.bytes).fold(0, u64::saturating_add);
        self.keys += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let name_bytes = name.len() as u64;
        let name = name.get(..MAX_KEPT_KEY_BYTES).unwrap_or(name);
        let standing = (Reverse(bytes), name, key.db, name_bytes);
        let has_room = self.largest.len() < self.top;
        if has_room || self.largest.peek().is_some_and(|least| standing < least.standing()) {
            let copies = key.copies().collect();
            self.push(Listed { bytes, name: name.to_vec(), name_bytes, db: key.db, copies });
        }
    }

    fn push(&mut self, listed: Listed) {
        self.largest.push(listed);
        if self.largest.len() > self.top {
            self.largest.pop();
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.keys += other.keys;
        self.bytes = self.bytes.saturating_add(other.bytes);
        for listed in other.largest {
            self.push(listed);
        }
        self
    }

    fn into_table(self, shards: &[String]) -> SharedKeyTable {
        let copy = |copy: ShardBytes| KeyCopy {
            shard: shards.get(copy.shard as usize).cloned().unwrap_or_default(),
            bytes: copy.bytes,
        };
        let key = |Listed { name, name_bytes, db, mut copies, .. }: Listed| {
            copies.sort_unstable_by_key(|copy| copy.shard);
            SharedKey { key: name, key_bytes: name_bytes, db, copies: copies.into_iter().map(copy).collect() }
        };
        SharedKeyTable {
            keys: self.keys,
            bytes: self.bytes,
            largest: self.largest.into_sorted_vec().into_iter().map(key).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rdb_analysis::SLOTS;

    use super::*;

    /// Names of keys, and the lengths of their values.
    type Keys = Vec<(u8, u8)>;

    fn file(keys: &Keys) -> Vec<u8> {
        let mut file = b"REDIS0009".to_vec();
        for &(name, value_bytes) in keys {
            let name = format!("key:{name}");
            file.extend([0, u8::try_from(name.len()).expect("short")]);
            file.extend(name.as_bytes());
            file.extend([0x40, value_bytes]);
            file.extend(std::iter::repeat_n(b'v', value_bytes.into()));
        }
        file.push(0xff);
        file.extend([0; 8]);
        file
    }

    /// Each shard has one file or more.
    fn shared(shards: &[Vec<Keys>], threads: usize, max_held_bytes: u64, top: usize) -> SharedKeyTable {
        let directory = tempfile::tempdir().expect("a directory");
        let mut shared = SharedKeys::in_slots(0..SLOTS).top(top);
        shared.max_held_bytes = max_held_bytes;
        for (index, files) in shards.iter().enumerate() {
            for (number, keys) in files.iter().enumerate() {
                let path = directory.path().join(format!("{index}-{number}.rdb"));
                std::fs::write(&path, file(keys)).expect("written");
                let scan = Scan::inputs::<PathBuf>([])
                    .shard(format!("10.0.0.{index}:6379"), path)
                    .threads(threads)
                    .memory(false);
                for input in scan.list(|_| {}).expect("listed") {
                    let mut input = scan.open_input(input).expect("opens");
                    shared.add(&scan, &mut input).expect("scanned");
                }
            }
        }
        shared.find(Some(threads)).expect("found")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn the_result_is_that_of_maps_on_any_threads_and_partitions(
            shards in proptest::collection::vec(
                proptest::collection::vec((any::<u8>(), any::<u8>()), 0..100), 0..4),
            threads in 1usize..4,
        ) {
            let files: Vec<Vec<Keys>> = shards.iter().map(|keys| vec![keys.clone()]).collect();
            let found = shared(&files, threads, MAX_HELD_BYTES, 1000);
            let mut all: BTreeMap<u8, BTreeMap<usize, u8>> = BTreeMap::new();
            for (index, keys) in shards.iter().enumerate() {
                for &(name, value_bytes) in keys {
                    all.entry(name).or_default().insert(index, value_bytes);
                }
            }
            all.retain(|_, copies| copies.len() > 1);
            prop_assert_eq!(found.keys, all.len() as u64);
            prop_assert_eq!(found.largest.len(), all.len());
            prop_assert_eq!(found.largest.iter().map(SharedKey::bytes).sum::<u64>(), found.bytes);
            for key in &found.largest {
                let name = std::str::from_utf8(&key.key).expect("text").strip_prefix("key:").expect("a key");
                let expected = &all[&name.parse::<u8>().expect("a number")];
                let of = |index: &usize| format!("10.0.0.{index}:6379");
                let shards: Vec<_> = key.copies.iter().map(|copy| copy.shard.clone()).collect();
                prop_assert_eq!(shards, expected.keys().map(of).collect::<Vec<_>>());
            }
            prop_assert!(found.largest.is_sorted_by_key(|key| Reverse(key.bytes())));

            // Partitions of any size, and a shard in two files.
            let halves = |keys: &Keys| {
                let (first, second) = keys.split_at(keys.len() / 2);
                vec![first.to_vec(), second.to_vec()]
            };
            let halved: Vec<Vec<Keys>> = shards.iter().map(halves).collect();
            prop_assert_eq!(&shared(&halved, 4 - threads, 1, 1000), &found);
            let few = shared(&files, threads, 500, 3);
            prop_assert_eq!((few.keys, few.bytes), (found.keys, found.bytes));
            prop_assert_eq!(&few.largest[..], &found.largest[..found.largest.len().min(3)]);
        }
    }

    #[test]
    fn a_key_in_a_slot_that_is_not_searched_is_not_found() {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = file(&vec![(1, 1), (2, 2)]);
        let slot = slot_of_name(b"key:1");
        assert_ne!(slot, slot_of_name(b"key:2"));
        let mut shared = SharedKeys::in_slots([slot]);
        for name in ["a.rdb", "b.rdb"] {
            let path = directory.path().join(name);
            std::fs::write(&path, &keys).expect("written");
            let scan = Scan::open(&path).expect("there");
            for input in scan.list(|_| {}).expect("listed") {
                shared.add(&scan, &mut scan.open_input(input).expect("opens")).expect("scanned");
            }
        }
        let found = shared.find(Some(1)).expect("found");
        assert_eq!((found.keys, found.largest[0].key.as_slice()), (1, &b"key:1"[..]));
        assert!(found.largest[0].copies[1].shard.ends_with("b.rdb"));
    }
}
