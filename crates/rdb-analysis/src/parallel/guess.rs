//! Guesses at what is in the middle of a file: where a record begins, and the keys from there on.

use std::hash::{DefaultHasher, Hasher as _};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rdb_parser::{
    Crc64, Dialect, Entry, Event, Input, KeySink, Parser, Piece, RdbString, State, Stretch, guess_blob,
    guess_key,
};

use super::name_shape::NameShape;
use super::sink::{INHERITED_SLOT, RangePart};
use crate::measure::MemoryGauge;
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

impl<M: MemoryGauge> Guess<'_, M> {
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

    /// Scans from `start`, and gives up if what is there is no chain of records.
    pub(super) fn scan_from<P: RangePart>(
        &self,
        start: u64,
        to: u64,
        part: &mut P,
    ) -> Result<RangeScan<()>, Broken> {
        let mut state = self.carried.parser;
        if P::CORRECTS_PLACE {
            state.slot = Some(INHERITED_SLOT);
        }
        let mut parser = Parser::resume(self.piece, start, state);
        let mut pass = self.pass.over_part(&parser);
        let mut sums = self.context.options.verify_checksum.then(Crc64::new);
        let mut summed = start;
        let mut names_db = false;
        let mut stopped = false;
        // Other records that were taken.
        let mut records = 0;
        // The last place between keys.
        let mut settled =
            Mark { end: start, db: state.db, slot: state.slot, overhead_bytes: 0, taken: (0, 0) };
        loop {
            let is_settled = parser.is_between_keys();
            if is_settled {
                settled = Mark::of(&parser, parser.position(), (pass.counts.keys_read(), records));
                if settled.end - summed >= CHECKSUM_STEP_BYTES {
                    self.sum(&mut sums, summed, settled.end);
                    summed = settled.end;
                }
                if settled.end >= to {
                    break;
                }
            }
            if stopped {
                break;
            }
            // A chunked value may be complete only at the end of the file.
            if parser.position() > to.saturating_add(SEARCH_BYTES) {
                return Err(Broken { bytes: parser.position() - start });
            }
            let step = to.min(summed.saturating_add(CHECKSUM_STEP_BYTES));
            let read = parser.read_keys(step, &mut pass.keys(self.context, part));
            let goes_on = match read {
                Ok(Stretch::Bound) => true,
                Ok(Stretch::Broken(Halt::Stopped)) => {
                    stopped = true;
                    false
                }
                Ok(Stretch::Event(Event::Entry(entry))) => {
                    let outcome = pass.keys(self.context, part).key_in_pieces(&entry);
                    stopped = outcome == ControlFlow::Break(Halt::Stopped);
                    outcome.is_continue() || stopped && !part.has_refused()
                }
                Ok(Stretch::Event(event)) if is_followed(&event) => {
                    let is_select = matches!(event, Event::SelectDb { .. });
                    if is_select {
                        part.select_db();
                    }
                    // An AUX field counts nothing.
                    records += u64::from(!pass.record(&event));
                    pass.learned.flavour = parser.flavour();
                    // A chunked value belongs to the database in which it began, which the range must not assume for keys
                    // behind another one.
                    let splits_value = is_select && !names_db && parser.has_open_chunks();
                    names_db |= is_select;
                    // A record that changes what is carried ends the range before it, and the stitch reads it.
                    !splits_value && pass.carried(&parser).reads_like(self.carried)
                }
                _ => false,
            };
            if !goes_on {
                // Keeps the keys that were read before the record that ended the chain. Only keys were read in this call,
                // because any other record ends it.
                let keys_read = pass.counts.keys_read();
                if is_settled && keys_read > settled.taken.0 && parser.is_described_by_state() {
                    settled =
                        Mark { end: pass.end_of_last_key, taken: (keys_read, settled.taken.1), ..settled };
                }
                break;
            }
        }
        // What was taken behind the last settled place the stitch would count again.
        if settled.taken != (pass.counts.keys_read(), records) {
            return Err(Broken { bytes: parser.position() - start });
        }
        self.sum(&mut sums, summed, settled.end);
        pass.counts.overhead_bytes += settled.overhead_bytes;
        Ok(RangeScan {
            part: (),
            start,
            end: settled.end,
            db: settled.db,
            slot: settled.slot,
            names_db,
            counts: pass.counts,
            checksum: sums,
            stopped: stopped && !part.has_refused(),
            reported: pass.reported,
        })
    }

    fn sum(&self, sums: &mut Option<Crc64>, from: u64, to: u64) {
        if let (Some(sums), Some(bytes)) = (sums, self.piece.get(from, to)) {
            sums.update(bytes);
        }
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
    taken: (u64, u64),
}

impl Mark {
    fn of<I: Input>(parser: &Parser<I>, end: u64, taken: (u64, u64)) -> Self {
        let State { db, slot, .. } = parser.state();
        Self { end, db, slot, overhead_bytes: parser.container_bytes(), taken }
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
