//! What a worker does with one range.

use rdb_parser::resume::KnownSum;

use super::context::{RangeContext, RangeSum};
use super::elements::Chain;
use super::guess::CHAIN_KEYS;
use super::range_scan::RangeScan;
use super::sink::RangePart;
use crate::measure::Estimator;

/// What a worker has read of a range. All of it may be wrong, except the checksum.
pub(super) struct RangeWork<P, E> {
    pub(super) range: (u64, u64),
    /// Elements of the value in which the range begins.
    pub(super) head: Option<Chain<E>>,
    /// The records that begin in the range.
    pub(super) records: Option<RangeScan<P>>,
    /// Elements of the last value, which ends behind the range.
    pub(super) tail: Option<Chain<E>>,
    /// The checksum of the bytes of the range. `None` if checksums are not compared.
    pub(super) sum: Option<KnownSum>,
    /// What takes keys, if there are no records.
    pub(super) part: Option<P>,
}

impl<M: Estimator> RangeContext<'_, M> {
    /// Reads what can be read between two offsets. Keys go to `part`. `known` is the checksum of
    /// the range, if it is known already.
    pub(super) fn work<P: RangePart>(
        &self,
        (from, to): (u64, u64),
        part: P,
        known: Option<KnownSum>,
    ) -> RangeWork<P, M::Part> {
        let mut sum = RangeSum::new(self, from, to, known.is_none());
        let mut work = self.read(from, to, part, &mut sum);
        sum.finish(work.end());
        work.sum = known.or(sum.into_known());
        work
    }

    /// Adds up the bytes between two offsets, and reads nothing.
    pub(super) fn sum<P: RangePart>(
        &self,
        (from, to): (u64, u64),
        part: P,
        known: Option<KnownSum>,
    ) -> RangeWork<P, M::Part> {
        let mut sum = RangeSum::new(self, from, to, known.is_none());
        sum.finish(None);
        let sum = known.or(sum.into_known());
        RangeWork { part: Some(part), ..RangeWork::nothing((from, to), sum) }
    }

    fn read<P: RangePart>(
        &self,
        from: u64,
        to: u64,
        mut part: P,
        sum: &mut RangeSum<'_>,
    ) -> RangeWork<P, M::Part> {
        let mut work = RangeWork::nothing((from, to), None);
        let elements = match self.here {
            (here, inside) if here == from => inside.map(|value_type| (value_type, from)),
            _ if self.hints.is_inside(to) => None,
            _ => self.find_elements(from, to),
        };
        let scan = match elements {
            Some((value_type, start)) => {
                let head = work.head.insert(Chain::new(value_type));
                let record = self.read_elements(head, (start, to), true, sum);
                let scan = record.and_then(|record| self.scan_from(record, to, &mut part, sum).ok());
                let scan = scan.filter(|scan| scan.end > scan.start || scan.inside.is_some());
                if let Some(no_record) = record.filter(|_| scan.is_none()) {
                    part.clear();
                    self.read_elements(head, (no_record, to), false, sum);
                }
                // Behind its elements, a stream has more. And the value may have ended unseen.
                let end = head.end().unwrap_or(from);
                if head.blocks.is_empty() {
                    work.head = None;
                }
                match scan {
                    None if end < to => self.find_and_scan(end, to, &mut part, sum),
                    scan => scan,
                }
            }
            // The first range begins at the place of the stitch, so its start is certain.
            None if from == self.here.0 => {
                let scan = self.scan_from(from, to, &mut part, sum).ok();
                let end = scan.as_ref().map_or(0, |scan| scan.end);
                self.hints.value_ends(end);
                scan
            }
            None if self.hints.is_inside(to) => None,
            None => self.find_and_scan(from, to, &mut part, sum),
        };
        let Some(scan) = scan else {
            part.clear();
            work.part = Some(part);
            return work;
        };
        if let Some((value_type, at, left)) = scan.inside.filter(|&(_, at, _)| at < to) {
            let is_sure = scan.counts.keys >= CHAIN_KEYS as u64;
            if is_sure && !self.hints.recognize(self.slice, at, value_type) {
                self.hints.learn(self.slice, at, value_type, left);
            }
            self.read_elements(work.tail.insert(Chain::new(value_type)), (at, to), false, sum);
        }
        work.records = Some(scan.of(part));
        work
    }
}

impl<P, E> RangeWork<P, E> {
    /// Nothing but a checksum.
    pub(super) fn nothing(range: (u64, u64), sum: Option<KnownSum>) -> Self {
        Self { range, head: None, records: None, tail: None, sum, part: None }
    }

    /// The end of what was read. `None` if nothing was.
    fn end(&self) -> Option<u64> {
        let end_of = |chain: &Option<Chain<E>>| chain.as_ref()?.end();
        let records = self.records.as_ref().map(|scan| scan.end);
        records.max(end_of(&self.head)).max(end_of(&self.tail))
    }
}
