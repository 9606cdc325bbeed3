//! Runs a [`Collector`] over the ranges of a source.

use std::ops::ControlFlow;

use rdb_parser::ErrorKind;

use super::collector::{Collector, Observe, PlaceUse, RangeStart};
use crate::measure::KeyView;
use crate::parallel::{Absorbed, Place, RangePart, RangeSink};
use crate::scan::{Counts, FileRecord, Sink};

/// The keys of a source, collected up to where a pass is.
pub(crate) struct Collecting<'c, C: Collector> {
    collector: &'c C,
    /// Index of the source.
    source: usize,
    all: C::Child,
}

impl<'c, C: Collector> Collecting<'c, C> {
    pub(crate) fn new(collector: &'c C, source: usize) -> Self {
        let all = collector.child(RangeStart { source, is_place_known: true });
        Self { collector, source, all }
    }

    pub(crate) fn into_child(self) -> C::Child {
        self.all
    }
}

impl<C: Collector> Sink for Collecting<'_, C> {
    #[inline(always)]
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        if let Err(kind) = self.all.check(key) {
            return ControlFlow::Continue(Err(kind));
        }
        self.all.observe(key);
        ControlFlow::Continue(Ok(()))
    }
}

impl<'c, C: Collector> RangeSink for Collecting<'c, C> {
    type Part = Part<'c, C>;

    fn new_part(&self, here: Place) -> Part<'c, C> {
        Part::new(self.collector, self.source, here)
    }

    fn is_worth_splitting(&self, _: &Counts, here: Place) -> bool {
        // Slots change all the time, so an assumed one would be wrong.
        Part::<C>::PLACE < PlaceUse::Required || here.slot.is_none()
    }

    fn absorb(&mut self, part: Part<'c, C>, place: Place) -> Absorbed {
        let Part { mut first, later, assumed, .. } = part;
        match Part::<C>::PLACE {
            PlaceUse::Ignored => {}
            PlaceUse::Corrected => first.correct_place(place),
            PlaceUse::Required if assumed == place => {}
            PlaceUse::Required => return Absorbed::Refused,
        }
        self.collector.merge(&mut self.all, first);
        if let Some(later) = later {
            self.collector.merge(&mut self.all, later);
        }
        Absorbed::Merged
    }
}

/// The keys of a range.
pub(crate) struct Part<'c, C: Collector> {
    collector: &'c C,
    source: usize,
    assumed: Place,
    /// Of the keys before the first `SELECTDB` opcode, if their place is to be corrected; of all
    /// keys, if not.
    first: C::Child,
    /// Of the others.
    later: Option<C::Child>,
    has_refused: bool,
}

impl<'c, C: Collector> Part<'c, C> {
    const PLACE: PlaceUse = <C::Child as Observe>::PLACE;

    fn new(collector: &'c C, source: usize, assumed: Place) -> Self {
        let is_place_known = !matches!(Self::PLACE, PlaceUse::Corrected);
        let first = collector.child(RangeStart { source, is_place_known });
        Self { collector, source, assumed, first, later: None, has_refused: false }
    }
}

impl<C: Collector> Sink for Part<'_, C> {
    #[inline(always)]
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        let child = self.later.as_mut().unwrap_or(&mut self.first);
        if child.is_full() || child.check(key).is_err() {
            self.has_refused = true;
            return ControlFlow::Break(());
        }
        child.observe(key);
        ControlFlow::Continue(Ok(()))
    }

    fn record(&mut self, record: FileRecord, _: u64) {
        let is_select = matches!(record, FileRecord::SelectDb(_));
        if is_select && Self::PLACE == PlaceUse::Corrected && self.later.is_none() {
            self.later = Some(self.collector.child(RangeStart { source: self.source, is_place_known: true }));
        }
    }
}

impl<C: Collector> RangePart for Part<'_, C> {
    const CORRECTS_PLACE: bool = matches!(Self::PLACE, PlaceUse::Corrected);

    fn has_refused(&self) -> bool {
        self.has_refused
    }

    fn clear(&mut self) {
        *self = Self::new(self.collector, self.source, self.assumed);
    }
}
