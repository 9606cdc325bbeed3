//! The window: a bounded buffer that slides over a reader.

use std::fmt;
use std::io::{ErrorKind as IoErrorKind, Read};

use crate::error::{Error, ErrorKind, Result};
use crate::file_slice::FileSlice;
use crate::input::{Ahead, Input};
use crate::running_sum::{KnownSum, RunningSum};

/// Bytes held at the start, and read at a time. Only a [`peek`](Input::peek) of more bytes makes
/// the buffer longer, and only as far as data has arrived.
const WINDOW_BYTES: usize = 256 << 10;

/// An [`Input`] over any reader: a pipe, a socket, a decompressor, a file that must not be mapped.
///
/// Holds one buffer of 256 KiB, or as long as a caller looks [ahead](Ahead), and the bytes of the
/// last [pin](Input::pin), which is a key. A skip reads the value through the buffer, so memory
/// does not depend on the values.
pub struct Window<R> {
    reader: R,
    /// `buffer[start..end]` are the bytes read and not yet consumed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Absolute offset of `buffer[0]`.
    base: u64,
    /// Total length of the data, if known.
    length: Option<u64>,
    at_end: bool,
    /// The error of the reader, returned after all bytes before it are consumed.
    failure: Option<Error>,
    pinned: Vec<u8>,
    sum: RunningSum,
    /// Offset at which bytes are added to the checksum.
    sum_due: u64,
}

impl<R: Read> Window<R> {
    /// A window at the start of what `reader` gives, `length` bytes in all if that is known.
    ///
    /// With a known length, the parser checks lengths in the file before it follows them.
    pub fn new(reader: R, length: Option<u64>) -> Self {
        Self::starting_at(reader, 0, length)
    }

    /// A window at the start of what `reader` gives: the bytes from offset `start` on, of data of
    /// `length` bytes in all.
    pub fn starting_at(reader: R, start: u64, length: Option<u64>) -> Self {
        Self { base: start, ..Self::reusing(Vec::new(), reader, length) }
    }

    /// A [new](Self::new) window with the buffer of an earlier one.
    pub(crate) fn reusing(mut buffer: Vec<u8>, reader: R, length: Option<u64>) -> Self {
        if buffer.len() != WINDOW_BYTES {
            buffer = vec![0; WINDOW_BYTES];
        }
        Self {
            reader,
            buffer,
            start: 0,
            end: 0,
            base: 0,
            length,
            at_end: false,
            failure: None,
            pinned: Vec::new(),
            sum: RunningSum::default(),
            sum_due: u64::MAX,
        }
    }

    /// The buffer and the reader.
    pub(crate) fn into_parts(self) -> (Vec<u8>, R) {
        (self.buffer, self.reader)
    }

    /// Adds consumed bytes to the checksum: all if `now`, otherwise those that are due.
    fn add_to_sum(&mut self, now: bool) {
        let slice = FileSlice { bytes: &self.buffer, offset: self.base };
        self.sum.add(self.base + self.start as u64, slice, now);
        self.sum_due = self.sum.due();
    }

    /// Makes room at the end of the buffer and reads once. False at the end of the data.
    fn read_more(&mut self) -> Result<bool> {
        if self.at_end {
            return Ok(false);
        }
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.start == self.end || self.end == self.buffer.len() {
            self.slide();
        }
        if self.end == self.buffer.len() {
            let doubled = self.buffer.len().saturating_mul(2);
            self.buffer.resize(doubled, 0);
        }
        loop {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(room) {
                Ok(0) => {
                    self.at_end = true;
                    return Ok(false);
                }
                // A broken reader may claim more bytes than it had room for.
                Ok(n) => {
                    self.end += n.min(room.len());
                    return Ok(true);
                }
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(Error::new(ErrorKind::Io(error), self.base + self.end as u64)),
            }
        }
    }

    /// Moves the held bytes to the front of the buffer.
    fn slide(&mut self) {
        self.add_to_sum(true);
        self.buffer.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        self.start = 0;
    }

    #[cold]
    fn refill(&mut self, n: usize) -> Result<()> {
        while self.end - self.start < n && self.read_more()? {}
        Ok(())
    }

    /// Consumes `n` bytes, and shows each slice of them to `keep`.
    fn advance(
        &mut self,
        n: u64,
        what: &'static str,
        mut keep: impl FnMut(&mut Vec<u8>, &[u8]),
    ) -> Result<()> {
        let mut left = n;
        loop {
            let held = self.end - self.start;
            let taken = usize::try_from(left).map_or(held, |left| left.min(held));
            if let Some(piece) = self.buffer.get(self.start..self.start + taken) {
                keep(&mut self.pinned, piece);
            }
            self.start += taken;
            left -= taken as u64;
            if left == 0 {
                return Ok(());
            }
            if !self.read_more()? {
                return Err(Error::truncated(what, self.position()));
            }
        }
    }
}

impl<R: Read> Input for Window<R> {
    #[inline]
    fn position(&self) -> u64 {
        self.base + self.start as u64
    }

    fn data_end(&self) -> u64 {
        self.base + self.end as u64
    }

    fn remaining(&self) -> Option<u64> {
        self.length.map(|length| length.saturating_sub(self.position()))
    }

    #[inline]
    fn peek(&mut self, n: usize) -> Result<&[u8]> {
        if self.end - self.start < n {
            self.refill(n)?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.end - self.start, "only what was shown can be consumed");
        self.start += n;
    }

    #[inline]
    fn skip(&mut self, n: u64, what: &'static str) -> Result<()> {
        match usize::try_from(n) {
            Ok(n) if n <= self.end - self.start => {
                self.start += n;
                Ok(())
            }
            _ => self.advance(n, what, |_, _| {}),
        }
    }

    #[inline]
    fn pin(&mut self, n: u64, what: &'static str) -> Result<()> {
        self.pinned.clear();
        self.advance(n, what, Vec::extend_from_slice)
    }

    #[inline]
    fn pinned(&self) -> &[u8] {
        &self.pinned
    }

    fn start_checksum(&mut self) {
        self.sum.start(self.position());
        self.sum_due = self.sum.due();
    }

    fn checksum(&mut self) -> Option<u64> {
        self.add_to_sum(true);
        self.sum.value()
    }

    #[inline]
    fn checkpoint(&mut self) {
        if self.position() >= self.sum_due {
            self.add_to_sum(false);
        }
    }
}

impl<R: Read> Ahead for Window<R> {
    fn ahead(&mut self, n: usize) -> &[u8] {
        if self.buffer.len() < n {
            self.slide();
            self.buffer.resize(n, 0);
        }
        while self.end - self.start < n && self.failure.is_none() {
            match self.read_more() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => self.failure = Some(error),
            }
        }
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn held(&self) -> FileSlice<'_> {
        FileSlice { bytes: self.buffer.get(..self.end).unwrap_or_default(), offset: self.base }
    }

    fn jump(&mut self, position: u64) {
        let passed = usize::try_from(position.saturating_sub(self.position())).unwrap_or(usize::MAX);
        self.start = self.start.saturating_add(passed).min(self.end);
    }

    fn know_sum(&mut self, part: KnownSum) {
        self.sum.know(part);
        self.sum_due = self.sum.due();
    }
}

impl<R> fmt::Debug for Window<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window")
            .field("position", &(self.base + self.start as u64))
            .field("held_bytes", &(self.end - self.start))
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SliceInput;

    /// Gives `step` bytes at a time.
    pub(crate) struct Trickle<'a>(pub(crate) &'a [u8], pub(crate) usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(out.len());
            let (now, later) = self.0.split_at(n);
            out[..n].copy_from_slice(now);
            self.0 = later;
            Ok(n)
        }
    }

    #[test]
    fn any_cut_of_the_reads_shows_the_same_bytes() {
        let data: Vec<u8> =
            (0..WINDOW_BYTES + 70_000).map(|i| u8::try_from(i % 251).expect("small")).collect();
        for step in [1021, 65_536, usize::MAX] {
            let mut window = Window::new(Trickle(&data, step), None);
            let mut slice = SliceInput::new(&data);
            window.start_checksum();
            slice.start_checksum();
            for n in [1usize, 9, 30_000, 3, 200_000, 1] {
                assert_eq!(window.require(n, "x").expect("there"), slice.require(n, "x").expect("there"));
                window.consume(n);
                slice.consume(n);
            }
            window.pin(50_000, "x").expect("there");
            slice.pin(50_000, "x").expect("there");
            assert_eq!(window.pinned(), slice.pinned());
            window.skip(17, "x").expect("there");
            slice.skip(17, "x").expect("there");
            assert_eq!(window.checksum(), slice.checksum());
            assert_eq!(window.position(), slice.position());
            assert!(window.skip(u64::MAX, "x").is_err());
        }
    }

    #[test]
    fn skipping_holds_nothing() {
        let mut window = Window::new(std::io::repeat(7).take(100 << 20), None);
        window.skip(100 << 20, "x").expect("there");
        assert_eq!(window.buffer.len(), WINDOW_BYTES);
    }

    #[test]
    fn a_claimed_length_is_not_allocated() {
        let mut window = Window::new(&b"short"[..], None);
        assert!(window.pin(1 << 60, "x").is_err());
        assert!(window.pinned.capacity() < 4096);
        let mut window = Window::new(&b"short"[..], None);
        assert!(window.require(1 << 40, "x").is_err());
        assert_eq!(window.buffer.len(), WINDOW_BYTES);
    }
}
