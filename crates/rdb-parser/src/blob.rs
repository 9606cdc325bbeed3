//! A compressed blob of Dragonfly: complete records in a zstd or LZ4 frame.
//!
//! The bytes of the frame are in memory while its records are read. The content is decompressed
//! through a [`Window`], so its length does not matter.

use std::ops::ControlFlow;

use crate::dragonfly::{BlobContext, BlobLimits, BufferPool, Chunks, FrameReader};
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::input::Input;
use crate::keys::KeySink;
use crate::pending::Pending;
use crate::read::{ReadExt as _, StringForm};
use crate::record::{BlobStart, Found, Host, Next, Other, Record, RecordReader, Run};
use crate::state::ParserState;
use crate::visitor::Visitor;
use crate::window::Window;

/// A blob whose records are read.
#[derive(Debug)]
pub(crate) struct Blob {
    records: RecordReader<Window<FrameReader>>,
    /// Offset of the opcode in the file.
    start: u64,
    content_bytes: u64,
    /// Bytes of the content that belong to no key and whose share the file has counted.
    counted_overhead_bytes: u64,
}

/// What a blob gives next.
pub(crate) enum BlobNext {
    Key(Found),
    Record(Record),
}

/// What ended a run of keys in a blob.
pub(crate) enum BlobRun<B> {
    Broken(B),
    Record(Record),
}

impl Blob {
    /// Opens the blob whose opcode was read from `file`.
    ///
    /// # Errors
    ///
    /// Damage to the frame, or a frame beyond the limits. The error is contained if the end of the
    /// blob is known.
    pub(crate) fn open<I: Input>(
        file: &mut RecordReader<I>,
        blob: BlobStart,
        pool: &mut BufferPool,
        limits: BlobLimits,
    ) -> Result<Self> {
        let BlobStart { record, start } = blob;
        let input = file.input_mut();
        let header = input.read_string_header("a compressed blob")?;
        if header.form != StringForm::Raw {
            return Err(Error::new(ErrorKind::BadString("a compressed blob that is not raw"), start));
        }
        let payload_start = input.position();
        let opened = if header.payload_len > limits.stored_bytes {
            input.skip(header.payload_len, "a compressed blob")?;
            Err(ErrorKind::Limit("a compressed blob"))
        } else {
            input.pin(header.payload_len, "a compressed blob")?;
            FrameReader::open(record, input.pinned(), pool, limits)
        };
        let span = start..input.position();
        let reader = match opened {
            Ok(reader) => reader,
            Err(kind) => {
                file.add_overhead_bytes(span.end - start);
                // The blob may have held chunks.
                file.drop_chunked_values();
                return Err(Error::new(kind, start).contained());
            }
        };
        file.add_overhead_bytes(payload_start - start);
        let content_bytes = reader.content_left();
        let context = BlobContext::new(span, header.payload_len, content_bytes);
        let window = Window::reusing(pool.take_window(), reader, Some(content_bytes));
        let records = RecordReader::of_blob(window, *file.state(), context, file.take_chunks());
        Ok(Self { records, start, content_bytes, counted_overhead_bytes: 0 })
    }

    /// Offset of the blob's opcode in the file.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn state(&self) -> &ParserState {
        self.records.state()
    }

    pub(crate) fn pending_mut(&mut self) -> &mut Pending {
        self.records.pending_mut()
    }

    pub(crate) fn has_open_chunks(&self) -> bool {
        self.records.has_open_chunks()
    }

    /// Reads the next record. `None` at the end of the blob.
    pub(crate) fn next<V: Visitor>(&mut self, visitor: &mut V) -> Result<Option<BlobNext>> {
        while !self.is_at_end()? {
            match self.records.next(visitor)? {
                Next::Key(found) => return Ok(Some(BlobNext::Key(found))),
                Next::Other(Other::Record(record)) => return Ok(Some(BlobNext::Record(record))),
                Next::Other(Other::Pending) => {}
                Next::Other(Other::Blob(blob)) => return Err(nested(blob)),
            }
        }
        Ok(None)
    }

    /// Gives keys to `sink` until something else is read. `None` at the end of the blob.
    pub(crate) fn keys<S: KeySink>(&mut self, sink: &mut S) -> Result<Option<BlobRun<S::Break>>> {
        while !self.is_at_end()? {
            match self.records.run_keys(self.content_bytes, &mut PushShare(sink))? {
                Run::Bound | Run::Inside | Run::Other(Other::Pending) => {}
                Run::Broken(reason) => return Ok(Some(BlobRun::Broken(reason))),
                Run::Other(Other::Record(record)) => return Ok(Some(BlobRun::Record(record))),
                Run::Other(Other::Blob(blob)) => return Err(nested(blob)),
            }
        }
        Ok(None)
    }

    fn is_at_end(&mut self) -> Result<bool> {
        let has_ended = self.records.blob_mut().is_some_and(|blob| blob.has_ended());
        Ok(has_ended || self.records.input_mut().peek(1)?.is_empty())
    }

    /// The event of what was just read.
    pub(crate) fn event(&mut self, next: BlobNext) -> Event<'_> {
        match next {
            BlobNext::Key(found) => Event::Entry(self.records.entry_in_blob(found)),
            // A chunked value has counted the shares of its chunks.
            BlobNext::Record(record) => self.records.event(record),
        }
    }

    /// Bytes of the file for the overhead since the last call.
    pub(crate) fn new_overhead_bytes(&mut self) -> u64 {
        let overhead = self.records.overhead_bytes();
        let new = overhead.saturating_sub(self.counted_overhead_bytes);
        self.counted_overhead_bytes = overhead;
        self.records.blob_mut().map_or(0, |blob| blob.share(new))
    }

    /// Closes the blob. Returns the bytes of the file for the content that was not read, and the
    /// chunked values that are not complete.
    pub(crate) fn close(mut self, pool: &mut BufferPool) -> (u64, Chunks) {
        let rest = self.records.blob_mut().map_or(0, BlobContext::share_rest);
        let chunks = self.records.take_chunks();
        let (window, reader) = self.records.into_input().into_parts();
        pool.put(window, reader);
        (rest, chunks)
    }
}

fn nested(blob: BlobStart) -> Error {
    Error::corrupt("Dragonfly blob", "a blob inside a blob", blob.start)
}

/// Gives a key of a blob to a sink, with its share of the blob.
struct PushShare<'s, S>(&'s mut S);

impl<S: KeySink> Host for PushShare<'_, S> {
    type Visitor = S::Visitor;
    type Taken = ControlFlow<S::Break>;

    #[inline(always)]
    fn visitor(&mut self) -> &mut S::Visitor {
        self.0.visitor()
    }

    #[inline(always)]
    fn take<I: Input>(&mut self, reader: &mut RecordReader<I>, found: Found) -> ControlFlow<S::Break> {
        self.0.key(&reader.entry_in_blob(found))
    }
}

/// An error in the content of the blob at `start`, for readers of the file: it costs the blob, or
/// what is left of it.
#[cold]
pub(crate) fn explain(error: Error, start: u64) -> Error {
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
