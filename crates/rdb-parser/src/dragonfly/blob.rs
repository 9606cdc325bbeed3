//! Compressed blobs: complete records in a zstd or LZ4 frame.
//!
//! A blob's bytes as stored are held while its records are read; what they decompress to is read through
//! a [`Window`], so that its length does not matter.

use std::ops::{ControlFlow, Range};

use super::context::BlobContext;
use super::frame::{BufferPool, FrameReader};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Entry, Event};
use crate::format::RareRecord;
use crate::input::Input;
use crate::keys::{Found, Host, KeySink, Run};
use crate::parser::{Parser, Record};
use crate::read::{ReadExt as _, StringForm};
use crate::visitor::Visitor;
use crate::window::Window;

/// A blob that is being read.
#[derive(Debug)]
pub(crate) struct Blob {
    parser: Parser<Window<FrameReader>>,
    /// Of the parser's bytes that belong to no key, those that were passed on.
    counted_container_bytes: u64,
    /// Bytes of the file that the last entry takes.
    rdb_bytes: u64,
}

impl<I: Input> Parser<I> {
    /// Bytes of the file that the record from `start` to the cursor takes, and its span.
    pub(super) fn settle(&mut self, start: u64) -> (u64, Range<u64>) {
        let end = self.input.position();
        match &mut self.rare.context {
            Some(context) => (context.share(end - start), context.span.clone()),
            None => (end - start, start..end),
        }
    }

    /// Reads the blob of which the opcode, at `start`, was read.
    pub(super) fn open_blob(&mut self, record: RareRecord, start: u64) -> Result<Record> {
        if self.rare.context.is_some() {
            return Err(Error::corrupt("Dragonfly blob", "a blob inside a blob", start));
        }
        if self.prefix.start.is_some() {
            return Err(Error::corrupt("Dragonfly blob", "key opcodes before it", start));
        }
        let header = self.input.read_string_header("a compressed blob")?;
        if header.form != StringForm::Raw {
            return Err(Error::new(ErrorKind::BadString("a compressed blob that is not raw"), start));
        }
        let payload_start = self.input.position();
        let limits = self.rare.blob_limits;
        let opened = if header.payload_len > limits.stored_bytes {
            self.input.skip(header.payload_len, "a compressed blob")?;
            Err(ErrorKind::Limit("a compressed blob"))
        } else {
            self.input.pin(header.payload_len, "a compressed blob")?;
            FrameReader::open(record, self.input.pinned(), &mut self.rare.pool, limits)
        };
        let span = start..self.input.position();
        let reader = match opened {
            Ok(reader) => reader,
            Err(kind) => {
                self.container_bytes += span.end - start;
                // Pieces may have been in it.
                self.drop_chunked_values();
                return Err(Error::new(kind, start).contained());
            }
        };
        self.container_bytes += payload_start - start;
        let content = reader.content_left;
        let window = std::mem::take(&mut self.rare.pool.window);
        let mut parser = Parser::after_header(Window::reusing(window, reader, Some(content)), self.header);
        parser.dialect = self.dialect;
        parser.flavour = self.flavour;
        parser.db = self.db;
        parser.slot = self.slot;
        parser.rare.chunks = std::mem::take(&mut self.rare.chunks);
        parser.rare.context = Some(BlobContext { span, stored: header.payload_len, content, given: 0 });
        self.rare.blob = Some(Box::new(Blob { parser, counted_container_bytes: 0, rdb_bytes: 0 }));
        self.detour = true;
        Ok(Record::Detour)
    }

    /// The next record of the blob that is open. `None` when it has ended.
    pub(crate) fn next_in_blob<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<Record>> {
        self.in_blob(|blob| blob.next(visitor))
    }

    /// Gives the keys of the blob that is open to `sink`, up to another record. `None` when it has ended.
    pub(crate) fn keys_in_blob<S: KeySink>(&mut self, sink: &mut S) -> Result<Option<Run<S::Break>>> {
        self.in_blob(|blob| blob.keys(sink))
    }

    /// The event that a record of the blob that is open is.
    pub(crate) fn event_in_blob(&mut self, record: Record) -> Event<'_> {
        match &mut self.rare.blob {
            Some(blob) => blob.event(record),
            None => Event::Other { opcode: 0 },
        }
    }

    /// Reads on in the blob that is open. `None` when it has ended.
    fn in_blob<T>(&mut self, read: impl FnOnce(&mut Blob) -> Result<Option<T>>) -> Result<Option<T>> {
        let Some(mut blob) = self.rare.blob.take() else { return Ok(None) };
        let outcome = read(&mut blob);
        self.db = blob.parser.db;
        self.slot = blob.parser.slot;
        let start = blob.span().start;
        self.rare.take_notices(&mut blob.parser.rare, start);
        self.container_bytes += blob.new_container_bytes();
        let goes_on = match &outcome {
            Ok(record) => record.is_some(),
            Err(error) => error.is_contained(),
        };
        if goes_on {
            self.rare.blob = Some(blob);
        } else {
            self.container_bytes += blob.rest_bytes();
            self.rare.chunks = std::mem::take(&mut blob.parser.rare.chunks);
            self.rare.pool = blob.into_pool();
        }
        outcome.map_err(|error| {
            if !goes_on {
                self.drop_chunked_values();
            }
            explain(error, start)
        })
    }
}

/// Gives a key of a blob to a sink, with its part of the blob.
struct PushShare<'s, S>(&'s mut S);

impl<S: KeySink> Host for PushShare<'_, S> {
    type Visitor = S::Visitor;
    type Taken = ControlFlow<S::Break>;

    #[inline(always)]
    fn visitor(&mut self) -> &mut S::Visitor {
        self.0.visitor()
    }

    #[inline(always)]
    fn take<I: Input>(&mut self, parser: &mut Parser<I>, found: Found) -> ControlFlow<S::Break> {
        let bytes = parser.entry(found).rdb_bytes;
        let (rdb_bytes, span) = match &mut parser.rare.context {
            Some(context) => (context.share(bytes), context.span.clone()),
            None => (0, 0..0),
        };
        self.0.key(&Entry { span, rdb_bytes, ..parser.entry(found) })
    }
}

impl Blob {
    /// The next record; `None` at the end.
    fn next<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<Record>> {
        loop {
            if self.is_at_end()? {
                return Ok(None);
            }
            match self.parser.next_record(visitor)? {
                Record::Detour => {}
                record => {
                    if let Record::Key(found) = record {
                        let bytes = self.parser.entry(found).rdb_bytes;
                        self.rdb_bytes = self.share(bytes);
                    }
                    return Ok(Some(record));
                }
            }
        }
    }

    /// Gives keys to `sink`, up to another record; `None` at the end.
    fn keys<S: KeySink>(&mut self, sink: &mut S) -> Result<Option<Run<S::Break>>> {
        let end = self.parser.rare.context.as_ref().map_or(0, |context| context.content);
        loop {
            if self.is_at_end()? {
                return Ok(None);
            }
            match self.parser.run_keys(end, &mut PushShare(sink))? {
                Run::Bound | Run::Other(Record::Detour) => {}
                run => return Ok(Some(run)),
            }
        }
    }

    pub(crate) fn has_open_chunks(&self) -> bool {
        self.parser.rare.has_open_chunks()
    }

    /// Whether no record follows.
    fn is_at_end(&mut self) -> Result<bool> {
        Ok(self.parser.finished || self.parser.input.peek(1)?.is_empty())
    }

    /// The event that a record is.
    pub(crate) fn event(&mut self, record: Record) -> Event<'_> {
        let rdb_bytes = self.rdb_bytes;
        let span = self.span();
        // A value in pieces has settled both itself.
        let is_whole = matches!(record, Record::Key(_));
        match self.parser.event(record) {
            Event::Entry(entry) if is_whole => Event::Entry(Entry { span, rdb_bytes, ..entry }),
            event => event,
        }
    }

    fn span(&self) -> Range<u64> {
        self.parser.rare.context.as_ref().map_or(0..0, |context| context.span.clone())
    }

    fn share(&mut self, bytes: u64) -> u64 {
        self.parser.rare.context.as_mut().map_or(0, |context| context.share(bytes))
    }

    /// Bytes of the file that belong to no key, of the records since the last call.
    fn new_container_bytes(&mut self) -> u64 {
        let new = self.parser.container_bytes.saturating_sub(self.counted_container_bytes);
        self.counted_container_bytes = self.parser.container_bytes;
        self.share(new)
    }

    fn into_pool(self) -> BufferPool {
        let (window, reader) = self.parser.input.into_parts();
        let (payload, lz4) = reader.decoder.into_parts(reader.is_checked);
        BufferPool { payload, window, lz4 }
    }

    /// Those of all that was not read.
    fn rest_bytes(&mut self) -> u64 {
        self.parser.rare.context.as_mut().map_or(0, |context| {
            let rest = context.stored - context.stored_until(context.given);
            context.given = context.content;
            rest
        })
    }
}

/// An error inside the blob at `start`, seen from outside: it costs the blob, or what is left of it.
#[cold]
fn explain(error: Error, start: u64) -> Error {
    let detail = match error.kind() {
        ErrorKind::Truncated(_) => Some("it ends inside a record"),
        ErrorKind::Io(_) => Some("its frame is damaged, or is not as long as it says"),
        _ => None,
    };
    match detail {
        Some(detail) => error.with_kind(ErrorKind::Corrupt("Dragonfly blob", detail)),
        None => error,
    }
    .at(start)
    .contained()
}
