//! The index of expiring fields in a hash of Valkey 9 (`vset.c`).
//!
//! Few fields are in a vector. More are in a radix tree of buckets by time: each is a vector, or a
//! hash table if too many fields expire within 16 milliseconds. Which buckets there are depends on
//! the order of the fields, so this module repeats the insertions.

use std::collections::BTreeMap;

use super::buckets::BucketTables;
use super::rax::Rax;
use super::sizes::Sizes;
use crate::server::Allocator;

/// Most fields in a vector.
const MAX_VECTOR: usize = 127;

/// Milliseconds of the smallest and of the largest bucket: 2^4 and 2^13.
const MIN_BITS: u32 = 4;
const MAX_BITS: u32 = 13;

/// Most expiries that are examined. The rest of a larger hash counts like its beginning.
const MAX_KEPT: usize = 16 << 10;

/// Collects the expiries of a hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpiryIndex {
    count: u64,
    /// In the order of the fields, in milliseconds.
    expiries: Vec<u64>,
}

impl ExpiryIndex {
    /// Forgets what was collected.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.expiries.clear();
    }

    /// Adds a field that expires at `at_ms`.
    pub(crate) fn push(&mut self, at_ms: u64) {
        self.count += 1;
        if self.expiries.len() < MAX_KEPT {
            self.expiries.push(at_ms);
        }
    }

    /// The number of fields. Forgets them.
    pub(crate) fn take_count(&mut self) -> u64 {
        let count = self.count;
        self.clear();
        count
    }

    /// Whether only the number of further fields matters.
    pub(crate) fn only_counts(&self) -> bool {
        self.expiries.len() == MAX_KEPT
    }

    /// Adds fields of which only the number matters.
    pub(crate) fn add_count(&mut self, count: u64) {
        self.count += count;
    }

    /// Bytes of the index. `table` is the struct of a hash table.
    pub(crate) fn bytes(&mut self, sizes: &Sizes, tables: &mut BucketTables, table: u64) -> u64 {
        if self.expiries.len() <= MAX_VECTOR {
            return vector(sizes.allocator, self.expiries.len());
        }
        let mut buckets = Buckets::new(&self.expiries);
        for &at_ms in self.expiries.iter().skip(MAX_VECTOR) {
            buckets.insert(at_ms);
        }
        let mut tree = Rax::<8>::default();
        let mut bytes = 0;
        for (end, bucket) in &buckets.by_end {
            tree.push(&end.to_be_bytes(), sizes);
            bytes += match bucket {
                Bucket::Vector(fields) => vector(sizes.allocator, fields.len()),
                Bucket::Table(fields) => table + tables.bytes_grown(*fields),
            };
        }
        bytes += tree.finish(true, sizes);
        let kept = self.expiries.len() as u64;
        let scaled = u128::from(bytes) * u128::from(self.count) / u128::from(kept.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

/// One field needs no index, and two need less than the rule for more gives.
fn vector(allocator: Allocator, fields: usize) -> u64 {
    match fields {
        0 | 1 => 0,
        2 => 24,
        _ => allocator.usable(8 + 8 * fields as u64),
    }
}

/// Fields that expire before a time, and not before that of the bucket before.
#[derive(Debug)]
enum Bucket {
    /// Their expiries.
    Vector(Vec<u64>),
    /// Their number.
    Table(u64),
}

/// The buckets of an index, by the times at which they end.
#[derive(Debug, Default)]
struct Buckets {
    by_end: BTreeMap<u64, Bucket>,
}

impl Buckets {
    /// The buckets when a vector with the first of `expiries` is full.
    fn new(expiries: &[u64]) -> Self {
        let mut first = expiries.iter().copied().take(MAX_VECTOR).collect::<Vec<_>>();
        first.sort_unstable();
        let mut buckets = Self::default();
        match (first.first(), first.last()) {
            (Some(&earliest), Some(&latest)) if end(earliest, MAX_BITS) == end(latest, MAX_BITS) => {
                buckets.by_end.insert(end(latest, MAX_BITS), Bucket::Vector(first));
            }
            _ => first.into_iter().for_each(|at_ms| buckets.insert(at_ms)),
        }
        buckets
    }

    fn insert(&mut self, at_ms: u64) {
        loop {
            let largest_end = end(at_ms, MAX_BITS);
            let after = (std::ops::Bound::Excluded(at_ms), std::ops::Bound::Included(largest_end));
            // Times that no bucket ends after are the last that there are.
            let range = if at_ms < largest_end { self.by_end.range_mut(after).next() } else { None };
            let Some((&bucket_end, bucket)) = range else {
                self.by_end.insert(largest_end, Bucket::Vector(vec![at_ms]));
                return;
            };
            let fields = match bucket {
                Bucket::Table(fields) => {
                    *fields += 1;
                    return;
                }
                Bucket::Vector(fields) if fields.len() < MAX_VECTOR => {
                    fields.push(at_ms);
                    return;
                }
                Bucket::Vector(fields) => fields,
            };
            fields.sort_unstable();
            let mut fields = std::mem::take(fields);
            let ends = |index: usize| fields.get(index).map_or(0, |&at_ms| end(at_ms, MIN_BITS));
            let last_end = ends(fields.len() - 1);
            if last_end < bucket_end {
                self.by_end.remove(&bucket_end);
                self.by_end.insert(last_end, Bucket::Vector(fields));
            } else if let Some(at) = middle_first().find(|&at| ends(at - 1) < ends(at)) {
                let first_end = ends(at - 1);
                let second = fields.split_off(at);
                self.by_end.insert(first_end, Bucket::Vector(fields));
                self.by_end.insert(bucket_end, Bucket::Vector(second));
            } else {
                self.by_end.insert(bucket_end, Bucket::Table(fields.len() as u64 + 1));
                return;
            }
        }
    }
}

/// The end of the bucket of 2^`bits` milliseconds that a time is in.
fn end(at_ms: u64, bits: u32) -> u64 {
    (at_ms >> bits << bits).saturating_add(1 << bits)
}

/// The places at which a full vector may be split, in the order in which a server tries them.
fn middle_first() -> impl Iterator<Item = usize> {
    let middle = MAX_VECTOR / 2;
    (0..=middle + 1)
        .flat_map(move |distance| [middle.checked_sub(distance), middle.checked_add(distance)])
        .flatten()
        .filter(|at| (1..MAX_VECTOR).contains(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Family, Profile};

    const TABLE: u64 = 80;

    fn bytes(expiries: impl IntoIterator<Item = u64>) -> u64 {
        let sizes = Sizes::new(Profile::of(Family::Valkey9, None), Allocator::JemallocQ8);
        let mut index = ExpiryIndex::default();
        expiries.into_iter().for_each(|at_ms| index.push(at_ms));
        index.bytes(&sizes, &mut BucketTables::default(), TABLE)
    }

    #[test]
    fn few_fields_are_in_a_vector() {
        assert_eq!([0, 1, 2, 3, 127].map(|fields| bytes(0..fields)), [0, 0, 24, 32, 1024]);
    }

    /// A tree of one key: the struct, a run of eight bytes and a leaf.
    const TREE: u64 = 32 + 24 + 16;

    #[test]
    fn more_fields_are_in_buckets() {
        // One bucket of 8192 ms, which is full and ends at its last field. The next field has one of
        // its own, at its end: both ends have six bytes in common, and a byte and a leaf each.
        let two_ends = 32 + 24 + 24 + 2 * (16 + 16);
        assert_eq!(bytes((0..127).map(|field| 16 * field).chain([8000])), 1024 + two_ends);
        // All within 16 ms: a table of 16 buckets on the way to one of 32.
        let table = TABLE + BucketTables::default().bytes_grown(128);
        assert_eq!(bytes(std::iter::repeat_n(5, 128)), table + TREE);
    }

    #[test]
    fn a_full_bucket_is_split_between_two_times() {
        let mut buckets = Buckets::new(&(0..127).map(|field| 64 * field + 100).collect::<Vec<_>>());
        // The end of the bucket is that of the last field.
        buckets.insert(8191);
        buckets.insert(0);
        let fields = |bucket: &Bucket| match bucket {
            Bucket::Vector(fields) => fields.len(),
            Bucket::Table(_) => usize::MAX,
        };
        let all: Vec<_> = buckets.by_end.iter().map(|(end, bucket)| (*end, fields(bucket))).collect();
        assert_eq!(all, [(4080, 64), (8176, 64), (8192, 1)]);
    }

    #[test]
    fn times_at_the_end_of_time_are_survived() {
        assert!(bytes(std::iter::repeat_n(u64::MAX, 500)) > 0);
        assert!(bytes((0..40_000).map(|n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))) > 0);
    }

    #[test]
    fn the_middle_is_tried_first() {
        let places: Vec<_> = middle_first().collect();
        assert_eq!(places.get(..5), Some(&[63, 63, 62, 64, 61][..]));
        assert!(places.contains(&1) && places.contains(&126) && !places.contains(&0));
    }
}
