//! Where a compressed blob is in its file, and which part of its bytes each record in it has.

use std::ops::Range;

/// Where the blob is in which a parser is, known to that parser.
#[derive(Clone, Debug)]
pub(crate) struct BlobContext {
    /// Offsets of the blob's opcode and of the byte behind the blob.
    pub(super) span: Range<u64>,
    /// Bytes as stored, and of the content.
    pub(super) stored: u64,
    pub(super) content: u64,
    /// Bytes of the content that were given their part of the stored ones.
    pub(super) given: u64,
}

impl BlobContext {
    /// The part of the stored bytes that so many more bytes of the content have. The parts of all sum to
    /// the whole.
    pub(super) fn share(&mut self, bytes: u64) -> u64 {
        let before = self.stored_until(self.given);
        self.given = self.given.saturating_add(bytes).min(self.content);
        self.stored_until(self.given) - before
    }

    pub(super) fn stored_until(&self, content: u64) -> u64 {
        let product = u128::from(self.stored) * u128::from(content);
        let part = product.checked_div(u128::from(self.content)).unwrap_or(0);
        u64::try_from(part).unwrap_or(self.stored)
    }
}
