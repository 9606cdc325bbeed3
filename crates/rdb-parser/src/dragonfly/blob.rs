//! Compressed blobs: complete records in a zstd or LZ4 frame.
//!
//! A blob's bytes as stored are held while its records are read; what they decompress to is read through
//! a [`Window`], so that its length does not matter.

use std::fmt;
use std::io::{self, Read};
use std::ops::{ControlFlow, Range};

use crate::error::{Error, ErrorKind, Result};
use crate::event::{Entry, Event};
use crate::format::RareRecord;
use crate::input::Input;
use crate::keys::{Found, Host, KeySink, Run};
use crate::limits::{
    MAX_DRAGONFLY_BLOB_BYTES, MAX_DRAGONFLY_CONTENT_BYTES, MAX_RESUMED_BLOB_BYTES,
    MAX_RESUMED_ZSTD_WINDOW_BYTES, MAX_ZSTD_WINDOW_BYTES,
};
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

/// What a blob may take. By default what limits a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobLimits {
    stored_bytes: u64,
    zstd_window_bytes: u64,
    /// As frames state it: 4 for 64 KiB, 5 for 256 KiB, 6 for 1 MiB, 7 for 4 MiB.
    lz4_block_size: u8,
}

impl BlobLimits {
    /// In a parser that resumes in the middle of a file.
    pub(crate) const RESUMED: Self = Self {
        stored_bytes: MAX_RESUMED_BLOB_BYTES,
        zstd_window_bytes: MAX_RESUMED_ZSTD_WINDOW_BYTES,
        lz4_block_size: 6,
    };
}

impl Default for BlobLimits {
    fn default() -> Self {
        Self {
            stored_bytes: MAX_DRAGONFLY_BLOB_BYTES,
            zstd_window_bytes: MAX_ZSTD_WINDOW_BYTES,
            lz4_block_size: 7,
        }
    }
}

/// Where the blob is in which a parser is, known to that parser.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Offsets of the blob's opcode and of the byte behind the blob.
    span: Range<u64>,
    /// Bytes as stored, and of the content.
    stored: u64,
    content: u64,
    /// Bytes of the content that were given their part of the stored ones.
    given: u64,
}

impl Surroundings {
    /// The part of the stored bytes that so many more bytes of the content have. The parts of all sum to
    /// the whole.
    fn share(&mut self, bytes: u64) -> u64 {
        let before = self.stored_until(self.given);
        self.given = self.given.saturating_add(bytes).min(self.content);
        self.stored_until(self.given) - before
    }

    fn stored_until(&self, content: u64) -> u64 {
        let product = u128::from(self.stored) * u128::from(content);
        let part = product.checked_div(u128::from(self.content)).unwrap_or(0);
        u64::try_from(part).unwrap_or(self.stored)
    }
}

impl<I: Input> Parser<I> {
    /// Bytes of the file that the record from `start` to the cursor takes, and its span.
    pub(super) fn settle(&mut self, start: u64) -> (u64, Range<u64>) {
        let end = self.input.position();
        match &mut self.rare.surroundings {
            Some(surroundings) => (surroundings.share(end - start), surroundings.span.clone()),
            None => (end - start, start..end),
        }
    }

    /// Reads the blob of which the opcode, at `start`, was read.
    pub(super) fn open_blob(&mut self, record: RareRecord, start: u64) -> Result<Record> {
        if self.rare.surroundings.is_some() {
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
            FrameReader::open(record, self.input.pinned(), &mut self.rare.spare, limits)
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
        let window = std::mem::take(&mut self.rare.spare.window);
        let mut parser = Parser::after_header(Window::reusing(window, reader, Some(content)), self.header);
        parser.dialect = self.dialect;
        parser.flavour = self.flavour;
        parser.db = self.db;
        parser.slot = self.slot;
        parser.rare.chunks = std::mem::take(&mut self.rare.chunks);
        parser.rare.surroundings = Some(Surroundings { span, stored: header.payload_len, content, given: 0 });
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
            self.rare.spare = blob.into_spare();
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
        let (rdb_bytes, span) = match &mut parser.rare.surroundings {
            Some(surroundings) => (surroundings.share(bytes), surroundings.span.clone()),
            None => (0, 0..0),
        };
        self.0.key(&Entry { span, rdb_bytes, ..parser.entry(found) })
    }
}

/// Buffers of a blob that was read, for the next.
#[derive(Default)]
pub(crate) struct Spare {
    payload: Vec<u8>,
    window: Vec<u8>,
    /// Kept if it has read its frame to the end.
    lz4: Option<Lz4>,
}

impl fmt::Debug for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spare").finish_non_exhaustive()
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
        let end = self.parser.rare.surroundings.as_ref().map_or(0, |surroundings| surroundings.content);
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
        self.parser.rare.surroundings.as_ref().map_or(0..0, |surroundings| surroundings.span.clone())
    }

    fn share(&mut self, bytes: u64) -> u64 {
        self.parser.rare.surroundings.as_mut().map_or(0, |surroundings| surroundings.share(bytes))
    }

    /// Bytes of the file that belong to no key, of the records since the last call.
    fn new_container_bytes(&mut self) -> u64 {
        let new = self.parser.container_bytes.saturating_sub(self.counted_container_bytes);
        self.counted_container_bytes = self.parser.container_bytes;
        self.share(new)
    }

    fn into_spare(self) -> Spare {
        let (window, reader) = self.parser.input.into_parts();
        let (payload, lz4) = reader.decoder.into_parts(reader.is_checked);
        Spare { payload, window, lz4 }
    }

    /// Those of all that was not read.
    fn rest_bytes(&mut self) -> u64 {
        self.parser.rare.surroundings.as_mut().map_or(0, |surroundings| {
            let rest = surroundings.stored - surroundings.stored_until(surroundings.given);
            surroundings.given = surroundings.content;
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

/// Reads the content of a frame that is held.
pub(crate) struct FrameReader {
    decoder: Decoder,
    content_left: u64,
    is_checked: bool,
}

impl FrameReader {
    /// A reader of the frame that is `payload`.
    fn open(
        record: RareRecord,
        payload: &[u8],
        spare: &mut Spare,
        limits: BlobLimits,
    ) -> Result<Self, ErrorKind> {
        let is_zstd = record == RareRecord::ZstdBlob;
        let content = if is_zstd { zstd_content(payload) } else { lz4_content(payload) }?;
        if content > MAX_DRAGONFLY_CONTENT_BYTES {
            return Err(ErrorKind::Limit("the content of a compressed blob"));
        }
        let mut held = std::mem::take(&mut spare.payload);
        held.clear();
        held.extend_from_slice(payload);
        // Not kept beside the window of another decoder.
        let lz4 = spare.lz4.take();
        let decoder = if is_zstd {
            Decoder::open_zstd(held, limits.zstd_window_bytes)
        } else if lz4_block_size(&held).is_none_or(|size| size > limits.lz4_block_size) {
            Err(ErrorKind::Limit("the blocks of a compressed blob"))
        } else {
            Decoder::open_lz4(held, lz4)
        }?;
        Ok(Self { decoder, content_left: content, is_checked: false })
    }
}

impl Read for FrameReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.content_left == 0 {
            if !self.is_checked {
                self.decoder.check_end()?;
                self.is_checked = true;
            }
            return Ok(0);
        }
        let wanted = usize::try_from(self.content_left).map_or(out.len(), |left| left.min(out.len()));
        let read = self.decoder.read(out.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 && wanted > 0 {
            return Err(damaged());
        }
        self.content_left -= read as u64;
        Ok(read)
    }
}

impl fmt::Debug for FrameReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader").field("content_left", &self.content_left).finish_non_exhaustive()
    }
}

/// What makes a read fail; [`explain`] says it in words.
fn damaged() -> io::Error {
    io::Error::other("damaged frame")
}

const NOT_A_FRAME: ErrorKind = ErrorKind::Corrupt("Dragonfly blob", "not the frame that its opcode says");
const NO_CONTENT_SIZE: ErrorKind =
    ErrorKind::Corrupt("Dragonfly blob", "its frame does not say how long it is");

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// First bytes of the frame in a blob, if this record is one.
pub(crate) fn frame_magic(record: RareRecord) -> Option<[u8; 4]> {
    match record {
        RareRecord::ZstdBlob => Some(ZSTD_MAGIC),
        RareRecord::Lz4Blob => Some(LZ4_MAGIC),
        _ => None,
    }
}

/// The length of the content as the header of a zstd frame says it (RFC 8878, 3.1.1.1).
fn zstd_content(frame: &[u8]) -> Result<u64, ErrorKind> {
    let rest = frame.strip_prefix(&ZSTD_MAGIC).ok_or(NOT_A_FRAME)?;
    let (&descriptor, rest) = rest.split_first().ok_or(NOT_A_FRAME)?;
    let is_single_segment = descriptor & 0x20 != 0;
    let dictionary_bytes = match descriptor & 3 {
        3 => 4,
        few => usize::from(few),
    };
    let skipped = usize::from(!is_single_segment) + dictionary_bytes;
    let rest = rest.get(skipped..).ok_or(NOT_A_FRAME)?;
    let chunk = |n| rest.get(..n).ok_or(NOT_A_FRAME);
    let value = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
    match (descriptor >> 6, is_single_segment) {
        (0, false) => Err(NO_CONTENT_SIZE),
        (0, true) => chunk(1).map(value),
        (1, _) => chunk(2).map(|bytes| value(bytes) + 256),
        (2, _) => chunk(4).map(value),
        _ => chunk(8).map(value),
    }
}

/// The same of an LZ4 frame (`lz4_Frame_format.md`).
fn lz4_content(frame: &[u8]) -> Result<u64, ErrorKind> {
    const HAS_CONTENT_SIZE: u8 = 8;
    let rest = frame.strip_prefix(&LZ4_MAGIC).ok_or(NOT_A_FRAME)?;
    match rest {
        [flags, ..] if flags & HAS_CONTENT_SIZE == 0 => Err(NO_CONTENT_SIZE),
        [_, _, rest @ ..] => rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or(NOT_A_FRAME),
        _ => Err(NOT_A_FRAME),
    }
}

/// The block size that an LZ4 frame states, as a number: bits 4 to 6 of its second descriptor byte.
fn lz4_block_size(frame: &[u8]) -> Option<u8> {
    frame.get(LZ4_MAGIC.len() + 1).map(|descriptor| descriptor >> 4 & 7)
}

/// The flags and block size of an LZ4 frame, behind its magic.
const LZ4_KIND_BYTES: usize = 2;

/// The frame that a blob is, and how much of it was read.
#[derive(Default)]
struct Payload {
    bytes: Vec<u8>,
    position: usize,
    /// Whether more was asked for than there is.
    ran_out: bool,
}

impl Payload {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }

    fn is_used_up(&self) -> bool {
        self.position == self.bytes.len()
    }
}

impl Read for Payload {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.get(self.position..).unwrap_or_default().read(out)?;
        self.position += n;
        self.ran_out |= n == 0 && !out.is_empty();
        Ok(n)
    }
}

/// A decoder of LZ4 frames of one kind. It allocates two blocks of up to 4 MiB, as the frame announces, so small blobs
/// share one.
struct Lz4 {
    #[cfg(feature = "dragonfly")]
    decoder: Box<lz4_flex::frame::FrameDecoder<Payload>>,
    #[cfg(feature = "dragonfly")]
    kind: [u8; LZ4_KIND_BYTES],
}

#[cfg(feature = "dragonfly")]
enum Decoder {
    Zstd(Box<ruzstd::decoding::StreamingDecoder<Payload, ruzstd::decoding::FrameDecoder>>),
    Lz4(Lz4),
}

#[cfg(feature = "dragonfly")]
impl Decoder {
    fn open_zstd(payload: Vec<u8>, max_window_bytes: u64) -> Result<Self, ErrorKind> {
        let mut decoder = ruzstd::decoding::FrameDecoder::new();
        decoder.set_max_window_size(max_window_bytes);
        ruzstd::decoding::StreamingDecoder::new_with_decoder(Payload::new(payload), decoder)
            .map(|decoder| Self::Zstd(Box::new(decoder)))
            .map_err(|_| ErrorKind::Corrupt("Dragonfly blob", "the header of its frame is damaged"))
    }

    #[allow(clippy::unnecessary_wraps, reason = "without the feature it fails")]
    fn open_lz4(payload: Vec<u8>, earlier: Option<Lz4>) -> Result<Self, ErrorKind> {
        let kind = payload.get(LZ4_MAGIC.len()..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
        let source = Payload::new(payload);
        Ok(Self::Lz4(match earlier {
            Some(mut earlier) if earlier.kind == kind => {
                *earlier.decoder.get_mut() = source;
                earlier
            }
            _ => Lz4 { decoder: Box::new(lz4_flex::frame::FrameDecoder::new(source)), kind },
        }))
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(decoder) => decoder.read(out),
            Self::Lz4(lz4) => lz4.decoder.read(out),
        }
    }

    /// The payload, and the decoder if it can be used again: one that ran out of bytes is still inside its frame, which
    /// has no end mark.
    fn into_parts(self, is_at_end: bool) -> (Vec<u8>, Option<Lz4>) {
        match self {
            Self::Zstd(decoder) => (decoder.into_inner().bytes, None),
            Self::Lz4(mut lz4) => {
                let payload = std::mem::take(lz4.decoder.get_mut());
                let is_reusable = is_at_end && !payload.ran_out;
                (payload.bytes, is_reusable.then_some(lz4))
            }
        }
    }

    /// Reads the end of the frame, after all of its content.
    fn check_end(&mut self) -> io::Result<()> {
        let more = self.read(&mut [0])?;
        let (source, sums_agree) = match self {
            Self::Zstd(decoder) => {
                let stated = decoder.decoder.get_checksum_from_data();
                let computed = decoder.decoder.get_calculated_checksum();
                (decoder.get_ref(), stated.is_none() || stated == computed)
            }
            // It compares them itself.
            Self::Lz4(lz4) => (lz4.decoder.get_ref(), true),
        };
        if more == 0 && source.is_used_up() && sums_agree { Ok(()) } else { Err(damaged()) }
    }
}

/// Without the feature no blob can be opened.
#[cfg(not(feature = "dragonfly"))]
enum Decoder {}

#[cfg(not(feature = "dragonfly"))]
impl Decoder {
    fn open_zstd(_: Vec<u8>, _: u64) -> Result<Self, ErrorKind> {
        Err(ErrorKind::Unsupported(
            "a compressed blob of Dragonfly: this program was built without the feature `dragonfly`",
        ))
    }

    fn open_lz4(payload: Vec<u8>, _: Option<Lz4>) -> Result<Self, ErrorKind> {
        Self::open_zstd(payload, 0)
    }

    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    fn into_parts(self, _: bool) -> (Vec<u8>, Option<Lz4>) {
        match self {}
    }

    fn check_end(&mut self) -> io::Result<()> {
        match *self {}
    }
}
