//! The pass over one source, in file order.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rdb_parser::keys::{KeyRun, KeySink};
use rdb_parser::resume::ParserState;
use rdb_parser::{
    Checksum, Entry, Error, ErrorKind, Event, Header, Input, Parser, SliceInput, ValueType, Warning, Window,
};

use super::facts::{Counts, Coverage, Learned, SourceFacts};
use super::lost::is_lost;
use super::options::ScanOptions;
use super::progress::ProgressMark;
use super::sharing::Sharing;
use super::source::{Guard, Origin, Progress, Source, SourceData};
use super::trailing::Trailing;
use crate::measure::{Estimator, KeyView, Measurer};
use crate::server::AssumedServer;

/// What takes the keys of a pass.
pub(crate) trait Sink {
    /// The source begins with this header.
    fn begin(&mut self, _: Header) {}

    /// A key. One that is refused with an error counts as damaged. A break ends the pass.
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>;

    /// A key that servers skip when they load the file, because its collection is empty. A break
    /// ends the pass.
    fn skipped_key(&mut self, _: &KeyView<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A record that is no key, and the offset where it ends.
    fn record(&mut self, _: FileRecord, _: u64) {}

    /// Damage.
    fn damage(&mut self, _: &Error) {}

    /// Reading ended at an offset.
    fn end(&mut self, _: u64) {}
}

/// A record that is no key, as far as sinks look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FileRecord {
    /// A `SELECTDB` opcode.
    SelectDb(u64),
    /// A `RESIZEDB` opcode.
    ResizeDb { keys: u64, expires: u64 },
    /// What is irregular, and no key has.
    Warning { warning: Warning, offset: u64 },
    /// The end of the RDB data.
    End { checksum: Checksum },
}

impl FileRecord {
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        Some(match *event {
            Event::SelectDb { db } => Self::SelectDb(db),
            Event::ResizeDb { keys, expires } => Self::ResizeDb { keys, expires },
            Event::Warning { warning, offset } => Self::Warning { warning, offset },
            Event::End { checksum } => Self::End { checksum },
            _ => return None,
        })
    }
}

/// Gives keys to a function.
pub(crate) struct EachKey<F>(pub(crate) F);

impl<F: FnMut(&KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>> Sink for EachKey<F> {
    #[inline]
    fn key(&mut self, key: &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>> {
        (self.0)(key)
    }
}

/// What a pass needs besides the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) options: &'a ScanOptions,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) guard: Option<&'a dyn Guard>,
    /// Bytes of a stream that can be read without waiting. `None`: not known.
    pub(crate) ready_bytes: Option<&'a AtomicU64>,
    /// The scans with which this one shares its threads.
    pub(crate) sharing: Option<&'a Sharing>,
}

/// Gives each key of `source` to `sink`, until the end, damage, a [`Break`](ControlFlow::Break) or
/// the stop flag. Returns what was learned, which the origin may [adjust](SourceFacts::adjusted_by).
///
/// # Errors
///
/// If the source does not begin as an RDB file. Later damage is in the [coverage](crate::Coverage).
pub(crate) fn scan_source<'a, M: Estimator>(
    source: Source<'a>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: &mut impl Sink,
) -> Result<(SourceFacts, Origin<'a>), Error> {
    let Source { data, origin, fallback_time_ms, .. } = source;
    let guard = origin.guard.as_deref();
    let context = Context { options, progress, stop, guard, ready_bytes: None, sharing: None };
    let (start, length, mark) = (origin.prefix_bytes, data.length(), origin.end_mark.as_ref());
    let facts = match data {
        SourceData::Bytes(bytes) => {
            let parser = Parser::new(SliceInput::starting_at(bytes, start), options.parser())?;
            scan_all::<M>(parser, &context, length, fallback_time_ms, mark, sink)
        }
        SourceData::Reader { reader, length, .. } => {
            let parser = Parser::new(Window::starting_at(reader, start, length), options.parser())?;
            scan_all::<M>(parser, &context, length, fallback_time_ms, mark, sink)
        }
    };
    Ok((facts, origin))
}

fn scan_all<M: Estimator>(
    mut parser: Parser<impl Input>,
    context: &Context<'_>,
    length: Option<u64>,
    fallback_time_ms: i64,
    end_mark: Option<&[u8; 40]>,
    sink: &mut impl Sink,
) -> SourceFacts {
    sink.begin(parser.header());
    let mut pass = Pass::<M>::new(&parser, context, fallback_time_ms);
    pass.run(&mut parser, context, u64::MAX, sink);
    pass.finish(&mut parser, context, length, end_mark, sink)
}

/// A pass under way.
///
/// [`Learned`] and the [state](ParserState) of the parser have what a pass carries from one record
/// to the next: together they are [`Carried`]. [`Counts`] has what it counts. Scanning in ranges
/// compares the first and adds up the second, see [`parallel`](crate::parallel).
pub(crate) struct Pass<M> {
    pub(crate) learned: Learned,
    pub(crate) counts: Counts,
    pub(crate) coverage: Coverage,
    checksum: Option<Checksum>,
    pub(crate) measurer: Measurer<M>,
    /// Absolute offset.
    pub(crate) end_of_last_key: u64,
    /// Where long values are.
    pub(crate) long_values: LongValues,
    /// The page about which the guard was asked last, because a key in it has an empty name.
    guarded_page: Option<u64>,
    fallback_time_ms: i64,
    /// The time by which keys count as expired. Follows from what was learned.
    time_ms: i64,
    pub(crate) reported: ProgressMark,
}

/// Length of a record from which on its value is long.
const LONG_VALUE_BYTES: u64 = 64 << 10;

/// Types of which a long value is remembered.
const LONG_TYPES: usize = 8;

/// Where the last long values of some types are. Only a guess of what later values look like
/// depends on it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LongValues([Option<(ValueType, u64)>; LONG_TYPES]);

impl LongValues {
    /// Remembers a record at an offset.
    #[cold]
    pub(crate) fn note(&mut self, value_type: ValueType, offset: u64) {
        let known = self.0.iter().position(|value| value.is_none_or(|(known, _)| known == value_type));
        let oldest = self.0.len() - 1;
        if let Some(values) = self.0.get_mut(..=known.unwrap_or(oldest)) {
            // The latest is the first.
            values.rotate_right(1);
            if let Some(first) = values.first_mut() {
                *first = Some((value_type, offset));
            }
        }
    }

    /// Types and offsets, the latest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ValueType, u64)> {
        self.0.into_iter().flatten()
    }

    /// Remembers those of later records.
    pub(crate) fn append(&mut self, later: Self) {
        let later: Vec<_> = later.iter().collect();
        later.into_iter().rev().for_each(|(value_type, offset)| self.note(value_type, offset));
    }
}

/// All that a sequential pass carries from one record to the next.
///
/// Anything else that decides how a record is read or counted is the same for the whole source, or
/// makes [`Parser::is_between_keys`] false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) parser: ParserState,
    pub(crate) learned: Learned,
}

impl Carried {
    /// Whether records are read and measured in the same way with both. The database and slot may
    /// differ, because [`RangeSink`](crate::parallel::RangeSink) corrects them.
    pub(crate) fn reads_like(&self, other: &Self) -> bool {
        let mut parser = self.parser;
        (parser.db, parser.slot) = (other.parser.db, other.parser.slot);
        parser == other.parser && self.learned == other.learned
    }
}

/// Why a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It reached its bound.
    Bound,
    /// The parser is inside a long value, which it was told to leave.
    Inside,
    /// The file ends, or the rest of it cannot be read.
    End,
    /// The stop flag is set, or the sink broke.
    Stopped,
}

impl<M: Estimator> Pass<M> {
    /// A pass from the position of `parser`.
    pub(crate) fn new<I: Input>(parser: &Parser<I>, context: &Context<'_>, fallback_time_ms: i64) -> Self {
        let learned = Learned { flavour: parser.flavour(), ..Learned::default() };
        let server =
            AssumedServer::new(&context.options.assumptions, parser.header(), parser.flavour(), None);
        let ScanOptions { deep, names_largest_elements, .. } = *context.options;
        Self {
            learned,
            counts: Counts::default(),
            coverage: Coverage::default(),
            checksum: None,
            measurer: Measurer::new(server, deep, names_largest_elements),
            end_of_last_key: 0,
            long_values: LongValues::default(),
            guarded_page: None,
            fallback_time_ms,
            time_ms: context.options.now_ms.unwrap_or(fallback_time_ms),
            reported: ProgressMark::default(),
        }
    }

    /// A pass over another range of the same source, from the position of `parser`.
    pub(crate) fn over_part<I: Input>(&self, parser: &Parser<I>) -> Self {
        Self {
            learned: self.learned.clone(),
            counts: Counts::default(),
            coverage: Coverage::default(),
            checksum: None,
            measurer: self.measurer.for_part(),
            end_of_last_key: 0,
            long_values: LongValues::default(),
            guarded_page: None,
            fallback_time_ms: self.fallback_time_ms,
            time_ms: self.time_ms,
            reported: ProgressMark::at(parser.position()),
        }
    }

    /// What is carried to the next record.
    pub(crate) fn carried<I: Input>(&self, parser: &Parser<I>) -> Carried {
        Carried { parser: parser.state(), learned: self.learned.clone() }
    }

    /// Reads to the first place between keys at or behind `bound`, and gives each key to `sink`.
    pub(crate) fn run<I: Input>(
        &mut self,
        parser: &mut Parser<I>,
        context: &Context<'_>,
        bound: u64,
        sink: &mut impl Sink,
    ) -> Halt {
        loop {
            if parser.position() >= bound && parser.is_between_keys() {
                return Halt::Bound;
            }
            let event = match parser.read_keys(bound, &mut self.keys(context, sink)) {
                Ok(KeyRun::Event(Event::Entry(entry))) => {
                    match self.keys(context, sink).chunked_key(&entry) {
                        ControlFlow::Continue(()) => continue,
                        ControlFlow::Break(halt) => return halt,
                    }
                }
                Ok(KeyRun::Event(event)) => event,
                Ok(KeyRun::Broken(halt)) => return halt,
                Ok(KeyRun::Inside) => return Halt::Inside,
                Ok(KeyRun::End) => return Halt::End,
                Ok(_) => continue,
                Err(error) => {
                    self.coverage.note(&error, context.stop);
                    sink.damage(&error);
                    if error.is_contained() {
                        continue;
                    }
                    return Halt::End;
                }
            };
            let record = FileRecord::of(&event);
            let has_learned = self.record(&event);
            if let Some(record) = record {
                sink.record(record, parser.position());
            }
            if matches!(record, Some(FileRecord::End { .. })) {
                return Halt::End;
            }
            if has_learned || self.learned.flavour != parser.flavour() {
                self.learned.flavour = parser.flavour();
                self.apply_learned(parser.header(), context);
            }
        }
    }

    /// Counts a key that servers skip when they load the file.
    #[cold]
    fn skip_key(&mut self, end: u64, rdb_bytes: u64) {
        self.counts.skipped_keys += 1;
        self.counts.overhead_bytes += rdb_bytes;
        self.end_of_last_key = end;
    }

    /// The sink of the parser.
    pub(crate) fn keys<'p, S>(&'p mut self, context: &'p Context<'p>, sink: &'p mut S) -> Keys<'p, M, S> {
        Keys { pass: self, context, guard: context.guard.map(|guard| (guard, guard.alarm())), sink }
    }

    /// Counts a record that is no key. Returns whether something may have been learned from it.
    pub(crate) fn record(&mut self, event: &Event<'_>) -> bool {
        let counts = &mut self.counts;
        match *event {
            Event::Aux { name, value } => {
                self.learned.learn(name, value);
                return true;
            }
            Event::ResizeDb { keys, .. } => {
                counts.announced_keys = counts.announced_keys.saturating_add(keys);
            }
            Event::Function { .. } => counts.functions += 1,
            Event::Warning { warning, offset } => counts.warnings.observe(warning, offset),
            Event::End { checksum } => self.checksum = Some(checksum),
            _ => {}
        }
        false
    }

    /// Measures the keys that follow by what was learned.
    fn apply_learned(&mut self, header: Header, context: &Context<'_>) {
        let learned_ms = self.learned.time_ms(self.fallback_time_ms);
        self.time_ms = context.options.now_ms.unwrap_or(learned_ms);
        let Learned { flavour, server_version, .. } = &self.learned;
        self.measurer.set_server(AssumedServer::new(
            &context.options.assumptions,
            header,
            *flavour,
            server_version.as_deref(),
        ));
    }

    /// Reads what follows the end, and makes the facts.
    pub(crate) fn finish<I: Input>(
        mut self,
        parser: &mut Parser<I>,
        context: &Context<'_>,
        length: Option<u64>,
        end_mark: Option<&[u8; 40]>,
        sink: &mut impl Sink,
    ) -> SourceFacts {
        let server = *self.measurer.server();
        let keys = self.counts.keys;
        let mut facts = SourceFacts::of(parser.header(), server, self.learned, self.counts);
        facts.checksum = self.checksum;
        facts.coverage = self.coverage;
        facts.memory_model = M::IS_MODEL.then(|| server.model());
        if facts.checksum.is_some() {
            let mut trailing = Trailing::default();
            match parser.show_trailing(|piece| trailing.show(piece)) {
                Ok(bytes) => facts.trailing_bytes = bytes,
                Err(error) => {
                    facts.coverage.note(&error, context.stop);
                    sink.damage(&error);
                }
            }
            facts.trailing_kind = trailing.kind(end_mark);
        }
        facts.overhead_bytes += parser.overhead_bytes();
        facts.bytes = length.unwrap_or(parser.position());
        facts.coverage.complete = facts.checksum.is_some() && facts.coverage.reason.is_none();
        self.reported.report(context.progress, parser.position(), keys);
        sink.end(parser.position());
        facts
    }
}

/// Measures the keys of a pass and gives them to its sink.
pub(crate) struct Keys<'p, M, S> {
    pass: &'p mut Pass<M>,
    context: &'p Context<'p>,
    /// The guard and its alarm.
    guard: Option<(&'p dyn Guard, &'p AtomicBool)>,
    sink: &'p mut S,
}

impl<M: Estimator, S: Sink> Keys<'_, M, S> {
    /// Adds a chunked key, whose value was not shown to the measurer.
    pub(crate) fn chunked_key(&mut self, entry: &Entry<'_>) -> ControlFlow<Halt> {
        self.pass.measurer.forget();
        self.key(entry)
    }
}

impl<M: Estimator, S: Sink> KeySink for Keys<'_, M, S> {
    type Visitor = Measurer<M>;
    type Break = Halt;

    #[inline(always)]
    fn visitor(&mut self) -> &mut Measurer<M> {
        &mut self.pass.measurer
    }

    #[inline(always)]
    fn key(&mut self, entry: &Entry<'_>) -> ControlFlow<Halt> {
        if let Some((guard, alarm)) = self.guard
            && is_lost(guard, alarm, &mut self.pass.guarded_page, entry)
        {
            return ControlFlow::Break(Halt::End);
        }
        let end = entry.span.end;
        let Pass { counts, coverage, measurer, end_of_last_key, long_values, time_ms, reported, .. } =
            &mut *self.pass;
        if entry.rdb_bytes >= LONG_VALUE_BYTES {
            long_values.note(entry.value_type, entry.span.start);
        }
        let view = measurer.view(entry, *time_ms);
        if entry.warnings.contains(Warning::EmptyCollection) {
            // A copy, so that the key itself need not be in memory.
            let skipped = view;
            if self.sink.skipped_key(&skipped).is_break() {
                coverage.stop(end);
                return ControlFlow::Break(Halt::Stopped);
            }
            self.pass.counts.warnings.observe_entry(entry);
            self.pass.skip_key(end, entry.rdb_bytes);
            return ControlFlow::Continue(());
        }
        match self.sink.key(&view) {
            ControlFlow::Continue(Ok(())) => {
                counts.keys += 1;
                counts.key_bytes += entry.rdb_bytes;
                *end_of_last_key = end;
            }
            ControlFlow::Continue(Err(kind)) => {
                counts.overhead_bytes += entry.rdb_bytes;
                coverage.note_damaged_key(&kind, entry.span.start);
            }
            // A key that the sink refuses is not counted, because another pass may read it.
            ControlFlow::Break(()) => {
                coverage.stop(end);
                return ControlFlow::Break(Halt::Stopped);
            }
        }
        if !entry.warnings.is_empty() {
            counts.warnings.observe_entry(entry);
        }
        reported.report_if_due(self.context.progress, end, counts.keys);
        if self.context.stop.load(Ordering::Relaxed) {
            coverage.stop(end);
            return ControlFlow::Break(Halt::Stopped);
        }
        ControlFlow::Continue(())
    }
}
