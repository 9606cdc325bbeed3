//! One file on several threads, with the result of one.
//!
//! The file, or what a buffer holds of it at a time, is cut into ranges ([`Cut`]). A worker that is to start in the
//! middle looks for a place where records seem to begin ([`Guess`]) and scans from there. Whether it was right
//! shows at the *stitch*, which goes through the ranges from the left. A range is used only if sequential parsing reaches its
//! exact start. Otherwise parsing goes on to that start, or past it, and then the range is discarded. So a wrong
//! guess costs time and never a number.
//!
//! # State
//!
//! The result is that of one thread because the complete state that a sequential pass carries from one record to the
//! next is compared or handed over at the stitch:
//!
//! * [`Carried`]: what the parser and the pass have learned of the file. All of it must be equal to what the
//!   range was scanned with, but for the database and the slot. These are handed over: a range does not know them before
//!   its first record that names them, and the [`Collector`] corrects the keys up to there.
//! * What only some records leave behind (a prefix opcode, a pending event, a hash template, an open chunked value, a blob):
//!   no range begins or ends where there is any, see [`Parser::is_between_keys`].
//! * [`Counts`] and the aggregates of the collector: they add up in any order.
//! * The checksum: put together from those of the parts.
//! * Damage, and a record that changes what is carried: it ends the range before it, and the stitch reads it.
//!
//! # Cost
//!
//! The search for the start of a range costs at most what scanning as many bytes costs, whatever the bytes are, and each
//! byte is scanned at most twice: by a range, and by the stitch if that range is not used. Ranges that wait for
//! the stitch hold a bounded part each ([`Part::has_refused`]).

mod guess;
mod range_plan;

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use rdb_parser::{Ahead, Error, Parser, State};

pub(crate) use range_plan::{BUFFERED_RANGE_BYTES, Cut};

use crate::measure::MemoryGauge;
use crate::scan::{Carried, Context, Halt, Pass, Sink};
use crate::scan::{Counts, SourceFacts};
use guess::{Guess, INHERITED_SLOT, NameShape, RangeScan, WATCHED_NAMES, Watching};
use range_plan::{PRELUDE_BYTES, Pause};

/// What becomes of keys that are scanned in parts.
pub(crate) trait Collector: Sink {
    /// Takes the keys of a part.
    type Part: Part;

    /// An empty part, for keys behind the place where `here` holds.
    fn new_part(&self, here: Inherited) -> Self::Part;

    /// Whether it pays to scan what follows in parts, given what was read so far.
    fn wants_parts(&self, counts: &Counts, here: Inherited) -> bool {
        let _ = (counts, here);
        true
    }

    /// Adds the next part, now that it is known what its records take over from those before.
    fn absorb(&mut self, part: Self::Part, inherited: Inherited) -> Absorbed;
}

/// Takes the keys of a part of a file.
pub(crate) trait Part: Sink + Send {
    /// Whether [`Collector::absorb`] can correct what a record took over. Otherwise the database and slot
    /// at the last stitch are assumed.
    const CAN_BE_CORRECTED: bool;

    /// Whether it has refused a key, because it holds as much as it may or because the key's name is damaged. Its range
    /// ends before that key.
    fn has_refused(&self) -> bool;

    /// Forgets all keys.
    fn clear(&mut self);
}

/// Outcome of [`Collector::absorb`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absorbed {
    /// The keys are added.
    Taken,
    /// What the part assumed was wrong: its range is to be read again.
    Refused,
    /// Nobody wants more.
    Enough,
}

/// What records take over from those before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inherited {
    pub(crate) db: u64,
    pub(crate) slot: Option<u16>,
}

impl Inherited {
    /// The slot that a record of a part really has.
    pub(crate) fn slot(self, slot: Option<u16>) -> Option<u16> {
        if slot == Some(INHERITED_SLOT) { self.slot } else { slot }
    }
}

/// Scans the RDB data that begins at the cursor of `input` on the threads of the current pool. Facts and keys are
/// the same as [`scan_source`](crate::scan::scan_source) gives. `length` is that of the file, if known.
///
/// # Errors
///
/// If the data does not begin as an RDB file.
pub(crate) fn scan_split<M: MemoryGauge, C: Collector>(
    input: impl Ahead,
    length: Option<u64>,
    cut: Cut,
    context: &Context<'_>,
    time_ms: i64,
    end_mark: Option<&[u8; 40]>,
    collector: &mut C,
) -> Result<SourceFacts, Error> {
    let mut stitch = Stitch::<_, M>::new(input, context, time_ms)?;
    let mut watching = Watching { collector: &mut *collector, shape: stitch.shape };
    let bound = stitch.parser.position().saturating_add(cut.prelude_bytes(length));
    let mut halt = Halt::Bound;
    while halt == Halt::Bound && stitch.parser.position() < bound && watching.shape.names < WATCHED_NAMES {
        halt = stitch.read_to(bound.min(stitch.parser.position() + PRELUDE_BYTES), &mut watching);
    }
    stitch.shape = watching.shape;
    let mut pause = Pause::default();
    while halt == Halt::Bound {
        let from = stitch.parser.position();
        let Some(ranges) = stitch.next_ranges(cut, collector) else {
            halt = stitch.read_to(from.saturating_add(cut.step_bytes()), collector);
            continue;
        };
        let end = ranges.last().map_or(from, |&(_, end)| end);
        let taken_in;
        (halt, taken_in) = stitch.scan_ranges(&ranges, collector);
        let next = end.saturating_add(pause.after(end - from, taken_in, cut));
        if halt == Halt::Bound && stitch.parser.position() < next {
            halt = stitch.read_to(next, collector);
        }
    }
    Ok(stitch.pass.finish(&mut stitch.parser, context, length, end_mark))
}

/// The pass that knows everything up to where it is.
struct Stitch<'a, I, M> {
    context: &'a Context<'a>,
    parser: Parser<I>,
    pass: Pass<M>,
    shape: NameShape,
}

impl<'a, I: Ahead, M: MemoryGauge> Stitch<'a, I, M> {
    fn new(input: I, context: &'a Context<'a>, time_ms: i64) -> Result<Self, Error> {
        let parser = Parser::new(input, context.options.parser())?;
        let pass = Pass::new(&parser, context, time_ms);
        Ok(Self { context, parser, pass, shape: NameShape::UNKNOWN })
    }

    /// Reads on to the first place between keys at or behind `bound`.
    fn read_to(&mut self, bound: u64, collector: &mut impl Sink) -> Halt {
        self.pass.run(&mut self.parser, self.context, bound, collector)
    }

    /// What the next record takes over.
    fn inherited(&self) -> Inherited {
        let State { db, slot, .. } = self.parser.state();
        Inherited { db, slot }
    }

    /// The next ranges to be scanned side by side, unless it is better to read on in order.
    fn next_ranges<C: Collector>(&mut self, cut: Cut, collector: &C) -> Option<Vec<(u64, u64)>> {
        let counts = &self.pass.counts;
        if cut.is_too_fine(counts) || !collector.wants_parts(counts, self.inherited()) {
            return None;
        }
        let mut bytes = cut.ahead_bytes();
        if let Some(ready) = self.context.ready_bytes {
            // Not to be waited for: whoever brings them needs a thread, too.
            let ready = usize::try_from(ready.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
            bytes = bytes.min(self.parser.ahead(0).bytes.len().saturating_add(ready));
        }
        let ahead = self.parser.ahead(bytes);
        cut.ranges(ahead.offset, ahead.end())
    }

    /// Scans ranges of what lies ahead side by side, and takes them in from the left. Also gives the bytes of those
    /// that were not scanned in vain.
    fn scan_ranges<C: Collector>(&mut self, ranges: &[(u64, u64)], collector: &mut C) -> (Halt, u64) {
        let here = self.parser.position();
        let empty: Vec<C::Part> = ranges.iter().map(|_| collector.new_part(self.inherited())).collect();
        let carried = self.pass.carried(&self.parser);
        let guess = Guess {
            carried: &carried,
            // Nothing is read for that, it was shown before.
            piece: self.parser.ahead(0),
            pass: &self.pass,
            context: self.context,
            shape: self.shape,
        };
        let scans: Vec<Option<RangeScan<C::Part>>> = (ranges.par_iter().zip(empty))
            .with_max_len(1)
            // The first range begins where we are, which is no guess.
            .map(|(&(from, to), mut part)| {
                if from == here {
                    guess.scan_from(from, to, &mut part).ok().map(|scan| scan.of(part))
                } else {
                    guess.find_and_scan(from, to, part)
                }
            })
            .collect();
        let mut taken_in = 0;
        for scan in scans.into_iter().flatten() {
            let bytes = scan.end - scan.start;
            match self.take_in(scan, &carried, collector) {
                ControlFlow::Continue(is_taken) => taken_in += if is_taken { bytes } else { 0 },
                ControlFlow::Break(halt) => return (halt, taken_in),
            }
        }
        (Halt::Bound, taken_in)
    }

    /// Adds a range that was scanned with what was `carried` where ranges began, if it starts where the records up to
    /// it end and these carry the same. Gives whether they do.
    fn take_in<C: Collector>(
        &mut self,
        scan: RangeScan<C::Part>,
        carried: &Carried,
        collector: &mut C,
    ) -> ControlFlow<Halt, bool> {
        if self.parser.position() < scan.start {
            self.read_over(scan.start, collector)?;
        }
        if self.parser.position() != scan.start
            || !self.parser.is_between_keys()
            || !self.pass.carried(&self.parser).reads_like(carried)
        {
            return ControlFlow::Continue(false);
        }
        let inherited = self.inherited();
        let absorbed = collector.absorb(scan.part, inherited);
        if absorbed == Absorbed::Refused {
            self.read_over(scan.end, collector)?;
            return ControlFlow::Continue(false);
        }
        let sum = match (self.parser.running_checksum(), scan.checksum) {
            (Some(mut sum), Some(more)) => {
                sum.append(&more);
                Some(sum)
            }
            _ => None,
        };
        let db = if scan.names_db { scan.db } else { inherited.db };
        self.parser.jump(scan.end, db, inherited.slot(scan.slot), sum);
        self.pass.reported = self.pass.reported.behind_part(scan.reported, scan.start, self.pass.counts.keys);
        self.pass.counts.add(scan.counts);
        if absorbed == Absorbed::Enough || scan.stopped {
            self.pass.coverage.stop(scan.end);
            return ControlFlow::Break(Halt::Stopped);
        }
        ControlFlow::Continue(true)
    }

    /// As [`read_to`](Self::read_to), where more follows.
    fn read_over(&mut self, bound: u64, collector: &mut impl Sink) -> ControlFlow<Halt> {
        match self.read_to(bound, collector) {
            Halt::Bound => ControlFlow::Continue(()),
            halt => ControlFlow::Break(halt),
        }
    }
}
