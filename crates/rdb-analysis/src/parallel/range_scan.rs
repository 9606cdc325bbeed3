//! Scans one range from a given start.

use std::ops::ControlFlow;

use rdb_parser::keys::KeyRun;
use rdb_parser::resume::ParserState;
use rdb_parser::{Event, Input, Parser, SliceInput, ValueType};

use super::context::{RangeContext, RangeSum};
use super::sink::{INHERITED_SLOT, RangePart};
use crate::measure::Estimator;
use crate::scan::{Counts, FileRecord, Halt, LongValues, Pass, ProgressMark};

/// Bytes behind the end of a range in which its last value must end. Also the bytes in which the
/// start of a range is looked for. A longer value is read by the range in which it begins.
pub(super) const SEARCH_BYTES: u64 = 8 << 20;

/// A range that was scanned. Its start may be wrong.
pub(super) struct RangeScan<P> {
    /// Has the keys.
    pub(super) part: P,
    pub(super) start: u64,
    /// The end of the last whole record.
    pub(super) end: u64,
    /// The database and slot at the end, as far as the range knows them.
    pub(super) db: u64,
    pub(super) slot: Option<u16>,
    /// Whether a record of the range named a database.
    pub(super) names_db: bool,
    pub(super) counts: Counts,
    pub(super) long_values: LongValues,
    /// The type of the value behind the end, in which the scan stopped, where in it, and the
    /// elements that are left there.
    pub(super) inside: Option<(ValueType, u64, u64)>,
    /// Whether the scan was stopped.
    pub(super) stopped: bool,
    /// The progress that was reported.
    pub(super) reported: ProgressMark,
}

impl RangeScan<()> {
    /// Adds the part that took the keys.
    pub(super) fn of<P>(self, part: P) -> RangeScan<P> {
        let Self { start, end, db, slot, names_db, counts, long_values, inside, stopped, reported, part: () } =
            self;
        RangeScan { part, start, end, db, slot, names_db, counts, long_values, inside, stopped, reported }
    }
}

impl<M: Estimator> RangeContext<'_, M> {
    /// Scans from `start`, and gives up if the bytes there are no chain of records.
    pub(super) fn scan_from<P: RangePart>(
        &self,
        start: u64,
        to: u64,
        part: &mut P,
        sum: &mut RangeSum<'_>,
    ) -> Result<RangeScan<()>, Broken> {
        let mut range = RangePass::new(self, start, P::CORRECTS_PLACE);
        range.parser.leave_values_behind(to, self.grain_bytes);
        loop {
            let is_settled = range.settle();
            sum.add_if_due(range.settled.end);
            if range.stopped || is_settled && range.settled.end >= to {
                break;
            }
            // A chunked value may be complete only at the end of the file.
            if range.parser.position() > to.saturating_add(SEARCH_BYTES) {
                return Err(range.broken());
            }
            if !range.read(sum.step(to), part) {
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
    common: &'a RangeContext<'a, M>,
    start: u64,
    parser: Parser<SliceInput<'a>>,
    pass: Pass<M>,
    /// Whether a record named a database.
    names_db: bool,
    /// Records other than keys that were counted.
    records: u64,
    /// The last place between keys.
    settled: Mark,
    stopped: bool,
}

impl<'a, M: Estimator> RangePass<'a, M> {
    fn new(common: &'a RangeContext<'a, M>, start: u64, corrects_place: bool) -> Self {
        let mut state = common.carried.parser;
        if corrects_place {
            state.slot = Some(INHERITED_SLOT);
        }
        let parser = Parser::resume(common.slice, start, state);
        Self {
            start,
            pass: common.pass.over_part(&parser),
            names_db: false,
            records: 0,
            settled: Mark { end: start, db: state.db, slot: state.slot, overhead_bytes: 0, counted: (0, 0) },
            stopped: false,
            parser,
            common,
        }
    }

    /// Marks the current place, if it is between keys. Returns whether it is.
    fn settle(&mut self) -> bool {
        if !self.parser.is_between_keys() {
            return false;
        }
        let counted = (self.pass.counts.keys_read(), self.records);
        self.settled = Mark::of(&self.parser, self.parser.position(), counted);
        true
    }

    /// Reads keys up to `to`, or one other record. Returns whether the range goes on.
    fn read<P: RangePart>(&mut self, to: u64, part: &mut P) -> bool {
        let context = self.common.context;
        match self.parser.read_keys(to, &mut self.pass.keys(context, part)) {
            Ok(KeyRun::Bound) => true,
            Ok(KeyRun::Broken(Halt::Stopped)) => {
                self.stopped = true;
                false
            }
            Ok(KeyRun::Event(Event::Entry(entry))) => {
                let outcome = self.pass.keys(context, part).chunked_key(&entry);
                self.stopped = outcome == ControlFlow::Break(Halt::Stopped);
                outcome.is_continue() || self.stopped && !part.has_refused()
            }
            Ok(KeyRun::Event(event)) if is_followed(&event) => {
                let record = FileRecord::of(&event);
                if record.is_some_and(|record| !part.follows(record)) {
                    return false;
                }
                let is_select = matches!(record, Some(FileRecord::SelectDb(_)));
                // An AUX field counts nothing.
                self.records += u64::from(!self.pass.record(&event));
                if let Some(record) = record {
                    part.record(record, self.parser.position());
                }
                self.pass.learned.flavour = self.parser.flavour();
                // A chunked value belongs to the database in which it began. The range does not
                // know that database, so it must not read keys behind another one.
                let splits_value = is_select && !self.names_db && self.parser.has_open_chunks();
                self.names_db |= is_select;
                // A record that changes what is carried ends the range before it, and the stitch
                // reads it.
                !splits_value && self.pass.carried(&self.parser).reads_like(&self.common.carried)
            }
            _ => false,
        }
    }

    /// Keeps the keys that were read before the record that ended the chain. Only keys were read
    /// since the settled place, because any other record ends a [read](Self::read).
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
        self.pass.counts.overhead_bytes += self.settled.overhead_bytes;
        let inside =
            self.parser.open_value().map(|value| (value.value_type, self.parser.position(), value.left));
        Ok(RangeScan {
            part: (),
            start: self.start,
            end: self.settled.end,
            db: self.settled.db,
            slot: self.settled.slot,
            names_db: self.names_db,
            counts: self.pass.counts,
            long_values: self.pass.long_values,
            inside,
            stopped: self.stopped && !has_refused,
            reported: self.pass.reported,
        })
    }

    fn broken(&self) -> Broken {
        Broken { bytes: self.parser.position() - self.start }
    }
}

/// Whether a range goes on after this record, which is no key. The stitch reads all other records.
pub(super) fn is_followed(event: &Event<'_>) -> bool {
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

/// A place in a range at which another parser can go on, and what the range counted up to it.
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
        let ParserState { db, slot, .. } = parser.state();
        Self { end, db, slot, overhead_bytes: parser.overhead_bytes(), counted }
    }
}

/// The bytes from the start of a range are no chain of records.
pub(super) struct Broken {
    /// Bytes that were scanned.
    pub(super) bytes: u64,
}
