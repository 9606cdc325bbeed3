//! Guesses at what is in the middle of a file: where a record begins, and the keys from there on.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use rdb_parser::{
    Crc64, ErrorKind, Event, Flavour, Parser, Piece, RdbString, State, Stretch, guess_blob, guess_key,
};

use super::Part;
use crate::facts::SourceFacts;
use crate::measure::KeyView;
use crate::memory::MemoryGauge;
use crate::scan::{Context, Halt, Pass, Reported, Sink};

/// Names after which it is known what names look like.
pub(super) const WATCHED_NAMES: u64 = 16;

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
pub(super) const INHERITED_SLOT: u16 = u16::MAX;

/// A range that was scanned from a start that may be wrong.
pub(super) struct RangeScan<P> {
    pub(super) part: P,
    pub(super) start: u64,
    /// Where its last whole record ends.
    pub(super) end: u64,
    /// What its parser knew there, apart from what the range had to guess.
    pub(super) state: State,
    /// Whether one of its records names a database.
    pub(super) names_db: bool,
    pub(super) facts: SourceFacts,
    pub(super) checksum: Option<Crc64>,
    /// Whether it was told to stop.
    pub(super) stopped: bool,
    /// What of it the watcher knows.
    pub(super) reported: Reported,
}

impl RangeScan<()> {
    /// The scan with the part that took its keys.
    pub(super) fn of<P>(self, part: P) -> RangeScan<P> {
        let Self { start, end, state, names_db, facts, checksum, stopped, reported, part: () } = self;
        RangeScan { part, start, end, state, names_db, facts, checksum, stopped, reported }
    }
}

/// What scanning a range needs.
pub(super) struct Guess<'a, M> {
    /// What there is of the file, from the last place that is known for certain on.
    pub(super) piece: Piece<'a>,
    pub(super) state: State,
    pub(super) pass: &'a Pass<M>,
    pub(super) context: &'a Context<'a>,
    pub(super) shape: NameShape,
}

impl<M: MemoryGauge> Guess<'_, M> {
    /// Looks for a start at or behind `from`, and scans from there to the first record boundary at or
    /// behind `to`.
    pub(super) fn find_and_scan<P: Part>(&self, from: u64, to: u64, mut part: P) -> Option<RangeScan<P>> {
        let limit = to.min(from.saturating_add(SEARCH_BYTES));
        let mut in_vain = 0;
        for at in from..limit {
            if let Some(start) = self.start_at(at, &mut in_vain) {
                match self.scan_from(start, to, &mut part) {
                    Ok(scan) => return Some(scan.of(part)),
                    Err(Broken { bytes }) => in_vain += bytes,
                }
                part.clear();
            }
            if in_vain > SEARCH_BYTES.max(to - from) || self.context.stop.load(Ordering::Relaxed) {
                return None;
            }
        }
        None
    }

    /// Where a range begins if a record seems to begin at `at`. Adds bytes that were walked over to `in_vain`.
    fn start_at(&self, at: u64, in_vain: &mut u64) -> Option<u64> {
        let rest = self.piece.from(at)?;
        // Of Dragonfly's records only blobs tell what they are, and hold most of a file.
        if self.state.flavour == Flavour::Dragonfly {
            return guess_blob(rest, self.state.header).then_some(at);
        }
        let name = guess_key(rest, self.state.header)?;
        if self.shape.fits(name) { self.start_at_key(at, in_vain) } else { None }
    }

    /// Where a range begins if a key's record does at `at`: there, or behind that record if bytes before it
    /// may be prefix opcodes of its.
    #[cold]
    fn start_at_key(&self, at: u64, in_vain: &mut u64) -> Option<u64> {
        let before = self.piece.get(at.saturating_sub(9).max(self.piece.offset), at)?;
        let may_be_prefix = [(9, 0xfc), (5, 0xfd), (2, 0xf9), (2, 0xf8), (3, 0xf8), (6, 0xf8)];
        let has_prefix = may_be_prefix.iter().any(|&(distance, opcode)| {
            before.len().checked_sub(distance).and_then(|i| before.get(i)) == Some(&opcode)
        });
        if !has_prefix {
            return Some(at);
        }
        let mut parser = Parser::resume(self.piece, at, self.state);
        let behind = match parser.next_event() {
            Ok(Some(Event::Entry(entry))) => Some(entry.span.end),
            _ => None,
        };
        // It may be the same bytes again and again.
        *in_vain += parser.position() - at;
        behind
    }

    /// Scans from `start`, and gives up if what is there is no chain of records.
    pub(super) fn scan_from<P: Part>(
        &self,
        start: u64,
        to: u64,
        part: &mut P,
    ) -> Result<RangeScan<()>, Broken> {
        let mut state = self.state;
        if P::CAN_BE_CORRECTED {
            state.slot = Some(INHERITED_SLOT);
        }
        let mut parser = Parser::resume(self.piece, start, state);
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
        if broken && parser.position() != self.piece.end() {
            return Err(Broken { bytes: parser.position() - start });
        }
        self.sum(&mut sums, summed, end);
        pass.facts.container_bytes += container_bytes;
        let (facts, reported) = (pass.facts, pass.reported);
        Ok(RangeScan {
            part: (),
            start,
            end,
            state: end_state,
            names_db,
            facts,
            checksum: sums,
            stopped,
            reported,
        })
    }

    fn sum(&self, sums: &mut Option<Crc64>, from: u64, to: u64) {
        if let (Some(sums), Some(bytes)) = (sums, self.piece.get(from, to)) {
            sums.update(bytes);
        }
    }
}

/// What looked like a chain of records is none.
pub(super) struct Broken {
    /// Bytes that were scanned for nothing.
    bytes: u64,
}

/// What the names of a file's keys look like, from those at its beginning. A guess that shows another kind of
/// name is not followed: inside a collection most guesses are lengths and pieces of elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameShape {
    /// Names seen.
    pub(super) names: u64,
    /// Whether some are stored as numbers, in up to four bytes, any bytes.
    numbers: bool,
    /// Whether all others are printable.
    printable: bool,
    longest: usize,
    /// The bytes that names have in their first places.
    initials: [[bool; 256]; INITIALS],
}

impl NameShape {
    pub(super) const UNKNOWN: Self = Self {
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
pub(super) struct Watching<'a, C> {
    pub(super) collector: &'a mut C,
    pub(super) shape: NameShape,
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
