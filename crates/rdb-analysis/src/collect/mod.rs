//! Aggregates that grow by one key at a time and merge in any order.

mod groups;
mod top;

use rdb_parser::ErrorKind;

use crate::measure::KeyView;

pub(crate) use groups::Groups;
pub use groups::{ExpiryBucket, Group};
pub use top::Rank;
pub(crate) use top::TopKeys;

/// The aggregates of a report.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) groups: Groups,
    pub(crate) top: TopKeys,
}

impl Summary {
    pub(crate) fn new(rank: Rank, top: usize) -> Self {
        Self { groups: Groups::default(), top: TopKeys::new(rank, top) }
    }

    /// Counts a key of the source with the given index. `now_ms` is the time by which keys count
    /// as expired.
    ///
    /// # Errors
    ///
    /// If the name of a key that ranks high cannot be decompressed; the key is then not counted.
    #[inline]
    pub(crate) fn observe(&mut self, source: usize, now_ms: i64, key: &KeyView<'_>) -> Result<(), ErrorKind> {
        self.top.observe(source, key)?;
        self.groups.observe(now_ms, &key.measure);
        Ok(())
    }

    /// The aggregates over the keys of both. Associative and commutative.
    pub(crate) fn merge(self, other: Self) -> Self {
        Self { groups: self.groups.merge(&other.groups), top: self.top.merge(other.top) }
    }
}
