//! The envelope in which Valkey 9.2 wraps a whole RDB file (`rdbcompression lz4`).
//!
//! Seven bytes (`VCS`, a version, a codec, a zero, and the kind of the content), then one
//! compressed frame, behind which servers ignore whatever follows. Source: `compression_stream.h`
//! and `.c` of Valkey's development branch, which know LZ4 only; zstd is the codec that a pending
//! change adds. No file of a server was available.

use std::io;

/// First bytes.
pub(crate) const MAGIC: &[u8] = b"VCS";

/// Bytes before the frame.
pub(crate) const BYTES: usize = 7;

/// The version known, and the kind of content that is RDB data.
const VERSION: u8 = 1;
const RDB: u8 = 1;

/// How the content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Lz4,
    Zstd,
}

/// The codec of the envelope that `bytes` begin with, or what is not known about it. `None` if
/// there is no envelope.
pub(crate) fn codec(bytes: &[u8]) -> Option<Result<Codec, String>> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let unknown = |what: &str, number: u8| {
        Some(Err(format!(
            "data in the compressed envelope of Valkey, of a {what} that is not known ({number})"
        )))
    };
    match *rest {
        [version, ..] if version != VERSION => unknown("version", version),
        [_, _, reserved, ..] if reserved != 0 => unknown("form", reserved),
        [_, _, _, kind, ..] if kind != RDB => unknown("kind", kind),
        [_, 1, _, _, ..] => Some(Ok(Codec::Lz4)),
        [_, 2, _, _, ..] => Some(Ok(Codec::Zstd)),
        [_, other, _, _, ..] => unknown("codec", other),
        _ => Some(Err("the compressed envelope of Valkey, truncated".to_owned())),
    }
}

/// What is wrong with an envelope whose content is no frame of its codec.
pub(crate) fn not_a_frame() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what the envelope holds is no frame of its codec")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused_by_number() {
        assert_eq!(codec(b"VCS\x01\x01\x00\x01\x04\x22\x4d\x18"), Some(Ok(Codec::Lz4)));
        assert_eq!(codec(b"VCS\x01\x02\x00\x01"), Some(Ok(Codec::Zstd)));
        assert_eq!(codec(b"REDIS0011"), None);
        for (bytes, says) in [
            (&b"VCS\x02\x01\x00\x01"[..], "version that is not known (2)"),
            (b"VCS\x01\x09\x00\x01", "codec that is not known (9)"),
            (b"VCS\x01\x01\x04\x01", "form that is not known (4)"),
            (b"VCS\x01\x01\x00\x02", "kind that is not known (2)"),
            (b"VCS\x01\x01", "truncated"),
            (b"VCS", "truncated"),
        ] {
            let refused = codec(bytes).and_then(Result::err).unwrap_or_default();
            assert!(refused.contains(says), "{bytes:?}: {refused}");
        }
    }
}
