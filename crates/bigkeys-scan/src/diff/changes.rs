//! The result of a comparison.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use foldhash::fast::RandomState;
use rdb_analysis::{ByName, GroupKind, KeyRecord, NameRule, slot_of_name};
use serde::Serialize;

use super::record::KeyState;

/// Groups by name that are held.
const MAX_GROUPS: usize = 1 << 16;

/// Bytes of a name that are kept in the list of keys.
const MAX_KEPT_KEY_BYTES: usize = 64 << 10;

/// Types with counts of their own. A hostile file may name any number of types of modules.
const MAX_TYPES: usize = 1024;
const OTHER_TYPES: &[u8] = b"other";

/// How keys differ between two sides. Bytes are those in memory where that is modelled, or else in
/// the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Changes {
    /// Keys of the old side.
    pub old_keys: u64,
    /// Keys of the new side.
    pub new_keys: u64,
    /// Bytes of the old side.
    pub old_bytes: u64,
    /// Bytes of the new side.
    pub new_bytes: u64,
    /// Keys that only the new side has.
    pub added_keys: u64,
    /// Keys that only the old side has.
    pub gone_keys: u64,
    /// Keys with more bytes than before.
    pub grown_keys: u64,
    /// Keys with fewer bytes than before.
    pub shrunk_keys: u64,
    /// Keys that had an expiry and have none.
    pub expiry_lost_keys: u64,
    /// Keys that had no expiry and have one.
    pub expiry_set_keys: u64,
    /// Keys of the same type with another encoding.
    pub encoding_changed_keys: u64,
    /// Keys of another type.
    pub type_changed_keys: u64,
}

impl Changes {
    /// How many bytes more the new side has.
    pub fn growth_bytes(&self) -> i128 {
        i128::from(self.new_bytes) - i128::from(self.old_bytes)
    }

    fn of(old: Option<&KeyState<'_>>, new: Option<&KeyState<'_>>) -> Self {
        let bytes = |key: Option<&KeyState<'_>>| key.map_or(0, |key| key.bytes);
        let both = old.zip(new);
        let count = |is_so: &dyn Fn(&KeyState<'_>, &KeyState<'_>) -> bool| {
            u64::from(both.is_some_and(|(old, new)| is_so(old, new)))
        };
        Self {
            old_keys: u64::from(old.is_some()),
            new_keys: u64::from(new.is_some()),
            old_bytes: bytes(old),
            new_bytes: bytes(new),
            added_keys: u64::from(old.is_none()),
            gone_keys: u64::from(new.is_none()),
            grown_keys: count(&|old, new| new.bytes > old.bytes),
            shrunk_keys: count(&|old, new| new.bytes < old.bytes),
            expiry_lost_keys: count(&|old, new| old.expires_at_ms.is_some() && new.expires_at_ms.is_none()),
            expiry_set_keys: count(&|old, new| old.expires_at_ms.is_none() && new.expires_at_ms.is_some()),
            encoding_changed_keys: count(&|old, new| {
                old.data_type == new.data_type && old.encoding != new.encoding
            }),
            type_changed_keys: count(&|old, new| old.data_type != new.data_type),
        }
    }

    fn add(&mut self, other: Self) {
        let Self {
            old_keys,
            new_keys,
            old_bytes,
            new_bytes,
            added_keys,
            gone_keys,
            grown_keys,
            shrunk_keys,
            expiry_lost_keys,
            expiry_set_keys,
            encoding_changed_keys,
            type_changed_keys,
        } = other;
        self.old_keys += old_keys;
        self.new_keys += new_keys;
        self.old_bytes = self.old_bytes.saturating_add(old_bytes);
        self.new_bytes = self.new_bytes.saturating_add(new_bytes);
        self.added_keys += added_keys;
        self.gone_keys += gone_keys;
        self.grown_keys += grown_keys;
        self.shrunk_keys += shrunk_keys;
        self.expiry_lost_keys += expiry_lost_keys;
        self.expiry_set_keys += expiry_set_keys;
        self.encoding_changed_keys += encoding_changed_keys;
        self.type_changed_keys += type_changed_keys;
    }
}

/// The keys of a group that differ between two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedGroup {
    /// What the keys have in common.
    pub kind: GroupKind,
    /// How their names begin, with placeholders.
    pub path: Vec<u8>,
    /// How they differ. Keys that are the same on both sides do not count.
    pub changes: Changes,
}

/// A key that differs between two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangedKey {
    /// First 64 KiB of its name.
    pub key: Vec<u8>,
    /// Number of its logical database.
    pub db: u64,
    /// What it was. `None`: it is new.
    pub old: Option<KeySide>,
    /// What it is. `None`: it is gone.
    pub new: Option<KeySide>,
}

/// A key on one side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct KeySide {
    /// The name of its type.
    #[serde(rename = "type")]
    pub data_type: String,
    /// What `OBJECT ENCODING` answers.
    pub encoding: String,
    /// Bytes in memory where that is modelled, or else in the file.
    pub bytes: u64,
    /// Number of elements.
    pub elements: Option<u64>,
    /// When it expires, in milliseconds since 1970.
    pub expires_at_ms: Option<i64>,
}

impl KeySide {
    /// A key of a report. Its bytes are those in memory if `has_memory`, or else in the file.
    pub(super) fn of_record(key: &KeyRecord, has_memory: bool) -> Self {
        let measure = &key.measure;
        Self {
            data_type: measure.data_type.to_string(),
            encoding: measure.encoding.name().to_owned(),
            bytes: measure.memory_bytes.filter(|_| has_memory).unwrap_or(measure.rdb_bytes),
            elements: measure.elements,
            expires_at_ms: measure.expires_at_ms,
        }
    }

    fn new(key: &KeyState<'_>) -> Self {
        Self {
            data_type: String::from_utf8_lossy(key.data_type).into_owned(),
            encoding: String::from_utf8_lossy(key.encoding).into_owned(),
            bytes: key.bytes,
            elements: key.elements,
            expires_at_ms: key.expires_at_ms,
        }
    }
}

impl ChangedKey {
    /// How many bytes more the new side has.
    pub fn growth_bytes(&self) -> i128 {
        let bytes = |side: &Option<KeySide>| i128::from(side.as_ref().map_or(0, |side| side.bytes));
        bytes(&self.new) - bytes(&self.old)
    }
}

/// How two sides differ.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diff {
    /// Over all keys.
    pub totals: Changes,
    /// By type, for a key that changed its type by the new one. Over all keys.
    pub by_type: BTreeMap<String, Changes>,
    /// By cluster slot, over the keys that differ.
    pub by_slot: BTreeMap<u16, Changes>,
    /// By name, over the keys that differ. The group with the most bytes gained or lost comes first.
    pub by_name: Vec<ChangedGroup>,
    /// The keys with the most bytes gained or lost.
    pub keys: Vec<ChangedKey>,
}

/// A key in the list; the least change is the greatest, because a heap shows its greatest.
#[derive(Debug, PartialEq, Eq)]
struct Mover(ChangedKey);

impl Mover {
    fn standing(&self) -> (Reverse<u128>, &[u8], u64) {
        (Reverse(self.0.growth_bytes().unsigned_abs()), &self.0.key, self.0.db)
    }
}

impl Ord for Mover {
    fn cmp(&self, other: &Self) -> Ordering {
        self.standing().cmp(&other.standing())
    }
}

impl PartialOrd for Mover {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Sums over the keys of some partitions, which merge in any order.
#[derive(Debug)]
pub(super) struct DiffSums {
    top: usize,
    totals: Changes,
    by_type: BTreeMap<Vec<u8>, Changes>,
    by_slot: HashMap<u16, Changes, RandomState>,
    by_name: ByName<Changes>,
    movers: BinaryHeap<Mover>,
}

impl DiffSums {
    pub(super) fn new(rule: NameRule, depth: usize, top: usize) -> Self {
        Self {
            top,
            totals: Changes::default(),
            by_type: BTreeMap::new(),
            by_slot: HashMap::default(),
            by_name: ByName::new(rule, depth, MAX_GROUPS, Changes::add),
            movers: BinaryHeap::new(),
        }
    }

    /// Adds a key that is the same on both sides.
    pub(super) fn add_same(&mut self, key: &KeyState<'_>) {
        self.add_to_totals(key, Changes::of(Some(key), Some(key)));
    }

    /// Adds a key that one side has, or that differs.
    pub(super) fn add(&mut self, old: Option<&KeyState<'_>>, new: Option<&KeyState<'_>>) {
        let Some(key) = new.or(old) else { return };
        let changes = Changes::of(old, new);
        self.add_to_totals(key, changes);
        self.by_slot.entry(slot_of_name(key.name)).or_default().add(changes);
        self.by_name.add(key.name, changes);
        let growth = changes.growth_bytes().unsigned_abs();
        let name = key.name.get(..MAX_KEPT_KEY_BYTES).unwrap_or(key.name);
        // Many keys change by the same number of bytes, so the names are compared before anything is
        // allocated.
        let standing = (Reverse(growth), name, key.db);
        let is_listed = self.movers.len() < self.top
            || self.movers.peek().is_some_and(|least| standing < least.standing());
        if growth > 0 && is_listed {
            let (old, new) = (old.map(KeySide::new), new.map(KeySide::new));
            self.push(Mover(ChangedKey { key: name.to_vec(), db: key.db, old, new }));
        }
    }

    fn add_to_totals(&mut self, key: &KeyState<'_>, changes: Changes) {
        self.totals.add(changes);
        match self.by_type.get_mut(key.data_type) {
            Some(sums) => sums.add(changes),
            None => self.add_type(key.data_type.to_owned(), changes),
        }
    }

    /// A type beyond the bound counts as another one. Types are kept by their order and not by their
    /// arrival, so that the result does not depend on the order of keys.
    fn add_type(&mut self, data_type: Vec<u8>, changes: Changes) {
        self.by_type.entry(data_type).or_default().add(changes);
        if self.by_type.len() > MAX_TYPES {
            let last = self.by_type.keys().rfind(|name| *name != OTHER_TYPES).cloned();
            if let Some(changes) = last.and_then(|last| self.by_type.remove(&last)) {
                self.by_type.entry(OTHER_TYPES.to_owned()).or_default().add(changes);
            }
        }
    }

    fn push(&mut self, mover: Mover) {
        self.movers.push(mover);
        if self.movers.len() > self.top {
            self.movers.pop();
        }
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.totals.add(other.totals);
        for (data_type, changes) in other.by_type {
            self.add_type(data_type, changes);
        }
        for (slot, changes) in other.by_slot {
            self.by_slot.entry(slot).or_default().add(changes);
        }
        self.by_name.merge(other.by_name);
        for mover in other.movers {
            self.push(mover);
        }
        self
    }

    pub(super) fn into_diff(self) -> Diff {
        let groups = self.by_name.into_groups().into_iter();
        let mut by_name: Vec<_> =
            groups.map(|(kind, path, changes)| ChangedGroup { kind, path, changes }).collect();
        by_name.sort_by_key(|group| Reverse(group.changes.growth_bytes().unsigned_abs()));
        Diff {
            totals: self.totals,
            by_type: self
                .by_type
                .into_iter()
                .map(|(name, changes)| (String::from_utf8_lossy(&name).into_owned(), changes))
                .collect(),
            by_slot: self.by_slot.into_iter().collect(),
            by_name,
            keys: self.movers.into_sorted_vec().into_iter().map(|mover| mover.0).collect(),
        }
    }
}
