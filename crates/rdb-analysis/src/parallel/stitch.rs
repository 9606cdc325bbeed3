//! Scans ranges on all threads and merges them from the left.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use rdb_parser::resume::{Ahead, ParserState};
use rdb_parser::{Error, Parser};

use super::name_shape::{NameShape, WATCHED_NAMES, Watching};
use super::range_plan::{PRELUDE_BYTES, Pause, RangePlan};
use super::range_scan::{RangeContext, RangeScan};
use super::sink::{Absorbed, Place, RangeSink};
use crate::measure::Estimator;
use crate::scan::{Carried, Context, Halt, Pass, Sink, SourceFacts};

/// Scans the RDB data that begins at the cursor of `input` on the current threads.
///
/// Facts and keys are the same as [`scan_source`](crate::scan::scan_source) gives. `length` is the
/// length of the file, if it is known.
///
/// # Errors
///
/// If the data does not begin as an RDB file.
pub(crate) fn scan_split<M: Estimator, C: RangeSink>(
    input: impl Ahead,
    length: Option<u64>,
    plan: RangePlan,
    context: &Context<'_>,
    time_ms: i64,
    end_mark: Option<&[u8; 40]>,
    sink: &mut C,
) -> Result<SourceFacts, Error> {
    let mut stitch = Stitch::<_, M>::new(input, context, time_ms)?;
    let mut watching = Watching { sink: &mut *sink, shape: stitch.names };
    let bound = stitch.parser.position().saturating_add(plan.prelude_bytes(length));
    let mut halt = Halt::Bound;
    while halt == Halt::Bound && stitch.parser.position() < bound && watching.shape.names < WATCHED_NAMES {
        halt = stitch.read_to(bound.min(stitch.parser.position() + PRELUDE_BYTES), &mut watching);
    }
    stitch.names = watching.shape;
    let mut pause = Pause::default();
    while halt == Halt::Bound {
        let from = stitch.parser.position();
        let Some(ranges) = stitch.next_ranges(plan, sink) else {
            halt = stitch.read_to(from.saturating_add(plan.step_bytes()), sink);
            continue;
        };
        let end = ranges.last().map_or(from, |&(_, end)| end);
        let merged_bytes;
        (halt, merged_bytes) = stitch.scan_ranges(&ranges, sink);
        let next = end.saturating_add(pause.after(end - from, merged_bytes, plan));
        if halt == Halt::Bound && stitch.parser.position() < next {
            halt = stitch.read_to(next, sink);
        }
    }
    Ok(stitch.pass.finish(&mut stitch.parser, context, length, end_mark))
}

/// The sequential pass, which merges ranges.
struct Stitch<'a, I, M> {
    context: &'a Context<'a>,
    parser: Parser<I>,
    pass: Pass<M>,
    names: NameShape,
}

impl<'a, I: Ahead, M: Estimator> Stitch<'a, I, M> {
    fn new(input: I, context: &'a Context<'a>, time_ms: i64) -> Result<Self, Error> {
        let parser = Parser::new(input, context.options.parser())?;
        let pass = Pass::new(&parser, context, time_ms);
        Ok(Self { context, parser, pass, names: NameShape::UNKNOWN })
    }

    /// Reads to the first place between keys at or behind `bound`.
    fn read_to(&mut self, bound: u64, sink: &mut impl Sink) -> Halt {
        self.pass.run(&mut self.parser, self.context, bound, sink)
    }

    /// The database and slot of the next record.
    fn place(&self) -> Place {
        let ParserState { db, slot, .. } = self.parser.state();
        Place { db, slot }
    }

    /// The next ranges to scan in parallel. `None` if it is better to read in order.
    fn next_ranges<C: RangeSink>(&mut self, plan: RangePlan, sink: &C) -> Option<Vec<(u64, u64)>> {
        let counts = &self.pass.counts;
        if plan.is_too_fine(counts) || !sink.is_worth_splitting(counts, self.place()) {
            return None;
        }
        let mut bytes = plan.ahead_bytes();
        if let Some(ready) = self.context.ready_bytes {
            // Waiting for more bytes would take a thread from the reader that brings them.
            let ready = usize::try_from(ready.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            bytes = bytes.min(self.parser.ahead(0).bytes.len().saturating_add(ready));
        }
        let ahead = self.parser.ahead(bytes);
        plan.ranges(ahead.offset, ahead.end())
    }

    /// Scans ranges in parallel, and merges them from the left. Also returns the bytes of the
    /// ranges that were merged.
    fn scan_ranges<C: RangeSink>(&mut self, ranges: &[(u64, u64)], sink: &mut C) -> (Halt, u64) {
        let here = self.parser.position();
        let empty: Vec<C::Part> = ranges.iter().map(|_| sink.new_part(self.place())).collect();
        let carried = self.pass.carried(&self.parser);
        let common = RangeContext {
            carried: &carried,
            // The bytes were read before.
            slice: self.parser.ahead(0),
            pass: &self.pass,
            context: self.context,
            names: self.names,
        };
        let scans: Vec<Option<RangeScan<C::Part>>> = (ranges.par_iter().zip(empty))
            .with_max_len(1)
            // The first range begins at the place of the stitch, so its start is certain.
            .map(|(&(from, to), mut part)| {
                if from == here {
                    common.scan_from(from, to, &mut part).ok().map(|scan| scan.of(part))
                } else {
                    common.find_and_scan(from, to, part)
                }
            })
            .collect();
        let mut merged_bytes = 0;
        for scan in scans.into_iter().flatten() {
            let bytes = scan.end - scan.start;
            match self.merge_range(scan, &carried, sink) {
                ControlFlow::Continue(is_merged) => merged_bytes += if is_merged { bytes } else { 0 },
                ControlFlow::Break(halt) => return (halt, merged_bytes),
            }
        }
        (Halt::Bound, merged_bytes)
    }

    /// Merges a range, if the records before it end at its start and carry what the range was
    /// scanned with. Returns whether they do.
    fn merge_range<C: RangeSink>(
        &mut self,
        scan: RangeScan<C::Part>,
        carried: &Carried,
        sink: &mut C,
    ) -> ControlFlow<Halt, bool> {
        if self.parser.position() < scan.start {
            self.read_over(scan.start, sink)?;
        }
        if self.parser.position() != scan.start
            || !self.parser.is_between_keys()
            || !self.pass.carried(&self.parser).reads_like(carried)
        {
            return ControlFlow::Continue(false);
        }
        let place = self.place();
        let absorbed = sink.absorb(scan.part, place);
        if absorbed == Absorbed::Refused {
            self.read_over(scan.end, sink)?;
            return ControlFlow::Continue(false);
        }
        let sum = match (self.parser.running_checksum(), scan.checksum) {
            (Some(mut sum), Some(more)) => {
                sum.append(&more);
                Some(sum)
            }
            _ => None,
        };
        let db = if scan.names_db { scan.db } else { place.db };
        self.parser.jump(scan.end, db, place.slot_of(scan.slot), sum);
        self.pass.reported = self.pass.reported.after_range(scan.reported, scan.start, self.pass.counts.keys);
        self.pass.counts.add(scan.counts);
        if absorbed == Absorbed::Enough || scan.stopped {
            self.pass.coverage.stop(scan.end);
            return ControlFlow::Break(Halt::Stopped);
        }
        ControlFlow::Continue(true)
    }

    /// Reads to `bound`, and breaks if the source ends before.
    fn read_over(&mut self, bound: u64, sink: &mut impl Sink) -> ControlFlow<Halt> {
        match self.read_to(bound, sink) {
            Halt::Bound => ControlFlow::Continue(()),
            halt => ControlFlow::Break(halt),
        }
    }
}
