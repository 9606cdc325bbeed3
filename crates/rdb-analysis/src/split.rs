//! One file on several threads, with the result of one.
//!
//! The file is cut into ranges. A worker that is to start in the middle looks for a place where records
//! seem to begin (`find_and_scan`) and scans from there. Whether it was right shows at the *stitch*: going
//! through the ranges from the left, the records up to here end exactly where the next range has started,
//! or they do not. If not, they are read on from here until they do, or until the range's start is passed
//! and the range is thrown away. So a wrong guess costs time and never a number.
//!
//! What a range cannot know is settled at the stitch: the database and slot of its records before the
//! first that names one, and the checksum, which is put together from those of the parts. A record that
//! a range cannot understand without those before it (it uses a template, it changes how keys are measured),
//! or that is damaged, ends the range before it; the stitch reads that record itself, knowing all.

use std::ops::ControlFlow;

use rayon::prelude::*;
use rdb_parser::{
    Crc64, Error, ErrorKind, Event, Flavour, Parser, RdbString, SliceInput, State, Stretch, guess_blob,
    guess_key,
};

use crate::facts::SourceFacts;
use crate::measure::KeyView;
use crate::memory::MemoryGauge;
use crate::scan::{Context, Halt, Pass, Sink};

/// Bytes read before the rest is split: enough to know who wrote the file.
const PRELUDE_BYTES: u64 = 64 << 10;

/// A larger part of the file is read first, within bounds, if that is what it takes to see so many names.
const WATCHED_NAMES: u64 = 16;
const PRELUDE_PART: u64 = 64;
const MAX_PRELUDE_BYTES: u64 = 64 << 20;

/// Smallest range worth the search for its start.
const MIN_RANGE_BYTES: u64 = 8 << 20;

/// Bytes in which a start is looked for. A value that is longer than that is read by the range it begins in.
const SEARCH_BYTES: u64 = 8 << 20;

/// Keys that must follow each other without damage before a start is believed.
const CHAIN_KEYS: u64 = 8;

/// Bytes scanned before they are summed, while they are still in the cache.
const CHECKSUM_STEP_BYTES: u64 = 128 << 10;

/// Half of the length of a name that no guess is refused for.
const MIN_LONGEST_NAME: usize = 64;

/// First bytes of names that are compared with those of others.
const INITIALS: usize = 3;

/// Stands for the slot of the records before, until it is known. No slot has this number.
const INHERITED_SLOT: u16 = u16::MAX;

/// How a file is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// Into large ranges first and smaller ones later, for so many threads.
    ForThreads(u64),
    /// Into ranges of the same length, of which some are scanned at a time.
    Evenly {
        /// Length of a range.
        range_bytes: u64,
        /// Ranges that are scanned before their parts are taken in.
        at_a_time: usize,
    },
}

/// What becomes of keys that are scanned in parts.
pub(crate) trait Collector: Sink {
    /// Takes the keys of a part.
    type Part: Part;

    /// An empty part, for keys behind the place where `here` holds.
    fn new_part(&self, here: Inherited) -> Self::Part;

    /// Whether it pays to scan what follows in parts, given what was read so far.
    fn wants_parts(&self, facts: &SourceFacts, here: Inherited) -> bool {
        let _ = (facts, here);
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

/// Scans the RDB data that begins at offset `start` of `bytes` on the threads of the current pool. Facts and
/// keys are the same as [`scan_source`](crate::scan::scan_source) gives.
///
/// # Errors
///
/// If the data does not begin as an RDB file.
pub(crate) fn scan_split<M: MemoryGauge, C: Collector>(
    bytes: &[u8],
    start: u64,
    cut: Cut,
    context: &Context<'_>,
    time_ms: i64,
    end_mark: Option<&[u8; 40]>,
    collector: &mut C,
) -> Result<SourceFacts, Error> {
    let mut stitch = Stitch::<M>::new(bytes, start, context, time_ms)?;
    let length = bytes.len() as u64;
    let prelude = match cut {
        Cut::ForThreads(_) => PRELUDE_BYTES.max((length / PRELUDE_PART).min(MAX_PRELUDE_BYTES)),
        Cut::Evenly { range_bytes, .. } => PRELUDE_BYTES.min(range_bytes),
    };
    let mut watching = Watching { collector: &mut *collector, shape: stitch.shape };
    let bound = start.saturating_add(prelude);
    let mut halt = Halt::Bound;
    while halt == Halt::Bound && stitch.parser.position() < bound && watching.shape.names < WATCHED_NAMES {
        halt = stitch.read_to(bound.min(stitch.parser.position() + PRELUDE_BYTES), &mut watching);
    }
    stitch.shape = watching.shape;
    while halt == Halt::Bound {
        let here = stitch.parser.position();
        let ranges = next_ranges(here, length, cut);
        let Some(&(_, end)) = ranges.last() else { break };
        if collector.wants_parts(&stitch.pass.facts, stitch.inherited()) {
            halt = stitch.scan_ranges(&ranges, collector);
        }
        if halt == Halt::Bound && stitch.parser.position() < end {
            halt = stitch.read_to(end, collector);
        }
    }
    if halt == Halt::Bound {
        stitch.read_to(u64::MAX, collector);
    }
    Ok(stitch.pass.finish(&mut stitch.parser, context, Some(length), end_mark))
}

/// The next ranges to be scanned side by side, as pairs of offsets; none at the end.
fn next_ranges(from: u64, to: u64, cut: Cut) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let mut at = from;
    while at < to {
        let len = match cut {
            Cut::ForThreads(threads) => ((to - at) / (2 * threads)).max(MIN_RANGE_BYTES),
            Cut::Evenly { at_a_time, .. } if ranges.len() >= at_a_time.max(1) => break,
            Cut::Evenly { range_bytes, .. } => range_bytes.max(1),
        };
        let end = at.saturating_add(len).min(to);
        ranges.push((at, end));
        at = end;
    }
    ranges
}

/// The pass that knows everything up to where it is.
struct Stitch<'a, M> {
    bytes: &'a [u8],
    context: &'a Context<'a>,
    parser: Parser<SliceInput<'a>>,
    pass: Pass<M>,
    shape: NameShape,
}

impl<'a, M: MemoryGauge> Stitch<'a, M> {
    fn new(bytes: &'a [u8], start: u64, context: &'a Context<'a>, time_ms: i64) -> Result<Self, Error> {
        let parser = Parser::new(SliceInput::starting_at(bytes, start), context.options.parser())?;
        let pass = Pass::new(&parser, context, time_ms);
        Ok(Self { bytes, context, parser, pass, shape: NameShape::UNKNOWN })
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

    /// Scans ranges side by side, and takes them in from the left.
    fn scan_ranges<C: Collector>(&mut self, ranges: &[(u64, u64)], collector: &mut C) -> Halt {
        let here = self.parser.position();
        let guess = Guess {
            bytes: self.bytes,
            state: self.parser.state(),
            pass: &self.pass,
            context: self.context,
            shape: self.shape,
        };
        let empty: Vec<C::Part> = ranges.iter().map(|_| collector.new_part(self.inherited())).collect();
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
        for scan in scans.into_iter().flatten() {
            let halt = self.take_in(scan, collector);
            if halt != Halt::Bound {
                return halt;
            }
        }
        Halt::Bound
    }

    /// Adds a range if it starts where the records up to it end.
    fn take_in<C: Collector>(&mut self, scan: RangeScan<C::Part>, collector: &mut C) -> Halt {
        if self.parser.position() < scan.start {
            let halt = self.read_to(scan.start, collector);
            if halt != Halt::Bound {
                return halt;
            }
        }
        // What decides how keys are measured may have changed since the range was scanned.
        if self.parser.position() != scan.start || !self.pass.facts.agrees_with(&scan.facts) {
            return Halt::Bound;
        }
        let inherited = self.inherited();
        let absorbed = collector.absorb(scan.part, inherited);
        if absorbed == Absorbed::Refused {
            return self.read_to(scan.end, collector);
        }
        let sum = match (self.parser.running_checksum(), scan.checksum) {
            (Some(mut sum), Some(more)) => {
                sum.append(&more);
                Some(sum)
            }
            _ => None,
        };
        let db = if scan.names_db { scan.state.db } else { inherited.db };
        self.parser.jump(scan.end, db, inherited.slot(scan.state.slot), sum);
        self.pass.facts.add_counts(scan.facts);
        if absorbed == Absorbed::Enough || scan.stopped {
            self.pass.facts.coverage.stop(scan.end);
            return Halt::Stopped;
        }
        Halt::Bound
    }
}

/// A range that was scanned from a start that may be wrong.
struct RangeScan<P> {
    part: P,
    start: u64,
    /// Where its last whole record ends.
    end: u64,
    /// What its parser knew there, apart from what the range had to guess.
    state: State,
    /// Whether one of its records names a database.
    names_db: bool,
    facts: SourceFacts,
    checksum: Option<Crc64>,
    /// Whether it was told to stop.
    stopped: bool,
}

impl RangeScan<()> {
    /// The scan with the part that took its keys.
    fn of<P>(self, part: P) -> RangeScan<P> {
        let Self { start, end, state, names_db, facts, checksum, stopped, part: () } = self;
        RangeScan { part, start, end, state, names_db, facts, checksum, stopped }
    }
}

/// What scanning a range needs.
struct Guess<'a, M> {
    bytes: &'a [u8],
    state: State,
    pass: &'a Pass<M>,
    context: &'a Context<'a>,
    shape: NameShape,
}

impl<M: MemoryGauge> Guess<'_, M> {
    /// Looks for a start at or behind `from`, and scans from there to the first record boundary at or
    /// behind `to`.
    fn find_and_scan<P: Part>(&self, from: u64, to: u64, mut part: P) -> Option<RangeScan<P>> {
        let limit = to.min(from.saturating_add(SEARCH_BYTES));
        let mut in_vain = 0;
        for at in from..limit {
            if let Some(start) = self.start_at(at) {
                match self.scan_from(start, to, &mut part) {
                    Ok(scan) => return Some(scan.of(part)),
                    Err(Broken { bytes }) => in_vain += bytes,
                }
                if in_vain > SEARCH_BYTES.max(to - from) {
                    return None;
                }
                part.clear();
            }
        }
        None
    }

    /// Where a range begins if a record seems to begin at `at`.
    fn start_at(&self, at: u64) -> Option<u64> {
        let rest = self.bytes.get(usize::try_from(at).ok()?..)?;
        // Of Dragonfly's records only blobs tell what they are, and hold most of a file.
        if self.state.flavour == Flavour::Dragonfly {
            return guess_blob(rest, self.state.header).then_some(at);
        }
        let name = guess_key(rest, self.state.header)?;
        if self.shape.fits(name) { self.start_at_key(at) } else { None }
    }

    /// Where a range begins if a key's record does at `at`: there, or behind that record if bytes before it
    /// may be prefix opcodes of its.
    #[cold]
    fn start_at_key(&self, at: u64) -> Option<u64> {
        let at_byte = usize::try_from(at).ok()?;
        let before = self.bytes.get(at_byte.saturating_sub(9)..at_byte)?;
        let may_be_prefix = [(9, 0xfc), (5, 0xfd), (2, 0xf9), (2, 0xf8), (3, 0xf8), (6, 0xf8)];
        let has_prefix = may_be_prefix.iter().any(|&(distance, opcode)| {
            before.len().checked_sub(distance).and_then(|i| before.get(i)) == Some(&opcode)
        });
        if !has_prefix {
            return Some(at);
        }
        let mut parser = Parser::resume(self.bytes, at, self.state);
        match parser.next_event() {
            Ok(Some(Event::Entry(entry))) => Some(entry.span.end),
            _ => None,
        }
    }

    /// Scans from `start`, and gives up if what is there is no chain of records.
    fn scan_from<P: Part>(&self, start: u64, to: u64, part: &mut P) -> Result<RangeScan<()>, Broken> {
        let mut state = self.state;
        if P::CAN_BE_CORRECTED {
            state.slot = Some(INHERITED_SLOT);
        }
        let mut parser = Parser::resume(self.bytes, start, state);
        let mut pass = self.pass.over_part(&parser);
        let mut sums = self.context.options.verify_checksum.then(Crc64::new);
        let mut summed = start;
        let mut names_db = false;
        let mut stopped = false;
        // As of the last place between keys.
        let (mut end, mut end_state, mut container_bytes) = (start, state, 0);
        // Keys and other records that were taken, and how many of them up to there.
        let mut records = 0;
        let mut settled = (0, 0);
        // The same as of the last key that came from the loop over keys.
        let mut behind_key = (start, state, 0, settled);
        loop {
            if parser.is_between_keys() {
                (end, end_state, container_bytes) =
                    (parser.position(), parser.state(), parser.container_bytes());
                settled = (pass.taken(), records);
                if end - summed >= CHECKSUM_STEP_BYTES {
                    self.sum(&mut sums, summed, end);
                    summed = end;
                }
                if end >= to {
                    break;
                }
            }
            if stopped {
                break;
            }
            // While keys are read, none of this changes.
            let (taken, here, container) = (pass.taken(), parser.state(), parser.container_bytes());
            let step = to.min(summed.saturating_add(CHECKSUM_STEP_BYTES));
            let stretch = parser.read_keys(step, &mut pass.keys(self.context, part));
            if pass.facts.coverage.damaged_keys > 0 {
                return Err(Broken { bytes: end - start });
            }
            if pass.taken() > taken {
                behind_key = (pass.end_of_last_key, here, container, (pass.taken(), records));
            }
            match stretch {
                Ok(Stretch::Bound) => {}
                Ok(Stretch::Broken(Halt::Stopped)) => stopped = true,
                Ok(Stretch::Event(Event::Entry(entry))) => {
                    stopped = pass.keys(self.context, part).key_in_pieces(&entry).is_break();
                }
                Ok(Stretch::Event(
                    event @ (Event::Aux { .. }
                    | Event::SelectDb { .. }
                    | Event::ResizeDb { .. }
                    | Event::SlotInfo { .. }
                    | Event::Function { .. }
                    | Event::ModuleAux { .. }),
                )) => {
                    records += u64::from(!matches!(event, Event::Aux { .. }));
                    if matches!(event, Event::SelectDb { .. }) {
                        names_db = true;
                        part.select_db();
                    }
                    pass.record(&event);
                    pass.facts.flavour = parser.flavour();
                    if !pass.facts.agrees_with(&self.pass.facts) {
                        // The keys so far were measured without knowing this, and must not pass for keys that
                        // were, should the stitch know it when it comes here.
                        pass.facts.know_as(&self.pass.facts);
                        break;
                    }
                }
                _ => break,
            }
        }
        // Keys before what broke the chain are whole, unless they are from a blob of which more follows.
        let is_whole = state.flavour != Flavour::Dragonfly || parser.is_between_keys();
        if is_whole && behind_key.3 > settled {
            (end, end_state, container_bytes, settled) = behind_key;
        }
        // More was taken than up to the end, where the stitch is to go on: it would be counted twice.
        if settled != (pass.taken(), records) {
            return Err(Broken { bytes: parser.position() - start });
        }
        // A chain that has not shown itself must not jump far over the range's end either: what looks like a length
        // can be any number.
        let jumps = end > to.saturating_add(SEARCH_BYTES);
        let broken = (end < to || jumps) && !stopped && pass.taken() < CHAIN_KEYS;
        if broken && parser.position() != self.bytes.len() as u64 {
            return Err(Broken { bytes: parser.position() - start });
        }
        self.sum(&mut sums, summed, end);
        pass.facts.container_bytes += container_bytes;
        let facts = pass.facts;
        Ok(RangeScan { part: (), start, end, state: end_state, names_db, facts, checksum: sums, stopped })
    }

    fn sum(&self, sums: &mut Option<Crc64>, from: u64, to: u64) {
        let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
        if let (Some(sums), Some(bytes)) = (sums, range.and_then(|(from, to)| self.bytes.get(from..to))) {
            sums.update(bytes);
        }
    }
}

/// What looked like a chain of records is none.
struct Broken {
    /// Bytes that were scanned for nothing.
    bytes: u64,
}

/// What the names of a file's keys look like, from those at its beginning. A guess that shows another kind of
/// name is not followed: inside a collection most guesses are lengths and pieces of elements.
#[derive(Clone, Copy, Debug)]
struct NameShape {
    /// Names seen.
    names: u64,
    /// Whether some are stored as numbers, in up to four bytes, any bytes.
    numbers: bool,
    /// Whether all others are printable.
    printable: bool,
    longest: usize,
    /// The bytes that names have in their first places.
    initials: [[bool; 256]; INITIALS],
}

impl NameShape {
    const UNKNOWN: Self = Self {
        names: 0,
        numbers: false,
        printable: true,
        longest: MIN_LONGEST_NAME,
        initials: [[false; 256]; INITIALS],
    };

    fn learn(&mut self, name: RdbString<'_>) {
        self.names += 1;
        match name {
            RdbString::Raw(name) => {
                self.printable &= !name.iter().any(u8::is_ascii_control);
                self.longest = self.longest.max(name.len());
                for (seen, &byte) in self.initials.iter_mut().zip(name) {
                    seen[usize::from(byte)] = true;
                }
            }
            RdbString::Int(_) => self.numbers = true,
            _ => self.printable = false,
        }
    }

    fn fits(&self, name: &[u8]) -> bool {
        if name.len() <= 4 && (self.numbers || self.names < WATCHED_NAMES) {
            return true;
        }
        let begins_alike = || {
            let places = self.initials.iter().zip(name);
            self.names < WATCHED_NAMES || places.into_iter().all(|(seen, &byte)| seen[usize::from(byte)])
        };
        name.len() <= 2 * self.longest
            && (!self.printable || begins_alike() && !name.iter().any(u8::is_ascii_control))
    }
}

/// Passes keys on, looking at their names.
struct Watching<'a, C> {
    collector: &'a mut C,
    shape: NameShape,
}

impl<C: Sink> Sink for Watching<'_, C> {
    fn key(&mut self, now_ms: i64, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        self.shape.learn(key.key);
        self.collector.key(now_ms, key)
    }

    fn select_db(&mut self) {
        self.collector.select_db();
    }
}
