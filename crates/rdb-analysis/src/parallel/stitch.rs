//! Scans ranges on all threads and merges them from the left.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rdb_parser::resume::{Ahead, FileSlice, OpenValueInfo, ParserState, elements_of};
use rdb_parser::{Error, Parser};

use super::context::RangeContext;
use super::elements::{Block, Chain};
use super::hints::Hints;
use super::name_shape::{NameShape, WATCHED_NAMES, Watching};
use super::pipeline::Pipeline;
use super::range::RangeWork;
use super::range_plan::{PRELUDE_BYTES, Pause, RangePlan};
use super::range_scan::RangeScan;
use super::sink::{Absorbed, Place, RangeSink};
use crate::measure::Estimator;
use crate::scan::{Carried, Context, Halt, Pass, Piece, Sharing, Sink, SourceFacts};

/// Bytes of a long value that are read before the stop flag is asked.
const STOP_BYTES: u64 = 16 << 20;

/// Scans the RDB data that begins at the cursor of `input` on the current threads.
///
/// Facts and keys are the same as [`scan_source`](crate::scan::scan_source) gives. `whole` has all
/// bytes, if they are in memory, and `length` is their number, if it is known.
///
/// # Errors
///
/// If the data does not begin as an RDB file.
pub(crate) fn scan_split<M: Estimator, C: RangeSink>(
    input: impl Ahead,
    (whole, length): (Option<FileSlice<'_>>, Option<u64>),
    plan: RangePlan,
    context: &Context<'_>,
    time_ms: i64,
    end_mark: Option<&[u8; 40]>,
    sink: &mut C,
) -> Result<SourceFacts, Error> {
    let hints = Hints::default();
    let mut stitch = Stitch::<_, M>::new(input, context, &hints, plan.grain_bytes(), time_ms)?;
    sink.begin(stitch.parser.header());
    let mut flow = stitch.read_prelude(plan.prelude_bytes(length), sink);
    let mut pause = Pause::default();
    while flow.is_continue() {
        flow = match whole {
            Some(whole) => stitch.split_whole(whole, plan, &mut pause, sink),
            None => stitch.split_ahead(plan, &mut pause, sink),
        };
    }
    Ok(stitch.pass.finish(&mut stitch.parser, context, length, end_mark, sink))
}

/// The sequential pass, which merges ranges.
struct Stitch<'a, I, M> {
    context: &'a Context<'a>,
    parser: Parser<I>,
    pass: Pass<M>,
    names: NameShape,
    hints: &'a Hints,
    /// Bytes of a value that are read before it is left.
    grain_bytes: u64,
    /// Whether the sink has refused a range, because it assumed another place.
    has_refused: bool,
}

impl<'a, I: Ahead, M: Estimator> Stitch<'a, I, M> {
    fn new(
        input: I,
        context: &'a Context<'a>,
        hints: &'a Hints,
        grain_bytes: u64,
        time_ms: i64,
    ) -> Result<Self, Error> {
        let parser = Parser::new(input, context.options.parser())?;
        let pass = Pass::new(&parser, context, time_ms);
        Ok(Self { context, parser, pass, names: NameShape::UNKNOWN, hints, grain_bytes, has_refused: false })
    }

    /// Reads to the first place between keys or elements at or behind `bound`. Breaks if the pass
    /// ends before.
    fn advance(&mut self, bound: u64, sink: &mut impl Sink) -> ControlFlow<()> {
        self.parser.leave_values_behind(bound, self.grain_bytes);
        loop {
            if self.parser.open_value().is_some() {
                if self.context.stop.load(Ordering::Relaxed) {
                    self.pass.coverage.stop(self.pass.end_of_last_key);
                    return ControlFlow::Break(());
                }
                let to = bound.min(self.parser.position().saturating_add(STOP_BYTES));
                if let Err(error) = self.parser.read_open_value(to, &mut self.pass.measurer) {
                    self.pass.coverage.note(&error, self.context.stop);
                    sink.damage(&error);
                    return ControlFlow::Break(());
                }
                if self.parser.open_value().is_some_and(|value| value.left > 0) {
                    if self.parser.position() >= bound {
                        return ControlFlow::Continue(());
                    }
                    continue;
                }
            }
            match self.pass.run(&mut self.parser, self.context, bound, sink) {
                Halt::Bound => return ControlFlow::Continue(()),
                Halt::Inside => {}
                Halt::End | Halt::Stopped => return ControlFlow::Break(()),
            }
        }
    }

    /// The database and slot of the next record.
    fn place(&self) -> Place {
        let ParserState { db, slot, .. } = self.parser.state();
        Place { db, slot }
    }

    /// Reads the beginning of the source, up to some bytes, until the shape of names is known.
    fn read_prelude(&mut self, bytes: u64, sink: &mut impl Sink) -> ControlFlow<()> {
        let mut watching = Watching { sink, shape: self.names };
        let bound = self.parser.position().saturating_add(bytes);
        let mut flow = ControlFlow::Continue(());
        while flow.is_continue()
            && self.parser.open_value().is_none()
            && self.parser.position() < bound
            && watching.shape.names < WATCHED_NAMES
        {
            flow = self.advance(bound.min(self.parser.position() + PRELUDE_BYTES), &mut watching);
        }
        self.names = watching.shape;
        flow
    }

    /// Whether it is better to split what follows than to read it in order.
    fn is_worth_splitting<C: RangeSink>(&self, plan: RangePlan, sink: &C) -> bool {
        let counts = &self.pass.counts;
        let is_fit = self.parser.open_value().is_some()
            || !plan.is_too_fine(counts) && sink.is_worth_splitting(counts, self.place());
        is_fit && (plan.is_forced() || self.context.sharing.is_none_or(Sharing::has_free_threads))
    }

    /// What workers need, from here on.
    fn context_here<'c>(&self, slice: FileSlice<'c>) -> RangeContext<'c, M>
    where
        'a: 'c,
    {
        RangeContext {
            slice,
            carried: self.pass.carried(&self.parser),
            pass: self.pass.over_part(&self.parser),
            context: self.context,
            names: self.names,
            hints: self.hints,
            grain_bytes: self.grain_bytes,
            here: (self.parser.position(), self.parser.open_value().map(|value| value.value_type)),
        }
    }

    /// Reads on in a source that is in memory: the threads read ranges ahead, and this one merges
    /// them. Returns when splitting is no longer worth it, or when the ranges ahead were read with
    /// something that is no longer true.
    fn split_whole<C: RangeSink>(
        &mut self,
        whole: FileSlice<'a>,
        plan: RangePlan,
        pause: &mut Pause,
        sink: &mut C,
    ) -> ControlFlow<()> {
        let from = self.parser.position();
        if !plan.is_enough(from, whole.end()) || !self.is_worth_splitting(plan, sink) {
            return self.advance(from.saturating_add(plan.step_bytes()), sink);
        }
        self.learn_shapes(whole);
        let common = self.context_here(whole);
        let pipeline = Pipeline::new(&common);
        let (mut next, mut scanned_bytes, mut merged_bytes) = (from, 0, 0);
        rayon::in_place_scope(|scope| {
            loop {
                next = next.max(self.parser.position());
                while pipeline.len() < plan.at_a_time()
                    && next < whole.end()
                    && self.is_worth_splitting(plan, sink)
                {
                    let range = plan.first_range(next, whole.end());
                    pipeline.add(range, sink.new_part(common.place()));
                    next = range.1;
                    scope.spawn(|_| pipeline.help());
                }
                let Some(mut work) = pipeline.take() else { return ControlFlow::Continue(()) };
                let (start, end) = work.range;
                // The checksum counts also where a long string has passed over the range.
                if let Some(sum) = work.sum.take() {
                    self.parser.know_sum(sum);
                }
                if end <= self.parser.position() {
                    continue;
                }
                scanned_bytes += end - start;
                let changes = self.hints.changes();
                self.context.progress.begin(Piece::Merge(start));
                let flow = self.merge(work, &common.carried, sink, &mut merged_bytes);
                let flow = if flow.is_continue() { self.advance(end, sink) } else { flow };
                self.context.progress.end(Piece::Merge(start));
                self.learn_shapes(whole);
                if self.hints.changes() > changes {
                    (0..pipeline.ready()).for_each(|_| scope.spawn(|_| pipeline.help()));
                }
                let is_same = self.pass.carried(&self.parser).reads_like(&common.carried);
                if flow.is_break() || !is_same || std::mem::take(&mut self.has_refused) {
                    pipeline.cancel();
                    return flow;
                }
                if scanned_bytes >= plan.bytes_at_a_time() {
                    let pause_bytes = pause.after(scanned_bytes, merged_bytes, plan);
                    (scanned_bytes, merged_bytes) = (0, 0);
                    if pause_bytes > 0 {
                        pipeline.cancel();
                        return self.advance(self.parser.position().saturating_add(pause_bytes), sink);
                    }
                }
            }
        })
    }

    /// Reads on in what a buffer holds: the threads read ranges of it, and then this one merges
    /// them.
    fn split_ahead<C: RangeSink>(
        &mut self,
        plan: RangePlan,
        pause: &mut Pause,
        sink: &mut C,
    ) -> ControlFlow<()> {
        let from = self.parser.position();
        let end = if self.is_worth_splitting(plan, sink) { self.look_ahead(plan) } else { from };
        if !plan.is_enough(from, end) {
            return self.advance(from.saturating_add(plan.step_bytes()), sink);
        }
        let ranges = plan.ranges(from, end);
        self.learn_shapes(self.parser.held());
        let common = self.context_here(self.parser.held());
        let parts: Vec<C::Part> = ranges.iter().map(|_| sink.new_part(common.place())).collect();
        let pipeline = Pipeline::new(&common);
        ranges.iter().zip(parts).for_each(|(&range, part)| pipeline.add(range, part));
        rayon::in_place_scope(|scope| {
            for _ in &ranges {
                scope.spawn(|_| pipeline.help());
            }
        });
        let works: Vec<_> = std::iter::from_fn(|| pipeline.take()).collect();
        let carried = common.carried;
        let end = ranges.last().map_or(from, |&(_, end)| end);
        let mut merged_bytes = 0;
        for work in works {
            self.merge(work, &carried, sink, &mut merged_bytes)?;
        }
        self.advance(end.saturating_add(pause.after(end - from, merged_bytes, plan)), sink)
    }

    /// Reads into the buffer what can be read without waiting. Returns where it ends.
    fn look_ahead(&mut self, plan: RangePlan) -> u64 {
        let mut bytes = plan.ahead_bytes();
        if let Some(ready) = self.context.ready_bytes {
            // Waiting for more bytes would take a thread from the reader that brings them.
            let ready = usize::try_from(ready.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            bytes = bytes.min(self.parser.ahead(0).bytes.len().saturating_add(ready));
        }
        self.parser.ahead(bytes).end()
    }

    /// Learns what the elements of long values look like: of the value here, and of those that were
    /// read and are still held.
    fn learn_shapes(&self, held: FileSlice<'_>) {
        if let Some(OpenValueInfo { value_type, left, .. }) = self.parser.open_value() {
            let at = self.parser.position();
            if !self.hints.recognize(held, at, value_type) {
                self.hints.learn(held, at, value_type, left);
            }
        }
        let state = self.parser.state();
        for (value_type, offset) in self.pass.long_values.iter() {
            if !self.hints.knows(value_type)
                && let Some(bytes) = held.from(offset)
                && let Some((value_type, bytes, count)) = elements_of(bytes, &state)
            {
                self.hints.learn(held, offset + bytes, value_type, count);
            }
        }
    }

    /// Merges what a worker has read. Adds the bytes that were merged to `merged_bytes`.
    fn merge<C: RangeSink>(
        &mut self,
        work: RangeWork<C::Part, M::Part>,
        carried: &Carried,
        sink: &mut C,
        merged_bytes: &mut u64,
    ) -> ControlFlow<()> {
        let RangeWork { range: _, head, records, tail, sum, part: _ } = work;
        if let Some(sum) = sum {
            self.parser.know_sum(sum);
        }
        if let Some(head) = head {
            *merged_bytes += self.merge_elements(&head, carried, sink)?;
        }
        if let Some(records) = records {
            *merged_bytes += self.merge_records(records, carried, sink)?;
        }
        if let Some(tail) = tail {
            *merged_bytes += self.merge_elements(&tail, carried, sink)?;
        }
        ControlFlow::Continue(())
    }

    /// Merges the records of a range, if the records before them end at their start and carry what
    /// the range was scanned with. Returns the bytes that were merged.
    fn merge_records<C: RangeSink>(
        &mut self,
        scan: RangeScan<C::Part>,
        carried: &Carried,
        sink: &mut C,
    ) -> ControlFlow<(), u64> {
        // The last element of a value may have been read, and the value not be finished.
        if self.parser.position() < scan.start || self.parser.open_value().is_some() {
            self.advance(scan.start, sink)?;
        }
        if self.parser.position() != scan.start
            || !self.parser.is_between_keys()
            || !self.pass.carried(&self.parser).reads_like(carried)
        {
            return ControlFlow::Continue(0);
        }
        let place = self.place();
        let absorbed = sink.absorb(scan.part, place);
        if absorbed == Absorbed::Refused {
            self.has_refused = true;
            self.advance(scan.end, sink)?;
            return ControlFlow::Continue(0);
        }
        let db = if scan.names_db { scan.db } else { place.db };
        self.parser.jump(scan.end, db, place.slot_of(scan.slot));
        self.pass.reported = self.pass.reported.after_range(scan.reported, scan.start, self.pass.counts.keys);
        self.pass.counts.add(scan.counts);
        self.pass.long_values.append(scan.long_values);
        if absorbed == Absorbed::Enough || scan.stopped {
            self.pass.coverage.stop(scan.end);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(scan.end - scan.start)
    }

    /// Goes over elements that a worker has read, wherever an element of the value that is read
    /// ends where a block of them begins. Returns the bytes of the blocks that were merged.
    ///
    /// The worker measured the elements with the server of `carried`. If the server is another by now,
    /// the elements are read again.
    fn merge_elements(
        &mut self,
        chain: &Chain<M::Part>,
        carried: &Carried,
        sink: &mut impl Sink,
    ) -> ControlFlow<(), u64> {
        let mut merged_bytes = 0;
        for Block { run, part } in &chain.blocks {
            if self.parser.position() > run.span.start {
                continue;
            }
            self.advance(run.span.start, sink)?;
            if self.parser.open_value().is_none_or(|value| value.value_type != chain.value_type) {
                continue;
            }
            let is_same_server = self.pass.learned == carried.learned;
            if is_same_server && self.pass.measurer.adds_up(part) && self.parser.jump_elements(run) {
                self.pass.measurer.add_part(part);
                merged_bytes += run.span.end - run.span.start;
            }
        }
        ControlFlow::Continue(merged_bytes)
    }
}
