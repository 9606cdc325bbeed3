//! Sums by name in bounded memory, exact for the heaviest names.

use std::collections::{BTreeMap, HashMap};

use super::group::Group;
use crate::measure::{DataType, Measure};

/// Sums that are held at a time, and bytes of their names. When there are more, the lighter half is
/// forgotten.
pub(super) const MAX_SUMS: usize = 1 << 16;
const MAX_HELD_NAME_BYTES: usize = 8 << 20;

/// First bytes of a name that count.
pub(super) const MAX_NAME_BYTES: usize = 1024;

/// What the child of a range may hold: bytes of names, each with a fixed number of bytes for its
/// sums.
const MAX_BYTES_IN_RANGE: usize = 256 << 10;
const SUMS_BYTES: usize = 256;

/// Splits the keys of one name into several sums.
pub trait Split: Copy + Ord + Send {
    /// The part that a key belongs to.
    fn of(measure: &Measure) -> Self;

    /// A small number for the part. Equal parts have equal numbers.
    fn number(self) -> usize;
}

/// All keys of a name have one sum.
impl Split for () {
    #[inline(always)]
    fn of(_: &Measure) -> Self {}

    #[inline(always)]
    fn number(self) -> usize {
        0
    }
}

/// The keys of a name have a sum for each type.
impl Split for DataType {
    #[inline(always)]
    fn of(measure: &Measure) -> Self {
        measure.data_type
    }

    #[inline(always)]
    fn number(self) -> usize {
        self.built_in_index().unwrap_or(0)
    }
}

/// Sums over keys by the first [`MAX_NAME_BYTES`] of a name, split by `S`.
///
/// The sums are exact for up to [`MAX_SUMS`] sums, whose names have up to [`MAX_HELD_NAME_BYTES`]
/// together. Above either limit, the lighter half of the sums is forgotten. A forgotten name that
/// comes again starts at 0, so no sum is too high, and no sum is too low by more than
/// [`error_bytes`](Self::error_bytes).
#[derive(Clone, Debug)]
pub(super) struct HeavySums<S> {
    sums: Vec<Group>,
    /// Index of the sums of a name in `sums`.
    names: BTreeMap<S, HashMap<Box<[u8]>, usize>>,
    name_bytes: usize,
    error_bytes: u64,
    /// Bytes that were taken, forgotten ones included.
    taken_bytes: usize,
}

impl<S> Default for HeavySums<S> {
    fn default() -> Self {
        Self { sums: Vec::new(), names: BTreeMap::new(), name_bytes: 0, error_bytes: 0, taken_bytes: 0 }
    }
}

impl<S: Split> HeavySums<S> {
    /// Index of the sums of a name. Copies the name only if it is new.
    pub(super) fn index(&mut self, name: &[u8], split: S) -> usize {
        let name = name.get(..MAX_NAME_BYTES).unwrap_or(name);
        let names = self.names.entry(split).or_default();
        if let Some(&index) = names.get(name) {
            return index;
        }
        let index = self.sums.len();
        names.insert(name.into(), index);
        self.sums.push(Group::default());
        self.name_bytes += name.len();
        self.taken_bytes += name.len() + SUMS_BYTES;
        index
    }

    /// The sums at an [index](Self::index), which [`forget`](Self::forget) makes invalid.
    #[inline(always)]
    pub(super) fn sums(&mut self, index: usize) -> &mut Group {
        &mut self.sums[index]
    }

    /// Adds sums of a name.
    pub(super) fn add(&mut self, name: &[u8], split: S, group: &Group) {
        let index = self.index(name, split);
        self.sums(index).merge(group);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (name, split, group) in other.iter() {
            self.add(name, split, group);
        }
        self.add_error(other.error_bytes);
    }

    /// The sums in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], S, &Group)> {
        let Self { sums, names, .. } = self;
        names.iter().flat_map(move |(&split, names)| {
            names.iter().filter_map(move |(name, &index)| Some((&**name, split, sums.get(index)?)))
        })
    }

    /// Bytes by which a sum may be too low, whatever the order of keys was.
    pub(super) fn error_bytes(&self) -> u64 {
        self.error_bytes
    }

    pub(super) fn add_error(&mut self, bytes: u64) {
        self.error_bytes = self.error_bytes.saturating_add(bytes);
    }

    /// Whether the child of a range holds as much as it may.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.taken_bytes > MAX_BYTES_IN_RANGE
    }

    /// Forgets the lighter half as long as there is too much, and returns whether it did.
    pub(super) fn forget(&mut self) -> bool {
        let mut has_forgotten = false;
        while self.sums.len() > MAX_SUMS || self.name_bytes > MAX_HELD_NAME_BYTES {
            self.forget_lighter_half();
            has_forgotten = true;
        }
        has_forgotten
    }

    /// Forgets lighter halves until there are at most `max` sums.
    pub(super) fn forget_down_to(&mut self, max: usize) {
        while self.sums.len() > max {
            self.forget_lighter_half();
        }
    }

    fn forget_lighter_half(&mut self) {
        let mut weights: Vec<_> = self.sums.iter().map(bytes_of).collect();
        let middle = weights.len() / 2;
        let (_, &mut median, _) = weights.select_nth_unstable(middle);
        let before = std::mem::take(&mut self.sums);
        let Self { sums, name_bytes, .. } = self;
        for names in self.names.values_mut() {
            names.retain(|name, index| {
                let kept = before.get(*index).filter(|group| bytes_of(group) > median);
                *index = sums.len();
                sums.extend(kept);
                *name_bytes -= if kept.is_none() { name.len() } else { 0 };
                kept.is_some()
            });
        }
        self.names.retain(|_, names| !names.is_empty());
        self.add_error(median);
    }
}

impl HeavySums<()> {
    /// The heaviest `limit` names, heaviest first.
    pub(super) fn heaviest(&self, limit: usize) -> Vec<(Vec<u8>, Group)> {
        let list = heaviest(self.iter().map(|(name, (), group)| (name, *group)).collect(), limit);
        list.into_iter().map(|(name, group)| (name.to_vec(), group)).collect()
    }
}

/// The heaviest `limit` names, heaviest first. Names of one weight are in the order of their bytes.
pub(super) fn heaviest(mut list: Vec<(&[u8], Group)>, limit: usize) -> Vec<(&[u8], Group)> {
    list.sort_unstable_by(|(name, group), (other_name, other)| {
        bytes_of(other).cmp(&bytes_of(group)).then_with(|| name.cmp(other_name))
    });
    list.truncate(limit);
    list
}

/// Memory where it is modelled, or else bytes in the file.
fn bytes_of(group: &Group) -> u64 {
    group.memory_bytes.unwrap_or(group.rdb_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_too_low_by_no_more_than_the_error() {
        // Every name comes back after it was forgotten, and some are always small.
        let mut all = HeavySums::default();
        let mut exact = HashMap::<Vec<u8>, u64>::new();
        for round in 0..3u64 {
            let mut part = HeavySums::default();
            for n in 0..100_000u64 {
                let name = n.to_string().into_bytes();
                let rdb_bytes = n % 7 * (round + 1);
                part.add(&name, (), &Group { keys: 1, rdb_bytes, ..Group::default() });
                part.forget();
                *exact.entry(name).or_default() += rdb_bytes;
            }
            all.merge(&part);
            all.forget();
        }
        let heaviest = all.heaviest(MAX_SUMS);
        assert!(all.error_bytes() > 0 && heaviest.len() > 30_000);
        for (name, group) in &heaviest {
            let exact = exact[name];
            assert!(group.rdb_bytes <= exact && exact <= group.rdb_bytes + all.error_bytes());
        }
    }

    #[test]
    fn long_names_are_bounded_by_their_bytes() {
        let mut sums = HeavySums::default();
        for n in 0..50_000u64 {
            let name = [&n.to_le_bytes()[..], &[b'x'; 2 * MAX_NAME_BYTES]].concat();
            sums.add(&name, (), &Group { keys: 1, rdb_bytes: n, ..Group::default() });
            sums.forget();
            assert!(sums.name_bytes <= MAX_HELD_NAME_BYTES);
        }
        let held: usize = sums.iter().map(|(name, ..)| name.len()).sum();
        assert_eq!(held, sums.name_bytes);
        let heaviest = sums.heaviest(1);
        assert_eq!((heaviest[0].1.rdb_bytes, heaviest[0].0.len()), (49_999, MAX_NAME_BYTES));
    }

    #[test]
    fn names_with_thousands_of_types_take_no_longer() {
        let mut sums = HeavySums::default();
        let group = Group { keys: 1, rdb_bytes: 1, ..Group::default() };
        for n in 0..200_000u64 {
            sums.add(b"a:", DataType::Module(rdb_parser::ModuleId(n << 10)), &group);
            sums.forget();
        }
        assert!(sums.sums.len() <= MAX_SUMS);
    }
}
