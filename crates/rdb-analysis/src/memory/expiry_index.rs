//! The index of expiring fields in a hash of Valkey 9 (`vset.c`).
//!
//! Its bytes were fitted to answers of servers, and not derived. They are within 3 % of the key.

use super::buckets::BucketTables;
use super::rax::Rax;
use super::sizes::Sizes;
use crate::server::Allocator;

/// Most fields in a vector. An index of more fields has windows of time.
const MAX_VECTOR: u64 = 127;

/// Milliseconds of a window: 2^13.
const WINDOW_BITS: u32 = 13;

/// Bytes of the hash table's struct in a window with many fields.
const TABLE_BYTES: u64 = 80;

/// Most expiries that are examined. The rest of a larger hash counts like its beginning.
const MAX_KEPT: usize = 16 << 10;

/// Collects the expiries of a hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpiryIndex {
    count: u64,
    windows: Vec<u64>,
}

impl ExpiryIndex {
    /// Forgets what was collected.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
        self.windows.clear();
    }

    /// Adds a field that expires at `at_ms`.
    pub(crate) fn push(&mut self, at_ms: u64) {
        self.count += 1;
        if self.windows.len() < MAX_KEPT {
            self.windows.push((at_ms >> WINDOW_BITS) + 1);
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
        self.windows.len() == MAX_KEPT
    }

    /// Adds fields of which only the number matters.
    pub(crate) fn add_count(&mut self, count: u64) {
        self.count += count;
    }

    /// Bytes of the index.
    pub(crate) fn bytes(&mut self, sizes: &Sizes, tables: &mut BucketTables) -> u64 {
        if self.count <= MAX_VECTOR {
            return vector(sizes.allocator, self.count);
        }
        self.windows.sort_unstable();
        let mut tree = Rax::<8>::default();
        let mut bytes = 0;
        for window in self.windows.chunk_by(|a, b| a == b) {
            tree.push(&window.first().copied().unwrap_or_default().to_be_bytes(), sizes);
            let fields = window.len() as u64;
            bytes += if fields <= MAX_VECTOR {
                vector(sizes.allocator, fields)
            } else {
                TABLE_BYTES + tables.bytes(fields)
            };
        }
        bytes += tree.finish(true, sizes);
        let kept = self.windows.len() as u64;
        let scaled = u128::from(bytes) * u128::from(self.count) / u128::from(kept.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

/// One field needs no index, and two need less than the rule for more gives.
fn vector(allocator: Allocator, fields: u64) -> u64 {
    match fields {
        0 | 1 => 0,
        2 => 24,
        _ => allocator.usable(8 + 8 * fields),
    }
}
