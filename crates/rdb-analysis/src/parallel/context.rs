//! What the workers of one stitch have in common, and the checksum of a range.

use rdb_parser::ValueType;
use rdb_parser::resume::{Crc64, FileSlice, KnownSum, ParserState};

use super::hints::Hints;
use super::name_shape::NameShape;
use super::sink::Place;
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
    /// What is carried at the place of the stitch. A range ends where a record changes more than
    /// the database and the slot.
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

impl<M> RangeContext<'_, M> {
    /// The database and slot that ranges assume.
    pub(super) fn place(&self) -> Place {
        let ParserState { db, slot, .. } = self.carried.parser;
        Place { db, slot }
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
    pub(super) fn new<M>(common: &RangeContext<'a, M>, from: u64, to: u64, is_wanted: bool) -> Self {
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

    /// Adds the rest of the range. `end` is the end of what was read of it. If the range is the
    /// last, the end of the file is not added.
    pub(super) fn finish(&mut self, end: Option<u64>) {
        let last = || end.unwrap_or(self.to.saturating_sub(END_BYTES));
        self.add_to(if self.to == self.slice.end() { last() } else { self.to });
    }

    pub(super) fn into_known(self) -> Option<KnownSum> {
        Some(KnownSum { from: self.from, to: self.summed, sum: self.sum? })
    }
}
