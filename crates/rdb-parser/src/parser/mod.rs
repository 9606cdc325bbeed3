//! The parser: records, and the blobs between them, as events.

pub mod resume;

use crate::blob::{self, Blob, BlobNext, BlobRun};
use crate::dragonfly::{BlobLimits, BufferPool};
use crate::error::{Error, Result};
use crate::event::{Event, Flavour, Header};
use crate::format::is_known_version;
use crate::header::read_header;
use crate::input::{Input, SliceInput};
use crate::keys::{KeyRun, KeySink};
use crate::pending::PendingEvent;
use crate::record::{Next, Other, Push, RecordReader, Run};
use crate::state::ParserState;
use crate::visitor::Visitor;
use crate::warning::Warning;
use crate::window::Window;

/// How a [`Parser`] works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Whether to compare the file's checksum with its content. On by default.
    pub verify_checksum: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { verify_checksum: true }
    }
}

impl Options {
    /// Sets [`verify_checksum`](Self::verify_checksum).
    #[must_use]
    pub fn verify_checksum(self, verify_checksum: bool) -> Self {
        Self { verify_checksum }
    }
}

/// A pull parser: each call of [`next_event`](Self::next_event) returns one record.
///
/// A value is *outlined*: the parser skips it by its length prefixes and measures what the prefixes
/// show. A [`Visitor`] sees the strings inside.
///
/// ```
/// use rdb_parser::{Event, Parser};
///
/// let file = b"REDIS0003\xfe\x02\x00\x03key\x05value\xff";
/// let mut parser = Parser::from_slice(file)?;
/// let mut scratch = Vec::new();
/// while let Some(event) = parser.next_event()? {
///     if let Event::Entry(entry) = event {
///         assert_eq!(entry.db, 2);
///         assert_eq!(entry.key.decode(&mut scratch)?, b"key");
///         assert_eq!(entry.outline.value_bytes, Some(5));
///         assert_eq!(entry.span, 11..22);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Parser<I> {
    records: RecordReader<I>,
    /// The compressed blob whose records come before the next record of `records`.
    blob: Option<Box<Blob>>,
    blob_limits: BlobLimits,
    pool: BufferPool,
    /// Whether the end or an error that ends the reading was returned.
    finished: bool,
}

/// What a parser does next.
enum Turn {
    /// Returns an event.
    Event(Event<'static>),
    /// Returns that no record follows.
    End,
    /// Reads in a blob.
    Blob(Box<Blob>),
    /// Reads the next record of the file.
    Record,
}

impl<'a> Parser<SliceInput<'a>> {
    /// A parser of a file in memory or mapped, with default options.
    ///
    /// # Errors
    ///
    /// As for [`Parser::new`].
    pub fn from_slice(bytes: &'a [u8]) -> Result<Self> {
        Self::new(SliceInput::new(bytes), Options::default())
    }
}

impl<R: std::io::Read> Parser<Window<R>> {
    /// A parser of the bytes that `reader` gives, in bounded memory, with default options.
    ///
    /// # Errors
    ///
    /// As for [`Parser::new`].
    pub fn from_reader(reader: R) -> Result<Self> {
        Self::new(Window::new(reader, None), Options::default())
    }
}

impl<I: Input> Parser<I> {
    /// Reads the header at the cursor of `input`.
    ///
    /// # Errors
    ///
    /// [`BadMagic`](crate::ErrorKind::BadMagic), [`BadVersion`](crate::ErrorKind::BadVersion) or
    /// [`Truncated`](crate::ErrorKind::Truncated) if the bytes are not the beginning of an RDB
    /// file; [`Io`](crate::ErrorKind::Io).
    #[allow(clippy::needless_pass_by_value, reason = "later options may own something")]
    pub fn new(mut input: I, options: Options) -> Result<Self> {
        if options.verify_checksum {
            input.start_checksum();
        }
        let header = read_header(&mut input)?;
        let mut parser = Self::with_state(input, ParserState::after(header), BlobLimits::default());
        // The header belongs to no key, nor do the bytes before it.
        parser.records.add_overhead_bytes(parser.position());
        if !is_known_version(header.dialect, header.version) {
            parser.records.pending_mut().warn(Warning::UnknownVersion, 0);
        }
        Ok(parser)
    }

    /// A parser of the records at the cursor of `input`.
    fn with_state(input: I, state: ParserState, blob_limits: BlobLimits) -> Self {
        Self {
            records: RecordReader::new(input, state),
            blob: None,
            blob_limits,
            pool: BufferPool::default(),
            finished: false,
        }
    }

    /// The magic and version of the file.
    pub fn header(&self) -> Header {
        self.records.state().header
    }

    /// The kind of server that wrote the file, as far as the AUX fields read so far say.
    pub fn flavour(&self) -> Flavour {
        self.records.state().flavour
    }

    /// Absolute offset up to which the file was read, in bytes.
    #[inline]
    pub fn position(&self) -> u64 {
        self.records.input().position()
    }

    /// Bytes read so far that belong to no key: header, AUX fields, SELECTDB, RESIZEDB and
    /// slot-info opcodes, functions, the end with its checksum, damaged keys and blobs, chunks of
    /// dropped values. With the [`rdb_bytes`](crate::Entry::rdb_bytes) of all entries they add up
    /// to [`position`](Self::position).
    pub fn overhead_bytes(&self) -> u64 {
        self.records.overhead_bytes()
    }

    /// Skips the bytes after the end of the RDB data, which servers ignore. Returns their number.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    pub fn skip_trailing(&mut self) -> Result<u64> {
        self.show_trailing(|_| {})
    }

    /// As [`skip_trailing`](Self::skip_trailing), and shows the bytes to `show`, slice after slice.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io).
    pub fn show_trailing(&mut self, mut show: impl FnMut(&[u8])) -> Result<u64> {
        let mut bytes = 0;
        loop {
            let input = self.records.input_mut();
            let held = input.peek(1)?;
            let n = held.len();
            if n == 0 {
                return Ok(bytes);
            }
            show(held);
            input.consume(n);
            bytes += n as u64;
        }
    }

    /// The next record. `None` after the [end](Event::End) or an error that ended the reading.
    ///
    /// # Errors
    ///
    /// Any damage to the record. After an error that [is contained](Error::is_contained) in one
    /// key, the next call returns the record after that key.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>> {
        self.next_event_with(&mut ())
    }

    /// As [`next_event`](Self::next_event), and shows the strings of a value to `visitor`.
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    #[inline]
    pub fn next_event_with<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<Event<'_>>> {
        if self.reads_next() {
            match self.records.next(visitor) {
                Ok(Next::Key(found)) => return Ok(Some(Event::Entry(self.records.entry(found)))),
                Ok(Next::Other(Other::Record(record))) => return Ok(Some(self.records.event(record))),
                Ok(Next::Other(other)) => self.begin(&other)?,
                Err(error) => return Err(self.give_up(error)),
            }
        }
        self.next_turn(visitor)
    }

    /// The next event when it is not only the next record.
    #[cold]
    fn next_turn<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<Event<'_>>> {
        loop {
            match self.turn() {
                Turn::Event(event) => return Ok(Some(event)),
                Turn::End => return Ok(None),
                Turn::Blob(mut blob) => {
                    let outcome = blob.next(visitor);
                    if let Some((blob, next)) = self.follow_blob(blob, outcome)? {
                        return Ok(Some(self.blob.insert(blob).event(next)));
                    }
                }
                Turn::Record => match self.records.next(visitor) {
                    Ok(Next::Key(found)) => return Ok(Some(Event::Entry(self.records.entry(found)))),
                    Ok(Next::Other(Other::Record(record))) => return Ok(Some(self.records.event(record))),
                    Ok(Next::Other(other)) => self.begin(&other)?,
                    Err(error) => return Err(self.give_up(error)),
                },
            }
        }
    }

    /// Gives keys to `sink` until a key ends at or after the offset `bound`, or something other
    /// than a key is read. Reads at least one record, or to the end of a compressed blob. Gives the
    /// same keys as [`next_event_with`](Self::next_event_with), in less time.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use rdb_parser::keys::{KeyRun, KeySink};
    /// use rdb_parser::{Entry, Parser};
    ///
    /// struct Count { keys: u64, visitor: () }
    ///
    /// impl KeySink for Count {
    ///     type Visitor = ();
    ///     type Break = ();
    ///     fn visitor(&mut self) -> &mut () {
    ///         &mut self.visitor
    ///     }
    ///     fn key(&mut self, _: &Entry<'_>) -> ControlFlow<()> {
    ///         self.keys += 1;
    ///         ControlFlow::Continue(())
    ///     }
    /// }
    ///
    /// let mut parser = Parser::from_slice(b"REDIS0003\x00\x01a\x01b\x00\x01c\x01d\xff")?;
    /// let mut count = Count { keys: 0, visitor: () };
    /// loop {
    ///     match parser.read_keys(u64::MAX, &mut count)? {
    ///         KeyRun::End => break,
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(count.keys, 2);
    /// # Ok::<(), rdb_parser::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`next_event`](Self::next_event).
    // A function of its own, so that its loop has the registers for itself.
    #[inline(never)]
    pub fn read_keys<S: KeySink>(&mut self, bound: u64, sink: &mut S) -> Result<KeyRun<'_, S::Break>> {
        if self.reads_next() {
            match self.records.run_keys(bound, &mut Push(sink)) {
                Ok(Run::Bound) => return Ok(KeyRun::Bound),
                Ok(Run::Inside) => return Ok(KeyRun::Inside),
                Ok(Run::Broken(reason)) => return Ok(KeyRun::Broken(reason)),
                Ok(Run::Other(Other::Record(record))) => {
                    return Ok(KeyRun::Event(self.records.event(record)));
                }
                Ok(Run::Other(other)) => self.begin(&other)?,
                Err(error) => return Err(self.give_up(error)),
            }
        }
        self.keys_of_turn(sink)
    }

    /// The run of keys when it is not of the next records.
    #[cold]
    #[inline(never)]
    fn keys_of_turn<S: KeySink>(&mut self, sink: &mut S) -> Result<KeyRun<'_, S::Break>> {
        match self.turn() {
            Turn::Event(event) => Ok(KeyRun::Event(event)),
            Turn::End => Ok(KeyRun::End),
            Turn::Blob(mut blob) => {
                let outcome = blob.keys(sink);
                let Some((blob, run)) = self.follow_blob(blob, outcome)? else { return Ok(KeyRun::Bound) };
                let blob = self.blob.insert(blob);
                Ok(match run {
                    BlobRun::Broken(reason) => KeyRun::Broken(reason),
                    BlobRun::Record(record) => KeyRun::Event(blob.event(BlobNext::Record(record))),
                })
            }
            Turn::Record => Ok(KeyRun::Bound),
        }
    }

    /// Whether the next record of the file comes next.
    #[inline(always)]
    fn reads_next(&self) -> bool {
        !self.finished && self.blob.is_none() && self.records.pending().is_empty()
    }

    /// What comes next.
    fn turn(&mut self) -> Turn {
        match self.records.pending_mut().next() {
            Some(PendingEvent::Warning { warning, offset }) => {
                Turn::Event(Event::Warning { warning, offset })
            }
            Some(PendingEvent::End(checksum)) => {
                self.finished = true;
                Turn::Event(Event::End { checksum })
            }
            None if self.finished => Turn::End,
            None => self.blob.take().map_or(Turn::Record, Turn::Blob),
        }
    }

    /// Opens the blob that was read, if one was.
    #[cold]
    fn begin(&mut self, other: &Other) -> Result<()> {
        let &Other::Blob(start) = other else { return Ok(()) };
        match Blob::open(&mut self.records, start, &mut self.pool, self.blob_limits) {
            Ok(blob) => {
                self.blob = Some(Box::new(blob));
                Ok(())
            }
            Err(error) => Err(self.give_up(error)),
        }
    }

    /// Counts what was read of a blob, and closes a blob that has ended. Returns what was read and
    /// the blob.
    fn follow_blob<T>(
        &mut self,
        mut blob: Box<Blob>,
        outcome: Result<Option<T>>,
    ) -> Result<Option<(Box<Blob>, T)>> {
        let start = blob.start();
        let ParserState { db, slot, .. } = *blob.state();
        self.records.set_place(db, slot);
        self.records.pending_mut().take_warnings_of_blob(blob.pending_mut(), start);
        self.records.add_overhead_bytes(blob.new_overhead_bytes());
        match outcome {
            Ok(Some(read)) => Ok(Some((blob, read))),
            Ok(None) => {
                self.close_blob(*blob);
                Ok(None)
            }
            Err(error) if error.is_contained() => {
                self.blob = Some(blob);
                Err(blob::explain(error, start))
            }
            Err(error) => {
                self.close_blob(*blob);
                self.records.drop_chunked_values();
                Err(blob::explain(error, start))
            }
        }
    }

    fn close_blob(&mut self, blob: Blob) {
        let (rest_bytes, chunks) = blob.close(&mut self.pool);
        self.records.add_overhead_bytes(rest_bytes);
        self.records.put_chunks(chunks);
    }

    /// Ends the reading, unless the error is contained in one record.
    #[cold]
    fn give_up(&mut self, error: Error) -> Error {
        self.finished = !error.is_contained();
        if self.finished {
            self.records.drop_chunked_values();
        }
        self.records.explain(error)
    }
}
