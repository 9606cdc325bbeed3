//! What a worker does with one range.

use rdb_parser::ValueType;
use rdb_parser::resume::{Crc64, FileSlice, KnownSum, ParserState};

use super::elements::Chain;
use super::guess::CHAIN_KEYS;
use super::hints::Hints;
use super::name_shape::NameShape;
use super::range_scan::RangeScan;
use super::sink::{Place, RangePart};
use crate::measure::Estimator;
use crate::scan::{Carried, Context, Pass};

/// Bytes that are read before they are added to the checksum, while they are still in the cache.
const SUM_STEP_BYTES: u64 = 128 << 10;

/// The end of a file without any more keys: the opcode and the checksum. They are not part of what
/// is summed.
const END_BYTES: u64 = 9;

/// What all ranges of one stitch have in common.
pub(super) struct RangeContext<'a, M> {
    /// The bytes that are split, and those before them that are held.
    pub(super) slice: FileSlice<'a>,
    /// What is carried at the place of the stitch. A range ends where a record changes more than the
    /// database and the slot.
    pub(super) carried: Carried,
    /// A pass that has learned what is carried.
    pub(super) pass: Pass<M>,
    pub(super) context: &'a Context<'a>,
    pub(super) names: NameShape,
    pub(super) hints: &'a Hints,
    /// Bytes of a value that are read before it is left.
    pub(super) grain_bytes: u64,
    /// The place of the stitch: where the first range begins, and the type of the value there if it
    /// is inside one.
    pub(super) here: (u64, Option<ValueType>),
}

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
    /// The database and slot that ranges assume.
    pub(super) fn place(&self) -> Place {
        let ParserState { db, slot, .. } = self.carried.parser;
        Place { db, slot }
    }

    /// Reads what can be read between two offsets. Keys go to `part`. `known` is the checksum of the
    /// range, if it is known already.
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
                scan
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
        let end_of = |chain: &Option<Chain<E>>| Some(chain.as_ref()?.blocks.last()?.run.span.end);
        let records = self.records.as_ref().map(|scan| scan.end);
        records.max(end_of(&self.head)).max(end_of(&self.tail))
    }
}

/// The checksum of the bytes of a range, whatever they mean.
pub(super) struct RangeSum<'a> {
    slice: FileSlice<'a>,
    from: u64,
    to: u64,
    summed: u64,
    /// `None` if checksums are not compared.
    sum: Option<Crc64>,
}

impl<'a> RangeSum<'a> {
    fn new<M>(common: &RangeContext<'a, M>, from: u64, to: u64, is_wanted: bool) -> Self {
        let sum = (is_wanted && common.context.options.verify_checksum).then(Crc64::new);
        Self { slice: common.slice, from, to, summed: from, sum }
    }

    /// Adds bytes up to an offset that was read.
    pub(super) fn add_to(&mut self, offset: u64) {
        let until = offset.min(self.to);
        if let (Some(sum), Some(bytes)) = (&mut self.sum, self.slice.get(self.summed, until)) {
            sum.update(bytes);
        }
        self.summed = self.summed.max(until);
    }

    /// Adds bytes up to an offset that was read, if there are enough.
    #[inline]
    pub(super) fn add_if_due(&mut self, offset: u64) {
        if offset.saturating_sub(self.summed) >= SUM_STEP_BYTES {
            self.add_to(offset);
        }
    }

    /// The offset up to which to read before bytes are added, at most `to`.
    pub(super) fn step(&self, to: u64) -> u64 {
        to.min(self.summed.saturating_add(SUM_STEP_BYTES))
    }

    /// Adds the rest of the range. `end` is the end of what was read of it. If the range is the last,
    /// the end of the file is not added.
    fn finish(&mut self, end: Option<u64>) {
        let last = || end.unwrap_or(self.to.saturating_sub(END_BYTES));
        self.add_to(if self.to == self.slice.end() { last() } else { self.to });
    }

    fn into_known(self) -> Option<KnownSum> {
        Some(KnownSum { from: self.from, to: self.summed, sum: self.sum? })
    }
}
