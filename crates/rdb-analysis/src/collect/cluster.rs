//! Keys by hash slot, shard and hash tag of a cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdb_parser::{ErrorKind, RdbString};
use serde::{Deserialize, Serialize};

use super::collector::{Collector, EndOfSource, Observe, PlaceUse, RangeStart};
use super::group::Group;
use super::heavy::HeavySums;
use super::portable::Portable;
use crate::measure::{KeyView, Name, slot_and_hash_tag};

const SLOTS: usize = crate::measure::SLOTS as usize;

/// Which shard has which hash slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotOwners {
    names: Arc<[String]>,
    /// Indices in `names`.
    owners: Arc<[Option<u32>]>,
}

impl SlotOwners {
    /// Slots by the names of shards. Slots that are not there have no owner. A slot that several
    /// shards name belongs to the last of them; slots from 16,384 on are left out.
    pub fn new(shards: impl IntoIterator<Item = (String, Vec<std::ops::RangeInclusive<u16>>)>) -> Self {
        let mut names = Vec::new();
        let mut owners = vec![None; SLOTS];
        for (name, ranges) in shards {
            let index = u32::try_from(names.len()).ok();
            names.push(name);
            for slot in ranges.into_iter().flatten() {
                if let Some(owner) = owners.get_mut(usize::from(slot)) {
                    *owner = index;
                }
            }
        }
        Self { names: names.into(), owners: owners.into() }
    }

    /// The shard that has a slot.
    pub fn owner(&self, slot: u16) -> Option<&str> {
        let index = (*self.owners.get(usize::from(slot))?)?;
        self.names.get(index as usize).map(String::as_str)
    }

    /// The names of the shards.
    pub fn shards(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

/// Collects the keys of a cluster by hash slot, shard and hash tag.
///
/// The slot follows from the name of a key. A shard is what the [owners](Self::owners) of slots say,
/// or else the node or the path of a source.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    owners: Option<SlotOwners>,
    tags: usize,
}

impl Cluster {
    /// Lists at most `tags` hash tags.
    pub fn new(tags: usize) -> Self {
        Self { owners: None, tags }
    }

    /// Sets which shard has which slots.
    #[must_use]
    pub fn owners(self, owners: SlotOwners) -> Self {
        Self { owners: Some(owners), ..self }
    }
}

/// The keys of a cluster. Bytes are those in memory, or in the file where memory is not modelled.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ClusterTable {
    /// The slots with keys, in their order.
    pub slots: Vec<SlotGroup>,
    /// The shards. In the order of their names, and last the slots without an owner.
    pub shards: Vec<ShardGroup>,
    /// Slots whose keys are in the sources of several shards, in their order.
    pub shared_slots: Vec<u16>,
    /// The first 1,024 bytes of the heaviest hash tags, and the sums over their keys, heaviest first.
    pub tags: Vec<(Vec<u8>, Group)>,
    /// Bytes by which the sum of a tag may be too low. 0: all are exact.
    pub tags_error_bytes: u64,
}

/// The keys of a hash slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SlotGroup {
    /// The slot.
    pub slot: u16,
    /// Number of keys.
    pub keys: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The keys of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShardGroup {
    /// The name of the shard. `None`: slots without an owner.
    pub shard: Option<String>,
    /// Number of keys.
    pub keys: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Slots that have keys.
    pub slots: usize,
    /// Keys in the sources of this shard whose slots another shard has. `None`: it is not known
    /// which sources are of this shard, or which shard has which slots.
    pub misplaced_keys: Option<u64>,
}

/// How unequal parts are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Skew {
    /// The largest part divided by the mean of all: 1 if all are equal.
    pub max_to_mean: f64,
    /// The Gini coefficient: 0 if all are equal, near 1 if one part has everything.
    pub gini: f64,
}

impl Skew {
    /// The skew of parts. `None`: there is nothing to compare.
    #[allow(clippy::cast_precision_loss, reason = "ratios are shown with three digits")]
    pub fn of(parts: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut parts: Vec<u64> = parts.into_iter().collect();
        parts.sort_unstable();
        let sum: f64 = parts.iter().map(|&part| part as f64).sum();
        let number = parts.len() as f64;
        let max = *parts.last()? as f64;
        if sum == 0.0 {
            return None;
        }
        let ranked: f64 = parts
            .iter()
            .enumerate()
            .map(|(index, &part)| (2.0 * (index as f64 + 1.0) - number - 1.0) * part as f64)
            .sum();
        Some(Self { max_to_mean: max * number / sum, gini: ranked / (number * sum) })
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sums {
    keys: u64,
    bytes: u64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// The sources of a shard.
#[derive(Clone, Debug)]
struct ShardSums {
    sums: Sums,
    /// A bit for each slot that has keys.
    slots: Box<[u64; SLOTS / 64]>,
    misplaced_keys: u64,
}

impl Default for ShardSums {
    fn default() -> Self {
        Self { sums: Sums::default(), slots: Box::new([0; SLOTS / 64]), misplaced_keys: 0 }
    }
}

impl ShardSums {
    fn merge(&mut self, other: &Self) {
        self.sums.add(other.sums);
        self.misplaced_keys += other.misplaced_keys;
        for (slots, more) in self.slots.iter_mut().zip(other.slots.iter()) {
            *slots |= more;
        }
    }
}

/// The keys of a range or more. The child of [`Cluster`].
#[derive(Debug, Default)]
pub struct ClusterSums {
    /// By slot; made with the first key.
    slots: Vec<Sums>,
    tags: HeavySums<()>,
    /// By shard: the sources that ended.
    shards: BTreeMap<String, ShardSums>,
    scratch: Vec<u8>,
}

/// Hash tags that are carried at most. A table lists a few.
const MAX_CARRIED_TAGS: usize = 1000;

/// What is carried of [`ClusterSums`].
#[derive(Debug, Serialize, Deserialize)]
pub struct ClusterWire {
    /// The slots with keys, and their sums.
    slots: Vec<(u16, Sums)>,
    tags: Vec<(Name, Group)>,
    tags_error_bytes: u64,
    shards: BTreeMap<String, ShardWire>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ShardWire {
    sums: Sums,
    slots: Vec<u16>,
    misplaced_keys: u64,
}

impl Portable for Cluster {
    type Wire = ClusterWire;

    fn to_wire(&self, mut child: ClusterSums) -> ClusterWire {
        child.tags.forget_down_to(MAX_CARRIED_TAGS);
        let slots = (0..).zip(&child.slots).filter(|(_, sums)| sums.keys > 0);
        let shards = child.shards.into_iter().map(|(name, shard)| {
            let is_set = |slot: &u16| shard.slots[usize::from(*slot) / 64] >> (slot % 64) & 1 != 0;
            let slots = (0..crate::measure::SLOTS).filter(is_set).collect();
            (name, ShardWire { sums: shard.sums, slots, misplaced_keys: shard.misplaced_keys })
        });
        ClusterWire {
            slots: slots.map(|(slot, sums)| (slot, *sums)).collect(),
            tags: child.tags.iter().map(|(tag, (), group)| (Name(tag.to_vec()), *group)).collect(),
            tags_error_bytes: child.tags.error_bytes(),
            shards: shards.collect(),
        }
    }

    fn child_of(&self, wire: ClusterWire) -> ClusterSums {
        let mut child = ClusterSums::default();
        if !wire.slots.is_empty() {
            child.slots = vec![Sums::default(); SLOTS];
        }
        for (slot, sums) in wire.slots {
            if let Some(slot) = child.slots.get_mut(usize::from(slot)) {
                *slot = sums;
            }
        }
        for (tag, group) in wire.tags {
            child.tags.add(&tag.0, (), &group);
        }
        child.tags.add_error(wire.tags_error_bytes);
        for (name, ShardWire { sums, slots, misplaced_keys }) in wire.shards {
            let mut shard = ShardSums { sums, misplaced_keys, ..ShardSums::default() };
            for slot in slots {
                if let Some(bits) = shard.slots.get_mut(usize::from(slot) / 64) {
                    *bits |= 1 << (slot % 64);
                }
            }
            child.shards.insert(name, shard);
        }
        child
    }
}

impl Observe for ClusterSums {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        match key.key {
            RdbString::Raw(_) | RdbString::Int(_) => Ok(()),
            _ => key.key.decode(&mut self.scratch).map(|_| ()),
        }
    }

    fn observe(&mut self, key: &KeyView<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Ok(name) = key.key.decode(&mut scratch) {
            if self.slots.is_empty() {
                self.slots = vec![Sums::default(); SLOTS];
            }
            let measure = &key.measure;
            let bytes = measure.memory_bytes.unwrap_or(measure.rdb_bytes);
            let (slot, tag) = slot_and_hash_tag(name);
            self.slots[usize::from(slot)].add(Sums { keys: 1, bytes });
            if let Some(tag) = tag {
                let index = self.tags.index(tag, ());
                self.tags.sums(index).add(measure);
                self.tags.forget();
            }
        }
        self.scratch = scratch;
    }

    fn is_full(&self) -> bool {
        self.tags.is_full()
    }
}

impl Collector for Cluster {
    type Child = ClusterSums;
    type Output = ClusterTable;

    fn child(&self, _: RangeStart) -> ClusterSums {
        ClusterSums::default()
    }

    fn merge(&self, all: &mut ClusterSums, child: ClusterSums) {
        if all.slots.is_empty() {
            all.slots = child.slots;
        } else {
            all.slots.iter_mut().zip(child.slots).for_each(|(all, child)| all.add(child));
        }
        all.tags.merge(&child.tags);
        all.tags.forget();
        for (name, shard) in child.shards {
            all.shards.entry(name).or_default().merge(&shard);
        }
    }

    fn end_source(&self, all: &mut ClusterSums, source: &EndOfSource<'_>) {
        let name = source.shard.unwrap_or(source.path);
        let mut shard = ShardSums::default();
        for (slot, sums) in (0..).zip(&all.slots).filter(|(_, sums)| sums.keys > 0) {
            shard.sums.add(*sums);
            shard.slots[usize::from(slot) / 64] |= 1 << (slot % 64);
            let owner = self.owners.as_ref().and_then(|owners| owners.owner(slot));
            if owner.is_some_and(|owner| owner != name) {
                shard.misplaced_keys += sums.keys;
            }
        }
        all.shards.entry(name.to_owned()).or_default().merge(&shard);
    }

    fn finish(&self, all: ClusterSums) -> ClusterTable {
        let slots: Vec<_> = (0..)
            .zip(&all.slots)
            .filter(|(_, sums)| sums.keys > 0)
            .map(|(slot, sums)| SlotGroup { slot, keys: sums.keys, bytes: sums.bytes })
            .collect();
        let in_sources = |slot: u16| {
            let has = |shard: &&ShardSums| shard.slots[usize::from(slot) / 64] >> (slot % 64) & 1 != 0;
            all.shards.values().filter(has).count()
        };
        let shared_slots =
            slots.iter().map(|group| group.slot).filter(|&slot| in_sources(slot) > 1).collect();
        let shards = if let Some(owners) = &self.owners {
            owned(owners, &slots, &all.shards)
        } else {
            let shard = |(name, shard): (&String, &ShardSums)| ShardGroup {
                shard: Some(name.clone()),
                keys: shard.sums.keys,
                bytes: shard.sums.bytes,
                slots: shard.slots.iter().map(|slots| slots.count_ones() as usize).sum(),
                misplaced_keys: None,
            };
            all.shards.iter().map(shard).collect()
        };
        let (tags, tags_error_bytes) = (all.tags.heaviest(self.tags), all.tags.error_bytes());
        ClusterTable { slots, shards, shared_slots, tags, tags_error_bytes }
    }
}

/// The shards that own slots, each with the keys of its slots in all sources.
fn owned(owners: &SlotOwners, slots: &[SlotGroup], sources: &BTreeMap<String, ShardSums>) -> Vec<ShardGroup> {
    let empty = |name: Option<&str>| ShardGroup {
        shard: name.map(str::to_owned),
        keys: 0,
        bytes: 0,
        slots: 0,
        misplaced_keys: name.and_then(|name| sources.get(name)).map(|shard| shard.misplaced_keys),
    };
    let mut shards: BTreeMap<Option<&str>, ShardGroup> =
        owners.shards().map(|name| (Some(name), empty(Some(name)))).collect();
    for group in slots {
        let owner = owners.owner(group.slot);
        let shard = shards.entry(owner).or_insert_with(|| empty(owner));
        shard.keys += group.keys;
        shard.bytes = shard.bytes.saturating_add(group.bytes);
        shard.slots += 1;
    }
    let without_owner = shards.remove(&None);
    shards.into_values().chain(without_owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScanOptions, Source, Totals, analyze};

    /// A file of string keys.
    fn file(names: &[String]) -> Vec<u8> {
        let mut file = b"REDIS0003".to_vec();
        for name in names {
            file.extend([0, u8::try_from(name.len()).expect("short")]);
            file.extend(name.as_bytes());
            file.extend([1, b'v']);
        }
        file.push(0xff);
        file
    }

    #[test]
    fn slots_shards_and_tags_add_up_on_any_number_of_threads() {
        let names = |from: u32| -> Vec<String> {
            (from..from + 3000).map(|n| format!("{{user:{}}}:{n}", n % 50)).collect()
        };
        let plain: Vec<String> = (0..1000).map(|n| format!("key:{n}")).collect();
        let files = [file(&names(0)), file(&names(10_000)), file(&plain)];
        let owners = SlotOwners::new([
            ("a".to_owned(), vec![0..=8191]),
            ("b".to_owned(), vec![8192..=16_000, 16_001..=u16::MAX]),
        ]);
        for collector in [Cluster::new(100), Cluster::new(100).owners(owners)] {
            let run = |threads, range_bytes| {
                let sources = files.iter().zip(["a", "b", "c"]);
                let sources = sources.map(|(file, name)| Source::from_bytes(name, file)).collect();
                let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
                analyze(sources, (Totals, collector.clone()), &options, &(), &false.into())
                    .expect("threads")
                    .output
            };
            let (totals, table) = run(1, None);
            assert_eq!(table.slots.iter().map(|slot| slot.keys).sum::<u64>(), 7000);
            assert_eq!(table.shards.iter().map(|shard| shard.keys).sum::<u64>(), 7000);
            let bytes = totals.memory_bytes.expect("modelled");
            assert_eq!(table.slots.iter().map(|slot| slot.bytes).sum::<u64>(), bytes);
            assert_eq!(table.shards.iter().map(|shard| shard.bytes).sum::<u64>(), bytes);
            assert_eq!(table.tags.len(), 50);
            assert_eq!(table.tags.iter().map(|(_, group)| group.keys).sum::<u64>(), 6000);
            assert!((40..=50 + 1000).contains(&table.shared_slots.len()));
            for (threads, range_bytes) in [(2, Some(2000)), (3, Some(30_000))] {
                assert_eq!(run(threads, range_bytes).1, table);
            }
        }
    }

    #[test]
    fn a_key_in_the_file_of_another_shard_is_misplaced() {
        let owners =
            SlotOwners::new([("a".to_owned(), vec![0..=8000]), ("b".to_owned(), vec![8001..=12_181])]);
        // foo has slot 12182, bar 5061, hello 866.
        let files = [file(&["foo".into(), "bar".into()]), file(&["hello".into()])];
        let sources =
            files.iter().zip(["a", "b"]).map(|(file, name)| Source::from_bytes(name, file)).collect();
        let collector = Cluster::new(1).owners(owners);
        let options = ScanOptions::default();
        let table = analyze(sources, collector, &options, &(), &false.into()).expect("threads").output;
        let shards: Vec<_> = table
            .shards
            .iter()
            .map(|shard| (shard.shard.as_deref(), shard.keys, shard.slots, shard.misplaced_keys))
            .collect();
        assert_eq!(shards, [(Some("a"), 2, 2, Some(0)), (Some("b"), 0, 0, Some(1)), (None, 1, 1, None)]);
        assert!(table.shared_slots.is_empty());
    }

    #[test]
    fn the_skew_of_equal_parts_is_none_and_that_of_one_part_is_the_greatest() {
        let equal = Skew::of([5, 5, 5, 5]).expect("parts");
        assert!((equal.max_to_mean - 1.0).abs() < 1e-9 && equal.gini.abs() < 1e-9);
        let one = Skew::of([0, 0, 0, 8]).expect("parts");
        assert!((one.max_to_mean - 4.0).abs() < 1e-9 && (one.gini - 0.75).abs() < 1e-9);
        // The textbook example of 1, 2, 3, 4.
        assert!((Skew::of([4, 1, 3, 2]).expect("parts").gini - 0.25).abs() < 1e-9);
        assert_eq!(Skew::of([]), None);
        assert_eq!(Skew::of([0, 0]), None);
    }
}
