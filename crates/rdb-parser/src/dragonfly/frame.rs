//! The frame that a compressed blob is: its header, its limits, and the decoders.

use std::fmt;
use std::io::{self, Read};

use crate::error::ErrorKind;
use crate::format::RareRecord;
use crate::limits::{
    MAX_DRAGONFLY_BLOB_BYTES, MAX_DRAGONFLY_CONTENT_BYTES, MAX_RESUMED_BLOB_BYTES,
    MAX_RESUMED_ZSTD_WINDOW_BYTES, MAX_ZSTD_WINDOW_BYTES,
};

/// What a blob may take. By default what limits a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobLimits {
    pub(super) stored_bytes: u64,
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

/// Buffers of a blob that was read, for the next.
#[derive(Default)]
pub(crate) struct BufferPool {
    pub(super) payload: Vec<u8>,
    pub(super) window: Vec<u8>,
    /// Kept if it has read its frame to the end.
    pub(super) lz4: Option<Lz4>,
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool").finish_non_exhaustive()
    }
}

/// Reads the content of a frame that is held.
pub(crate) struct FrameReader {
    pub(super) decoder: Decoder,
    pub(super) content_left: u64,
    pub(super) is_checked: bool,
}

impl FrameReader {
    /// A reader of the frame that is `payload`.
    pub(super) fn open(
        record: RareRecord,
        payload: &[u8],
        pool: &mut BufferPool,
        limits: BlobLimits,
    ) -> Result<Self, ErrorKind> {
        let is_zstd = record == RareRecord::ZstdBlob;
        let content = if is_zstd { zstd_content(payload) } else { lz4_content(payload) }?;
        if content > MAX_DRAGONFLY_CONTENT_BYTES {
            return Err(ErrorKind::Limit("the content of a compressed blob"));
        }
        let mut held = std::mem::take(&mut pool.payload);
        held.clear();
        held.extend_from_slice(payload);
        // Not kept beside the window of another decoder.
        let lz4 = pool.lz4.take();
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

/// What makes a read fail; the reader of the blob says it in words.
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
pub(super) struct Payload {
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
pub(super) struct Lz4 {
    #[cfg(feature = "dragonfly")]
    decoder: Box<lz4_flex::frame::FrameDecoder<Payload>>,
    #[cfg(feature = "dragonfly")]
    kind: [u8; LZ4_KIND_BYTES],
}

#[cfg(feature = "dragonfly")]
pub(super) enum Decoder {
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
    pub(super) fn into_parts(self, is_at_end: bool) -> (Vec<u8>, Option<Lz4>) {
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
pub(super) enum Decoder {}

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

    pub(super) fn into_parts(self, _: bool) -> (Vec<u8>, Option<Lz4>) {
        match self {}
    }

    fn check_end(&mut self) -> io::Result<()> {
        match *self {}
    }
}
