//! Which part of the progress was reported already.

use super::source::Progress;

/// Bytes between two reports of progress.
const PROGRESS_BYTES: u64 = 1 << 20;

/// Bytes and keys that were reported already.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProgressMark {
    /// Up to this offset.
    bytes: u64,
    keys: u64,
}

impl ProgressMark {
    /// Nothing behind `offset` was reported.
    pub(crate) fn at(offset: u64) -> Self {
        Self { bytes: offset, keys: 0 }
    }

    /// Progress after merging a range that another worker scanned and already reported. The range
    /// begins at `start`, with `keys_before` keys before it.
    pub(crate) fn after_range(self, theirs: Self, start: u64, keys_before: u64) -> Self {
        // Neither has reported these.
        let (bytes, keys) = (start.saturating_sub(self.bytes), keys_before - self.keys);
        Self { bytes: theirs.bytes.saturating_sub(bytes), keys: keys_before + theirs.keys - keys }
    }

    /// Reports up to the offset `end` and the total of `keys`, if enough bytes were read since the
    /// last report.
    #[inline(always)]
    pub(crate) fn report_if_due(&mut self, progress: &dyn Progress, end: u64, keys: u64) {
        if end - self.bytes >= PROGRESS_BYTES {
            self.report(progress, end, keys);
        }
    }

    /// Reports up to the offset `end` and the total of `keys`.
    #[cold]
    pub(crate) fn report(&mut self, progress: &dyn Progress, end: u64, keys: u64) {
        progress.advance(end.saturating_sub(self.bytes), keys.saturating_sub(self.keys));
        *self = Self { bytes: end, keys };
    }
}
