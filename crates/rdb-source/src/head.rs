//! A reader with a peek of any length.

use std::io::{self, BufRead, Read};

/// Bytes read at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// A buffered reader that shows any number of its next bytes without consuming them.
pub(crate) struct Head<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the reader has no more.
    at_end: bool,
    /// What the reader failed with, due when all before it has been read.
    failure: Option<io::Error>,
    /// Whether fewer bytes were there, or could be read, than were asked for.
    pub(crate) ran_out: bool,
}

impl<R: Read> Head<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), start: 0, end: 0, at_end: false, failure: None, ran_out: false }
    }

    /// The next `n` bytes or more; fewer only at the end of the data, or before a failure, which is
    /// then what reading on gives.
    pub(crate) fn peek(&mut self, n: usize) -> &[u8] {
        while self.end - self.start < n && !self.at_end && self.failure.is_none() {
            match self.read_more() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.failure = Some(error),
            }
        }
        self.held()
    }

    /// Why [`peek`](Self::peek) showed nothing, if that was a failure.
    pub(crate) fn take_failure_at_start(&mut self) -> Option<io::Error> {
        if self.start == self.end { self.failure.take() } else { None }
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn read_more(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.buffer.len() - self.end < BLOCK_BYTES {
                self.buffer.resize(self.end + BLOCK_BYTES, 0);
            }
        }
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let n = self.reader.read(room)?.min(room.len());
        self.end += n;
        self.at_end = n == 0;
        Ok(())
    }
}

impl<R: Read> BufRead for Head<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            // Unless the read below proves otherwise.
            let ran_out = std::mem::replace(&mut self.ran_out, true);
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if !self.at_end {
                self.read_more()?;
            }
            self.ran_out = ran_out || self.at_end;
        }
        Ok(self.held())
    }

    fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
    }
}

impl<R: Read> Read for Head<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let held = self.fill_buf()?;
        let n = held.len().min(out.len());
        if let (Some(from), Some(to)) = (held.get(..n), out.get_mut(..n)) {
            to.copy_from_slice(from);
        }
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one at a time, then fails.
    struct Broken(&'static [u8]);

    impl Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.split_first() {
                Some((&byte, rest)) => {
                    self.0 = rest;
                    out[0] = byte;
                    Ok(1)
                }
                None => Err(io::Error::other("broken")),
            }
        }
    }

    #[test]
    fn what_was_looked_at_is_read_again() {
        let data: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        let mut head = Head::new(&data[..]);
        assert!(data.starts_with(head.peek(4)));
        assert!(head.peek(150_000).len() >= 150_000);
        head.consume(10);
        let mut rest = Vec::new();
        head.read_to_end(&mut rest).expect("reads");
        assert!(rest == data[10..] && head.ran_out);
    }

    #[test]
    fn a_failure_comes_after_what_was_read_before_it() {
        let mut head = Head::new(Broken(b"abc"));
        assert_eq!(head.peek(10), b"abc");
        let mut read = Vec::new();
        assert!(head.read_to_end(&mut read).is_err());
        assert_eq!(read, b"abc");
    }
}
