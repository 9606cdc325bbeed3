//! The largest keys of each type.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use rdb_parser::{ErrorKind, RdbString};

use super::bounded::{Add, Bounded};
use super::cells::{MAX_OTHER_TYPES, OTHER_MODULES};
use super::collector::{Collector, EndOfSource, Observe, PlaceUse, RangeStart};
use super::rank::Rank;
use crate::measure::{DataType, KeyView, LargestElement, Measure};
use crate::parallel::Place;

/// Bytes of a name that are kept, for a type that every server has and for another type. Names may
/// be as long as values, and there may be [`MAX_OTHER_TYPES`] lists of other types.
const MAX_KEPT_KEY_BYTES: usize = 64 << 10;
const MAX_KEPT_OTHER_KEY_BYTES: usize = 4 << 10;

/// Bytes of listed names that the child of a range may hold: a fixed number, and more for each key
/// of a list. Many children wait for their merge at the same time.
const MAX_NAME_BYTES_IN_RANGE: usize = 128 << 10;
const ORDINARY_NAME_BYTES: usize = 512;

/// Collects the largest keys of each type.
#[derive(Clone, Copy, Debug)]
pub struct TopKeys {
    rank: Rank,
    limit: usize,
    max_db: u64,
}

impl TopKeys {
    /// Lists of at most `limit` keys each, in descending order of `rank`.
    pub fn new(rank: Rank, limit: usize) -> Self {
        Self { rank, limit, max_db: u64::MAX }
    }

    /// Leaves out the keys of databases above `max_db`, for readers that cannot name a higher one.
    #[must_use]
    pub fn max_db(self, max_db: u64) -> Self {
        Self { max_db, ..self }
    }
}

impl Collector for TopKeys {
    type Child = TopLists;
    type Output = BTreeMap<DataType, Vec<KeyRecord>>;

    fn child(&self, start: RangeStart) -> TopLists {
        TopLists::new(*self, start)
    }

    fn merge(&self, all: &mut TopLists, child: TopLists) {
        all.merge(child);
    }

    fn end_source(&self, all: &mut TopLists, source: &EndOfSource<'_>) {
        if let Some(shard) = source.shard {
            all.set_shard(source.index, shard);
        }
    }

    /// The largest key comes first. Keys of one size are in the order of payload, elements and
    /// name.
    fn finish(&self, all: TopLists) -> BTreeMap<DataType, Vec<KeyRecord>> {
        all.into_lists()
    }
}

/// A key in a top list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// First bytes of its name: 64 KiB, or 4 KiB for a type that only some servers have.
    pub key: Vec<u8>,
    /// Length of its whole name in bytes.
    pub key_bytes: u64,
    /// Its measures.
    pub measure: Measure,
    /// The largest element, if the scan
    /// [names it](crate::ScanOptions::names_largest_elements).
    pub largest_element: Option<LargestElement>,
    /// Index of its source.
    pub source: usize,
    /// The node that wrote it, if the user says so.
    pub shard: Option<String>,
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopKey {
    rank: Option<u64>,
    pub(crate) measure: Measure,
    pub(crate) largest_element: Option<LargestElement>,
    /// The first [`MAX_KEPT_KEY_BYTES`] of its name.
    pub(crate) key: Vec<u8>,
    /// Length of its whole name.
    pub(crate) key_bytes: u64,
    source: usize,
}

/// The order of a list; less is better. Keys of one rank are in the order of what people look for
/// next: payload, number of elements, name. Database, source and offset come last, so that no two
/// keys are equal and the order of arrival does not matter.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Standing<'a> {
    sizes: Reverse<Sizes>,
    key: &'a [u8],
    db: u64,
    source: usize,
    offset: u64,
}

/// The numbers in a [`Standing`]. More is better, and an unknown number is worst.
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

/// The greatest is the worst, because a heap shows its greatest, which is replaced first.
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

/// Lists of the largest keys, one for each type, of at most `limit` keys each. The child of
/// [`TopKeys`].
#[derive(Clone, Debug)]
pub struct TopLists {
    kind: TopKeys,
    built_in: [List; DataType::BUILT_IN.len()],
    /// Types that only some servers have.
    others: Bounded<DataType, List, MAX_OTHER_TYPES>,
    start: RangeStart,
    names: Names,
    /// Shards of the sources that are known so far.
    shards: BTreeMap<usize, String>,
}

/// Decodes names, and counts the bytes allocated for those that are kept.
#[derive(Clone, Debug, Default)]
struct Names {
    scratch: Vec<u8>,
    kept_bytes: usize,
}

/// The largest keys of a type.
#[derive(Clone, Debug, Default)]
struct List {
    keys: BinaryHeap<TopKey>,
    /// The largest number of keys. 0 before the first key.
    limit: usize,
}

impl TopLists {
    fn new(kind: TopKeys, start: RangeStart) -> Self {
        Self {
            kind,
            built_in: Default::default(),
            others: Bounded::default(),
            start,
            names: Names::default(),
            shards: BTreeMap::new(),
        }
    }

    /// The list that a key belongs to, unless the key is certain not to come in. Also gives its
    /// rank.
    ///
    /// A range that does not know its database lists keys of all databases until it does.
    #[inline(always)]
    fn list_for(&mut self, measure: &Measure) -> Option<(&mut List, &mut Names, Option<u64>)> {
        let rank = self.kind.rank.of(measure);
        let TopKeys { limit, max_db, .. } = self.kind;
        let leaves_out = || self.start.is_place_known && measure.db > max_db;
        let list = match measure.data_type.built_in_index() {
            Some(index) => &mut self.built_in[index],
            // A type has a place of its own only if a key of it is listed.
            None if leaves_out() => return None,
            None => other_list(&mut self.others, measure.data_type),
        };
        if list.keys.len() == limit && list.keys.peek().is_none_or(|smallest| rank < smallest.rank) {
            return None;
        }
        if leaves_out() {
            return None;
        }
        Some((list, &mut self.names, rank))
    }

    /// Names the shard of a source.
    pub(crate) fn set_shard(&mut self, source: usize, shard: &str) {
        self.shards.insert(source, shard.to_owned());
    }

    /// Changes the source of every key, in such a way that their order stays.
    pub(crate) fn change_sources(&mut self, change: impl Fn(usize) -> usize) {
        self.change_keys(|key| key.source = change(key.source));
        let shards = std::mem::take(&mut self.shards);
        self.shards = shards.into_iter().map(|(source, shard)| (change(source), shard)).collect();
    }

    /// Keeps the first `max_bytes` of each name. Keys of one size whose names begin alike are then in the
    /// order of their offsets.
    pub(crate) fn shorten_names(&mut self, max_bytes: usize) {
        self.change_keys(|key| {
            key.key.truncate(max_bytes);
            key.key.shrink_to_fit();
        });
    }

    /// Changes every key, and puts the lists in order again.
    fn change_keys(&mut self, mut change: impl FnMut(&mut TopKey)) {
        for list in self.built_in.iter_mut().chain(self.others.values_mut()) {
            let mut keys = std::mem::take(&mut list.keys).into_vec();
            keys.iter_mut().for_each(&mut change);
            list.keys = keys.into();
        }
    }

    fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.built_in.iter_mut().zip(other.built_in) {
            mine.add_all(theirs);
        }
        self.others.merge(other.others);
        self.shards.extend(other.shards);
    }

    /// Offers a key that another list of this rank kept.
    pub(crate) fn insert(
        &mut self,
        measure: Measure,
        largest_element: Option<LargestElement>,
        key: Vec<u8>,
        key_bytes: u64,
    ) {
        let rank = self.kind.rank.of(&measure);
        let list = match measure.data_type.built_in_index() {
            Some(index) => &mut self.built_in[index],
            None => other_list(&mut self.others, measure.data_type),
        };
        let source = self.start.source;
        list.push(self.kind.limit, TopKey { rank, measure, largest_element, key, key_bytes, source });
    }

    /// All keys, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &TopKey> {
        let others = self.others.iter().map(|(_, list)| list);
        self.built_in.iter().chain(others).flat_map(|list| &list.keys)
    }

    /// The lists that are not empty, largest key first.
    fn into_lists(self) -> BTreeMap<DataType, Vec<KeyRecord>> {
        let built_in = DataType::BUILT_IN.into_iter().zip(self.built_in);
        let others = self.others.into_values();
        let others = others.map(|(data_type, list)| (data_type.unwrap_or(OTHER_MODULES), list));
        let lists = built_in.chain(others).filter(|(_, list)| !list.keys.is_empty());
        let record = |key: TopKey| KeyRecord {
            shard: self.shards.get(&key.source).cloned(),
            key: key.key,
            key_bytes: key.key_bytes,
            measure: key.measure,
            largest_element: key.largest_element,
            source: key.source,
        };
        lists
            .map(|(data_type, list)| {
                (data_type, list.keys.into_sorted_vec().into_iter().map(record).collect())
            })
            .collect()
    }
}

impl Observe for TopLists {
    const PLACE: PlaceUse = PlaceUse::Corrected;

    /// Only a compressed name can be damaged.
    #[inline(always)]
    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        match key.key {
            RdbString::Raw(_) | RdbString::Int(_) => Ok(()),
            _ => {
                // A copy, so that the key itself need not be in memory.
                let key = *key;
                self.check_name(&key)
            }
        }
    }

    #[inline(always)]
    fn observe(&mut self, key: &KeyView<'_>) {
        let limit = self.kind.limit;
        let source = self.start.source;
        if let Some((list, names, rank)) = self.list_for(&key.measure) {
            // A copy, so that the key itself need not be in memory to be skipped.
            let key = *key;
            list.insert(limit, names, rank, source, &key);
        }
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.names.kept_bytes > MAX_NAME_BYTES_IN_RANGE + self.kind.limit * ORDINARY_NAME_BYTES
    }

    /// Does not change the order, because the keys are all of one database.
    fn correct_place(&mut self, place: Place) {
        self.start.is_place_known = true;
        if place.db > self.kind.max_db {
            *self = Self::new(self.kind, self.start);
        }
        self.change_keys(|key| place.correct(&mut key.measure));
    }
}

impl TopLists {
    #[cold]
    fn check_name(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        let kept_bytes = kept_name_bytes(&key.measure);
        let limit = self.kind.limit;
        match self.list_for(&key.measure) {
            Some((list, names, rank)) if list.admits(limit, Sizes::new(rank, &key.measure)) => {
                key.key.decode_prefix(kept_bytes, &mut names.scratch).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

/// Bytes of a key's name that are kept.
fn kept_name_bytes(measure: &Measure) -> usize {
    match measure.data_type.built_in_index() {
        Some(_) => MAX_KEPT_KEY_BYTES,
        None => MAX_KEPT_OTHER_KEY_BYTES,
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

    /// Whether a key of these sizes may belong to the list.
    fn admits(&self, limit: usize, sizes: Sizes) -> bool {
        self.keys.len() < limit || self.keys.peek().is_some_and(|smallest| sizes >= smallest.sizes())
    }

    /// Offers a key that may belong to the list. A key that is replaced gives its allocation to the
    /// new one, so that a long ascending file does not allocate for each of its keys. The caller
    /// has checked that the name can be decoded.
    #[inline(never)]
    fn insert(
        &mut self,
        limit: usize,
        names: &mut Names,
        rank: Option<u64>,
        source: usize,
        key: &KeyView<'_>,
    ) {
        let measure = key.measure;
        let key_bytes = key.key.decoded_len();
        let sizes = Sizes::new(rank, &measure);
        if !self.admits(limit, sizes) {
            return;
        }
        let Ok(name) = key.key.decode_prefix(kept_name_bytes(&measure), &mut names.scratch) else { return };
        let held_bytes = |element: Option<&LargestElement>| element.map_or(0, LargestElement::held_bytes);
        if self.keys.len() < limit {
            let largest_element = key.largest_element.cloned();
            names.kept_bytes += name.len() + held_bytes(largest_element.as_ref());
            let key = name.to_vec();
            self.push(limit, TopKey { rank, measure, largest_element, key, key_bytes, source });
            return;
        }
        let Some(mut worst) = self.keys.peek_mut() else { return };
        let standing =
            Standing { sizes: Reverse(sizes), key: name, db: measure.db, source, offset: measure.offset };
        if standing < worst.standing() {
            let mut kept = std::mem::take(&mut worst.key);
            let capacity = kept.capacity();
            kept.clear();
            kept.extend_from_slice(name);
            let largest_element = key.largest_element.cloned();
            names.kept_bytes += kept.capacity() - capacity + held_bytes(largest_element.as_ref());
            names.kept_bytes -= held_bytes(worst.largest_element.as_ref());
            *worst = TopKey { rank, measure, largest_element, key: kept, key_bytes, source };
        }
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
