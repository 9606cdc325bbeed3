//! What changed between two reports, which have sums and lists but no keys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use rdb_analysis::{DataType, Encoding, ExpiryBucket, Group, KeyRecord, PrefixTable, Report};
use serde::Serialize;

use super::changes::KeySide;

/// How two reports differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportDiff {
    /// Whether bytes are those in memory, and not those in the file.
    pub has_memory: bool,
    /// Whether both reports assume the same server, allocator and limits. Bytes in memory depend on
    /// them.
    pub has_same_assumptions: bool,
    /// Over all keys.
    pub totals: GroupChange,
    /// By type.
    pub by_type: Vec<(DataType, GroupChange)>,
    /// By type and encoding.
    pub by_encoding: Vec<((DataType, Encoding), GroupChange)>,
    /// By logical database. `None`: all databases without sums of their own.
    pub by_db: Vec<(Option<u64>, GroupChange)>,
    /// By time to expiry, from when each file was written.
    pub by_expiry: Vec<(ExpiryBucket, GroupChange)>,
    /// By the beginnings of names. `None`: one of the reports has no prefixes, or the bound of its
    /// error is one of other bytes than these.
    pub prefixes: Option<PrefixChanges>,
    /// The listed keys that differ. Those with the most bytes gained or lost come first, and those
    /// that entered or left the lists come last.
    pub keys: Vec<ListedKey>,
}

/// The sums over a group in two reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupChange {
    /// In the old report.
    pub old: Group,
    /// In the new report.
    pub new: Group,
    /// Bytes of the old report, in memory or in the file.
    pub old_bytes: u64,
    /// Bytes of the new report, in memory or in the file.
    pub new_bytes: u64,
}

impl GroupChange {
    /// How many bytes more the new report has.
    pub fn growth_bytes(&self) -> i128 {
        i128::from(self.new_bytes) - i128::from(self.old_bytes)
    }
}

/// How prefixes differ. All parts add up to the totals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrefixChanges {
    /// The byte that ends a prefix.
    pub separator: u8,
    /// Prefixes, with the separator. The one with the most bytes gained or lost comes first.
    pub groups: Vec<(Vec<u8>, GroupChange)>,
    /// Keys without a prefix.
    pub no_prefix: GroupChange,
    /// Keys with other prefixes.
    pub others: GroupChange,
    /// Bytes by which a change may be too high or too low. 0: all are exact.
    pub error_bytes: u64,
}

/// A key that one or both reports list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedKey {
    /// First bytes of its name.
    pub key: Vec<u8>,
    /// Length of its whole name in bytes.
    pub key_bytes: u64,
    /// Number of its logical database.
    pub db: u64,
    /// How it changed.
    pub change: ListedChange,
    /// In the list of the old report.
    pub old: Option<KeySide>,
    /// In the list of the new report.
    pub new: Option<KeySide>,
}

/// How a listed key changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ListedChange {
    /// It has more bytes.
    Grown,
    /// It has fewer bytes.
    Shrunk,
    /// It is new.
    New,
    /// It is gone.
    Gone,
    /// Only the new report lists it. The old one may have had it, as one of its smaller keys.
    Entered,
    /// Only the old report lists it. The new one may have it, as one of its smaller keys.
    Left,
}

impl ListedChange {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::New => "new",
            Self::Gone => "gone",
            Self::Entered => "entered",
            Self::Left => "left",
        }
    }
}

impl ListedKey {
    /// How many bytes more it has. `None`: only one of the reports knows its bytes.
    pub fn growth_bytes(&self) -> Option<i128> {
        match self.change {
            ListedChange::Entered | ListedChange::Left => None,
            _ => Some(self.known_growth_bytes()),
        }
    }

    /// The growth if a key has no bytes where it is not listed.
    fn known_growth_bytes(&self) -> i128 {
        let bytes = |side: &Option<KeySide>| i128::from(side.as_ref().map_or(0, |side| side.bytes));
        bytes(&self.new) - bytes(&self.old)
    }
}

/// A report, and the number of keys that its lists may have for each type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReportLists<'a> {
    pub(crate) report: &'a Report,
    pub(crate) top: usize,
    /// The server, the allocator and the limits that each source was scanned with, in text.
    pub(crate) assumptions: &'a BTreeSet<String>,
}

impl ReportLists<'_> {
    fn has_memory(&self) -> bool {
        self.report.totals.memory_bytes.is_some() || self.report.totals.keys == 0
    }

    /// Whether there may be keys that are not listed.
    fn may_omit_keys(&self) -> bool {
        self.report.top.values().any(|keys| keys.len() >= self.top) || self.top == 0
    }

    /// The listed keys by what identifies them. Of several keys, such as those of standalone servers
    /// in one report, the largest counts.
    fn keys(&self) -> HashMap<Identity<'_>, &KeyRecord> {
        let mut keys: HashMap<Identity<'_>, &KeyRecord> = HashMap::new();
        for key in self.report.top.values().flatten() {
            let known = keys.entry((key.shard.as_deref(), key.measure.db, &key.key, key.key_bytes));
            let largest = known.or_insert(key);
            if key.measure.rdb_bytes > largest.measure.rdb_bytes {
                *largest = key;
            }
        }
        keys
    }
}

/// The shard, the database, the beginning of the name and its length.
type Identity<'a> = (Option<&'a str>, u64, &'a [u8], u64);

impl ReportDiff {
    /// Bytes are those in memory if `memory` is set and both reports model it. At most `top` prefixes
    /// and keys are listed.
    pub(crate) fn new(old: ReportLists<'_>, new: ReportLists<'_>, memory: bool, top: usize) -> Self {
        let has_memory = memory && old.has_memory() && new.has_memory();
        let (old_report, new_report) = (old.report, new.report);
        let change = |old: Group, new: Group| {
            let bytes = |group: &Group| {
                if has_memory { group.memory_bytes.unwrap_or(0) } else { group.rdb_bytes }
            };
            GroupChange { old, new, old_bytes: bytes(&old), new_bytes: bytes(&new) }
        };
        let types = |report: &Report| -> Vec<_> {
            report.by_type.iter().map(|row| (row.data_type, row.group)).collect()
        };
        let encodings = |report: &Report| -> Vec<_> {
            report.by_encoding.iter().map(|row| ((row.data_type, row.encoding), row.group)).collect()
        };
        let dbs =
            |report: &Report| -> Vec<_> { report.by_db.iter().map(|row| (row.db, row.group)).collect() };
        let expiry =
            |report: &Report| -> Vec<_> { report.expiry.iter().map(|row| (row.bucket, row.group)).collect() };
        let mut by_db = paired(dbs(old_report), dbs(new_report), change);
        by_db.sort_by_key(|(db, _)| (db.is_none(), *db));
        let prefixes = old_report.prefixes.as_ref().zip(new_report.prefixes.as_ref());
        // Prefixes were forgotten by their bytes in memory where those are modelled.
        let is_weight = |report: &Report| report.totals.memory_bytes.is_some() == has_memory;
        let prefixes = prefixes.filter(|(old, new)| {
            (old.error_bytes == 0 || is_weight(old_report)) && (new.error_bytes == 0 || is_weight(new_report))
        });
        Self {
            has_memory,
            has_same_assumptions: old.assumptions == new.assumptions,
            totals: change(old_report.totals, new_report.totals),
            by_type: paired(types(old_report), types(new_report), change),
            by_encoding: paired(encodings(old_report), encodings(new_report), change),
            by_db,
            by_expiry: paired(expiry(old_report), expiry(new_report), change),
            prefixes: prefixes.map(|(old, new)| prefix_changes(old, new, change, top)),
            keys: listed_keys(old, new, has_memory, top),
        }
    }
}

/// The changes of groups, in their order. A group that a report does not have is empty there.
fn paired<K: Ord>(
    old: Vec<(K, Group)>,
    new: Vec<(K, Group)>,
    change: impl Fn(Group, Group) -> GroupChange,
) -> Vec<(K, GroupChange)> {
    let mut pairs: BTreeMap<K, (Group, Group)> = BTreeMap::new();
    for (key, group) in old {
        pairs.entry(key).or_default().0 = group;
    }
    for (key, group) in new {
        pairs.entry(key).or_default().1 = group;
    }
    pairs.into_iter().map(|(key, (old, new))| (key, change(old, new))).collect()
}

fn prefix_changes(
    old: &PrefixTable,
    new: &PrefixTable,
    change: impl Fn(Group, Group) -> GroupChange,
    top: usize,
) -> PrefixChanges {
    let groups = |table: &PrefixTable| table.groups.clone();
    let mut groups = paired(groups(old), groups(new), &change);
    groups.sort_by_key(|(_, change)| Reverse(change.growth_bytes().unsigned_abs()));
    let folded = groups.split_off(top.min(groups.len()));
    let others = folded.iter().fold((old.others, new.others), |(old, new), (_, change)| {
        (old.plus(&change.old), new.plus(&change.new))
    });
    PrefixChanges {
        separator: new.separator,
        groups,
        no_prefix: change(old.no_prefix, new.no_prefix),
        others: change(others.0, others.1),
        error_bytes: old.error_bytes.saturating_add(new.error_bytes),
    }
}

/// The listed keys whose bytes differ, or that one report does not list.
fn listed_keys(old: ReportLists<'_>, new: ReportLists<'_>, has_memory: bool, top: usize) -> Vec<ListedKey> {
    let side = |key: &KeyRecord| KeySide::of_record(key, has_memory);
    let (before, after) = (old.keys(), new.keys());
    let listed = |key: &KeyRecord, change, old: Option<KeySide>, new: Option<KeySide>| ListedKey {
        key: key.key.clone(),
        key_bytes: key.key_bytes,
        db: key.measure.db,
        change,
        old,
        new,
    };
    let mut keys = Vec::new();
    for (place, key) in &after {
        let new_side = side(key);
        let Some(old_side) = before.get(place).map(|key| side(key)) else {
            let change = if old.may_omit_keys() { ListedChange::Entered } else { ListedChange::New };
            keys.push(listed(key, change, None, Some(new_side)));
            continue;
        };
        if new_side.bytes != old_side.bytes {
            let has_grown = new_side.bytes > old_side.bytes;
            let change = if has_grown { ListedChange::Grown } else { ListedChange::Shrunk };
            keys.push(listed(key, change, Some(old_side), Some(new_side)));
        }
    }
    for (_, key) in before.iter().filter(|(place, _)| !after.contains_key(*place)) {
        let change = if new.may_omit_keys() { ListedChange::Left } else { ListedChange::Gone };
        keys.push(listed(key, change, Some(side(key)), None));
    }
    keys.sort_by(|one, other| {
        let standing = |key: &ListedKey| {
            let growth = Reverse(key.known_growth_bytes().unsigned_abs());
            (key.growth_bytes().is_none(), growth, key.db, key.key_bytes)
        };
        standing(one)
            .cmp(&standing(other))
            .then_with(|| (&one.key, &one.old, &one.new).cmp(&(&other.key, &other.old, &other.new)))
    });
    keys.truncate(top);
    keys
}
