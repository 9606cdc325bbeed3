//! Where a compressed blob stands in its file, and how its bytes are shared among its records.

use std::ops::Range;

/// The blob whose content a reader reads.
#[derive(Clone, Debug)]
pub(crate) struct BlobContext {
    /// Absolute offsets of the blob's opcode and of the byte after the blob.
    span: Range<u64>,
    stored_bytes: u64,
    /// Bytes of the decompressed content.
    content_bytes: u64,
    /// Bytes of the content whose share was given.
    shared_bytes: u64,
    has_ended: bool,
}

impl BlobContext {
    pub(crate) fn new(span: Range<u64>, stored_bytes: u64, content_bytes: u64) -> Self {
        Self { span, stored_bytes, content_bytes, shared_bytes: 0, has_ended: false }
    }

    pub(crate) fn span(&self) -> Range<u64> {
        self.span.clone()
    }

    /// Whether the opcode that ends the blob was read.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(crate) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The share of the stored bytes for the next `bytes` of the content. All shares add up to the
    /// stored bytes.
    pub(crate) fn share(&mut self, bytes: u64) -> u64 {
        let before = self.stored_until(self.shared_bytes);
        self.shared_bytes = self.shared_bytes.saturating_add(bytes).min(self.content_bytes);
        self.stored_until(self.shared_bytes) - before
    }

    /// The share of all content that is left.
    pub(crate) fn share_rest(&mut self) -> u64 {
        let rest = self.stored_bytes - self.stored_until(self.shared_bytes);
        self.shared_bytes = self.content_bytes;
        rest
    }

    fn stored_until(&self, content: u64) -> u64 {
        let product = u128::from(self.stored_bytes) * u128::from(content);
        let part = product.checked_div(u128::from(self.content_bytes)).unwrap_or(0);
        u64::try_from(part).unwrap_or(self.stored_bytes)
    }
}

/// Bytes of the file that a record from `start` to `end` takes, and its span. In a blob, both
/// offsets are those of the content, the bytes are its share, and the span is the blob's.
pub(super) fn charge(blob: &mut Option<BlobContext>, start: u64, end: u64) -> (u64, Range<u64>) {
    match blob {
        Some(blob) => (blob.share(end - start), blob.span()),
        None => (end - start, start..end),
    }
}
