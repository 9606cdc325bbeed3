//! The largest keys of each type.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use rdb_parser::ErrorKind;

use super::bounded::{Add, Bounded};
use super::groups::{MAX_OTHER_TYPES, OTHER_MODULES};
use crate::measure::{DataType, KeyView, Measure};
use crate::parallel::Inherited;

/// Bytes of a key's name that are kept, of a type that every server has and of another one. Names may be as long as
/// values, and there may be [`MAX_OTHER_TYPES`] lists of other types.
const MAX_KEPT_KEY_BYTES: usize = 64 << 10;
const MAX_KEPT_OTHER_KEY_BYTES: usize = 4 << 10;

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

/// What decides the order of a list; less is better. Where keys rank alike, what people would look for next
/// decides: the payload, the number of elements, the name. Database, source and place come last, so that no two
/// keys are equal and the order of arrival does not matter.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Standing<'a> {
    sizes: Reverse<Sizes>,
    key: &'a [u8],
    db: u64,
    source: usize,
    offset: u64,
}

/// The numbers in a [`Standing`]; more is better, and not known is worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sizes {
    rank: Option<u64>,
    value_bytes: Option<u64>,
    elements: Option<u64>,
}

impl Sizes {
    fn new(rank: Option<u64>, measure: &Measure) -> Self {
        Self { rank, value_bytes: measure.value_bytes, elements: measure.elements }
    }
}

impl TopKey {
    fn sizes(&self) -> Sizes {
        Sizes::new(self.rank, &self.measure)
    }

    fn standing(&self) -> Standing<'_> {
        Standing {
            sizes: Reverse(self.sizes()),
            key: &self.key,
            db: self.measure.db,
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
    built_in: [List; DataType::BUILT_IN.len()],
    /// Types that only some servers have.
    others: Bounded<DataType, List, MAX_OTHER_TYPES>,
    limit: usize,
    /// Keys of higher databases are not listed.
    max_db: u64,
    /// Whether the databases of the keys are those of the file, and not assumed until they are
    /// [corrected](Self::correct).
    is_db_known: bool,
    names: Names,
}

/// Where names are decoded, and the bytes allocated for those that were kept.
#[derive(Debug, Default)]
struct Names {
    scratch: Vec<u8>,
    kept_bytes: usize,
}

/// The largest keys of a type.
#[derive(Clone, Debug, Default)]
struct List {
    keys: BinaryHeap<TopKey>,
    /// Keys it has at most; 0 before the first.
    limit: usize,
}

impl TopKeys {
    pub(crate) fn new(rank: Rank, limit: usize, max_db: u64) -> Self {
        Self {
            rank,
            max_db,
            is_db_known: true,
            built_in: Default::default(),
            others: Bounded::default(),
            limit,
            names: Names::default(),
        }
    }

    /// Empty lists of the same kind.
    pub(crate) fn new_like(&self) -> Self {
        Self::new(self.rank, self.limit, self.max_db)
    }

    /// Empty lists of the same kind for keys of one database, of which the number is not known yet.
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
        let list = match key.measure.data_type.built_in_index() {
            Some(index) => &mut self.built_in[index],
            // A type has a place of its own only if a key of it is listed.
            None if self.is_db_known && key.measure.db > self.max_db => return Ok(()),
            None => other_list(&mut self.others, key.measure.data_type),
        };
        if list.keys.len() == limit && list.keys.peek().is_none_or(|worst| rank < worst.rank) {
            return Ok(());
        }
        if self.is_db_known && key.measure.db > self.max_db {
            return Ok(());
        }
        // A copy, so that the key itself need not be in memory to be skipped.
        let key = *key;
        list.insert(limit, &mut self.names, rank, &key)
    }

    /// Keys of each list at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes allocated for the names of keys.
    pub(crate) fn name_bytes(&self) -> usize {
        self.names.kept_bytes
    }

    /// Corrects the database and slot of keys, which are all of one database: that does not change their
    /// order.
    pub(crate) fn correct(&mut self, inherited: Inherited) {
        self.change_keys(|key| {
            key.measure.db = inherited.db;
            key.measure.slot = inherited.slot(key.measure.slot);
        });
    }

    /// Changes the source of every key, in such a way that their order stays.
    pub(crate) fn change_sources(&mut self, change: impl Fn(usize) -> usize) {
        self.change_keys(|key| key.source = change(key.source));
    }

    fn change_keys(&mut self, mut change: impl FnMut(&mut TopKey)) {
        for list in self.built_in.iter_mut().chain(self.others.values_mut()) {
            let mut keys = std::mem::take(&mut list.keys).into_vec();
            keys.iter_mut().for_each(&mut change);
            list.keys = keys.into();
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        // All of one database, which was not known when they were listed.
        if !other.is_db_known && other.iter().any(|key| key.measure.db > self.max_db) {
            return;
        }
        for (mine, theirs) in self.built_in.iter_mut().zip(other.built_in) {
            mine.add_all(theirs);
        }
        self.others.merge(other.others);
    }

    /// Offers a key that another list of this rank kept.
    pub(crate) fn insert(&mut self, measure: Measure, key: Vec<u8>, key_bytes: u64) {
        let limit = self.limit;
        let list = match measure.data_type.built_in_index() {
            Some(index) => &mut self.built_in[index],
            None => other_list(&mut self.others, measure.data_type),
        };
        list.push(limit, TopKey { rank: self.rank.of(&measure), measure, key, key_bytes, source: 0 });
    }

    /// All keys, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TopKey> {
        let others = self.others.iter().map(|(_, list)| list);
        self.built_in.iter().chain(others).flat_map(|list| &list.keys)
    }

    /// The lists that are not empty, best key first.
    pub(crate) fn into_lists(self) -> impl Iterator<Item = (DataType, Vec<TopKey>)> {
        let built_in = DataType::BUILT_IN.into_iter().zip(self.built_in);
        let others = self.others.into_values();
        let others = others.map(|(data_type, list)| (data_type.unwrap_or(OTHER_MODULES), list));
        built_in
            .chain(others)
            .map(|(data_type, list)| (data_type, list.keys.into_sorted_vec()))
            .filter(|(_, list)| !list.is_empty())
    }
}

/// The list of a type that only some servers have.
#[cold]
fn other_list(others: &mut Bounded<DataType, List, MAX_OTHER_TYPES>, data_type: DataType) -> &mut List {
    match data_type {
        OTHER_MODULES => others.rest(),
        data_type => others.value(data_type),
    }
}

impl List {
    fn push(&mut self, limit: usize, key: TopKey) {
        self.limit = limit;
        self.keys.push(key);
        if self.keys.len() > limit {
            self.keys.pop();
        }
    }

    /// Offers a key that may belong to the list. A key that is replaced gives its allocation to the
    /// new one, so that a long ascending file does not allocate for each of its keys.
    #[inline(never)]
    fn insert(
        &mut self,
        limit: usize,
        names: &mut Names,
        rank: Option<u64>,
        key: &KeyView<'_>,
    ) -> Result<(), ErrorKind> {
        let measure = key.measure;
        let key_bytes = key.key.decoded_len();
        let sizes = Sizes::new(rank, &measure);
        let is_full = self.keys.len() >= limit;
        if is_full && self.keys.peek().is_none_or(|worst| sizes < worst.sizes()) {
            return Ok(());
        }
        let kept_bytes = match measure.data_type.built_in_index() {
            Some(_) => MAX_KEPT_KEY_BYTES,
            None => MAX_KEPT_OTHER_KEY_BYTES,
        };
        let name = key.key.decode_prefix(kept_bytes, &mut names.scratch)?;
        if !is_full {
            names.kept_bytes += name.len();
            self.push(limit, TopKey { rank, measure, key: name.to_vec(), key_bytes, source: 0 });
            return Ok(());
        }
        let Some(mut worst) = self.keys.peek_mut() else { return Ok(()) };
        let standing =
            Standing { sizes: Reverse(sizes), key: name, db: measure.db, source: 0, offset: measure.offset };
        if standing < worst.standing() {
            let mut kept = std::mem::take(&mut worst.key);
            let capacity = kept.capacity();
            kept.clear();
            kept.extend_from_slice(name);
            names.kept_bytes += kept.capacity() - capacity;
            *worst = TopKey { rank, measure, key: kept, key_bytes, source: 0 };
        }
        Ok(())
    }
}

impl Add for List {
    fn add_all(&mut self, other: Self) {
        let limit = self.limit.max(other.limit);
        for key in other.keys {
            self.push(limit, key);
        }
    }
}
