//! `hashtable`, the hash table of Valkey since 8.1: buckets of a cache line with seven entries.
//!
//! A bucket that overflows uses its last place for a link to another bucket. The number of such
//! buckets depends on the server's hash seed, so this module computes the expectation.

use super::float::{double, rounded, truncated};
use super::memo::Memo;

/// Bytes of a bucket.
const BUCKET_BYTES: f64 = 64.0;

/// Entries of a bucket, and of a bucket with a link.
const ENTRIES: u64 = 7;
const ENTRIES_WITH_LINK: u64 = 6;

/// Most entries in a bucket that are considered. More never happen in practice.
const MAX_ENTRIES: u64 = 64;

/// From this number of elements on, the Poisson distribution is close enough to the binomial.
const MANY: u64 = 4096;

/// Top-level buckets of a hash table that is sized for `elements` elements.
pub(crate) fn buckets_for(elements: u64) -> u64 {
    if elements < ENTRIES {
        return 1;
    }
    let buckets = u128::from(elements) * 5;
    let buckets = u64::try_from(buckets.div_ceil(32)).unwrap_or(1 << 62);
    buckets.checked_next_power_of_two().unwrap_or(1 << 62)
}

/// Computes the bytes of the buckets of hash tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct BucketTables {
    sized: Memo<u64>,
    converted: Memo<u64>,
    grown: Memo<u64>,
}

impl BucketTables {
    /// Bytes of the buckets of a table that was sized for the `elements` in it.
    pub(crate) fn bytes(&mut self, elements: u64) -> u64 {
        self.sized.get((0, elements), || {
            let buckets = buckets_for(elements);
            rounded(BUCKET_BYTES * (double(buckets) + chained(buckets, double(elements))))
        })
    }

    /// Bytes of the buckets of a table that grew entry by entry to `elements`.
    pub(crate) fn bytes_grown(&mut self, elements: u64) -> u64 {
        self.grown.get((0, elements), || {
            let mut table = Growing::default();
            table.add(elements);
            table.bytes()
        })
    }

    /// Bytes of the buckets of a hash of `count` pairs that was packed until the pair with index
    /// `at`: it was sized for the pairs before, and then the rest was announced.
    pub(crate) fn bytes_converted(&mut self, at: u64, count: u64) -> u64 {
        if at >= count || count > MANY {
            return self.bytes(count);
        }
        self.converted.get((at, count), || {
            let mut table = Growing::default();
            table.expand(at);
            table.add(at + 1);
            let left = count - at - 1;
            table.expand(left);
            table.add(left);
            table.bytes()
        })
    }
}

/// A growing hash table, by its numbers only.
#[derive(Debug, Default)]
struct Growing {
    /// Top-level buckets of the table, and of the table to which it is moved.
    buckets: [u64; 2],
    used: u64,
    /// During a move: entries at its start, and moved buckets.
    moving: Option<(u64, u64)>,
}

impl Growing {
    /// `hashtableExpand`.
    fn expand(&mut self, elements: u64) {
        let buckets = buckets_for(elements);
        if self.moving.is_some() || self.used > elements || buckets == self.buckets[0] {
            return;
        }
        if self.buckets[0] == 0 || self.used == 0 {
            self.buckets[0] = buckets;
        } else {
            self.buckets[1] = buckets;
            self.moving = Some((self.used, 0));
        }
    }

    /// Insertions. During a move, each moves one bucket; the one that starts the move does not.
    fn add(&mut self, count: u64) {
        for _ in 0..count {
            if let Some((_, moved)) = &mut self.moving {
                *moved += 1;
                if *moved >= self.buckets[0] {
                    self.buckets = [self.buckets[1], 0];
                    self.moving = None;
                }
            }
            if self.moving.is_none() && self.used + 1 > ENTRIES * self.buckets[0] {
                self.expand(self.used + 1);
            }
            self.used += 1;
        }
    }

    fn bytes(&self) -> u64 {
        let [old, new] = self.buckets;
        let chained = match self.moving {
            None => chained(old, double(self.used)),
            Some((entries, moved)) => {
                let unmoved = double(old - moved) / double(old);
                let left = double(entries) * unmoved;
                unmoved * chained(old, double(entries)) + chained(new, double(self.used) - left)
            }
        };
        rounded(BUCKET_BYTES * (double(old + new) + chained))
    }
}

/// Expected number of buckets that are linked from `buckets` buckets with `elements` elements.
fn chained(buckets: u64, elements: f64) -> f64 {
    if buckets <= 1 {
        return double(links(truncated(elements)));
    }
    // Starts with the probability of an empty bucket, and computes each from the one before.
    let many = elements >= double(MANY);
    let share = 1.0 / double(buckets);
    let odds = share / (1.0 - share);
    let mean = elements * share;
    let mut probability = if many { (-mean).exp() } else { (1.0 - share).powf(elements) };
    let mut expected = 0.0;
    for entries in 1..=MAX_ENTRIES {
        let k = double(entries);
        probability *= if many { mean / k } else { (elements - k + 1.0).max(0.0) / k * odds };
        expected += probability * double(links(entries));
    }
    double(buckets) * expected
}

/// Buckets linked from a bucket with this number of entries.
fn links(entries: u64) -> u64 {
    entries.saturating_sub(ENTRIES).div_ceil(ENTRIES_WITH_LINK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_seven_tenths_full_at_most() {
        for (elements, buckets) in
            [(0, 1), (6, 1), (7, 2), (12, 2), (13, 4), (25, 4), (26, 8), (10_000, 2048)]
        {
            assert_eq!(buckets_for(elements), buckets, "{elements}");
        }
        assert_eq!(buckets_for(u64::MAX), 1 << 62);
    }

    #[test]
    fn a_bucket_links_another_when_it_has_more_than_seven() {
        assert_eq!([0, 7, 8, 13, 14, 19].map(links), [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn the_two_distributions_meet() {
        let buckets = buckets_for(MANY);
        let exact = chained(buckets, double(MANY - 1));
        let limit = chained(buckets, double(MANY));
        assert!((exact - limit).abs() / limit < 0.01, "{exact} {limit}");
        // A load of 4 entries to a bucket: 4 % overflow once.
        assert!((0.04..0.06).contains(&(limit / double(buckets))), "{limit} of {buckets}");
    }

    #[test]
    fn a_conversion_that_had_time_ends_as_if_sized() {
        let mut tables = BucketTables::default();
        assert_eq!(tables.bytes_converted(0, 500), tables.bytes(500));
        assert_eq!(tables.bytes_converted(2, 3), tables.bytes(3));
        // Sized for 6 in one bucket; the eighth would not fit, and a second table of two is begun.
        assert_eq!(tables.bytes_converted(6, 7), 64);
        assert!(tables.bytes(1 << 50) > 1 << 53);
        // The insertion that finds the bucket of seven full moves nothing: both tables count.
        assert_eq!(tables.bytes_converted(3, 8), (1 + 2) * 64);
        assert_eq!(tables.bytes_grown(7), 64);
        assert_eq!(tables.bytes_grown(8), (1 + 2) * 64);
        assert_eq!(tables.bytes_grown(9), tables.bytes(9));
    }
}
