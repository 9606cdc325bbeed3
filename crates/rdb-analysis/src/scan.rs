//! One pass over one source: the loop everything else is built on.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering, compiler_fence};

use rdb_parser::{
    Checksum, Entry, Error, ErrorKind, Event, Flavour, Header, Input, Parser, RdbString, SliceInput, Window,
};

use crate::family::Family;
use crate::measure::{KeyView, Measurer};
use crate::source::{Guard, Origin, Progress, Source, SourceData};
use crate::trailing::{Trailing, TrailingKind};
use crate::warnings::WarningLog;

/// Bytes between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// How sources are read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Walk packed values entry by entry, so that `value_bytes` and `largest_element_bytes` are known
    /// for them too.
    pub deep: bool,
    /// Compare checksums.
    pub verify_checksum: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { deep: false, verify_checksum: true }
    }
}

/// What a pass learned of a source besides its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceFacts {
    /// Magic and version.
    pub header: Header,
    /// Kind of server.
    pub flavour: Flavour,
    /// Version of the server, as it states it.
    pub server_version: Option<String>,
    /// When the file was written, in seconds since 1970.
    pub created_at_s: Option<i64>,
    /// Bytes of the server's allocator in use when the file was written.
    pub used_memory_bytes: Option<u64>,
    /// Length of the whole source in bytes; of what was read, if it is not known.
    pub bytes: u64,
    /// Keys passed on.
    pub keys: u64,
    /// Bytes that belong to keys passed on.
    pub key_bytes: u64,
    /// Bytes that belong to none.
    pub container_bytes: u64,
    /// Bytes after the end of the RDB data.
    pub trailing_bytes: u64,
    /// What these bytes look like. `None` if there are none.
    pub trailing_kind: Option<TrailingKind>,
    /// What else the reader of a report should know, a sentence each.
    pub notes: Vec<String>,
    /// Keys announced by the database size hints. Writers may be wrong by a few.
    pub announced_keys: u64,
    /// Function libraries.
    pub functions: u64,
    /// The comparison of the checksum. `None` if the end was not reached.
    pub checksum: Option<Checksum>,
    /// How much of the source was read.
    pub coverage: Coverage,
    /// What was irregular, although it could be read.
    pub warnings: WarningLog,
}

/// How much of a source was read, and why not all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Coverage {
    /// Whether every key was passed on.
    pub complete: bool,
    /// Absolute offset at which reading ended, if it was not the end.
    pub stopped_at_offset: Option<u64>,
    /// Why reading ended there, or what was wrong with the first key that was left out.
    pub reason: Option<String>,
    /// Keys that were left out because they are damaged inside.
    pub damaged_keys: u64,
    /// Whether reading ended because it was told to.
    pub interrupted: bool,
}

/// Passes over `source` and gives each key to `sink`, until the end, damage, a [`Break`](ControlFlow::Break)
/// or `stop`.
///
/// `sink` also gets the time by which keys count as expired, in milliseconds since 1970. What it
/// refuses with an error counts as damaged.
///
/// # Errors
///
/// If the source does not begin as an RDB file. Anything later is in the
/// [coverage](SourceFacts::coverage).
pub(crate) fn scan_source(
    source: Source<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: impl FnMut(i64, &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
) -> Result<SourceFacts, Error> {
    let given = Given {
        length: source.data.length(),
        time_ms: source.fallback_time_ms,
        guard: source.origin.guard.as_deref(),
        end_mark: source.origin.end_mark.as_ref(),
    };
    let start = source.origin.prefix_bytes;
    let facts = match source.data {
        SourceData::Bytes(bytes) => {
            let input = SliceInput::starting_at(bytes, start);
            scan_input(input, &given, options, progress, stop, sink)
        }
        SourceData::Reader { reader, length } => {
            let input = Window::starting_at(reader, start, length);
            scan_input(input, &given, options, progress, stop, sink)
        }
    };
    facts.map(|facts| facts.judged_by(source.origin))
}

/// What is known of a source before it is read.
struct Given<'a> {
    length: Option<u64>,
    time_ms: i64,
    guard: Option<&'a dyn Guard>,
    end_mark: Option<&'a [u8; 40]>,
}

fn scan_input<I: Input>(
    input: I,
    given: &Given<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    mut sink: impl FnMut(i64, &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
) -> Result<SourceFacts, Error> {
    let mut parser_options = rdb_parser::Options::default();
    parser_options.verify_checksum = options.verify_checksum;
    let mut parser = Parser::new(input, parser_options)?;
    let mut measurer = Measurer::new(Family::from_header(parser.header()), options.deep);
    let mut facts = SourceFacts::new(parser.header());
    let mut time_ms = given.time_ms;
    let mut reported = Reported::default();

    loop {
        let event = match parser.next_event_with(&mut measurer) {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(error) => {
                facts.coverage.note(&error, stop);
                if error.is_contained() {
                    continue;
                }
                break;
            }
        };
        match event {
            Event::Entry(entry) => {
                if given.guard.is_some_and(|guard| is_lost(guard, &entry)) {
                    break;
                }
                facts.warnings.observe_entry(&entry);
                let outcome = pass_on(&entry, &measurer, time_ms, &mut sink);
                let end = entry.span.end;
                match outcome {
                    ControlFlow::Continue(Ok(())) => {
                        facts.keys += 1;
                        facts.key_bytes += entry.rdb_bytes;
                    }
                    ControlFlow::Continue(Err(kind)) => {
                        facts.container_bytes += entry.rdb_bytes;
                        facts.coverage.note_damaged_key(&kind, entry.span.start);
                    }
                    ControlFlow::Break(()) => {
                        facts.coverage.stop(end);
                        break;
                    }
                }
                if end - reported.bytes >= PROGRESS_BYTES {
                    reported.report(progress, end, facts.keys);
                }
                if stop.load(Ordering::Relaxed) {
                    facts.coverage.stop(end);
                    break;
                }
            }
            Event::Aux { name, value } => {
                facts.learn(name, value);
                if let Some(seconds) = facts.created_at_s {
                    time_ms = seconds.saturating_mul(1000);
                }
                facts.flavour = parser.flavour();
                let version = facts.server_version.as_deref();
                if let Some(family) = version.and_then(|version| Family::from_version(facts.flavour, version))
                {
                    measurer.family = family;
                }
            }
            Event::ResizeDb { keys, .. } => facts.announced_keys = facts.announced_keys.saturating_add(keys),
            Event::Function { .. } => facts.functions += 1,
            Event::Warning { warning, offset } => {
                facts.warnings.observe(warning, offset);
                facts.flavour = parser.flavour();
            }
            Event::End { checksum } => {
                facts.checksum = Some(checksum);
                let mut trailing = Trailing::default();
                match parser.show_trailing(|piece| trailing.show(piece)) {
                    Ok(bytes) => facts.trailing_bytes = bytes,
                    Err(error) => facts.coverage.note(&error, stop),
                }
                facts.trailing_kind = trailing.kind(given.end_mark);
                break;
            }
            _ => {}
        }
    }

    facts.container_bytes += parser.container_bytes();
    facts.bytes = given.length.unwrap_or(parser.position());
    facts.coverage.complete = facts.checksum.is_some() && facts.coverage.reason.is_none();
    reported.report(progress, parser.position(), facts.keys);
    Ok(facts)
}

/// Whether `entry` may be made of bytes that are not the source's.
///
/// A file that was cut inside the last page that is mapped shows zeros there without an alarm. Zeros
/// read as a string with an empty name, of which an honest database has one at most: enough to have
/// another look at the file.
#[inline]
fn is_lost(guard: &dyn Guard, entry: &Entry<'_>) -> bool {
    // The alarm may be set by a signal handler on this thread while the entry is read.
    compiler_fence(Ordering::SeqCst);
    guard.alarm().load(Ordering::Relaxed) || entry.key.decoded_len() == 0 && guard.loss().is_some()
}

/// Measures a key and gives it to `sink`.
#[inline]
fn pass_on(
    entry: &Entry<'_>,
    measurer: &Measurer,
    time_ms: i64,
    sink: &mut impl FnMut(i64, &KeyView<'_>) -> ControlFlow<(), Result<(), ErrorKind>>,
) -> ControlFlow<(), Result<(), ErrorKind>> {
    sink(time_ms, &KeyView { key: entry.key, measure: measurer.measure(entry) })
}

/// What the watcher has been told.
#[derive(Default)]
struct Reported {
    bytes: u64,
    keys: u64,
}

impl Reported {
    #[cold]
    fn report(&mut self, progress: &dyn Progress, bytes: u64, keys: u64) {
        progress.advance(bytes.saturating_sub(self.bytes), keys.saturating_sub(self.keys));
        *self = Self { bytes, keys };
    }
}

impl SourceFacts {
    fn new(header: Header) -> Self {
        Self {
            header,
            flavour: Flavour::Redis,
            server_version: None,
            created_at_s: None,
            used_memory_bytes: None,
            bytes: 0,
            keys: 0,
            key_bytes: 0,
            container_bytes: 0,
            trailing_bytes: 0,
            trailing_kind: None,
            notes: Vec::new(),
            announced_keys: 0,
            functions: 0,
            checksum: None,
            coverage: Coverage::default(),
            warnings: WarningLog::default(),
        }
    }

    /// Adds what `origin` knows better: what was announced, and what was lost on the way.
    fn judged_by(mut self, origin: Origin<'_>) -> Self {
        self.notes = origin.notes;
        if let Some(loss) = origin.guard.and_then(|guard| guard.loss())
            && !self.coverage.interrupted
            && self.checksum != Some(Checksum::Verified)
        {
            let stopped = self.coverage.stopped_at_offset.unwrap_or(self.bytes);
            let offset = loss.offset.map_or(stopped, |offset| offset.min(stopped));
            self.coverage.complete = false;
            self.coverage.stopped_at_offset = Some(offset);
            self.coverage.reason = Some(format!("{}, at offset {offset} (0x{offset:x})", loss.reason));
        }
        if self.coverage.complete {
            let rdb_bytes = self.bytes.saturating_sub(self.trailing_bytes + origin.prefix_bytes);
            if let Some(announced) = origin.announced_bytes.filter(|&announced| announced != rdb_bytes) {
                self.notes.push(format!(
                    "the sender announced {announced} bytes of RDB data, and {rdb_bytes} came"
                ));
            }
            if origin.end_mark.is_some() && self.trailing_kind != Some(TrailingKind::EndMark) {
                self.notes
                    .push("the end mark that the sender announced does not follow the RDB data".to_owned());
            }
        }
        self
    }

    fn learn(&mut self, name: RdbString<'_>, value: RdbString<'_>) {
        let (RdbString::Raw(name), RdbString::Raw(value)) = (name, value) else { return };
        let text = || std::str::from_utf8(value).ok();
        match name {
            b"valkey-ver" => self.server_version = text().map(str::to_owned),
            // A Valkey file may state both; its own version is the one that counts.
            b"redis-ver" if self.flavour != Flavour::Valkey || self.server_version.is_none() => {
                self.server_version = text().map(str::to_owned);
            }
            b"ctime" => self.created_at_s = text().and_then(|text| text.parse().ok()),
            b"used-mem" => self.used_memory_bytes = text().and_then(|text| text.parse().ok()),
            _ => {}
        }
    }
}

impl Coverage {
    fn note(&mut self, error: &Error, stop: &AtomicBool) {
        if error.is_contained() {
            self.damaged_keys += 1;
            self.reason.get_or_insert(error.to_string());
        } else if stop.load(Ordering::Relaxed) {
            self.stop(error.offset());
        } else {
            self.stopped_at_offset = Some(error.offset());
            self.reason = Some(error.to_string());
        }
    }

    fn note_damaged_key(&mut self, kind: &ErrorKind, offset: u64) {
        self.damaged_keys += 1;
        self.reason
            .get_or_insert(format!("{kind}, in the name of the key at offset {offset} (0x{offset:x})"));
    }

    fn stop(&mut self, offset: u64) {
        self.interrupted = true;
        self.stopped_at_offset = Some(offset);
        self.reason = Some("interrupted".to_owned());
    }
}
