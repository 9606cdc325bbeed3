//! The packed encodings as one type.

use super::blob::Blob;
use super::{intset, listpack, ziplist, zipmap};
use crate::error::{ErrorKind, Result};
use crate::input::Input;
use crate::string::RdbString;

/// Longest header of a packed encoding, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = ziplist::HEADER_BYTES;

/// A packed encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packed {
    /// The list of strings and integers of Redis 7 and later.
    Listpack,
    /// The list of older versions, with links to the previous entries.
    Ziplist,
    /// A sorted array of integers.
    Intset,
    /// The string map of Redis 2.
    Zipmap,
}

impl Packed {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listpack => "listpack",
            Self::Ziplist => "ziplist",
            Self::Intset => "intset",
            Self::Zipmap => "zipmap",
        }
    }

    /// Bytes of the header that [`header_count`](Self::header_count) needs.
    pub(crate) fn header_bytes(self) -> usize {
        match self {
            Self::Listpack => listpack::HEADER_BYTES,
            Self::Ziplist => ziplist::HEADER_BYTES,
            Self::Intset => intset::HEADER_BYTES,
            Self::Zipmap => zipmap::HEADER_BYTES,
        }
    }

    /// Whether the last byte is a terminator.
    pub(crate) fn is_terminated(self) -> bool {
        self != Self::Intset
    }

    /// The number of entries (strings, not pairs) that the header of a blob of `blob_bytes` states,
    /// after checking the header. `None` if the count is larger than its field, or not stated: only
    /// a walk gives it.
    pub(crate) fn header_count(self, header: &[u8], blob_bytes: u64) -> Result<Option<u64>, ErrorKind> {
        let count = match self {
            Self::Listpack => listpack::header_count(header, blob_bytes),
            Self::Ziplist => ziplist::header_count(header, blob_bytes),
            Self::Intset => intset::header_count(header, blob_bytes).map(Some),
            Self::Zipmap => zipmap::header_count(header, blob_bytes),
        };
        count.map_err(|detail| ErrorKind::Corrupt(self.name(), detail))
    }

    /// The first entry of the listpack that `beginning` is the beginning of, if it is an integer
    /// and not negative.
    pub(crate) fn first_integer(beginning: &[u8]) -> Option<u64> {
        listpack::first_integer(beginning)
    }

    /// Walks the blob of `blob_bytes` at the cursor to its last byte, showing each entry to `see`; an
    /// entry of more than `max_shown_bytes` as [`RdbString::Skipped`]. Returns the number of entries.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the blob is not whole or not well formed.
    pub(crate) fn walk<I: Input>(
        self,
        input: &mut I,
        blob_bytes: u64,
        max_shown_bytes: u64,
        see: &mut impl FnMut(RdbString<'_>),
    ) -> Result<u64> {
        let end = input.position().saturating_add(blob_bytes);
        let mut blob = Blob { input, end, name: self.name(), max_shown_bytes };
        match self {
            Self::Listpack => listpack::walk(&mut blob, blob_bytes, see),
            Self::Ziplist => ziplist::walk(&mut blob, blob_bytes, see),
            Self::Intset => intset::walk(&mut blob, blob_bytes, see),
            Self::Zipmap => zipmap::walk(&mut blob, blob_bytes, see),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::input::SliceInput;
    use crate::limits::MAX_SHOWN_STRING_BYTES;

    /// The decoded entries of a blob, or the error.
    pub(in super::super) fn entries(packed: Packed, blob: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut input = SliceInput::new(blob);
        let count = packed.walk(&mut input, blob.len() as u64, MAX_SHOWN_STRING_BYTES, &mut |entry| {
            found.push(match entry {
                RdbString::Skipped { decoded_len } => vec![b'?'; usize::try_from(decoded_len).expect("fits")],
                shown => shown.decode(&mut Vec::new()).expect("packed entries are not compressed").to_vec(),
            });
        })?;
        assert_eq!(count, found.len() as u64);
        assert_eq!(input.remaining(), Some(0), "the walk ends at the end");
        Ok(found)
    }

    pub(in super::super) fn header_count(packed: Packed, blob: &[u8]) -> Result<Option<u64>, ErrorKind> {
        packed.header_count(&blob[..packed.header_bytes().min(blob.len())], blob.len() as u64)
    }
}
