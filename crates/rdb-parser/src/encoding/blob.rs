//! A cursor inside a blob, and what the packed encodings share.

use crate::error::{Error, Result};
use crate::input::Input;
use crate::string::RdbString;

/// Last byte of every packed encoding but the intset.
const TERMINATOR: u8 = 0xff;

/// A cursor that does not leave a blob.
pub(super) struct Blob<'i, I> {
    pub(super) input: &'i mut I,
    /// Absolute offset of the byte after the blob.
    pub(super) end: u64,
    pub(super) name: &'static str,
    /// A longer string is skipped.
    pub(super) max_shown_bytes: u64,
}

impl<I: Input> Blob<'_, I> {
    /// Bytes left in the blob.
    pub(super) fn left(&self) -> u64 {
        self.end.saturating_sub(self.input.position())
    }

    /// Absolute offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.input.position()
    }

    #[cold]
    pub(super) fn corrupt(&self, detail: &'static str) -> Error {
        Error::corrupt(self.name, detail, self.input.position())
    }

    /// The next `n` bytes, all of the blob.
    pub(super) fn require(&mut self, n: usize) -> Result<&[u8]> {
        if n as u64 > self.left() {
            return Err(self.corrupt("an entry reaches past the end"));
        }
        self.input.require(n, self.name)
    }

    /// Up to `n` bytes of the blob.
    pub(super) fn peek(&mut self, n: usize) -> Result<&[u8]> {
        let left = self.left();
        let bytes = self.input.peek(n)?;
        let within = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        Ok(bytes.get(..within).unwrap_or_default())
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.input.consume(n);
    }

    pub(super) fn skip(&mut self, n: u64) -> Result<()> {
        if n > self.left() {
            return Err(self.corrupt("an entry reaches past the end"));
        }
        self.input.skip(n, self.name)
    }

    /// Shows the string of `len` bytes that starts after `header_len` more bytes, and moves past
    /// it.
    pub(super) fn show_string(
        &mut self,
        header_len: usize,
        len: u64,
        see: &mut impl FnMut(RdbString<'_>),
    ) -> Result<()> {
        match usize::try_from(len) {
            Ok(short) if len <= self.max_shown_bytes => {
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

    /// Whether the cursor is on the terminator, which must be the last byte of the blob.
    pub(super) fn at_terminator(&mut self) -> Result<bool> {
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

    /// Compares the number of walked entries with the count in the header.
    pub(super) fn check_count(&self, stated: Option<u64>, walked: u64) -> Result<u64> {
        match stated {
            Some(stated) if stated != walked => {
                Err(self.corrupt("the header states another number of entries"))
            }
            _ => Ok(walked),
        }
    }
}

/// `N` bytes of a header that is known to be long enough.
pub(super) fn field<const N: usize>(header: &[u8], at: usize) -> Result<[u8; N], &'static str> {
    header.get(at..).and_then(<[u8]>::first_chunk).copied().ok_or("shorter than its header")
}

/// A little-endian integer of 3 bytes.
pub(super) fn i24(bytes: [u8; 3]) -> i64 {
    let [a, b, c] = bytes;
    i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)
}
