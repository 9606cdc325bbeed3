//! The packed encodings: many elements in one string ("blob").
//!
//! Each has a small header with a count that is enough for most questions ([`Packed::header_count`]),
//! and can be walked entry by entry ([`Packed::walk`]) over any input, a long blob through a window
//! included.

mod intset;
mod listpack;
mod ziplist;
mod zipmap;

use crate::error::{Error, ErrorKind, Result};
use crate::input::Input;
use crate::string::RdbString;

/// Longest header of a packed encoding, in bytes.
pub(crate) const MAX_HEADER_BYTES: usize = ziplist::HEADER_BYTES;

/// Last byte of every packed encoding but the intset.
const TERMINATOR: u8 = 0xff;

/// A packed encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packed {
    /// The list of strings and integers of Redis 7 and later.
    Listpack,
    /// The same of older versions, with links backwards.
    Ziplist,
    /// A sorted array of integers.
    Intset,
    /// The string map of Redis 2.
    Zipmap,
}

impl Packed {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listpack => "listpack",
            Self::Ziplist => "ziplist",
            Self::Intset => "intset",
            Self::Zipmap => "zipmap",
        }
    }

    /// Bytes of the header that [`header_count`](Self::header_count) wants.
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
    /// after checking the header. `None`: more than its field can say, or not stated; walk.
    pub(crate) fn header_count(self, header: &[u8], blob_bytes: u64) -> Result<Option<u64>, ErrorKind> {
        let count = match self {
            Self::Listpack => listpack::header_count(header, blob_bytes),
            Self::Ziplist => ziplist::header_count(header, blob_bytes),
            Self::Intset => intset::header_count(header, blob_bytes).map(Some),
            Self::Zipmap => zipmap::header_count(header, blob_bytes),
        };
        count.map_err(|detail| ErrorKind::Corrupt(self.name(), detail))
    }

    /// The first entry of the listpack that `beginning` is the beginning of, if it is an integer and not
    /// negative.
    pub(crate) fn first_integer(beginning: &[u8]) -> Option<u64> {
        listpack::first_integer(beginning)
    }

    /// Walks the blob of `blob_bytes` at the cursor to its last byte, showing each entry to `see`.
    /// Returns the number of entries.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] if the blob is anything but whole and well formed.
    pub(crate) fn walk<I: Input>(
        self,
        input: &mut I,
        blob_bytes: u64,
        see: &mut impl FnMut(RdbString<'_>),
    ) -> Result<u64> {
        let mut blob = Blob { end: input.position().saturating_add(blob_bytes), input, name: self.name() };
        match self {
            Self::Listpack => listpack::walk(&mut blob, blob_bytes, see),
            Self::Ziplist => ziplist::walk(&mut blob, blob_bytes, see),
            Self::Intset => intset::walk(&mut blob, blob_bytes, see),
            Self::Zipmap => zipmap::walk(&mut blob, blob_bytes, see),
        }
    }
}

/// A cursor that cannot leave a blob.
struct Blob<'i, I> {
    input: &'i mut I,
    /// Absolute offset of the byte after the blob.
    end: u64,
    name: &'static str,
}

impl<I: Input> Blob<'_, I> {
    /// Bytes left in the blob.
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.input.position())
    }

    /// Absolute offset of the next byte.
    fn position(&self) -> u64 {
        self.input.position()
    }

    #[cold]
    fn corrupt(&self, detail: &'static str) -> Error {
        Error::corrupt(self.name, detail, self.input.position())
    }

    /// The next `n` bytes, all of the blob.
    fn require(&mut self, n: usize) -> Result<&[u8]> {
        if n as u64 > self.left() {
            return Err(self.corrupt("an entry reaches past the end"));
        }
        self.input.require(n, self.name)
    }

    /// Up to `n` bytes of the blob.
    fn peek(&mut self, n: usize) -> Result<&[u8]> {
        let left = self.left();
        let bytes = self.input.peek(n)?;
        let within = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        Ok(bytes.get(..within).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.input.consume(n);
    }

    fn skip(&mut self, n: u64) -> Result<()> {
        if n > self.left() {
            return Err(self.corrupt("an entry reaches past the end"));
        }
        self.input.skip(n, self.name)
    }

    /// Shows the string of `len` bytes that starts after `header_len` more bytes, and moves past it.
    fn show_string(
        &mut self,
        header_len: usize,
        len: u64,
        see: &mut impl FnMut(RdbString<'_>),
    ) -> Result<()> {
        match usize::try_from(len) {
            Ok(short) if len <= crate::limits::MAX_SHOWN_STRING_BYTES => {
                let entry = self.require(header_len + short)?;
                see(RdbString::Raw(entry.get(header_len..).unwrap_or_default()));
                self.consume(header_len + short);
            }
            _ => {
                self.skip((header_len as u64).saturating_add(len))?;
                see(RdbString::Skipped { decoded_len: len });
            }
        }
        Ok(())
    }

    /// Whether the cursor is on the terminator; it must be so on the last byte of the blob and
    /// nowhere else.
    fn at_terminator(&mut self) -> Result<bool> {
        let last = self.left() == 1;
        let is_terminator = self.require(1)?.first() == Some(&TERMINATOR);
        match (is_terminator, last) {
            (true, true) => {
                self.consume(1);
                Ok(true)
            }
            (true, false) => Err(self.corrupt("terminator before the end")),
            (false, true) => Err(self.corrupt("no terminator at the end")),
            (false, false) => Ok(false),
        }
    }

    /// Compares the entries walked with those that the header states.
    fn check_count(&self, stated: Option<u64>, walked: u64) -> Result<u64> {
        match stated {
            Some(stated) if stated != walked => {
                Err(self.corrupt("the header states another number of entries"))
            }
            _ => Ok(walked),
        }
    }
}

/// `N` bytes of a header that is known to be long enough.
fn field<const N: usize>(header: &[u8], at: usize) -> Result<[u8; N], &'static str> {
    header.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or("shorter than its header")
}

/// A little-endian integer of 3 bytes.
fn i24(bytes: [u8; 3]) -> i64 {
    let [a, b, c] = bytes;
    i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceInput;

    /// The decoded entries of a blob, or the error.
    pub(super) fn entries(packed: Packed, blob: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut input = SliceInput::new(blob);
        let count = packed.walk(&mut input, blob.len() as u64, &mut |entry| {
            found.push(match entry {
                RdbString::Skipped { decoded_len } => vec![b'?'; usize::try_from(decoded_len).expect("fits")],
                shown => shown.decode(&mut Vec::new()).expect("packed entries are not compressed").to_vec(),
            });
        })?;
        assert_eq!(count, found.len() as u64);
        assert_eq!(input.remaining(), Some(0), "the walk ends at the end");
        Ok(found)
    }

    pub(super) fn header_count(packed: Packed, blob: &[u8]) -> Result<Option<u64>, ErrorKind> {
        packed.header_count(&blob[..packed.header_bytes().min(blob.len())], blob.len() as u64)
    }
}
