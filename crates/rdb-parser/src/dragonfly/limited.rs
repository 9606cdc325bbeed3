//! The bytes of an input up to an offset.

use crate::error::{Error, Result};
use crate::input::Input;

/// The bytes of another input up to an offset. The other input is behind a `dyn`, so that its
/// readers are compiled once.
pub(super) struct Limited<'i> {
    input: &'i mut dyn Input,
    end: u64,
}

impl<'i> Limited<'i> {
    /// The next `bytes` of `input`.
    pub(super) fn new(input: &'i mut dyn Input, bytes: u64) -> Self {
        Self { end: input.position().saturating_add(bytes), input }
    }

    /// Bytes left.
    pub(super) fn left(&self) -> u64 {
        self.end.saturating_sub(self.input.position())
    }

    /// Fails if fewer than `n` bytes are left.
    fn check(&self, n: u64, what: &'static str) -> Result<()> {
        if n > self.left() { Err(Error::truncated(what, self.end)) } else { Ok(()) }
    }
}

impl Input for Limited<'_> {
    fn position(&self) -> u64 {
        self.input.position()
    }

    fn data_end(&self) -> u64 {
        self.input.data_end().min(self.end)
    }

    fn remaining(&self) -> Option<u64> {
        Some(self.left())
    }

    fn peek(&mut self, n: usize) -> Result<&[u8]> {
        let left = self.left();
        let shown = self.input.peek(usize::try_from(left).map_or(n, |left| n.min(left)))?;
        let within = usize::try_from(left).map_or(shown.len(), |left| left.min(shown.len()));
        Ok(shown.get(..within).unwrap_or_default())
    }

    fn consume(&mut self, n: usize) {
        self.input.consume(n);
    }

    fn skip(&mut self, n: u64, what: &'static str) -> Result<()> {
        self.check(n, what)?;
        self.input.skip(n, what)
    }

    fn pin(&mut self, n: u64, what: &'static str) -> Result<()> {
        self.check(n, what)?;
        self.input.pin(n, what)
    }

    fn pinned(&self) -> &[u8] {
        self.input.pinned()
    }

    // The other input has the checksum.
    fn start_checksum(&mut self) {}

    fn checksum(&mut self) -> Option<u64> {
        None
    }

    fn checkpoint(&mut self) {
        self.input.checkpoint();
    }
}
