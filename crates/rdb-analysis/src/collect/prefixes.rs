//! Sums over keys whose names begin alike.

use std::collections::{BTreeMap, HashMap};

use rdb_parser::{ErrorKind, RdbString};

use super::collector::{Collector, Observe, PlaceUse, RangeStart};
use super::group::Group;
use crate::measure::{DataType, KeyView, Measure};

/// Prefixes that are counted at a time. When there are more, the smaller half is forgotten.
const MAX_PREFIXES: usize = 1 << 16;

/// First bytes of a name in which the separator is looked for.
const MAX_PREFIX_BYTES: usize = 1024;

/// What the child of a range may hold: bytes of prefixes, each with a fixed number of bytes for its
/// sums.
const MAX_BYTES_IN_RANGE: usize = 1 << 20;
const SUMS_BYTES: usize = 128;

/// Collects the largest prefixes of each type. A prefix ends with the first separator of a name.
///
/// The measure is [`memory_bytes`](Measure::memory_bytes), or [`rdb_bytes`](Measure::rdb_bytes)
/// where memory is not modelled. Sums are exact, and the same on any number of threads, for up to
/// 65,536 prefixes of up to 1,024 bytes. Where there are more prefixes, the small ones are
/// forgotten from time to time. A prefix that was forgotten and comes again is counted from there,
/// so that no sum is too large.
#[derive(Clone, Copy, Debug)]
pub struct Prefixes {
    separator: u8,
    limit: usize,
}

impl Prefixes {
    /// Lists of at most `limit` prefixes for each type.
    pub fn new(separator: u8, limit: usize) -> Self {
        Self { separator, limit }
    }
}

/// The keys of a type whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrefixGroup {
    /// The type.
    pub data_type: DataType,
    /// How the names begin, with the separator.
    pub prefix: Vec<u8>,
    /// The sums over the keys.
    pub group: Group,
}

impl Collector for Prefixes {
    type Child = PrefixSums;
    type Output = Vec<PrefixGroup>;

    fn child(&self, _: RangeStart) -> PrefixSums {
        PrefixSums {
            separator: self.separator,
            types: BTreeMap::new(),
            prefixes: 0,
            bytes: 0,
            scratch: Vec::new(),
        }
    }

    fn merge(&self, all: &mut PrefixSums, child: PrefixSums) {
        for (data_type, sums) in child.types {
            for (prefix, group) in sums {
                all.change(data_type, &prefix, |sums| sums.merge(&group));
            }
        }
        all.forget_small_prefixes();
    }

    /// In the order of types. The largest prefix of a type comes first, and prefixes of one size in
    /// the order of their bytes.
    fn finish(&self, all: PrefixSums) -> Vec<PrefixGroup> {
        let mut groups = Vec::new();
        for (data_type, sums) in all.types {
            let mut list: Vec<_> = sums.into_iter().collect();
            list.sort_unstable_by(|(prefix, group), (other_prefix, other)| {
                bytes_of(other).cmp(&bytes_of(group)).then_with(|| prefix.cmp(other_prefix))
            });
            list.truncate(self.limit);
            let group = |(prefix, group)| PrefixGroup { data_type, prefix, group };
            groups.extend(list.into_iter().map(group));
        }
        groups
    }
}

/// Sums by type and prefix. The child of [`Prefixes`].
#[derive(Debug)]
pub struct PrefixSums {
    separator: u8,
    types: BTreeMap<DataType, HashMap<Vec<u8>, Group>>,
    /// Prefixes of all types.
    prefixes: usize,
    /// Bytes that were taken for them, forgotten ones included.
    bytes: usize,
    scratch: Vec<u8>,
}

impl PrefixSums {
    fn add(&mut self, measure: &Measure, name: &[u8]) {
        let beginning = name.get(..MAX_PREFIX_BYTES).unwrap_or(name);
        let Some(end) = beginning.iter().position(|&byte| byte == self.separator) else { return };
        let prefix = beginning.get(..=end).unwrap_or_default();
        self.change(measure.data_type, prefix, |sums| sums.add(measure));
    }

    /// Changes the sums of a prefix with `add`. The prefix is copied once, and not for each key.
    fn change(&mut self, data_type: DataType, prefix: &[u8], add: impl FnOnce(&mut Group)) {
        let sums = self.types.entry(data_type).or_default();
        if let Some(group) = sums.get_mut(prefix) {
            return add(group);
        }
        let mut group = Group::default();
        add(&mut group);
        sums.insert(prefix.to_vec(), group);
        self.prefixes += 1;
        self.bytes += prefix.len() + SUMS_BYTES;
    }

    /// Forgets the smaller half, if there are too many.
    fn forget_small_prefixes(&mut self) {
        if self.prefixes <= MAX_PREFIXES {
            return;
        }
        let mut sizes: Vec<_> = self.types.values().flat_map(HashMap::values).map(bytes_of).collect();
        let middle = sizes.len() - MAX_PREFIXES / 2;
        let (_, median, _) = sizes.select_nth_unstable(middle);
        let median = *median;
        self.types.retain(|_, sums| {
            sums.retain(|_, group| bytes_of(group) > median);
            !sums.is_empty()
        });
        self.prefixes = self.types.values().map(HashMap::len).sum();
    }
}

impl Observe for PrefixSums {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    fn check(&mut self, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        match key.key {
            RdbString::Raw(_) => Ok(()),
            _ => key.key.decode_prefix(MAX_PREFIX_BYTES, &mut self.scratch).map(|_| ()),
        }
    }

    fn observe(&mut self, key: &KeyView<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Ok(name) = key.key.decode_prefix(MAX_PREFIX_BYTES, &mut scratch) {
            self.add(&key.measure, name);
        }
        self.scratch = scratch;
        self.forget_small_prefixes();
    }

    fn is_full(&self) -> bool {
        self.bytes > MAX_BYTES_IN_RANGE
    }
}

/// Memory where it is modelled, or else bytes in the file.
fn bytes_of(group: &Group) -> u64 {
    group.memory_bytes.unwrap_or(group.rdb_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScanOptions, Source, analyze};

    /// The prefixes of a file of string keys with values of the given lengths.
    fn prefixes(keys: &[(String, usize)], threads: usize, range_bytes: Option<u64>) -> Vec<PrefixGroup> {
        let mut file = b"REDIS0003".to_vec();
        for (key, value) in keys {
            file.extend([0, 0x40, u8::try_from(key.len()).expect("short")]);
            file.extend(key.as_bytes());
            file.push(0x40 | u8::try_from(value >> 8).expect("short"));
            file.push(u8::try_from(value & 255).expect("a byte"));
            file.extend(std::iter::repeat_n(b'x', *value));
        }
        file.push(0xff);
        let options = ScanOptions::default().threads(threads).range_bytes(range_bytes);
        let sources = vec![Source::from_bytes("test", &file)];
        analyze(sources, Prefixes::new(b':', 50), &options, &(), &false.into()).expect("threads").output
    }

    #[test]
    fn the_largest_prefix_comes_first_and_names_without_a_separator_have_none() {
        let keys = [("a:1", 10), ("b:1", 500), ("a:2", 20), ("plain", 300), ("b:c:d", 1)];
        let keys = keys.map(|(name, bytes)| (name.to_owned(), bytes));
        let groups = prefixes(&keys, 1, None);
        let groups: Vec<_> = groups.iter().map(|g| (g.prefix.as_slice(), g.group.keys)).collect();
        assert_eq!(groups, [(&b"b:"[..], 2), (b"a:", 2)]);
    }

    #[test]
    fn the_sums_are_the_same_on_any_number_of_threads() {
        let keys: Vec<_> = (0..5000).map(|n| (format!("{}:{n}", n % 97), n % 300)).collect();
        let sums = prefixes(&keys, 1, None);
        assert_eq!(sums.len(), 50);
        for (threads, range_bytes) in [(2, 1000), (3, 20_000)] {
            assert_eq!(prefixes(&keys, threads, Some(range_bytes)), sums);
        }
    }

    #[test]
    fn many_prefixes_stay_bounded_without_losing_the_largest() {
        let mut keys: Vec<_> = (0..70_000).map(|n| (format!("{n}:x"), 1)).collect();
        keys.insert(0, ("big:x".to_owned(), 1000));
        for threads in [1, 2] {
            let groups = prefixes(&keys, threads, Some(100_000));
            assert_eq!(groups[0].prefix, b"big:");
            assert!(groups.len() <= 50);
        }
    }
}
