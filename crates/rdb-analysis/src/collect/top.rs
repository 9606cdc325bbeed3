//! The largest keys of each type.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use rdb_parser::ErrorKind;

use crate::measure::{DataType, KeyView, Measure};
use crate::split::Inherited;

/// Types, besides those that every server has, for which a list is kept; see the groups for why there is a limit.
const MAX_OTHER_TYPES: usize = 64;

/// Bytes of a key's name that are kept. Names may be as long as values.
pub(crate) const MAX_KEPT_KEY_BYTES: usize = 64 << 10;

/// The measure that makes a key big. A key of which it is not known comes after all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rank {
    /// The number of elements.
    Elements,
    /// Bytes of payload.
    ValueBytes,
    /// Bytes in the file.
    RdbBytes,
    /// Bytes in the server's memory, as modelled.
    MemoryBytes,
    /// What big-key lists of the servers' own tools and of cloud consoles use: bytes for strings, the
    /// number of elements for everything else.
    Natural,
}

impl Rank {
    /// The measure of a key by which it ranks.
    #[inline]
    pub fn of(self, measure: &Measure) -> Option<u64> {
        match self {
            Self::ValueBytes => measure.value_bytes,
            Self::RdbBytes => Some(measure.rdb_bytes),
            Self::MemoryBytes => measure.memory_bytes,
            Self::Natural if measure.data_type == DataType::String => measure.value_bytes,
            Self::Elements | Self::Natural => measure.elements,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elements => "elements",
            Self::ValueBytes => "value_bytes",
            Self::RdbBytes => "rdb_bytes",
            Self::MemoryBytes => "memory_bytes",
            Self::Natural => "natural",
        }
    }
}

/// A key that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopKey {
    rank: Option<u64>,
    pub(crate) measure: Measure,
    /// The first [`MAX_KEPT_KEY_BYTES`] of its name.
    pub(crate) key: Vec<u8>,
    /// Length of its whole name.
    pub(crate) key_bytes: u64,
    /// Index of the source it is in; 0 until that is known.
    pub(crate) source: usize,
}

/// What decides the order of a list; less is better. By rank, and where that is equal by database, name,
/// source and place, so that no two keys are equal and the order of arrival does not matter.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Standing<'a> {
    rank: Reverse<Option<u64>>,
    db: u64,
    key: &'a [u8],
    source: usize,
    offset: u64,
}

impl TopKey {
    fn standing(&self) -> Standing<'_> {
        Standing {
            rank: Reverse(self.rank),
            db: self.measure.db,
            key: &self.key,
            source: self.source,
            offset: self.measure.offset,
        }
    }
}

/// The greatest is the worst: the one that a heap shows, to be replaced.
impl Ord for TopKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.standing().cmp(&other.standing())
    }
}

impl PartialOrd for TopKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Lists of the largest keys, one for each type, of at most `limit` keys each.
#[derive(Debug)]
pub(crate) struct TopKeys {
    rank: Rank,
    limit: usize,
    /// Keys of higher databases are not listed.
    max_db: u64,
    /// Whether the databases of the keys are those of the file, and not assumed until they are [settled](Self::settle).
    is_db_known: bool,
    built_in: [BinaryHeap<TopKey>; DataType::BUILT_IN.len()],
    /// Types that only some servers have.
    others: BTreeMap<DataType, BinaryHeap<TopKey>>,
    /// Where names are decoded.
    scratch: Vec<u8>,
}

impl TopKeys {
    pub(crate) fn new(rank: Rank, limit: usize, max_db: u64) -> Self {
        Self {
            rank,
            limit,
            max_db,
            is_db_known: true,
            built_in: Default::default(),
            others: BTreeMap::new(),
            scratch: Vec::new(),
        }
    }

    /// Empty lists of the same kind.
    pub(crate) fn new_like(&self) -> Self {
        Self::new(self.rank, self.limit, self.max_db)
    }

    /// Empty lists of keys whose databases are not known yet. Merging them into other lists drops those of higher
    /// databases: all or none, because all are of the same.
    pub(crate) fn new_of_any_db(&self) -> Self {
        Self { is_db_known: false, ..self.new_like() }
    }

    /// Offers a key.
    ///
    /// # Errors
    ///
    /// If the key's name is needed and cannot be decompressed.
    #[inline(always)]
    pub(crate) fn observe(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        let rank = self.rank.of(&key.measure);
        let limit = self.limit;
        let Some(list) = list_of(&mut self.built_in, &mut self.others, key.measure.data_type) else {
            return Ok(());
        };
        if list.len() == limit && list.peek().is_none_or(|worst| rank < worst.rank) {
            return Ok(());
        }
        // A copy, so that the key itself need not be in memory to be passed over.
        let key = *key;
        let max_db = if self.is_db_known { self.max_db } else { u64::MAX };
        insert(list, limit, max_db, &mut self.scratch, rank, &key)
    }

    /// Corrects the database and slot of keys, which are all of one database: that does not change their
    /// order.
    pub(crate) fn settle(&mut self, inherited: Inherited) {
        for list in self.built_in.iter_mut().chain(self.others.values_mut()) {
            let mut keys = std::mem::take(list).into_vec();
            for key in &mut keys {
                key.measure.db = inherited.db;
                key.measure.slot = inherited.slot(key.measure.slot);
            }
            *list = keys.into();
        }
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        let others = other.others.into_values();
        for key in other.built_in.into_iter().chain(others).flatten() {
            self.push(key);
        }
        self
    }

    /// Offers a key that another list of this rank kept.
    pub(crate) fn insert(&mut self, measure: Measure, key: Vec<u8>, key_bytes: u64) {
        self.push(TopKey { rank: self.rank.of(&measure), measure, key, key_bytes, source: 0 });
    }

    fn push(&mut self, key: TopKey) {
        if key.measure.db > self.max_db {
            return;
        }
        let Some(list) = list_of(&mut self.built_in, &mut self.others, key.measure.data_type) else {
            return;
        };
        list.push(key);
        if list.len() > self.limit {
            list.pop();
        }
    }

    /// Makes all keys those of a source, which does not change their order.
    pub(crate) fn belong_to(&mut self, source: usize) {
        for list in self.built_in.iter_mut().chain(self.others.values_mut()) {
            let mut keys = std::mem::take(list).into_vec();
            for key in &mut keys {
                key.source = source;
            }
            *list = keys.into();
        }
    }

    /// All keys, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TopKey> {
        self.built_in.iter().chain(self.others.values()).flatten()
    }

    /// The lists that are not empty, best key first.
    pub(crate) fn into_lists(self) -> impl Iterator<Item = (DataType, Vec<TopKey>)> {
        let built_in = DataType::BUILT_IN.into_iter().zip(self.built_in);
        built_in
            .chain(self.others)
            .map(|(data_type, list)| (data_type, list.into_sorted_vec()))
            .filter(|(_, list)| !list.is_empty())
    }
}

#[inline(always)]
fn list_of<'a>(
    built_in: &'a mut [BinaryHeap<TopKey>; DataType::BUILT_IN.len()],
    others: &'a mut BTreeMap<DataType, BinaryHeap<TopKey>>,
    data_type: DataType,
) -> Option<&'a mut BinaryHeap<TopKey>> {
    match data_type.built_in_index() {
        Some(index) => built_in.get_mut(index),
        None if others.len() >= MAX_OTHER_TYPES => others.get_mut(&data_type),
        None => Some(others.entry(data_type).or_default()),
    }
}

/// Puts a key into a list that it may belong to. A key that is replaced gives its allocation to the
/// new one, so that a long ascending file does not allocate for each of its keys.
#[inline(never)]
fn insert(
    list: &mut BinaryHeap<TopKey>,
    limit: usize,
    max_db: u64,
    scratch: &mut Vec<u8>,
    rank: Option<u64>,
    key: &KeyView<'_>,
) -> Result<(), ErrorKind> {
    let measure = key.measure;
    let name = key.key.decode_prefix(MAX_KEPT_KEY_BYTES, scratch)?;
    let key_bytes = key.key.decoded_len();
    if measure.db > max_db {
        return Ok(());
    }
    if list.len() < limit {
        list.push(TopKey { rank, measure, key: name.to_vec(), key_bytes, source: 0 });
        return Ok(());
    }
    let Some(mut worst) = list.peek_mut() else { return Ok(()) };
    let standing =
        Standing { rank: Reverse(rank), db: measure.db, key: name, source: 0, offset: measure.offset };
    if standing < worst.standing() {
        let mut kept = std::mem::take(&mut worst.key);
        kept.clear();
        kept.extend_from_slice(name);
        *worst = TopKey { rank, measure, key: kept, key_bytes, source: 0 };
    }
    Ok(())
}
