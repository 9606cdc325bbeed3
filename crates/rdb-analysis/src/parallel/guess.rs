//! Guesses at what is in the middle of a file: where a record begins, and the keys from there on.

use std::hash::{DefaultHasher, Hasher as _};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rdb_parser::{
    Crc64, Dialect, Entry, Event, Input, KeySink, Parser, Piece, RdbString, SliceInput, State, Stretch,
    guess_blob, guess_key,
};

use super::name_shape::NameShape;
use super::sink::{INHERITED_SLOT, RangePart};
use crate::measure::Estimator;
use crate::scan::{Carried, Context, Counts, Halt, Pass, ProgressMark};

/// Bytes in which a start is looked for. A value that is longer than that is read by the range it begins in.
const SEARCH_BYTES: u64 = 8 << 20;

/// Keys that must follow each other without damage before a start is believed.
const CHAIN_KEYS: usize = 8;

/// Bytes scanned before they are summed, while they are still in the cache.
const CHECKSUM_STEP_BYTES: u64 = 128 << 10;

/// Fixed cost of one attempt at a start, as the number of bytes that a scan reads in the same time: a parser is made
/// for each, and for a compressed blob a decompressor, which fills its window.
const ATTEMPT_BYTES: u64 = 512;
const BLOB_ATTEMPT_BYTES: u64 = 256 << 10;

/// Fixed cost of starting the scan of a range, in the same unit: its measurer and its aggregates.
const SCAN_BYTES: u64 = 32 << 10;

/// A range that was scanned from a start that may be wrong.
pub(super) struct RangeScan<P> {
    pub(super) part: P,
    pub(super) start: u64,
    /// Where its last whole record ends.
    pub(super) end: u64,
    /// The database and slot there, apart from what the range had to guess.
    pub(super) db: u64,
    pub(super) slot: Option<u16>,
    /// Whether one of its records names a database.
    pub(super) names_db: bool,
    pub(super) counts: Counts,
    pub(super) checksum: Option<Crc64>,
    /// Whether it was told to stop.
    pub(super) stopped: bool,
    /// What of it was reported as progress.
    pub(super) reported: ProgressMark,
}

impl RangeScan<()> {
    /// The scan with the part that took its keys.
    pub(super) fn of<P>(self, part: P) -> RangeScan<P> {
        let Self { start, end, db, slot, names_db, counts, checksum, stopped, reported, part: () } = self;
        RangeScan { part, start, end, db, slot, names_db, counts, checksum, stopped, reported }
    }
}

/// What scanning a range needs.
pub(super) struct Guess<'a, M> {
    /// What there is of the file, from the last place that is known for certain on.
    pub(super) piece: Piece<'a>,
    /// What is carried at that place. A range ends where a record changes more of it than database and slot.
    pub(super) carried: &'a Carried,
    pub(super) pass: &'a Pass<M>,
    pub(super) context: &'a Context<'a>,
    pub(super) shape: NameShape,
}

impl<M: Estimator> Guess<'_, M> {
    /// Looks for a start at or behind `from`, and scans from there to the first record boundary at or
    /// behind `to`. Costs at most what scanning as many bytes costs, besides the scan that is kept.
    pub(super) fn find_and_scan<P: RangePart>(
        &self,
        from: u64,
        to: u64,
        mut part: P,
    ) -> Option<RangeScan<P>> {
        let limit = to.min(from.saturating_add(SEARCH_BYTES));
        let budget = limit - from;
        let mut spent = 0;
        for at in from..limit {
            if !self.may_begin_at(at) {
                continue;
            }
            if let Some(start) = self.start_of_chain(at, to, &mut spent) {
                match self.scan_from(start, to, &mut part) {
                    Ok(scan) => return Some(scan.of(part)),
                    Err(Broken { bytes }) => spent += SCAN_BYTES + bytes,
                }
                part.clear();
            }
            if spent > budget || self.context.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
        None
    }

    /// Whether a record seems to begin at `at`.
    #[inline(always)]
    fn may_begin_at(&self, at: u64) -> bool {
        let Some(rest) = self.piece.from(at) else { return false };
        let header = self.carried.parser.header;
        // Of Dragonfly's records only blobs tell what they are, and hold most of a file.
        if self.carried.parser.dialect == Dialect::Dragonfly {
            return guess_blob(rest, header);
        }
        guess_key(rest, header).is_some_and(|name| self.shape.fits(name))
    }

    /// Where a range begins if a chain of records does at `at`: there, or behind the first key if bytes before `at`
    /// may be prefix opcodes of it. Reads the records with nothing but a parser, and adds what that costs to `spent`.
    #[cold]
    fn start_of_chain(&self, at: u64, to: u64, spent: &mut u64) -> Option<u64> {
        let mut parser = Parser::resume(self.piece, at, self.carried.parser);
        let mut chain =
            Chain { keys: 0, names: [0; CHAIN_KEYS], repeats_name: false, first_end: None, visitor: () };
        let is_chain = loop {
            match parser.read_keys(to, &mut chain) {
                Ok(Stretch::Broken(())) => break !chain.repeats_name,
                Ok(Stretch::Event(Event::Entry(entry))) => {
                    if chain.key(&entry).is_break() {
                        break !chain.repeats_name;
                    }
                }
                Ok(Stretch::Bound) => {}
                Ok(Stretch::Event(event)) if is_followed(&event) => {}
                // A chain that is too short to show itself may end with what there is.
                _ => break parser.position() == self.piece.end(),
            }
            if parser.position() >= to {
                // A chain that ends far behind the range is none, because a false length can be any number.
                break parser.position() <= to.saturating_add(SEARCH_BYTES);
            }
        };
        let is_blob = self.carried.parser.dialect == Dialect::Dragonfly;
        *spent += if is_blob { BLOB_ATTEMPT_BYTES } else { ATTEMPT_BYTES } + (parser.position() - at);
        if is_chain {
            return if self.may_follow_prefix(at) { chain.first_end } else { Some(at) };
        }
        None
    }

    /// Whether bytes before `at` may be prefix opcodes of a key there.
    fn may_follow_prefix(&self, at: u64) -> bool {
        let Some(before) = self.piece.get(at.saturating_sub(9).max(self.piece.offset), at) else {
            return false;
        };
        let may_be_prefix = [(9, 0xfc), (5, 0xfd), (2, 0xf9), (2, 0xf8), (3, 0xf8), (6, 0xf8)];
        may_be_prefix.iter().any(|&(distance, opcode)| {
            before.len().checked_sub(distance).and_then(|i| before.get(i)) == Some(&opcode)
        })
    }

    /// Scans from `start`, and gives up if the bytes there are no chain of records.
    pub(super) fn scan_from<P: RangePart>(
        &self,
        start: u64,
        to: u64,
        part: &mut P,
    ) -> Result<RangeScan<()>, Broken> {
        let mut range = RangePass::new(self, start, P::CORRECTS_PLACE);
        loop {
            let is_settled = range.settle();
            if range.stopped || is_settled && range.settled.end >= to {
                break;
            }
            // A chunked value may be complete only at the end of the file.
            if range.parser.position() > to.saturating_add(SEARCH_BYTES) {
                return Err(range.broken());
            }
            if !range.read(to, part) {
                if is_settled {
                    range.settle_after_keys();
                }
                break;
            }
        }
        range.finish(part.has_refused())
    }
}

/// The scan of one range under way.
struct RangePass<'a, M> {
    guess: &'a Guess<'a, M>,
    start: u64,
    parser: Parser<SliceInput<'a>>,
    pass: Pass<M>,
    /// The checksum of the bytes from `start` to `summed`. `None` if checksums are not compared.
    checksum: Option<Crc64>,
    summed: u64,
    /// Whether a record named a database.
    names_db: bool,
    /// Records other than keys that were counted.
    records: u64,
    /// The last place between keys.
    settled: Mark,
    stopped: bool,
}

impl<'a, M: Estimator> RangePass<'a, M> {
    fn new(guess: &'a Guess<'a, M>, start: u64, corrects_place: bool) -> Self {
        let mut state = guess.carried.parser;
        if corrects_place {
            state.slot = Some(INHERITED_SLOT);
        }
        let parser = Parser::resume(guess.piece, start, state);
        Self {
            start,
            pass: guess.pass.over_part(&parser),
            checksum: guess.context.options.verify_checksum.then(Crc64::new),
            summed: start,
            names_db: false,
            records: 0,
            settled: Mark { end: start, db: state.db, slot: state.slot, overhead_bytes: 0, counted: (0, 0) },
            stopped: false,
            parser,
            guess,
        }
    }

    /// Marks the current place, if it is between keys. Returns whether it is.
    fn settle(&mut self) -> bool {
        if !self.parser.is_between_keys() {
            return false;
        }
        let counted = (self.pass.counts.keys_read(), self.records);
        self.settled = Mark::of(&self.parser, self.parser.position(), counted);
        if self.settled.end - self.summed >= CHECKSUM_STEP_BYTES {
            self.sum();
        }
        true
    }

    /// Adds the bytes up to the settled place to the checksum.
    fn sum(&mut self) {
        let bytes = self.guess.piece.get(self.summed, self.settled.end);
        if let (Some(checksum), Some(bytes)) = (&mut self.checksum, bytes) {
            checksum.update(bytes);
        }
        self.summed = self.settled.end;
    }

    /// Reads keys up to a place, at most `to`, or one other record. Returns whether the range goes on.
    fn read<P: RangePart>(&mut self, to: u64, part: &mut P) -> bool {
        let context = self.guess.context;
        let step = to.min(self.summed.saturating_add(CHECKSUM_STEP_BYTES));
        match self.parser.read_keys(step, &mut self.pass.keys(context, part)) {
            Ok(Stretch::Bound) => true,
            Ok(Stretch::Broken(Halt::Stopped)) => {
                self.stopped = true;
                false
            }
            Ok(Stretch::Event(Event::Entry(entry))) => {
                let outcome = self.pass.keys(context, part).chunked_key(&entry);
                self.stopped = outcome == ControlFlow::Break(Halt::Stopped);
                outcome.is_continue() || self.stopped && !part.has_refused()
            }
            Ok(Stretch::Event(event)) if is_followed(&event) => {
                let is_select = matches!(event, Event::SelectDb { .. });
                if is_select {
                    part.select_db();
                }
                // An AUX field counts nothing.
                self.records += u64::from(!self.pass.record(&event));
                self.pass.learned.flavour = self.parser.flavour();
                // A chunked value belongs to the database in which it began. The range does not know that
                // database, so it must not read keys behind another one.
                let splits_value = is_select && !self.names_db && self.parser.has_open_chunks();
                self.names_db |= is_select;
                // A record that changes what is carried ends the range before it, and the stitch reads it.
                !splits_value && self.pass.carried(&self.parser).reads_like(self.guess.carried)
            }
            _ => false,
        }
    }

    /// Keeps the keys that were read before the record that ended the chain. Only keys were read since the
    /// settled place, because any other record ends a [read](Self::read).
    fn settle_after_keys(&mut self) {
        let keys = self.pass.counts.keys_read();
        if keys > self.settled.counted.0 && self.parser.is_described_by_state() {
            self.settled.end = self.pass.end_of_last_key;
            self.settled.counted.0 = keys;
        }
    }

    /// The scan up to the settled place.
    fn finish(mut self, has_refused: bool) -> Result<RangeScan<()>, Broken> {
        // The stitch would count again what was counted behind the settled place.
        if self.settled.counted != (self.pass.counts.keys_read(), self.records) {
            return Err(self.broken());
        }
        self.sum();
        self.pass.counts.overhead_bytes += self.settled.overhead_bytes;
        Ok(RangeScan {
            part: (),
            start: self.start,
            end: self.settled.end,
            db: self.settled.db,
            slot: self.settled.slot,
            names_db: self.names_db,
            counts: self.pass.counts,
            checksum: self.checksum,
            stopped: self.stopped && !has_refused,
            reported: self.pass.reported,
        })
    }

    fn broken(&self) -> Broken {
        Broken { bytes: self.parser.position() - self.start }
    }
}

/// Whether a chain of records goes on behind this one, which is no key. Anything else is for the stitch to read.
fn is_followed(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::Aux { .. }
            | Event::SelectDb { .. }
            | Event::ResizeDb { .. }
            | Event::SlotInfo { .. }
            | Event::Function { .. }
            | Event::ModuleAux { .. }
    )
}

/// A place in a range at which another parser can go on, and what the range holds up to there.
#[derive(Clone, Copy)]
struct Mark {
    end: u64,
    db: u64,
    slot: Option<u16>,
    overhead_bytes: u64,
    /// Keys, and other records.
    counted: (u64, u64),
}

impl Mark {
    fn of<I: Input>(parser: &Parser<I>, end: u64, counted: (u64, u64)) -> Self {
        let State { db, slot, .. } = parser.state();
        Self { end, db, slot, overhead_bytes: parser.container_bytes(), counted }
    }
}

/// Counts the keys of what may be a chain, until there are enough or two have the same name. A database has each name
/// once, and a repetitive value, such as zeros, parses as keys with equal names.
struct Chain {
    keys: usize,
    /// Hashes of their names.
    names: [u64; CHAIN_KEYS],
    repeats_name: bool,
    /// Where the first of them ends.
    first_end: Option<u64>,
    visitor: (),
}

impl KeySink for Chain {
    type Visitor = ();
    type Break = ();

    fn visitor(&mut self) -> &mut () {
        &mut self.visitor
    }

    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<()> {
        self.first_end.get_or_insert(entry.span.end);
        let name = match entry.key {
            RdbString::Raw(name) => hash(name),
            RdbString::Int(number) => hash(&number.to_le_bytes()),
            // As it is stored.
            RdbString::Lzf { compressed, .. } => hash(compressed),
            other => hash(&other.decoded_len().to_le_bytes()),
        };
        self.repeats_name = self.names.iter().take(self.keys).any(|&earlier| earlier == name);
        if let Some(place) = self.names.get_mut(self.keys) {
            *place = name;
        }
        self.keys += 1;
        if self.repeats_name || self.keys == CHAIN_KEYS {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

/// What looked like a chain of records is none.
pub(super) struct Broken {
    /// Bytes that were scanned for nothing.
    bytes: u64,
}
