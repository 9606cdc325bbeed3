//! Reads elements in the middle of a long value.

use std::sync::atomic::Ordering;

use rdb_parser::ValueType;
use rdb_parser::resume::{ElementReader, ElementRun, ElementShape, elements_of};

use super::context::{RangeContext, RangeSum};
use crate::measure::{Estimator, SeenPart};

/// Blocks of a chain at most, and in a grain at most. The stitch may begin and end with each of
/// them.
const MAX_BLOCKS: u64 = 512;
const BLOCKS_IN_GRAIN: u64 = 4;

/// Bytes of the blocks in which the next record is looked for, because an element in them is
/// unusual: some, and a part of the others.
const CAREFUL_BYTES: u64 = 4 << 20;
const CAREFUL_PART: u64 = 16;

/// Cost of the attempts to find the next record, at most, and of one that learns elements, as the
/// number of bytes that a scan reads in the same time.
const ATTEMPTS_BYTES: u64 = 1 << 20;
const LEARNING_BYTES: u64 = 16 << 10;

/// Places in some blocks at which a record may begin, at most.
const MAX_CANDIDATES: usize = 4096;

/// Mean length of elements that are believed without having seen others of their type. Text that is
/// read as elements has lengths of up to 16 KiB.
const MAX_MEAN_BYTES: u64 = 1 << 10;

/// Bytes of the records that are read in one attempt.
const ATTEMPT_BYTES: u64 = 256 << 10;

/// Elements of a value that follow each other, in blocks. The first may be wrong, like the
/// [start of a range](super::guess).
pub(super) struct Chain<P> {
    pub(super) value_type: ValueType,
    pub(super) blocks: Vec<Block<P>>,
}

impl<P> Chain<P> {
    pub(super) fn new(value_type: ValueType) -> Self {
        Self { value_type, blocks: Vec::new() }
    }

    /// The end of the last element. `None` if there are none.
    pub(super) fn end(&self) -> Option<u64> {
        Some(self.blocks.last()?.run.span.end)
    }
}

/// Elements that follow each other, and what was seen of them.
pub(super) struct Block<P> {
    pub(super) run: ElementRun,
    pub(super) part: SeenPart<P>,
}

impl<M: Estimator> RangeContext<'_, M> {
    /// Finds elements that begin at or shortly behind `from`, of a value of which something is
    /// known.
    pub(super) fn find_elements(&self, from: u64, to: u64) -> Option<(ValueType, u64)> {
        let shapes = self.hints.shapes();
        shapes.iter().find_map(|shape| Some((shape.value_type(), shape.find(self.slice, from, to)?)))
    }

    /// Adds elements from `start` on to `chain`, until an element ends at or behind `to` or
    /// something else follows. Returns where the next record seems to begin, if `is_followed` by
    /// one.
    pub(super) fn read_elements(
        &self,
        chain: &mut Chain<M::Part>,
        (start, to): (u64, u64),
        is_followed: bool,
        sum: &mut RangeSum<'_>,
    ) -> Option<u64> {
        let value_type = chain.value_type;
        let mut measurer = self.pass.measurer.for_part();
        let shapes = self.hints.shapes();
        let shape = shapes.iter().find(|shape| is_followed && shape.value_type() == value_type);
        let mut reader = ElementReader::new(self.slice, start, value_type)?;
        if !measurer.begin_part(value_type) {
            return None;
        }
        let block_bytes = (self.grain_bytes / BLOCKS_IN_GRAIN).max(to.saturating_sub(start) / MAX_BLOCKS);
        let (mut spent, mut careful_bytes) = (0, 0);
        while reader.position() < to && !self.context.stop.load(Ordering::Relaxed) {
            let at = reader.position();
            let until = to.min(at.saturating_add(block_bytes));
            let run = reader.read_to(until, &mut measurer);
            let is_usual = match (&run, shape) {
                (Some(run), Some(shape)) => !shape.is_unusual(run.longest_bytes()),
                (run, _) => run.is_some(),
            };
            let part = measurer.take_part();
            let is_careful = !is_usual && careful_bytes < CAREFUL_BYTES + (at - start) / CAREFUL_PART;
            careful_bytes += if is_careful { until - at } else { 0 };
            if let Some(shape) = shape.filter(|_| is_careful) {
                // What begins in one block may look unusual only in the next.
                let before = chain.blocks.last().map_or(at, |block| block.run.span.start);
                if let Some(record) = self.find_record(shape, before, until, &mut spent) {
                    self.end_at(chain, record, at);
                    return Some(record);
                }
            }
            let (Some(run), Some(part)) = (run, part) else { break };
            sum.add_to(run.span.end);
            chain.blocks.push(Block { run, part });
        }
        None
    }

    /// Ends a chain at the record at `record`, where an element ends. The chain was read up to
    /// `read_to`.
    fn end_at(&self, chain: &mut Chain<M::Part>, record: u64, read_to: u64) {
        let mut at = read_to;
        if let Some(last) = chain.blocks.pop_if(|block| block.run.span.end > record) {
            at = last.run.span.start;
        }
        let mut measurer = self.pass.measurer.for_part();
        let adds_up = measurer.begin_part(chain.value_type) && at < record;
        let reader = ElementReader::new(self.slice, at, chain.value_type).filter(|_| adds_up);
        let run = reader.and_then(|mut reader| reader.read_to(record, &mut measurer));
        if let (Some(run), Some(part)) = (run, measurer.take_part())
            && run.span.end == record
        {
            chain.blocks.push(Block { run, part });
        }
    }

    /// An end of an element, from `at` on and at most behind `until`, at which a record seems to
    /// begin.
    ///
    /// Behind the true one, the record is read as elements, and soon one of them is unusual. So the
    /// last ones before that are tried first.
    fn find_record(&self, shape: &ElementShape, at: u64, until: u64, spent: &mut u64) -> Option<u64> {
        let (mut at, mut candidates) = (at, Vec::new());
        loop {
            if self.may_begin_at(at) {
                candidates.push(at);
            }
            if at >= until || candidates.len() >= MAX_CANDIDATES {
                break;
            }
            let Some(end) = shape.end_of_usual_element(self.slice, at) else { break };
            at = end;
        }
        let mut candidates = candidates.into_iter().rev();
        candidates.find(|&at| *spent <= ATTEMPTS_BYTES && self.seems_a_record(at, spent))
    }

    /// Whether a record seems to begin at `at`, which looks like one.
    #[cold]
    fn seems_a_record(&self, at: u64, spent: &mut u64) -> bool {
        let state = self.carried.parser;
        let elements = self.slice.from(at).and_then(|bytes| elements_of(bytes, &state));
        match elements {
            Some((value_type, ..)) if !value_type.is_expected_in(state.header.version) => false,
            Some((value_type, bytes, count)) if ElementShape::is_learned_from(count) => {
                *spent += LEARNING_BYTES;
                let start = at + bytes;
                if self.hints.knows(value_type) {
                    self.hints.recognize(self.slice, start, value_type)
                } else {
                    let shape = ElementShape::learn(self.slice, start, value_type, count);
                    shape.is_some_and(|shape| shape.mean_bytes() <= MAX_MEAN_BYTES)
                }
            }
            _ => self.start_of_chain(at, at.saturating_add(ATTEMPT_BYTES), spent).is_some(),
        }
    }
}
