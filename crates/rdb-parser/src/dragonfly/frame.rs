//! The zstd or LZ4 frame inside a compressed blob: its header, its limits, and its decoders.

use std::fmt;
use std::io::{self, Read};

use super::decoder::{Decoder, LZ4_KIND_BYTES, Lz4, damaged};
use crate::error::ErrorKind;
use crate::format::RareRecord;
use crate::limits::{
    MAX_DRAGONFLY_BLOB_BYTES, MAX_DRAGONFLY_CONTENT_BYTES, MAX_RESUMED_BLOB_BYTES,
    MAX_RESUMED_ZSTD_WINDOW_BYTES, MAX_ZSTD_WINDOW_BYTES,
};

/// Limits of a blob. The default is that of a file which one parser reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobLimits {
    pub(crate) stored_bytes: u64,
    zstd_window_bytes: u64,
    /// The number in the frame: 4 for 64 KiB, 5 for 256 KiB, 6 for 1 MiB, 7 for 4 MiB.
    lz4_block_size: u8,
}

impl BlobLimits {
    /// The limits of a parser that resumes in the middle of a file.
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

/// Buffers and the decoder of the last blob, which the next blob uses again.
#[derive(Default)]
pub(crate) struct BufferPool {
    payload: Vec<u8>,
    window: Vec<u8>,
    /// A decoder that has read its frame to the end.
    lz4: Option<Lz4>,
}

impl BufferPool {
    /// The buffer of the next [`Window`](crate::Window).
    pub(crate) fn take_window(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.window)
    }

    /// Takes back the buffers of a blob that was read.
    pub(crate) fn put(&mut self, window: Vec<u8>, reader: FrameReader) {
        let (payload, lz4) = reader.decoder.into_parts(reader.is_checked);
        *self = Self { payload, window, lz4 };
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool").finish_non_exhaustive()
    }
}

/// Reads the content of a frame that is in memory.
pub(crate) struct FrameReader {
    decoder: Decoder,
    content_left: u64,
    /// Whether the end of the frame was read and is right.
    is_checked: bool,
}

impl FrameReader {
    /// A reader of the frame `payload`, which `record` announced.
    pub(crate) fn open(
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
        // A decoder that is not used again is dropped before another allocates its window.
        let lz4 = pool.lz4.take();
        let decoder = if is_zstd {
            Decoder::open_zstd(held, limits.zstd_window_bytes)
        } else if lz4_block_size(&held).is_none_or(|size| size > limits.lz4_block_size) {
            Err(ErrorKind::Limit("the blocks of a compressed blob"))
        } else {
            let kind = lz4_kind(&held);
            Decoder::open_lz4(held, kind, lz4)
        }?;
        Ok(Self { decoder, content_left: content, is_checked: false })
    }
}

impl FrameReader {
    /// Bytes of the content that were not read yet.
    pub(crate) fn content_left(&self) -> u64 {
        self.content_left
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

const NOT_A_FRAME: ErrorKind = ErrorKind::Corrupt("Dragonfly blob", "not the frame that its opcode says");
const NO_CONTENT_SIZE: ErrorKind =
    ErrorKind::Corrupt("Dragonfly blob", "its frame does not say how long it is");

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LZ4_MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// The first bytes of the frame in a blob. `None` if `record` is not a blob.
pub(crate) fn frame_magic(record: RareRecord) -> Option<[u8; 4]> {
    match record {
        RareRecord::ZstdBlob => Some(ZSTD_MAGIC),
        RareRecord::Lz4Blob => Some(LZ4_MAGIC),
        _ => None,
    }
}

/// The length of the content in the header of a zstd frame (RFC 8878, 3.1.1.1).
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

/// The length of the content in the header of an LZ4 frame (`lz4_Frame_format.md`).
fn lz4_content(frame: &[u8]) -> Result<u64, ErrorKind> {
    const HAS_CONTENT_SIZE: u8 = 8;
    let rest = frame.strip_prefix(&LZ4_MAGIC).ok_or(NOT_A_FRAME)?;
    match rest {
        [flags, ..] if flags & HAS_CONTENT_SIZE == 0 => Err(NO_CONTENT_SIZE),
        [_, _, rest @ ..] => rest.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or(NOT_A_FRAME),
        _ => Err(NOT_A_FRAME),
    }
}

/// The flags and the block size of an LZ4 frame, which follow its magic. Frames with the same share
/// a decoder.
fn lz4_kind(frame: &[u8]) -> [u8; LZ4_KIND_BYTES] {
    frame.get(LZ4_MAGIC.len()..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
}

/// The number of an LZ4 frame's block size: bits 4 to 6 of its second descriptor byte.
fn lz4_block_size(frame: &[u8]) -> Option<u8> {
    frame.get(LZ4_MAGIC.len() + 1).map(|descriptor| descriptor >> 4 & 7)
}
