//! Inputs: where the parser's bytes come from. This file has the traits and [`SliceInput`].

use crate::error::{Error, Result};
use crate::file_slice::FileSlice;
use crate::running_sum::{KnownSum, RunningSum};

/// A forward cursor over RDB data.
///
/// The parser is generic over this trait. It [peeks](Input::peek) at a few contiguous bytes, and
/// [skips](Input::skip) or [pins](Input::pin) long strings. So a slice copies nothing, and a window
/// holds no value.
pub trait Input {
    /// Absolute offset of the cursor: bytes consumed so far.
    fn position(&self) -> u64;

    /// Absolute offset of the end of the bytes that were read so far. After a short
    /// [`peek`](Input::peek), that of the end of all data.
    fn data_end(&self) -> u64;

    /// Bytes after the cursor. `None` if the total length is not known, as for a pipe.
    fn remaining(&self) -> Option<u64>;

    /// The bytes at the cursor: `n` or more, fewer only at the end of the data.
    ///
    /// # Errors
    ///
    /// If the source cannot be read. The end of the data is not an error.
    fn peek(&mut self, n: usize) -> Result<&[u8]>;

    /// Moves the cursor by `n` bytes, which [`peek`](Input::peek) has shown.
    fn consume(&mut self, n: usize);

    /// Moves the cursor by `n` bytes without holding them.
    ///
    /// # Errors
    ///
    /// [`Truncated`](crate::ErrorKind::Truncated), naming `what`, if fewer bytes are left.
    fn skip(&mut self, n: u64, what: &'static str) -> Result<()>;

    /// Moves the cursor by `n` bytes, which [`pinned`](Input::pinned) returns until the next call
    /// of this method.
    ///
    /// # Errors
    ///
    /// As for [`skip`](Input::skip).
    fn pin(&mut self, n: u64, what: &'static str) -> Result<()>;

    /// The bytes of the last [`pin`](Input::pin).
    fn pinned(&self) -> &[u8];

    /// Starts the checksum at the cursor. Called at most once, before the first byte is consumed.
    fn start_checksum(&mut self);

    /// CRC-64 of all bytes consumed since [`start_checksum`](Input::start_checksum). `None` if that
    /// was not called.
    fn checksum(&mut self) -> Option<u64>;

    /// Adds consumed bytes to the checksum, if enough are due, while they are in the cache. The
    /// parser calls this between records and inside long ones.
    fn checkpoint(&mut self) {}

    /// The next `n` bytes, exactly.
    ///
    /// # Errors
    ///
    /// [`Truncated`](crate::ErrorKind::Truncated), naming `what`, if fewer bytes are left.
    #[inline]
    fn require(&mut self, n: usize, what: &'static str) -> Result<&[u8]> {
        if self.peek(n)?.len() < n {
            return Err(Error::truncated(what, self.data_end()));
        }
        Ok(self.peek(n)?.get(..n).unwrap_or_default())
    }
}

/// An [`Input`] that shows the bytes ahead of its cursor, so that workers can scan them.
pub trait Ahead: Input {
    /// The next `n` bytes, fewer at the end of the data or before an error of the source. An input
    /// in memory shows all bytes that follow.
    fn ahead(&mut self, n: usize) -> &[u8];

    /// The bytes that are held, before and after the cursor.
    fn held(&self) -> FileSlice<'_>;

    /// Moves the cursor to `position`, which [`ahead`](Self::ahead) has shown.
    fn jump(&mut self, position: u64);

    /// Takes the checksum of a part of the bytes ahead, so that it is not computed again. Parts
    /// come in file order.
    fn know_sum(&mut self, part: KnownSum);
}

/// An [`Input`] over bytes in memory, such as those of a mapped file. Copies nothing.
#[derive(Debug)]
pub struct SliceInput<'a> {
    bytes: &'a [u8],
    /// Offset of the first byte in the file.
    base: u64,
    position: usize,
    pinned: &'a [u8],
    sum: RunningSum,
    /// Position at which bytes are added to the checksum.
    sum_due: usize,
}

impl<'a> SliceInput<'a> {
    /// A cursor at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, base: 0, position: 0, pinned: &[], sum: RunningSum::default(), sum_due: usize::MAX }
    }

    /// A cursor at offset `start` of `bytes`, where the RDB data begins. Offsets count from the
    /// first byte.
    pub fn starting_at(bytes: &'a [u8], start: u64) -> Self {
        Self::in_file(FileSlice { bytes, offset: 0 }, start)
    }

    /// A cursor at `offset` of the file that `slice` is a part of.
    pub(crate) fn in_file(slice: FileSlice<'a>, offset: u64) -> Self {
        let FileSlice { bytes, offset: base } = slice;
        let mut input = Self { base, ..Self::new(bytes) };
        input.position = input.place_of(offset);
        input
    }

    /// The place of an offset of the file, or the end.
    fn place_of(&self, offset: u64) -> usize {
        let place = offset.checked_sub(self.base).and_then(|place| usize::try_from(place).ok());
        place.map_or(self.bytes.len(), |place| place.min(self.bytes.len()))
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    #[inline]
    fn take(&mut self, n: u64, what: &'static str) -> Result<&'a [u8]> {
        let taken = usize::try_from(n).ok().and_then(|n| self.rest().get(..n));
        let taken = taken.ok_or_else(|| Error::truncated(what, self.data_end()))?;
        self.position += taken.len();
        Ok(taken)
    }

    /// Adds consumed bytes to the checksum: all if `now`, otherwise those that are due.
    #[inline(never)]
    fn add_to_sum(&mut self, now: bool) {
        let slice = FileSlice { bytes: self.bytes, offset: self.base };
        self.sum.add(self.position(), slice, now);
        self.set_sum_due();
    }

    fn set_sum_due(&mut self) {
        let due = self.sum.due().saturating_sub(self.base);
        self.sum_due = usize::try_from(due).unwrap_or(usize::MAX);
    }
}

impl Input for SliceInput<'_> {
    #[inline]
    fn position(&self) -> u64 {
        self.base + self.position as u64
    }

    fn data_end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    #[inline]
    fn remaining(&self) -> Option<u64> {
        Some(self.rest().len() as u64)
    }

    #[inline]
    fn peek(&mut self, _: usize) -> Result<&[u8]> {
        Ok(self.rest())
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.rest().len(), "only what was shown can be consumed");
        self.position += n;
    }

    #[inline]
    fn skip(&mut self, n: u64, what: &'static str) -> Result<()> {
        self.take(n, what).map(|_| ())
    }

    #[inline]
    fn pin(&mut self, n: u64, what: &'static str) -> Result<()> {
        self.pinned = self.take(n, what)?;
        Ok(())
    }

    #[inline]
    fn pinned(&self) -> &[u8] {
        self.pinned
    }

    fn start_checksum(&mut self) {
        self.sum.start(self.position());
        self.set_sum_due();
    }

    fn checksum(&mut self) -> Option<u64> {
        self.add_to_sum(true);
        self.sum.value()
    }

    #[inline]
    fn checkpoint(&mut self) {
        if self.position >= self.sum_due {
            self.add_to_sum(false);
        }
    }
}

impl Ahead for SliceInput<'_> {
    fn ahead(&mut self, _: usize) -> &[u8] {
        self.rest()
    }

    fn held(&self) -> FileSlice<'_> {
        FileSlice { bytes: self.bytes, offset: self.base }
    }

    fn jump(&mut self, position: u64) {
        self.position = self.place_of(position);
    }

    fn know_sum(&mut self, part: KnownSum) {
        self.sum.know(part);
        self.set_sum_due();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_up_to_the_maximum_is_compared_and_not_added() {
        let mut input = SliceInput::new(b"abc");
        input.consume(1);
        for n in [3, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            assert!(input.skip(n, "x").is_err());
            assert!(input.pin(n, "x").is_err());
        }
        assert_eq!(input.position(), 1);
        assert!(input.skip(2, "x").is_ok());
        assert!(input.require(1, "x").is_err());
    }
}
