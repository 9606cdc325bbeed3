//! Detects formats by magic bytes.

use std::borrow::Cow;
use std::io;

use crate::decompress::{Compression, Decompress};
use crate::envelope;
use crate::head::Head;
use crate::stream::Reader;
use crate::wrapper::Wrapper;

/// Number of bytes examined. A slow server sends line feeds first, so this exceeds every magic.
pub(crate) const HEAD_BYTES: usize = 64 << 10;

/// Length of the magic bytes of RDB data that are compared.
const RDB_MAGIC_BYTES: usize = 6;

/// Largest number of nested compression formats.
pub(crate) const MAX_LAYERS: usize = 2;

/// Detected compression and content of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nature {
    /// Outermost first.
    pub(crate) layers: Vec<Compression>,
    pub(crate) content: Content,
}

/// Detected content, after decompression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// RDB data, or what the parser may call otherwise.
    Rdb(Wrapper),
    /// Another known format, by name.
    Foreign(Cow<'static, str>),
    /// Nothing.
    Empty,
    /// Nothing known.
    Unknown,
}

/// What is known by name and no RDB data: where the name stands, and what to say.
const FOREIGN: &[(usize, &[u8], &str)] = &[
    (0, b"*", "an append-only file (AOF) without an RDB preamble, which holds commands and no snapshot"),
    (0, b"#TS:", "an append-only file (AOF) without an RDB preamble, which holds commands and no snapshot"),
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (0, b"BZh", "bzip2 data; decompress it first"),
    (0, b"\xfd7zXZ\0", "xz data; decompress it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (0, b"\xff\x06\0\0sNaPpY", "snappy data; decompress it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"-ERR ", "the error answer of a server"),
    (0, b"<?xml", "an XML document, perhaps the error answer of an object store"),
];

impl Content {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let wrapper = Wrapper::of(bytes);
        let inside =
            usize::try_from(wrapper.prefix_bytes).ok().and_then(|n| bytes.get(n..)).unwrap_or_default();
        if is_rdb(inside) {
            return Self::Rdb(wrapper);
        }
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some(Err(refused)) = envelope::codec(bytes) {
            return Self::Foreign(Cow::Owned(refused));
        }
        FOREIGN
            .iter()
            .find(|(at, magic, _)| bytes.get(*at..).is_some_and(|bytes| bytes.starts_with(magic)))
            .map_or(Self::Unknown, |(_, _, what)| Self::Foreign(Cow::Borrowed(what)))
    }
}

/// Whether `bytes` begin as RDB data does.
fn is_rdb(bytes: &[u8]) -> bool {
    bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
}

impl Nature {
    /// Looks at the beginning of what `source` gives, and gives it back decompressed and unread.
    /// Each decompressor is handed to `run`, which says where it works.
    pub(crate) fn of(
        source: Reader,
        run: impl Fn(Decompress) -> io::Result<Reader>,
    ) -> io::Result<(Self, Head<Reader>)> {
        let mut layers = Vec::new();
        let mut head = Head::new(source);
        loop {
            // Do not wait for more than is needed: a pipe may be slow.
            let mut bytes = head.peek(RDB_MAGIC_BYTES);
            if !is_rdb(bytes) {
                bytes = head.peek(HEAD_BYTES);
            }
            let content = match Compression::of(bytes) {
                Some(format) if layers.len() < MAX_LAYERS => {
                    layers.push(format);
                    head = Head::new(run(Decompress::new(format, head))?);
                    continue;
                }
                Some(_) => Content::Foreign(Cow::Borrowed("compressed more than twice over")),
                None => Content::of(bytes),
            };
            return match (content, head.take_failure_at_start()) {
                (Content::Empty, Some(error)) => Err(error),
                (content, _) => Ok((Self { layers, content }, head)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decompress::tests::{ALL, compress};
    use std::io::Cursor;

    fn nature(data: Vec<u8>) -> Nature {
        Nature::of(Box::new(Cursor::new(data)), |layer| Ok(Box::new(layer))).expect("readable").0
    }

    #[test]
    fn data_is_recognised_inside_two_layers_of_compression() {
        for outer in ALL {
            for inner in ALL {
                let packed = compress(outer, &compress(inner, b"REDIS0011"));
                let nature = nature(packed);
                assert_eq!(nature.layers, [outer, inner]);
                assert_eq!(nature.content, Content::Rdb(Wrapper::default()));
            }
        }
        let thrice = ALL[..3].iter().fold(b"REDIS0011".to_vec(), |data, &format| compress(format, &data));
        let nature = nature(thrice);
        assert!(matches!(nature.content, Content::Foreign(_)));
    }

    #[test]
    fn what_is_something_else_is_named() {
        for bytes in [&b"*2\r\n$6\r\nSELECT\r\n"[..], b"#TS:1\r\n", b"PK\x03\x04", b"BZh9", b"\xfd7zXZ\0"] {
            assert!(matches!(Content::of(bytes), Content::Foreign(_)), "{bytes:?}");
        }
        let mut tar = vec![b'a'; 257];
        tar.extend(b"ustar");
        assert!(matches!(Content::of(&tar), Content::Foreign(_)));
        assert_eq!(Content::of(b""), Content::Empty);
        assert_eq!(Content::of(b"\n\n"), Content::Unknown);
        assert_eq!(Content::of(b"REDI"), Content::Unknown);
    }
}
