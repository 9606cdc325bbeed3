//! How the sizes of keys are distributed.

use serde::{Deserialize, Serialize};

/// Bits of a size behind its first that tell buckets apart: four buckets for each power of two.
const STEP_BITS: u32 = 2;

/// More keys than any file has.
const MAX_KEYS_OF_FILE: u64 = 1 << 48;

/// How many keys have which size, in buckets. A bucket ends at most 25 % above where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(u8, u64)>", from = "Vec<(u8, u64)>")]
pub(crate) struct SizeHistogram {
    /// Buckets with keys in them, in ascending order, and how many.
    buckets: Vec<(u8, u64)>,
}

/// A bucket of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HistogramBucket {
    /// The smallest number in the bucket.
    pub from: u64,
    /// The largest number in the bucket: at most 25 % above the smallest.
    pub to: u64,
    /// Keys whose number is in the bucket.
    pub keys: u64,
}

/// Sizes that a part of the keys does not exceed, in bytes. Each is exact or at most 25 % too high,
/// and never below the true one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SizePercentiles {
    /// That of half of the keys.
    pub p50_bytes: u64,
    /// That of 99 % of the keys.
    pub p99_bytes: u64,
    /// That of all keys, exact.
    pub max_bytes: u64,
}

impl From<SizeHistogram> for Vec<(u8, u64)> {
    fn from(histogram: SizeHistogram) -> Self {
        histogram.buckets
    }
}

/// Any buckets, in any order, as another program may have written them. More keys than a file can have
/// are as many as it can have, so that their sum fits.
impl From<Vec<(u8, u64)>> for SizeHistogram {
    fn from(buckets: Vec<(u8, u64)>) -> Self {
        let mut histogram = Self::default();
        for (bucket, keys) in buckets {
            histogram.add_keys(bucket.min(bucket_of(u64::MAX)), keys);
        }
        histogram.buckets.iter_mut().for_each(|(_, keys)| *keys = (*keys).min(MAX_KEYS_OF_FILE));
        histogram
    }
}

impl SizeHistogram {
    /// Bytes that the buckets take.
    pub(super) fn held_bytes(&self) -> usize {
        self.buckets.len() * size_of::<(u8, u64)>()
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.add_keys(bucket_of(bytes), 1);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for &(bucket, keys) in &other.buckets {
            self.add_keys(bucket, keys);
        }
    }

    fn add_keys(&mut self, bucket: u8, keys: u64) {
        match self.buckets.binary_search_by_key(&bucket, |&(known, _)| known) {
            Ok(index) => self.buckets[index].1 = self.buckets[index].1.saturating_add(keys),
            Err(index) => self.buckets.insert(index, (bucket, keys)),
        }
    }

    /// Number of keys.
    pub(crate) fn keys(&self) -> u64 {
        self.buckets.iter().map(|&(_, keys)| keys).sum()
    }

    /// The buckets with keys in them, in ascending order.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = HistogramBucket> + '_ {
        let from = |bucket: u8| bucket.checked_sub(1).map_or(0, |before| end_of(before) + 1);
        let bucket = move |&(bucket, keys)| HistogramBucket { from: from(bucket), to: end_of(bucket), keys };
        self.buckets.iter().map(bucket)
    }

    /// A size that this part of the keys does not exceed. 0: there are no keys.
    pub(crate) fn at_most(&self, thousandths: u64) -> u64 {
        // The first bucket up to which there are that many keys.
        let wanted = (u128::from(self.keys()) * u128::from(thousandths)).div_ceil(1000);
        let mut sum = 0;
        let reached = self.buckets.iter().find(|&&(_, keys)| {
            sum += u128::from(keys);
            sum >= wanted
        });
        reached.map_or(0, |&(bucket, _)| end_of(bucket))
    }

    /// The percentiles, if the largest key has `max_bytes`.
    pub(super) fn percentiles(&self, max_bytes: u64) -> SizePercentiles {
        let at_most = |thousandths| self.at_most(thousandths).min(max_bytes);
        SizePercentiles { p50_bytes: at_most(500), p99_bytes: at_most(990), max_bytes }
    }
}

/// The bucket of a size: its highest bit and the two bits behind it.
fn bucket_of(bytes: u64) -> u8 {
    let bits = u64::BITS - bytes.leading_zeros();
    let bucket = if bits <= STEP_BITS {
        bytes
    } else {
        let shift = bits - 1 - STEP_BITS;
        u64::from(shift + 1) << STEP_BITS | (bytes >> shift & ((1 << STEP_BITS) - 1))
    };
    u8::try_from(bucket).unwrap_or(u8::MAX)
}

/// The largest size in a bucket.
fn end_of(bucket: u8) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 1 << STEP_BITS {
        return bucket;
    }
    let shift = (bucket >> STEP_BITS) - 1;
    let leading = bucket & ((1 << STEP_BITS) - 1) | 1 << STEP_BITS;
    (leading << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut before = None;
        for bucket in 0..=bucket_of(u64::MAX) {
            assert_eq!(bucket_of(end_of(bucket)), bucket);
            if let Some(before) = before {
                assert_eq!(bucket_of(before + 1), bucket, "behind {before}");
            }
            before = Some(end_of(bucket)).filter(|&end| end < u64::MAX);
        }
        assert_eq!(end_of(bucket_of(u64::MAX)), u64::MAX);
    }

    proptest! {
        #[test]
        fn a_percentile_is_never_below_and_at_most_a_quarter_above(
            sizes in proptest::collection::vec((any::<u64>(), 0u32..64), 1..200),
            part in 1usize..5,
        ) {
            let mut sizes: Vec<u64> = sizes.into_iter().map(|(size, shift)| size >> shift).collect();
            let mut merged = SizeHistogram::default();
            for part in sizes.chunks(part) {
                let mut histogram = SizeHistogram::default();
                for &size in part {
                    histogram.add(size);
                }
                merged.merge(&histogram);
            }
            sizes.sort_unstable();
            let max = sizes[sizes.len() - 1];
            let percentiles = merged.percentiles(max);
            for (hundredths, found) in [(50, percentiles.p50_bytes), (99, percentiles.p99_bytes)] {
                let exact = sizes[(sizes.len() * hundredths).div_ceil(100) - 1];
                prop_assert!(found >= exact && found <= exact.saturating_add(exact / 4), "{exact} {found}");
            }
        }
    }
}
