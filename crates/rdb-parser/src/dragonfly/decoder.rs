//! The decoders of frames.

use std::io::{self, Read};

use crate::error::ErrorKind;

/// Length of the flags and the block size of an LZ4 frame.
pub(super) const LZ4_KIND_BYTES: usize = 2;

/// The error of a read. The reader of the blob replaces it with an error that names the blob.
pub(super) fn damaged() -> io::Error {
    io::Error::other("damaged frame")
}

/// The bytes of a frame, and how many of them were read.
#[derive(Default)]
pub(super) struct Payload {
    bytes: Vec<u8>,
    position: usize,
    /// Whether a read came after the last byte.
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

/// A decoder of LZ4 frames of one kind. It allocates two blocks of up to 4 MiB, as the frame
/// announces, so blobs share a decoder.
pub(super) struct Lz4 {
    decoder: Box<lz4_flex::frame::FrameDecoder<Payload>>,
    kind: [u8; LZ4_KIND_BYTES],
}

pub(super) enum Decoder {
    Zstd(Box<ruzstd::decoding::StreamingDecoder<Payload, ruzstd::decoding::FrameDecoder>>),
    Lz4(Lz4),
}

impl Decoder {
    pub(super) fn open_zstd(payload: Vec<u8>, max_window_bytes: u64) -> Result<Self, ErrorKind> {
        let mut decoder = ruzstd::decoding::FrameDecoder::new();
        decoder.set_max_window_size(max_window_bytes);
        ruzstd::decoding::StreamingDecoder::new_with_decoder(Payload::new(payload), decoder)
            .map(|decoder| Self::Zstd(Box::new(decoder)))
            .map_err(|_| ErrorKind::Corrupt("Dragonfly blob", "the header of its frame is damaged"))
    }

    /// A decoder of a frame of this `kind`: `earlier`, if it is of the same kind.
    #[allow(clippy::unnecessary_wraps, reason = "the build without the feature fails here")]
    pub(super) fn open_lz4(
        payload: Vec<u8>,
        kind: [u8; LZ4_KIND_BYTES],
        earlier: Option<Lz4>,
    ) -> Result<Self, ErrorKind> {
        let source = Payload::new(payload);
        Ok(Self::Lz4(match earlier {
            Some(mut earlier) if earlier.kind == kind => {
                *earlier.decoder.get_mut() = source;
                earlier
            }
            _ => Lz4 { decoder: Box::new(lz4_flex::frame::FrameDecoder::new(source)), kind },
        }))
    }

    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(decoder) => decoder.read(out),
            Self::Lz4(lz4) => lz4.decoder.read(out),
        }
    }

    /// The payload, and the decoder if it can be used again. A decoder that ran out of bytes is
    /// still inside its frame, because the frame has no end mark.
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

    /// Reads the end of the frame after its content.
    pub(super) fn check_end(&mut self) -> io::Result<()> {
        let more = self.read(&mut [0])?;
        let (source, sums_agree) = match self {
            Self::Zstd(decoder) => {
                let stated = decoder.decoder.get_checksum_from_data();
                let computed = decoder.decoder.get_calculated_checksum();
                (decoder.get_ref(), stated.is_none() || stated == computed)
            }
            // The decoder compares the checksum.
            Self::Lz4(lz4) => (lz4.decoder.get_ref(), true),
        };
        if more == 0 && source.is_used_up() && sums_agree { Ok(()) } else { Err(damaged()) }
    }
}
