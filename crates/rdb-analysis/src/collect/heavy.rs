//! Sums by name in bounded memory, exact for the heaviest names.

use std::collections::HashMap;

use super::group::Group;
use crate::measure::DataType;

/// Sums that are held at a time. When there are more, the smaller half is forgotten.
pub(super) const MAX_SUMS: usize = 1 << 16;

/// What the child of a range may hold: bytes of names, each with a fixed number of bytes for its
/// sums.
const MAX_BYTES_IN_RANGE: usize = 1 << 20;
const SUMS_BYTES: usize = 128;

/// Sums over keys by a name and the type of the keys.
///
/// The sums are exact for up to [`MAX_SUMS`] pairs of a name and a type. Where there are more, the
/// small ones are forgotten from time to time. One that was forgotten and comes again is counted
/// from there, so no sum is too large, and none is too low by more than
/// [`error_bytes`](Self::error_bytes).
#[derive(Debug, Default)]
pub(super) struct HeavySums {
    /// In the order in which they came.
    sums: Vec<Group>,
    /// Where the sums of a name are, by type.
    names: HashMap<Vec<u8>, Vec<(DataType, usize)>>,
    error_bytes: u64,
    /// Bytes that were taken, forgotten ones included.
    bytes: usize,
}

impl HeavySums {
    /// Where the sums of a name and type are. The name is copied once, and not for each key.
    pub(super) fn index(&mut self, name: &[u8], data_type: DataType) -> usize {
        let types = match self.names.get_mut(name) {
            Some(types) => types,
            None => self.names.entry(name.to_vec()).or_default(),
        };
        if let Some(&(_, index)) = types.iter().find(|&&(known, _)| known == data_type) {
            return index;
        }
        let index = self.sums.len();
        types.push((data_type, index));
        self.sums.push(Group::default());
        self.bytes += name.len() + SUMS_BYTES;
        index
    }

    /// The sums at an [index](Self::index), which [`forget`](Self::forget) makes invalid.
    #[inline(always)]
    pub(super) fn sums(&mut self, index: usize) -> &mut Group {
        &mut self.sums[index]
    }

    /// Adds sums of a name and type.
    pub(super) fn add(&mut self, name: &[u8], data_type: DataType, group: &Group) {
        let index = self.index(name, data_type);
        self.sums(index).merge(group);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (name, data_type, group) in other.iter() {
            self.add(name, data_type, group);
        }
        self.add_error(other.error_bytes);
    }

    /// The sums in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], DataType, &Group)> {
        self.names.iter().flat_map(|(name, types)| {
            let group = |&(data_type, index): &_| Some((name.as_slice(), data_type, self.sums.get(index)?));
            types.iter().filter_map(group)
        })
    }

    /// The heaviest `limit` names over all types, heaviest first.
    pub(super) fn heaviest(&self, limit: usize) -> Vec<(Vec<u8>, Group)> {
        let mut names = HashMap::<&[u8], Group>::new();
        for (name, _, group) in self.iter() {
            names.entry(name).or_default().merge(group);
        }
        let mut list: Vec<_> = names.into_iter().collect();
        sort(&mut list);
        list.truncate(limit);
        list.into_iter().map(|(name, group)| (name.to_vec(), group)).collect()
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
        self.bytes > MAX_BYTES_IN_RANGE
    }

    /// Forgets the smaller half if there are too many, and returns whether it did.
    pub(super) fn forget(&mut self) -> bool {
        if self.sums.len() <= MAX_SUMS {
            return false;
        }
        let mut sizes: Vec<_> = self.sums.iter().map(bytes_of).collect();
        let middle = sizes.len() - MAX_SUMS / 2;
        let (_, &mut median, _) = sizes.select_nth_unstable(middle);
        let mut kept = Self::default();
        for (name, data_type, group) in self.iter().filter(|(_, _, group)| bytes_of(group) > median) {
            kept.add(name, data_type, group);
        }
        kept.error_bytes = self.error_bytes.saturating_add(median);
        kept.bytes = self.bytes;
        *self = kept;
        true
    }
}

/// The heaviest name first, and names of one weight in the order of their bytes.
pub(super) fn sort(list: &mut [(&[u8], Group)]) {
    list.sort_unstable_by(|(name, group), (other_name, other)| {
        bytes_of(other).cmp(&bytes_of(group)).then_with(|| name.cmp(other_name))
    });
}

/// Memory where it is modelled, or else bytes in the file.
pub(super) fn bytes_of(group: &Group) -> u64 {
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
                part.add(&name, DataType::String, &Group { keys: 1, rdb_bytes, ..Group::default() });
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
}
