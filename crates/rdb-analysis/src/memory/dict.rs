//! The bucket arrays of `dict`, the hash table of Redis and of Valkey until 8.0.
//!
//! A hash table that is sized for its final number of elements has one array. A value that starts
//! packed and converts during loading may end with two: growth starts an incremental rehash, which
//! only insertions continue, and both arrays count. The number of insertions depends on the number
//! of empty buckets, so this module simulates the insertions.

use super::memo::Memo;
use crate::server::Conversion;

/// Slots of the smallest array.
const MIN_SLOTS: u64 = 4;

/// Empty buckets that a step of rehashing skips before it gives up.
const MAX_EMPTY_VISITS: u32 = 10;

/// The largest number of elements that is simulated. Larger tables convert only with unusual
/// limits, and count as rehashed.
const MAX_PLAYED: u64 = 4096;

/// Part of the buckets of a full table that is not empty: 1 - 1/e.
const OCCUPIED_PERMILLE: u64 = 632;

/// Slots of the array of a hash table with `elements` elements: a power of two.
pub(crate) fn slots_for(elements: u64) -> u64 {
    elements.max(MIN_SLOTS).checked_next_power_of_two().unwrap_or(1 << 63)
}

/// Slots of all arrays of a hash table that grew to `elements` elements without being sized
/// beforehand.
pub(crate) fn slots_grown(elements: u64) -> u64 {
    let slots = slots_for(elements);
    let before = slots / 2;
    if slots == MIN_SLOTS {
        return slots;
    }
    // The insertion that found the old array full moved nothing. Each later one moved a bucket.
    let moved = elements - before - 1;
    let finished = moved >= before.saturating_mul(OCCUPIED_PERMILLE) / 1000;
    if finished { slots } else { slots + before }
}

/// A step of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Expand(u64),
    Add(u64),
}

impl Conversion {
    /// The steps for `count` elements, with the conversion at the element with index `at`.
    fn steps(self, at: u64, count: u64) -> [Step; 4] {
        let left = count.saturating_sub(at + 1);
        // The server announces the rest if it is more than the smallest array holds.
        let announce = if left > MIN_SLOTS { Step::Expand(left) } else { Step::Add(0) };
        let announce_all = if count > MIN_SLOTS { Step::Expand(count) } else { Step::Add(0) };
        match self {
            Self::Hash6_2 => [Step::Add(at + 1), announce, Step::Add(left), Step::Add(0)],
            Self::Hash => [Step::Expand(at), Step::Add(at + 1), announce, Step::Add(left)],
            Self::HashOfAll => [Step::Expand(at), Step::Add(at + 1), announce_all, Step::Add(left)],
            Self::HashExpiry => [Step::Expand(at), Step::Add(at), announce, Step::Add(left + 1)],
            Self::HashExpiryOfAll => [Step::Expand(at), Step::Add(at), announce_all, Step::Add(left + 1)],
            Self::Set => [Step::Expand(at), Step::Add(at), Step::Expand(count), Step::Add(left + 1)],
        }
    }
}

/// Simulates conversions, and caches the results.
#[derive(Clone, Debug, Default)]
pub(crate) struct DictSimulator {
    known: [Memo<u64>; 6],
    table: Table,
}

impl DictSimulator {
    /// Slots of both arrays of a table of `count` elements that was converted at the element with
    /// index `at`.
    pub(crate) fn slots_converted(&mut self, conversion: Conversion, at: u64, count: u64) -> u64 {
        if count > MAX_PLAYED || at >= count {
            return slots_for(count);
        }
        let table = &mut self.table;
        self.known[conversion as usize].get((at, count), || {
            // With other hash seeds the rehash may end in another way, so the most frequent result
            // counts.
            let mut said = [0, 1, 2].map(|seed| table.play(seed, conversion.steps(at, count)));
            said.sort_unstable();
            said[1]
        })
    }
}

const EMPTY: u16 = u16::MAX;

/// A hash table with two arrays, like that of `dict.c`. Elements have the numbers of their order.
#[derive(Clone, Debug, Default)]
struct Table {
    /// The first element in each bucket.
    arrays: [Vec<u16>; 2],
    /// The next element in the bucket of each.
    next: Vec<u16>,
    used: [u64; 2],
    /// The bucket of the first array that is moved next, while rehashing.
    rehashing_at: Option<usize>,
    seed: u64,
}

impl Table {
    /// Slots after these steps, with hashes of this seed.
    fn play(&mut self, seed: u64, steps: [Step; 4]) -> u64 {
        self.seed = seed;
        self.arrays.iter_mut().for_each(Vec::clear);
        self.next.clear();
        self.used = [0, 0];
        self.rehashing_at = None;
        for step in steps {
            match step {
                Step::Expand(elements) => self.expand(elements),
                Step::Add(count) => (0..count).for_each(|_| self.add()),
            }
        }
        self.arrays.iter().map(|array| array.len() as u64).sum()
    }

    /// `dictExpand`.
    fn expand(&mut self, elements: u64) {
        let slots = usize::try_from(slots_for(elements)).unwrap_or_default();
        if self.rehashing_at.is_some() || self.used[0] > elements || slots == self.arrays[0].len() {
            return;
        }
        let target = usize::from(!self.arrays[0].is_empty());
        self.arrays[target].resize(slots, EMPTY);
        if target == 1 {
            self.rehashing_at = Some(0);
        }
    }

    /// `dictAddRaw`.
    fn add(&mut self) {
        self.rehash_step();
        if self.rehashing_at.is_none() && self.used[0] >= self.arrays[0].len() as u64 {
            self.expand(self.used[0] + 1);
        }
        let element = self.next.len();
        self.next.push(EMPTY);
        self.insert(usize::from(self.rehashing_at.is_some()), element);
    }

    fn insert(&mut self, target: usize, element: usize) {
        let Some(mask) = self.arrays[target].len().checked_sub(1) else { return };
        let bucket = hash(self.seed, element) & mask;
        self.next[element] = self.arrays[target][bucket];
        self.arrays[target][bucket] = u16::try_from(element).unwrap_or(EMPTY);
        self.used[target] += 1;
    }

    /// `dictRehash` of one bucket.
    fn rehash_step(&mut self) {
        let Some(mut at) = self.rehashing_at else { return };
        let mut visits = MAX_EMPTY_VISITS;
        while self.used[0] > 0 && at < self.arrays[0].len() {
            let mut element = std::mem::replace(&mut self.arrays[0][at], EMPTY);
            if element == EMPTY {
                at += 1;
                visits -= 1;
                if visits == 0 {
                    break;
                }
                continue;
            }
            while element != EMPTY {
                let after = self.next[usize::from(element)];
                self.used[0] -= 1;
                self.insert(1, usize::from(element));
                element = after;
            }
            at += 1;
            break;
        }
        self.rehashing_at = Some(at);
        if self.used[0] == 0 {
            self.arrays.swap(0, 1);
            self.used.swap(0, 1);
            self.arrays[1].clear();
            self.rehashing_at = None;
        }
    }
}

/// A hash in place of the server's seeded hash. Any hash that spreads well almost always gives the
/// same sizes.
fn hash(seed: u64, element: usize) -> usize {
    let mut mixed = (seed << 32 | element as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from(mixed >> 32).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_a_power_of_two() {
        for (elements, slots) in
            [(0, 4), (4, 4), (5, 8), (512, 512), (513, 1024), (65_536, 65_536), (65_537, 131_072)]
        {
            assert_eq!(slots_for(elements), slots);
        }
        assert_eq!(slots_for(u64::MAX), 1 << 63);
    }

    #[test]
    fn a_table_that_grew_has_two_arrays_for_a_while() {
        assert_eq!(slots_grown(512), 512, "full, rehashed long ago");
        assert_eq!(slots_grown(513), 512 + 1024);
        assert_eq!(slots_grown(800), 512 + 1024);
        assert_eq!(slots_grown(900), 1024);
    }

    #[test]
    fn few_fields_with_one_long_value() {
        let mut dicts = DictSimulator::default();
        // All in the smallest array, wherever the long one is.
        for at in 0..3 {
            assert_eq!(dicts.slots_converted(Conversion::Hash, at, 3), 4);
            assert_eq!(dicts.slots_converted(Conversion::Hash6_2, at, 3), 4);
        }
        // The last of eight: sized for seven, with room for the eighth.
        assert_eq!(dicts.slots_converted(Conversion::Hash, 7, 8), 8);
        // The first of 100: a table of 4 for one, then sized for 99; the one is moved by the next.
        assert_eq!(dicts.slots_converted(Conversion::Hash, 0, 100), 128);
        // The last of 101: 128 for 100 and no need of more.
        assert_eq!(dicts.slots_converted(Conversion::Hash, 100, 101), 128);
        // The last of 65: sized for 64, so that the 65th starts an unfinished rehash.
        assert_eq!(dicts.slots_converted(Conversion::Hash, 64, 65), 64 + 128);
        // A set's rest is announced with the whole.
        assert_eq!(dicts.slots_converted(Conversion::Set, 0, 100), 128);
        // Out of range is the plain size.
        assert_eq!(dicts.slots_converted(Conversion::Hash, 5, 5), 8);
        assert_eq!(dicts.slots_converted(Conversion::Hash, 0, 1 << 40), 1 << 40);
    }
}
