//! Aggregates that grow by one key at a time and merge in any order.

mod groups;
mod top;

use std::ops::ControlFlow;

use rdb_parser::ErrorKind;

use crate::analyze::Options;
use crate::measure::KeyView;
use crate::scan::Sink;
use crate::split::{Absorbed, Collector, Inherited, Part};

pub(crate) use groups::{CellId, Groups};
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
    /// No keys, of which `options` say how many are to be listed by type.
    pub(crate) fn new(options: &Options) -> Self {
        Self::of(Groups::default(), TopKeys::new(options.rank, options.top, options.max_db))
    }

    pub(crate) fn of(groups: Groups, top: TopKeys) -> Self {
        Self { groups, top }
    }

    /// Makes its keys those of the source with the given index. Until then they are of the first.
    pub(crate) fn belong_to(&mut self, source: usize) {
        self.top.belong_to(source);
    }

    fn new_like(&self) -> Self {
        Self { groups: Groups::default(), top: self.top.new_like() }
    }

    /// The same for keys whose database is not known yet.
    fn new_inherited(&self) -> Self {
        Self { groups: Groups::default(), top: self.top.new_of_any_db() }
    }

    /// The aggregates over the keys of both. Associative and commutative.
    pub(crate) fn merge(self, other: Self) -> Self {
        Self { groups: self.groups.merge(&other.groups), top: self.top.merge(other.top) }
    }

    fn add(&mut self, other: Self) {
        let so_far = std::mem::replace(self, other.new_like());
        *self = so_far.merge(other);
    }

    fn settle(&mut self, inherited: Inherited) {
        self.groups.settle(inherited.db);
        self.top.settle(inherited);
    }
}

/// A key whose name is damaged is not counted if that shows, and ends nothing.
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
        SummaryPart { inherited: self.new_inherited(), own: None }
    }

    fn absorb(&mut self, mut part: SummaryPart, inherited: Inherited) -> Absorbed {
        part.inherited.settle(inherited);
        self.add(part.inherited);
        if let Some(own) = part.own {
            self.add(own);
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
}

impl Sink for SummaryPart {
    #[inline(always)]
    fn key(&mut self, now_ms: i64, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        self.own.as_mut().unwrap_or(&mut self.inherited).key(now_ms, key)
    }

    fn select_db(&mut self) {
        self.own.get_or_insert_with(|| self.inherited.new_like());
    }
}

impl Part for SummaryPart {
    const CAN_BE_CORRECTED: bool = true;

    fn clear(&mut self) {
        *self = Self { inherited: self.inherited.new_inherited(), own: None };
    }
}
