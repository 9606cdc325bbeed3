//! Aggregates that grow by one key at a time and merge in any order.

mod bounded;
mod groups;
mod top;

use std::ops::ControlFlow;

use rdb_parser::ErrorKind;

use crate::analyze::Options;
use crate::measure::KeyView;
use crate::parallel::{Absorbed, Collector, Inherited, Part};
use crate::scan::Sink;

pub(crate) use groups::{CellId, Groups};
pub use groups::{ExpiryBucket, Group};
pub use top::Rank;
pub(crate) use top::TopKeys;

/// Bytes of listed names that either aggregate of a part may hold: a fixed number, and more for each key of a list. Many
/// parts wait for their turn at the same time.
const MAX_NAME_BYTES_IN_PART: usize = 128 << 10;
const ORDINARY_NAME_BYTES: usize = 512;

/// The aggregates of a report.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) groups: Groups,
    pub(crate) top: TopKeys,
}

impl Summary {
    /// No keys, of which `options` say how many are to be listed by type.
    pub(crate) fn new(options: &Options) -> Self {
        Self::of(Groups::default(), TopKeys::new(options.rank, options.top, options.max_db))
    }

    pub(crate) fn of(groups: Groups, top: TopKeys) -> Self {
        Self { groups, top }
    }

    /// Changes the source of every listed key, in such a way that their order stays.
    pub(crate) fn change_sources(&mut self, change: impl Fn(usize) -> usize) {
        self.top.change_sources(change);
    }

    fn new_like(&self) -> Self {
        Self { groups: Groups::default(), top: self.top.new_like() }
    }

    /// The same for keys whose database is not known yet.
    fn new_inherited(&self) -> Self {
        Self { groups: Groups::default(), top: self.top.new_of_any_db() }
    }

    /// Adds the aggregates over other keys. Associative and commutative.
    pub(crate) fn merge(&mut self, other: Self) {
        self.groups.merge(other.groups);
        self.top.merge(other.top);
    }

    /// Corrects the database and slot of keys, which are all of one database.
    fn correct(&mut self, inherited: Inherited) {
        self.groups.correct_db(inherited.db);
        self.top.correct(inherited);
    }
}

/// A key counts as damaged if its name is needed and cannot be decoded.
impl Sink for Summary {
    #[inline(always)]
    fn key(&mut self, now_ms: i64, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let listed = self.top.observe(key);
        if listed.is_ok() {
            self.groups.observe(now_ms, &key.measure);
        }
        ControlFlow::Continue(listed)
    }
}

impl Collector for Summary {
    type Part = SummaryPart;

    fn new_part(&self, _: Inherited) -> SummaryPart {
        SummaryPart { inherited: self.new_inherited(), own: None, has_refused: false }
    }

    fn absorb(&mut self, mut part: SummaryPart, inherited: Inherited) -> Absorbed {
        part.inherited.correct(inherited);
        self.merge(part.inherited);
        if let Some(own) = part.own {
            self.merge(own);
        }
        Absorbed::Taken
    }
}

/// The aggregates of a part of a file.
#[derive(Debug)]
pub(crate) struct SummaryPart {
    /// Of the keys before the first record that names a database.
    inherited: Summary,
    /// Of the others.
    own: Option<Summary>,
    has_refused: bool,
}

impl SummaryPart {
    /// The aggregates that the next key belongs to.
    #[inline(always)]
    fn current(&mut self) -> &mut Summary {
        self.own.as_mut().unwrap_or(&mut self.inherited)
    }
}

impl Sink for SummaryPart {
    #[inline(always)]
    fn key(&mut self, now_ms: i64, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let current = self.current();
        let is_full =
            current.top.name_bytes() > MAX_NAME_BYTES_IN_PART + current.top.limit() * ORDINARY_NAME_BYTES;
        if !is_full && let taken @ ControlFlow::Continue(Ok(())) = current.key(now_ms, key) {
            return taken;
        }
        self.has_refused = true;
        ControlFlow::Break(())
    }

    fn select_db(&mut self) {
        self.own.get_or_insert_with(|| self.inherited.new_like());
    }
}

impl Part for SummaryPart {
    const CAN_BE_CORRECTED: bool = true;

    fn has_refused(&self) -> bool {
        self.has_refused
    }

    fn clear(&mut self) {
        *self = Self { inherited: self.inherited.new_inherited(), own: None, has_refused: false };
    }
}
