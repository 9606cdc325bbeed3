//! The envelope in which Valkey 9.2 can wrap a whole RDB file (`rdbcompression lz4`).
//!
//! Seven bytes, then one compressed frame that holds the file: `VCS`, a version, a codec, a zero, and
//! the kind of the content. Source: `compression_stream.h` of Valkey's development branch, 2026; no file
//! of a release was available.

/// The magic, the version known, and the kind that means RDB data.
const MAGIC: &[u8] = b"VCS";
const VERSION: u8 = 1;
const RDB: u8 = 1;

/// What an [`Error`](crate::Error) says of a file in an envelope.
pub(crate) const MESSAGE: &str = "an RDB file in the compressed envelope of Valkey 9.2 (VCS): decompress the frame behind its 7 bytes first";

/// An envelope, as its first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValkeyEnvelope {
    /// How its content is compressed.
    pub codec: EnvelopeCodec,
}

/// How the content of an envelope is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeCodec {
    /// One LZ4 frame.
    Lz4,
    /// One zstd frame.
    Zstd,
    /// A number that is not assigned yet.
    Unknown(u8),
}

impl ValkeyEnvelope {
    /// Bytes before the frame.
    pub const BYTES: usize = 7;

    /// The envelope that `beginning` is the beginning of, if it is one of RDB data.
    ///
    /// ```
    /// use rdb_parser::{EnvelopeCodec, ValkeyEnvelope};
    /// let envelope = ValkeyEnvelope::detect(b"VCS\x01\x01\x00\x01\x04\x22\x4d\x18");
    /// assert_eq!(envelope.map(|envelope| envelope.codec), Some(EnvelopeCodec::Lz4));
    /// ```
    pub fn detect(beginning: &[u8]) -> Option<Self> {
        match *beginning.strip_prefix(MAGIC)?.first_chunk()? {
            [VERSION, codec, 0, RDB] => Some(Self {
                codec: match codec {
                    1 => EnvelopeCodec::Lz4,
                    2 => EnvelopeCodec::Zstd,
                    other => EnvelopeCodec::Unknown(other),
                },
            }),
            _ => None,
        }
    }
}
