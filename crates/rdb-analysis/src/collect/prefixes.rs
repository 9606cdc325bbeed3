//! Sums over keys whose names begin alike.
//!
//! A scan sums up every key, so this is a hot path. The prefix of most names ends in their first 16
//! bytes, which are one number: a table from such numbers to sums finds those of a prefix that came
//! before. Everything else takes a map.

use std::collections::BTreeMap;

use rdb_parser::RdbString;

use super::collector::{Collector, Observe, PlaceUse, RangeStart};
use super::group::Group;
use super::heavy::{HeavySums, MAX_NAME_BYTES, Split, heaviest};
use crate::measure::{DataType, KeyView};

/// Collects the largest prefixes of each type. A prefix ends with the first separator of a name.
///
/// The measure is [`memory_bytes`](crate::Measure::memory_bytes), or
/// [`rdb_bytes`](crate::Measure::rdb_bytes) where memory is not modelled. A separator is looked for in
/// the first 1,024 bytes of a name. Sums are exact, and the same on any number of threads, for up to
/// 65,536 pairs of a prefix and a type whose prefixes have up to 8 MiB together. Where there are more,
/// the small ones are forgotten from time to time. A prefix that was forgotten and comes again is
/// counted from there, so that no sum is too large.
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
    type Child = PrefixSums<DataType>;
    type Output = Vec<PrefixGroup>;

    fn child(&self, _: RangeStart) -> Self::Child {
        PrefixSums::new(self.separator)
    }

    fn merge(&self, all: &mut Self::Child, child: Self::Child) {
        all.merge(&child);
    }

    /// In the order of types. The largest prefix of a type comes first, and prefixes of one size in
    /// the order of their bytes.
    fn finish(&self, all: Self::Child) -> Vec<PrefixGroup> {
        let mut types = BTreeMap::<DataType, Vec<(&[u8], Group)>>::new();
        for (prefix, data_type, group) in all.iter() {
            types.entry(data_type).or_default().push((prefix, *group));
        }
        let mut groups = Vec::new();
        for (data_type, list) in types {
            let group =
                |(prefix, group): (&[u8], _)| PrefixGroup { data_type, prefix: prefix.to_vec(), group };
            groups.extend(heaviest(list, self.limit).into_iter().map(group));
        }
        groups
    }
}

/// The keys of a report by prefix.
///
/// The groups, the keys without a prefix and all others add up to the totals of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrefixTable {
    /// The byte that ends a prefix.
    pub separator: u8,
    /// The largest prefixes, with the separator, and the sums over their keys. Largest first.
    pub groups: Vec<(Vec<u8>, Group)>,
    /// Keys without a separator in the first 1,024 bytes of their name.
    pub no_prefix: Group,
    /// Keys with other prefixes.
    pub others: Group,
    /// Bytes by which the sum of a group may be too low. Its keys are then in `others`. 0: all sums
    /// are exact.
    pub error_bytes: u64,
}

/// Sums by prefix, split by `S`. The child of [`Prefixes`].
#[derive(Clone, Debug)]
pub struct PrefixSums<S> {
    separator: u8,
    memo: Box<Memo<S>>,
    sums: HeavySums<S>,
    no_prefix: Group,
    scratch: Vec<u8>,
}

/// Sums of short prefixes by hash. An entry is replaced by the next one of the same hash.
type Memo<S> = [Option<Remembered<S>>; MEMO_ENTRIES];
const MEMO_ENTRIES: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Remembered<S> {
    prefix: u128,
    split: S,
    sums: usize,
}

impl<S: Split> PrefixSums<S> {
    pub(crate) fn new(separator: u8) -> Self {
        Self {
            separator,
            memo: Box::new([None; MEMO_ENTRIES]),
            sums: HeavySums::default(),
            no_prefix: Group::default(),
            scratch: Vec::new(),
        }
    }

    /// The byte that ends a prefix.
    pub(crate) fn separator(&self) -> u8 {
        self.separator
    }

    /// The sums by prefix, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], S, &Group)> {
        self.sums.iter()
    }

    /// Sums that are not by prefix: over keys without one, and how far others may be too low.
    pub(crate) fn rest(&self) -> (Group, u64) {
        (self.no_prefix, self.sums.error_bytes())
    }

    /// Adds such [sums](Self::rest).
    pub(crate) fn add_rest(&mut self, no_prefix: &Group, error_bytes: u64) {
        self.no_prefix.merge(no_prefix);
        self.sums.add_error(error_bytes);
    }

    /// Adds the sums of a prefix.
    pub(crate) fn add_sums(&mut self, prefix: &[u8], split: S, group: &Group) {
        self.sums.add(prefix, split, group);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sums.merge(&other.sums);
        self.no_prefix.merge(&other.no_prefix);
        self.forget();
    }

    /// Forgets small sums until there are at most `max`.
    pub(crate) fn forget_down_to(&mut self, max: usize) {
        self.sums.forget_down_to(max);
        *self.memo = [None; MEMO_ENTRIES];
    }

    /// Forgets small sums, if there are too many.
    fn forget(&mut self) {
        if self.sums.forget() {
            *self.memo = [None; MEMO_ENTRIES];
        }
    }

    /// Adds a key whose prefix is long, or not remembered.
    #[cold]
    #[inline(never)]
    fn observe_slowly(&mut self, key: &KeyView<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        // A name that cannot be decompressed has no prefix.
        let name = key.key.decode_prefix(MAX_NAME_BYTES, &mut scratch).unwrap_or_default();
        match name.iter().position(|&byte| byte == self.separator).and_then(|end| name.get(..=end)) {
            None => self.no_prefix.add(&key.measure),
            Some(prefix) => {
                let split = S::of(&key.measure);
                let sums = self.sums.index(prefix, split);
                self.sums.sums(sums).add(&key.measure);
                if let Short::Prefix(prefix) = Short::of(name, self.separator) {
                    self.memo[place(prefix, split)] = Some(Remembered { prefix, split, sums });
                }
            }
        }
        self.scratch = scratch;
        self.forget();
    }
}

impl PrefixSums<()> {
    /// The largest `limit` prefixes of the keys whose sums are `totals`.
    pub(crate) fn table(&self, limit: usize, totals: &Group) -> PrefixTable {
        let groups = self.sums.heaviest(limit);
        let mut others = *totals;
        others.subtract(&self.no_prefix);
        for (_, group) in &groups {
            others.subtract(group);
        }
        PrefixTable {
            separator: self.separator,
            groups,
            no_prefix: self.no_prefix,
            others,
            error_bytes: self.sums.error_bytes(),
        }
    }
}

/// What the first 16 bytes of a name say.
enum Short {
    /// The name has this prefix: its bytes with the separator, and zeros behind it.
    Prefix(u128),
    /// The name has no prefix.
    NoPrefix,
    /// The prefix is longer, if there is one.
    Unknown,
}

impl Short {
    #[inline(always)]
    fn of(name: &[u8], separator: u8) -> Self {
        const ONES: u128 = u128::from_le_bytes([1; 16]);
        const HIGH: u128 = ONES << 7;
        let bytes = first_bytes(name);
        let differing = bytes ^ (ONES * u128::from(separator));
        // The lowest bit is that of the first byte that equals the separator.
        let found = differing.wrapping_sub(ONES) & !differing & HIGH;
        let len = found.trailing_zeros() as usize / 8;
        if len < name.len().min(16) {
            // The bits of all bytes up to the separator.
            return Self::Prefix(bytes & (found ^ found.wrapping_sub(1)));
        }
        if name.len() <= 16 { Self::NoPrefix } else { Self::Unknown }
    }
}

/// The first 16 bytes of a name as a number, with zeros behind a shorter name.
#[inline(always)]
fn first_bytes(name: &[u8]) -> u128 {
    if let Some(bytes) = name.first_chunk() {
        return u128::from_le_bytes(*bytes);
    }
    match (name.first_chunk(), name.last_chunk()) {
        // Eight bytes at each end overlap in the middle.
        (Some(first), Some(last)) => {
            let last = u128::from(u64::from_le_bytes(*last)) << (8 * (name.len() - 8));
            u128::from(u64::from_le_bytes(*first)) | last
        }
        _ => name.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u128::from(byte)),
    }
}

/// Where a prefix is remembered.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "the halves of the number, and eight bits of a hash")]
fn place<S: Split>(prefix: u128, split: S) -> usize {
    let mixed = (prefix as u64 ^ (prefix >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize ^ (split.number() % MEMO_ENTRIES)
}

impl<S: Split> Observe for PrefixSums<S> {
    const PLACE: PlaceUse = PlaceUse::Ignored;

    #[inline(always)]
    fn observe(&mut self, key: &KeyView<'_>) {
        if let RdbString::Raw(name) = key.key {
            match Short::of(name, self.separator) {
                Short::Prefix(prefix) => {
                    let split = S::of(&key.measure);
                    if let Some(known) = self.memo[place(prefix, split)]
                        && known.prefix == prefix
                        && known.split == split
                    {
                        self.sums.sums(known.sums).add(&key.measure);
                        return;
                    }
                }
                Short::NoPrefix => {
                    self.no_prefix.add(&key.measure);
                    return;
                }
                Short::Unknown => {}
            }
        }
        // A copy, so that other keys need not be in memory.
        let key = *key;
        self.observe_slowly(&key);
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.sums.is_full()
    }
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
    fn the_first_bytes_of_a_name_tell_its_prefix() {
        for separator in *b":\0\xff" {
            for len in 0..40 {
                for at in (0..len).chain([100]) {
                    let mut name: Vec<u8> = (b'a'..=b't').cycle().take(len).collect();
                    if let Some(byte) = name.get_mut(at) {
                        *byte = separator;
                    }
                    // Another separator behind the first one, and bytes that borrow.
                    let behind = [separator, separator.wrapping_add(1), separator.wrapping_sub(1), 0x80];
                    name.extend(behind.iter().filter(|_| at < len));
                    let expected = name.iter().position(|&byte| byte == separator);
                    match Short::of(&name, separator) {
                        Short::Prefix(prefix) => {
                            let end = expected.expect("a separator") + 1;
                            assert_eq!(prefix.to_le_bytes()[..end], name[..end], "{name:?}");
                            assert!(prefix.to_le_bytes()[end..].iter().all(|&byte| byte == 0), "{name:?}");
                        }
                        Short::NoPrefix => assert_eq!(expected, None, "{name:?}"),
                        Short::Unknown => assert!(expected.is_none_or(|at| at >= 16), "{name:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_table_adds_up_to_the_totals_though_prefixes_were_forgotten() {
        let mut sums = PrefixSums::new(b':');
        let mut totals = Group::default();
        for n in 0..200_000u64 {
            let group = Group { keys: 1, rdb_bytes: n % 7, ..Group::default() };
            sums.add_sums(format!("{n}:").as_bytes(), (), &group);
            sums.forget();
            totals.merge(&group);
        }
        let table = sums.table(20, &totals);
        assert!(table.error_bytes > 0 && table.groups.len() == 20);
        let sum =
            table.groups.iter().fold(table.no_prefix.plus(&table.others), |sum, (_, group)| sum.plus(group));
        assert_eq!((sum.keys, sum.rdb_bytes), (totals.keys, totals.rdb_bytes));
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
