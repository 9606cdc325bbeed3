//! How a file is split into ranges, and whether it is.

use crate::scan::{Counts, SourceData};

/// Bytes read before the rest is split: enough to know who wrote the file.
pub(super) const PRELUDE_BYTES: u64 = 64 << 10;

/// More of the file is read first, up to a part of it and up to a limit, if fewer names than needed
/// were seen.
const PRELUDE_PART: u64 = 64;
const MAX_PRELUDE_BYTES: u64 = 64 << 20;

/// Bytes of a value that are read before it is left, in a whole file and at least.
const GRAIN_BYTES: u64 = 256 << 10;
const MIN_GRAIN_BYTES: u64 = 16;

/// Lengths of the shortest range of a whole file that is worth the search for its start, and of the
/// longest.
const MIN_RANGE_BYTES: u64 = 4 << 20;
const MAX_RANGE_BYTES: u64 = 32 << 20;

/// Ranges of a whole file that are scanned before they are merged, for each thread. Each takes
/// memory until then.
const RANGES_PER_THREAD: usize = 6;

/// Length of the ranges of a stream. A buffer holds several at a time.
const BUFFERED_RANGE_BYTES: u64 = 512 << 10;

/// Ranges of a stream that are scanned at a time, for each thread.
const BUFFERED_RANGES_PER_THREAD: usize = 4;

/// Fewer ranges of a stream are read in order.
const WORTHWHILE_RANGES: u64 = 4;

/// Average number of keys from which on a range of a stream is worth the search for its start.
const KEYS_IN_A_RANGE: u64 = 16;

/// Bytes that a buffer holds at most, whatever length of ranges the user asks for.
const MAX_AHEAD_BYTES: usize = 64 << 20;

/// Ranges of a length that the user sets that are scanned before they are merged.
const FORCED_RANGES: usize = 64;

/// The longest [`Pause`], in lengths of what was discarded.
const MAX_PAUSE: u64 = 16;

/// How a file is split into ranges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RangePlan {
    /// The whole file, into long ranges first and shorter ones later, for this number of threads.
    ForThreads(u64),
    /// Ranges of the same length, some at a time.
    Evenly {
        /// Length of a range, not 0.
        range_bytes: u64,
        /// Ranges that are scanned before they are merged.
        at_a_time: usize,
        /// Whether to split even where it takes longer.
        is_forced: bool,
    },
}

impl RangePlan {
    /// The plan for a source that is one of `concurrent_sources`, for the current threads.
    /// `range_bytes` is the length of ranges that the user asks for. `None`: the source is scanned
    /// by one thread.
    pub(crate) fn for_source(
        data: &SourceData<'_>,
        range_bytes: Option<u64>,
        concurrent_sources: usize,
    ) -> Option<Self> {
        let threads = rayon::current_num_threads();
        match (data, range_bytes) {
            (SourceData::Bytes(_), Some(range_bytes)) => Some(Self::forced(range_bytes, FORCED_RANGES)),
            (SourceData::Bytes(_), None) => (threads > 1).then_some(Self::ForThreads(threads as u64)),
            // Every thread has a source of its own to read.
            (SourceData::Reader { .. }, None) if concurrent_sources >= threads => None,
            (SourceData::Reader { .. }, range_bytes) => {
                Self::buffered(range_bytes, BUFFERED_RANGE_BYTES, threads)
            }
        }
    }

    /// Ranges of `range_bytes`, as the user asks for.
    fn forced(range_bytes: u64, at_a_time: usize) -> Self {
        Self::Evenly { range_bytes: range_bytes.max(1), at_a_time, is_forced: true }
    }

    /// Splits buffered input into ranges of `range_bytes`, or of the length that the user `forced`.
    /// `None` for one thread.
    pub(crate) fn buffered(forced: Option<u64>, range_bytes: u64, threads: usize) -> Option<Self> {
        let at_a_time = BUFFERED_RANGES_PER_THREAD * threads;
        match forced {
            Some(range_bytes) => Some(Self::forced(range_bytes, at_a_time)),
            None if threads == 1 => None,
            None => Some(Self::Evenly { range_bytes, at_a_time, is_forced: false }),
        }
    }

    /// Bytes read in order before the rest of a file of `length` bytes is split.
    pub(super) fn prelude_bytes(self, length: Option<u64>) -> u64 {
        let part = length.unwrap_or(0) / PRELUDE_PART;
        match self {
            Self::ForThreads(_) => PRELUDE_BYTES.max(part.min(MAX_PRELUDE_BYTES)),
            Self::Evenly { range_bytes, .. } => range_bytes.min(MAX_PRELUDE_BYTES),
        }
    }

    /// Bytes of a value that are read before it is left. A value is left if it is expected to end
    /// four times as many bytes behind its range.
    pub(super) fn grain_bytes(self) -> u64 {
        match self {
            Self::ForThreads(_) => GRAIN_BYTES,
            Self::Evenly { range_bytes, .. } => (range_bytes / 8).clamp(MIN_GRAIN_BYTES, GRAIN_BYTES),
        }
    }

    /// Bytes that are split together.
    pub(super) fn ahead_bytes(self) -> usize {
        match self {
            Self::ForThreads(_) => usize::MAX,
            Self::Evenly { range_bytes, at_a_time, .. } => {
                let wanted = usize::try_from(range_bytes).unwrap_or(usize::MAX).saturating_mul(at_a_time);
                wanted.min(MAX_AHEAD_BYTES)
            }
        }
    }

    /// Bytes of the ranges that are read before they are merged.
    pub(super) fn bytes_at_a_time(self) -> u64 {
        match self {
            Self::ForThreads(_) => u64::MAX,
            Self::Evenly { range_bytes, at_a_time, .. } => range_bytes.saturating_mul(at_a_time as u64),
        }
    }

    /// Bytes that are read in order where splitting is not worth it.
    pub(super) fn step_bytes(self) -> u64 {
        match self {
            Self::ForThreads(_) => MAX_RANGE_BYTES,
            Self::Evenly { range_bytes, .. } => range_bytes,
        }
    }

    /// Ranges that are read before they are merged.
    pub(super) fn at_a_time(self) -> usize {
        match self {
            Self::ForThreads(threads) => {
                usize::try_from(threads).unwrap_or(1).saturating_mul(RANGES_PER_THREAD)
            }
            Self::Evenly { at_a_time, .. } => at_a_time,
        }
    }

    /// Whether the bytes between two offsets are enough to be split.
    pub(super) fn is_enough(self, from: u64, to: u64) -> bool {
        let least = match self {
            Self::ForThreads(_) => 2 * MIN_RANGE_BYTES,
            Self::Evenly { range_bytes, is_forced: true, .. } => range_bytes.saturating_add(1),
            Self::Evenly { range_bytes, .. } => range_bytes.saturating_mul(WORTHWHILE_RANGES),
        };
        to.saturating_sub(from) >= least
    }

    /// The first range between two offsets. Ranges become shorter towards the end, so that all
    /// threads end at the same time.
    pub(super) fn first_range(self, from: u64, to: u64) -> (u64, u64) {
        let bytes = match self {
            Self::ForThreads(threads) => {
                ((to - from) / (4 * threads)).clamp(MIN_RANGE_BYTES, MAX_RANGE_BYTES)
            }
            Self::Evenly { range_bytes, .. } => range_bytes,
        };
        (from, to.min(from.saturating_add(bytes)))
    }

    /// The ranges between two offsets that are read at a time.
    pub(super) fn ranges(self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut at = from;
        let next = || {
            let range = (at < to).then(|| self.first_range(at, to))?;
            at = range.1;
            Some(range)
        };
        std::iter::from_fn(next).take(self.at_a_time()).collect()
    }

    /// Whether the values so far are so long that most ranges would begin inside a value.
    pub(super) fn is_too_fine(self, counts: &Counts) -> bool {
        let key_bytes = counts.key_bytes.checked_div(counts.keys).unwrap_or(0);
        self.is_adaptive() && self.step_bytes() < key_bytes.saturating_mul(KEYS_IN_A_RANGE)
    }

    /// Whether to split even where it takes longer.
    pub(super) fn is_forced(self) -> bool {
        matches!(self, Self::Evenly { is_forced: true, .. })
    }

    fn is_adaptive(self) -> bool {
        matches!(self, Self::Evenly { is_forced: false, .. })
    }
}

/// Exponential back-off: how many bytes to scan in order before splitting is tried again.
#[derive(Debug, Default)]
pub(super) struct Pause {
    times: u64,
}

impl Pause {
    /// Bytes to scan in order, after `scanned` bytes of ranges of which `merged_bytes` were merged.
    pub(super) fn after(&mut self, scanned: u64, merged_bytes: u64, plan: RangePlan) -> u64 {
        let is_wasteful = plan.is_adaptive() && merged_bytes < scanned / 2;
        self.times = if is_wasteful { (2 * self.times).clamp(1, MAX_PAUSE) } else { 0 };
        self.times * scanned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_each_other_to_the_end_or_as_many_as_fit() {
        for plan in [RangePlan::ForThreads(2), RangePlan::forced(20 << 20, 9)] {
            let ranges = plan.ranges(5, 30 << 20);
            assert_eq!((ranges[0].0, ranges[ranges.len() - 1].1), (5, 30 << 20));
            assert!(ranges.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
        let buffered = RangePlan::buffered(None, BUFFERED_RANGE_BYTES, 2).expect("of two threads");
        let ranges = buffered.ranges(0, 1 << 40);
        assert_eq!(ranges[ranges.len() - 1].1, buffered.ahead_bytes() as u64);
        assert!(!buffered.is_enough(0, BUFFERED_RANGE_BYTES * 3));
        assert!(RangePlan::buffered(None, BUFFERED_RANGE_BYTES, 1).is_none());
    }

    #[test]
    fn the_pause_grows_while_ranges_are_discarded() {
        let plan = RangePlan::buffered(None, BUFFERED_RANGE_BYTES, 2).expect("of two threads");
        let mut pause = Pause::default();
        let pauses: Vec<u64> = (0..6).map(|_| pause.after(100, 49, plan)).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 1600]);
        assert_eq!(pause.after(100, 50, plan), 0);
        assert_eq!(pause.after(100, 0, RangePlan::ForThreads(2)), 0);
    }
}
